"""The cluster that this run is in."""

import os
from pathlib import Path

import pytest

from harness.processes import wait_until
from testbed.kubectl import Kubectl, Refused
from testbed.services import Service

READY_SECONDS = 60


class Cluster:
    """Booted by `testbed`, or given by $WAGGLE_KUBECONFIG: then its processes are out of reach."""

    def __init__(self):
        self.tier = os.environ["CLUSTER_TIER"]
        state = os.environ.get("CLUSTER_STATE")
        self.state = Path(state) if state else None
        self.kubectl = Kubectl()

    @property
    def given(self) -> bool:
        """Whether somebody else runs it."""
        return self.state is None

    def service(self, name: str) -> Service:
        """A process of the cluster: `apiserver`, `etcd`, `controller-manager`; on a node also `kubelet`, `envoy`, ….

        `stop`, `start`, `with service.stopped():`, `tail`, `pid`. Skips the test in a given cluster.
        """
        if self.given:
            pytest.skip(f"{name} of the given cluster is out of reach")
        service = Service(self.state, name)
        assert service.log.exists(), f"no service {name}; there are {[one.name for one in Service.all(self.state)]}"
        return service

    def wait_ready(self) -> None:
        """Until the API server answers again."""

        def ready() -> bool:
            try:
                return self.kubectl("get", "--raw=/readyz", seconds=10) == "ok"
            except Refused:
                return False

        wait_until(ready, READY_SECONDS, "the API server is ready")

    def report(self, namespaces: list[str]) -> str:
        """What a person wants to read when a test has failed."""
        parts = []
        for namespace in namespaces:
            here = self.kubectl.in_namespace(namespace)
            parts += [
                _said(here, "get", "all", "--output=wide"),
                _said(here, "get", "events", "--sort-by=.lastTimestamp"),
            ]
            for pod in _said(here, "get", "pods", "--output=name").split():
                if pod.startswith("pod/"):
                    parts.append(f"{pod}:\n" + _said(here, "logs", pod, "--all-containers", "--prefix", "--tail=60"))
        if not self.given:
            for service in Service.all(self.state):
                state = "running" if service.running else "NOT RUNNING"
                parts.append(f"{service.name} ({state}):\n{service.tail(15)}")
        return "\n\n".join(part for part in parts if part)


def _said(kubectl: Kubectl, *words: str) -> str:
    """Even when it fails: this is for a report about something worse."""
    try:
        return kubectl(*words, seconds=10)
    except Exception as failure:
        return str(failure)
