"""Where the things under test and their peers are."""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
NODE_MODULES = TESTS / "node_modules"
# A legacy server, one that serves both eras, and one that refuses the older.
EVERYTHING_V1 = ["node", str(TESTS / "fixtures" / "everything-v1" / "server.mjs")]
EVERYTHING_V2 = ["node", str(TESTS / "fixtures" / "everything-v2" / "server.mjs")]
MODERN_ONLY = [*EVERYTHING_V2, "--modern-only"]
PYTHON = sys.executable
# What run.sh installed besides: an interpreter with the clients of both eras, and the Rust client.
CLIENTS_PYTHON = os.environ["E2E_CLIENTS_PYTHON"]
RMCP_CLIENT = os.environ["E2E_RMCP_CLIENT"]


def proxy_binary() -> Path:
    """The binary under test: $WAGGLE_PROXY, else the release build of this checkout."""
    default = TESTS.parent / "target" / "release" / "waggle-proxy"
    binary = Path(os.environ.get("WAGGLE_PROXY", default)).resolve()
    if not os.access(binary, os.X_OK):
        raise FileNotFoundError(f"{binary} is not there; build it with `cargo build --release` or set WAGGLE_PROXY")
    return binary


def npm_bin(name: str) -> str:
    """A program of one of the pinned npm packages."""
    return str(NODE_MODULES / ".bin" / name)


def server_bin(name: str) -> str:
    """A program of one of the pinned Python servers."""
    return str(Path(os.environ["E2E_SERVERS_BIN"]) / name)
