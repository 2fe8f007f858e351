"""Checks of arguments: one wording for one mistake."""

from collections.abc import Callable, Collection
from math import inf
from threading import TIMEOUT_MAX
from typing import Any, TypeAlias, TypeVar

from urllib3.util import Timeout

from ._table import FIRST_ERROR

TimeoutTypes: TypeAlias = "float | tuple[float | None, float | None] | Timeout | None"

Function = TypeVar("Function", bound=Callable[..., Any])

_SENSITIVE = {"body", "headers", "message", "prefixes", "request_headers", "url"}

_TIMEOUTS = "a number of seconds, a pair (connect, read), a urllib3 Timeout or None"

# CO_GENERATOR and CO_ASYNC_GENERATOR of inspect, whose import takes 7 milliseconds.
GENERATORS = 0x20 | 0x200
_RUNS_LATER = 0x80 | GENERATORS  # CO_COROUTINE: async def


def check_type(name: str, value: object, wanted: str, *kinds: type) -> None:
    """Raise TypeError unless the value is of one of these types.

    Where the value may hold a credential, the message shows its type instead. In
    Python, a bool is an int; here it is not.
    """
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        is_shown = name not in _SENSITIVE or isinstance(value, float | int | None)
        shown = repr(value) if is_shown else type(value).__name__
        raise TypeError(f"{name} must be {wanted}, not {shown}")


def check_optional(name: str, value: object, wanted: str, *kinds: type) -> None:
    """Raise TypeError unless the value is of one of these types, or None."""
    if value is not None:
        check_type(name, value, f"{wanted} or None", *kinds)


def check_callable(name: str, value: object) -> None:
    """Raise TypeError unless the value can be called, or is None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable or None, not {value!r}")
    if _flags_of(value):
        raise TypeError(f"{name} must be a plain function, no async def or generator")


def check_decorated(decorator: str, function: Any, refused: int = _RUNS_LATER) -> bool:
    """Raise TypeError if a block around the call of the function would do nothing.

    Return whether the function is an ``async def``.
    """
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"{decorator}() decorates functions, not {function!r}")
    if _flags_of(function) & refused:
        why = "its body runs after the call. Use a with block inside the function"
        raise TypeError(f"{decorator}() cannot decorate {function!r}: {why}")
    return bool(_flags_of(function) & ~GENERATORS)


def _flags_of(function: Any) -> int:
    """Return the flags of a function whose body runs after the call, else 0."""
    function = getattr(function, "func", function)  # of a functools.partial
    if getattr(function, "__globals__", {}).get("__name__") == "contextlib":
        # Of a function with @contextmanager.
        function = getattr(function, "__wrapped__", function)
    codes = [getattr(f, "__code__", None) for f in (function, type(function).__call__)]
    return max(getattr(code, "co_flags", 0) & _RUNS_LATER for code in codes)


def check_number(name: str, value: float, least: float = 0) -> float:
    """Return the number; raise unless it is one from *least* to 1e9."""
    check_type(name, value, "a number", int, float)
    # Seconds: 31 years. time.sleep() overflows at ten times as much.
    check_range(name, value, least, 1e9)
    return value


def check_integer(name: str, value: float, least: float, most: float = inf) -> None:
    """Raise unless the value is an integer within the bounds."""
    check_type(name, value, "an integer", int)
    check_range(name, value, least, most)


def check_range(name: str, value: float, least: float, most: float = inf) -> None:
    """Raise ValueError unless the number is within the bounds."""
    if not least <= value <= most:
        allowed = f"{least:g} or more" if most == inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{name} must be {allowed}, not {value!r}")


def checked_methods(methods: Collection[str] | None) -> frozenset[str] | None:
    """Return the names of HTTP methods in upper case; None for every method."""
    if methods is None:
        return None
    check_names("allowed_methods", methods)
    if not methods:
        # For urllib3, an empty collection means every method.
        wanted = "name a method, or be None for every method (total=0 for no retries)"
        raise ValueError(f"allowed_methods must {wanted}, not {methods!r}")
    return frozenset(method.upper() for method in methods)


def checked_statuses(name: str, statuses: Collection[int]) -> frozenset[int]:
    """Return the statuses of errors as a set."""
    check_names(name, statuses, "statuses", object)
    for status in statuses:  # of three digits
        check_integer(f"a status in {name}", status, FIRST_ERROR, 999)
    return frozenset(statuses)


def check_names(name: str, values: Any, of: str = "names", kind: type = str) -> None:
    """Raise TypeError unless this is a collection of such values, and no string."""
    is_one = isinstance(values, Collection) and not isinstance(values, (str, bytes))
    if not is_one or not all(isinstance(value, kind) for value in values):
        raise TypeError(f"{name} must be a collection of {of}, not {values!r}")


def checked_timeout(timeout: TimeoutTypes) -> TimeoutTypes:
    """Return the timeout if it is one that requests takes, and not 0."""
    if isinstance(timeout, Timeout):
        return timeout
    parts = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    numbers = [part for part in parts if part is not None]
    for number in numbers:
        check_type("timeout", number, _TIMEOUTS, int, float)
    is_pair = len(parts) == 2  # noqa: PLR2004
    if not is_pair or not all(0 < number <= TIMEOUT_MAX for number in numbers):
        limit = f"above 0 and at most {TIMEOUT_MAX:g} seconds" if is_pair else _TIMEOUTS
        raise ValueError(f"timeout must be {limit}, not {timeout!r}")
    return timeout
