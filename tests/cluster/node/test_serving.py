"""An `MCPServer` becomes a server that clients reach."""

import uuid

from testbed import mcp, product


def test_a_server_is_ready_and_says_what_it_is(serve, kubectl):
    serve(product.echo())
    header, line = kubectl("get", "mcpservers").splitlines()
    columns = dict(zip(header.split(), line.split(), strict=True))
    assert columns.pop("AGE")
    assert columns == {
        "NAME": "echo",
        "READY": "True",
        "TRANSPORT": "stdio",
        "URL": f"http://mcp-echo.{kubectl.namespace}.svc.cluster.local/mcp",
        "SERVER": "echo",
        "TOOLS": "4",
    }


def test_a_client_lists_and_calls_through_the_service(serve):
    word = uuid.uuid4().hex
    with mcp.session(serve(product.echo()).url) as client:
        assert "echo" in [tool["name"] for tool in client.request("tools/list").result["tools"]]
        assert client.echo(word) == word
