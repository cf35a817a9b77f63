"""Every client of either era at once in front of one proxy, for each kind of server: one URL serves them all."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.peers import PEERS, TYPESCRIPT2, reports
from clients.real_servers import REAL_SERVERS, RealServer, text
from harness.modern_http import discover
from harness.paths import MODERN_ONLY
from harness.programs import Program
from harness.proxy import Proxy


def _check_echo(result, home, label):
    assert text(result) == label


LEGACY, DUAL = (next(server for server in REAL_SERVERS if server.name == name) for name in ("everything", "git"))
MODERN = RealServer(
    "modern-only", lambda home: MODERN_ONLY, "echo", lambda home, label: {"text": label}, _check_echo
)
# Some twenty clients start at once on two cores.
SECONDS = 240
# What tells one listed thing from another, and must survive in every era and every SDK.
ESSENTIAL = {"tools": ("name", "description", "inputSchema"), "prompts": ("name",), "resources": ("uri", "name")}


@dataclass
class Front:
    """One proxy after all clients were there: what each reported, and what the server says directly."""

    server: RealServer
    home: Path
    direct: dict
    reports: dict[str, dict | AssertionError]


@pytest.fixture(scope="module", params=[LEGACY, DUAL, MODERN], ids=lambda server: server.name)
def front(request, tmp_path_factory) -> Front:
    server = request.param
    home = tmp_path_factory.mktemp(server.name)
    command = server.command(home)

    def call(label: str) -> list[dict]:
        return [{"tool": server.tool, "arguments": server.arguments(home, label)}]

    alone = {"name": "direct", "transport": "stdio", "command": command, "era": "auto", "calls": call("direct")}
    with Program(TYPESCRIPT2, alone) as program:
        direct = json.loads(program.output(SECONDS))
    with Proxy(command, None, tmp_path_factory.mktemp("log") / "proxy.log") as proxy:
        # The server is asked what it speaks while it has the machine for itself.
        asyncio.run(discover(proxy.url))
        programs = {name: peer.start(name, proxy, call(name)) for name, peer in PEERS.items()}
        seen = reports(programs, SECONDS)
    return Front(server, home, direct, seen)


@pytest.mark.parametrize("client", PEERS)
def test_client_is_served_in_its_era(client, front):
    """It ends up in the era it asked for, sees what the server offers, and its own call has its own effect."""
    report = front.reports[client]
    if isinstance(report, AssertionError):
        raise report
    # Inspector's command line does not tell.
    assert report.get("era", PEERS[client].spoken) == PEERS[client].spoken
    if report.get("server"):
        assert report["server"]["name"] == front.direct["server"]["name"]
    for kind, keys in ESSENTIAL.items():
        if kind in report:
            listed = _essence(report[kind], keys)
            # A server may offer more to clients that declare more, as Inspector does.
            assert [item for item in _essence(front.direct[kind], keys) if item not in listed] == [], kind
    (result,) = report["results"]
    front.server.check(result, front.home, client)



def _essence(listed: list[dict] | None, keys: tuple[str, ...]) -> list[dict]:
    return [{key: item.get(key) for key in keys} for item in listed or []]
