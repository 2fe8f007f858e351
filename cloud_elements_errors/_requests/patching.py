"""Patch requests for some URLs, for clients that have no session."""

from __future__ import annotations

import functools
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .._arguments import check_type
from .._lock import lock
from .._urls import clean_url, origin_of
from .adapter import CloudElementsAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from requests.adapters import BaseAdapter
    from urllib3.util.retry import Retry

    from .._errors.base import CloudElementsError
    from .response_hooks import OnError

# The number of errors that a patch keeps, since each may hold 64 KiB.
_REMEMBERED = 100


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
                "a prefix must have a scheme and a host, such as "
                f"https://api.cloud-elements.com/, not {prefix!r}"
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


class _Patches:
    """The open patches, newest first. requests is patched while there is one."""

    def __init__(self) -> None:
        self._open: list[tuple[tuple[_Prefix, ...], CloudElementsAdapter]] = []
        self._original: Any = None
        self._installed: Any = None

    def add(self, prefixes: tuple[_Prefix, ...], adapter: CloudElementsAdapter) -> None:
        with lock:
            if not self._open:
                original = self._original = requests.Session.get_adapter

                def get_adapter(session: requests.Session, url: str) -> BaseAdapter:
                    return self.adapter_for(url) or original(session, url)

                self._installed = get_adapter
                requests.Session.get_adapter = get_adapter  # type: ignore[assignment,method-assign]
            # A new list, because another thread may be reading the old one.
            self._open = [(prefixes, adapter), *self._open]

    def remove(self, adapter: CloudElementsAdapter) -> None:
        with lock:
            self._open = [entry for entry in self._open if entry[1] is not adapter]
            # Do not remove a mock that was installed later.
            if not self._open and requests.Session.get_adapter is self._installed:
                requests.Session.get_adapter = self._original  # type: ignore[method-assign]

    def adapter_for(self, url: str) -> CloudElementsAdapter | None:
        for prefixes, adapter in self._open:
            if any(prefix.matches(url) for prefix in prefixes):
                return adapter
        return None


_patches = _Patches()


def patch_requests(
    *prefixes: str,
    max_retries: int | Retry | None = None,
    passthrough: Collection[int] = (),
    on_error: OnError | None = None,
) -> AbstractContextManager[Sequence[CloudElementsError]]:
    """Patch requests for some URLs, for clients that have no session.

    While the block is open, every `requests.Session` of the process sends requests
    for URLs under the prefixes through one `CloudElementsAdapter`. That includes
    ``requests.get`` and the like. After the block, the patch is gone. If blocks are
    nested, the inner one counts.

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
    make_adapter = functools.partial(
        CloudElementsAdapter, max_retries, passthrough=passthrough
    )
    make_adapter(on_error=on_error)  # raises now for wrong arguments, not in the block
    return _patched(checked, make_adapter, on_error)


@contextmanager
def _patched(
    prefixes: tuple[_Prefix, ...],
    make_adapter: Callable[..., CloudElementsAdapter],
    on_error: OnError | None,
) -> Iterator[Sequence[CloudElementsError]]:
    seen: list[CloudElementsError] = []

    def remember(error: CloudElementsError) -> None:
        seen.append(error)
        del seen[:-_REMEMBERED]
        if on_error is not None:
            on_error(error)

    adapter = make_adapter(on_error=remember)
    _patches.add(prefixes, adapter)
    try:
        yield seen
    finally:
        _patches.remove(adapter)
        adapter.close()
