"""A client of revision 2026-07-28 that sends exactly what it is told, ids and request states included."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from httpx_sse import EventSource

REVISION = "2026-07-28"
_META = "io.modelcontextprotocol/"
# The parameter that is repeated in the header `Mcp-Name`.
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass
class Answer:
    """How a request ended: `result` or `error`, and the HTTP status."""

    status: int
    message: dict

    @property
    def result(self) -> dict:
        """The result of a request that must have one."""
        assert "result" in self.message, self.message
        return self.message["result"]

    @property
    def error(self) -> dict:
        """The error of a request that must fail."""
        assert "error" in self.message, self.message
        return self.message["error"]


@dataclass
class ModernClient:
    """One user; requests stand alone, so there is nothing to open and nothing to close."""

    http: httpx.AsyncClient
    url: str
    authorization: str | None = None
    # Whatever a message is that comes before the answer, it is handed to this.
    on_message: Callable[[dict], None] = field(default=lambda message: None)

    async def request(self, method: str, params: dict, id: int | str, **meta) -> Answer:
        """The answer, whether it comes as JSON or as an event; `meta`: see `_message`."""
        async with self.stream(method, params, id, **meta) as (status, messages):
            async for message in messages:
                if "method" not in message:
                    assert message.get("id") == id, message
                    return Answer(status, message)
                self.on_message(message)
        raise AssertionError(f"{method}: the stream ended without an answer")

    @asynccontextmanager
    async def stream(self, method: str, params: dict, id: int | str, **meta):
        """The status and all messages of the answer as they come; to leave is to cancel."""
        body = _message(method, params, id, **meta)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": REVISION,
            "Mcp-Method": method,
        }
        if method in _NAMED:
            headers["Mcp-Name"] = params[_NAMED[method]]
        if self.authorization:
            headers["Authorization"] = self.authorization
        async with self.http.stream("POST", self.url, content=json.dumps(body), headers=headers) as response:
            yield response.status_code, _messages(response)


async def discover(url: str) -> dict:
    """What is offered at `url`; a proxy knows by then what its server speaks."""
    async with httpx.AsyncClient(timeout=60) as http:
        return (await ModernClient(http, url).request("server/discover", {}, 0)).result


def _message(
    method: str,
    params: dict,
    id: int | str,
    capabilities: dict | None = None,
    token: int | str | None = None,
    log_level: str | None = None,
) -> dict:
    meta = {f"{_META}protocolVersion": REVISION, f"{_META}clientCapabilities": capabilities or {}}
    meta[f"{_META}clientInfo"] = {"name": "raw", "version": "1.0.0"}
    if token is not None:
        meta["progressToken"] = token
    if log_level is not None:
        meta[f"{_META}logLevel"] = log_level
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": meta}}


async def _messages(response: httpx.Response) -> AsyncIterator[dict]:
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        async for event in EventSource(response).aiter_sse():
            if event.data:
                yield json.loads(event.data)
    else:
        yield json.loads(await response.aread())
