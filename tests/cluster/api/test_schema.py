"""The definition of `MCPServer` in a real API server: what it accepts, what it refuses and in which words, what kubectl
shows of it, and how edits of two people merge."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from testbed.kubectl import Kubectl, Refused

CRDS = Path(__file__).resolve().parents[3] / "crds"
DEFINITION = CRDS / "mcpservers.yaml"
ACCEPTED = sorted((CRDS / "testdata" / "accepted").glob("*.yaml"))
REFUSED = sorted((CRDS / "testdata" / "refused").glob("*.yaml"))
# By its full name, as other operators have a kind `MCPServer` too.
SERVERS = "mcpservers.waggle.dev"


def server(spec: dict, name: str = "example") -> dict:
    return {"apiVersion": "waggle.dev/v1alpha1", "kind": "MCPServer", "metadata": {"name": name}, "spec": spec}


def judge(kubectl: Kubectl, manifest: str) -> None:
    """Lets the API server judge a manifest without keeping it."""
    kubectl("create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=manifest)


@pytest.mark.parametrize("file", ACCEPTED, ids=lambda file: file.stem)
def test_accepted(definition, file):
    judge(definition, file.read_text())


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.stem)
def test_refused_in_these_words(definition, file):
    text = file.read_text()
    expected = text.partition("\n")[0].removeprefix("# refused: ")
    with pytest.raises(Refused) as refused:
        judge(definition, text)
    # The refused value is repeated between the field and the sentence.
    said = re.sub(r'Invalid value: ("[^"]*"|-?\d+): ', "Invalid value: ", str(refused.value))
    assert expected in said or expected in str(refused.value)
    # A rule that could not be evaluated is a mistake in the rule.
    assert "rule evaluation" not in said and "no such key" not in said


def examples() -> Iterator:
    """The examples in the descriptions, for all fields but those inside lists, whose lists have examples themselves."""

    def walk(schema: dict, path: tuple[str, ...]) -> Iterator:
        for name, inner in schema.get("properties", {}).items():
            found = re.search(r"Example: `(.*)`$", inner.get("description", ""))
            if found:
                yield pytest.param((*path, name), found[1], id=".".join((*path, name)))
            yield from walk(inner, (*path, name))

    schema = yaml.safe_load(DEFINITION.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    yield from walk(schema["properties"]["spec"], ())


@pytest.mark.parametrize("path, example", list(examples()))
def test_examples_are_accepted(definition, path, example):
    spec = {"image": "notes:1"}
    if path[0] == "remote":
        spec = {"remote": {"url": "https://mcp.example.org/mcp"}}
    elif path[0] in ("transport", "port", "path"):
        spec |= {"transport": "streamable-http", "port": 3000}
    elif path[0] == "volumeMounts":
        spec |= {"volumes": [{"name": "data", "emptyDir": {}}]}
    elif path == ("service", "nodePort"):
        spec["service"] = {"type": "NodePort"}
    elif path[0] == "httpRoute":
        spec["httpRoute"] = {"parentRefs": [{"name": "public"}]}
    part = spec
    for name in path[:-1]:
        part = part.setdefault(name, {})
    part[path[-1]] = "EXAMPLE"
    # The example goes in word for word, to be read as kubectl reads it.
    judge(definition, json.dumps(server(spec)).replace('"EXAMPLE"', example))


def test_defaults_are_written_and_nulls_are_dropped(definition, kubectl):
    kubectl("create", "--filename=-", stdin=json.dumps(server({"image": "notes:1", "env": None, "process": None, "era": None})))
    assert kubectl.get(SERVERS, "example")["spec"] == {
        "image": "notes:1",
        "era": "auto",
        "process": {"mode": "auto"},
        "proxy": {"injection": "auto"},
        "service": {"type": "ClusterIP", "port": 80},
    }


def test_quantities_stay_as_they_were_written(definition, kubectl):
    resources = {"requests": {"cpu": 1, "memory": "0.5Gi"}, "limits": {"cpu": "1", "memory": 1000000000}}
    kubectl.apply(server({"image": "notes:1", "resources": resources}))
    assert kubectl.get(SERVERS, "example")["spec"]["resources"] == resources


def test_a_client_side_apply_can_keep_the_definition_in_an_annotation(definition):
    definition("apply", "--dry-run=server", f"--filename={DEFINITION}")
    size = len(json.dumps(yaml.safe_load(DEFINITION.read_text()), separators=(",", ":")))
    assert size < 176 * 1024


STATUS = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "ServerAnswers",
            "message": "clients can use the server",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
    ],
    "url": "http://mcp-example.test.svc.cluster.local/mcp",
    "transport": "stdio",
    "era": "legacy",
    "serverInfo": {"name": "notes-7151", "version": "1.4.0"},
    "tools": 13,
    "replicas": 3,
    "readyReplicas": 2,
    "selector": "waggle.dev/server=example",
}


def with_status(kubectl: Kubectl) -> Kubectl:
    kubectl.apply(server({"image": "notes:1"}))
    patch = json.dumps({"status": STATUS})
    kubectl("patch", SERVERS, "example", "--subresource=status", "--type=merge", f"--patch={patch}")
    return kubectl


def table(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]


def test_columns_by_every_name(definition, kubectl):
    with_status(kubectl)
    head, row = table(kubectl("get", "wmcp"))
    assert head == ["NAME", "READY", "TRANSPORT", "URL", "SERVER", "TOOLS", "AGE"]
    assert row[:-1] == ["example", "True", "stdio", STATUS["url"], "notes-7151", "13"]
    for name in (SERVERS, "waggle"):
        assert table(kubectl("get", name))[1][:-1] == row[:-1]
    head, row = table(kubectl("get", SERVERS, "--output=wide"))
    assert head[-4:] == ["REASON", "ERA", "REPLICAS", "IMAGE"]
    assert row[-4:] == ["ServerAnswers", "legacy", "2", "notes:1"]


def test_the_status_is_apart_from_the_specification(definition, kubectl):
    with_status(kubectl)
    kubectl.apply({**server({"image": "notes:1", "era": "legacy"}), "status": {"tools": 99}})
    seen = kubectl.get(SERVERS, "example")
    assert (seen["status"]["tools"], seen["metadata"]["generation"]) == (13, 2)


def test_scale(definition, kubectl):
    with_status(kubectl)
    kubectl("scale", f"{SERVERS}/example", "--replicas=3")
    seen = kubectl.get(SERVERS, "example")
    assert seen["spec"]["replicas"] == 3
    path = f"/apis/waggle.dev/v1alpha1/namespaces/{kubectl.namespace}/mcpservers/example/scale"
    scale = json.loads(kubectl("get", f"--raw={path}"))
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 3, "selector": "waggle.dev/server=example"}
    with pytest.raises(Refused):
        kubectl("scale", f"{SERVERS}/example", "--replicas=1001")


def test_explain_tells_what_to_write(definition):
    recursive = definition("explain", f"{SERVERS}.spec.proxy", "--recursive")
    for field in ("injection", "allowedOrigins", "limits", "maxBody", "timeouts", "keepAlive"):
        assert re.search(rf"^\s+{field}\s<", recursive, re.MULTILINE), recursive
    for path, words in (
        ("spec.port", ("such a server in an image needs it", "Default: none", "Example: `3000`")),
        ("spec.era", ("ENUM: auto legacy modern", "`modern` is 2026-07-28")),
        ("spec.proxy.timeouts.keepAlive", ("Default: `15s`", "Example: `10s`")),
        ("spec.env.valueFrom.secretKeyRef", ("Selects a key of a secret",)),
        ("status.url", ("The URL for clients",)),
    ):
        told = " ".join(definition("explain", f"{SERVERS}.{path}").split())
        for word in words:
            assert word in told, told


def test_two_managers_share_lists_of_named_entries(definition, kubectl):
    one, two = {"name": "A", "value": "one"}, {"name": "B", "value": "two"}
    kubectl.apply(
        server(
            {
                "image": "notes:1",
                "env": [one],
                "volumes": [{"name": "data", "emptyDir": {}}],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                "podTemplate": {"spec": {"containers": [{"name": "mcp", "workingDir": "/srv"}]}},
            }
        ),
        manager="one",
    )
    second = {
        "env": [two],
        "volumes": [{"name": "more", "emptyDir": {}}],
        "volumeMounts": [{"name": "more", "mountPath": "/more"}],
        "podTemplate": {"spec": {"containers": [{"name": "mcp", "tty": True}, {"name": "beside", "image": "b:1"}]}},
    }
    kubectl.apply(server(second), manager="two")
    spec = kubectl.get(SERVERS, "example")["spec"]
    assert spec["env"] == [one, two]
    assert [mount["mountPath"] for mount in spec["volumeMounts"]] == ["/data", "/more"]
    assert spec["podTemplate"]["spec"]["containers"] == [
        {"name": "mcp", "workingDir": "/srv", "tty": True},
        {"name": "beside", "image": "b:1"},
    ]
    with pytest.raises(Refused, match='conflict with "one"'):
        kubectl.apply(server({**second, "env": [{**one, "value": "other"}]}), manager="two")
    # What one takes back goes, what the other wrote stays.
    kubectl.apply(server({"env": [two]}), manager="two")
    spec = kubectl.get(SERVERS, "example")["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["data"]
    assert spec["podTemplate"]["spec"]["containers"] == [{"name": "mcp", "workingDir": "/srv"}]


def test_a_command_is_one_value(definition, kubectl):
    kubectl.apply(server({"image": "notes:1", "command": ["notes", "--fast"]}), manager="one")
    with pytest.raises(Refused, match=r'conflict with "one": \.spec\.command'):
        kubectl.apply(server({"command": ["notes"]}), manager="two")
