"""Processes of the controller: who works, what happens when one ends or the API server does, and what many servers cost."""

import json
import os
import time

import pytest

from harness.processes import wait_until
from testbed.servers import SERVERS, server, settled

# The product is measured by 500, for which an API server on two busy cores takes more than three minutes.
SERVERS_COUNT = int(os.environ.get("WAGGLE_TEST_SERVERS", "200"))
MANY_SECONDS = 300
MEMORY_KIB = 64 * 1024


def holder(release) -> str:
    leases = release.kubectl.list("leases")
    return leases[0]["spec"].get("holderIdentity", "") if leases else ""


def works(controller) -> bool:
    return controller.metric("leader") == 1


@pytest.mark.parametrize("how, at_least", [("kill", 8), ("stop", 0)])
def test_another_takes_over(controllers, kubectl, how, at_least):
    release = controllers.install(f"--set=watchNamespaces={{{kubectl.namespace}}}")
    first = controllers.start(release, "first")
    wait_until(lambda: works(first), 30, "the first works")
    second = controllers.start(release, "second")
    kubectl.apply(server("before"))
    settled(kubectl, "before")
    assert holder(release) == "first" and not works(second)
    getattr(first, how)()
    ended = time.monotonic()
    # Who is told to end gives it back, so that nobody has to wait for its end.
    assert (holder(release) == "first") == (how == "kill")
    kubectl.apply(server("after"))
    settled(kubectl, "after", seconds=90)
    took = time.monotonic() - ended
    print(f"\n{how}: a server was looked at {took:.1f} s after the end of the one who worked")
    assert holder(release) == "second" and works(second)
    # After a kill the lease has to run out, or both might have worked at once.
    assert took >= at_least


def test_two_never_work_at_once(controllers, kubectl):
    release = controllers.install(f"--set=watchNamespaces={{{kubectl.namespace}}}")
    both = [controllers.start(release, identity) for identity in ("first", "second")]
    wait_until(lambda: any(works(one) for one in both), 30, "one works")
    [leader] = [one for one in both if works(one)]
    [standby] = [one for one in both if one is not leader]
    # Somebody takes the lease by force.
    [lease] = release.kubectl.list("leases")
    name = lease["metadata"]["name"]
    patch = json.dumps({"spec": {"holderIdentity": standby.identity, "renewTime": "2099-01-01T00:00:00.000000Z"}})
    release.kubectl("patch", "lease", name, "--type=merge", f"--patch={patch}")
    wait_until(lambda: not leader.running, 30, "who has lost the lease ends")
    assert leader.process.wait() == 1
    assert f'held by \\"{standby.identity}\\"' in leader.text() or f'held by "{standby.identity}"' in leader.text()
    wait_until(lambda: works(standby), 60, "the other works")


def test_it_goes_on_by_itself_after_the_api_server_was_away(cluster, controllers, kubectl):
    release = controllers.install(f"--set=watchNamespaces={{{kubectl.namespace}}}", "--set=leaderElection.enabled=false")
    controller = controllers.start(release)
    kubectl.apply(server("before"))
    settled(kubectl, "before")
    kubectl.until("service", "mcp-before", lambda seen: True)
    with cluster.service("apiserver").stopped():
        wait_until(
            lambda: [line for line in controller.lines() if "cannot follow" in line["message"]],
            60,
            "the controller has noticed",
        )
        assert controller.get("/livez").strip() == "ok"
    cluster.wait_ready()
    kubectl.apply(server("after"))
    settled(kubectl, "after", seconds=90)
    patch = '--patch={"spec":{"sessionAffinity":"ClientIP"}}'
    kubectl("patch", "service", "mcp-before", "--type=merge", patch)
    kubectl.until("service", "mcp-before", lambda seen: seen["spec"]["sessionAffinity"] == "None", 90)
    assert controller.running


@pytest.mark.timeout(MANY_SECONDS + 120)
def test_many_servers(controllers, kubectl, record_property):
    """The first pass, in time, requests and memory; a second one, by a fresh process, writes nothing."""
    # Without a lease, which would be renewed for ever.
    alone = ("--set=leaderElection.enabled=false", f"--set=watchNamespaces={{{kubectl.namespace}}}")
    release = controllers.install(*alone)
    names = [f"many-{number:03}" for number in range(SERVERS_COUNT)]
    for start in range(0, len(names), 100):
        kubectl.apply(*(server(name, env=[{"name": "MARK", "value": name}]) for name in names[start : start + 100]))
    trail = release.trail()
    started = time.monotonic()
    first = controllers.start(release)
    made_of_all = 'writes_total{kind="Service",action="Create"}'
    wait_until(lambda: first.metric(made_of_all) >= len(names), MANY_SECONDS, "all have their objects")
    took, cpu = time.monotonic() - started, first.seconds()
    all_settled(kubectl, names)
    quiet(release)
    requests = list(trail)
    writes = trail.writes()
    memory = first.memory()
    made = [one for one in writes if one.code == 201]
    told = (
        f"{len(names)} servers: first pass {took:.1f} s ({cpu:.1f} s of CPU), {len(requests)} requests of"
        f" which {len(writes)} write and {len(made)} make an object; memory {memory['VmRSS'] / 1024:.1f} MiB now,"
        f" {memory['VmHWM'] / 1024:.1f} MiB at most"
    )
    print(f"\n{told}")
    record_property("many_servers", told)
    # The objects, and few statuses of each: before its pods, and with them.
    assert len([one for one in made if one.resource != "events.k8s.io/events"]) == 4 * len(names)
    assert len(writes) <= 8 * len(names)
    assert first.stop() == 0
    trail = release.trail()
    second = controllers.start(release, "second")
    all_looked_at(second, len(names))
    memory = second.memory()
    told = f"second pass: {len(list(trail))} requests, {len(trail.writes())} write; memory {memory['VmRSS'] / 1024:.1f} MiB"
    print(told)
    record_property("second_pass", told)
    assert trail.writes() == []
    assert memory["VmHWM"] <= MEMORY_KIB


def all_looked_at(controller, count: int) -> None:
    """There were as many looks, and there is none any more: some servers may have had two."""
    looks, since = 0.0, time.monotonic()

    def is_so() -> bool:
        nonlocal looks, since
        now = controller.metric('reconciles_total{outcome="Done"}')
        if now != looks or controller.metric("reconciles_running"):
            looks, since = now, time.monotonic()
        return now >= count and time.monotonic() - since > 2

    wait_until(is_so, MANY_SECONDS, "all are looked at")


def all_settled(kubectl, names: list[str]) -> None:
    """All Deployments have been seen by their own controller, and every status tells of that."""

    def is_so() -> bool:
        seen = {one["metadata"]["name"]: one for one in kubectl.list(SERVERS)}
        return all(seen[name].get("status", {}).get("replicas") == 1 for name in names)

    wait_until(is_so, MANY_SECONDS, "every status tells of its pods")


def quiet(release) -> None:
    """Until nothing is asked for, for two seconds."""
    log, size, since = release.state / "log" / "audit.log", -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal size, since
        if log.stat().st_size != size:
            size, since = log.stat().st_size, time.monotonic()
        return time.monotonic() - since > 2

    wait_until(is_quiet, 60, "nothing is asked for any more")
