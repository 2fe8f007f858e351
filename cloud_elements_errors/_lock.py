"""A lock for state that threads share, and that a fork finds in any state."""

from __future__ import annotations

import os
import threading


class ForkSafeLock:
    """A reentrant lock for the life of the process, which is free in a forked child.

    It is reentrant, since a signal handler or a ``__del__`` may send a request while
    its thread holds the lock. A fork does not wait for it: with two locks that wait for
    each other, it could wait for ever. So what it protects changes in one step.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.append(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_exception: object) -> None:
        self._lock.release()


_locks: list[ForkSafeLock] = []


def _renew() -> None:  # pragma: no cover - runs in the child
    for lock in _locks:
        lock._lock = threading.RLock()


# One function for all locks, which comes first: what else runs in the child after the
# fork may need any of them.
if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_renew)
