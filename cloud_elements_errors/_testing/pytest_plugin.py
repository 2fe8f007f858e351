"""The pytest fixture ``cloud_elements``; pytest alone imports this module."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .fake import FakeCloudElements

# Whether the function of the test has passed, after whether its subtests have.
_passed = pytest.StashKey[list[bool]]()


# First, to be around the others: the report may become another one, as with xfail.
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Tell the fixture whether the test has passed."""
    outcome = yield
    if call.when == "setup":
        item.stash[_passed] = []
    elif call.when == "call":
        item.stash.setdefault(_passed, []).append(outcome.get_result().passed)


@pytest.fixture
def cloud_elements(request: pytest.FixtureRequest) -> Iterator[FakeCloudElements]:
    """A fake Cloud Elements server on localhost. Retries do not wait.

    If the test passes, but no request got one of the queued responses, it is an error.
    """
    # pytest imports this module in every run, and before any conftest.py. Importing
    # requests and ssl there would cost every run its time, and gevent could not patch.
    testing = import_module("cloud_elements_errors.testing")
    with testing.FakeCloudElements() as platform, testing.no_wait():
        yield platform
    passed = request.node.stash.get(_passed, [])
    if passed and all(passed):
        platform.assert_all_sent()
