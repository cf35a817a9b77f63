"""Where the measured times go."""

import pytest

from testbed.measure import Table

TABLE = pytest.StashKey[Table]()


@pytest.fixture(scope="session")
def table(pytestconfig):
    """What was measured; printed at the end, and kept in a file."""
    made = pytestconfig.stash[TABLE] = Table()
    yield made
    made.keep()


def pytest_terminal_summary(terminalreporter, config):
    """The table, once nothing else is printed."""
    if TABLE in config.stash:
        terminalreporter.write_line("\n" + config.stash[TABLE].markdown() + "\n")
