"""A client that sees streams as they come."""

import json
import uuid
from contextlib import asynccontextmanager

import httpx
from httpx_sse import EventSource

from testbed.mcp import REVISION


class LegacyClient:
    """A session of 2025-11-25 with nothing hidden: streams are seen event by event, and there are no retries."""

    def __init__(self, http: httpx.AsyncClient, url: str):
        self._http, self._url = http, url
        self._headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": REVISION}

    async def initialize(self) -> dict:
        """The server's answer to the handshake."""
        params = {
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": {"name": uuid.uuid4().hex, "version": "1"},
        }
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        response = await self._http.post(self._url, json=body, headers=self._headers)
        assert response.status_code == 200, response.text
        self._headers["Mcp-Session-Id"] = response.headers["Mcp-Session-Id"]
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await self._http.post(self._url, json=note, headers=self._headers)).status_code == 202
        return response.json() if "json" in response.headers["Content-Type"] else json.loads(_data(response.text))

    @asynccontextmanager
    async def call(self, tool: str, arguments: dict, id: int = 1):
        """The messages of the answer, each as soon as it is here."""
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": id}}
        async with self.request("tools/call", params, id) as messages:
            yield messages

    @asynccontextmanager
    async def request(self, method: str, params: dict, id: int = 1):
        """The same of any method."""
        body = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        async with self._http.stream("POST", self._url, json=body, headers=self._headers) as response:
            if response.status_code != 200:
                raise httpx.HTTPStatusError(f"{response.status_code}", request=response.request, response=response)
            yield _messages(response)

    @asynccontextmanager
    async def listen(self):
        """The messages that belong to no request."""
        headers = self._headers | {"Accept": "text/event-stream"}
        async with self._http.stream("GET", self._url, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            yield _messages(response)


async def _messages(response: httpx.Response):
    if response.headers["Content-Type"].startswith("text/event-stream"):
        async for event in EventSource(response).aiter_sse():
            if event.data:
                yield json.loads(event.data)
    else:
        yield json.loads(await response.aread())


def _data(text: str) -> str:
    return next(line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data: {"))
