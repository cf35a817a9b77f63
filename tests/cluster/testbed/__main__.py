"""`python -m testbed api|node COMMAND…`: boots a cluster, runs the command in it, and ends all of it.

The command finds the cluster by KUBECONFIG, and its processes by CLUSTER_STATE.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from testbed import audit
from testbed.control_plane import Address, ControlPlane
from testbed.services import Service

STEPS = time.monotonic()


def main() -> int:
    tier, *command = sys.argv[1:]
    state = Path(os.environ["CLUSTER_STATE"])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        kubeconfig = {"api": boot_api, "node": boot_node}[tier](state)
        environment = os.environ | {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(state / "kubecache")}
        # Ctrl-C is the command's to deal with: a shell goes on, pytest ends well.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.run(
            command, env=environment, preexec_fn=lambda: signal.signal(signal.SIGINT, previous)
        ).returncode
    finally:
        # Nothing of it is kept, so nothing need end well: a kube-apiserver alone takes ten seconds to.
        for service in reversed(Service.all(state)):
            service.kill()


def boot_api(state: Path) -> Path:
    """etcd, kube-apiserver and kube-controller-manager on free ports of loopback."""
    plane = ControlPlane(state, Address("127.0.0.1", *free_ports(3)))
    plane.start_api(
        "--bind-address=127.0.0.1",
        "--authorization-mode=RBAC",
        "--endpoint-reconciler-type=none",
        *audit.flags(state),
    )
    plane.wait_ready()
    step("API server ready")
    plane.start_controllers()
    plane.wait_controllers()
    step("controllers ready")
    return plane.kubeconfig


def boot_node(state: Path) -> Path:
    """A whole cluster of one node; inside sandbox.sh only."""
    from testbed import node

    return node.boot(state, step)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def step(what: str) -> None:
    """A line about how far the boot is."""
    print(f"cluster: {time.monotonic() - STEPS:5.1f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
