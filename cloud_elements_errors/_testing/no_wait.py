"""Retries without waits."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from urllib3.util.retry import Retry

from .._lock import lock
from .._retries.budget import host_budgets
from .._retries.policy import CloudElementsRetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._retries.budget import RetryBudget


@contextmanager
def no_wait() -> Iterator[None]:
    """Make retries not wait while the block is open, and start with new budgets.

    Logs and *attempts* still show the waits. The process gets new retry budgets, so
    that a test does not depend on earlier ones; after the block, the old ones are
    back. This applies to the whole process, and to every `urllib3.Retry`.

    Example::

        with FakeCloudElements() as server, no_wait():
            server.reply(502, times=2)
            assert CloudElementsSession().get(server.url).ok
    """
    with lock:
        _found.append(([cls.sleep for cls in _POLICIES], host_budgets.by_origin))
        for cls in _POLICIES:
            cls.sleep = _no_sleep  # type: ignore[assignment,method-assign]
        host_budgets.by_origin = {}
    try:
        yield
    finally:
        with lock:
            sleeps, host_budgets.by_origin = _found.pop()
            for cls, sleep in zip(_POLICIES, sleeps, strict=True):
                cls.sleep = sleep  # type: ignore[method-assign]


def _no_sleep(_policy: Retry, _response: object = None) -> None:
    return None


_POLICIES: tuple[type[Retry], ...] = (Retry, CloudElementsRetry)
# What each open no_wait() block has replaced, in all threads. The last block to end
# restores what the first one replaced.
_found: list[tuple[list[Any], dict[object, RetryBudget]]] = []
