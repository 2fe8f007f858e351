"""Retries without waits."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from urllib3.util.retry import Retry

from .._lock import lock
from .._retries.budget import open_blocks
from .._retries.policy import CloudElementsRetry

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_wait() -> Iterator[None]:
    """Make retries not wait while the block is open, nor run out of tokens.

    Logs and *attempts* still show the waits, and they count against *max_elapsed*. The
    budgets of the hosts are full, so that a test does not depend on earlier ones; after
    the block, they hold what they held before it. A `RetryBudget` that you pass to a
    policy counts as always. This applies to the whole process, and to every
    `urllib3.Retry`.

    Example::

        with FakeCloudElements() as server, no_wait():
            server.reply(502, times=2)
            assert CloudElementsSession().get(server.url).ok
    """
    with lock:
        _found.append([cls.sleep for cls in _SLEEPS])
        for cls, sleep in _SLEEPS.items():
            cls.sleep = sleep  # type: ignore[method-assign]
    open_blocks.append(None)
    try:
        yield
    finally:
        open_blocks.pop()
        with lock:
            for cls, sleep in zip(_SLEEPS, _found.pop(), strict=True):
                cls.sleep = sleep  # type: ignore[method-assign]


def _no_sleep(_policy: Retry, _response: object = None) -> None:
    return None


_SLEEPS: dict[type[Retry], Any] = {
    Retry: _no_sleep,
    CloudElementsRetry: CloudElementsRetry._skip_sleep,
}
# What each open no_wait() block has replaced, in all threads. The last block to end
# restores what the first one replaced.
_found: list[list[Any]] = []
