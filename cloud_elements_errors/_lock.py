"""A lock for state that threads share, and that a fork finds in any state."""

import os
import threading


def fork_safe_lock() -> threading.RLock:
    """Return a lock for the life of the process, which is free in a forked child.

    It is reentrant, since a signal handler or a ``__del__`` may send a request while
    its thread holds the lock. A fork does not wait for it: with two locks that wait for
    each other, it could wait for ever. So what it protects changes in one step.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
        # Not public, but logging and others of the standard library use it.
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]
    return lock
