"""64 clients of three kinds at once, all with the same ids and tokens: everything reaches its owner only."""

from contextlib import ExitStack

import pytest

from harness.paths import EVERYTHING_V1, PYTHON, TESTS
from harness.processes import wait_until
from harness.programs import Program
from many_clients import judge

# Kind → driver program, URL of the proxy it uses, number of clients.
KINDS = {
    "typescript-http": (["node", str(TESTS / "many_clients" / "swarm.mjs")], "http", 22),
    "typescript-sse": (["node", str(TESTS / "many_clients" / "swarm.mjs")], "sse", 21),
    "python-http": ([PYTHON, str(TESTS / "many_clients" / "swarm.py")], "http", 21),
}
CLIENTS = sum(number for _, _, number in KINDS.values())
# In session mode 64 Node processes start on two cores before the first answers come.
SECONDS = 120
# Long enough for calls of equal ids to be cancelled by others meanwhile.
SLOW_MS = 1000
# Processes that may stay for the next client once all are gone: a warm one, the one first probed.
SPARES = 2


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["session", "shared"])
def test_every_message_reaches_exactly_its_owner(mode, start_proxy):
    proxy = start_proxy(EVERYTHING_V1, mode, options=["--max-processes", "96", "--max-sessions", "96"])
    owners = {kind: _owners(kind, number) for kind, (_, _, number) in KINDS.items()}
    reports = {}
    with ExitStack() as stack:
        programs = []
        for kind, (argv, transport, _) in KINDS.items():
            url = proxy.sse_url if transport == "sse" else proxy.url
            task = {"transport": transport, "url": url, "owners": owners[kind], "seconds": SECONDS, "slowMs": SLOW_MS}
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

    assert len(reports) == CLIENTS
    assert len({tuple(judge.call_ids(report)) for report in reports.values()}) == 1, "ids and tokens must collide"
    every = [owner for kind in owners.values() for owner in kind]
    found = [p for o in every for p in judge.problems(**o, interactive=mode == "session", report=reports[o["name"]])]
    assert not found, f"{len(found)} problems\n" + "\n".join(found[:40])

    if mode == "shared":
        assert len(servers) == 1, "one process serves everybody"
    else:
        assert len(servers) >= CLIENTS, "every client has its own process"
        wait_until(lambda: len(proxy.server_processes()) <= SPARES, 20, "the processes of ended sessions are gone")


def _owners(kind: str, number: int) -> list[dict]:
    return [{"name": f"{kind}-{n:02}", "cancels": n % 2 == 0} for n in range(number)]
