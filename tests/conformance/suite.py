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
# The suite publishes a frozen list of requirements for these revisions; of the earlier ones it runs
# every scenario that applies to them.
WITH_REQUIREMENTS = ["2025-11-25", "2026-07-28"]
LEGACY_REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25"]
MODERN = "2026-07-28"

Counts = dict[str, dict[str, int]]

# The SDK's transport answers every legacy request with a stream; Waggle answers with plain JSON when the
# answer comes first and alone, which the specification leaves to the server. The suite then notes
# (INFO) that there was no stream to look at, where it otherwise checks that the streams work.
BEHIND_PROXY: Counts = {"server-sse-multiple-streams": {"INFO": 1, "SUCCESS": 1}}

# What a legacy server cannot do, whatever stands in front of it; the baseline for it says why.
LEGACY_SERVER: Counts = {
    "input-required-result-basic-elicitation": {"FAILURE": 1, "SUCCESS": 1},
    "input-required-result-ignore-extra-params": {"SUCCESS": 1, "WARNING": 1},
}
# The same for a dual-era server that is reached as a legacy one.
DUAL_AS_LEGACY: Counts = LEGACY_SERVER | {"server-stateless": {"FAILURE": 2, "SUCCESS": 28}}


@dataclass
class Run:
    """The suite's verdict and summary, and per scenario how many checks ended in each status."""

    exit_code: int
    summary: str
    counts: Counts


def run(url: str, revision: str, results: Path, expected_failures: Path | None = None) -> Run:
    """Every scenario of the revision against `url`; details are written below `results`."""
    argv = ["node", "--import", str(HERE / "globsync-shim.mjs"), str(CLI), "server", "--url", url]
    if revision in WITH_REQUIREMENTS:
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
    """The committed counts, as the SDKs' own transports reach them: every scenario that is scored, and
    those unscored ones that any server can pass (not server-sse-polling, which a stdio server cannot, nor
    those of the tasks extension)."""
    return json.loads((HERE / "expected" / f"{revision}.json").read_text())


def expected_behind_proxy(revision: str, of_server: Counts | None = None) -> Counts:
    """The same with what the proxy, or the server behind it, makes the suite count differently."""
    direct = expected(revision)
    different = BEHIND_PROXY | (of_server or {})
    return direct | {name: counts for name, counts in different.items() if name in direct}


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
