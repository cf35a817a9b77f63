"""What /proc says about processes: who descends from whom, and who carries a mark."""

import time
from collections import defaultdict
from pathlib import Path

MARK = "E2E_PROXY_RUN"


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, zombies included."""
    children = defaultdict(list)
    for child, (parent, _) in _table().items():
        children[parent].append(child)
    found, todo = set(), [pid]
    while todo:
        for child in children[todo.pop()]:
            found.add(child)
            todo.append(child)
    return found


def zombies(pid: int) -> set[int]:
    """Children of `pid` that ended and were not reaped."""
    return {child for child, (parent, state) in _table().items() if parent == pid and state == "Z"}


def marked(mark: str) -> set[int]:
    """Running processes whose environment carries the mark, wherever they hang in the tree."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environ.read_bytes().split(b"\0"):
                found.add(int(environ.parent.name))
        except OSError:
            continue
    return found


def command_line(pid: int) -> str:
    """For messages; empty once the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def wait_until(condition, seconds: float, what: str):
    """Polls until `condition()` is truthy and returns its value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


def _table() -> dict[int, tuple[int, str]]:
    """Process id → parent's id and state."""
    table = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may contain anything, so fields are counted from its end.
            state, parent, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended since the listing
        table[int(stat.parent.name)] = (int(parent), state)
    return table
