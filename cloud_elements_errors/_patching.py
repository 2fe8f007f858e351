"""Serve a client that holds no session: all of requests, for some URLs."""

from __future__ import annotations

import functools
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from ._adapter import CloudElementsAdapter
from ._lock import lock
from ._urls import clean_url, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from requests.adapters import BaseAdapter
    from urllib3.util.retry import Retry

    from ._response_hooks import OnError
    from .exceptions import CloudElementsError

# How many errors a patch remembers: the newest, since each may hold 64 KiB.
_REMEMBERED = 100


class _Prefix:
    """The URLs of one scheme, host and port, under one path."""

    def __init__(self, prefix: str) -> None:
        if not isinstance(prefix, str):
            raise TypeError(f"prefixes must be URLs, not {prefix!r}")
        # As requests writes URLs: the host in lower case and IDNA, the path quoted.
        prepared = requests.PreparedRequest()
        with suppress(requests.RequestException):
            prepared.prepare_url(prefix, None)
        parts = urlsplit(prepared.url or "")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "a prefix must have a scheme and a host, as "
                f"https://api.cloud-elements.com/, not {prefix!r}"
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "a prefix has no userinfo, query or fragment: "
                f"use {clean_url(prefix)!r}"
            )
        self._origin = origin_of(parts.geturl())
        self._path = parts.path.rstrip("/") + "/"

    def matches(self, url: str) -> bool:
        """Whether the URL is under this prefix, at a slash and nowhere else."""
        parts = urlsplit(url)
        return origin_of(url) == self._origin and f"{parts.path}/".startswith(
            self._path
        )


class _Patches:
    """The patches that are open, newest first; requests is changed while any is."""

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
            # A new list, so that a thread that reads the old one is not disturbed.
            self._open = [(prefixes, adapter), *self._open]

    def remove(self, adapter: CloudElementsAdapter) -> None:
        with lock:
            self._open = [entry for entry in self._open if entry[1] is not adapter]
            # A mock that came later, and is still there, is not ours to remove.
            if not self._open and requests.Session.get_adapter is self._installed:
                requests.Session.get_adapter = self._original  # type: ignore[method-assign]

    def adapter_for(self, url: str) -> CloudElementsAdapter | None:
        # requests also takes what is no URL, for adapters of another scheme.
        with suppress(ValueError):
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
    """Serve a client that holds no session: all of requests, for some URLs.

    While the block runs, every `requests.Session` of the process, the ones behind
    ``requests.get`` and its like included, sends what is under the prefixes
    through one `CloudElementsAdapter`. Afterwards nothing of it is left. Blocks
    nest, and the inner one comes first.

    Args:
        prefixes: URLs with scheme and host, as
            ``"https://api.cloud-elements.com/elements/api-v2"``. What is under
            one of them is this host, and a path that goes on with a slash.
        max_retries: As for `CloudElementsAdapter`.
        passthrough: Likewise.
        on_error: Likewise.

    Returns:
        A context manager. Its value is the sequence of the errors seen so far,
        newest last, 100 at most: some clients swallow what is raised.

    Raises:
        TypeError: If there is no prefix, or an argument is of the wrong type.
        ValueError: If a prefix lacks its scheme or host, or has what belongs to a
            single request.

    """
    if not prefixes:
        raise TypeError("patch_requests() needs a prefix: the URL of the platform")
    checked = tuple(map(_Prefix, prefixes))
    make_adapter = functools.partial(
        CloudElementsAdapter, max_retries, passthrough=passthrough
    )
    make_adapter(on_error=on_error)  # says what is wrong now, not in the with block
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
