"""Checks of arguments: one wording for one mistake."""

from __future__ import annotations

# 31 years; time.sleep() overflows at ten times as much.
_LARGEST = 1e9


def check_number(name: str, value: float) -> float:
    """Return the number if it is one, from 0 to a thousand million."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} must be from 0 to {_LARGEST:g}, not {value!r}")
    return value
