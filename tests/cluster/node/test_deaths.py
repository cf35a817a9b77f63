"""What dies in a pod, and what its clients see of it."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from harness.processes import wait_until
from testbed import mcp, product

# Measured: a tenth of it. The machine may be busy.
BACK_SECONDS = 20


@pytest.fixture(autouse=True)
def own(cluster):
    """Its processes are killed from here."""
    if cluster.given:
        pytest.skip("the processes in the given cluster's pods are out of reach")


@contextmanager
def calls_in_flight(server, clients):
    """One call of each client, which the server has and does not answer; gives their futures."""
    server.send(signal.SIGSTOP)
    with ThreadPoolExecutor(len(clients)) as pool:
        calls = [pool.submit(client.call, "in flight") for client in clients]
        wait_until(lambda: server.status()["requestsInFlight"] == len(clients), 20, "the calls are in flight")
        yield calls


def killed(server, clients) -> list[mcp.Answer]:
    """`kill -9` of all processes of the server: how the calls in flight ended, and after which time."""
    with calls_in_flight(server, clients) as calls:
        clock = mcp.Clock()
        server.send(signal.SIGKILL)
        answers = [call.result(mcp.CALL_SECONDS) for call in calls]
        clock.measured("kill -9 of the server: answer to calls in flight", mcp.AT_ONCE_SECONDS)
        return answers


@pytest.mark.parametrize("flags", [[], ["--strict"]], ids=["server", "strict"])
@pytest.mark.parametrize("mode", ["session", "shared"])
def test_the_server_is_killed(serve, mode, flags):
    server = serve(product.echo("echo", *flags, process={"mode": mode}))
    url = server.url
    with mcp.session(url) as first, mcp.session(url) as second:
        assert [first.echo("1"), second.echo("2")] == ["1", "2"]
        for answer in killed(server, [first, second]):
            assert "SIGKILL" in answer.error["message"] or "signal 9" in answer.error["message"], answer
        again = mcp.answers_again(url)
        mcp.measured(f"kill -9 of the server ({mode} {flags}): next answer to a new client", again, BACK_SECONDS)
        # They have not noticed: no new handshake, no 404.
        mcp.outlives(first)
        mcp.outlives(second)
    (pod,) = server.pods()
    assert product.container_status(pod, "mcp")["restartCount"] == 0


def test_the_sidecar_is_killed(serve):
    server = serve(product.echo())
    url, pod = server.url, server.pod()
    with mcp.session(url) as client:
        client.echo("before")
        with calls_in_flight(server, [client]) as (call,):
            (proxy,) = product.container_processes(pod, "waggle-proxy")
            clock = mcp.Clock()
            product.kill(proxy)
            # Its connection is gone: an error at once, no silence.
            with pytest.raises(httpx.TransportError):
                call.result(mcp.CALL_SECONDS)
            clock.measured("kill -9 of the sidecar: error of a call in flight", mcp.AT_ONCE_SECONDS)
        mcp.measured("kill -9 of the sidecar: next answer to a new client", mcp.answers_again(url), BACK_SECONDS)
        # Its sessions are lost, and a client is told so as the specification says, so that it opens another. (The
        # news that the pod was not ready may come later than the sidecar.)
        wait_until(lambda: mcp.is_lost(client), 60, "a session of before is told that it is lost")
    same = server.pod()
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    # The server's container went on.
    before, after = (product.container_status(one, "mcp") for one in (pod, same))
    assert before["containerID"] == after["containerID"] and after["restartCount"] == 0


def test_the_only_pod_is_deleted(serve, kubectl):
    server = serve(product.echo())
    url, pod = server.url, server.pod()
    with mcp.session(url) as client:
        client.echo("before")
        with mcp.Outage(url) as outage:
            wait_until(lambda: outage.served, 20, "a client is served")
            kubectl.delete("pod", pod["metadata"]["name"])
            server.wait_replaced(pod)
            served = outage.served
            wait_until(lambda: outage.served > served + 1, 20, "a client is served by the new pod")
        mcp.measured("deletion of the only pod: longest time without a new client served", outage.longest, BACK_SECONDS)
        client.reconnect()
        wait_until(lambda: mcp.is_lost(client), 60, "a session of before is told that it is lost")
