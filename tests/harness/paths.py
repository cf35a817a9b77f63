"""Where the things under test and their peers are."""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
NODE_MODULES = TESTS / "node_modules"
EVERYTHING_V1 = ["node", str(TESTS / "fixtures" / "everything-v1" / "server.mjs")]
PYTHON = sys.executable


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
