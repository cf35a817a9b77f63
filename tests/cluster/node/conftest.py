"""Fixtures of the tests with Waggle in a cluster whose pods run."""

import uuid
from collections.abc import Iterator

import pytest

from testbed.kubectl import Kubectl


@pytest.fixture(scope="module")
def shared_namespace(waggle, admin, session_namespaces) -> Iterator[Kubectl]:
    """kubectl in a namespace that the tests of a module share."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield admin.in_namespace(name)
    admin.delete("namespace", name, wait=False)
    session_namespaces.append(name)
