"""Retries without waits."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from urllib3.util.retry import Retry

from .._arguments import Function, check_decorated
from .._lock import fork_safe_lock
from .._retries.budget import open_blocks
from .._retries.policy import CloudElementsRetry


class no_wait(ContextDecorator):  # noqa: N801 - used like a function
    """Make retries not wait while the block is open, nor run out of tokens.

    Logs and *attempts* still show the waits, and they count against *max_elapsed*. The
    budgets of the hosts are full, so that a test does not depend on earlier ones; after
    the block, they hold what they held before it. A `RetryBudget` that you pass to a
    policy counts as always. This applies to the whole process, and to every
    `urllib3.Retry`. It also decorates functions, but not ``async def`` functions and
    generators: their bodies run later.

    Example::

        with FakeCloudElements() as server, no_wait():
            server.reply(502, times=2)
            assert CloudElementsSession().get(server.url).ok
    """

    def __enter__(self) -> None:
        """Enter the block."""
        with _lock:
            _found.append([cls.sleep for cls in _SLEEPS])
            for cls, sleep in _SLEEPS.items():
                cls.sleep = sleep  # type: ignore[method-assign]
            open_blocks.append(None)

    def __exit__(self, *exception: object) -> None:
        """Leave the block."""
        with _lock:
            open_blocks.pop()
            for cls, sleep in zip(_SLEEPS, _found.pop(), strict=True):
                cls.sleep = sleep  # type: ignore[method-assign]

    def __call__(self, function: Function) -> Function:
        """Decorate a function.

        Raises:
            TypeError: If the body of the function would run after the block.

        """
        check_decorated("no_wait", function)
        return super().__call__(function)


def _no_sleep(_policy: Retry, _response: object = None) -> None:
    return None


_SLEEPS: dict[type[Retry], Any] = {
    Retry: _no_sleep,
    CloudElementsRetry: CloudElementsRetry._skip_sleep,
}
# What each open no_wait() block has replaced, in all threads. The last block to end
# restores what the first one replaced.
_found: list[list[Any]] = []
_lock = fork_safe_lock()
