"""Servers that cannot run: the resource says why, in a sentence."""

import subprocess
import uuid
from pathlib import Path

import pytest

from harness.processes import wait_until
from testbed import mcp, product
from testbed.product import condition

NOWHERE = f"/nowhere-{uuid.uuid4().hex[:8]}"


def says(server: product.Server, *words: str) -> dict:
    """Waits until the sum of its conditions is not met, and has these words; gives that condition."""

    def said(resource: dict) -> bool:
        ready = condition(resource, "Ready")
        return ready.get("status") == "False" and all(word in ready["message"] for word in words)

    return condition(server.until(said), "Ready")


def test_an_image_that_is_not_there(serve):
    server = serve(product.server("lost", "localhost/lost:1", ["/x"], imagePullPolicy="Never"), ready=False)
    assert says(server, "localhost/lost:1")["reason"]


def test_a_command_that_is_not_there(serve):
    server = serve(product.server("wrong", product.ECHO, [NOWHERE]), ready=False)
    says(server, NOWHERE)
    server.patch({"command": product.ECHO_COMMAND})
    server.wait_ready()


def test_a_server_that_ends_at_once_tells_its_last_line(serve):
    server = serve(product.server("wrong", product.ECHO, ["/loadtest", "calls", "no-url"]), ready=False)
    says(server, "no-url")


@pytest.fixture
def noexec(cluster, tmp_path):
    """A folder of the node that is mounted noexec, with the echo server in it."""
    if cluster.given:
        pytest.skip("a folder of the given cluster's node is out of reach")
    folder = tmp_path / "noexec"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,mode=0755", "none", str(folder)], check=True)
    subprocess.run(["cp", f"{product.binaries()}/loadtest", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_command_on_a_volume_that_is_mounted_noexec(serve, noexec: Path):
    volumes = {
        "volumes": [{"name": "noexec", "hostPath": {"path": str(noexec)}}],
        "volumeMounts": [{"name": "noexec", "mountPath": "/noexec"}],
    }
    server = serve(product.server("noexec", product.ECHO, ["/noexec/loadtest", "echo"], **volumes), ready=False)
    says(server, "/noexec/loadtest", "noexec")


def test_the_server_runs_out_of_memory(serve):
    limits = {"limits": {"memory": "32Mi"}}
    server = serve(product.echo("hungry", resources=limits, proxy={"limits": {"maxBody": "64MiB", "stdinQueue": "128MiB"}}))
    with mcp.session(server.url) as client:
        assert client.echo("small") == "small"
        answer = client.call("x" * (40 << 20))
        assert "error" in answer.message, answer.text[:200]
        print(answer.error)
        # Session and proxy live.
        mcp.outlives(client)

    def restarts(container: str) -> int:
        return product.container_status(server.pod(), container)["restartCount"]

    # On cgroup v2 the kubelet lets the whole container die, which it tells in its own time; on v1 the process alone.
    failures = "waggle_server_failures_total"
    wait_until(lambda: restarts("mcp") + server.metric(failures) >= 1, 60, "its end is counted")
    assert restarts("waggle-proxy") == 0
