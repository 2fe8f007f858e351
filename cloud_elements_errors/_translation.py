"""Turn a client's own exceptions into ours, where they carry a failed answer."""

from __future__ import annotations

import copy
import functools
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import requests

from ._hook import error_from_parts, error_from_response
from ._payload import as_text
from .exceptions import CloudElementsError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_Function = TypeVar("_Function", bound=Callable[..., Any])

# How far the causes of an exception are followed.
_CHAIN = 20


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
