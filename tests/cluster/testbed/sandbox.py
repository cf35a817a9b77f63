"""`python -m testbed.sandbox STATE COMMAND…`: runs the command as root in cgroup, mount, network, process, host name
and IPC namespaces of its own.

- It sees cgroup v1 controllers alone, rooted in a sub-cgroup of the caller's own.
- It has no network interface but loopback: nothing can leave the machine.
- Whatever it starts ends with it, and it ends with this process; the sub-cgroups are removed.

STATE/sandbox.pid names a process inside, for nsenter.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from harness.processes import wait_until
from testbed.services import END_WITH_STARTER

_PREFIX = "waggle-"
_GONE_SECONDS = 10
_NAMESPACES = ["--cgroup", "--mount", "--net", "--pid", "--uts", "--ipc"]


def main() -> int:
    state, *command = sys.argv[1:]
    hierarchies = _hierarchies()
    if not hierarchies:
        sys.exit("no cgroup v1 controller is mounted here")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    groups = [_make_group(parent) for parent in hierarchies.values()]
    init = Path(__file__).with_name("sandbox-init.sh")
    # Ctrl-C is the command's to deal with.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def before() -> None:
        signal.signal(signal.SIGINT, interrupted)
        for group in groups:
            _join(group, os.getpid())

    unshare = subprocess.Popen(
        [
            *END_WITH_STARTER,
            "unshare",
            *_NAMESPACES,
            "--fork",
            "--kill-child",
            "--propagation=private",
            str(init),
            *command,
        ],
        env=os.environ | {"STATE": state, "HIERARCHIES": " ".join(hierarchies)},
        preexec_fn=before,
    )
    try:
        return unshare.wait()
    finally:
        unshare.kill()
        unshare.wait()
        for group in groups:
            wait_until(partial(_remove, group), _GONE_SECONDS, f"{group} is empty")


def _hierarchies() -> dict[str, Path]:
    """The caller's own cgroup in each v1 hierarchy that is mounted, by the hierarchy's controllers."""
    mounted = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for _, point, kind, options, *_ in mounted:
            if controllers and kind == "cgroup" and set(controllers.split(",")) <= set(options.split(",")):
                found[controllers] = Path(point + path)
                break
    return found


def _make_group(parent: Path) -> Path:
    for old in parent.glob(f"{_PREFIX}*"):
        # Of one that was killed.
        if not Path(f"/proc/{old.name.removeprefix(_PREFIX)}").exists():
            _remove(old)
    group = parent / f"{_PREFIX}{os.getpid()}"
    group.mkdir()
    if (group / "cpuset.cpus").exists():
        for name in ("cpuset.cpus", "cpuset.mems"):
            (group / name).write_text((parent / name).read_text())
        (group / "cgroup.clone_children").write_text("1")
    return group


def _join(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(str(pid))


def _remove(group: Path) -> bool:
    """Whether it is gone, which it can be once its last process is."""
    for directory, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            os.rmdir(directory)
    return not group.exists()


if __name__ == "__main__":
    sys.exit(main())
