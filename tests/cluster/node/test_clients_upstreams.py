"""Servers that speak HTTP themselves: in an image, and elsewhere."""

import os
import subprocess
from pathlib import Path

import pytest

from clients.peers import PEERS, reports
from testbed import ingress, product
from testbed.fronts import Front, routed
from testbed.product import Server

CLIENTS = ("typescript1-http", "typescript2-auto", "python1-http", "python2-auto")
CLIENT_SECONDS = 60
SESSIONS, SECONDS = 50, 3


@pytest.fixture
def http_server(serve) -> Server:
    """A server whose image listens on port 3000."""
    command = [product.ECHO_COMMAND[0], "echo", "--http", "0.0.0.0:3000"]
    return serve(product.server("http", product.ECHO, command, transport="streamable-http", port=3000))


def test_an_image_that_speaks_http_runs_as_it_is(http_server):
    pod = http_server.pod()
    (container,) = pod["spec"]["containers"]
    assert container["command"][0] == "/loadtest"
    assert http_server.get()["status"]["transport"] == "streamable-http"
    _check_clients(http_server)


def test_a_remote_server_is_found_by_its_name(http_server, serve):
    """The pod of the proxy alone resolves it by the cluster's DNS."""
    for host in (f"mcp-http.{http_server.kubectl.namespace}.svc.cluster.local", "mcp-http"):
        name = f"far-{host.count('.')}"
        server = serve(_remote(name, f"http://{host}/mcp"))
        (container,) = server.pod()["spec"]["containers"]
        assert container["name"] == "waggle-proxy"
        _check_clients(server)
        assert server.get()["status"]["serverInfo"] == http_server.get()["status"]["serverInfo"]


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_fifty_sessions_through_the_ingress_get_what_is_theirs(transport, http_server, serve):
    """Equal ids in all sessions, another payload in every call."""
    host = f"load-{http_server.kubectl.namespace}.{ingress.DOMAIN}"
    way = {"className": ingress.CLASS, "host": host}
    if transport == "http":
        http_server.patch({"ingress": way})
        server = http_server
    else:
        server = serve(product.echo("load", ingress=way))
    assert server.until(lambda one: host in one["status"]["url"])
    url = routed(server.url).url
    program = Path(os.environ["CLUSTER_BINARIES"]) / "loadtest"
    argv = [program, "calls", url, f"--sessions={SESSIONS}", f"--seconds={SECONDS}", "--allow-remote"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _remote(name: str, url: str) -> dict:
    return product.server(name, "", []) | {"spec": {"remote": {"url": url}}}


def _check_clients(server: Server) -> None:
    programs = {}
    for name in CLIENTS:
        calls = [{"tool": "echo", "arguments": {"text": f"{name} {server.name}"}}]
        programs[name] = PEERS[name].start(name, Front(server.url), calls)
    for name, report in reports(programs, CLIENT_SECONDS).items():
        assert not isinstance(report, AssertionError), report
        assert report["results"][0]["content"][0]["text"] == f"{name} {server.name}"
