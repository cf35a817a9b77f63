"""A server whose launcher comes in a volume that is the proxy's image, with nothing copied."""

import signal

import pytest

from harness.processes import wait_until
from testbed import mcp, product


@pytest.mark.parametrize("user", [None, 1000], ids=["as-usual", "another-user"])
def test_a_server_answers_whose_launcher_is_in_an_image_volume(serve, user):
    template = {"podTemplate": {"spec": {"securityContext": {"runAsUser": user}}}} if user else {}
    server = serve(product.echo(proxy={"injection": "imageVolume"}, **template))
    pod = server.pod()
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["waggle-proxy"]
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert volumes["waggle-bin"]["image"]["reference"] == product.PROXY
    with mcp.session(server.url) as client:
        assert client.echo("before") == "before"
        killed = server.processes()
        server.send(signal.SIGKILL)
        # The launcher starts others, and the session lives.
        mcp.outlives(client)
        wait_until(lambda: not {*killed} & {*server.processes()}, 20, "what was killed is gone")


def test_the_way_in_is_changed_while_it_runs(serve):
    server = serve(product.echo())
    first = server.pod()
    server.patch({"proxy": {"injection": "imageVolume"}})
    server.wait_replaced(first)
    mcp.answers_again(server.url)
