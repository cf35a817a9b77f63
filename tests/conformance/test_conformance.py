"""The official suite in front of a legacy server, in each process mode, and what exactly it checked."""

import pytest

from conformance import suite
from harness.paths import EVERYTHING_V1, EVERYTHING_V2, MODERN_ONLY
from harness.programs import Program

SHARED_BASELINES = {
    revision: suite.HERE / "shared-expected-failures" / f"{revision}.yml" for revision in suite.LEGACY_REVISIONS
}
# What each fixture serves by itself.
ALONE = [
    *(("legacy", EVERYTHING_V1, revision) for revision in suite.LEGACY_REVISIONS),
    *(("dual", EVERYTHING_V2, revision) for revision in suite.WITH_REQUIREMENTS),
    ("modern-only", MODERN_ONLY, suite.MODERN),
]


@pytest.mark.parametrize(
    ("command", "revision"), [case[1:] for case in ALONE], ids=[f"{name}-{revision}" for name, _, revision in ALONE]
)
def test_fixture_passes_without_a_proxy(command, revision, tmp_path):
    """Keeps the expectations honest: they are what the SDK's own transport reaches."""
    with Program([*command, "--http", "0"]) as server:
        run = suite.run(server.line(), revision, tmp_path)
    assert run.exit_code == 0, run.summary
    assert suite.reached(run, revision) == suite.expected(revision)


@pytest.mark.parametrize("revision", suite.LEGACY_REVISIONS)
def test_session_mode_passes_everything(revision, start_proxy, tmp_path):
    """A process per session loses nothing: every scenario, every single check."""
    proxy = start_proxy(EVERYTHING_V1, "session")
    run = suite.run(proxy.url, revision, tmp_path / "results")
    assert run.exit_code == 0, run.summary
    assert suite.reached(run, revision) == suite.expected_behind_proxy(revision)


@pytest.mark.parametrize("revision", suite.LEGACY_REVISIONS)
def test_shared_mode_fails_only_what_cannot_be_attributed(revision, start_proxy, tmp_path):
    """The baseline lists sampling and elicitation; the suite fails for any other, and for a stale entry."""
    baseline = SHARED_BASELINES[revision]
    proxy = start_proxy(EVERYTHING_V1, "shared")
    run = suite.run(proxy.url, revision, tmp_path / "results", expected_failures=baseline)
    assert run.exit_code == 0, run.summary

    refused = suite.baseline_scenarios(baseline)
    passing = {name: counts for name, counts in suite.expected_behind_proxy(revision).items() if name not in refused}
    reached = suite.reached(run, revision)
    assert {name: reached[name] for name in passing} == passing
    assert {name for name, counts in reached.items() if counts.get("FAILURE")} == refused
