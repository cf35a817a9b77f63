"""Runs the official conformance suite and counts what it checked."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.paths import NODE_MODULES

HERE = Path(__file__).resolve().parent
CLI = NODE_MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
# The suite publishes a frozen list of requirements for this revision; of the earlier ones it runs
# every scenario that applies to them.
WITH_REQUIREMENTS = "2025-11-25"
REVISIONS = ["2025-03-26", "2025-06-18", WITH_REQUIREMENTS]

Counts = dict[str, dict[str, int]]

# The SDK's transport answers every request with a stream; Waggle answers with plain JSON when the
# answer comes first and alone, which the specification leaves to the server. The suite then notes
# (INFO) that there was no stream to look at, where it otherwise checks that the streams work.
BEHIND_PROXY: Counts = {"server-sse-multiple-streams": {"INFO": 1, "SUCCESS": 1}}


@dataclass
class Run:
    """The suite's verdict and summary, and per scenario how many checks ended in each status."""

    exit_code: int
    summary: str
    counts: Counts


def run(url: str, revision: str, results: Path, expected_failures: Path | None = None) -> Run:
    """Every scenario of the revision against `url`; details are written below `results`."""
    argv = ["node", "--import", str(HERE / "globsync-shim.mjs"), str(CLI), "server", "--url", url]
    if revision == WITH_REQUIREMENTS:
        argv += ["--requirements", revision]
    else:
        argv += ["--suite", "all", "--spec-version", revision]
    if expected_failures:
        argv += ["--expected-failures", str(expected_failures)]
    argv += ["--output-dir", str(results)]
    ended = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    summary = ended.stdout[ended.stdout.find("=== SUMMARY") :]
    return Run(ended.returncode, summary, _counts(results))


def expected(revision: str) -> Counts:
    """The committed counts, as the SDK's own transport reaches them: every scenario that is scored, and
    those unscored ones that a stdio server can pass (all but server-sse-polling)."""
    return json.loads((HERE / "expected" / f"{revision}.json").read_text())


def expected_behind_proxy(revision: str) -> Counts:
    """The same with what a proxy that answers in plain JSON makes the suite count differently."""
    direct = expected(revision)
    return direct | {name: counts for name, counts in BEHIND_PROXY.items() if name in direct}


def reached(run: Run, revision: str) -> Counts:
    """What the run reached in the scenarios of the expectation."""
    return {name: counts for name, counts in run.counts.items() if name in expected(revision)}


def baseline_scenarios(baseline: Path) -> set[str]:
    """The scenarios an expected-failures file lists; whole scenarios only."""
    return set(re.findall(r"^ *- ([\w-]+)$", baseline.read_text(), re.MULTILINE))


def _counts(results: Path) -> Counts:
    counts = {}
    for checks in results.glob("server-*/checks.json"):
        scenario = re.fullmatch(r"server-(.+?)-\d{4}-\d{2}-\d{2}T[\d-]+Z", checks.parent.name).group(1)
        statuses = Counter(check["status"] for check in json.loads(checks.read_text()))
        counts[scenario] = dict(sorted(statuses.items()))
    return counts
