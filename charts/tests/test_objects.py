"""What holds for the objects, whatever the values."""

import json
import re
import tomllib
from collections import Counter

import pytest
import yaml
from conftest import CHARTS, helm

VALUES = sorted(CHARTS.glob("*/ci/*-values.yaml"))
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
ROOT = CHARTS.parent


def ids(path):
    return f"{path.parent.parent.name}-{path.stem}"


@pytest.mark.parametrize("file", VALUES, ids=ids)
def test_lint_finds_nothing_and_rendering_again_gives_the_same(text, file):
    chart = file.parent.parent
    helm("lint", "--strict", str(chart), f"--values={file}", "--kube-version=1.36.0")
    assert text(chart.name, files=[file]) == text(chart.name, files=[file])


@pytest.mark.parametrize("file", VALUES, ids=ids)
@pytest.mark.parametrize(("release", "namespace"), [("on", "1e3"), ("a.b", "null"), ("r" * 53, "n" * 63)])
def test_names_and_labels_are_texts_that_kubernetes_takes(render, file, release, namespace):
    objects = render(file.parent.parent.name, release, namespace, files=[file])
    for (kind, _), one in objects.items():
        metadata = one["metadata"]
        if kind in CLUSTER_SCOPED:
            assert "namespace" not in metadata
        elif kind != "ConfigMap" or "extra" not in metadata["name"]:
            assert isinstance(metadata["namespace"], str), (kind, metadata)
        if kind in {"Deployment", "Service", "ServiceAccount", "Pod", "MCPServer", "ConfigMap"}:
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", metadata["name"]), metadata["name"]
        if kind == "MCPServer":
            assert len(metadata["name"]) <= 59
        for name, value in {**metadata.get("labels", {}), **metadata.get("annotations", {})}.items():
            assert isinstance(value, str), (kind, name, value)
        for value in metadata.get("labels", {}).values():
            assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", value), value


def test_two_releases_share_nothing(render):
    own = Counter()
    for release, namespace in [("waggle", "a"), ("waggle", "b"), ("b-waggle", "a"), ("waggle", "a-b")]:
        own.update(render(release=release, namespace=namespace).keys())
    assert [key for key, count in own.items() if count > 1] == []


def test_rights_are_in_the_watched_namespaces_alone(render):
    everywhere = render()
    assert {one["metadata"]["name"] for one in everywhere.all("ClusterRole")} == {"n:r-waggle", "n:r-waggle:view", "n:r-waggle:edit"}
    there = render(values={"watchNamespaces": ["a", "b", "a"]})
    assert not [kind for kind, _ in there if kind in CLUSTER_SCOPED]
    roles = {one["metadata"]["namespace"]: one for one in there.all("Role")}
    assert set(roles) == {"a", "b", "n"}
    assert roles["a"]["rules"] == roles["b"]["rules"] == everywhere["ClusterRole", "/n:r-waggle"]["rules"]
    for binding in there.all("RoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "r-waggle", "namespace": "n"}]
    assert [arg for arg in there.controller()["args"] if arg.startswith("--watch")] == ["--watch-namespaces=a", "--watch-namespaces=b"]
    assert there.one("MCPServer")["metadata"]["namespace"] == "a"
    assert there.one("Pod")["spec"]["containers"][0]["command"][-1] == "http://mcp-r-waggle-test.a.svc/mcp"


def test_no_right_is_more_than_it_needs(render):
    rules = render()["ClusterRole", "/n:r-waggle"]["rules"]
    text = json.dumps(rules)
    for never in ['"*"', "pods/exec", "pods/attach", "pods/log", "nodes", "escalate", "bind", "impersonate", "clusterroles"]:
        assert never not in text
    secrets = [rule for rule in rules if "secrets" in rule["resources"]]
    assert secrets == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    without = render(values={"rbac": {"readPullSecrets": False}})["ClusterRole", "/n:r-waggle"]["rules"]
    assert [rule for rule in rules if rule not in without] == secrets
    lease = render()["Role", "n/r-waggle-leader"]["rules"]
    assert [rule for rule in lease if "resourceNames" not in rule][0]["verbs"] == ["create"]
    assert all(rule.get("resourceNames", ["r-waggle"]) == ["r-waggle"] for rule in lease)
    assert "--lease-name=r-waggle" in render().controller()["args"]


def test_nothing_is_made_when_rights_come_from_elsewhere(render):
    objects = render(values={"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "given"}})
    assert {kind for kind, _ in objects} == {"Deployment", "Service", "MCPServer", "Pod"}
    assert objects.pod()["serviceAccountName"] == "given"


@pytest.mark.parametrize("file", [file for file in VALUES if file.parent.parent.name == "waggle"], ids=ids)
def test_pods_are_restricted(render, file):
    objects = render(files=[file])
    for pod in [objects.pod(), objects.one("Pod")["spec"]]:
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_secrets_are_never_written_into_objects(render):
    for file in VALUES:
        for kind, name in render(file.parent.parent.name, files=[file]):
            assert kind != "Secret", (file, name)


def test_common_labels_are_everywhere_but_in_selectors(render):
    values = {"commonLabels": {"team": "x", "app.kubernetes.io/name": "stolen"}, "podLabels": {"tier": "y"}, "metrics": {"dashboard": {"enabled": True}}}
    objects = render(values=values)
    for one in objects.values():
        assert one["metadata"]["labels"]["team"] == "x"
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "waggle"
    deployment = objects.one("Deployment")["spec"]
    assert set(deployment["selector"]["matchLabels"]) == {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}
    assert deployment["template"]["metadata"]["labels"]["tier"] == "y"
    for name, value in deployment["selector"]["matchLabels"].items():
        assert deployment["template"]["metadata"]["labels"][name] == value


def test_what_prometheus_selects_is_there(render):
    file = CHARTS / "waggle/ci/monitoring-values.yaml"
    objects = render(files=[file])
    monitor, service = objects.one("ServiceMonitor")["spec"], objects.one("Service")
    for name, value in monitor["selector"]["matchLabels"].items():
        assert service["metadata"]["labels"][name] == value
    assert monitor["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]
    rules = objects.one("PrometheusRule")["spec"]["groups"][0]["rules"]
    assert f'service="{service["metadata"]["name"]}"' in rules[0]["expr"]
    assert all(rule["labels"]["team"] == "platform" and rule["labels"]["severity"] for rule in rules)
    assert objects.one("PodMonitor")["spec"]["namespaceSelector"] == {"any": True}
    few = render(files=[file], values={"watchNamespaces": ["a"]}).one("PodMonitor")["spec"]["namespaceSelector"]
    assert few == {"matchNames": ["a"]}


def test_every_metric_that_is_shown_or_watched_exists(render):
    objects = render(files=[CHARTS / "waggle/ci/monitoring-values.yaml"], values={"metrics": {"dashboard": {"enabled": True}}})
    dashboard = json.loads(objects.one("ConfigMap")["data"]["waggle.json"])
    shown = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    watched = " ".join(rule["expr"] for rule in objects.one("PrometheusRule")["spec"]["groups"][0]["rules"])
    names = set(re.findall(r"\bwaggle_[a-z_]+\b", shown + " " + watched)) - {"waggle_dev_server"}
    assert len(names) > 10
    programs = {"waggle_controller_": ROOT / "controller/src/metrics.rs", "waggle_": ROOT / "proxy/src/telemetry/metrics.rs"}
    for name in names:
        prefix, file = next((prefix, file) for prefix, file in programs.items() if name.startswith(prefix))
        if not file.exists():
            continue
        plain = re.sub(r"(_bytes|_seconds)?(_total|_bucket|_count|_sum)?$", "", name.removeprefix(prefix))
        assert f'"{plain}"' in file.read_text(), f"{file.name} has no {name}"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_the_definition_is_the_generated_one_and_is_kept(render):
    generated = yaml.safe_load((ROOT / "crds/mcpservers.yaml").read_text())
    assert (CHARTS / "waggle-crds/files/mcpservers.yaml").read_text() == (ROOT / "crds/mcpservers.yaml").read_text()
    crd = render("waggle-crds", values={"labels": {"team": "x"}, "annotations": {"a": "b"}}).one("CustomResourceDefinition")
    assert crd["spec"] == generated["spec"]
    assert crd["metadata"]["annotations"] == {**generated["metadata"].get("annotations", {}), "a": "b", "helm.sh/resource-policy": "keep"}
    assert crd["metadata"]["labels"]["team"] == "x"
    gone = render("waggle-crds", values={"keep": False}).one("CustomResourceDefinition")
    assert "helm.sh/resource-policy" not in gone["metadata"].get("annotations", {})


def test_versions_agree():
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    for chart in ("waggle", "waggle-crds"):
        about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
        assert about["appVersion"] == version
    images = yaml.safe_load((CHARTS / "waggle/Chart.yaml").read_text())["annotations"]["artifacthub.io/images"]
    assert {one["image"].rsplit(":", 1)[1] for one in yaml.safe_load(images)} == {version}
    for name in ("proxy", "controller"):
        file = (ROOT / f"Dockerfile.{name}").read_text()
        assert f"ARG RUST_IMAGE=docker.io/library/rust:{toolchain}-alpine" in file
        assert f"ARG VERSION={version}\n" in file


CLI = ROOT / "controller/src/cli.rs"


@pytest.mark.skipif(not CLI.exists(), reason="the controller has no command line yet")
@pytest.mark.parametrize("file", [file for file in VALUES if file.parent.parent.name == "waggle"], ids=ids)
def test_every_argument_is_one_of_the_controller(render, file):
    options = re.findall(r"#\[arg\((.*?)\)\]\n\s+(\w+):", CLI.read_text(), re.DOTALL)
    fields = [field for words, field in options if re.search(r"\blong\b", words)]
    known = {f"--{field.replace('_', '-')}" for field in fields}
    assert {arg.split("=")[0] for arg in render(files=[file]).controller()["args"]} <= known
