"""Crowds of clients of several kinds in front of one proxy, all doing the same things at the same time."""

from contextlib import ExitStack
from dataclasses import dataclass

from harness.paths import PYTHON, TESTS
from harness.programs import Program
from harness.proxy import Proxy

# With a process each, 64 Node processes start on two cores before the first answers come.
SECONDS = 240
# Long enough for calls of equal ids to be cancelled by others meanwhile.
SLOW_MS = 1000

_HERE = TESTS / "many_clients"
_TYPESCRIPT = ["node", str(_HERE / "swarm.mjs")]
# Kind → driver program, and how it reaches the proxy.
KINDS = {
    "typescript-http": (_TYPESCRIPT, "http"),
    "typescript-sse": (_TYPESCRIPT, "sse"),
    "python-http": ([PYTHON, str(_HERE / "swarm.py")], "http"),
    "modern-http": ([PYTHON, str(_HERE / "swarm_modern.py")], "http"),
}


@dataclass(frozen=True)
class Member:
    """One client of a crowd."""

    kind: str
    name: str
    cancels: bool

    @property
    def modern(self) -> bool:
        """Whether it speaks 2026-07-28."""
        return self.kind == "modern-http"


def members(numbers: dict[str, int]) -> list[Member]:
    """So many of each kind; every other one cancels what takes long."""
    return [Member(kind, f"{kind}-{n:02}", n % 2 == 0) for kind, number in numbers.items() for n in range(number)]


def run(proxy: Proxy, crowd: list[Member]) -> tuple[dict[str, dict], set[int]]:
    """What each member reports in the end, and the server processes while all were there."""
    reports = {}
    with ExitStack() as stack:
        programs = []
        for kind in sorted({member.kind for member in crowd}):
            argv, transport = KINDS[kind]
            owners = [{"name": each.name, "cancels": each.cancels} for each in crowd if each.kind == kind]
            url = proxy.sse_url if transport == "sse" else proxy.url
            task = {"transport": transport, "url": url, "owners": owners, "seconds": SECONDS, "slowMs": SLOW_MS}
            programs.append(stack.enter_context(Program(argv, task)))
        for word, reply in (("ready", "go"), ("done", "fence")):
            for program in programs:
                assert program.next() == word
            servers = proxy.server_processes()
            for program in programs:
                program.say(reply)
        for program in programs:
            reports |= program.next()
            program.output(SECONDS)
    return reports, servers
