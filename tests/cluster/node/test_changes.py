"""Edits of a server that runs: only what must restart does, and what can be kept is."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.processes import wait_until
from testbed import mcp, product
from testbed.load import Load

# The kubelet looks at ConfigMaps once a minute, unless told otherwise.
RELOADED_SECONDS = 100


def started(pod: dict) -> dict[str, str]:
    """When each container that runs has started."""
    return {
        name: product.container_status(pod, name)["state"]["running"]["startedAt"] for name in ("mcp", "waggle-proxy")
    }


def test_an_edit_of_the_proxy_restarts_nothing(serve):
    server = serve(product.echo())
    pod, loaded = server.pod(), server.status()["config"]["loaded"]
    with mcp.session(server.url) as client:
        assert client.call("x" * 3000).status == 200
        server.patch({"proxy": {"limits": {"maxBody": "2KiB"}, "log": "debug"}})
        wait_until(lambda: server.status()["config"]["loaded"] != loaded, RELOADED_SECONDS, "the proxy has reloaded")
        assert server.status()["config"]["error"] is None and server.status()["config"]["needsRestart"] == []
        # In force, in a session from before.
        assert client.call("x" * 3000).status == 413
        assert client.echo("lives") == "lives"
    server.wait_ready()
    assert (server.pod()["metadata"]["uid"], started(server.pod())) == (pod["metadata"]["uid"], started(pod))


def test_an_edit_of_the_service_restarts_nothing(serve, kubectl):
    server = serve(product.echo())
    pod = server.pod()
    with mcp.session(server.url) as client:
        client.echo("before")
        server.patch({"service": {"type": "NodePort", "annotations": {"example.org/owner": "tools"}}})
        service = kubectl.until("service", "mcp-echo", lambda service: service["spec"]["type"] == "NodePort")
        assert service["metadata"]["annotations"]["example.org/owner"] == "tools"
        assert client.echo("lives") == "lives"
    server.wait_ready()
    assert (server.pod()["metadata"]["uid"], started(server.pod())) == (pod["metadata"]["uid"], started(pod))


def test_it_is_scaled(serve, kubectl):
    server = serve(product.echo())
    (first,) = server.pods()
    kubectl("scale", product.KIND, "echo", "--replicas=3")
    server.until(lambda server: server["status"].get("readyReplicas") == 3)
    assert first["metadata"]["name"] in {pod["metadata"]["name"] for pod in server.pods()}
    # Sessions live in one pod each, and find it.
    with mcp.session(server.url) as one, mcp.session(server.url) as two:
        for client in (one, two):
            client.echo("first")
            client.reconnect()
            assert client.echo("again") == "again"
    assert kubectl.get("poddisruptionbudget", "mcp-echo")["spec"]["maxUnavailable"] == 1
    kubectl("scale", product.KIND, "echo", "--replicas=0")
    wait_until(lambda: not kubectl.list("pods", server.selector), 90, "no pod is left")
    kubectl("scale", product.KIND, "echo", "--replicas=1")
    server.wait_ready()
    assert not kubectl.exists("poddisruptionbudget", "mcp-echo")


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_rolling_update_under_load_loses_nothing_that_could_be_kept(serve, kubectl, replicas):
    server = serve(product.echo(replicas=replicas))
    before = {pod["metadata"]["uid"] for pod in server.pods()}
    with Load(server.url, clients=8) as load:
        load.more(200)
        server.patch({"env": [{"name": "RELEASE", "value": "2"}]})
        kubectl("rollout", "status", "deployment/mcp-echo", "--timeout=90s", seconds=100)
        wait_until(lambda: before.isdisjoint(_uids(kubectl, server)), 90, "the old pods are gone")
        load.more(200)
    print(load)
    # What was begun is finished, and what came too late is refused as such: no call is cut off.
    assert load.wrong == [] and load.unexplained == []
    # Each client has had to open at most one session for each old pod, since sessions live in pods.
    assert load.sessions_lost <= 8 * replicas
    assert load.answered > 400


def _uids(kubectl, server) -> set[str]:
    return {pod["metadata"]["uid"] for pod in kubectl.list("pods", server.selector)}


def test_a_call_in_flight_is_finished_when_its_pod_goes(cluster, serve, kubectl):
    if cluster.given:
        pytest.skip("the processes in the given cluster's pods are out of reach")
    server = serve(product.echo())
    name = server.pod()["metadata"]["name"]
    with mcp.session(server.url) as client, ThreadPoolExecutor(1) as pool:
        client.echo("before")
        processes = server.processes()
        server.send(signal.SIGSTOP)
        call = pool.submit(client.echo, "late")
        wait_until(lambda: server.status()["requestsInFlight"] == 1, 20, "the call is in flight")
        address = server.pod()["status"]["podIP"]
        kubectl.delete("pod", name, wait=False)
        wait_until(lambda: "shutting down" in product.readiness(address), 20, "the proxy drains")
        assert not call.done()
        product.signal_all(processes, signal.SIGCONT)
        assert call.result(20) == "late"


def test_all_of_a_deleted_server_is_gone(serve, kubectl):
    server = serve(product.echo(replicas=2, networkPolicy={}))
    kinds = "deployments,replicasets,pods,services,configmaps,serviceaccounts,networkpolicies,poddisruptionbudgets"
    names = kubectl("get", kinds, "--output=name").split()
    assert len([name for name in names if "mcp-echo" in name]) >= 9, names
    kubectl.delete(product.KIND, server.name)

    def left() -> list[str]:
        return [name for name in kubectl("get", kinds, "--output=name").split() if "mcp-echo" in name]

    wait_until(lambda: not left(), 90, "nothing is left of it")
