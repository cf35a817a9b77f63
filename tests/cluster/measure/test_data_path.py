"""The data path in a real cluster, beside the same echo server over HTTP with nothing in front of it: the floor."""

import time

import pytest

from testbed import mcp, product
from testbed.measure import load, proportional_bytes

ROUNDS = 3
RESOURCES = {"requests": {"cpu": "300m", "memory": "64Mi"}}

FLOOR = """
apiVersion: v1
kind: Pod
metadata: {{name: floor, labels: {{app: floor}}}}
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
metadata: {{name: floor}}
spec: {{selector: {{app: floor}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


@pytest.fixture(scope="module")
def served(admin, waggle):
    """A namespace with the floor and two servers: one as it is, one that writes to stderr for each call."""
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "measure"}})
    kubectl = admin.in_namespace("measure")
    kubectl.apply(FLOOR.format(image=product.ECHO))
    common = {"process": {"mode": "shared"}, "resources": RESOURCES, "proxy": {"resources": RESOURCES}}
    started = time.monotonic()
    kubectl.apply(product.echo("echo", **common))
    server = product.Server(kubectl, "echo")
    kubectl.until(product.KIND, "echo", lambda one: "url" in one.get("status", {}))
    mcp.answers_again(server.url)
    to_first_answer = time.monotonic() - started
    server.wait_ready()
    kubectl.apply(product.echo("chatty", "--chatty", **common))
    product.Server(kubectl, "chatty").wait_ready()
    kubectl.wait("pod/floor", "Ready")
    yield kubectl, server, to_first_answer
    admin.delete("namespace", "measure", wait=False)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "sessions, payload", [(1, 200), (16, 200), (128, 200), (1024, 200), (16, 64 << 10), (16, 1 << 20)]
)
def test_calls(served, table, sessions, payload):
    kubectl, server, _ = served
    floor_pods, pods = [kubectl.get("pod", "floor")], server.pods()
    floors, ours = [], []
    for _ in range(ROUNDS):
        floors.append(load("http://floor.measure/mcp", floor_pods, sessions, payload))
        ours.append(load(server.url, pods, sessions, payload))
    name = f"{sessions} sessions x {payload} bytes"
    table.compare(f"calls, {name}", [one.rate for one in floors], [one.rate for one in ours], "1/s")
    table.compare(f"CPU of the whole path, {name}", [one.cpu for one in floors], [one.cpu for one in ours], "us/call")
    assert [one.faults for one in ours] == [0] * ROUNDS, [one.report for one in ours]


@pytest.mark.timeout(300)
def test_a_server_that_writes_to_stderr(served, table):
    kubectl, _, _ = served
    server = product.Server(kubectl, "chatty")
    seen = load(server.url, server.pods(), 16, 64 << 10)
    table.add("answers lost by a server that writes to stderr, 16 x 64 KiB", seen.report["violations"], "answers")
    assert seen.faults == 0, seen.report


def test_the_start_and_what_a_server_costs(served, table):
    kubectl, server, to_first_answer = served
    table.add("kubectl apply to first answer, image present", to_first_answer, "s")
    pod = server.pod()
    beside = product.container_processes(pod, "waggle-proxy") + [
        pid for pid in product.container_processes(pod, "mcp") if pid not in server.processes()
    ]
    table.add("memory beside the server process, after the load", proportional_bytes(beside) / 2**20, "MiB")
    owned = "deployments,services,serviceaccounts,configmaps,ingresses,poddisruptionbudgets,networkpolicies"
    table.add("objects", len(kubectl.list(owned, server.selector)), "objects")
