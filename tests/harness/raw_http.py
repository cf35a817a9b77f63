"""A Streamable HTTP client that sends exactly what it is told, ids included."""

import json
from typing import Any

import httpx
from httpx_sse import EventSource

REVISION = "2025-11-25"
ACCEPT = {"Accept": "application/json, text/event-stream"}


class RawSession:
    """One session of revision 2025-11-25 over its own connections."""

    def __init__(self, http: httpx.AsyncClient, url: str):
        self._http = http
        self._url = url
        self._headers = dict(ACCEPT)

    async def open(self) -> None:
        """Handshake, declaring no capabilities."""
        info = {"name": "raw", "version": "1.0.0"}
        params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": info}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        async with self._post(message) as response:
            self._headers["Mcp-Session-Id"] = response.headers["Mcp-Session-Id"]
            self._headers["MCP-Protocol-Version"] = REVISION
            await _answer(response, 0)
        async with self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}) as response:
            assert response.status_code == 202

    async def request(self, method: str, params: dict, id: int | str) -> dict:
        """The result, whether it comes as JSON or as an event."""
        async with self._post({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) as response:
            return await _answer(response, id)

    async def close(self) -> None:
        """Ends the session."""
        response = await self._http.delete(self._url, headers=self._headers)
        assert response.is_success, response

    def _post(self, message: Any):
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = self._headers | {"Content-Type": "application/json"}
        return self._http.stream("POST", self._url, content=body, headers=headers)


async def _answer(response: httpx.Response, id: int | str) -> dict:
    if response.headers["Content-Type"].startswith("application/json"):
        return _result(json.loads(await response.aread()), id)
    async for event in EventSource(response).aiter_sse():
        message = json.loads(event.data) if event.data else {}
        if "id" in message and "method" not in message:
            return _result(message, id)
    raise AssertionError("the stream ended without an answer")


def _result(message: dict, id: int | str) -> dict:
    assert message["id"] == id and "result" in message, message
    return message["result"]
