"""The charts and the examples in a real API server: every object is taken as it is, by Helm and by kubectl."""

import subprocess
from pathlib import Path

import pytest

from testbed.controller import helm
from testbed.kubectl import Refused

ROOT = Path(__file__).parents[3]
CHARTS = ROOT / "charts"
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
DEFINITION = "mcpservers.waggle.dev"
# What asks for definitions that no cluster has of itself.
PLAIN = [file for file in sorted(CHARTS.glob("waggle/ci/*-values.yaml")) if file.stem != "monitoring-values"]


@pytest.fixture(scope="module")
def definition(admin):
    """The chart of the definition, installed in `default`."""
    # What another module has left is not the chart's.
    admin.delete("crd", DEFINITION)
    helm("install", "waggle-crds", str(CHARTS / "waggle-crds"))
    admin.wait(f"crd/{DEFINITION}", "Established")
    yield
    helm("uninstall", "waggle-crds")
    admin.delete("crd", DEFINITION)


def test_the_definition_is_upgraded_kept_and_adopted_again(admin, definition):
    chart = str(CHARTS / "waggle-crds")
    helm("upgrade", "waggle-crds", chart, "--set=labels.team=x")
    assert admin.get("crd", DEFINITION)["metadata"]["labels"]["team"] == "x"
    uid = admin.get("crd", DEFINITION)["metadata"]["uid"]
    assert "[CustomResourceDefinition] mcpservers.waggle.dev" in helm("uninstall", "waggle-crds")
    assert "kubectl explain mcpservers.waggle.dev.spec" in helm("install", "waggle-crds", chart)
    assert admin.get("crd", DEFINITION)["metadata"]["uid"] == uid


@pytest.mark.parametrize("values", PLAIN, ids=lambda file: file.stem)
def test_install_upgrade_uninstall(admin, kubectl, definition, values):
    chart, name = str(CHARTS / "waggle"), kubectl.namespace
    helm("install", "waggle", chart, "--dry-run=server", f"--values={values}", namespace=name)
    assert not kubectl.exists("deployment", "waggle")
    notes = helm("install", "waggle", chart, namespace=name).split("NOTES:")[1]
    assert f"helm test waggle --namespace {name}" in notes and "claude mcp add --transport http" in notes
    # Strictly: no field that the API server would drop.
    rendered = helm("template", "other", chart, f"--values={values}", "--kube-version=1.36.0", "--set=fullnameOverride=", namespace=name)
    # Not by `kubectl`, which names a namespace: objects in others are refused then.
    create = ["kubectl", "create", "--dry-run=server", "--validate=strict", "--filename=-"]
    subprocess.run(create, input=rendered, text=True, check=True, timeout=60)
    helm("upgrade", "waggle", chart, f"--values={values}", namespace=name)
    helm("upgrade", "waggle", chart, "--reset-values", namespace=name)
    # Nothing of the values before is left.
    assert [one["metadata"]["name"] for one in kubectl.list("deployments")] == ["waggle"]
    assert kubectl.list("networkpolicies") == [] and kubectl.list("poddisruptionbudgets") == []
    helm("uninstall", "waggle", namespace=name)
    for kind in ("clusterroles", "clusterrolebindings"):
        assert [one for one in admin.list(kind) if one["metadata"]["name"].startswith(f"{name}:")] == []


def test_two_releases_of_one_name_live_beside_each_other(kubectl, make_namespace, definition):
    names = [kubectl.namespace, make_namespace().namespace]
    for name in names:
        helm("install", "waggle", str(CHARTS / "waggle"), namespace=name)
    for name in names:
        helm("uninstall", "waggle", namespace=name)


def test_what_the_account_may_do_and_what_not(admin, kubectl, definition):
    name = kubectl.namespace
    helm("install", "waggle", str(CHARTS / "waggle"), namespace=name)
    account = kubectl.as_service_account("waggle")
    account.in_namespace("default").wait_right("list", DEFINITION)
    assert account.in_namespace("default").list(DEFINITION) == []
    account("create", "--dry-run=server", "deployment", "x", "--image=x")
    account("get", "secrets", "none", "--ignore-not-found")
    for forbidden in (
        ["get", "secrets"],
        ["logs", "x"],
        ["get", "nodes"],
        ["delete", "pod", "x"],
        ["create", "--dry-run=server", "clusterrole", "x", "--verb=get", "--resource=pods"],
        ["delete", DEFINITION, "x"],
    ):
        with pytest.raises(Refused, match="orbidden"):
            account(*forbidden)
    helm("uninstall", "waggle", namespace=name)


def test_without_cluster_wide_rights(kubectl, make_namespace, definition):
    name, watched, other = kubectl.namespace, make_namespace().namespace, make_namespace().namespace
    helm("install", "waggle", str(CHARTS / "waggle"), f"--set=watchNamespaces={{{watched}}}", namespace=name)
    account = kubectl.as_service_account("waggle")
    account.in_namespace(watched).wait_right("list", DEFINITION)
    assert account.in_namespace(watched).list(DEFINITION) == []
    with pytest.raises(Refused, match="cannot list resource"):
        account.in_namespace(other).list(DEFINITION)
    with pytest.raises(Refused, match="cannot list resource"):
        account("get", DEFINITION, "--all-namespaces")
    helm("uninstall", "waggle", namespace=name)


def test_a_typing_mistake_in_values_is_told(kubectl, definition):
    with pytest.raises(Refused, match="additional properties 'replica' not allowed"):
        helm("install", "waggle", str(CHARTS / "waggle"), "--set=replica=2", namespace=kubectl.namespace)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_taken_as_it_is(kubectl, definition, file):
    kubectl("apply", "--validate=strict", "--filename", str(file))
    assert kubectl.list(DEFINITION)


def test_upgrade_from_the_last_release(admin, kubectl, tmp_path):
    tag = subprocess.run(["git", "-C", str(ROOT), "describe", "--tags", "--abbrev=0"], capture_output=True, text=True)
    if tag.returncode != 0:
        pytest.skip("nothing is released yet: upgrades are tested from the same charts with other values")
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", tag.stdout.strip(), "charts"], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=archive.stdout, check=True)
    for verb, charts in (("install", tmp_path / "charts"), ("upgrade", CHARTS)):
        helm(verb, "waggle-crds", str(charts / "waggle-crds"), namespace=kubectl.namespace)
        admin.wait(f"crd/{DEFINITION}", "Established")
        helm(verb, "waggle", str(charts / "waggle"), namespace=kubectl.namespace)
    for name in ("waggle", "waggle-crds"):
        helm("uninstall", name, namespace=kubectl.namespace)
    admin.delete("crd", DEFINITION)
