"""Turn exceptions of other clients that carry a failed response into ours."""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar, cast

import requests
import urllib3

from .._errors.base import CloudElementsError
from .._errors.build import error_from_parts
from .._errors.payload import as_text
from .._retries.body import read_body
from .._table import FIRST_ERROR
from .checking import error_from_response

_Function = TypeVar("_Function", bound=Callable[..., Any])

# The names under which clients keep the parts of a response and of its request.
_STATUS = ("status_code", "status", "http_status", "response_code")
_HEADERS = ("headers", "http_headers", "response_headers", "keys")  # of a mapping
_BODY = ("content", "body", "raw_bytes", "data", "http_body", "response_body", "text")

# Types of items that have no parts, and of which there may be very many.
_MANY = (dict, list, tuple)

# The most exceptions to look at: an answer is near the one that was raised.
_LONGEST_CHAIN = 1100
_PLAIN = (*_MANY, str, bytes, int, float, bool, type(None))

_Raised = BaseException | None


class translate_errors:  # noqa: N801 - used like a function
    """Turn exceptions of other clients that carry a failed response into ours.

    Use it as a context manager, or as a decorator of functions (``async def``
    included). It looks at the exception, at its causes and contexts inside the block,
    and at exceptions in their attributes or arguments. It translates the first that
    is or has one of these:

    - a `CloudElementsError`
    - a failed response, as ``response``, under any other name, among its arguments,
      or in a list, tuple or dict there
    - ``status``, ``body`` and ``headers``, as the exceptions of generated clients have

    The parts of the response, and the headers of the request, may be in different
    places: on the exception, on its response or on both. If nobody has read the body
    yet, it is read, as for `error_from_response`. If it cannot be read, the error's
    ``truncated`` is true.

    The original exception is the ``__cause__`` of the error. Exceptions without a
    failed response, exceptions with a status alone, exceptions that a web application
    raises to send a response, and exception groups are not changed.

    Example::

        with translate_errors():
            client.contacts.create(name="Ada")
    """

    def __init__(self, *arguments: object) -> None:
        """Make a block, or a decorator.

        Raises:
            TypeError: If there are arguments: the decorator needs its parentheses.

        """
        if arguments:
            raise TypeError("translate_errors() takes no arguments: add parentheses")
        # What was being handled when each open block was entered.
        self._handled: list[_Raised] = []

    def __enter__(self) -> translate_errors:  # noqa: PYI034 - it has no subclasses
        """Enter the block."""
        self._handled.append(sys.exc_info()[1])
        return self

    def __exit__(self, kind: object, value: BaseException | None, tb: object) -> None:
        """Raise our error if the block's exception carries a failed response."""
        error = _translated(value, self._handled.pop() if self._handled else None)
        if error is not None:
            raise error from value

    def __call__(self, wrapped: _Function) -> _Function:
        """Decorate a function."""
        if not callable(wrapped) or isinstance(wrapped, type):
            raise TypeError(f"translate_errors() decorates functions, not {wrapped!r}")
        if inspect.isgeneratorfunction(wrapped) or inspect.isasyncgenfunction(wrapped):
            raise TypeError(
                "translate_errors() cannot decorate a generator: its body runs "
                "later. Use a with block inside the function"
            )

        def call(*args: Any, **kwargs: Any) -> Any:
            with translate_errors():
                return wrapped(*args, **kwargs)

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with translate_errors():
                return await wrapped(*args, **kwargs)

        wrapper = call_async if inspect.iscoroutinefunction(wrapped) else call
        return cast("_Function", functools.wraps(wrapped)(wrapper))


def _translated(exception: _Raised, before: _Raised) -> CloudElementsError | None:
    """Return the error for the first exception with a failed response, if any."""
    if not isinstance(exception, Exception) or _is_group(exception):
        return None
    earlier = {id(link) for link in _chain(before, set())} - {id(exception)}
    for link in _chain(exception, earlier):
        error = link if isinstance(link, CloudElementsError) else _error_in(link)
        if error is not None:
            # A copy, because an error must not be the cause of itself.
            return None if error is exception else copy.copy(error)
    return None


def _chain(exception: _Raised, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts, and those it holds, each once."""
    waiting = [exception]
    for link in waiting:  # it grows
        if len(seen) > _LONGEST_CHAIN:
            return
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            waiting += (link.__cause__, link.__context__)
            if not _is_group(link):  # of several failures, none is the failure
                yield link
                waiting += [one for one in _held(link) if _is_a(one, BaseException)]


def _is_group(exception: BaseException) -> bool:
    """Say if it is an ExceptionGroup, which Python 3.10 has from a backport."""
    return hasattr(type(exception), "derive") and hasattr(type(exception), "split")


def _error_in(exception: BaseException) -> CloudElementsError | None:
    """Build the error for the failed response that an exception carries, if any."""
    response = _first([exception], "response")
    held = [one for carrier in (exception, response) for one in _held(carrier)]
    held = [one for one in held if _has(one, *_HEADERS, *_BODY) and _status(one)]
    # What can set cookies is a response that a web application sends.
    found = [one for one in (response, exception, *held) if not _has(one, "set_cookie")]
    for status in dict.fromkeys(map(_status, found)):
        if status is not None and status >= FIRST_ERROR:
            parts = [one for one in found if _status(one) in {None, status}]
            error = _error_of(status, parts)
            if error is not None:
                return error
    return None


def _error_of(status: int, parts: list[Any]) -> CloudElementsError | None:
    """Build the error from all that is known of a response and of its request."""
    for one in parts:
        if _is_a(one, requests.Response) and _status(one):
            return error_from_response(one)
    held = [one for part in parts for one in _held(part) if _has(one, "method")]
    sent = [_first([one], "request", "request_info") for one in parts] + held
    # A web application may raise a status with headers, to answer with them.
    is_sent = any(one is not None for one in sent)
    if not is_sent and not any(_has(one, *_BODY, "fp") for one in parts):
        return None
    headers = _headers_of(parts)
    body, whole = max(_bodies(parts), key=lambda it: bool(it[0]), default=(None, False))
    if headers is None and body is None:
        return None
    told, asked = [*sent, *parts], _headers_of(sent)
    names = ("reason", "method", "url")
    texts = {name: as_text(one) for name in names if (one := _first(told, name))}
    error = error_from_parts(status, body, headers, request_headers=asked, **texts)
    if error is not None and not whole:
        error.truncated = True
    return error


def _status(carrier: object) -> int | None:
    """Return the HTTP status that a carrier knows; without headers, no code is one."""
    other = () if _first([carrier], *_HEADERS) is None else ("code",)
    with suppress(Exception):  # it may be anything
        status = int(_first([carrier], *_STATUS, *other))
        return status if status in range(100, 1000) else None
    return None


def _headers_of(carriers: list[Any]) -> dict[str, str] | None:
    """Merge the headers that the carriers know; those of the first count most."""
    merged = None
    for carrier in reversed(carriers):
        with suppress(Exception):  # they may be anything
            # The responses of httplib2 are mappings of their headers.
            known = _first([carrier], *_HEADERS)
            known = carrier if known is None and _has(carrier, "keys") else known
            texts = {as_text(n).lower(): as_text(v) for n, v in dict(known).items()}
            merged = {**(merged or {}), **texts}
    return merged


def _bodies(carriers: list[Any]) -> Iterator[tuple[bytes | str, bool]]:
    """Yield the bodies that the carriers know, and whether each is whole."""
    for carrier in carriers:
        # The exception of urllib has a file, as the responses of http.client have.
        is_stream = _is_a(carrier, urllib3.BaseHTTPResponse) or _has(carrier, "fp")
        if is_stream:
            yield _read(carrier)
        for name in () if is_stream else _BODY:
            body = _first([carrier], name)
            with suppress(TypeError, ValueError, RecursionError):
                body = json.dumps(body) if _is_a(body, dict, list) else body
            if _is_a(body, bytes, bytearray, memoryview, str):
                yield body, True


def _read(stream: Any) -> tuple[bytes, bool]:
    """Read the body of a response of urllib3, http.client or urllib."""
    file = stream.fp if _is_a(stream, BaseException) else stream
    headers = _headers_of([stream]) or {}
    length = headers.pop("content-length", None)
    if not _is_a(stream, urllib3.BaseHTTPResponse):
        # urllib3 decodes the body, and read_body() can limit the time for it.
        stream = urllib3.HTTPResponse(file, headers, preload_content=False)
    was_read = stream.closed and length != "0"
    body, whole = read_body(stream)
    return body, whole and bool(body or not was_read) and not getattr(file, "length", 0)


def _held(carrier: object) -> list[Any]:
    """Return an object's attributes and arguments, and the items of containers.

    It reads no properties, because a property may have side effects.
    """
    held = [*(_first([carrier], "__dict__") or {}).values()]
    held += (_first([carrier], "args") or ()) if _is_a(carrier, BaseException) else ()
    items = [dict.values(v) if _is_a(v, dict) else v for v in held if _is_a(v, *_MANY)]
    return [one for one in itertools.chain(held, *items) if type(one) not in _PLAIN]


def _is_a(value: object, *kinds: type) -> bool:
    """Check the type without isinstance(), which would make lazy proxies load."""
    return issubclass(type(value), kinds)


def _has(value: object, *names: str) -> bool:
    """Look for an attribute without getattr(), which would make lazy proxies load."""
    return any(inspect.getattr_static(value, one, _has) is not _has for one in names)


def _first(carriers: list[Any], *names: str) -> Any:
    """Return the first attribute that can be read, and is no method and not None."""
    for carrier, name in itertools.product(carriers, names):
        with suppress(Exception):
            value = getattr(carrier, name) if _has(carrier, name) else None
            if value is not None and not inspect.isroutine(value):
                return value
    return None
