"""Clients that call without a pause, behave as the specification says, and remember what went wrong."""

import threading
from dataclasses import dataclass, field

import httpx

from harness.processes import wait_until
from testbed.mcp import Session

# What an answer may say when a pod goes: the session was in it, or it is going away and a new session is wanted.
LOST, REFUSED = 404, 503


@dataclass
class Load:
    """`with Load(url, clients=8) as load:` runs them; `load.more(100)` waits for that many more answers."""

    url: str
    clients: int
    answered: int = 0
    # The longest time that an answer took.
    slowest: float = 0.0
    # Sessions that were lost with their pod; the client opens another, as the specification says.
    sessions_lost: int = 0
    # 503: nothing was done, and the client is told to try again.
    refused: int = 0
    # A connection that was refused: nothing was sent.
    unconnected: int = 0
    wrong: list[str] = field(default_factory=list)
    # A request that was sent, and whose fate its client does not know.
    unexplained: list[str] = field(default_factory=list)

    def __post_init__(self):
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self.clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, answers: int) -> None:
        """Until there are so many more."""
        target = self.answered + answers
        wait_until(lambda: self.answered >= target, 60, f"{answers} more answers; {self}")

    @property
    def untroubled(self) -> bool:
        """Whether every request was answered as it should be, and no session was lost."""
        counts = (self.sessions_lost, self.refused, self.unconnected)
        return not (self.wrong or self.unexplained or any(counts))

    def _count(self, name: str, what: str | None = None) -> None:
        with self._lock:
            if what is None:
                setattr(self, name, getattr(self, name) + 1)
            else:
                getattr(self, name).append(what)

    def _run(self, number: int) -> None:
        client, call = None, 0
        while not self._ended.is_set():
            call += 1
            text = f"{number}/{call}"
            try:
                if client is None:
                    client = Session(self.url)
                    opened = client.open()
                    if opened.status != 200:
                        self._count("refused" if opened.status == REFUSED else "wrong", *self._what(opened, REFUSED))
                        client = self._close(client)
                        continue
                answer = client.call(text)
            except httpx.ConnectError:
                self._count("unconnected")
                client = self._close(client)
                continue
            except httpx.TransportError as error:
                self._count("unexplained", f"{text}: {error!r}")
                client = self._close(client)
                continue
            if answer.status == LOST:
                self._count("sessions_lost")
                client = self._close(client)
            elif answer.status == REFUSED:
                self._count("refused")
            elif answer.status == 200 and answer.message.get("result", {}).get("content", [{}])[0].get("text") == text:
                with self._lock:
                    self.slowest = max(self.slowest, answer.seconds)
                self._count("answered")
            else:
                self._count("wrong", f"{text}: {answer}")
        self._close(client)

    @staticmethod
    def _what(answer, expected: int) -> list[str]:
        return [] if answer.status == expected else [str(answer)]

    @staticmethod
    def _close(client: Session | None) -> None:
        if client is not None:
            client.close()
