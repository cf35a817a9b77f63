"""Fixtures of every test here."""

from itertools import count

import pytest

from harness.proxy import Proxy


@pytest.fixture
def start_proxy(tmp_path):
    """Starts proxies (`start_proxy(server, mode, options=…, env=…)`); all end, inspected, with the test."""
    started = []
    numbers = count(1)

    def start(server, mode=None, **more) -> Proxy:
        proxy = Proxy(server, mode, tmp_path / f"proxy-{next(numbers)}.log", **more)
        started.append(proxy)
        return proxy

    yield start
    failures = []
    for proxy in started:
        try:
            proxy.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)
