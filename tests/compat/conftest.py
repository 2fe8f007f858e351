"""What the tests with other people's clients and tools share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let other people's code use what is deprecated: that is not ours to mend."""
    for line in ("ignore::DeprecationWarning", "error:::cloud_elements_errors"):
        config.addinivalue_line("filterwarnings", line)
