"""An MCP client for tests that look at times and at failures: one thread, exact bytes, no retries."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import httpx

from harness.processes import wait_until

REVISION = "2025-11-25"
CALL_SECONDS = 30
# Of a call that was handed to a process that died: it may have had an effect, so nobody sends it once more.
SERVER_GONE = -31001
# Measured: a hundredth of it. The machine may be busy.
AT_ONCE_SECONDS = 5
# Of who tries again and again: what is sent to an address that the node does not know yet is lost, and the system sends
# it again after one second and after three.
IMPATIENT_SECONDS = 0.3


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

    def __init__(self, url: str, connect_seconds: float = CALL_SECONDS):
        self.url = url
        self._timeout = httpx.Timeout(CALL_SECONDS, connect=connect_seconds)
        self.http = self._client({"Accept": "application/json, text/event-stream"})
        self._ids = count(1)

    def _client(self, headers: Mapping[str, str]) -> httpx.Client:
        # To read the authorities takes longer than to be answered, and whoever measures asks again and again.
        return httpx.Client(timeout=self._timeout, headers=headers, verify=self.url.startswith("https:"))

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
        self.http = self._client(headers)

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
def session(url: str, connect_seconds: float = CALL_SECONDS) -> Iterator[Session]:
    """A session that is open."""
    one = Session(url, connect_seconds)
    try:
        one.open().result  # noqa: B018
        yield one
    finally:
        one.close()


def answers(url: str) -> bool:
    """Whether a new client has the answer to its first call. It leaves nothing behind, so that many may come."""
    try:
        with session(url, IMPATIENT_SECONDS) as one:
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


def outlives(client: Session, seconds: float = 60) -> None:
    """An open session outlives the death of its server: a call that still met the death is told so at once, and soon the
    same session is answered."""

    def answered() -> bool:
        text = uuid.uuid4().hex
        answer = client.call(text)
        if answer.status == 200 and "error" in answer.message:
            assert answer.error["code"] == SERVER_GONE, answer
            measured("a call that met the server's death: its error", answer.seconds, AT_ONCE_SECONDS)
            return False
        assert answer.result["content"][0]["text"] == text, answer
        return True

    wait_until(answered, seconds, "the session is answered again")


def is_lost(client: Session) -> bool:
    """Whether an open session is told that it is no more. Until its pod is in service again, nobody tells it anything."""
    try:
        answer = client.call("lost")
    except httpx.TransportError:
        return False
    assert answer.status in (404, 503), answer
    return answer.status == 404


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
