"""An MCP client for tests that look at times and at failures: one thread, exact bytes, no retries."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import httpx

from harness.processes import wait_until

REVISION = "2025-11-25"
CALL_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """How a request ended."""

    status: int
    text: str
    seconds: float

    @property
    def message(self) -> dict:
        """The response, whether it came as JSON or as an event."""
        return json.loads(self.text)

    @property
    def result(self) -> dict:
        """The result of a request that must have one."""
        assert self.status == 200 and "result" in self.message, self
        return self.message["result"]

    @property
    def error(self) -> dict:
        """The error of a request that must fail."""
        assert "error" in self.message, self
        return self.message["error"]


class Session:
    """A session of 2025-11-25."""

    def __init__(self, url: str):
        self.url = url
        self.http = httpx.Client(timeout=CALL_SECONDS, headers={"Accept": "application/json, text/event-stream"})
        self._ids = count(1)

    def open(self) -> Answer:
        """The handshake, with whatever it ends."""
        info = {"name": "test", "version": "1"}
        params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": info}
        answer, headers = self._send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
        if identity := headers.get("Mcp-Session-Id"):
            self.http.headers.update({"Mcp-Session-Id": identity, "MCP-Protocol-Version": REVISION})
            self._send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        return answer

    def request(self, method: str, **params) -> Answer:
        """One request, with an id of its own."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return self.send(json.dumps(body))

    def call(self, text: object) -> Answer:
        """The tool `echo`."""
        return self.request("tools/call", name="echo", arguments={"text": text})

    def echo(self, text: str) -> str:
        """What comes back of a text."""
        return self.call(text).result["content"][0]["text"]

    def send(self, body: str | bytes) -> Answer:
        """A message as it is."""
        return self._send(body)[0]

    def _send(self, body: str | bytes) -> tuple[Answer, httpx.Headers]:
        started = time.monotonic()
        headers = {"Content-Type": "application/json"}
        response = self.http.post(self.url, content=body, headers=headers)
        text = response.text
        if response.headers.get("Content-Type", "").startswith("text/event-stream"):
            data = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
            text = next((one for one in reversed(data) if one), "")
        return Answer(response.status_code, text, time.monotonic() - started), response.headers

    def reconnect(self) -> None:
        """The same session over new connections."""
        headers = self.http.headers
        self.http.close()
        self.http = httpx.Client(timeout=CALL_SECONDS, headers=headers)

    def end(self) -> None:
        """Ends the session, and with it its process."""
        self.http.delete(self.url)

    def close(self) -> None:
        """Ends its connections; the session goes by itself."""
        self.http.close()


def measured(what: str, seconds: float, most: float) -> None:
    """Tells a time (`pytest -rP` shows it), and fails when it is far from what it was."""
    print(f"measured: {what}: {seconds:.2f} s")
    assert seconds <= most, f"{what}: {seconds:.2f} s"


class Clock:
    """Runs from when it is made."""

    def __init__(self):
        self._started = time.monotonic()

    def measured(self, what: str, most: float) -> None:
        """See `measured`."""
        measured(what, time.monotonic() - self._started, most)


@contextmanager
def session(url: str) -> Iterator[Session]:
    """A session that is open."""
    one = Session(url)
    try:
        one.open().result  # noqa: B018
        yield one
    finally:
        one.close()


def answers(url: str) -> bool:
    """Whether a new client has the answer to its first call. It leaves nothing behind, so that many may come."""
    try:
        with session(url) as one:
            answered = one.echo("new") == "new"
            # Who asks again and again would otherwise fill a pod with sessions.
            one.end()
            return answered
    except (httpx.TransportError, AssertionError):
        return False


def answers_again(url: str, seconds: float = 60) -> float:
    """Seconds until a new client, who tries again and again, has the answer to its first call."""
    started = time.monotonic()
    wait_until(lambda: answers(url), seconds, f"an answer from {url}")
    return time.monotonic() - started


class Outage:
    """New clients, one after the other, and the longest time that none of them was served."""

    def __init__(self, url: str):
        self.longest = 0.0
        self.served = 0
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Outage":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._ended.is_set():
            if answers(self._url):
                self.longest = max(self.longest, time.monotonic() - last)
                self.served += 1
                last = time.monotonic()
        self.longest = max(self.longest, time.monotonic() - last)
