"""Many clients of revision 2026-07-28 in one process: the same script as swarm.mjs and swarm.py, with the same
ids and tokens in the same places, so that all clients of both eras collide.

Argument: {"url", "owners": [{"name", "cancels"}], "seconds", "slowMs", "interactive"}
Says "ready", waits for a line, runs the script, says "done", waits for a line, fences and reports.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness.modern_http import ModernClient  # noqa: E402

TASK = json.loads(sys.argv[1])
# Where the SDKs have arrived after `initialize`, `logging/setLevel` and `resources/subscribe`.
LISTEN_ID = 2
FIRST_CALL_ID = 3
# Retries need ids of their own; out of the way of the calls, and the same in every client.
FIRST_RETRY_ID = 1000
CAPABILITIES = {"elicitation": {}, "sampling": {}}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


class Member:
    """One client and all that it sent and received, as on the wire."""

    def __init__(self, http: httpx.AsyncClient, name: str, cancels: bool):
        self.name = name
        self.cancels = cancels
        self.uri = f"probe://{name}"
        self.client = ModernClient(http, TASK["url"], on_message=self._on_message)
        self.sent, self.received, self.results = [], [], {}
        self.ready, self.done = asyncio.Event(), asyncio.Event()
        self._waiting = []
        self._next_retry = FIRST_RETRY_ID

    async def live(self, go: asyncio.Event, fence: asyncio.Event):
        """The whole life; the two events are given by the test."""
        async with self._listening():
            self.ready.set()
            await go.wait()
            await self._run()
            self.done.set()
            await fence.wait()
            await self._fence()

    def report(self) -> dict:
        return {"sent": self.sent, "received": self.received, "results": self.results}

    async def _run(self):
        """Every feature at once; but only one question at a time, each of which may keep a process busy."""
        name = self.name
        work, questions = [], []
        for n in (0, 1):
            work.append(self._call(f"echo {n}", "echo", {"text": f"{name} echo {n} {name * 100}"}))
            work.append(self._call(f"progress {n}", "progress", {"label": f"{name} progress {n}", "steps": 5}))
            work.append(self._call(f"log {n}", "log", {"level": "info", "text": f"{name} log {n}"}, log_level="debug"))
            questions.append(self._call(f"elicit {n}", "elicit", {"message": f"{name} elicit {n}"}, CAPABILITIES))
            questions.append(self._call(f"sample {n}", "sample", {"prompt": f"{name} sample {n}"}, CAPABILITIES))
        work += [self._slow(), self._update("update 0"), _one_by_one(questions)]
        await asyncio.gather(*work)

    async def _fence(self):
        """Whatever was still under way has arrived before these answers have."""
        await self._update("update 1")
        while self.results.get("outcome", {"text": "running"})["text"] == "running":
            await self._call("outcome", "slow_outcome", {"label": f"{self.name} slow"})

    def _call(self, key: str, tool: str, arguments: dict, capabilities: dict | None = None, **meta):
        """Keeps the answer, or the refusal, under `key`; the call has its id now, whenever it will be sent."""
        return self._converse(key, self._record(tool, arguments), capabilities, meta)

    def _record(self, tool: str, arguments: dict) -> dict:
        id = FIRST_CALL_ID + len(self.sent)
        self.sent.append({"id": id, "token": id, "tool": tool, "arguments": arguments})
        return self.sent[-1]

    async def _converse(self, key: str, call: dict, capabilities: dict | None, meta: dict):
        params = {"name": call["tool"], "arguments": call["arguments"]}
        meta |= {"token": call["token"], "capabilities": capabilities}
        answer = await self.client.request("tools/call", params, call["id"], **meta)
        while answer.message.get("result", {}).get("resultType") == "input_required":
            asked = answer.result
            responses = {name: self._answer(question) for name, question in asked["inputRequests"].items()}
            retry = params | {"inputResponses": responses, "requestState": asked["requestState"]}
            self._next_retry += 1
            answer = await self.client.request("tools/call", retry, self._next_retry, **meta)
        if "error" in answer.message:
            self.results[key] = {"text": answer.error["message"], "isError": True}
        else:
            result = answer.result
            self.results[key] = {"text": result["content"][0]["text"], "isError": bool(result.get("isError"))}

    def _answer(self, question: dict) -> dict:
        self.received.append(question)
        params = question["params"]
        if question["method"] == "elicitation/create":
            return {"action": "accept", "content": {"answer": f"{self.name} answers {params['message']}"}}
        text = f"{self.name} answers {params['messages'][0]['content']['text']}"
        return {"role": "assistant", "model": "none", "content": {"type": "text", "text": text}}

    def _update(self, key: str):
        """Has the own resource announced and waits for the news."""
        news = self._arrival("notifications/resources/updated", "uri", self.uri)
        return asyncio.gather(self._call(key, "update", {"uri": self.uri}), news)

    def _slow(self):
        label = f"{self.name} slow"
        ms = 10_000 * TASK["seconds"] if self.cancels else TASK["slowMs"]
        if not self.cancels:
            return self._call("slow", "slow", {"label": label, "ms": ms})
        return self._cancel(self._record("slow", {"label": label, "ms": ms}))

    async def _cancel(self, call: dict):
        """To leave the stream is to cancel; it runs, once there is progress."""
        params = {"name": call["tool"], "arguments": call["arguments"]}
        async with self.client.stream("tools/call", params, call["id"], token=call["token"]) as (_, messages):
            self._on_message(await anext(messages))

    @asynccontextmanager
    async def _listening(self):
        wanted = {"notifications": {"resourceSubscriptions": [self.uri]}}
        async with self.client.stream("subscriptions/listen", wanted, LISTEN_ID) as (_, messages):
            first = await anext(messages)
            assert first["method"] == "notifications/subscriptions/acknowledged", first
            assert first["params"]["notifications"]["resourceSubscriptions"] == [self.uri], first
            reading = asyncio.ensure_future(self._listen(messages))
            yield
            reading.cancel()

    async def _listen(self, messages):
        async for message in messages:
            assert message["params"]["_meta"][SUBSCRIPTION] == LISTEN_ID, message
            self._on_message(message)

    def _arrival(self, method: str, key: str, value: str):
        """Completes when such a message is received."""
        arrived = asyncio.get_running_loop().create_future()
        self._waiting.append((method, key, value, arrived))
        return asyncio.wait_for(arrived, TASK["seconds"])

    def _on_message(self, message: dict):
        self.received.append(message)
        for waiter in list(self._waiting):
            method, key, value, arrived = waiter
            if message["method"] == method and message["params"].get(key) == value:
                self._waiting.remove(waiter)
                arrived.set_result(None)


async def _one_by_one(calls):
    for call in calls:
        await call


def say(value):
    print(json.dumps(value), flush=True)


async def main():
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=TASK["seconds"], limits=limits) as http:
        members = [Member(http, **owner) for owner in TASK["owners"]]
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
