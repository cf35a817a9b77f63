"""An address of the cluster as one of loopback, byte for byte."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CONNECT_SECONDS = 10


@contextmanager
def on_loopback(host: str, port: int) -> Iterator[int]:
    """The port of loopback that leads there."""

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, port), CONNECT_SECONDS) as there:
                there.settimeout(None)
                answers = threading.Thread(target=_copy, args=(there, self.request))
                answers.start()
                _copy(self.request, there)
                answers.join()

    with _Server(("127.0.0.1", 0), Forward) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # Connections that their client keeps for later end with the program.
    block_on_close = False


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
