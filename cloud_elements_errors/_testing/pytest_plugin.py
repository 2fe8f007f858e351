"""The pytest fixture ``cloud_elements``; pytest alone imports this module."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fake import FakeCloudElements


@pytest.fixture
def cloud_elements() -> Iterator[FakeCloudElements]:
    """A fake Cloud Elements server on localhost. Retries do not wait."""
    # pytest imports this module in every run, and before any conftest.py. Importing
    # requests and ssl there would cost every run its time, and gevent could not patch.
    testing = import_module("cloud_elements_errors.testing")
    with testing.FakeCloudElements() as platform, testing.no_wait():
        yield platform
