"""The release: as the README says, tested by Helm, upgraded, away for a while, and uninstalled."""

import json
import re
import subprocess
import time

import pytest

from harness.processes import wait_until
from testbed import mcp, product
from testbed.load import Load

AWAY_SECONDS = 30
# Measured: a hundredth of it. The machine may be busy.
SLOW_SECONDS = 5
# That long nothing is written: then nothing is on its way any more.
QUIET_SECONDS = 3
README = (product.ROOT / "README.md").read_text()


def commands(heading: str) -> list[str]:
    """The lines of the code blocks below a heading of the README."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_quick_start_of_the_readme(waggle, admin):
    *lines, forward = commands("Quick start in Kubernetes")
    assert len(lines) == 4 and forward == "kubectl port-forward service/mcp-demo 8080:80"
    try:
        for line in lines:
            subprocess.run(line.split(), cwd=product.ROOT, check=True, capture_output=True, text=True, timeout=150)
        with admin.port_forward("service/mcp-demo", 80) as port, mcp.session(f"http://127.0.0.1:{port}/mcp") as client:
            assert client.request("tools/list").result["tools"]
    finally:
        admin.delete(product.KIND, "demo")


def test_helm_tests_the_release(waggle):
    assert "Phase:          Succeeded" in product.helm("test", "waggle", "--timeout=100s")


def test_traffic_flows_and_servers_go_while_the_controller_is_away(waggle, serve, kubectl):
    server = serve(product.echo())
    with mcp.session(server.url) as client:
        waggle("scale", "deployment", "waggle", "--replicas=0")
        try:
            waggle.wait("pod --selector=app.kubernetes.io/name=waggle", "delete")
            assert client.echo("alone") == "alone"
            kubectl.delete(product.KIND, "echo")
            wait_until(lambda: not kubectl.exists("deployment", "mcp-echo"), 60, "its objects are gone")
        finally:
            waggle("scale", "deployment", "waggle", "--replicas=1")
            waggle("rollout", "status", "deployment/waggle", "--timeout=90s", seconds=100)


@pytest.mark.timeout(300)
def test_traffic_flows_while_the_api_server_is_away(cluster, serve):
    if cluster.given:
        pytest.skip("the API server of the given cluster is out of reach")
    server = serve(product.echo())
    url, pod = server.url, server.pod()
    with Load(url, clients=4) as load, mcp.Outage(url) as outage:
        load.more(20)
        with cluster.service("apiserver").stopped():
            away, before = time.monotonic(), (load.answered, outage.served)
            wait_until(lambda: time.monotonic() - away >= AWAY_SECONDS, AWAY_SECONDS + 1, "the API server was away")
            during = load.answered - before[0], outage.served - before[1]
        cluster.wait_ready()
        load.more(20)
    print(f"while it was away: {during[0]} calls in sessions from before, {during[1]} new clients")
    assert load.untroubled and min(during) > AWAY_SECONDS, load
    what = f"API server away for {AWAY_SECONDS} s"
    mcp.measured(f"{what}: slowest call", load.slowest, SLOW_SECONDS)
    mcp.measured(f"{what}: longest time without a new client served", outage.longest, SLOW_SECONDS)
    # Kubernetes asks the less often the longer it has been away, and then all goes on.
    later = serve(product.echo("later"), ready=False)
    later.until(product.is_ready, 150)
    wait_until(lambda: mcp.answers(later.url), 90, "its name is known")
    assert server.pod()["metadata"]["uid"] == pod["metadata"]["uid"]
    assert [one["restartCount"] for one in server.pod()["status"]["containerStatuses"]] == [0]


def test_an_upgrade_restarts_no_server(waggle, admin, serve):
    server = serve(product.echo())
    before = settled(server)
    with mcp.session(server.url) as client:
        client.echo("before")
        try:
            replaced = controller(waggle)
            product.install(admin, "--set=log.level=debug")
            assert controller(waggle)["metadata"]["uid"] != replaced["metadata"]["uid"]
            wait_until(lambda: has_looked_around(waggle), 90, "the new controller has looked at everything")
            assert versions(server) == before
            assert client.echo("after") == "after"
        finally:
            product.install(admin)


def test_an_upgrade_of_the_proxy_loses_no_call(waggle, admin, images, serve):
    """The same program under another tag: pods are replaced, one after the other."""
    other = f"{product.PROXY.rpartition(':')[0]}:other"
    product.build_image(images, other, "proxy")
    server = serve(product.echo())
    pod = server.pod()
    try:
        with Load(server.url, clients=4) as load:
            load.more(20)
            product.install(admin, "--set=proxy.image.tag=other")
            server.wait_replaced(pod)
            load.more(20)
        assert other in images_of(server.pod())
        assert load.wrong == [] and load.unexplained == [] and load.sessions_lost <= load.clients, load
    finally:
        product.install(admin)


def test_servers_outlive_the_release(waggle, admin, serve):
    server = serve(product.echo())
    before = settled(server)
    with mcp.session(server.url) as client:
        client.echo("before")
        try:
            for release in ("waggle", "waggle-crds"):
                product.helm("uninstall", release, "--wait")
            assert not waggle.exists("deployment", "waggle")
            assert client.echo("alone") == "alone"
            mcp.answers_again(server.url)
            assert versions(server) == before
        finally:
            product.install(admin)
        wait_until(lambda: has_looked_around(waggle), 90, "the new controller has looked at everything")
        # All is as it should be, so nothing is written.
        assert versions(server) == before
        assert client.echo("after") == "after"
    server.patch({"replicas": 0})
    server.until(lambda one: one["status"].get("replicas") == 0)


def controller(waggle) -> dict:
    """The controller's pod that works."""
    (pod,) = wait_until(lambda: len(pods := _controllers(waggle)) == 1 and pods, 60, "one pod of the controller")
    return pod


def _controllers(waggle) -> list[dict]:
    pods = waggle.list("pods", "app.kubernetes.io/name=waggle")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def has_looked_around(waggle) -> bool:
    """Whether the controller has looked at each server since its start, and has had an answer of a proxy."""
    address = controller(waggle)["status"]["podIP"]
    names = ("reconciles_total", "servers", "status_polls_total")
    reconciles, servers, polls = (product.metric(address, f"waggle_controller_{name}") for name in names)
    return bool(servers and polls and reconciles) and reconciles > servers


def settled(server: product.Server) -> dict[str, str]:
    """The same, once nobody writes any more: what is ready is counted by several, one after the other."""
    seen, since = versions(server), time.monotonic()

    def is_so() -> bool:
        nonlocal seen, since
        now = versions(server)
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    wait_until(is_so, 60, "nothing of the server is written any more")
    return seen


def versions(server: product.Server) -> dict[str, str]:
    """All that belongs to a server, each as of its last write; pods, of which the kubelet tells more, by who they are."""
    kinds = f"{product.KIND},deployments,replicasets,services,configmaps,serviceaccounts"
    objects = [one | one["metadata"] for one in json.loads(server.kubectl("get", kinds, "--output=json"))["items"]]
    found = {f"{one['kind']}/{one['name']}": one["resourceVersion"] for one in objects if server.name in one["name"]}
    return found | {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in server.pods()}


def images_of(pod: dict) -> set[str]:
    """Of all containers."""
    spec = pod["spec"]
    return {one["image"] for one in [*spec["containers"], *spec.get("initContainers", [])]}
