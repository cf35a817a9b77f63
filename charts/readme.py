#!/usr/bin/env python3
"""Writes each chart's README.md from its README.md.in, Chart.yaml and the comments in values.yaml.

A comment `# -- …` above a key documents it and everything in it. `readme.py --check` writes nothing and says what differs;
a value that nothing documents is an error.
"""

import json
import re
import sys
from pathlib import Path

import yaml

CHARTS = Path(__file__).parent
KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):(.*)$")


class Undocumented(Exception):
    """The message names the values."""


def documented(text: str) -> list[tuple[str, object, str]]:
    """Key, default and meaning of each documented value, in the order of the file."""
    values, rows, bare, comment = yaml.safe_load(text), [], [], []
    path: list[tuple[int, str]] = []
    covered = None
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            if stripped.startswith("# -- "):
                comment = [stripped[5:]]
            elif comment:
                comment.append(stripped.lstrip("# "))
            continue
        match = KEY.match(line)
        if not match:
            if not stripped:
                comment = []
            continue
        indent, name, rest = len(match[1]), match[2], match[3].strip()
        path = [one for one in path if one[0] < indent] + [(indent, name)]
        key = ".".join(one for _, one in path)
        if covered is not None and indent > covered:
            continue
        covered = None
        if comment:
            rows.append((key, at(values, key), " ".join(comment)))
            covered, comment = indent, []
        elif rest:
            bare.append(key)
    if bare:
        raise Undocumented(", ".join(bare))
    return rows


def at(values: dict, key: str) -> object:
    """The value under a dotted key."""
    for name in key.split("."):
        values = values[name]
    return values


def table(rows: list[tuple[str, object, str]]) -> str:
    """The rows as Markdown."""
    lines = ["| Key | Default | Meaning |", "|---|---|---|"]
    for key, default, meaning in rows:
        shown = json.dumps(default, ensure_ascii=False).replace("|", "\\|")
        lines.append(f"| `{key}` | `{shown}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def readme(chart: Path) -> str:
    """The README of the chart."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    try:
        values = table(documented((chart / "values.yaml").read_text()))
    except Undocumented as names:
        sys.exit(f"{chart.name}/values.yaml: write a comment `# -- …` above {names}")
    text = (chart / "README.md.in").read_text()
    return text.replace("DESCRIPTION", about["description"]).replace("VALUES", values)


def main() -> None:
    """See the module's documentation."""
    check = sys.argv[1:] == ["--check"]
    stale = []
    for source in sorted(CHARTS.glob("*/README.md.in")):
        target, text = source.with_name("README.md"), readme(source.parent)
        if check and (not target.exists() or target.read_text() != text):
            stale.append(str(target.relative_to(CHARTS.parent)))
        elif not check:
            target.write_text(text)
    if stale:
        sys.exit(f"{', '.join(stale)}: not what values.yaml says; run `make charts-readme`")


if __name__ == "__main__":
    main()
