"""The pytest fixture ``cloud_elements``; pytest alone imports this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .fake import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cloud_elements() -> Iterator[FakeCloudElements]:
    """A fake Cloud Elements server on localhost. Retries do not wait."""
    with FakeCloudElements() as platform, no_wait():
        yield platform
