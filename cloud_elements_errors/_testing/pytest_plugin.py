"""The pytest fixture ``cloud_elements``; pytest alone imports this module."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .fake import FakeCloudElements

# Whether the function of the test has passed.
_has_passed = pytest.StashKey[bool]()


# First, to be around the others: the report may become another one, as with xfail.
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Tell the fixture whether the test has passed."""
    outcome = yield
    item.stash[_has_passed] = call.when == "call" and outcome.get_result().passed


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
    if request.node.stash.get(_has_passed, False):
        platform.assert_all_sent()
