"""The official clients, each a program that lists and calls what a server offers.

Its argument is `{"name", "transport": "http"|"sse"|"stdio", "url" | "command", "era": "auto"|"modern"|"legacy",
"interactive", "calls": [{"tool", "arguments"}]}`. An interactive one declares elicitation, sampling and roots,
and answers with texts that name both itself and what it was asked. The report is `{"era", "server", "tools",
"prompts", "resources", "results"}`, as far as the program can tell.
"""

import json
from dataclasses import dataclass

from harness.paths import CLIENTS_PYTHON, PYTHON, RMCP_CLIENT, TESTS
from harness.programs import Program
from harness.proxy import Proxy

HERE = TESTS / "clients"
# The programs that can answer questions; Inspector's command line has nobody to ask.
TYPESCRIPT1 = ["node", str(HERE / "typescript1.mjs")]
TYPESCRIPT2 = ["node", str(HERE / "typescript2.mjs")]
PYTHON1 = [PYTHON, str(HERE / "python1.py")]
PYTHON2 = [CLIENTS_PYTHON, str(HERE / "python2.py")]
FASTMCP = [CLIENTS_PYTHON, str(HERE / "fastmcp_client.py")]
RMCP = [RMCP_CLIENT]
INSPECTOR = ["node", str(HERE / "inspector.mjs")]


@dataclass(frozen=True)
class Peer:
    """A client, how it connects, and the era it is told to speak; none for those that know one only."""

    program: list[str]
    transport: str = "http"
    era: str | None = None

    def start(self, name: str, proxy: Proxy, calls: list[dict], interactive: bool = False) -> Program:
        """The running program, in front of the proxy."""
        url = proxy.sse_url if self.transport == "sse" else proxy.url
        task = {"name": name, "transport": self.transport, "url": url, "calls": calls, "interactive": interactive}
        return Program(self.program, task | ({"era": self.era} if self.era else {}))

    @property
    def spoken(self) -> str:
        """The era it must end up in: whoever asks a proxy that speaks both is told so."""
        return "modern" if self.era in ("auto", "modern") else "legacy"


def _eras(name: str, program: list[str]) -> dict[str, Peer]:
    return {f"{name}-{era}": Peer(program, era=era) for era in ("auto", "modern", "legacy")}


LEGACY_PEERS = {
    "typescript1-http": Peer(TYPESCRIPT1),
    "typescript1-sse": Peer(TYPESCRIPT1, "sse"),
    "python1-http": Peer(PYTHON1),
    "python1-sse": Peer(PYTHON1, "sse"),
}
ANSWERING_PEERS = {
    **LEGACY_PEERS,
    **_eras("typescript2", TYPESCRIPT2),
    **_eras("python2", PYTHON2),
    **_eras("fastmcp", FASTMCP),
    **_eras("rmcp", RMCP),
}
PEERS = {**ANSWERING_PEERS, "inspector1": Peer(INSPECTOR), **_eras("inspector2", INSPECTOR)}


def reports(programs: dict[str, Program], seconds: float) -> dict[str, dict | AssertionError]:
    """What each running program reported in the end, or why it could not; one failure hides no other."""
    return {name: _report(program, seconds) for name, program in programs.items()}


def _report(program: Program, seconds: float) -> dict | AssertionError:
    with program:
        try:
            return json.loads(program.output(seconds))
        except AssertionError as failure:
            return failure
