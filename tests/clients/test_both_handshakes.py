"""What a server learns about its client when they are not of the same era, and what it logs for it."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client

from harness.modern_http import ModernClient
from harness.paths import EVERYTHING_V1, EVERYTHING_V2, MODERN_ONLY

SERVERS = {"legacy": EVERYTHING_V1, "dual": EVERYTHING_V2, "modern-only": MODERN_ONLY}
KINDS = ["elicitation", "sampling", "roots"]


@pytest.mark.parametrize("server", ["dual", "modern-only"])
def test_modern_server_knows_its_legacy_client(server, start_proxy):
    """Each of its requests says who asks and what can be asked back, though the client said so only once."""
    proxy = start_proxy(SERVERS[server])
    seen = asyncio.run(_legacy_handshake(proxy.url))
    assert seen["info"] == {"name": "old", "version": "7.8.9"}
    assert seen["capabilities"].keys() == set(KINDS)


@pytest.mark.parametrize("server", SERVERS)
def test_server_may_ask_what_the_request_declares(server, start_proxy):
    """Whatever one request declares is true of that request only, in a legacy server too."""
    proxy = start_proxy(SERVERS[server])
    declared = [{}, {"elicitation": {}}, {"sampling": {}, "roots": {}}, {"elicitation": {}}]
    seen = asyncio.run(_modern_handshakes(proxy.url, declared))
    assert [each["capabilities"].keys() & set(KINDS) for each in seen] == [each.keys() for each in declared]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("level", "logged"), [(None, []), ("error", []), ("warning", ["said as warning"]), ("debug", ["said as warning"])]
)
def test_client_that_is_alone_gets_the_logs_it_asks_for(server, level, logged, start_proxy):
    """Of its level and above, and none unless it asks."""
    proxy = start_proxy(SERVERS[server])
    assert asyncio.run(_logs(proxy.url, level)) == logged


async def _legacy_handshake(url: str) -> dict:
    async def never(context, *params):
        return types.ErrorData(code=types.INTERNAL_ERROR, message="must not be asked")

    callbacks = {"sampling_callback": never, "elicitation_callback": never, "list_roots_callback": never}
    me = types.Implementation(name="old", version="7.8.9")
    async with (
        streamable_http_client(url) as streams,
        ClientSession(streams[0], streams[1], client_info=me, **callbacks) as session,
    ):
        await session.initialize()
        return json.loads((await session.call_tool("handshake", {})).content[0].text)


async def _modern_handshakes(url: str, declared: list[dict]) -> list[dict]:
    async with _client(url) as client:
        seen = []
        for id, capabilities in enumerate(declared):
            params = {"name": "handshake", "arguments": {}}
            answer = await client.request("tools/call", params, id, capabilities=capabilities)
            seen.append(json.loads(answer.result["content"][0]["text"]))
        return seen


async def _logs(url: str, level: str | None) -> list[str]:
    received = []
    async with _client(url, on_message=received.append) as client:
        params = {"name": "log", "arguments": {"level": "warning", "text": "said as warning"}}
        await client.request("tools/call", params, 1, log_level=level)
    return [message["params"]["data"] for message in received]


@asynccontextmanager
async def _client(url: str, **more):
    async with httpx.AsyncClient(timeout=60) as http:
        yield ModernClient(http, url, **more)
