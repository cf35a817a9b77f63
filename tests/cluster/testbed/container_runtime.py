"""containerd 1.x (Debian's) or 2.x, with runc and the bridge network of the pods."""

import json
import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from harness.processes import wait_until
from testbed.services import Service

SOCKET = Path("/run/containerd/containerd.sock")
PAUSE = "localhost/pause:1"
START_SECONDS = 20
_PLUGINS = "/usr/lib/cni"

_COMMON = """
root = "{state}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
"""
_VERSION_1 = """
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""
_VERSION_2 = """
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{networks}"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def start(state: Path, pods: str) -> None:
    """containerd, with an address for each pod from the range `pods`; returns once it answers."""
    networks = state / "networks"
    networks.mkdir()
    (networks / "10-pods.conflist").write_text(
        json.dumps(
            {
                "cniVersion": "1.0.0",
                "name": "pods",
                "plugins": [
                    {
                        "type": "bridge",
                        "bridge": "pods0",
                        "isGateway": True,
                        "isDefaultGateway": True,
                        "ipMasq": True,
                        "hairpinMode": True,
                        "ipam": {
                            "type": "host-local",
                            "dataDir": str(state / "addresses"),
                            "ranges": [[{"subnet": pods}]],
                        },
                    },
                    {"type": "portmap", "capabilities": {"portMappings": True}},
                ],
            },
            indent=1,
        )
    )
    config = state / "containerd.toml"
    old = major_version() == 1
    text = ("version = 2\n" if old else "version = 3\n") + _COMMON + (_VERSION_1 if old else _VERSION_2)
    config.write_text(text.format(state=state, socket=SOCKET, pause=PAUSE, plugins=_PLUGINS, networks=networks))
    Service(state, "containerd").boot("containerd", "--config", config)
    wait_ready()


def wait_ready() -> None:
    """Until containerd takes connections."""
    wait_until(_answers, START_SECONDS, "containerd listens")


def major_version() -> int:
    """Of the containerd in PATH."""
    said = subprocess.run(["containerd", "--version"], check=True, capture_output=True, text=True).stdout
    return int(re.search(r" v?(\d+)\.\d+", said)[1])


def load(archive: Path) -> None:
    """Imports an OCI archive under the names that are written in it."""
    done = subprocess.run(
        ["ctr", "--namespace=k8s.io", "images", "import", str(archive)], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{archive}: {done.stderr}"


def images() -> list[str]:
    """The names of all images of the node."""
    said = subprocess.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"], check=True, capture_output=True)
    return [name for name in said.stdout.decode().split() if not name.startswith("sha256:")]


def _answers() -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(SOCKET))
        return True
    return False
