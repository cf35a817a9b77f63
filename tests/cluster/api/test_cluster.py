"""The API server tier itself."""

import json

import pytest

from testbed.kubectl import Refused

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.selftest.example"},
    "spec": {
        "group": "selftest.example",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"size": {"type": "integer"}},
                                "x-kubernetes-validations": [
                                    {"rule": "self.size < 10", "message": "a widget is smaller than 10"}
                                ],
                            }
                        },
                    }
                },
            }
        ],
    },
}


def test_it_says_its_version(admin):
    version = json.loads(admin("version", "--output=json"))
    assert version["serverVersion"]["gitVersion"].startswith("v1.36.")
    assert version["serverVersion"]["minor"] == "36"


def test_a_definition_is_served_with_its_rules_and_conflicts_are_told(admin, kubectl):
    admin.apply(WIDGETS)
    admin.wait("crd/widgets.selftest.example", "Established")
    widget = {"apiVersion": "selftest.example/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    kubectl.apply(widget, manager="one")
    with pytest.raises(Refused, match="a widget is smaller than 10"):
        kubectl.apply({**widget, "spec": {"size": 11}}, manager="one")
    with pytest.raises(Refused, match='conflict with "one"'):
        kubectl.apply({**widget, "spec": {"size": 4}}, manager="two")
    kubectl.apply({**widget, "spec": {"size": 4}}, manager="two", force=True)
    assert kubectl.get("widget", "w")["spec"] == {"size": 4}
    admin.delete("crd", "widgets.selftest.example")


def test_who_has_no_right_is_refused_until_it_is_granted(kubectl):
    with pytest.raises(Refused, match='User "alice" cannot list resource "configmaps"'):
        kubectl.as_user("alice").list("configmaps")
    kubectl("create", "serviceaccount", "reader")
    reader = kubectl.as_service_account("reader")
    with pytest.raises(Refused, match=f"system:serviceaccount:{kubectl.namespace}:reader"):
        reader.list("configmaps")
    kubectl("create", "role", "read", "--verb=list", "--resource=configmaps")
    kubectl("create", "rolebinding", "read", "--role=read", f"--serviceaccount={kubectl.namespace}:reader")
    reader.wait_right("list", "configmaps")
    kubectl.wait("configmap/kube-root-ca.crt", "create")
    assert [one["metadata"]["name"] for one in reader.list("configmaps")] == ["kube-root-ca.crt"]
    with pytest.raises(Refused, match='cannot list resource "secrets"'):
        reader.list("secrets")


def test_the_garbage_of_an_owner_is_collected(kubectl):
    kubectl("create", "configmap", "owner")
    uid = kubectl.get("configmap", "owner")["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [reference]}}
    )
    kubectl.delete("configmap", "owner")
    kubectl.wait("configmap/owned", "delete")


def test_a_watch_sees_what_is_made_after_it(kubectl):
    with kubectl.watch("configmaps", "metadata.name=late") as events:
        kubectl("create", "configmap", "late", "--from-literal=key=value")
        assert next(events)["object"]["data"] == {"key": "value"}


def test_the_api_server_can_be_stopped_in_the_middle(cluster, kubectl):
    kubectl("create", "configmap", "kept", "--from-literal=key=value")
    with cluster.service("apiserver").stopped():
        with pytest.raises(Refused, match="refused"):
            kubectl.get("configmap", "kept")
    cluster.wait_ready()
    assert kubectl.get("configmap", "kept")["data"] == {"key": "value"}


def test_a_deleted_namespace_goes(admin, make_namespace):
    kubectl = make_namespace()
    kubectl("create", "configmap", "inside")
    admin.delete("namespace", kubectl.namespace)
    assert not admin.exists("namespace", kubectl.namespace)
