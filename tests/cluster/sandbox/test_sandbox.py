"""The sandbox from outside: a cluster runs in it, and nothing of it is left, or was ever seen, on the machine."""

import os
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from harness.processes import MARK, marked, wait_until

BOOT_SECONDS = 100
GONE_SECONDS = 20
# Settings of the whole machine that the kubelet, kube-proxy or a network plugin would write.
SETTINGS = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/bridge/bridge-nf-call-iptables",
    "net/netfilter/nf_conntrack_max",
]


def machine() -> dict:
    """What must be the same before and after."""
    settings = {}
    for name in SETTINGS:
        with suppress(OSError):
            settings[name] = Path("/proc/sys", name).read_text()
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    return {"settings": settings, "interfaces": interfaces, "host": os.uname().nodename}


class Sandbox:
    """A cluster that runs a pod and then waits on a pipe."""

    def __init__(self, state: Path):
        self.state = state
        self.mark = uuid.uuid4().hex
        ready = "kubectl run web --image=localhost/web:1 && kubectl wait pod/web --for=condition=Ready --timeout=60s"
        self.process = subprocess.Popen(
            [
                "python3",
                "-m",
                "testbed.sandbox",
                str(state),
                "python3",
                "-m",
                "testbed",
                "node",
                "sh",
                "-c",
                f"{ready} && echo up && read line",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(state / "boot.log").open("w"),
            text=True,
            env=os.environ | {MARK: self.mark, "CLUSTER_STATE": str(state)},
        )
        for line in self.process.stdout:
            if line == "up\n":
                return
        raise AssertionError((state / "boot.log").read_text())

    def cgroups(self) -> list[Path]:
        """Those that it has made, in any hierarchy."""
        return list(Path("/sys/fs/cgroup").glob(f"**/waggle-{self.process.pid}"))

    def assert_gone(self) -> None:
        """No process, mount or cgroup."""
        wait_until(lambda: not marked(self.mark), GONE_SECONDS, "its processes are gone")
        assert str(self.state) not in Path("/proc/self/mountinfo").read_text()
        wait_until(lambda: not self.cgroups(), GONE_SECONDS, "its cgroups are gone")


@pytest.fixture
def sandbox(tmp_path):
    before = machine()
    sandbox = Sandbox(tmp_path)
    assert machine() == before
    assert len(sandbox.cgroups()) > 1
    # The command itself, the cluster's processes, and the pod.
    assert len(marked(sandbox.mark)) > 10
    yield sandbox
    sandbox.process.kill()
    sandbox.process.wait()
    sandbox.process.stdin.close()
    sandbox.process.stdout.close()
    assert machine() == before


def test_nothing_is_left_when_the_command_ends(sandbox):
    sandbox.process.stdin.write("end\n")
    sandbox.process.stdin.flush()
    assert sandbox.process.wait(GONE_SECONDS) == 0
    sandbox.assert_gone()


def test_nothing_is_left_when_it_is_terminated(sandbox):
    sandbox.process.terminate()
    assert sandbox.process.wait(GONE_SECONDS) != 0
    sandbox.assert_gone()
