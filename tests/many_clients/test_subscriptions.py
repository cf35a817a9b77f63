"""Several clients of one shared process subscribe to the same resource: the proxy counts them."""

import asyncio
import time
from contextlib import AsyncExitStack

import httpx
import pytest
from mcp import ClientSession, types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl

from harness.modern_http import ModernClient
from harness.paths import EVERYTHING_V1

SHARED = AnyUrl("probe://shared")
SECONDS = 120


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_one_client_leaving_does_not_silence_another(transport, start_proxy):
    proxy = start_proxy(EVERYTHING_V1, "shared")
    asyncio.run(_leave_one_by_one(proxy, transport))


def test_the_eras_do_not_silence_each_other(start_proxy):
    proxy = start_proxy(EVERYTHING_V1, "shared")
    asyncio.run(_leave_in_turn(proxy))


async def _leave_in_turn(proxy):
    """A session and a listening stream have the same resource; the session leaves first, then the stream."""
    async with AsyncExitStack() as stack:
        session, announcer = [await stack.enter_async_context(_Watcher(proxy, "http")) for _ in range(2)]
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=SECONDS))
        await session.session.subscribe_resource(SHARED)
        wanted = {"notifications": {"resourceSubscriptions": [str(SHARED)]}}
        async with ModernClient(http, proxy.url).stream("subscriptions/listen", wanted, "listen") as (_, messages):
            assert (await anext(messages))["method"] == "notifications/subscriptions/acknowledged"
            assert await _announce(announcer) == "announced"
            await session.news()
            await _updated(messages)

            await session.session.unsubscribe_resource(SHARED)
            assert await _announce(announcer) == "announced"
            await _updated(messages)
            assert (session.seen, announcer.seen) == (1, 0)
        # Nobody tells when the proxy has seen that the stream is gone.
        deadline = time.monotonic() + SECONDS
        while await _announce(announcer) != "not subscribed":
            assert time.monotonic() < deadline, "the last one to leave ends the subscription"


async def _updated(messages):
    message = await anext(messages)
    assert message["method"] == "notifications/resources/updated", message
    assert message["params"]["uri"] == str(SHARED)


async def _leave_one_by_one(proxy, transport):
    async with AsyncExitStack() as stack:
        first, second, third = [await stack.enter_async_context(_Watcher(proxy, transport)) for _ in range(3)]
        for watcher in (first, second):
            await watcher.session.subscribe_resource(SHARED)

        assert await _announce(third) == "announced"
        await asyncio.gather(first.news(), second.news())

        await first.session.unsubscribe_resource(SHARED)
        assert await _announce(third) == "announced"
        await second.news()

        await second.session.unsubscribe_resource(SHARED)
        assert await _announce(third) == "not subscribed", "the last one to leave ends the subscription"
        assert (first.seen, second.seen, third.seen) == (1, 2, 0)


async def _announce(watcher) -> str:
    result = await watcher.session.call_tool("update", {"uri": str(SHARED)})
    return result.content[0].text


class _Watcher:
    """A client that counts the updates it is sent."""

    def __init__(self, proxy, transport):
        self._connect = streamable_http_client(proxy.url) if transport == "http" else sse_client(proxy.sse_url)
        self._arrived = asyncio.Queue()
        self.seen = 0

    async def __aenter__(self):
        self._stack = AsyncExitStack()
        streams = await self._stack.enter_async_context(self._connect)
        session = ClientSession(streams[0], streams[1], message_handler=self._on_message)
        self.session = await self._stack.enter_async_context(session)
        await self.session.initialize()
        return self

    async def __aexit__(self, *exc):
        await self._stack.aclose()

    async def news(self):
        """The next update."""
        await asyncio.wait_for(self._arrived.get(), SECONDS)

    async def _on_message(self, message):
        if isinstance(message, types.ServerNotification) and isinstance(
            message.root, types.ResourceUpdatedNotification
        ):
            self.seen += 1
            self._arrived.put_nowait(None)
