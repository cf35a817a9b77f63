"""What the server learns about its client, and what becomes of its questions, in each process mode."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from mcp import ClientSession, types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from harness.paths import EVERYTHING_V1

ME = types.Implementation(name="e2e-client", version="7.8.9")
ASKING = {
    "test_sampling": {"prompt": "anything"},
    "test_elicitation": {"message": "anything"},
    "test_elicitation_sep1034_defaults": {},
    "test_elicitation_sep1330_enums": {},
}
TRANSPORTS = ["http", "sse"]
METHOD_NOT_FOUND = "-32601"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_session_mode_hands_over_the_clients_own_handshake(transport, start_proxy):
    proxy = start_proxy(EVERYTHING_V1, "session")
    seen = asyncio.run(_handshake(proxy, transport))
    assert seen["info"] == {"name": ME.name, "version": ME.version}
    assert {"sampling", "elicitation", "roots"} <= seen["capabilities"].keys()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_shared_mode_declares_nothing_it_could_not_attribute(transport, start_proxy):
    proxy = start_proxy(EVERYTHING_V1, "shared")
    seen = asyncio.run(_handshake(proxy, transport))
    assert seen["info"]["name"] != ME.name
    assert not {"sampling", "elicitation", "roots"} & seen["capabilities"].keys()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_shared_mode_refuses_questions_with_a_clean_error(transport, start_proxy):
    """The server's question is answered for the client, the call fails and says so, the session lives."""
    proxy = start_proxy(EVERYTHING_V1, "shared")
    asyncio.run(_ask_everything(proxy, transport))


async def _handshake(proxy, transport) -> dict:
    async with _connected(proxy, transport, []) as session:
        return json.loads((await session.call_tool("handshake", {})).content[0].text)


async def _ask_everything(proxy, transport) -> None:
    asked = []
    async with _connected(proxy, transport, asked) as session:
        for tool, arguments in ASKING.items():
            result = await session.call_tool(tool, arguments)
            assert result.isError, tool
            assert METHOD_NOT_FOUND in result.content[0].text, result
            after = await session.call_tool("echo", {"text": "still here"})
            assert after.content[0].text == "still here"
    assert asked == []


@asynccontextmanager
async def _connected(proxy, transport, asked):
    """A session that declares sampling, elicitation and roots, and notes whatever it is asked."""

    async def ask(context, *params):
        asked.append(params)
        return types.ErrorData(code=types.INTERNAL_ERROR, message="must not be asked")

    connect = streamable_http_client(proxy.url) if transport == "http" else sse_client(proxy.sse_url)
    async with connect as streams:
        callbacks = {"sampling_callback": ask, "elicitation_callback": ask, "list_roots_callback": ask}
        async with ClientSession(streams[0], streams[1], client_info=ME, **callbacks) as session:
            await session.initialize()
            yield session
