"""64 clients at once, all with the same ids and tokens: everything reaches its owner only."""

import pytest

from harness.paths import EVERYTHING_V1, EVERYTHING_V2
from harness.processes import wait_until
from harness.programs import Program
from many_clients import crowd, judge

LEGACY = {"typescript-http": 22, "typescript-sse": 21, "python-http": 21}
BOTH_ERAS = {"typescript-http": 12, "typescript-sse": 10, "python-http": 10, "modern-http": 32}
SERVERS = {"legacy": EVERYTHING_V1, "modern": EVERYTHING_V2}
OPTIONS = ["--max-processes", "96", "--max-sessions", "96"]
# Processes that may stay for the next client once all are gone: a warm one, the one first probed.
SPARES = 2


@pytest.mark.parametrize("mode", ["session", "shared"])
def test_every_message_reaches_exactly_its_owner(mode, start_proxy):
    proxy = start_proxy(EVERYTHING_V1, mode, options=OPTIONS)
    everyone = crowd.members(LEGACY)
    reports, servers = crowd.run(proxy, everyone)

    own = mode == "session"
    _assert_all_right(everyone, reports, lambda member: {"interactive": own, "logged": own})
    if mode == "shared":
        assert len(servers) == 1, "one process serves everybody"
    else:
        assert len(servers) >= len(everyone), "every client has its own process"
        wait_until(lambda: len(proxy.server_processes()) <= SPARES, 120, "the processes of ended sessions are gone")


@pytest.mark.parametrize("mode", ["session", "shared", "auto"])
@pytest.mark.parametrize("server", SERVERS)
def test_clients_of_both_eras_do_not_meet(server, mode, start_proxy):
    """Half of them modern. What a shared process says in logs has no addressee; a legacy one asks nobody."""
    proxy = start_proxy(SERVERS[server], mode, options=OPTIONS)
    everyone = crowd.members(BOTH_ERAS)
    reports, _ = crowd.run(proxy, everyone)

    shared = server == "legacy" and mode == "shared"
    own = server == "legacy" and not shared
    _assert_all_right(
        everyone, reports, lambda member: {"interactive": not shared, "logged": own and not member.modern}
    )


@pytest.mark.parametrize(("server", "transport"), [("legacy", "http"), ("legacy", "sse"), ("modern", "http")])
def test_clients_of_both_eras_do_not_meet_behind_a_url(server, transport, start_proxy):
    """The same in front of a server that serves HTTP itself."""
    with Program([*SERVERS[server], f"--{transport}", "0"]) as upstream:
        proxy = start_proxy(upstream.line(), options=OPTIONS)
        everyone = crowd.members(BOTH_ERAS)
        reports, _ = crowd.run(proxy, everyone)
    own = server == "legacy"
    _assert_all_right(everyone, reports, lambda member: {"interactive": True, "logged": own and not member.modern})


def _assert_all_right(everyone, reports, expected):
    assert reports.keys() == {member.name for member in everyone}
    assert len({tuple(judge.call_ids(report)) for report in reports.values()}) == 1, "ids and tokens must collide"
    found = [
        problem
        for member in everyone
        for problem in judge.problems(member.name, member.cancels, report=reports[member.name], **expected(member))
    ]
    assert not found, f"{len(found)} problems\n" + "\n".join(found[:40])
