"""Puts what was measured where people read it. See perf.sh.

Between `<!-- NAME -->` and `<!-- /NAME -->` of a document stands what was measured; nothing there is written by hand.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PERFORMANCE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
# What the README tells: cell, measure, and the words around the ratio.
HEADLINES = (
    ("128 sessions", "rate", "calls per second with 128 sessions, of what the same server does over HTTP by itself"),
    ("1000 streams", "rate", "notifications per second to 1000 open streams, of the same"),
    ("64 KiB", "rate", "messages of 64 KiB per second, of the same"),
)


def main(what: str, out: Path) -> None:
    """`what` is `waggle`, `bridges`, `profile` or `cluster`: the name of a Markdown file in `out`."""
    replace(PERFORMANCE, what, (out / f"{what}.md").read_text())
    if what == "waggle":
        rows = json.loads((out / "waggle.json").read_text())["rows"]
        lines = [line for cell, measure, words in HEADLINES if (line := headline(rows, cell, measure, words))]
        replace(README, "headlines", "\n".join(lines) + "\n")


def headline(rows: list[dict], cell: str, measure: str, words: str) -> str | None:
    """Nothing for a cell that was not measured this time."""
    for row in rows:
        judged = row["bridges"][0]["judged"]
        if cell in row["cell"] and row["measure"] == measure and judged:
            return f"- **{judged['median']:.2f}** ({judged['low']:.2f} to {judged['high']:.2f}): {words}"
    return None


def replace(document: Path, name: str, text: str) -> None:
    between = re.compile(rf"(<!-- {name} -->\n).*(<!-- /{name} -->)", re.DOTALL)
    written, found = between.subn(lambda match: f"{match[1]}{text}{match[2]}", document.read_text())
    if not found:
        sys.exit(f"{document.name} has no `<!-- {name} -->` and `<!-- /{name} -->` to write between")
    document.write_text(written)


main(sys.argv[1], Path(sys.argv[2]))
