"""`MCPServer` resources, and what the controller has made of them."""

from typing import Any

from testbed.kubectl import WAIT_SECONDS, Kubectl

SERVERS = "mcpservers.waggle.dev"
# With a command, so that no registry is asked.
STDIO = {"image": "localhost/none:1", "command": ["/server", "--stdio"]}


def server(name: str, /, **spec: Any) -> dict[str, Any]:
    """A stdio server with more fields in its specification."""
    spec = spec if "remote" in spec else STDIO | spec
    return {"apiVersion": "waggle.dev/v1alpha1", "kind": "MCPServer", "metadata": {"name": name}, "spec": spec}


def condition(seen: dict, about: str) -> dict[str, Any]:
    """A condition of an object; without any field when it is not there."""
    found = [one for one in seen.get("status", {}).get("conditions", []) if one["type"] == about]
    return found[0] if found else {}


def settled(kubectl: Kubectl, name: str, holds=lambda seen: True, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
    """The resource once its status is that of its last edit, and `holds`."""

    def is_so(seen: dict) -> bool:
        generation = seen["metadata"]["generation"]
        return seen.get("status", {}).get("observedGeneration") == generation and holds(seen)

    return kubectl.until(SERVERS, name, is_so, seconds)
