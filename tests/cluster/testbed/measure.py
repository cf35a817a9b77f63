"""Load on a URL in the cluster, and what its path costs. Ratios of one run mean something; single times on a shared machine do
not."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed import product

SECONDS = 5
# Everything of the node that could stand between a client and a server.
NODE_PROCESSES = ("kube-apiserver", "kubelet", "kube-proxy", "containerd")
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Load:
    """One run of the load tester."""

    report: dict[str, Any]
    exit_code: int
    # Of the whole path, without the load tester.
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Right answers per second."""
        return self.report["calls_per_second"]

    @property
    def cpu(self) -> float:
        """Microseconds of everything on the path, per right answer."""
        return self.cpu_seconds * 1e6 / max(1, self.report["tally"]["good"])

    @property
    def faults(self) -> int:
        """Calls that did not end with the right answer, whatever the reason."""
        return self.report["violations"] + self.report["errors"]


def load(url: str, pods: list[dict], sessions: int, payload: int = 200, seconds: float = SECONDS) -> Load:
    """Drives a URL; the pods are those that serve it."""
    argv = [str(product.binaries() / "loadtest"), "calls", url, "--allow-remote", "--json", f"--sessions={sessions}"]
    argv += [f"--payload={payload}", f"--seconds={seconds}", "--patience=60"]
    before = _cpu(pods)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 180)
    spent = _cpu(pods) - before
    assert done.returncode in (0, 1, 2) and done.stdout, done.stderr
    return Load(json.loads(done.stdout), done.returncode, spent)


def proportional_bytes(pids: list[int]) -> int:
    """Memory of processes, with what several share divided among them."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _cpu(pods: list[dict]) -> float:
    """Seconds that the pods and the node's own processes have used."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
            cgroup = (stat.parent / "cgroup").read_text()
        except OSError:
            continue
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        is_pods = any(pod["metadata"]["uid"] in cgroup for pod in pods)
        if is_pods or name.startswith(NODE_PROCESSES):
            total += (int(fields[11]) + int(fields[12])) / tick
    return total


@dataclass
class Table:
    """Rows of name, floor, measured and ratio; and what another system reached elsewhere, as a multiple of its floor there."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def compare(self, name: str, floors: list[float], values: list[float], unit: str, other: str = "") -> float:
        """Adds a row; the ratio is the median of those of neighbouring runs."""
        ratios = [value / floor for value, floor in zip(values, floors, strict=True)]
        row = {"what": name, "floor": statistics.median(floors), "measured": statistics.median(values), "unit": unit}
        self.rows.append(row | {"ratio": statistics.median(ratios), "ratios": ratios, "other": other})
        return statistics.median(ratios)

    def add(self, name: str, value: float, unit: str, other: str = "") -> None:
        """Adds a row without a floor."""
        self.rows.append({"what": name, "measured": value, "unit": unit, "other": other})

    def keep(self) -> None:
        """As `measured.json` and `cluster.md` in `target/cluster`."""
        folder = ROOT / "target" / "cluster"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "measured.json").write_text(json.dumps(self.rows, indent=2))
        (folder / "cluster.md").write_text(self.markdown() + "\n")

    def markdown(self) -> str:
        """Names of rows bear their units."""
        head = "| in the cluster, through the Service | floor | Waggle | ratio (lowest..highest) | ToolHive |"
        lines = [head, "|---|---|---|---|---|"]
        for row in self.rows:
            floor = _shown(row["floor"]) if "floor" in row else ""
            ratio = f"{row['ratio']:.2f} ({min(row['ratios']):.2f}..{max(row['ratios']):.2f})" if "ratio" in row else ""
            lines.append(f"| {row['what']} ({row['unit']}) | {floor} | {_shown(row['measured'])} | {ratio} | {row['other']} |")
        return "\n".join(lines)


def _shown(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
