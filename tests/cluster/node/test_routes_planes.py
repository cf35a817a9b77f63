"""nginx, HAProxy and Caddy in front of the Service, with the settings that the Ingress of each class asks for."""

import asyncio
import time
import uuid
from dataclasses import dataclass

import httpx
import pytest

from testbed import planes, product, server_images
from testbed.product import Server
from testbed.streams import LegacyClient

# Longer than each of them waits by itself.
SILENT_MS = 2000 * planes.PATIENCE_SECONDS
QUIET = {"timeouts": {"keepAlive": "1m"}}


@dataclass(frozen=True)
class Plane:
    """A data plane, the class of Ingress that it serves, and how its controller reads annotations."""

    name: str
    run: object
    settings: object
    # It has a limit of its own, which is to be lifted.
    limited: bool = True


PLANES = [
    Plane("nginx", planes.nginx, planes.nginx_settings),
    Plane("nginx-inc", planes.nginx, lambda found: planes.nginx_settings(found, "nginx.org/")),
    Plane("haproxy", planes.haproxy, planes.haproxy_settings),
    Plane("haproxy-ingress", planes.haproxy, lambda f: planes.haproxy_settings(f, "haproxy-ingress.github.io/")),
    Plane("caddy", planes.caddy, lambda found: [], limited=False),
]
every_plane = pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)


@pytest.fixture(scope="module")
def server(images, shared_namespace, tmp_path_factory) -> Server:
    """One that says what it is told to, and is silent for as long as it is told to."""
    images.load(server_images.archive(images, server_images.LEGACY, tmp_path_factory.mktemp("image")))
    server = Server(shared_namespace, "legacy")
    shared_namespace.apply(
        product.server("legacy", server_images.LEGACY, server_images.LEGACY_COMMAND, proxy=QUIET)
    )
    return server.wait_ready()


@pytest.fixture
def annotations(server):
    """Those of the Ingress that the controller makes for a class."""

    def of(name: str) -> dict[str, str]:
        host = f"{uuid.uuid4().hex[:8]}.example.org"
        server.patch({"ingress": {"className": name, "host": host}})
        made = server.kubectl.until("ingress", "mcp-legacy", lambda one: one["spec"]["rules"][0].get("host") == host)
        assert made["spec"]["ingressClassName"] == name
        return made["metadata"].get("annotations", {})

    return of


@pytest.fixture
def upstream(server) -> str:
    """The Service."""
    return f"{server.kubectl.get('service', 'mcp-legacy')['spec']['clusterIP']}:80"


@every_plane
def test_a_silent_call_lives_and_its_first_words_come_at_once(plane, annotations, upstream, tmp_path):
    settings = plane.settings(annotations(plane.name.partition("-")[0]))
    with plane.run(tmp_path, upstream, settings) as url:
        began, ended = asyncio.run(asyncio.wait_for(_call(url), 60))
    assert began < SILENT_MS / 2000, "the first event was held back"
    assert ended > SILENT_MS / 1000


@every_plane
def test_a_quiet_stream_lives(plane, annotations, upstream, tmp_path):
    uri = f"probe://{uuid.uuid4().hex}"
    settings = plane.settings(annotations(plane.name.partition("-")[0]))

    async def run(url: str):
        async with httpx.AsyncClient(timeout=60) as http:
            client = LegacyClient(http, url)
            await client.initialize()
            async with client.request("resources/subscribe", {"uri": uri}) as messages:
                await anext(messages)
            async with client.listen() as news:
                await _slow(client)
                async with client.call("update", {"uri": uri}, 2) as messages:
                    await anext(messages)
                return await anext(news)

    with plane.run(tmp_path, upstream, settings) as url:
        told = asyncio.run(asyncio.wait_for(run(url), 60))
    assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", uri)


@pytest.mark.parametrize("plane", [p for p in PLANES if p.limited], ids=lambda plane: plane.name)
def test_without_the_settings_it_is_cut(plane, upstream, tmp_path):
    """Shows that the tests above can fail."""
    with plane.run(tmp_path, upstream, []) as url, pytest.raises((httpx.HTTPError, StopAsyncIteration)):
        asyncio.run(asyncio.wait_for(_call(url), 60))


async def _call(url: str) -> tuple[float, float]:
    """Seconds until the call's first word, and until its answer."""
    async with httpx.AsyncClient(timeout=60) as http:
        client = LegacyClient(http, url)
        await client.initialize()
        return await _slow(client)


async def _slow(client: LegacyClient) -> tuple[float, float]:
    started = time.monotonic()
    async with client.call("slow", {"label": uuid.uuid4().hex, "ms": SILENT_MS}) as messages:
        assert (await anext(messages))["method"] == "notifications/progress"
        began = time.monotonic() - started
        answer = await anext(messages)
    assert answer["result"]["content"][0]["text"] == "completed"
    return began, time.monotonic() - started
