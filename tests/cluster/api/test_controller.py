"""The controller in a real API server, with the rights of its chart: what it makes, what it keeps as it is, and what it
leaves alone."""

import copy
import json
import os
import time
from contextlib import contextmanager

import pytest
import yaml

from harness.processes import wait_until
from testbed.kubectl import Refused
from testbed.servers import SERVERS, condition, server, settled

KINDS = ["serviceaccount", "configmap", "deployment", "service"]
OWN = "waggle-controller"
LOOK_SECONDS = 60
QUIET_SECONDS = 2


def hash_of(seen: dict) -> str:
    return seen["metadata"]["annotations"]["waggle.dev/applied-hash"]


def looks(controller) -> float:
    return sum(controller.metric(f'reconciles_total{{outcome="{outcome}"}}') for outcome in ("Done", "Refused"))


@contextmanager
def looked_at(controller):
    """The block makes the controller look once more at a server; that look has ended after it."""
    before = looks(controller)
    yield
    wait_until(lambda: looks(controller) > before, LOOK_SECONDS, "the controller has looked")
    wait_until(lambda: controller.metric("reconciles_running") == 0, LOOK_SECONDS, "its looks have ended")


def touch(kubectl, name: str, mark: str) -> None:
    """An edit that changes nothing of what shall be."""
    kubectl("annotate", SERVERS, name, f"example.org/touched={mark}", "--overwrite")


def test_a_server_becomes_its_objects(running, kubectl):
    kubectl.apply(server("alpha"))
    seen = settled(kubectl, "alpha", lambda seen: condition(seen, "Available").get("reason") == "Starting")
    for kind in KINDS:
        made = kubectl.until(kind, "mcp-alpha", lambda made: True)
        [owner] = made["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("MCPServer", seen["metadata"]["uid"], True)
        assert made["metadata"]["labels"]["waggle.dev/server"] == "alpha"
        assert len(hash_of(made)) >= 16
        raw = json.loads(kubectl("get", kind, "mcp-alpha", "--output=json", "--show-managed-fields"))
        managers = {one["manager"]: one["operation"] for one in raw["metadata"]["managedFields"]}
        assert managers[OWN] == "Apply", managers
    assert seen["status"]["url"] == f"http://mcp-alpha.{kubectl.namespace}.svc.cluster.local/mcp"
    for about, expected in (("Accepted", "True"), ("ImageResolved", "True"), ("Available", "False"), ("Ready", "False")):
        assert condition(seen, about)["status"] == expected, seen["status"]
        assert condition(seen, about)["observedGeneration"] == seen["metadata"]["generation"]
    config = yaml.safe_load(kubectl.get("configmap", "mcp-alpha")["data"]["waggle.yaml"])
    assert config["launcher"] == "/waggle/run/launcher.sock"
    wait_until(lambda: len(kubectl.list("replicasets", "waggle.dev/server=alpha")) == 1, 60, "one ReplicaSet is made")


def test_a_second_pass_writes_nothing(running, kubectl):
    controller, release = running
    names = [f"quiet-{number}" for number in range(5)]
    kubectl.apply(
        *(server(name, replicas=2, ingress={"host": f"{name}.example.org"}, networkPolicy={}) for name in names)
    )
    for name in names:
        settled(kubectl, name, lambda seen: seen["status"].get("replicas") == 2)
        kubectl.until("poddisruptionbudget", f"mcp-{name}", lambda seen: "status" in seen)
    quiet(controller)
    trail = release.trail()
    for name in names:
        with looked_at(controller):
            touch(kubectl, name, "again")
    assert writes(trail, kubectl) == []


def writes(trail, kubectl) -> list:
    """Those in the test's own namespace: servers of other tests may be on their way out."""
    return [write for write in trail.writes() if write.namespace == kubectl.namespace]


def quiet(controller) -> None:
    """Until some time passes without a look."""
    last, since = looks(controller), time.monotonic()

    def is_quiet() -> bool:
        nonlocal last, since
        now = looks(controller)
        if now != last or controller.metric("reconciles_running"):
            last, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    wait_until(is_quiet, LOOK_SECONDS, "nothing happens any more")


def test_what_drifts_is_brought_back(running, kubectl):
    kubectl.apply(server("drift"))
    settled(kubectl, "drift")
    kubectl.until("service", "mcp-drift", lambda seen: True)
    patch = json.dumps({"spec": {"ports": [{"port": 80, "targetPort": 4711}]}})
    kubectl("patch", "service", "mcp-drift", "--type=merge", f"--patch={patch}")
    kubectl.until("service", "mcp-drift", lambda seen: seen["spec"]["ports"][0]["targetPort"] == 8080)
    kubectl("patch", "configmap", "mcp-drift", "--type=merge", '--patch={"data":{"waggle.yaml":"listen: 1"}}')
    kubectl.until("configmap", "mcp-drift", lambda seen: "launcher" in seen["data"]["waggle.yaml"])
    uid = kubectl.get("deployment", "mcp-drift")["metadata"]["uid"]
    kubectl.delete("deployment", "mcp-drift", wait=False)
    kubectl.until("deployment", "mcp-drift", lambda seen: seen["metadata"]["uid"] != uid)


def test_fields_of_others_stay_and_ours_are_fought_for(running, kubectl):
    controller, release = running
    kubectl.apply(server("shared"))
    settled(kubectl, "shared")
    deployment = kubectl.until("deployment", "mcp-shared", lambda seen: True)
    other = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "mcp-shared", "labels": {"example.org/team": "blue"}},
        "spec": {"minReadySeconds": 7},
    }
    kubectl.apply(other, manager="other")
    # Somebody takes a field of ours by force, and it is taken back.
    theirs = copy.deepcopy(other)
    theirs["spec"]["progressDeadlineSeconds"] = 77
    with pytest.raises(Refused, match=f'conflict with "{OWN}"'):
        kubectl.apply(theirs, manager="other")
    kubectl.apply(theirs, manager="other", force=True)
    wanted = deployment["spec"]["progressDeadlineSeconds"]
    seen = kubectl.until(
        "deployment", "mcp-shared", lambda seen: seen["spec"]["progressDeadlineSeconds"] == wanted
    )
    assert seen["spec"]["minReadySeconds"] == 7
    assert seen["metadata"]["labels"]["example.org/team"] == "blue"
    # And that is the end of it.
    quiet(controller)
    trail = release.trail()
    with looked_at(controller):
        touch(kubectl, "shared", "1")
    assert writes(trail, kubectl) == []


def test_a_service_of_somebody_else_is_not_touched(running, kubectl):
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "mcp-foreign", "labels": {"mark": "7151"}},
        "spec": {"ports": [{"port": 5432}], "selector": {"app": "database"}},
    }
    kubectl.apply(stranger)
    before = kubectl.get("service", "mcp-foreign")
    kubectl.apply(server("foreign"))
    seen = settled(kubectl, "foreign", lambda seen: condition(seen, "Accepted").get("status") == "False")
    assert condition(seen, "Accepted")["reason"] == "ForeignObject"
    assert "The Service `mcp-foreign` that is there already" in condition(seen, "Accepted")["message"]
    assert condition(seen, "Ready")["status"] == "False"
    assert "url" not in seen["status"]
    wait_until(
        lambda: [one for one in kubectl.list("events") if one["reason"] == "ForeignObject"],
        LOOK_SECONDS,
        "an event tells of it",
    )
    assert kubectl.exists("deployment", "mcp-foreign")
    assert kubectl.get("service", "mcp-foreign") == before
    kubectl.delete("service", "mcp-foreign")
    ours = kubectl.until("service", "mcp-foreign", lambda seen: "ownerReferences" in seen["metadata"])
    assert ours["spec"]["ports"][0]["port"] == 80
    seen = settled(kubectl, "foreign", lambda seen: condition(seen, "Accepted").get("status") == "True")
    assert seen["status"]["url"].startswith("http://mcp-foreign.")


def test_an_edit_that_the_proxy_takes_over_leaves_the_pods(running, kubectl):
    kubectl.apply(server("edited"))
    settled(kubectl, "edited")
    before = kubectl.until("deployment", "mcp-edited", lambda seen: "status" in seen)
    edits = {
        "proxy": {"limits": {"maxSessions": 7151}, "timeouts": {"grace": "9s"}, "allowedOrigins": ["https://a.example"]},
        "process": {"max": 71, "idle": "51s"},
        "service": {"port": 8123},
    }
    kubectl.apply(server("edited", **edits))
    seen = kubectl.until("configmap", "mcp-edited", lambda seen: "7151" in seen["data"]["waggle.yaml"])
    config = yaml.safe_load(seen["data"]["waggle.yaml"])
    assert (config["max-processes"], config["grace"]) == (71, "9s")
    kubectl.until("service", "mcp-edited", lambda seen: seen["spec"]["ports"][0]["port"] == 8123)
    settled(kubectl, "edited")
    after = kubectl.get("deployment", "mcp-edited")
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"]["template"] == before["spec"]["template"]
    # Another program is another matter.
    kubectl.apply(server("edited", command=["/server", "--other"]))
    generation = before["metadata"]["generation"]
    kubectl.until("deployment", "mcp-edited", lambda seen: seen["metadata"]["generation"] > generation)


def test_a_pod_template_is_merged_as_the_api_server_takes_it(running, kubectl):
    template = {
        "metadata": {"labels": {"team": "tools"}, "annotations": {"example.org/owner": "tools"}},
        "spec": {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
            ],
            "volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}],
            "containers": [
                {"name": "mcp", "workingDir": "/srv", "env": [{"name": "A", "value": "1"}]},
                {"name": "beside", "image": "localhost/beside:1", "resources": {"limits": {"cpu": 1}}},
            ],
        },
    }
    kubectl.apply(server("template", podTemplate=template, resources={"limits": {"memory": "0.5Gi", "cpu": 1}}))
    seen = settled(kubectl, "template", lambda seen: condition(seen, "Accepted").get("status") == "True")
    deployment = kubectl.until("deployment", "mcp-template", lambda seen: True)
    pod = deployment["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == ["mcp", "beside"]
    assert pod["containers"][0]["workingDir"] == "/srv"
    assert [one for one in pod["volumes"] if one["name"] == "tmp"][0]["emptyDir"]["medium"] == "Memory"
    # The whole of it has no field that the API server does not know.
    for field in ("status",):
        deployment.pop(field, None)
    deployment["metadata"] = {"name": "strict", "labels": deployment["metadata"]["labels"]}
    kubectl("create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=json.dumps(deployment))
    # What the API server refuses is told.
    broken = {"spec": {"containers": [{"name": "beside", "image": "a b"}, {"name": "no name"}]}}
    kubectl.apply(server("template", podTemplate=broken), force=True)
    seen = settled(kubectl, "template", lambda seen: condition(seen, "Accepted").get("status") == "False")
    assert condition(seen, "Accepted")["reason"] == "Invalid"
    assert "no name" in condition(seen, "Accepted")["message"]


def test_ways_in_budgets_and_policies_are_taken(running, kubectl):
    controller, release = running
    spec = {
        "replicas": 3,
        "ingress": {"className": "nginx", "host": "mcp.example.org", "tls": [{"secretName": "mcp-tls"}]},
        "disruptionBudget": {"maxUnavailable": "34%"},
        "networkPolicy": {
            "from": [{"namespaceSelector": {"matchLabels": {"team": "ai"}}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "140.82.112.0/20"}}], "ports": [{"port": 443}]}],
        },
    }
    kubectl.apply(server("ways", **spec))
    kinds = ("ingress", "poddisruptionbudget", "networkpolicy")
    for kind in kinds:
        seen = kubectl.until(kind, "mcp-ways", lambda seen: True)
        assert seen["metadata"]["ownerReferences"][0]["name"] == "ways"
    seen = settled(kubectl, "ways", lambda seen: seen["status"].get("url", "").startswith("https://mcp.example.org"))
    assert condition(seen, "Accepted")["status"] == "True"
    # What is not asked for any more goes. (Without a number of pods there would go on to be three.)
    kubectl.apply(server("ways", replicas=1))
    for kind in kinds:
        kubectl.wait(f"{kind}/mcp-ways", "delete")


def test_the_gateway_api_is_noticed_when_it_comes(running, admin, kubectl):
    route = {"parentRefs": [{"name": "public", "sectionName": "https", "port": 443}], "hostnames": ["mcp.example.org"]}
    kubectl.apply(server("routed", httpRoute=route))
    seen = settled(kubectl, "routed", lambda seen: condition(seen, "Accepted"))
    assert condition(seen, "Accepted")["status"] == "False"
    assert "HTTPRoute" in condition(seen, "Accepted")["message"]
    assert kubectl.exists("deployment", "mcp-routed")
    admin("apply", "--server-side", f"--filename={os.environ['CLUSTER_GATEWAY_CRDS']}")
    admin.wait("crd/httproutes.gateway.networking.k8s.io", "Established")
    seen = settled(kubectl, "routed", lambda seen: condition(seen, "Accepted").get("status") == "True", 90)
    made = kubectl.get("httproutes.gateway.networking.k8s.io", "mcp-routed")
    assert made["spec"]["hostnames"] == ["mcp.example.org"]
    assert made["spec"]["rules"][0]["timeouts"]["request"] == "0s"
    kubectl.apply(server("routed"))
    kubectl.wait("httproutes.gateway.networking.k8s.io/mcp-routed", "delete")


def test_the_number_of_pods_is_an_autoscaler_s_where_none_is_given(running, kubectl):
    controller, _ = running
    kubectl.apply(server("scaled"))
    settled(kubectl, "scaled")
    kubectl.until("deployment", "mcp-scaled", lambda seen: seen["spec"]["replicas"] == 1)
    kubectl("scale", "deployment/mcp-scaled", "--replicas=4")
    settled(kubectl, "scaled", lambda seen: seen["status"].get("replicas") == 4)
    kubectl.until("poddisruptionbudget", "mcp-scaled", lambda seen: True)
    with looked_at(controller):
        touch(kubectl, "scaled", "1")
    assert kubectl.get("deployment", "mcp-scaled")["spec"]["replicas"] == 4
    # The resource says a number: that holds, whatever others say.
    kubectl("scale", f"{SERVERS}/scaled", "--replicas=3")
    kubectl.until("deployment", "mcp-scaled", lambda seen: seen["spec"]["replicas"] == 3)
    settled(kubectl, "scaled", lambda seen: seen["status"].get("replicas") == 3)
    kubectl("scale", "deployment/mcp-scaled", "--replicas=6")
    kubectl.until("deployment", "mcp-scaled", lambda seen: seen["spec"]["replicas"] == 3)
    # It says none any more: what runs goes on.
    with looked_at(controller):
        kubectl("patch", SERVERS, "scaled", "--type=json", '--patch=[{"op":"remove","path":"/spec/replicas"}]')
    settled(kubectl, "scaled")
    assert kubectl.get("deployment", "mcp-scaled")["spec"]["replicas"] == 3
    # Those of the number that did not hold go in their own time.
    wait_until(lambda: len(kubectl.list("pods", "waggle.dev/server=scaled")) == 3, 60, "there are three pods")
    kubectl("scale", "deployment/mcp-scaled", "--replicas=2")
    settled(kubectl, "scaled", lambda seen: seen["status"].get("replicas") == 2)
    quiet(controller)
    assert kubectl.get("deployment", "mcp-scaled")["spec"]["replicas"] == 2


def test_with_the_resource_all_of_it_goes(running, kubectl):
    kubectl.apply(server("gone", ingress={"host": "gone.example.org"}, networkPolicy={}, replicas=2))
    settled(kubectl, "gone", lambda seen: seen["status"].get("replicas") == 2)
    kubectl.until("poddisruptionbudget", "mcp-gone", lambda seen: True)
    kubectl.delete(SERVERS, "gone")
    for kind in [*KINDS, "ingress", "networkpolicy", "poddisruptionbudget"]:
        kubectl.wait(f"{kind}/mcp-gone", "delete")
    wait_until(lambda: not kubectl.list("pods", "waggle.dev/server=gone"), 60, "the pods are gone")


def test_a_namespace_with_servers_goes_quietly(running, admin, make_namespace):
    controller, _ = running
    kubectl = make_namespace()
    kubectl.apply(server("inside"))
    settled(kubectl, "inside")
    admin.delete("namespace", kubectl.namespace)
    wait_until(lambda: controller.metric("servers_failing") == 0, LOOK_SECONDS, "none fails")
