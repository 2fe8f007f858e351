"""Turn a client's own exceptions into ours, where they carry a failed response."""

from __future__ import annotations

import copy
import functools
import json
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import requests
import urllib3

from ._body import read_body
from ._hook import error_from_parts, error_from_response
from ._payload import as_text
from .exceptions import CloudElementsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

_Function = TypeVar("_Function", bound=Callable[..., Any])

# The exception that was being handled when each open block was entered, the
# innermost block first.
_handled: ContextVar[tuple[BaseException | None, ...]] = ContextVar(
    "cloud_elements_errors_handled", default=()
)


class translate_errors:  # noqa: N801 - used like a function
    """Turn a client's own exceptions into ours, where they carry a failed response.

    A context manager, and a decorator of functions, ``async def`` ones too. It
    looks at the exception, and then at those from which or during whose handling
    it was raised inside the block. The first that carries a failed response counts:

    - one of our own errors
    - an exception with a ``response``, as requests and httpx raise
    - an exception with ``status``, ``body`` and ``headers``, as generated clients
      raise
    - an exception with a response of requests, urllib3 or httpx among its
      attributes or arguments, or in a list, tuple or dict there

    An exception that another one holds in the same way is looked at as well.

    The original is the ``__cause__`` of the error. All other exceptions pass.
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
    """Return the error of the outermost link that has a failed response, if any."""
    if not isinstance(exception, Exception) or isinstance(
        exception, CloudElementsError
    ):
        return None
    earlier = {id(link) for link in _chain(before, set())} - {id(exception)}
    for link in _chain(exception, earlier):
        if isinstance(link, CloudElementsError):
            # A copy, or it would become a cause of its own cause.
            return copy.copy(link)
        error = _error_in(link)
        if error is not None:
            return error
    return None


def _chain(exception: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception and those that led to it or that it holds, each once."""
    waiting = deque([exception])
    while waiting:
        link = waiting.popleft()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += (link.__cause__, link.__context__)
            waiting += [one for one in _held(link) if _is_a(one, BaseException)]


def _error_in(exception: BaseException) -> CloudElementsError | None:
    """Build the error of the response that an exception carries, in whatever way."""
    response = _first(exception, "response")
    for carrier in (response, exception, *_held_responses(exception)):
        # A carrier may look like a failed response without being one.
        with suppress(Exception):
            error = _error_of(carrier)
            if error is not None:
                return error
    return None


def _held_responses(exception: BaseException) -> list[Any]:
    httpx_response = getattr(sys.modules.get("httpx"), "Response", requests.Response)
    kinds = (requests.Response, urllib3.BaseHTTPResponse, httpx_response)
    return [one for one in _held(exception) if _is_a(one, *kinds)]


def _held(exception: BaseException) -> Iterator[Any]:
    """Yield an exception's attributes and arguments, and what their containers hold.

    Properties are left alone: a property may do anything.
    """
    for value in (*vars(exception).values(), *exception.args):
        yield value
        if _is_a(value, dict):
            yield from value.values()
        elif _is_a(value, list, tuple):
            yield from value


def _is_a(value: object, *kinds: type) -> bool:
    """Say whether a value is of a type; isinstance() would ask a proxy to load."""
    return issubclass(type(value), kinds)


def _error_of(carrier: Any) -> CloudElementsError | None:
    """Build the error of a response, or of an exception with the parts of one."""
    if isinstance(carrier, requests.Response):
        return error_from_response(carrier)
    status = _first(carrier, "status_code", "status")
    headers = _first(carrier, "headers")
    if isinstance(carrier, urllib3.BaseHTTPResponse):
        body: Any = read_body(carrier)[0]
    else:
        body = _first(carrier, "content", "body", "raw_bytes", "data", "text")
    if not isinstance(status, int) or (headers is None and body is None):
        return None
    if isinstance(body, (dict, list)):  # PyGithub has parsed it
        body = json.dumps(body)
    request = _first(carrier, "request")
    method = _first(request, "method")
    url = _first(request, "url")
    return error_from_parts(
        int(status),
        body,
        headers,
        method=None if method is None else as_text(method),
        url=None if url is None else as_text(url),
        request_headers=_first(request, "headers"),
    )


def _first(carrier: object, *names: str) -> Any:
    """Return the first attribute that is there, readable, and not None."""
    for name in names:
        # httpx raises for the content of a stream that nobody has read.
        with suppress(Exception):
            value = getattr(carrier, name)
            if value is not None:
                return value
    return None
