"""Fixtures of the tests with Waggle in a cluster whose pods run."""

import uuid
from collections.abc import Iterator

import pytest

from testbed import product, registry
from testbed.kubectl import Kubectl
from testbed.product import Server


@pytest.fixture(scope="session")
def product_images(images) -> None:
    """The node has the images of `testbed.product`."""
    product.build_images(images)


@pytest.fixture(scope="session")
def waggle(admin, product_images) -> Iterator[Kubectl]:
    """Waggle is installed by Helm; kubectl in its namespace."""
    with product.installed(admin, f"--set=registry.insecure={{{registry.HOST}}}") as there:
        yield there


@pytest.fixture
def serve(waggle, kubectl):
    """Makes servers (`serve(product.echo())`) in the test's namespace; each is ready."""

    def make(resource: dict, ready: bool = True) -> Server:
        kubectl.apply(resource)
        server = Server(kubectl, resource["metadata"]["name"])
        return server.wait_ready() if ready else server

    return make


@pytest.fixture(scope="module")
def shared_namespace(waggle, admin, session_namespaces) -> Iterator[Kubectl]:
    """kubectl in a namespace that the tests of a module share."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield admin.in_namespace(name)
    admin.delete("namespace", name, wait=False)
    session_namespaces.append(name)
