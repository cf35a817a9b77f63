"""One URL for both eras: the official suite's two wires through one proxy, for each kind of server.

Every server is put behind one proxy per transport it speaks, with nothing but the defaults, and both
frozen lists of requirements run against that one URL.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from conformance import suite
from harness.modern_http import ModernClient
from harness.paths import EVERYTHING_V1, EVERYTHING_V2, MODERN_ONLY
from harness.programs import Program
from harness.proxy import Proxy

@dataclass(frozen=True)
class Limits:
    """What cannot be reached on the modern wire: the baseline's name, and how the suite counts it."""

    baseline: str
    counts: suite.Counts

    @property
    def path(self) -> Path:
        """The baseline itself."""
        return suite.HERE / "expected-failures" / f"{self.baseline}-{suite.MODERN}.yml"


@dataclass(frozen=True)
class Upstream:
    """A server, and how it is reached."""

    name: str
    command: list[str]
    transport: str | None = None
    limits: Limits | None = None
    options: tuple[str, ...] = ()


LEGACY = Limits("legacy", suite.LEGACY_SERVER)
UPSTREAMS = [
    Upstream("legacy-stdio", EVERYTHING_V1, limits=LEGACY),
    Upstream("legacy-http", EVERYTHING_V1, "http", LEGACY),
    Upstream("legacy-sse", EVERYTHING_V1, "sse", LEGACY),
    Upstream("dual-stdio", EVERYTHING_V2),
    Upstream("dual-http", EVERYTHING_V2, "http"),
    # Such a server takes a request that still shows its modern origin for just that.
    Upstream(
        "dual-http-as-legacy",
        EVERYTHING_V2,
        "http",
        Limits("dual-as-legacy", suite.DUAL_AS_LEGACY),
        ("--upstream-era", "legacy"),
    ),
    Upstream("modern-only-stdio", MODERN_ONLY),
    Upstream("modern-only-http", MODERN_ONLY, "http"),
]


@pytest.fixture(scope="module", params=UPSTREAMS, ids=lambda upstream: upstream.name)
def front(request, tmp_path_factory):
    """Which server it is, and a proxy in front of it."""
    upstream = request.param
    server = upstream.command
    log = tmp_path_factory.mktemp("log") / "proxy.log"
    with ExitStack() as stack:
        if upstream.transport:
            server = stack.enter_context(Program([*server, f"--{upstream.transport}", "0"])).line()
        proxy = stack.enter_context(Proxy(server, None, log, options=upstream.options))
        asyncio.run(_warm_up(proxy.url))
        yield upstream, proxy


@pytest.mark.parametrize("revision", suite.WITH_REQUIREMENTS)
def test_suite_passes_on_both_wires(front, revision, tmp_path):
    """Every scenario but the baseline's, and every check of it: a scenario skipped is not a scenario passed."""
    upstream, proxy = front
    limits = upstream.limits if revision == suite.MODERN else None
    run = suite.run(proxy.url, revision, tmp_path, expected_failures=limits.path if limits else None)
    assert run.exit_code == 0, f"{run.summary}\n{proxy.tail()}"
    assert suite.reached(run, revision) == suite.expected_behind_proxy(revision, limits.counts if limits else None)


async def _warm_up(url: str) -> None:
    """The suite gives a server 0.6 s for its first word; the start of a process may take longer than that.
    A call that may be asked back has a process of its own, which stays for the next one of its kind."""
    async with httpx.AsyncClient(timeout=60) as http:
        for capabilities in ({}, {"elicitation": {}}):
            params = {"name": "echo", "arguments": {"text": "warm"}}
            await ModernClient(http, url).request("tools/call", params, 1, capabilities=capabilities)
