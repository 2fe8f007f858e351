"""Checks of arguments: one wording for one mistake."""

from __future__ import annotations

from collections.abc import Collection

from ._codes import FIRST_ERROR

# HTTP's statuses have three digits.
_LAST_STATUS = 999

# 31 years; time.sleep() overflows at ten times as much.
_LARGEST = 1e9


def check_number(name: str, value: float) -> float:
    """Return the number if it is one, from 0 to a thousand million."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} must be from 0 to {_LARGEST:g}, not {value!r}")
    return value


def check_count(name: str, value: bool | int | None, *, least: int) -> None:
    if value is not None and not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, a boolean or None, not {value!r}")
    if value is not None and value < least:
        raise ValueError(f"{name} must be 0 or more, or None, not {value!r}")


def checked_methods(methods: Collection[str] | None) -> frozenset[str] | None:
    if methods is None:
        return None
    checked = checked_names("allowed_methods", methods)
    if not checked:
        raise ValueError(
            "allowed_methods must name a method, since urllib3 takes an empty "
            "collection as every method: use total=0 for no retries, or None for "
            f"every method, not {methods!r}"
        )
    return frozenset(method.upper() for method in checked)


def checked_names(name: str, values: Collection[str]) -> Collection[str]:
    if (
        isinstance(values, (str, bytes))
        or not isinstance(values, Collection)
        or not all(isinstance(value, str) for value in values)
    ):
        raise TypeError(f"{name} must be a collection of names, not {values!r}")
    return values


def checked_statuses(name: str, statuses: Collection[int]) -> frozenset[int]:
    """Return the statuses as a set, or say what is wrong with them."""
    if isinstance(statuses, (str, bytes)) or not isinstance(statuses, Collection):
        raise TypeError(f"{name} must be a collection of statuses, not {statuses!r}")
    for status in statuses:
        if isinstance(status, bool) or not isinstance(status, int):
            raise TypeError(f"{name} must hold integers, not {status!r}")
        if not FIRST_ERROR <= status <= _LAST_STATUS:
            raise ValueError(
                f"{name} must hold statuses from 400 to 999, not {status!r}"
            )
    return frozenset(statuses)
