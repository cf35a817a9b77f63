"""Official clients through the Ingress and the HTTPRoute that the controller made, served by Contour and Envoy.

Envoy ends a response after 15 seconds and cares for nothing else, unless it is told otherwise. The proxy's own comments
come too rarely here to help: what lives, lives by the settings of the routes.
"""

import asyncio
import ssl
import time
import uuid
from dataclasses import dataclass

import httpx
import pytest

from clients.peers import PEERS, reports
from harness.modern_http import ModernClient
from many_clients import crowd, judge
from testbed import ingress, product, server_images
from testbed.fronts import Front, routed
from testbed.kubectl import Kubectl
from testbed.product import Server
from testbed.streams import LegacyClient

# Built without TLS.
RMCP = "rmcp-auto"
CLIENTS = (
    "typescript1-http",
    "typescript1-sse",
    "typescript2-auto",
    "typescript2-legacy",
    "python1-http",
    "python2-auto",
    "python2-legacy",
    RMCP,
)
# Longer than the data plane's default.
SILENT_MS = 20_000
DEFAULT_SECONDS = 15
CLIENT_SECONDS = 150
QUIET = {"timeouts": {"keepAlive": "1m"}}
CROWD = {"typescript-http": 14, "typescript-sse": 12, "python-http": 12, "modern-http": 12}


@dataclass(frozen=True)
class Servers:
    """Where the two servers run, and the hosts of their routes."""

    kubectl: Kubectl
    authority: str

    def host(self, route: str) -> str:
        """A name of this run."""
        return f"{route}-{self.kubectl.namespace}.{ingress.DOMAIN}"

    def front(self, route: str) -> Front:
        """The URL of a route, once it leads there."""
        scheme = "https" if route.endswith("-tls") else "http"
        url = f"{scheme}://{self.host(route.removesuffix('-tls'))}/mcp"
        return routed(url, ssl.create_default_context(cafile=self.authority))


@pytest.fixture(scope="module")
def servers(cluster, images, shared_namespace, tmp_path_factory) -> Servers:
    """A legacy server behind an Ingress and an HTTPRoute, and a dual-era one behind an Ingress with TLS."""
    if cluster.given:
        pytest.skip("the given cluster's Ingress is not known")
    for name in (server_images.LEGACY, server_images.DUAL):
        images.load(server_images.archive(images, name, tmp_path_factory.mktemp("image")))
    authority = str(cluster.state / "pki" / "ca.crt")
    kubectl = shared_namespace
    found = Servers(kubectl, authority)
    certificate = kubectl.in_namespace(ingress.GATEWAY_NAMESPACE).get("secret", "certificate")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls"}, "type": "kubernetes.io/tls"}
    kubectl.apply(
        secret | {"data": certificate["data"]},
        product.server(
            "legacy",
            server_images.LEGACY,
            server_images.LEGACY_COMMAND,
            ingress={"className": ingress.CLASS, "host": found.host("ingress")},
            httpRoute={
                "parentRefs": [{"name": ingress.GATEWAY, "namespace": ingress.GATEWAY_NAMESPACE}],
                "hostnames": [found.host("route")],
            },
            proxy=QUIET,
        ),
        product.server(
            "dual",
            server_images.DUAL,
            server_images.DUAL_COMMAND,
            ingress={
                "className": ingress.CLASS,
                "host": found.host("secure"),
                "tls": [{"secretName": "tls", "hosts": [found.host("secure")]}],
            },
            proxy=QUIET,
        ),
        _plain_ingress(found.host("plain-ingress")),
        _plain_route(found.host("plain-route")),
    )
    for name in ("legacy", "dual"):
        Server(kubectl, name).wait_ready()
    return found


@pytest.fixture
def trusted(servers, monkeypatch):
    """Whoever trusts the machine's certificates trusts those of the routes."""
    for variable in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(variable, servers.authority)


ROUTES = ["ingress", "secure-tls", "route", "route-tls"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("route", ROUTES)
def test_official_clients_are_served_and_a_silent_call_lives(route, servers, trusted):
    """They connect, list and call; the second call says nothing for longer than Envoy waits by itself."""
    front = servers.front(route)
    programs = {}
    for name in CLIENTS:
        if name == RMCP and front.url.startswith("https:"):
            continue
        calls = [
            {"tool": "echo", "arguments": {"text": f"{name} through {route}"}},
            {"tool": "slow", "arguments": {"label": f"{name} slow", "ms": SILENT_MS}},
        ]
        programs[name] = PEERS[name].start(name, front, calls)
    seen = reports(programs, CLIENT_SECONDS)
    failures = {name: report for name, report in seen.items() if isinstance(report, AssertionError)}
    assert not failures, failures
    for name, report in seen.items():
        assert report.get("era", PEERS[name].spoken) == PEERS[name].spoken
        assert {"echo", "slow"} <= {tool["name"] for tool in report["tools"]}
        texts = [result["content"][0]["text"] for result in report["results"]]
        assert texts == [f"{name} through {route}", "completed"], name


def test_progress_arrives_while_the_call_runs(servers):
    async def run(front: Front):
        label = uuid.uuid4().hex
        async with _http(servers) as http:
            client = LegacyClient(http, front.url)
            await client.initialize()
            async with client.call("slow", {"label": label, "ms": 3_600_000}, 7) as messages:
                first = await anext(messages)
        assert first["method"] == "notifications/progress"
        assert (first["params"]["progressToken"], first["params"]["message"]) == (7, label)

    _on_all(servers, ROUTES, run)


def test_a_quiet_stream_lives(servers):
    """The stream of a session carries what comes after a silence that is longer than Envoy's own patience."""

    async def run(front: Front):
        uri = f"probe://{uuid.uuid4().hex}"
        async with _http(servers) as http:
            client = LegacyClient(http, front.url)
            await client.initialize()
            async with client.request("resources/subscribe", {"uri": uri}) as messages:
                assert "result" in await anext(messages)
            async with client.listen() as news:
                await _outlive_the_default(client)
                async with client.call("update", {"uri": uri}, 2) as messages:
                    await anext(messages)
                told = await anext(news)
        assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", uri)

    _on_all(servers, ROUTES, run)


def test_a_quiet_call_of_the_modern_era_lives(servers):
    front = servers.front("secure-tls")
    label = uuid.uuid4().hex

    async def run():
        async with _http(servers) as http:
            params = {"name": "slow", "arguments": {"label": label, "ms": SILENT_MS}}
            started = time.monotonic()
            answer = await ModernClient(http, front.url).request("tools/call", params, 1, token=1)
        assert answer.result["content"][0]["text"] == "completed"
        assert time.monotonic() - started > DEFAULT_SECONDS

    asyncio.run(asyncio.wait_for(run(), 90))


def test_without_the_settings_it_is_cut(servers):
    """Shows that the tests above can fail."""

    async def run(front: Front):
        async with _http(servers) as http:
            client = LegacyClient(http, front.url)
            await client.initialize()
            started = time.monotonic()
            with pytest.raises((httpx.HTTPError, StopAsyncIteration)):
                await _outlive_the_default(client)
            assert time.monotonic() - started < SILENT_MS / 1000

    _on_all(servers, ["plain-ingress", "plain-route"], run)


@pytest.mark.timeout(300)
def test_fifty_clients_of_both_eras_do_not_meet(servers, trusted):
    """All with the same ids and tokens: whatever anybody receives is meant for him."""
    everyone = crowd.members(CROWD)
    assert len(everyone) == 50
    seen, _ = crowd.run(servers.front("secure-tls"), everyone)
    assert seen.keys() == {member.name for member in everyone}
    found = [
        problem
        for member in everyone
        for problem in judge.problems(
            member.name, member.cancels, report=seen[member.name], interactive=True, logged=False
        )
    ]
    assert not found, f"{len(found)} problems\n" + "\n".join(found[:40])


def _on_all(servers: Servers, routes: list[str], run) -> None:
    """The same on each of the routes, at once."""
    fronts = [servers.front(route) for route in routes]

    async def everywhere():
        await asyncio.gather(*(run(front) for front in fronts))

    asyncio.run(asyncio.wait_for(everywhere(), 90))


async def _outlive_the_default(client: LegacyClient) -> None:
    """A call that says something at once, then nothing for longer than Envoy's default, then its answer."""
    async with client.call("slow", {"label": uuid.uuid4().hex, "ms": SILENT_MS}) as messages:
        assert "method" in await anext(messages)
        answer = await anext(messages)
    assert answer["result"]["content"][0]["text"] == "completed"


def _http(servers: Servers) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, verify=ssl.create_default_context(cafile=servers.authority))


def _plain_ingress(host: str) -> dict:
    """As somebody would write it who does not know about streams."""
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "mcp-legacy", "port": {"number": 80}}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "plain"},
        "spec": {"ingressClassName": ingress.CLASS, "rules": [{"host": host, "http": {"paths": [path]}}]},
    }


def _plain_route(host: str) -> dict:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "plain"},
        "spec": {
            "parentRefs": [{"name": ingress.GATEWAY, "namespace": ingress.GATEWAY_NAMESPACE}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": "mcp-legacy", "port": 80}]}],
        },
    }
