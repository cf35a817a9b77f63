"""The processes that a cluster is made of: each has its command, its id and its log in the state directory, so that
a test can stop and start what another process has booted."""

import json
import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.processes import wait_until

STOP_SECONDS = 10
# SIGKILL once the thread that starts the process has ended.
END_WITH_STARTER = ["setpriv", "--pdeathsig", "KILL"]


class Service:
    """One process of the cluster, running or not."""

    def __init__(self, state: Path, name: str):
        self.name = name
        self.log = state / "log" / f"{name}.log"
        self._command = state / "services" / f"{name}.json"
        self._pid = state / "services" / f"{name}.pid"

    @staticmethod
    def all(state: Path) -> list["Service"]:
        """Every service of the cluster, in the order of their start."""
        commands = sorted((state / "services").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [Service(state, path.stem) for path in commands]

    def boot(self, *argv: str | Path, environment: dict[str, str] | None = None) -> "Service":
        """The first start, by the process that boots the cluster: the service ends with it."""
        self._command.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._command.write_text(json.dumps({"argv": [str(word) for word in argv], "environment": environment or {}}))
        self._spawn(END_WITH_STARTER)
        return self

    def start(self) -> None:
        """Starts it again as it was booted; its log goes on."""
        assert not self.running, f"{self.name} runs already"
        self._spawn([])

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """SIGTERM, and SIGKILL when it takes longer."""
        if not self._signal(signal.SIGTERM):
            return
        try:
            wait_until(lambda: not self.running, seconds, f"{self.name} ends")
        except AssertionError:
            self.kill()

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        if self._signal(signal.SIGKILL):
            wait_until(lambda: not self.running, STOP_SECONDS, f"{self.name} is gone")

    @contextmanager
    def stopped(self):
        """Killed for the time of the block, and started again after it."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @property
    def pid(self) -> int:
        """Its process id, whether it still runs or not."""
        return int(self._pid.read_text().split()[0])

    @property
    def running(self) -> bool:
        """Whether the very process that was started last is alive."""
        with suppress(FileNotFoundError):
            pid, started = self._pid.read_text().split()
            return _start_time(int(pid)) == started
        return False

    def tail(self, lines: int = 40) -> str:
        """The end of its log, for messages."""
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _spawn(self, before: list[str]) -> None:
        command = json.loads(self._command.read_text())
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*before, *command["argv"]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | command["environment"],
                cwd=self._command.parent,
                start_new_session=True,
            )
        self._pid.write_text(f"{process.pid} {_start_time(process.pid)}")

    def _signal(self, number: int) -> bool:
        if not self.running:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


def _start_time(pid: int) -> str | None:
    """When the process began, in ticks since boot: with its id that names it for ever. None once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
