"""What may be written, what each value does, and what is refused."""

import json

import pytest
import yaml
from conftest import CHARTS, Refused
from readme import Undocumented, documented


def schema(chart: str) -> dict:
    return json.loads((CHARTS / chart / "values.schema.json").read_text())


def keys(values: dict, prefix="") -> set[str]:
    found = set()
    for name, value in values.items():
        found.add(prefix + name)
        if isinstance(value, dict) and value:
            found |= keys(value, f"{prefix}{name}.")
    return found


def resolve(node: dict, root: dict) -> dict:
    while "$ref" in node:
        node = root["definitions"][node["$ref"].rsplit("/", 1)[1]]
    return node


def described(node: dict, root: dict, prefix="") -> set[str]:
    found = set()
    for name, value in resolve(node, root).get("properties", {}).items():
        found |= {prefix + name} | described(value, root, f"{prefix}{name}.")
    return found


@pytest.mark.parametrize("chart", ["waggle", "waggle-crds"])
def test_schema_and_values_name_the_same_keys(chart):
    values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    # What Kubernetes defines is not repeated in the schema, or more of it than there are defaults.
    foreign = ("podSecurityContext.", "securityContext.", "resources.", "proxy.resources.", "livenessProbe.",
               "readinessProbe.", "startupProbe.", "metrics.dashboard.labels.")  # fmt: skip
    ours = {key for key in keys(values) if not key.startswith(foreign)}
    assert ours == {key for key in described(schema(chart), schema(chart)) if not key.startswith(foreign)}


@pytest.mark.parametrize("chart", ["waggle", "waggle-crds"])
def test_every_object_of_the_schema_refuses_unknown_keys(chart):
    root = schema(chart)

    def check(node, path):
        if path != ".global" and "properties" in node:
            assert node.get("additionalProperties") is False, path
        for name, value in node.get("properties", {}).items():
            check(resolve(value, root), f"{path}.{name}")

    check(root, "")


def test_a_value_without_a_comment_is_found():
    assert documented("a:\n  # -- Meaning.\n  b: 1\n") == [("a.b", 1, "Meaning.")]
    with pytest.raises(Undocumented, match=r"^a\.c$"):
        documented("a:\n  # -- Meaning.\n  b: 1\n  c: 2\n")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 2}, "replica"),
        ({"image": {"tagg": "1"}}, "tagg"),
        ({"image": {"digest": "sha256:12"}}, "digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"proxy": {"injection": "auto"}}, "injection"),
        ({"metrics": {"port": 70000}}, "port"),
        ({"watchNamespaces": "default"}, "watchNamespaces"),
        ({"watchNamespaces": ["Default"]}, "watchNamespaces"),
        ({"servers": {"runAsUser": 0}}, "runAsUser"),
        ({"tests": {"wait": "2 minutes"}}, "wait"),
        ({"replicas": 2, "leaderElection": {"enabled": False}}, "set leaderElection.enabled=true or replicas=1"),
        ({"registry": {"ca": {"existingSecret": "a", "existingConfigMap": "b"}}}, "keep one of them"),
        (
            {"metrics": {"service": {"enabled": False}, "serviceMonitor": {"enabled": True}}},
            "needs metrics.service.enabled=true",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(text, values, said):
    with pytest.raises(Refused) as refused:
        text(values=values)
    assert said in str(refused.value)


def test_an_old_kubernetes_is_refused(text):
    with pytest.raises(Refused, match="chart requires kubeVersion: >= 1.29.0"):
        text(kubernetes="1.28.9")


@pytest.mark.parametrize(
    ("values", "controller", "proxy"),
    [
        ({}, "ghcr.io/waggle-mcp/waggle-controller:0.1.0", "ghcr.io/waggle-mcp/waggle-proxy:0.1.0"),
        (
            {"global": {"imageRegistry": "m.example:5000"}},
            "m.example:5000/waggle-mcp/waggle-controller:0.1.0",
            "m.example:5000/waggle-mcp/waggle-proxy:0.1.0",
        ),
        (
            {"global": {"imageRegistry": "m.example"}, "proxy": {"image": {"registry": "p.example/cache", "tag": "7"}}},
            "m.example/waggle-mcp/waggle-controller:0.1.0",
            "p.example/cache/waggle-mcp/waggle-proxy:7",
        ),
        (
            {"image": {"repository": "team/c", "registry": "localhost:1"}, "proxy": {"image": {"repository": "team/p"}}},
            "localhost:1/team/c:0.1.0",
            "team/p:0.1.0",
        ),
        (
            {"image": {"tag": "x", "digest": "sha256:" + "a" * 64}},
            "ghcr.io/waggle-mcp/waggle-controller@sha256:" + "a" * 64,
            "ghcr.io/waggle-mcp/waggle-proxy:0.1.0",
        ),
    ],
)
def test_images(render, values, controller, proxy):
    objects = render(values=values)
    assert objects.controller()["image"] == controller
    assert f"--proxy-image={proxy}" in objects.controller()["args"]
    assert objects.one("MCPServer")["spec"]["image"] == proxy


def test_pull_secrets_go_to_whom_they_are_for(render):
    values = {
        "global": {"imagePullSecrets": ["all"]},
        "imagePullSecrets": [{"name": "own"}, "all"],
        "proxy": {"imagePullSecrets": ["data"]},
    }
    objects = render(values=values)
    assert objects.pod()["imagePullSecrets"] == [{"name": "all"}, {"name": "own"}]
    args = objects.controller()["args"]
    assert [arg for arg in args if arg.startswith("--proxy-pull-secret")] == [
        "--proxy-pull-secret=all",
        "--proxy-pull-secret=data",
    ]


def test_no_user_id_where_the_platform_assigns_one(render):
    assert "--run-as=65532" in render().controller()["args"]
    objects = render(values={"servers": {"runAsUser": None}})
    assert "--run-as=none" in objects.controller()["args"]
    assert "runAsUser" not in json.dumps(objects.pod())


def test_certificates_of_a_registry(render):
    for source, volume in [
        ("existingSecret", {"secret": {"secretName": "ca", "items": [{"key": "k", "path": "ca.crt"}]}}),
        ("existingConfigMap", {"configMap": {"name": "ca", "items": [{"key": "k", "path": "ca.crt"}]}}),
    ]:
        objects = render(values={"registry": {"ca": {source: "ca", "key": "k"}}})
        assert objects.pod()["volumes"] == [{"name": "registry-ca", **volume}]
        (mount,) = objects.controller()["volumeMounts"]
        assert f"--registry-ca={mount['mountPath']}/ca.crt" in objects.controller()["args"]
    assert not any(arg.startswith("--registry-ca") for arg in render().controller()["args"])


def test_what_is_extra_is_passed_on(render):
    volume, mount = {"name": "v", "emptyDir": {}}, {"name": "v", "mountPath": "/v"}
    objects = render(
        values={
            "extraArgs": ["--resync=1h"],
            "extraEnv": [{"name": "A", "value": "b"}],
            "extraVolumes": [volume],
            "extraVolumeMounts": [mount],
            "extraObjects": [
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "{{ .Release.Name }}-x"}},
                "apiVersion: v1\nkind: Secret\nmetadata: {name: y-{{ .Release.Namespace }}}",
            ],
            "priorityClassName": "high",
            "nodeSelector": {"a": "b"},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        }
    )
    pod, container = objects.pod(), objects.controller()
    assert container["args"][-1] == "--resync=1h" and {"name": "A", "value": "b"} in container["env"]
    assert pod["volumes"] == [volume] and container["volumeMounts"] == [mount]
    assert {one["metadata"]["name"] for one in objects.all("Secret")} == {"r-x", "y-n"}
    assert pod["priorityClassName"] == "high" and pod["nodeSelector"] == {"a": "b"}
    selector = objects.one("Deployment")["spec"]["selector"]
    assert pod["topologySpreadConstraints"][0]["labelSelector"] == selector


def test_a_disruption_budget_by_either_number(render):
    assert render().all("PodDisruptionBudget") == []
    for values, spec in [({}, {"maxUnavailable": 1}), ({"minAvailable": "50%"}, {"minAvailable": "50%"})]:
        budget = render(values={"replicas": 2, "podDisruptionBudget": {"enabled": True, **values}})
        found = budget.one("PodDisruptionBudget")["spec"]
        assert found.pop("selector") == budget.one("Deployment")["spec"]["selector"]
        assert found == spec
