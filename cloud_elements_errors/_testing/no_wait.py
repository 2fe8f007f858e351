"""Retries without waits."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any, TypeVar

from urllib3.util.retry import Retry

from .._lock import lock
from .._retries.budget import host_budgets
from .._retries.policy import CloudElementsRetry

if TYPE_CHECKING:
    from .._retries.budget import RetryBudget

_Function = TypeVar("_Function", bound=Callable[..., Any])
_RUNS_LATER = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)


class no_wait(ContextDecorator):  # noqa: N801 - used like a function
    """Make retries not wait while the block is open, and start with new budgets.

    Logs and *attempts* still show the waits. The process gets new retry budgets, so
    that a test does not depend on earlier ones; after the block, the old ones are
    back. This applies to the whole process, and to every `urllib3.Retry`. It also
    decorates functions, but not ``async def`` functions and generators: their bodies
    run later.

    Example::

        with FakeCloudElements() as server, no_wait():
            server.reply(502, times=2)
            assert CloudElementsSession().get(server.url).ok
    """

    def __enter__(self) -> None:
        """Enter the block."""
        with lock:
            _found.append(([cls.sleep for cls in _POLICIES], host_budgets.by_origin))
            for cls in _POLICIES:
                cls.sleep = _no_sleep  # type: ignore[assignment,method-assign]
            host_budgets.by_origin = {}

    def __exit__(self, *exception: object) -> None:
        """Leave the block."""
        with lock:
            sleeps, host_budgets.by_origin = _found.pop()
            for cls, sleep in zip(_POLICIES, sleeps, strict=True):
                cls.sleep = sleep  # type: ignore[method-assign]

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function.

        Raises:
            TypeError: If the body of the function would run after the block.

        """
        if any(runs_later(function) for runs_later in _RUNS_LATER):
            raise TypeError(
                "no_wait() cannot decorate async def functions and generators: their "
                "bodies run later. Use a with block inside the function"
            )
        return super().__call__(function)


def _no_sleep(_policy: Retry, _response: object = None) -> None:
    return None


_POLICIES: tuple[type[Retry], ...] = (Retry, CloudElementsRetry)
# What each open no_wait() block has replaced, in all threads. The last block to end
# restores what the first one replaced.
_found: list[tuple[list[Any], dict[object, RetryBudget]]] = []
