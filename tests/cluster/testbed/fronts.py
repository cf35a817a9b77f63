"""The way to a server as clients have it."""

from dataclasses import dataclass
from typing import Any

import httpx

from harness.processes import wait_until

# A route is programmed a moment after its object.
ROUTED_SECONDS = 30


@dataclass(frozen=True)
class Front:
    """A URL, as `harness.proxy.Proxy` has it, of a proxy that runs elsewhere."""

    url: str

    @property
    def sse_url(self) -> str:
        """For clients of HTTP+SSE."""
        return self.url.removesuffix("/mcp") + "/sse"

    def server_processes(self) -> set[int]:
        """They are not to be seen from here."""
        return set()


def routed(url: str, verify: Any = True) -> Front:
    """The way to the proxy once the route leads there: it refuses what is no message, in its own words."""

    def answered() -> bool:
        try:
            return httpx.post(url, json={"jsonrpc": "2.0"}, timeout=5, verify=verify).status_code == 400
        except httpx.TransportError:
            return False

    wait_until(answered, ROUTED_SECONDS, f"an answer of the proxy from {url}")
    return Front(url)
