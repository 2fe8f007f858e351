"""Patch requests for some URLs, for clients that have no session."""

from __future__ import annotations

import warnings
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .._arguments import check_type
from .._lock import ForkSafeLock
from .._urls import clean_url, origin_of
from .adapter import CloudElementsAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from urllib3.util.retry import Retry

    from .._errors.base import CloudElementsError
    from .checking import OnError


class _Prefix:
    """A scheme, host and port, and a path under which URLs match."""

    def __init__(self, prefix: str) -> None:
        check_type("prefixes", prefix, str, "URLs")
        # Normalize as requests does: the host in lower case and IDNA, the path quoted.
        prepared = requests.PreparedRequest()
        with suppress(requests.RequestException):
            prepared.prepare_url(prefix, None)
        parts = urlsplit(prepared.url or "")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "a prefix must be an http or https URL of one host (* is no pattern), "
                f"such as https://api.cloud-elements.com/, not {clean_url(prefix)!r}"
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "a prefix must not have a userinfo, query or fragment: "
                f"use {clean_url(prefix)!r}"
            )
        self._origin = origin_of(parts.geturl())
        self._path = parts.path.rstrip("/") + "/"

    def matches(self, url: str) -> bool:
        """Say whether the URL is this prefix, or goes on after it with a slash."""
        if origin_of(url) != self._origin:
            return False
        return f"{urlsplit(url).path}/".startswith(self._path)


class _Patch:
    """An open block: its prefixes, and an adapter for each session that sends."""

    def __init__(
        self,
        prefixes: tuple[_Prefix, ...],
        make_adapter: Callable[[], CloudElementsAdapter],
        errors: list[CloudElementsError],
    ) -> None:
        self.errors = errors
        self._prefixes = prefixes
        self._make_adapter = make_adapter
        # By id, because a session may have an __eq__ of its own. A login that is bound
        # to a connection must not serve another session.
        self._adapters: dict[int, tuple[weakref.ref[Any], CloudElementsAdapter]] = {}

    def adapter_for(
        self, session: requests.Session, url: str
    ) -> CloudElementsAdapter | None:
        if not any(prefix.matches(url) for prefix in self._prefixes):
            return None
        key = id(session)
        with _lock:
            if key not in self._adapters:
                gone = weakref.ref(session, lambda _: self.forget(key))
                self._adapters[key] = (gone, self._make_adapter())
            return self._adapters[key][1]

    def forget(self, key: int) -> None:
        """Close the adapter of a session that is closed or gone."""
        with _lock:
            _, adapter = self._adapters.pop(key, (None, None))
        if adapter is not None:
            adapter.close()

    def close(self) -> None:
        for key in list(self._adapters):
            self.forget(key)


_lock = ForkSafeLock()

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
        patch.close()

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
    checked = tuple(map(_Prefix, prefixes))
    # Wrong arguments raise now, and not in the block. All adapters share one policy.
    policy = CloudElementsAdapter(
        max_retries=max_retries, passthrough=passthrough, on_error=on_error
    ).max_retries

    def make_patch() -> _Patch:
        errors: list[CloudElementsError] = []

        def make_adapter() -> CloudElementsAdapter:
            adapter = CloudElementsAdapter(
                max_retries=policy, passthrough=passthrough, on_error=on_error
            )
            adapter._errors = errors
            return adapter

        return _Patch(checked, make_adapter, errors)

    return _patched(make_patch, _Block())


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
    make_patch: Callable[[], _Patch], block: _Block
) -> Iterator[Sequence[CloudElementsError]]:
    block.entered = True
    patch = make_patch()
    _patches.add(patch)
    try:
        yield patch.errors
    finally:
        _patches.remove(patch)
