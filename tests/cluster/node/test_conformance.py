"""The official suite through the Service, by ClusterIP and by NodePort: both wires of each kind of server."""

import asyncio

import httpx
import pytest

from conformance import suite
from harness.modern_http import ModernClient
from testbed import product, server_images
from testbed.forward import on_loopback
from testbed.fronts import routed
from testbed.product import Server

SERVERS = {
    "legacy": (server_images.LEGACY, server_images.LEGACY_COMMAND),
    "dual": (server_images.DUAL, server_images.DUAL_COMMAND),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request, images, shared_namespace, tmp_path_factory) -> Server:
    """One that is ready, behind a NodePort, and refuses foreign hosts: a scenario tries that."""
    image, command = SERVERS[request.param]
    images.load(server_images.archive(images, image, tmp_path_factory.mktemp("image")))
    allowed = {"allowedHosts": ["127.0.0.1"], "allowedOrigins": ["*"]}
    spec = {"service": {"type": "NodePort"}, "proxy": allowed}
    shared_namespace.apply(product.server(request.param, image, command, **spec))
    return Server(shared_namespace, request.param).wait_ready()


@pytest.fixture(params=["cluster-ip", "node-port"])
def url(request, server):
    """As one of loopback, which a scenario insists on."""
    service = server.kubectl.get("service", f"mcp-{server.name}")["spec"]
    (port,) = service["ports"]
    if request.param == "cluster-ip":
        address = service["clusterIP"], port["port"]
    else:
        address = _node(server), port["nodePort"]
    with on_loopback(*address) as port:
        yield routed(f"http://127.0.0.1:{port}/mcp").url


@pytest.mark.parametrize("revision", suite.WITH_REQUIREMENTS)
def test_suite_passes(server, url, revision, tmp_path):
    """Every scenario but the baseline's, and every check of it."""
    limited = server.name == "legacy" and revision == suite.MODERN
    baseline = suite.HERE / "expected-failures" / f"legacy-{revision}.yml" if limited else None
    asyncio.run(_warm_up(url))
    run = suite.run(url, revision, tmp_path, expected_failures=baseline)
    assert run.exit_code == 0, run.summary
    expected = suite.expected_behind_proxy(revision, suite.LEGACY_SERVER if limited else None)
    assert suite.reached(run, revision) == expected


def _node(server: Server) -> str:
    (node,) = server.kubectl.list("nodes")
    return next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")


async def _warm_up(url: str) -> None:
    """The suite gives a server 0.6 s for its first word; the start of a process may take longer than that."""
    async with httpx.AsyncClient(timeout=60) as http:
        for capabilities in ({}, {"elicitation": {}}):
            params = {"name": "echo", "arguments": {"text": "warm"}}
            await ModernClient(http, url).request("tools/call", params, 1, capabilities=capabilities)
