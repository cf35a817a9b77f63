"""Real clients in front of real servers: all clients of a proxy at the same time, both process modes."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.peers import LEGACY_PEERS, PEERS, TYPESCRIPT1, reports
from clients.real_servers import REAL_SERVERS, RealServer
from harness.programs import Program
from harness.proxy import Proxy

CLIENTS = LEGACY_PEERS | {"inspector1": PEERS["inspector1"]}
# Five clients and up to as many servers start at once on two cores.
CLIENT_SECONDS = 240


@dataclass
class Front:
    """One proxy after all clients were there: what each reported, and what the server says directly."""

    server: RealServer
    home: Path
    direct: dict
    reports: dict[str, dict | AssertionError]


@pytest.fixture(
    scope="module",
    params=[(server, mode) for server in REAL_SERVERS for mode in ("session", "shared")],
    ids=lambda param: f"{param[0].name}-{param[1]}",
)
def front(request, tmp_path_factory) -> Front:
    server, mode = request.param
    home = tmp_path_factory.mktemp(server.name)
    log = tmp_path_factory.mktemp("log") / "proxy.log"
    command = server.command(home)
    with Proxy(command, mode, log) as proxy:
        programs = {name: peer.start(name, proxy, [_call(server, home, name)]) for name, peer in CLIENTS.items()}
        programs["direct"] = Program(TYPESCRIPT1, _stdio(command) | {"calls": [_call(server, home, "direct")]})
        seen = reports(programs, CLIENT_SECONDS)
    direct = seen.pop("direct")
    if isinstance(direct, AssertionError):
        raise direct  # the server itself does not work here
    return Front(server, home, direct, seen)


@pytest.mark.parametrize("client", CLIENTS)
def test_client_sees_the_server_itself(client, front):
    """The lists are those of the server without a proxy, and the call has its real effect."""
    report = front.reports[client]
    if isinstance(report, AssertionError):
        raise report
    for kind in ("server", "tools", "prompts", "resources"):
        if kind in report:  # Inspector's command line prints one list only
            assert _essence(report[kind]) == _essence(front.direct[kind]), kind
    (result,) = report["results"]
    front.server.check(result, front.home, client)


def _stdio(command: list[str]) -> dict:
    return {"name": "direct", "transport": "stdio", "command": command}


def _call(server: RealServer, home: Path, label: str) -> dict:
    return {"tool": server.tool, "arguments": server.arguments(home, label)}



def _essence(listed):
    """What must survive. `execution` goes with the task feature, which shared mode does not offer."""
    if isinstance(listed, list):
        return [{key: value for key, value in item.items() if key != "execution"} for item in listed]
    return listed
