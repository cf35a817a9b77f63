"""Many Python SDK 1.x clients in one process: the same script, word for word, as swarm.mjs.

Argument: {"url", "owners": [{"name", "cancels"}], "seconds", "slowMs"}
Says "ready", waits for a line, runs the script, says "done", waits for a line, fences and reports.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl

TASK = json.loads(sys.argv[1])


class Member:
    """One client and all that it sent and received, as on the wire."""

    def __init__(self, name: str, cancels: bool):
        self.name = name
        self.cancels = cancels
        self.uri = f"probe://{name}"
        self.sent, self.received, self.results = [], [], {}
        self.ready, self.done = asyncio.Event(), asyncio.Event()
        self._waiting = []

    async def live(self, go: asyncio.Event, fence: asyncio.Event):
        """The whole life; the two events are given by the test."""
        async with self._connected() as self.session:
            await self.session.initialize()
            await self.session.set_logging_level("debug")
            await self.session.subscribe_resource(AnyUrl(self.uri))
            self.ready.set()
            await go.wait()
            await self._run()
            self.done.set()
            await fence.wait()
            await self._fence()

    def report(self) -> dict:
        return {"sent": self.sent, "received": self.received, "results": self.results}

    async def _run(self):
        """Every feature at once."""
        name = self.name
        work = []
        for n in (0, 1):
            work.append(self._call(f"echo {n}", "echo", {"text": f"{name} echo {n} {name * 100}"}))
            work.append(self._call(f"progress {n}", "progress", {"label": f"{name} progress {n}", "steps": 5}))
            work.append(self._call(f"log {n}", "log", {"level": "info", "text": f"{name} log {n}"}))
            work.append(self._call(f"elicit {n}", "elicit", {"message": f"{name} elicit {n}"}))
            work.append(self._call(f"sample {n}", "sample", {"prompt": f"{name} sample {n}"}))
        work += [self._slow(), self._update("update 0")]
        await asyncio.gather(*work)

    async def _fence(self):
        """Whatever was still under way has arrived before these answers have."""
        await self._update("update 1")
        while self.results.get("outcome", {"text": "running"})["text"] == "running":
            await self._call("outcome", "slow_outcome", {"label": f"{self.name} slow"})

    async def _call(self, key: str, tool: str, arguments: dict):
        """Keeps the answer, or the refusal, under `key`."""
        result = await self.session.call_tool(tool, arguments, progress_callback=_ignore_progress)
        self.results[key] = {"text": result.content[0].text, "isError": result.isError}

    async def _update(self, key: str):
        """Has the own resource announced and waits for the news."""
        news = self._arrival("notifications/resources/updated", "uri", self.uri)
        await asyncio.gather(self._call(key, "update", {"uri": self.uri}), news)

    async def _slow(self):
        label = f"{self.name} slow"
        ms = 10_000 * TASK["seconds"] if self.cancels else TASK["slowMs"]
        started = self._arrival("notifications/progress", "message", label)
        call = asyncio.ensure_future(self._call("slow", "slow", {"label": label, "ms": ms}))
        await started
        if not self.cancels:
            return await call
        request = next(sent["id"] for sent in self.sent if sent["tool"] == "slow")
        params = types.CancelledNotificationParams(requestId=request, reason="enough")
        await self.session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        call.cancel()

    def _arrival(self, method: str, field: str, value: str):
        """Completes when such a message is received."""
        arrived = asyncio.get_running_loop().create_future()
        self._waiting.append((method, field, value, arrived))
        return asyncio.wait_for(arrived, TASK["seconds"])

    @asynccontextmanager
    async def _connected(self):
        async with streamable_http_client(TASK["url"]) as (read, write, _), anyio.create_task_group() as taps:
            to_session, from_server = anyio.create_memory_object_stream(0)
            from_session, to_server = anyio.create_memory_object_stream(0)
            taps.start_soon(_forward, read, to_session, self._on_received)
            taps.start_soon(_forward, to_server, write, self._on_sent)
            session = ClientSession(
                from_server,
                from_session,
                read_timeout_seconds=timedelta(seconds=TASK["seconds"]),
                elicitation_callback=self._answer_elicitation,
                sampling_callback=self._answer_sampling,
            )
            async with session:
                yield session
            taps.cancel_scope.cancel()

    def _on_sent(self, message: dict):
        if message.get("method") == "tools/call":
            params = message["params"]
            token = params.get("_meta", {}).get("progressToken")
            sent = {"id": message["id"], "token": token, "tool": params["name"], "arguments": params["arguments"]}
            self.sent.append(sent)

    def _on_received(self, message: dict):
        if "method" not in message:
            return
        self.received.append(message)
        for waiter in list(self._waiting):
            method, field, value, arrived = waiter
            if message["method"] == method and message["params"].get(field) == value:
                self._waiting.remove(waiter)
                arrived.set_result(None)

    async def _answer_elicitation(self, context, params):
        return types.ElicitResult(action="accept", content={"answer": f"{self.name} answers {params.message}"})

    async def _answer_sampling(self, context, params):
        text = f"{self.name} answers {params.messages[0].content.text}"
        content = types.TextContent(type="text", text=text)
        return types.CreateMessageResult(role="assistant", model="none", content=content)


async def _ignore_progress(progress, total, message):
    pass


async def _forward(source, sink, record):
    """Passes everything on unchanged; `record` sees each message as it is on the wire."""
    async with sink:
        async for item in source:
            if not isinstance(item, Exception):
                record(item.message.model_dump(mode="json", by_alias=True, exclude_none=True))
            await sink.send(item)


def say(value):
    print(json.dumps(value), flush=True)


async def main():
    members = [Member(**owner) for owner in TASK["owners"]]
    go, fence = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as lives:
        for member in members:
            lives.create_task(member.live(go, fence))
        for word, reached, step in (("ready", "ready", go), ("done", "done", fence)):
            for member in members:
                await getattr(member, reached).wait()
            say(word)
            await asyncio.to_thread(sys.stdin.readline)
            step.set()
    say({member.name: member.report() for member in members})


asyncio.run(main())
