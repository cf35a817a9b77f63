"""The real servers: how each is started, one call of each, and how its true result is recognised."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.paths import npm_bin, server_bin


@dataclass(frozen=True)
class RealServer:
    """`label` is unique to a client and `home` to a proxy: an answer cannot be taken for another's."""

    name: str
    command: Callable[[Path], list[str]]
    tool: str
    arguments: Callable[[Path, str], dict]
    check: Callable[[dict, Path, str], None]


def text(result: dict) -> str:
    """The one text block of a successful result."""
    assert not result.get("isError"), result
    (block,) = result["content"]
    return block["text"]


def _check_echo(result, home, label):
    assert text(result) == f"Echo: {label}"


def _check_file(result, home, label):
    assert "Successfully wrote" in text(result)
    assert (home / f"{label}.txt").read_text() == f"written by {label}"


def _check_entity(result, home, label):
    assert json.loads(text(result)) == [_entity(label)]


def _check_thought(result, home, label):
    thought = json.loads(text(result))
    assert (thought["thoughtNumber"], thought["totalThoughts"]) == (1, 2)
    assert thought["nextThoughtNeeded"] is True


def _check_time(result, home, label):
    converted = json.loads(text(result))
    assert converted["target"]["datetime"].endswith("T21:30:00+09:00"), converted


def _check_branch(result, home, label):
    assert label in text(result)
    subprocess.run(["git", "-C", str(home), "show-ref", "--verify", "--quiet", f"refs/heads/{label}"], check=True)


def _entity(label: str) -> dict:
    return {"name": label, "entityType": "client", "observations": [f"seen by {label}"]}


def _memory(home: Path) -> list[str]:
    # A file per process: the server rewrites its file whole, and processes would undo each other's work.
    script = 'MEMORY_FILE_PATH="$1/memory-$$.jsonl" exec "$2"'
    return ["sh", "-c", script, "sh", str(home), npm_bin("mcp-server-memory")]


def _git(home: Path) -> list[str]:
    if not (home / ".git").exists():
        identity = ["-c", "user.name=e2e", "-c", "user.email=e2e@localhost"]
        commit = ["commit", "--quiet", "--allow-empty", "--message", "the only commit"]
        subprocess.run(["git", "init", "--quiet", str(home)], check=True)
        subprocess.run(["git", "-C", str(home), *identity, *commit], check=True)
    return [server_bin("mcp-server-git"), "--repository", str(home)]


REAL_SERVERS = [
    RealServer(
        "everything",
        lambda home: [npm_bin("mcp-server-everything"), "stdio"],
        "echo",
        lambda home, label: {"message": label},
        _check_echo,
    ),
    RealServer(
        "filesystem",
        lambda home: [npm_bin("mcp-server-filesystem"), str(home)],
        "write_file",
        lambda home, label: {"path": str(home / f"{label}.txt"), "content": f"written by {label}"},
        _check_file,
    ),
    RealServer(
        "memory",
        _memory,
        "create_entities",
        lambda home, label: {"entities": [_entity(label)]},
        _check_entity,
    ),
    RealServer(
        "sequential-thinking",
        lambda home: [npm_bin("mcp-server-sequential-thinking")],
        "sequentialthinking",
        lambda home, label: {"thought": label, "nextThoughtNeeded": True, "thoughtNumber": 1, "totalThoughts": 2},
        _check_thought,
    ),
    RealServer(
        "time",
        lambda home: [server_bin("mcp-server-time"), "--local-timezone", "UTC"],
        "convert_time",
        lambda home, label: {"source_timezone": "UTC", "time": "12:30", "target_timezone": "Asia/Tokyo"},
        _check_time,
    ),
    RealServer(
        "git",
        _git,
        "git_create_branch",
        lambda home, label: {"repo_path": str(home), "branch_name": label},
        _check_branch,
    ),
]
