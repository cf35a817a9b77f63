"""A registry whose certificate an authority of one's own has signed."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.processes import wait_until
from testbed.pki import Authority
from testbed.servers import condition, server, settled


@contextmanager
def registry(authority: Authority) -> Iterator[str]:
    """`host:port` of an empty one; ends with the block."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_) -> None:
            """What it is asked is in nobody's way."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("registry", "/CN=registry", ["IP:127.0.0.1"]))
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield f"127.0.0.1:{listener.server_address[1]}"
        listener.shutdown()
        thread.join()


def is_unresolved(reason: str, seen: dict) -> bool:
    """Whether this is why the image is not known."""
    return condition(seen, "ImageResolved").get("reason") == reason


def test_an_authority_of_ones_own_is_trusted_when_it_is_named(controllers, kubectl, tmp_path):
    authority = Authority(tmp_path / "pki")
    release = controllers.install(f"--set=watchNamespaces={{{kubectl.namespace}}}")
    with registry(authority) as host:
        kubectl.apply(server("app", image=f"{host}/app:1", command=[]))
        for options, reason, words in [
            ((), "RegistryUnreachable", "--registry-ca"),
            ((f"--registry-ca={authority.certificate}",), "ImageNotFound", "app:1"),
        ]:
            controller = controllers.start(release, reason.lower(), *options)
            seen = settled(kubectl, "app", partial(is_unresolved, reason))
            assert words in condition(seen, "ImageResolved")["message"]
            assert controller.stop() == 0


def test_a_file_that_is_not_there_ends_the_start(controllers, tmp_path: Path):
    release = controllers.install()
    controller = release.start("first", [f"--registry-ca={tmp_path}/none.pem"])
    wait_until(lambda: not controller.running, 30, "it has ended")
    assert controller.process.wait() == 1
    assert f"cannot read `{tmp_path}/none.pem` (--registry-ca)" in controller.text()
