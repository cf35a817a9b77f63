"""Questions of a running tool, end to end, for every pair of a client's era and a server's.

A legacy server asks by requests of its own and waits, a modern one answers that input is required; a legacy
client is asked by requests, a modern one by results. All clients are there at once, and every answer names
its client and the question, so that a question that reaches the wrong one is seen.
"""

import asyncio
import json

import pytest

from clients.peers import ANSWERING_PEERS, reports
from clients.real_servers import text
from harness.modern_http import discover
from harness.paths import EVERYTHING_V1, EVERYTHING_V2, MODERN_ONLY
from harness.proxy import Proxy

SERVERS = {"legacy": EVERYTHING_V1, "dual": EVERYTHING_V2, "modern-only": MODERN_ONLY}
ROUNDS = 3
SECONDS = 240


@pytest.fixture(scope="module", params=SERVERS)
def seen(request, tmp_path_factory) -> dict[str, dict | AssertionError]:
    """What each client reported."""
    with Proxy(SERVERS[request.param], None, tmp_path_factory.mktemp("log") / "proxy.log") as proxy:
        # The server is asked what it speaks while it has the machine for itself.
        asyncio.run(discover(proxy.url))
        programs = {
            name: peer.start(name, proxy, _calls(name), interactive=True) for name, peer in ANSWERING_PEERS.items()
        }
        return reports(programs, SECONDS)


@pytest.mark.parametrize("client", ANSWERING_PEERS)
def test_client_answers_its_own_questions(client, seen):
    report = seen[client]
    if isinstance(report, AssertionError):
        raise report
    assert report["era"] == ANSWERING_PEERS[client].spoken
    elicited, sampled, roots, interview = [text(result) for result in report["results"]]
    accepted = {"action": "accept", "content": {"answer": f"{client} answers {client} elicit"}}
    assert json.loads(elicited) == accepted
    assert sampled == f"{client} answers {client} sample"
    assert json.loads(roots) == [f"file:///{client}"]
    assert json.loads(interview) == [f"{client} answers {client} {n}" for n in range(1, ROUNDS + 1)]


def _calls(name: str) -> list[dict]:
    return [
        {"tool": "elicit", "arguments": {"message": f"{name} elicit"}},
        {"tool": "sample", "arguments": {"prompt": f"{name} sample"}},
        {"tool": "roots", "arguments": {}},
        {"tool": "interview", "arguments": {"label": name, "rounds": ROUNDS}},
    ]

