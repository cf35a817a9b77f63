"""The data path in a real cluster, beside the same echo server over HTTP with nothing in front of it: the floor."""

import statistics
import time

import httpx
import pytest

from harness.processes import wait_until
from testbed import mcp, product
from testbed.measure import load, proportional_bytes

ROUNDS = 3
# What ToolHive reached beside a floor of its own: lowest and highest of two or three rounds. See docs/performance.md.
TOOLHIVE = {
    (1, 200): ("0.05 to 0.11", "24 to 49"),
    (16, 200): ("0.04 to 0.06", "34 to 42"),
    (128, 200): ("0.07 to 0.09, 1 to 2 % refused", "26 to 29"),
    (1024, 200): ("0.08, half refused", "31 to 39"),
    (16, 64 << 10): ("0.02", "130 to 160"),
    (16, 1 << 20): ("0.02 to 0.03", "133 to 169"),
}
RESOURCES = {"requests": {"cpu": "300m", "memory": "64Mi"}}

FLOOR = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  containers:
    - name: echo
      image: {image}
      command: [/loadtest, echo, --http, "0.0.0.0:8080"]
      readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
      resources: {{requests: {{cpu: 300m, memory: 64Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


def floor(name: str) -> str:
    """A bare pod with the echo server, and its Service."""
    return FLOOR.format(name=name, image=product.ECHO)


@pytest.fixture(scope="module")
def namespace(admin, waggle):
    """kubectl in a namespace of these tests."""
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "measure"}})
    yield admin.in_namespace("measure")
    admin.delete("namespace", "measure", wait=False)


@pytest.mark.timeout(300)
def test_the_start_and_what_a_server_costs_at_rest(namespace, table):
    """One after the other, with nothing else on the node that starts."""
    floors, ours, at_rest = [], [], []
    for number in range(ROUNDS):
        bare, name = f"bare-{number}", f"start-{number}"
        floors.append(first_answer(namespace, floor(bare), f"http://{bare}.measure/mcp"))
        namespace("delete", f"pod/{bare}", f"service/{bare}", "--grace-period=1", "--wait")
        resource = product.echo(name, resources=RESOURCES, proxy={"resources": RESOURCES})
        ours.append(first_answer(namespace, resource, f"http://mcp-{name}.measure/mcp"))
        server = product.Server(namespace, name).wait_ready()
        at_rest.append(beside(server) / 1e6)
        namespace.delete(product.KIND, name)
        wait_until(lambda: not namespace.list("pods", server.selector), 60, f"{name} is gone")
    table.compare("kubectl apply to first tools/list, image present", floors, ours, "s", "6.5 to 11.2 s")
    table.add("memory beside the server process, at rest after the first answer", statistics.median(at_rest), "MB", "65")


def first_answer(kubectl, what: str | dict, url: str) -> float:
    """Seconds from `kubectl apply` until a client, who tries again and again, has the list of tools."""
    started = time.monotonic()
    kubectl.apply(what)

    def listed() -> bool:
        try:
            with mcp.session(url, mcp.IMPATIENT_SECONDS) as client:
                return bool(client.request("tools/list").result["tools"])
        except (httpx.TransportError, AssertionError):
            return False

    wait_until(listed, 60, f"tools of {url}")
    return time.monotonic() - started


def beside(server: product.Server) -> int:
    """Bytes of all processes of its pod but the server's own."""
    pod = server.pod()
    launchers = {*product.container_processes(pod, "mcp")} - {*server.processes()}
    return proportional_bytes([*product.container_processes(pod, "waggle-proxy"), *launchers])


@pytest.fixture(scope="module")
def served(namespace):
    """The floor and two servers: one as it is, one that writes to stderr for each call."""
    kubectl = namespace
    kubectl.apply(floor("floor"))
    common = {"process": {"mode": "shared"}, "resources": RESOURCES, "proxy": {"resources": RESOURCES}}
    kubectl.apply(product.echo("echo", **common), product.echo("chatty", "--chatty", **common))
    for name in ("echo", "chatty"):
        product.Server(kubectl, name).wait_ready()
    kubectl.wait("pod/floor", "Ready")
    return kubectl, product.Server(kubectl, "echo")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "sessions, payload", [(1, 200), (16, 200), (128, 200), (1024, 200), (16, 64 << 10), (16, 1 << 20)]
)
def test_calls(served, table, sessions, payload):
    kubectl, server = served
    floor_pods, pods = [kubectl.get("pod", "floor")], server.pods()
    floors, ours = [], []
    for _ in range(ROUNDS):
        floors.append(load("http://floor.measure/mcp", floor_pods, sessions, payload))
        ours.append(load(server.url, pods, sessions, payload))
    name = f"{sessions} sessions x {payload} bytes"
    rate, cpu = TOOLHIVE[sessions, payload]
    table.compare(f"calls, {name}", [one.rate for one in floors], [one.rate for one in ours], "1/s", rate)
    table.compare(f"CPU of the whole path, {name}", [one.cpu for one in floors], [one.cpu for one in ours], "us/call", cpu)
    assert [one.faults for one in ours] == [0] * ROUNDS, [one.report for one in ours]


@pytest.mark.timeout(300)
def test_a_server_that_writes_to_stderr(served, table):
    kubectl, _ = served
    server = product.Server(kubectl, "chatty")
    seen = load(server.url, server.pods(), 16, 64 << 10)
    table.add("answers lost by a server that writes to stderr, 16 x 64 KiB", seen.report["violations"], "answers", "27 of 48")
    assert seen.faults == 0, seen.report


def test_what_a_server_costs_after_the_load(served, table):
    kubectl, server = served
    table.add("memory beside the server process, after the load", beside(server) / 1e6, "MB")
    owned = "deployments,services,serviceaccounts,configmaps,ingresses,poddisruptionbudgets,networkpolicies"
    table.add("objects", len(kubectl.list(owned, server.selector)), "objects", "8")
