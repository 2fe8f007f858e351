"""Into code that is not ours: SDKs that hold no session, or raise their own errors."""

from __future__ import annotations

import copy
import functools
import json
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import requests

from ._adapter import CloudElementsAdapter
from ._hook import OnError, error_from_parts, error_from_response
from ._lock import lock
from ._redaction import as_text, clean_url, origin_of
from .exceptions import CloudElementsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from requests.adapters import BaseAdapter
    from typing_extensions import Self
    from urllib3.util.retry import Retry

_Function = TypeVar("_Function", bound=Callable[..., Any])

# How many errors a patch remembers: the newest, since each may hold 64 KiB.
_REMEMBERED = 100

# How far the causes of an exception are followed.
_CHAIN = 20


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


# What was being handled when each open block was entered, the innermost first.
_handled: ContextVar[tuple[BaseException | None, ...]] = ContextVar(
    "cloud_elements_errors_handled", default=()
)


class translate_errors:  # noqa: N801 - used like a function
    """Turn a client's own exceptions into ours, where they carry a failed answer.

    A context manager, and a decorator of functions, ``async def`` ones too. It
    knows exceptions with a ``response``, as those of requests and httpx, with
    ``status``, ``body`` and ``headers``, as those of generated clients, and those
    that were raised from one of ours, or while one was handled. The original is
    the ``__cause__``. All other exceptions pass.
    """

    def __enter__(self) -> Self:
        """Enter the block."""
        _handled.set((sys.exc_info()[1], *_handled.get()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raise the translation of what the block has raised, if it has one."""
        # Nothing is there if another context entered: a thread of a web framework's.
        before, *others = _handled.get() or (None,)
        _handled.set(tuple(others))
        error = None
        # Whatever the client has put there, its own exception is not to be lost.
        with suppress(Exception):
            error = _translated(value, before)
        if error is not None:
            raise error from value

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function."""
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"translate_errors() decorates functions, not {function!r}")
        import inspect  # noqa: PLC0415 - seven milliseconds, which few programs need

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(
            function
        ):
            raise TypeError(
                "translate_errors() cannot decorate a generator, which runs after it "
                "has returned: use a with block inside it"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def translating(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def translating(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return function(*args, **kwargs)

        return cast("_Function", translating)


def _translated(
    exception: BaseException | None, before: BaseException | None
) -> CloudElementsError | None:
    if not isinstance(exception, Exception) or isinstance(
        exception, CloudElementsError
    ):
        return None
    error = _from_answer(exception)
    return _from_chain(exception, before) if error is None else error


def _from_answer(exception: Exception) -> CloudElementsError | None:
    """Build the error of the answer that the exception itself carries."""
    response = _first(exception, "response")
    if isinstance(response, requests.Response):
        return error_from_response(response)
    for carrier in (response, exception):
        status = _first(carrier, "status_code", "status")
        headers = _first(carrier, "headers")
        body = _first(carrier, "content", "body", "raw_bytes", "data", "text")
        if isinstance(status, int) and (headers is not None or body is not None):
            request = _first(carrier, "request")
            method = _first(request, "method")
            url = _first(request, "url")
            # A carrier may look like an answer and be none: then it passes.
            with suppress(TypeError, ValueError, RecursionError):
                if isinstance(body, (dict, list)):  # PyGithub has parsed it
                    body = json.dumps(body)
                return error_from_parts(
                    int(status),
                    body,
                    headers,
                    method=None if method is None else as_text(method),
                    url=None if url is None else as_text(url),
                    request_headers=_first(request, "headers"),
                )
    return None


def _first(carrier: object, *names: str) -> Any:
    """Return the first attribute that is there, readable, and not None."""
    for name in names:
        # httpx raises for the content of a stream that nobody has read.
        with suppress(Exception):
            value = getattr(carrier, name)
            if value is not None:
                return value
    return None


def _from_chain(
    exception: BaseException, before: BaseException | None
) -> CloudElementsError | None:
    """Find one of ours that an SDK has wrapped in its own, within the block."""
    following: BaseException | None = exception
    for _ in range(_CHAIN):
        if following is None or following is before:
            break
        cause = following.__cause__
        following = following.__context__ if cause is None else cause
        if isinstance(following, CloudElementsError) and following is not before:
            # A copy, since the one found is a cause of its own cause now.
            return copy.copy(following)
    return None
