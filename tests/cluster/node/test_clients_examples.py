"""Every example becomes ready as it is written, but for what is elsewhere: images, hosts, a server, a Gateway."""

import json

import pytest

from testbed import ingress, mcp, product, server_images
from testbed.fronts import routed
from testbed.product import ROOT, Server
from testbed.registry import Registry

EXAMPLES = ROOT / "examples"
# What is reached from outside.
ROUTED = ("ingress", "http-route")


@pytest.fixture(scope="module")
def entrypoint_image(images, tmp_path_factory):
    """The image of the server that says itself what it runs, where the controller can read it."""
    archive = server_images.archive(images, server_images.PYTHON, tmp_path_factory.mktemp("image"))
    with Registry(tmp_path_factory.mktemp("registry"), images) as registry:
        yield registry.publish("mcp/time:1", archive)


@pytest.fixture
def local(images, kubectl, serve, entrypoint_image, tmp_path):
    """What to write instead of what only the internet has, by example."""
    for number, name in enumerate((server_images.LEGACY, server_images.PYTHON)):
        (tmp_path / str(number)).mkdir()
        images.load(server_images.archive(images, name, tmp_path / str(number)))
    node = {"image": server_images.LEGACY, "command": server_images.LEGACY_COMMAND}
    python = {"image": server_images.PYTHON, "command": server_images.COMMANDS[server_images.PYTHON]}
    host = f"example-{kubectl.namespace}.{ingress.DOMAIN}"
    gateway = [{"name": ingress.GATEWAY, "namespace": ingress.GATEWAY_NAMESPACE}]
    return {
        "demo": {},
        "npx": node,
        "uvx": python,
        "entrypoint": {"image": entrypoint_image},
        "http": node | {"command": [*server_images.LEGACY_COMMAND, "--http", "3001"]},
        "ingress": {"ingress": {"className": ingress.CLASS, "host": host, "tls": None}},
        "http-route": {"httpRoute": {"hostnames": [host], "parentRefs": gateway}},
        "remote": {"remote": {"url": f"http://mcp-there.{kubectl.namespace}.svc.cluster.local/mcp"}},
    }


def test_no_example_is_left_out(local):
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == local.keys()


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_example_becomes_ready(example, cluster, kubectl, local, serve, monkeypatch):
    if example == "remote":
        serve(product.demo("there"))
    text = kubectl("create", "--dry-run=client", "--output=json", f"--filename={EXAMPLES / example}.yaml")
    # Objects one after the other, without anything in between.
    objects = _documents(text)
    (resource,) = (one for one in objects if one["kind"] == "MCPServer")
    for field, value in local[example].items():
        known = resource["spec"].get(field)
        merged = {**known, **value} if isinstance(known, dict) else value
        resource["spec"][field] = _without_none(merged) if isinstance(merged, dict) else merged
    for one in objects:
        one["metadata"]["namespace"] = kubectl.namespace
    kubectl.apply(*objects)
    server = Server(kubectl, resource["metadata"]["name"]).wait_ready()
    tools = server.get()["status"]["tools"]
    assert tools > 0
    # The Ingress and the Gateway of a given cluster are not known.
    if example not in ROUTED or cluster.given:
        return
    monkeypatch.setenv("SSL_CERT_FILE", str(cluster.state / "pki" / "ca.crt"))
    assert ingress.DOMAIN in server.url
    with mcp.session(routed(server.url).url) as client:
        assert len(client.request("tools/list").result["tools"]) == tools


def _without_none(fields: dict) -> dict:
    """What is `None` is not said."""
    return {name: value for name, value in fields.items() if value is not None}


def _documents(text: str) -> list[dict]:
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        one, end = decoder.raw_decode(text)
        found.append(one)
        text = text[end:]
    return found
