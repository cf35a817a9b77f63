"""What service accounts ask of the API server, by its own audit log: whole requests, in order, with their answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # A request is logged once it is answered, before the client reads the answer; a watch when it starts.
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


def flags(state: Path) -> list[str]:
    """For kube-apiserver."""
    policy = state / "audit-policy.json"
    policy.write_text(json.dumps(_POLICY))
    _path(state).parent.mkdir(parents=True, exist_ok=True)
    return [f"--audit-policy-file={policy}", f"--audit-log-path={_path(state)}"]


@dataclass(frozen=True)
class Request:
    """One request: `patch` of `apps/deployments` `mcp-x`; answered with 200."""

    verb: str
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it was meant to change something."""
        return self.verb in WRITES


class Trail:
    """The requests of one service account from now on."""

    def __init__(self, state: Path, namespace: str, account: str):
        self._path = _path(state)
        self._user = f"system:serviceaccount:{namespace}:{account}"
        self._start = self._path.stat().st_size if self._path.exists() else 0

    def __iter__(self) -> Iterator[Request]:
        seen = set()
        with self._path.open() as log:
            log.seek(self._start)
            for line in log:
                # The last line may be half written.
                if not line.endswith("\n"):
                    return
                event = json.loads(line)
                if event["user"]["username"] != self._user or event["auditID"] in seen:
                    continue
                seen.add(event["auditID"])
                yield _request(event)

    def writes(self) -> list[Request]:
        """All that were meant to change something, but for the Lease, which is renewed for ever."""
        return [one for one in self if one.is_write and one.resource != "coordination.k8s.io/leases"]


def _request(event: dict) -> Request:
    about = event.get("objectRef", {})
    parts = [about.get("apiGroup", ""), about.get("resource", event["requestURI"]), about.get("subresource", "")]
    return Request(
        event["verb"],
        "/".join(part for part in parts if part),
        about.get("namespace", ""),
        about.get("name", ""),
        event.get("responseStatus", {}).get("code", 0),
    )


def _path(state: Path) -> Path:
    return state / "log" / "audit.log"
