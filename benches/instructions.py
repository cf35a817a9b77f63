"""Compares counted instructions, on stdin as the runner prints them, with instructions.json. See instructions.sh."""

import json
import sys
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")
# What the same code may differ by, where libraries of the system choose another way through a copy.
TOLERANCE = 0.03


def main(arguments: list[str]) -> int:
    counted = dict(one(json.loads(line)) for line in sys.stdin)
    match arguments:
        case []:
            return compare(json.loads(FILE.read_text())["instructions"], counted)
        case ["--accept", reason] if reason.strip():
            FILE.write_text(json.dumps({"reason": reason, "instructions": counted}, indent=2) + "\n")
            return 0
        case _:
            print("usage: instructions.sh [--accept REASON]", file=sys.stderr)
            return 64


def one(summary: dict) -> tuple[str, int]:
    name = f"{summary['function_name']} {summary['id']}"
    (run,) = summary["profiles"]
    return name, run["data"]["total"]["metrics"]["Ir"]["values"]["new"]


def compare(known: dict[str, int], counted: dict[str, int]) -> int:
    print(f"{'':32} {'known':>12} {'counted':>12}")
    worse = []
    for name in sorted(known.keys() | counted.keys()):
        before, now = known.get(name), counted.get(name)
        change = now / before - 1 if before and now else None
        verdict = "new or gone" if change is None else f"{change:+.1%}"
        if change is None or change > TOLERANCE:
            worse.append(name)
            verdict += "  <"
        print(f"{name:32} {before or '-':>12} {now or '-':>12}  {verdict}")
    if worse:
        print(
            f"\n{len(worse)} of these take more than {TOLERANCE:.0%} more instructions, or are not known. Make them cheaper;"
            ' or, if it is worth it: benches/instructions.sh --accept "why", and commit the file with the change.',
            file=sys.stderr,
        )
    return 1 if worse else 0


sys.exit(main(sys.argv[1:]))
