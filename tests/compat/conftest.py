"""What the tests with other people's clients and tools share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let other people's code be: its deprecations, and sockets that it leaves open."""
    for line in (
        "ignore::DeprecationWarning",
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
        "error:::cloud_elements_errors",
    ):
        config.addinivalue_line("filterwarnings", line)
