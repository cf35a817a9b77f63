"""Servers as others publish them, a Node and a Python one: each is an image that knows itself what to run."""

import pytest

from clients.peers import PEERS, reports
from testbed import product, server_images
from testbed.fronts import Front
from testbed.kubectl import Refused
from testbed.product import Server, condition
from testbed.registry import Registry

CLIENTS = ("typescript1-http", "typescript2-auto", "python1-http", "python2-auto")
CLIENT_SECONDS = 60


@pytest.fixture(scope="module")
def registry(images, tmp_path_factory):
    """A registry that the controller asks."""
    with Registry(tmp_path_factory.mktemp("registry"), images) as running:
        yield running


@pytest.fixture(scope="module")
def published(images, registry, tmp_path_factory):
    """Publishes an image under a name; the reference of it."""

    def publish(image: str, name: str) -> str:
        return registry.publish(name, server_images.archive(images, image, tmp_path_factory.mktemp("image")))

    return publish


def by_entrypoint(name: str, image: str, **spec) -> dict:
    """An `MCPServer` that does not say what to run."""
    resource = product.server(name, image, [], **spec)
    del resource["spec"]["command"]
    return resource


def test_a_node_image_is_run_by_its_entrypoint(serve, published):
    reference = published(server_images.LEGACY, "everything:1")
    server = serve(by_entrypoint("everything", reference))
    status = server.get()["status"]
    assert status["serverInfo"]["name"] == "everything-v1"
    assert status["resolvedImage"].partition("@sha256:")[0] == reference.rpartition(":")[0]
    assert condition(server.get(), "ImageResolved")["status"] == "True"
    assert _echoed(server) == {name: name for name in CLIENTS}


def test_a_python_image_is_run_by_its_entrypoint_and_cmd(serve, published):
    server = serve(by_entrypoint("time", published(server_images.PYTHON, "time:1")))
    _check_zone(server, "UTC")


def test_arguments_take_the_place_of_cmd(serve, published):
    reference = published(server_images.PYTHON, "time:2")
    server = serve(by_entrypoint("time", reference, args=["--local-timezone", "Europe/Vienna"]))
    _check_zone(server, "Europe/Vienna")


def test_an_image_that_is_not_there_is_said_to_be_so(registry, serve):
    server = serve(by_entrypoint("absent", "registry.cluster.test:5000/absent:1"), ready=False)
    seen = server.until(lambda one: condition(one, "ImageResolved").get("status") == "False")
    assert "absent:1" in condition(seen, "ImageResolved")["message"]


@pytest.mark.parametrize("image", [server_images.DUAL, server_images.PYTHON], ids=["node", "python"])
def test_a_given_command_needs_no_registry(image, images, serve, tmp_path):
    images.load(server_images.archive(images, image, tmp_path))
    server = serve(product.server("given", image, server_images.COMMANDS[image]))
    assert "resolvedImage" not in server.get()["status"]
    assert server.get()["status"]["tools"] > 0


@pytest.mark.parametrize("image", [server_images.DUAL, server_images.PYTHON], ids=["node", "python"])
def test_home_and_tmp_can_be_written_and_nothing_else(image, images, kubectl, serve, tmp_path):
    images.load(server_images.archive(images, image, tmp_path))
    server = serve(product.server("confined", image, server_images.COMMANDS[image]))
    pod = server.pod()["metadata"]["name"]
    script = 'cd && pwd && id -u && echo kept >"$HOME/file" && mkdir -p "$HOME/.cache/x" && cp file /tmp/ && cat /tmp/file'
    home, user, text = kubectl.exec(pod, "sh", "-c", script, container="mcp").split()
    assert (home, text) == ("/home/mcp", "kept") and user != "0"
    with pytest.raises(Refused, match="Read-only file system"):
        kubectl.exec(pod, "sh", "-c", "echo no >/srv/file", container="mcp")


def _echoed(server: Server) -> dict[str, str]:
    """What each client got back."""
    front = Front(server.url)
    calls = {name: [{"tool": "echo", "arguments": {"text": name}}] for name in CLIENTS}
    return {name: text for name, (text,) in _called(front, calls).items()}


def _check_zone(server: Server, zone: str) -> None:
    """The zone that the server was started with is the default of its tools, so it is in their descriptions."""
    assert server.get()["status"]["tools"] == 2
    calls = {name: [{"tool": "get_current_time", "arguments": {"timezone": "Asia/Tokyo"}}] for name in CLIENTS}
    programs = {name: PEERS[name].start(name, Front(server.url), calls[name]) for name in CLIENTS}
    for name, report in reports(programs, CLIENT_SECONDS).items():
        assert not isinstance(report, AssertionError), report
        assert "Asia/Tokyo" in report["results"][0]["content"][0]["text"], name
        assert any(f"'{zone}'" in str(tool["inputSchema"]) for tool in report["tools"]), report["tools"]


def _called(front: Front, calls: dict[str, list[dict]]) -> dict[str, list[str]]:
    programs = {name: PEERS[name].start(name, front, one) for name, one in calls.items()}
    texts = {}
    for name, report in reports(programs, CLIENT_SECONDS).items():
        assert not isinstance(report, AssertionError), report
        texts[name] = [result["content"][0]["text"] for result in report["results"]]
    return texts
