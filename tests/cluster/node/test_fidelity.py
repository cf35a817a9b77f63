"""Everything arrives as it was sent, through the Service."""

import json
import subprocess

import pytest

from testbed import mcp, product

VALUES = [
    "9007199254740993",
    "123456789012345678901234567890",
    "1.0",
    "1e3",
    "0.1000",
    "-0",
    "1E400",
    '{"z":1,"a":2,"m":{"y":1,"b":2}}',
    '{"a":1,"a":2}',
    '"a\\u200db"',
    '"a\u200db"',
    '"\U0001f468\u200d\U0001f469\u200d\U0001f467"',
    '"a\u00a0b"',
    '"a\u200fb"',
    '"a\u00adb"',
    '"a\ufeffb"',
    '"a\u007fb"',
    '"\\u0007"',
    '"\\ud800"',
    '"<a>&"',
    '"a\\/b"',
    '"a\u2028b"',
    '"\\u00e9"',
    '[ 1 ,  2 ]',
]
IDS = ["9007199254740993", "1.0", "1e2", "-0", "0", '"\\u00e9"', '"a\u200db"']


@pytest.fixture(scope="module")
def server(waggle, module_namespace):
    """One server of these tests."""
    module_namespace.apply(product.echo(process={"mode": "shared"}), product.echo("chatty", "--chatty"))
    for name in ("echo", "chatty"):
        product.Server(module_namespace, name).wait_ready()
    return product.Server(module_namespace, "echo")


def call(id: str, text: str) -> str:
    return f'{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":{text}}}}}}}'


def result(id: str, text: str) -> str:
    return f'{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":{text}}}]}}}}'


def test_odd_values_and_ids_come_back_byte_for_byte(server):
    assert (len(VALUES), len(IDS)) == (24, 7)
    with mcp.session(server.url) as client:
        for text in VALUES:
            assert client.send(call("1", text).encode()).text == result("1", text)
        for id in IDS:
            assert client.send(call(id, '"x"').encode()).text == result(id, '"x"')


def test_a_server_that_logs_each_call_loses_no_answer(server):
    chatty = product.Server(server.kubectl, "chatty")
    argv = ["calls", chatty.url, "--allow-remote", "--json", "--sessions=16", f"--payload={64 << 10}", "--seconds=3"]
    done = subprocess.run([product.binaries() / "loadtest", *argv], capture_output=True, text=True, timeout=90)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    json.loads(done.stdout)
