"""Turn exceptions of other clients that carry a failed response into ours."""

import copy
import functools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, cast

import requests
import urllib3

from .. import _table, _tracebacks
from .._arguments import GENERATORS, Function, check_decorated
from .._errors.base import CloudElementsError
from .._errors.build import error_from_parts
from .._errors.decoding import as_text
from .._retries.body import body_of
from .checking import error_from_response

# The names under which clients keep the parts of a response and of its request.
_STATUS: tuple[str, ...] = ("status_code", "status", "http_status", "response_code")
_STATUS += ("response_status_code", "httpcode")
_HEADERS = ("headers", "http_headers", "response_headers", "keys")  # of a mapping
_BODY = ("content", "body", "raw_bytes", "data", "http_body", "response_body", "text")
_TEXTS = ("reason", "method", "url")

# The modules with exceptions by which an application answers a request
# itself, or tells its task queue or test runner what to do.
_OWN = r"""(?x)(?:bottle|celery|django|falcon|flask|litestar|pyramid|rest_framework
    |sanic|starlette|unittest|werkzeug)(?:\.|\Z)|aiohttp\.web|tornado\.web\Z"""

# Types of items that have no parts, and of which there may be very many.
_PLAIN = (dict, list, tuple, str, bytes, int, float, bool, type(None))


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

    The original exception is the ``__cause__`` of the error. These are not changed:
    exceptions without a failed response, exceptions with a status alone, exception
    groups, ``StopIteration``, those of web frameworks, of Celery and of unittest, and
    what a signal handler raises.

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
        self._handled: list[BaseException | None] = []

    def __enter__(self) -> "translate_errors":  # noqa: PYI034 - it has no subclasses
        """Enter the block."""
        self._handled.append(sys.exc_info()[1])
        return self

    def __exit__(self, kind: object, value: BaseException | None, tb: object) -> None:
        """Raise our error if the block's exception carries a failed response."""
        before = self._handled.pop() if self._handled else None
        if value is None or _is_own(value):
            return
        earlier = {id(link) for link, _ in _links(before, set())} - {id(value)}
        for link, held in _links(value, earlier):
            error = link if isinstance(link, CloudElementsError) else _built(link, held)
            if error is value:
                return
            if error is not None:
                # A copy, because an error must not be the cause of itself.
                raise copy.copy(error) from value

    def __call__(self, wrapped: Function) -> Function:
        """Decorate a function.

        Raises:
            TypeError: If the body of the function would run after the block.

        """
        is_async = check_decorated("translate_errors", wrapped, GENERATORS)

        def call(*args: Any, **kwargs: Any) -> Any:
            with translate_errors():
                return wrapped(*args, **kwargs)

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with translate_errors():
                return await wrapped(*args, **kwargs)

        wrapper = call_async if is_async else call
        return cast("Function", functools.wraps(wrapped)(wrapper))


def _is_own(exception: BaseException) -> bool:
    """Say whether the application or a signal handler has raised this on purpose."""
    modules = [str(base.__module__) for base in type(exception).__mro__]
    if any(re.match(_OWN, module) for module in modules):
        return True
    ends = isinstance(exception, (StopIteration, StopAsyncIteration))
    return ends or _tracebacks.raised_by_signal_handler(exception, in_host=False)


def _links(exception: Any, seen: set[int]) -> Iterator[tuple[Exception, list[Any]]]:
    """Yield an exception, its causes and contexts, and those it holds, each once.

    Each comes with the objects that it and its response hold: attributes, arguments and
    items of containers. No property is read, because it may have side effects. An
    exception group is left out: it stands for several failures.
    """
    waiting = [exception]
    for link in waiting:  # it grows
        is_failure = issubclass(type(link), Exception) and id(link) not in seen
        # Python 3.10 has groups from a backport.
        if not is_failure or {"derive", "split"} <= _names(link):
            continue
        seen.add(id(link))
        held = [*_values([link, *_values([link], "response")], "__dict__", "args")]
        for _ in range(2):
            for one in held[:]:
                if issubclass(type(one), (dict, list, tuple)) and id(one) not in seen:
                    seen.add(id(one))
                    held += dict.values(one) if issubclass(type(one), dict) else one
        held = [one for one in held if type(one) not in _PLAIN]
        waiting += [link.__cause__, link.__context__, *held]
        yield link, held


def _built(exception: Exception, held: list[Any]) -> CloudElementsError | None:
    """Build the error from all that an exception knows of a failed response."""
    known = [one for one in held if _names(one) & {*_HEADERS, *_BODY} and _status(one)]
    known = [*_values([exception], "response"), exception, *known]
    # What has set_cookie() is a response that a web application sends.
    known = [one for one in known if "set_cookie" not in _names(one)]
    status = next(filter(_table.FIRST_ERROR.__le__, map(_status, known)), None)
    if status is None:
        return None
    parts = [one for one in known if _status(one) in {0, status}]
    for one in parts:
        if issubclass(type(one), requests.Response) and _status(one):
            return error_from_response(one)
    sent = [*_values(parts, "request", "request_info")]
    sent += [one for one in held if "method" in _names(one)]
    # The responses of httplib2 are mappings of their headers.
    mappings = [one for one in parts if "keys" in _names(one)]
    headers = _merged([*_values(parts, *_HEADERS), *mappings])
    body, whole = max(_bodies(parts), key=lambda it: bool(it[0]), default=(None, False))
    # A web application may raise a status with headers, to answer with them.
    is_real = sent or any(_names(x) & {*_BODY, "fp", "response_headers"} for x in parts)
    if not is_real or (headers is None and body is None):
        return None
    asked = _merged([*_values(sent, *_HEADERS), *_values(parts, "request_headers")])
    told = [(name, next(_values([*sent, *parts], name), None)) for name in _TEXTS]
    texts = {name: as_text(text) for name, text in told if text is not None}
    error = error_from_parts(status, body, headers, request_headers=asked, **texts)
    if error is not None and not whole:
        error.truncated = True
    return error


def _status(carrier: object) -> int:
    """Return the HTTP status that a carrier knows, else 0; a code needs headers."""
    names = (*_STATUS, "code") if _names(carrier) & {*_HEADERS} else _STATUS
    for value in _values([carrier], *names):
        with suppress(Exception):  # it may be anything
            return int(value) if int(value) in range(100, 1000) else 0
    return 0


def _merged(known: Iterable[Any]) -> dict[str, str] | None:
    """Merge headers, of which the first count most; None if there are none."""
    merged: dict[str, str] | None = None
    for headers in known:
        with suppress(Exception):  # they may be anything
            texts = {as_text(n).lower(): as_text(v) for n, v in dict(headers).items()}
            merged = {**texts, **(merged or {})}
    return merged


def _bodies(carriers: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield the bodies that the carriers know, and whether each is whole."""
    for carrier in carriers:
        # The exception of urllib has a file, as the responses of http.client have.
        is_stream = issubclass(type(carrier), urllib3.BaseHTTPResponse)
        if is_stream or "fp" in _names(carrier):
            yield _read(carrier)
            continue
        for body in _values([carrier], *_BODY):
            if isinstance(body, (bytes, bytearray, memoryview, str)):
                yield body, True
            elif isinstance(body, (dict, list)):
                with suppress(ValueError, RecursionError):  # it may hold itself
                    yield json.dumps(body, default=str), True


def _read(stream: Any) -> tuple[bytes, bool]:
    """Read the body of a response of urllib3, http.client or urllib."""
    if not issubclass(type(stream), urllib3.BaseHTTPResponse):
        # urllib3 decodes the body, and body_of() can limit the time for it.
        file = stream.fp if issubclass(type(stream), Exception) else stream
        headers = _merged(_values([stream], "headers")) or {}
        if "," in headers.get("content-length", ""):  # urllib3 would refuse it
            del headers["content-length"]
        stream = urllib3.HTTPResponse(file, headers, preload_content=False)
    return body_of(stream)[:2]


def _names(value: object) -> set[str]:
    """List attributes without getattr(), which would make lazy proxies load.

    Hardly anything is raised here: Python walks the whole chain of the exception that
    is being handled, each time that another one is raised.
    """
    with suppress(Exception):  # it may be anything
        return {*dir(type(value)), *(vars(value) if type(value).__dictoffset__ else ())}
    return set()


def _values(carriers: Iterable[Any], *names: str) -> Iterator[Any]:
    """Yield the attributes that can be read, and are no method and not None."""
    for carrier in carriers:
        for name in filter(_names(carrier).__contains__, names):
            with suppress(Exception):
                it = getattr(carrier, name)
                if it is not None and not (callable(it) and hasattr(it, "__name__")):
                    yield it
