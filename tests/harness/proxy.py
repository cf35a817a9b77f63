"""One running `waggle-proxy` in front of one server."""

import os
import select
import signal
import subprocess
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness import processes
from harness.paths import proxy_binary
from harness.processes import wait_until

# These only bound what never comes, and a machine may be busy with other things.
START_SECONDS = 120
# The proxy's own grace period is a part of it.
STOP_SECONDS = 120
# A killed process may stay visible for a moment after its parent is gone.
GONE_SECONDS = 60


class Proxy:
    """Started by the constructor, ended and inspected by `stop`; also a context manager.

    `server` is the command of a stdio server or the URL of another one; without a mode the proxy decides.
    """

    def __init__(
        self,
        server: Sequence[str] | str,
        mode: str | None,
        log: Path,
        options: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ):
        self.log = log
        self._mark = uuid.uuid4().hex
        argv = [str(proxy_binary()), "--listen", "127.0.0.1:0", "--admin-listen", "off"]
        argv += [*(["--process-mode", mode] if mode else []), *options]
        argv += ["--upstream", server] if isinstance(server, str) else ["--", *server]
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_clean_environment() | (env or {}) | {processes.MARK: self._mark},
            )
        try:
            self.url = self._read_line(START_SECONDS)
        except BaseException:
            self._sweep()
            raise
        self.sse_url = self.url.removesuffix("/mcp") + "/sse"

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the proxy itself."""
        return self._process.pid

    def server_processes(self) -> set[int]:
        """Every process below the proxy."""
        return processes.descendants(self.pid)

    def stop(self) -> None:
        """SIGTERM; the proxy must end cleanly, say nothing more on stdout and leave nobody behind."""
        try:
            assert self._process.poll() is None, f"the proxy ended on its own\n{self.tail()}"
            wait_until(lambda: not processes.zombies(self.pid), GONE_SECONDS, "the proxy reaps its children")
            below = self.server_processes()
            self._process.send_signal(signal.SIGTERM)
            rest = self._ended()
            assert self._process.returncode == 0, f"exit code {self._process.returncode}\n{self.tail()}"
            assert rest == b"", f"stdout must carry one line only, also got {rest[:500]!r}"
            assert "panicked at" not in self.log.read_text(errors="replace"), self.tail()
            self._assert_all_gone(below)
        finally:
            self._sweep()

    def tail(self) -> str:
        """The end of the proxy's log, for messages."""
        return self.log.read_text(errors="replace")[-4000:]

    def _ended(self) -> bytes:
        """What came on stdout until the proxy ended; its end, not the pipe's: a survivor may hold that."""
        try:
            self._process.wait(STOP_SECONDS)
            os.set_blocking(self._process.stdout.fileno(), False)
            return self._process.stdout.read() or b""
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the proxy ignored SIGTERM for {STOP_SECONDS} s\n{self.tail()}") from None

    def _assert_all_gone(self, below: set[int]) -> None:
        # By mark and by id: a process that changed its parent or its environment is found too.
        def survivors() -> list[str]:
            alive = processes.marked(self._mark) | {pid for pid in below if processes.command_line(pid)}
            return [f"{pid} {processes.command_line(pid)}" for pid in sorted(alive)]

        try:
            wait_until(lambda: not survivors(), GONE_SECONDS, "every server process is gone")
        except AssertionError:
            raise AssertionError(f"left behind by the proxy: {survivors()}") from None

    def _sweep(self) -> None:
        """After a failure nothing of this run may disturb the next test; after a success this finds nothing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        for pid in processes.marked(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _read_line(self, seconds: float) -> str:
        """The first line on stdout; readiness is this line and nothing else."""
        stdout = self._process.stdout
        deadline = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(stdout.fileno(), 4096) if ready else b""
            if not chunk:
                why = "ended" if ready else f"printed no URL within {seconds} s"
                raise AssertionError(f"the proxy {why}\n{self.tail()}")
            line += chunk
        url = line.decode().rstrip("\n")
        assert url.startswith("http://127.0.0.1:") and url.endswith("/mcp"), f"not the MCP URL: {line!r}"
        return url


def _clean_environment() -> dict[str, str]:
    """This environment without `WAGGLE_*`, which are options of the proxy."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAGGLE_")}
