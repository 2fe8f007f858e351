"""One lock for the little that threads share, each for a moment."""

from __future__ import annotations

import os
import threading

lock = threading.Lock()

# A fork waits for that moment, or the child would get a lock that nobody releases.
if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )
