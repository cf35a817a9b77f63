"""Fixtures of the tests against an API server alone."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest

from testbed.controller import ROOT, Controller, Release
from testbed.kubectl import Kubectl, Refused

DEFINITION = ROOT / "crds" / "mcpservers.yaml"
SERVERS = "mcpservers.waggle.dev"
SERVED_SECONDS = 30


@pytest.fixture(scope="module")
def definition(admin) -> Kubectl:
    """kubectl as the administrator where the definition of this checkout is served."""
    admin("apply", "--server-side", "--force-conflicts", f"--filename={DEFINITION}")
    admin.wait(f"crd/{SERVERS}", "Established")
    # A schema is served a moment after it was written, an old one until then.
    empty = {"apiVersion": "waggle.dev/v1alpha1", "kind": "MCPServer", "metadata": {"name": "x"}, "spec": {}}
    deadline = time.monotonic() + SERVED_SECONDS
    while True:
        try:
            admin("create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=json.dumps(empty))
        except Refused as refused:
            if "write exactly one of `image`" in str(refused):
                return admin
        assert time.monotonic() < deadline, "the schema is not served"


class Controllers:
    """Installs releases and starts controllers; all of it ends with the fixture."""

    def __init__(self, cluster, make_namespace):
        self._cluster = cluster
        self._make_namespace = make_namespace
        self._releases: list[Release] = []
        self._started: list[Controller] = []

    def install(self, *values: str) -> Release:
        """The chart, in a namespace of its own."""
        release = Release(self._make_namespace(), self._cluster.state, *values)
        self._releases.append(release)
        return release

    def start(self, release: Release, identity: str = "first", *options: str) -> Controller:
        """A process that is ready."""
        controller = release.start(identity, options)
        self._started.append(controller)
        return controller.wait_ready()

    def end(self) -> None:
        """Every process that still runs ends well."""
        codes = {one.identity: one.stop() for one in self._started if one.running}
        for release in self._releases:
            release.uninstall()
        assert set(codes.values()) <= {0}, codes
        panics = [one.log for one in self._started if "panicked" in one.text()]
        assert not panics, panics


@pytest.fixture
def controllers(cluster, definition, make_namespace) -> Iterator[Controllers]:
    """Controllers of this test alone."""
    controllers = Controllers(cluster, make_namespace)
    yield controllers
    controllers.end()


@pytest.fixture(scope="module")
def running(cluster, definition, session_namespaces) -> Iterator[tuple[Controller, Release]]:
    """A controller that watches the whole cluster, for all tests of a module."""
    namespace = f"controller-{uuid.uuid4().hex[:8]}"
    definition("create", "namespace", namespace)
    release = Release(definition.in_namespace(namespace), cluster.state)
    controller = release.start()
    try:
        yield controller.wait_ready(), release
        assert controller.running, controller.text()[-4000:]
    finally:
        code = controller.stop()
        release.uninstall()
        definition.delete("namespace", namespace, wait=False)
        session_namespaces.append(namespace)
    assert code == 0 and "panicked" not in controller.text(), controller.text()[-4000:]
