"""The product's fixtures serve here too."""

import pytest

from testbed import product
from testbed.measure import Table


@pytest.fixture(scope="session")
def waggle(admin, images):
    """Waggle is installed by Helm; kubectl in its namespace."""
    product.build_images(images)
    with product.installed(admin) as there:
        yield there


@pytest.fixture(scope="session")
def table():
    """What was measured; printed at the end, and kept as `target/cluster/measured.json`."""
    made = Table()
    yield made
    made.tell()
