"""Turn exceptions of other clients that carry a failed response into ours."""

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

from .._errors.base import CloudElementsError
from .._errors.build import error_from_parts
from .._errors.payload import as_text
from .._retries.body import read_body
from .checking import error_from_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

_Function = TypeVar("_Function", bound=Callable[..., Any])

# For each open block, the innermost first: the exception that was being handled when
# the block was entered.
_handled: ContextVar[tuple[BaseException | None, ...]] = ContextVar(
    "cloud_elements_errors_handled", default=()
)


class translate_errors:  # noqa: N801 - used like a function
    """Turn exceptions of other clients that carry a failed response into ours.

    Use it as a context manager, or as a decorator of functions (``async def``
    included). It looks at the exception, at its causes and contexts inside the block,
    and at exceptions in their attributes or arguments. It translates the first that
    is or has one of these:

    - a `CloudElementsError`
    - a ``response``, as the exceptions of requests and httpx have
    - ``status``, ``body`` and ``headers``, as the exceptions of generated clients have
    - a response of requests, urllib3 or httpx among its attributes or arguments, or in
      a list, tuple or dict there

    The original exception is the ``__cause__`` of the error. Exceptions without a
    failed response are not changed.

    Example::

        with translate_errors():
            client.contacts.create(name="Ada")
    """

    def __enter__(self) -> Self:
        """Enter the block."""
        _handled.set((sys.exc_info()[1], *_handled.get()))
        return self

    def __exit__(
        self, kind: object, value: BaseException | None, traceback: object
    ) -> None:
        """Raise our error if the block's exception carries a failed response."""
        # It is empty if another thread or context has entered the block.
        before, *others = _handled.get() or (None,)
        _handled.set(tuple(others))
        error = None
        # If the translation fails, the client's own exception must not be lost.
        with suppress(Exception):
            error = _translated(value, before)
        if error is not None:
            raise error from value

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function."""
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"translate_errors() decorates functions, not {function!r}")
        import inspect  # noqa: PLC0415 - it takes seven milliseconds; few programs need it

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(
            function
        ):
            raise TypeError(
                "translate_errors() cannot decorate a generator: its body runs "
                "later. Use a with block inside the function"
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
    """Return the error for the first exception with a failed response, if any."""
    if not isinstance(exception, Exception) or isinstance(
        exception, CloudElementsError
    ):
        return None
    earlier = {id(link) for link in _chain(before, set())} - {id(exception)}
    for link in _chain(exception, earlier):
        if isinstance(link, CloudElementsError):
            # A copy, because an error must not be the cause of itself.
            return copy.copy(link)
        error = _error_in(link)
        if error is not None:
            return error
    return None


def _chain(exception: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts, and those it holds, each once."""
    waiting = deque([exception])
    while waiting:
        link = waiting.popleft()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += (link.__cause__, link.__context__)
            waiting += [one for one in _held(link) if _is_a(one, BaseException)]


def _error_in(exception: BaseException) -> CloudElementsError | None:
    """Build the error for the response that an exception carries."""
    response = _first(exception, "response")
    for carrier in (response, exception, *_held_responses(exception)):
        # An object may look like a failed response without being one.
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
    """Yield an exception's attributes and arguments, and the items of containers.

    It reads no properties, because a property may have side effects.
    """
    for value in (*vars(exception).values(), *exception.args):
        yield value
        if _is_a(value, dict):
            yield from value.values()
        elif _is_a(value, list, tuple):
            yield from value


def _is_a(value: object, *kinds: type) -> bool:
    """Check the type without isinstance(), which would make lazy proxies load."""
    return issubclass(type(value), kinds)


def _error_of(carrier: Any) -> CloudElementsError | None:
    """Build the error for a response, or for an exception with its parts."""
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
    if isinstance(body, (dict, list)):  # PyGithub parses the body
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
    """Return the first attribute that can be read and is not None."""
    for name in names:
        # httpx raises for the content of an unread stream.
        with suppress(Exception):
            value = getattr(carrier, name)
            if value is not None:
                return value
    return None
