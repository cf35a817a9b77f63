"""The controller's rights: each is needed, no other is had, and a missing one is told by its name."""

import json
import os

import pytest

from harness.processes import wait_until
from testbed.kubectl import Refused
from testbed.servers import SERVERS, condition, server, settled

TOLD_SECONDS = 60


def without(rules: list[dict], verb: str, resource: str) -> list[dict]:
    """The rules but for one verb of one resource."""
    kept = []
    for rule in rules:
        others = [one for one in rule["resources"] if one != resource]
        if resource in rule["resources"]:
            verbs = [one for one in rule["verbs"] if one != verb]
            kept += [{**rule, "resources": [resource], "verbs": verbs}] if verbs else []
            kept += [{**rule, "resources": others}] if others else []
        else:
            kept.append(rule)
    return kept


@pytest.fixture
def one_namespace(controllers, make_namespace):
    """A release that watches one namespace, and kubectl there."""
    watched = make_namespace()
    release = controllers.install(f"--set=watchNamespaces={{{watched.namespace}}}")
    [found] = [one for one in watched.list("roles")]
    return release, watched, found["metadata"]["name"]


def set_rules(kubectl, name: str, rules: list[dict]) -> None:
    """They are in force a moment later."""
    kubectl("patch", "role", name, "--type=json", f"--patch={json.dumps([{'op': 'replace', 'path': '/rules', 'value': rules}])}")


def take(release, kubectl, name: str, verb: str, resource: str) -> None:
    """Takes one right from the role, and waits until the controller does not have it any more."""
    [group] = {rule["apiGroups"][0] for rule in kubectl.get("role", name)["rules"] if resource in rule["resources"]}
    set_rules(kubectl, name, without(kubectl.get("role", name)["rules"], verb, resource))
    kind, *sub = resource.split("/")
    full_name = "/".join([f"{kind}.{group}" if group else kind, *sub])
    release.account().in_namespace(kubectl.namespace).wait_right(verb, full_name, granted=False)


def test_with_roles_in_one_namespace_alone(controllers, one_namespace, admin, make_namespace):
    release, watched, _ = one_namespace
    other = make_namespace()
    trail = release.trail()
    controller = controllers.start(release)
    for kubectl in (other, watched):
        kubectl.apply(server("mine"))
    settled(watched, "mine")
    watched.until("service", "mcp-mine", lambda seen: True)
    assert other.list("deployments") == []
    assert "status" not in other.get(SERVERS, "mine")
    names = {one["metadata"]["name"] for kind in ("clusterroles", "clusterrolebindings") for one in admin.list(kind)}
    assert not [name for name in names if release.namespace in name]
    assert list(trail) and [one for one in trail if one.code == 403] == []
    assert not [line for line in controller.lines() if line["level"] in ("WARN", "ERROR")]


@pytest.mark.parametrize(
    "verb, resource, said",
    [("patch", "services", "services"), ("create", "networkpolicies", "networkpolicies"), ("patch", "deployments", "deployments")],
)
def test_a_missing_right_is_told_and_awaited(controllers, one_namespace, verb, resource, said):
    release, watched, name = one_namespace
    rules = watched.get("role", name)["rules"]
    take(release, watched, name, verb, resource)
    controllers.start(release)
    watched.apply(server("poor", networkPolicy={}))
    seen = settled(watched, "poor", lambda seen: condition(seen, "Accepted").get("reason") == "Forbidden")
    assert said in condition(seen, "Accepted")["message"]
    assert verb in condition(seen, "Accepted")["message"]
    assert condition(seen, "Ready")["status"] == "False"
    wait_until(
        lambda: [one for one in watched.list("events") if one["reason"] == "Forbidden" and said in one["message"]],
        TOLD_SECONDS,
        "an event tells of it",
    )
    # The others are made all the same.
    made = {"services", "deployments", "networkpolicies"} - {resource}
    for kind in made:
        watched.until(kind, "mcp-poor", lambda seen: True)
    assert not watched.exists(resource, "mcp-poor")
    set_rules(watched, name, rules)
    watched.until(resource, "mcp-poor", lambda seen: True)
    settled(watched, "poor", lambda seen: condition(seen, "Accepted").get("status") == "True")


@pytest.mark.parametrize("verb, resource", [("list", "configmaps"), ("watch", "pods"), ("patch", "mcpservers/status")])
def test_a_missing_right_without_which_nothing_goes_is_in_the_log(controllers, one_namespace, verb, resource):
    release, watched, name = one_namespace
    rules = watched.get("role", name)["rules"]
    take(release, watched, name, verb, resource)
    watched.apply(server("poor"))
    controller = release.start()
    try:

        def told() -> bool:
            lines = [line for line in controller.lines() if line["level"] in ("WARN", "ERROR")]
            return any(resource in json.dumps(line) and verb in json.dumps(line) for line in lines)

        wait_until(told, TOLD_SECONDS, "the log names the right")
        set_rules(watched, name, rules)
        settled(watched, "poor")
        controller.wait_ready()
    finally:
        assert controller.stop() == 0


def test_every_right_of_the_role_is_used_and_no_other_is_had(controllers, one_namespace, admin):
    release, watched, name = one_namespace
    admin("apply", "--server-side", f"--filename={os.environ['CLUSTER_GATEWAY_CRDS']}")
    admin.wait("crd/httproutes.gateway.networking.k8s.io", "Established")
    trail = release.trail()
    controllers.start(release)
    route = {"parentRefs": [{"name": "public"}], "hostnames": ["mcp.example.org"]}
    full = {"replicas": 2, "ingress": {"host": "a.example.org"}, "networkPolicy": {}, "httpRoute": route}
    # An image without a command and with a pull secret: the secret is read, whatever is in it.
    private = server("private", image="registry.invalid/x:1", imagePullSecrets=[{"name": "none"}])
    del private["spec"]["command"]
    watched.apply(server("full", **full), private)
    settled(watched, "private", lambda seen: condition(seen, "ImageResolved").get("status") == "False")
    for kind in ("httproutes", "poddisruptionbudgets"):
        watched.until(kind, "mcp-full", lambda seen: True)
    stranger = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "mcp-late"}, "spec": {"ports": [{"port": 1}]}}
    watched.apply(stranger)
    watched.apply(server("late"))
    settled(watched, "late", lambda seen: condition(seen, "Accepted").get("reason") == "ForeignObject")
    # Everything but the ServiceAccount, the ConfigMap, the Deployment and the Service can go while the resource stays.
    watched.apply(server("full", replicas=1, serviceAccountName="default"))
    for kind in ("ingress", "networkpolicy", "httproute", "poddisruptionbudget", "serviceaccount"):
        watched.wait(f"{kind}/mcp-full", "delete")
    requests = list(trail)
    assert [one for one in requests if one.code in (401, 403)] == []
    used = {(one.resource, one.verb) for one in requests if one.namespace == watched.namespace}
    had = set()
    for rule in watched.get("role", name)["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                plural, _, sub = resource.partition("/")
                full_name = "/".join(part for part in (group, plural, sub) if part)
                had |= {(full_name, verb) for verb in rule["verbs"]}
    # An apply that makes an object asks for `create` too, and is logged as a patch.
    made = {(one.resource, "create") for one in requests if one.verb == "patch" and one.code == 201}
    # Never asked for: the API server looks them up itself (finalizers), or has no such API here.
    silent = {("waggle.dev/mcpservers/finalizers", "update")}
    silent |= {one for one in had if one[0] == "gateway.envoyproxy.io/backendtrafficpolicies"}
    # A ConfigMap, a Deployment and a Service go with their resource, by the garbage collector.
    silent |= {(resource, "delete") for resource in ("configmaps", "apps/deployments", "services")}
    assert used | made <= had
    assert had - used - made <= silent


FORBIDDEN = [
    "get secrets --all-namespaces",
    "list secrets",
    "create pods",
    "delete pods",
    "create pods/exec",
    "create pods/attach",
    "get pods/log",
    "create mcpservers.waggle.dev",
    "update mcpservers.waggle.dev",
    "patch mcpservers.waggle.dev",
    "delete mcpservers.waggle.dev",
    "create roles",
    "create rolebindings",
    "bind roles",
    "escalate roles",
    "impersonate serviceaccounts",
    "create serviceaccounts/token",
    "update deployments.apps",
    "create statefulsets.apps",
    "list nodes",
    "list namespaces",
    "delete customresourcedefinitions",
    "create validatingwebhookconfigurations",
    "delete leases.coordination.k8s.io",
]


def test_what_it_may_not_do(one_namespace):
    release, watched, _ = one_namespace
    account = release.account().in_namespace(watched.namespace)
    may = []
    for words in FORBIDDEN:
        try:
            verb, _, rest = words.partition(" ")
            resource, _, sub = rest.partition("/")
            account("auth", "can-i", verb, *resource.split(), *([f"--subresource={sub}"] if sub else []))
            may.append(words)
        except Refused:
            pass
    assert may == []
    assert account.may("get", "secrets")
