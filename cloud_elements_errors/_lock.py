"""Locks for state that threads share, which also survive a fork."""

from __future__ import annotations

import os
import threading


def new_lock() -> threading.RLock:
    """Return a lock for the life of the process.

    It is reentrant, since a signal handler or a ``__del__`` may send a request while
    its thread holds the lock. A fork waits for it, so that no child inherits it locked.
    """
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
        os.register_at_fork(
            before=made.acquire,
            after_in_parent=made.release,
            after_in_child=made.release,
        )
    return made


lock = new_lock()
