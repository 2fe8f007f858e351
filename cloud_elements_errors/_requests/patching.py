"""Patch requests for some URLs, for clients that have no session."""

import copy
import warnings
import weakref
from collections.abc import Callable, Collection, Sequence
from contextlib import ContextDecorator, suppress
from typing import Any

import requests
from urllib3.util.retry import Retry

from .. import _arguments, _urls
from .._errors.base import CloudElementsError
from .._lock import fork_safe_lock
from .adapter import CloudElementsAdapter
from .checking import OnError

_EXAMPLE = "https://api.cloud-elements.com/"


class patch_requests(ContextDecorator):  # noqa: N801 - used like a function
    """Patch requests for some URLs, for clients that have no session.

    While the block is open, every `requests.Session` of the process sends requests
    for URLs under the prefixes through a `CloudElementsAdapter` of its own. That
    includes ``requests.get`` and the like. After the block, the patch is gone. If
    blocks are nested, the inner one counts.

    The value of the context manager is a sequence of the last 100 errors, newest last,
    because some clients swallow exceptions.

    Example::

        with patch_requests("https://api.cloud-elements.com/") as errors:
            requests.get("https://api.cloud-elements.com/elements/api-v2/contacts")

    """

    def __init__(
        self,
        *prefixes: str,
        max_retries: int | Retry | None = None,
        passthrough: Collection[int] = (),
        on_error: OnError | None = None,
    ) -> None:
        """Make a context manager, or a decorator.

        Args:
            prefixes: URLs with scheme and host, such as
                ``"https://api.cloud-elements.com/elements/api-v2"``. A URL is under a
                prefix if it is equal, or goes on after it with a slash.
            max_retries: As for `CloudElementsAdapter`.
            passthrough: As for `CloudElementsAdapter`.
            on_error: As for `CloudElementsAdapter`.

        Raises:
            TypeError: If there is no prefix, or an argument is of the wrong type.
            ValueError: If a prefix has no scheme or host, or has a userinfo, query or
                fragment.

        """
        if not prefixes:
            raise TypeError(f"patch_requests() needs a prefix, such as {_EXAMPLE}")
        self._prefixes = [_prefix(prefix) for prefix in prefixes]
        # Wrong arguments raise now, and not in the block.
        self._adapter = CloudElementsAdapter(
            max_retries=max_retries, passthrough=passthrough, on_error=on_error
        )
        # By id, because a session may have an __eq__ of its own. A login that is bound
        # to a connection must not serve another session. Without a lock: the garbage
        # collector may free a session in a forked child before its locks are renewed.
        self._adapters: dict[int, tuple[weakref.ref[Any], CloudElementsAdapter]] = {}
        self._errors: list[CloudElementsError] = []
        self._is_unused = True

    def __enter__(self) -> Sequence[CloudElementsError]:
        """Patch requests. A decorated function may enter the block again."""
        self._is_unused = False
        with _lock:
            if not _open:
                _replace("get_adapter", patch_requests._adapter_for)
                _replace("close", lambda patch, session: patch._forget(id(session)))
            _open.insert(0, self)
        return self._errors

    def __exit__(self, *_exception: object) -> None:
        """Remove the patch, and close the connections of its adapters."""
        with _lock:
            _open.remove(self)
            while _replaced and not _open:
                name, replacement, original = _replaced.pop()
                # Do not remove a mock that was installed later.
                if getattr(_SESSION, name) is replacement:
                    setattr(_SESSION, name, original)
        if self not in _open:
            for key in list(self._adapters):
                self._forget(key)

    def __del__(self) -> None:
        """Warn if the block was never entered: then nothing was patched."""
        if vars(self).get("_is_unused"):  # not if the constructor has raised
            message = "patch_requests() does nothing without a with statement"
            warnings.warn(message, RuntimeWarning, stacklevel=1)

    def __call__(self, function: _arguments.Function) -> _arguments.Function:
        """Decorate a function.

        Raises:
            TypeError: If the body of the function would run after the block.

        """
        self._is_unused = False
        _arguments.check_decorated("patch_requests", function)
        return super().__call__(function)

    def _adapter_for(self, session: Any, url: str) -> CloudElementsAdapter | None:
        """Return the adapter of a session, if the URL is under a prefix."""
        origin, path = _urls.origin_of(url), f"{_urls.path_of(url)}/"
        if not any(origin == of and path.startswith(to) for of, to in self._prefixes):
            return None
        key = id(session)
        found = self._adapters.get(key)
        if found is None:
            adapter = copy.copy(self._adapter)  # they share one policy
            adapter._errors_of_patch = self._errors
            gone = weakref.ref(session, lambda _: self._forget(key))
            # Another thread may have been faster.
            found = self._adapters.setdefault(key, (gone, adapter))
        return found[1]

    def _forget(self, key: int) -> None:
        """Close the adapter of a session that is closed or gone."""
        _, adapter = self._adapters.pop(key, (None, None))
        if adapter is not None:
            adapter.close()
            # Each error leads to the adapter, and would live until the collector runs.
            adapter._errors_of_patch = None


def _prefix(prefix: str) -> tuple[_urls.Origin, str]:
    """Return the scheme, host and port of a prefix, and the path of URLs under it."""
    _arguments.check_type("prefixes", prefix, "URLs", str)
    # Normalize as requests does: the host in lower case and IDNA, the path quoted.
    prepared = requests.PreparedRequest()
    with suppress(requests.RequestException):
        prepared.prepare_url(prefix, None)
    url, shown = prepared.url or "", _urls.clean_url(prefix)
    origin = _urls.origin_of(url)
    if origin is None or origin[0] not in {"http", "https"}:
        wanted = f"an http or https URL of one host, such as {_EXAMPLE}"
        raise ValueError(f"a prefix must be {wanted}, not {shown!r}")
    if url != _urls.clean_url(url):
        unwanted = "a userinfo, query or fragment"
        raise ValueError(f"a prefix must not have {unwanted}: use {shown!r}")
    return origin, _urls.path_of(url).rstrip("/") + "/"


_lock = fork_safe_lock()

# The open blocks, newest first. requests is patched while there is one.
_open: list[patch_requests] = []
# The name of a method, its replacement, and the original.
_replaced: list[tuple[str, Any, Any]] = []

# The class that defines the method: requests_cache puts a subclass of it in the place
# of requests.Session.
_SESSION: Any = [c for c in requests.Session.mro() if hasattr(c, "get_adapter")][-1]


def _replace(name: str, ask: Callable[..., Any]) -> None:
    """Let a method of sessions ask each open block first."""
    original = getattr(_SESSION, name)

    def replacement(session: requests.Session, *args: Any, **kwargs: Any) -> Any:
        for patch in _open[:]:
            found = ask(patch, session, *args, **kwargs)
            if found is not None:
                return found
        return original(session, *args, **kwargs)

    setattr(_SESSION, name, replacement)
    _replaced.append((name, replacement, original))
