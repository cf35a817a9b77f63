"""Images of MCP servers for pods to run, each with an entrypoint of its own, as their authors would publish them."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from harness.paths import NODE_MODULES, TESTS
from testbed.images import Images

# The official SDKs for servers of either era, and what the fixtures need beside them.
_NODE_PACKAGES = ("@modelcontextprotocol/sdk", "@modelcontextprotocol/server", "@modelcontextprotocol/node", "zod")
_NODE_FILE = """FROM node
COPY . /srv/
ENTRYPOINT ["node", "/srv/fixtures/{folder}/server.mjs"]
"""
_PYTHON_FILE = """FROM python
COPY . /srv/
ENV PYTHONPATH=/srv LD_LIBRARY_PATH=/srv/lib PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["python3", "-m", "mcp_server_time"]
CMD ["--local-timezone", "UTC"]
"""
LEGACY, DUAL = "localhost/everything-legacy:1", "localhost/everything-dual:1"
PYTHON = "localhost/time:1"
# What their entrypoints say, for where no registry can be asked.
LEGACY_COMMAND = ["node", "/srv/fixtures/everything-v1/server.mjs"]
DUAL_COMMAND = ["node", "/srv/fixtures/everything-v2/server.mjs"]
COMMANDS = {LEGACY: LEGACY_COMMAND, DUAL: DUAL_COMMAND, PYTHON: ["python3", "-m", "mcp_server_time"]}
_FOLDERS = {LEGACY: "everything-v1", DUAL: "everything-v2"}


def archive(images: Images, name: str, scratch: Path) -> Path:
    """The archive of one of the images above; `scratch` is an empty folder to gather its files in."""
    if name == PYTHON:
        _python(scratch)
        return images.archive(name, _PYTHON_FILE, scratch, {"python": images.base("python")})
    _node(scratch)
    text = _NODE_FILE.format(folder=_FOLDERS[name])
    return images.archive(name, text, scratch, {"node": images.base("node")})


def _node(target: Path) -> None:
    shutil.copytree(TESTS / "fixtures", target / "fixtures")
    modules = NODE_MODULES.resolve()
    for package in _closure(modules):
        shutil.copytree(modules / package, target / "node_modules" / package, symlinks=True)


def _closure(modules: Path) -> list[str]:
    """The packages and all that they depend on; what is nested in a package comes with it."""
    todo, found = list(_NODE_PACKAGES), set()
    while todo:
        name = todo.pop()
        if name in found or not (modules / name).exists():
            continue
        found.add(name)
        for manifest in [modules / name / "package.json", *(modules / name).glob("node_modules/**/package.json")]:
            todo += json.loads(manifest.read_text()).get("dependencies", {})
    return sorted(found)


def _python(target: Path) -> None:
    """All of the real servers' environment but its installer."""
    environment = Path(os.environ["E2E_SERVERS_BIN"]).parent
    (packages,) = environment.glob("lib/python3.*/site-packages")
    assert packages.parent.name == f"python{sysconfig.get_python_version()}"
    ignored = shutil.ignore_patterns("__pycache__", "pip", "pip-*", "git", "GitPython*", "*.pth", "_virtualenv.py")
    shutil.copytree(packages, target, dirs_exist_ok=True, ignore=ignored)
    (target / "lib").mkdir()
    for library in _libraries(target):
        shutil.copy2(library, target / "lib")


def _libraries(target: Path) -> set[str]:
    """What extension modules are linked with besides the C library, which the userland has."""
    modules = [str(path) for path in target.rglob("*.so")]
    linked = subprocess.run(["ldd", *modules], capture_output=True, text=True, check=True).stdout
    paths = re.findall(r"=> (/\S+)", linked)
    return {path for path in paths if not re.match(r"libc\.so", Path(path).name)}
