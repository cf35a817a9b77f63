"""The release: as the README says, tested by Helm, upgraded, away for a while, and uninstalled."""

import re
import subprocess

import pytest

from harness.processes import wait_until
from testbed import mcp, product

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
            waggle.wait("deployment/waggle", "Available")


def test_traffic_flows_while_the_api_server_is_away(cluster, serve):
    server = serve(product.echo())
    url = server.url
    if cluster.given:
        pytest.skip("the API server of the given cluster is out of reach")
    with mcp.session(url) as client:
        with cluster.service("apiserver").stopped():
            assert client.echo("session") == "session"
            assert mcp.answers(url)
        cluster.wait_ready()
        assert client.echo("after") == "after"
