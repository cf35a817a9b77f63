"""A server elsewhere that lets nobody in without the right header."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from testbed.mcp import REVISION


@contextmanager
def guarded(header: str, value: str) -> Iterator[int]:
    """The port of the node on which an MCP server without a tool answers who sends this; all others it answers 401."""

    class Guarded(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers.get_all(header) != [value]:
                self._answer(401)
            elif "id" not in message:
                self._answer(202)
            else:
                self._answer(200, {"jsonrpc": "2.0", "id": message["id"]} | _outcome(message["method"]))

        def do_GET(self) -> None:
            self._answer(405)

        do_DELETE = do_GET

        def _answer(self, status: int, message: dict | None = None) -> None:
            body = json.dumps(message).encode() if message else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """What it is asked is in nobody's way."""

    with ThreadingHTTPServer(("0.0.0.0", 0), Guarded) as server:
        server.daemon_threads, server.block_on_close = True, False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _outcome(method: str) -> dict:
    match method:
        case "initialize":
            info = {"name": "guarded", "version": "1"}
            return {"result": {"protocolVersion": REVISION, "capabilities": {"tools": {}}, "serverInfo": info}}
        case "tools/list":
            return {"result": {"tools": []}}
        case _:
            return {"error": {"code": -32601, "message": f"there is no method {method}"}}
