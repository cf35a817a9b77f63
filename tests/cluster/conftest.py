"""Fixtures of the tests in a cluster."""

import uuid
from collections.abc import Iterator

import pytest

from testbed import product
from testbed.cluster import Cluster
from testbed.images import Images
from testbed.kubectl import Kubectl

# A namespace goes once its pods have ended, which is up to their grace period.
GONE_SECONDS = 90

_namespaces = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster of this run, and its processes."""
    return Cluster()


@pytest.fixture(scope="session")
def admin(cluster) -> Kubectl:
    """kubectl as the administrator."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def images() -> Images:
    """Builds images and gives them to the node."""
    return Images()


@pytest.fixture(scope="session")
def session_namespaces(admin) -> Iterator[list[str]]:
    """All namespaces of this run: they must be gone with it."""
    names: list[str] = []
    yield names
    # What ignores SIGTERM as the first process of its container would take its whole grace period.
    for name in {one["metadata"]["name"] for one in admin.list("namespaces")} & set(names):
        admin.in_namespace(name)("delete", "pods", "--all", "--grace-period=1", "--wait=false")
    for name in names:
        admin.wait(f"namespace/{name}", "delete", GONE_SECONDS)


@pytest.fixture(scope="module")
def module_namespace(admin, session_namespaces) -> Iterator[Kubectl]:
    """kubectl as the administrator, in a namespace that the tests of a file share."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    admin("create", "namespace", name)
    yield admin.in_namespace(name)
    admin.delete("namespace", name, wait=False)
    session_namespaces.append(name)


@pytest.fixture
def make_namespace(admin, session_namespaces, request):
    """Makes namespaces (`make_namespace(labels={…})`), each as a `Kubectl` in it; they are deleted with the test."""
    made = request.node.stash[_namespaces] = []

    def make(labels: dict[str, str] | None = None) -> Kubectl:
        name = f"test-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name, "labels": labels or {}}
        admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        made.append(name)
        return admin.in_namespace(name)

    yield make
    for name in made:
        admin.delete("namespace", name, wait=False)
        session_namespaces.append(name)


@pytest.fixture
def kubectl(make_namespace) -> Kubectl:
    """kubectl as the administrator, in a namespace of this test's own."""
    return make_namespace()


@pytest.fixture(scope="session")
def waggle(admin, images) -> Iterator[Kubectl]:
    """Waggle is installed by Helm, and the node has the images of `testbed.product`; kubectl in its namespace."""
    product.build_images(images)
    with product.installed(admin) as there:
        yield there


@pytest.fixture
def serve(waggle, kubectl):
    """Makes servers (`serve(product.echo())`) in the test's namespace; each is ready."""

    def make(resource: dict, ready: bool = True) -> product.Server:
        kubectl.apply(resource)
        server = product.Server(kubectl, resource["metadata"]["name"])
        return server.wait_ready() if ready else server

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test tells what the cluster says."""
    report = yield
    if report.failed and "cluster" in getattr(item, "funcargs", {}):
        cluster = item.funcargs["cluster"]
        report.sections.append(("the cluster", cluster.report(item.stash.get(_namespaces, []))))
    return report
