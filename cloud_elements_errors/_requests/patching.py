"""Patch requests for some URLs, for clients that have no session."""

from __future__ import annotations

import warnings
import weakref
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .._arguments import check_type
from .._lock import fork_safe_lock
from .._urls import Origin, clean_url, origin_of
from .adapter import CloudElementsAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from urllib3.util.retry import Retry

    from .._errors.base import CloudElementsError
    from .checking import OnError


# The scheme, host and port of a prefix, and the path under which URLs match.
_Prefix = tuple[Origin, str]


def _prefix(prefix: str) -> _Prefix:
    check_type("prefixes", prefix, str, "URLs")
    # Normalize as requests does: the host in lower case and IDNA, the path quoted.
    prepared = requests.PreparedRequest()
    with suppress(requests.RequestException):
        prepared.prepare_url(prefix, None)
    parts = urlsplit(prepared.url or "")
    origin = origin_of(parts.geturl())
    if parts.scheme not in {"http", "https"} or origin is None:
        raise ValueError(
            "a prefix must be an http or https URL of one host (* is no pattern), "
            f"such as https://api.cloud-elements.com/, not {clean_url(prefix)!r}"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "a prefix must not have a userinfo, query or fragment: "
            f"use {clean_url(prefix)!r}"
        )
    return origin, parts.path.rstrip("/") + "/"


class _Patch:
    """An open block: its prefixes, and an adapter for each session that sends."""

    def __init__(
        self,
        prefixes: tuple[_Prefix, ...],
        make_adapter: Callable[[], CloudElementsAdapter],
    ) -> None:
        self.errors: list[CloudElementsError] = []
        self._prefixes = prefixes
        self._make_adapter = make_adapter
        # By id, because a session may have an __eq__ of its own. A login that is bound
        # to a connection must not serve another session. Without a lock: the garbage
        # collector may free a session in a forked child before its locks are renewed.
        self.adapters: dict[int, tuple[weakref.ref[Any], CloudElementsAdapter]] = {}

    def adapter_for(
        self, session: requests.Session, url: str
    ) -> CloudElementsAdapter | None:
        origin = origin_of(url)
        if not any(
            origin == prefix and f"{urlsplit(url).path}/".startswith(path)
            for prefix, path in self._prefixes
        ):
            return None
        key = id(session)
        found = self.adapters.get(key)
        if found is None:
            adapter = self._make_adapter()
            adapter._errors_of_patch = self.errors
            gone = weakref.ref(session, lambda _: self.forget(key))
            # Another thread may have been faster.
            found = self.adapters.setdefault(key, (gone, adapter))
        return found[1]

    def forget(self, key: int) -> None:
        """Close the adapter of a session that is closed or gone."""
        _, adapter = self.adapters.pop(key, (None, None))
        if adapter is not None:
            adapter.close()


_lock = fork_safe_lock()

# The class that defines the method: requests_cache puts a subclass of it in the place
# of requests.Session.
_SESSION: Any = next(
    cls for cls in reversed(requests.Session.__mro__) if "get_adapter" in vars(cls)
)


class _Patches:
    """The open patches, newest first. requests is patched while there is one."""

    def __init__(self) -> None:
        self._open: list[_Patch] = []
        self._restore: list[Callable[[], None]] = []

    def add(self, patch: _Patch) -> None:
        with _lock:
            if not self._open:
                self._replace("get_adapter", self._get_adapter)
                self._replace("close", self._close)
            # A new list, because another thread may be reading the old one.
            self._open = [patch, *self._open]

    def remove(self, patch: _Patch) -> None:
        with _lock:
            self._open = [other for other in self._open if other is not patch]
            while not self._open and self._restore:
                self._restore.pop()()
        for key in list(patch.adapters):
            patch.forget(key)

    def _replace(self, name: str, ours: Callable[..., Any]) -> None:
        original = getattr(_SESSION, name)

        def replacement(session: requests.Session, *args: Any, **kwargs: Any) -> Any:
            return ours(original, session, *args, **kwargs)

        def restore() -> None:
            # Do not remove a mock that was installed later.
            if getattr(_SESSION, name) is replacement:
                setattr(_SESSION, name, original)

        setattr(_SESSION, name, replacement)
        self._restore.append(restore)

    def _get_adapter(
        self, original: Callable[..., Any], session: requests.Session, url: str
    ) -> Any:
        for patch in self._open:
            adapter = patch.adapter_for(session, url)
            if adapter is not None:
                return adapter
        return original(session, url)

    def _close(self, original: Callable[..., Any], session: requests.Session) -> None:
        for patch in self._open:
            patch.forget(id(session))
        original(session)


_patches = _Patches()


def patch_requests(
    *prefixes: str,
    max_retries: int | Retry | None = None,
    passthrough: Collection[int] = (),
    on_error: OnError | None = None,
) -> AbstractContextManager[Sequence[CloudElementsError]]:
    """Patch requests for some URLs, for clients that have no session.

    While the block is open, every `requests.Session` of the process sends requests
    for URLs under the prefixes through a `CloudElementsAdapter` of its own. That
    includes ``requests.get`` and the like. After the block, the patch is gone. If
    blocks are nested, the inner one counts.

    Args:
        prefixes: URLs with scheme and host, such as
            ``"https://api.cloud-elements.com/elements/api-v2"``. A URL is under a
            prefix if it is equal, or goes on after it with a slash.
        max_retries: As for `CloudElementsAdapter`.
        passthrough: As for `CloudElementsAdapter`.
        on_error: As for `CloudElementsAdapter`.

    Returns:
        A context manager. Its value is a sequence of the last 100 errors, newest
        last, because some clients swallow exceptions.

    Raises:
        TypeError: If there is no prefix, or an argument is of the wrong type.
        ValueError: If a prefix has no scheme or host, or has a userinfo, query or
            fragment.

    Example::

        with patch_requests("https://api.cloud-elements.com/") as errors:
            requests.get("https://api.cloud-elements.com/elements/api-v2/contacts")

    """
    if not prefixes:
        raise TypeError(
            "patch_requests() needs a prefix, such as https://api.cloud-elements.com/"
        )
    checked = tuple(map(_prefix, prefixes))
    make_adapter = partial(
        CloudElementsAdapter, passthrough=passthrough, on_error=on_error
    )
    # Wrong arguments raise now, and not in the block. All adapters share one policy.
    policy = make_adapter(max_retries=max_retries).max_retries
    return _patched(checked, partial(make_adapter, max_retries=policy), _Block())


class _Block:
    """Warns if the block of a patch is never entered: then nothing is patched."""

    entered = False

    def __del__(self) -> None:
        if not self.entered:
            warnings.warn(
                "patch_requests() does nothing without a with statement",
                RuntimeWarning,
                stacklevel=1,
            )


@contextmanager
def _patched(
    prefixes: tuple[_Prefix, ...],
    make_adapter: Callable[[], CloudElementsAdapter],
    block: _Block,
) -> Iterator[Sequence[CloudElementsError]]:
    block.entered = True
    patch = _Patch(prefixes, make_adapter)
    _patches.add(patch)
    try:
        yield patch.errors
    finally:
        _patches.remove(patch)
