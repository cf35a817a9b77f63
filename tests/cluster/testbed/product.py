"""Waggle in the cluster: its images, its release, and servers that are made of them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.processes import wait_until
from testbed import registry
from testbed.images import Images
from testbed.kubectl import Kubectl, Refused

ROOT = Path(__file__).resolve().parents[3]
CHARTS = ROOT / "charts"
KIND = "mcpservers.waggle.dev"
DEFINITION = f"crd/{KIND}"
NAMESPACE = "waggle-system"
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
# The names that the charts and the examples have by themselves.
PROXY = f"ghcr.io/waggle-mcp/waggle-proxy:{VERSION}"
CONTROLLER = f"ghcr.io/waggle-mcp/waggle-controller:{VERSION}"
ECHO = "localhost/echo:1"
# What such an image's registry would say is not known here: it has none.
ECHO_COMMAND = ["/loadtest", "echo"]
DEMO_COMMAND = ["/waggle-proxy", "demo"]
HELM_SECONDS = 120
IN_SERVICE_SECONDS = 60


def binaries() -> Path:
    """The programs under test, linked statically."""
    return Path(os.environ["CLUSTER_BINARIES"])


def build_images(images: Images) -> None:
    """Both of the product's, by its own Dockerfiles from the programs that are built already, and the echo server's."""
    build_image(images, PROXY, "proxy")
    build_image(images, CONTROLLER, "controller")
    text = "FROM scratch\nCOPY --from=binaries /loadtest /loadtest\nUSER 65532\n"
    images.build(ECHO, text, None, {"binaries": binaries()})


def build_image(images: Images, name: str, program: str) -> None:
    """One of the product's, under a name."""
    contexts = {"binaries": binaries(), "certificates": Path("/etc/ssl/certs")}
    images.build(name, ROOT / f"Dockerfile.{program}", None, contexts)


def helm(*words: str, namespace: str = NAMESPACE) -> str:
    """What Helm prints; `Refused` with what it says when it fails."""
    argv = ["helm", f"--namespace={namespace}", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=HELM_SECONDS)
    if done.returncode != 0:
        raise Refused(done.stderr.strip())
    return done.stdout


def install(admin: Kubectl, *flags: str) -> None:
    """Both charts, as the README installs them, or an upgrade of them."""
    helm("upgrade", "--install", "waggle-crds", str(CHARTS / "waggle-crds"), "--create-namespace")
    admin.wait(DEFINITION, "Established")
    ours = f"--set=registry.insecure={{{registry.HOST}}}"
    helm("upgrade", "--install", "waggle", str(CHARTS / "waggle"), "--wait", "--timeout=90s", ours, *flags)


@contextmanager
def installed(admin: Kubectl) -> Iterator[Kubectl]:
    """Waggle, for the time of the block; gives kubectl in the release's namespace."""
    install(admin)
    yield admin.in_namespace(NAMESPACE)
    helm("uninstall", "waggle", "--wait", "--ignore-not-found")
    helm("uninstall", "waggle-crds", "--ignore-not-found")
    # The chart keeps it, and with it all servers.
    admin.delete(*DEFINITION.split("/"))
    admin.delete("namespace", NAMESPACE)


def echo(name: str = "echo", *flags: str, **spec: Any) -> dict[str, Any]:
    """An `MCPServer` that gives back its argument over stdio; `flags`: `--strict`, `--chatty`."""
    return server(name, ECHO, [*ECHO_COMMAND, *flags], **spec)


def demo(name: str = "demo", **spec: Any) -> dict[str, Any]:
    """An `MCPServer` with every feature of MCP."""
    return server(name, PROXY, DEMO_COMMAND, **spec)


def server(name: str, image: str, command: list[str], **spec: Any) -> dict[str, Any]:
    """An `MCPServer`."""
    return {
        "apiVersion": "waggle.dev/v1alpha1",
        "kind": "MCPServer",
        "metadata": {"name": name},
        "spec": {"image": image, "command": command, **spec},
    }


@dataclass(frozen=True)
class Server:
    """An `MCPServer` in the cluster, and what became of it."""

    kubectl: Kubectl
    name: str

    def get(self) -> dict[str, Any]:
        """The resource."""
        return self.kubectl.get(KIND, self.name)

    def patch(self, spec: dict[str, Any]) -> None:
        """Merges into its specification; `None` removes."""
        self.kubectl("patch", KIND, self.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def wait_ready(self) -> "Server":
        """Until clients can use it, this very generation of it, and its status tells what it is."""
        self.until(lambda server: is_ready(server) and {"serverInfo", "tools"} <= server["status"].keys())
        # What is ready is told to the resource and to the node's network at the same time.
        wait_until(self._is_in_service, IN_SERVICE_SECONDS, f"the Service leads to {self.name}")
        return self

    def wait_replaced(self, pod: dict[str, Any]) -> "Server":
        """Until the pod is not one of its own any more, and clients can use it."""
        gone, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        wait_until(lambda: gone not in {one["metadata"]["uid"] for one in self.pods()}, 60, f"{name} is replaced")
        return self.wait_ready()

    def until(self, holds, seconds: float = 60) -> dict[str, Any]:
        """Watches it until `holds(resource)`."""
        return self.kubectl.until(KIND, self.name, holds, seconds)

    @property
    def url(self) -> str:
        """For clients within the cluster, through the Service."""
        return self.get()["status"]["url"]

    @property
    def selector(self) -> str:
        """Of its pods."""
        return f"waggle.dev/server={self.name}"

    def pods(self) -> list[dict[str, Any]]:
        """Those that are not being deleted."""
        pods = self.kubectl.list("pods", self.selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def pod(self) -> dict[str, Any]:
        """The only one."""
        (pod,) = wait_until(lambda: len(pods := self.pods()) == 1 and pods, 60, f"one pod of {self.name}")
        return pod

    def _is_in_service(self) -> bool:
        service = self.kubectl.get("service", f"mcp-{self.name}")
        address = f"mcp-{self.name}.{self.kubectl.namespace}.svc.cluster.local", service["spec"]["ports"][0]["port"]
        with suppress(OSError), socket.create_connection(address, 5):
            return True
        return False

    def status(self) -> dict[str, Any]:
        """What the proxy of its only pod says at its admin port."""
        return proxy_status(self.pod()["status"]["podIP"])

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, in its only pod."""
        found = metric(self.pod()["status"]["podIP"], name)
        assert found is not None, f"no metric {name}"
        return found

    def processes(self, program: str = "loadtest") -> list[int]:
        """The ids of the server's processes in its pods, without the launcher."""
        every = [pid for pod in self.pods() for pid in container_processes(pod, "mcp")]
        return [pid for pid in every if (_read(Path(f"/proc/{pid}/comm")) or "").strip() == program]

    def send(self, number: int, program: str = "loadtest") -> None:
        """To all processes of the server."""
        found = self.processes(program)
        assert found, f"no process of {self.name} runs"
        signal_all(found, number)


def is_ready(server: dict[str, Any]) -> bool:
    """Whether the condition `Ready` holds for what is asked for now."""
    said = condition(server, "Ready")
    return said.get("status") == "True" and said.get("observedGeneration") == server["metadata"]["generation"]


def condition(server: dict[str, Any], kind: str) -> dict[str, Any]:
    """A condition of a resource, empty while there is none."""
    conditions = server.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def container_status(pod: dict[str, Any], container: str) -> dict[str, Any]:
    """What the kubelet says of a container, also of a sidecar."""
    status = pod["status"]
    every = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
    return next(one for one in every if one["name"] == container)


def container_processes(pod: dict[str, Any], container: str) -> list[int]:
    """The ids, as seen from here, of what runs in a container; needs a cluster of this run's own."""
    identity = container_status(pod, container)["containerID"].rpartition("/")[2]
    return sorted(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cgroup")
        if (text := _read(path)) is not None and identity in text
    )


def proxy_status(address: str) -> dict[str, Any]:
    """What the proxy in the pod with this address says at its admin port."""
    return httpx.get(f"http://{address}:9090/status", timeout=5).raise_for_status().json()


def metric(address: str, name: str) -> float | None:
    """The sum of a metric's samples in the pod with this address; none while it has none."""
    text = httpx.get(f"http://{address}:9090/metrics", timeout=5).raise_for_status().text
    samples = [line for line in text.splitlines() if re.match(rf"{name}[ {{]", line)]
    return sum(float(line.rpartition(" ")[2]) for line in samples) if samples else None


def readiness(address: str) -> str:
    """Why the proxy in the pod with this address is ready or not."""
    return httpx.get(f"http://{address}:9090/readyz", timeout=5).text


def signal_all(pids: list[int], number: int) -> None:
    """To those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(pid: int) -> None:
    """`kill -9`."""
    os.kill(pid, signal.SIGKILL)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
