"""One lock for all state that threads share. Nobody holds it for long."""

from __future__ import annotations

import os
import threading

lock = threading.Lock()

# Hold the lock during fork, so that the child never inherits it locked.
if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )
