"""Turn a failed answer into an exception: the one place where that is done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.util.retry import Retry

from ._body import read_body
from ._codes import FIRST_ERROR
from ._payload import (
    MAX_BODY_BYTES,
    WARNING_HEADER,
    Attempt,
    StopReason,
    parse_payload,
)
from ._redaction import Redactor, as_text, clean_url, printable
from ._retry import CloudElementsRetry
from .exceptions import CloudElementsError, error_from_payload

OnError = Callable[[CloudElementsError], object]

logger = logging.getLogger("cloud_elements_errors")

_LAST_STATUS = 999


def raise_for_error(
    response: requests.Response, *_args: Any, **_kwargs: Any
) -> requests.Response:
    """Raise the error of a failed answer: a hook for ``session.hooks["response"]``.

    Args:
        response: Any response. If it failed, its body is read: at most 64 KiB of
            it, for at most 5 seconds.

    Returns:
        The same response, if its status is below 400. An ``Elements-Error``
        header of it, which is a warning then, is logged.

    Raises:
        CloudElementsError: If its status is 400 or more.

    """
    error = error_from_response(response)
    if error is not None:
        raise error
    _log_warning(response)
    return response


def error_from_response(response: requests.Response) -> CloudElementsError | None:
    """Build the error of a failed answer, without raising it.

    Args:
        response: Any response. If it failed, its body is read: at most 64 KiB of
            it, for at most 5 seconds. Its ``text`` and ``json()`` work afterwards.

    Returns:
        The error, or None if the status is below 400.

    Raises:
        TypeError: If *response* is no `requests.Response`.

    """
    if not isinstance(response, requests.Response):
        raise TypeError(
            f"response must be a requests.Response, not {type(response).__name__}: "
            "error_from_parts() takes the parts of any other"
        )
    status_code = response.status_code
    if status_code is None or status_code < FIRST_ERROR:
        return None
    request = response.request
    url = response.url if request is None else request.url
    method = None if request is None else request.method
    body, whole = _read_content(response)
    earlier, stopped_by = _attempts(response, method or "")
    return error_from_payload(
        status_code,
        parse_payload(response.headers, body, truncated=not whole),
        Redactor(None if request is None else request.headers, url),
        reason=response.reason,
        method=method,
        url=url,
        earlier=earlier,
        stopped_by=stopped_by,
        response=response,
    )


def error_from_parts(
    status_code: int,
    body: bytes | str | None = b"",
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
    *,
    method: str | None = None,
    url: str | None = None,
) -> CloudElementsError | None:
    """Build the error of an answer from urllib3, httpx or a generated client.

    Args:
        status_code: The HTTP status.
        body: The decoded body; only the first 64 KiB are read.
        headers: The answer's headers: a mapping, pairs, or None.
        method: The request's method, for the message.
        url: The request's URL. Its secrets are left out, and kept out of the rest.

    Returns:
        The error, or None if the status is below 400.

    Raises:
        TypeError: If an argument is of the wrong type.

    """
    if isinstance(status_code, bool) or not isinstance(status_code, int):
        raise TypeError(f"status_code must be an integer, not {status_code!r}")
    if body is not None and not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"body must be bytes or str, not {type(body).__name__}")
    for name, value in (("method", method), ("url", url)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} must be a str or None, not {value!r}")
    known = _header_dict(headers)
    if status_code < FIRST_ERROR:
        return None
    if isinstance(body, str):
        body = body[: MAX_BODY_BYTES + 1].encode("utf-8", "replace")
    try:
        reason = HTTPStatus(status_code).phrase
    except ValueError:
        reason = None
    return error_from_payload(
        status_code,
        parse_payload(known, bytes((body or b"")[: MAX_BODY_BYTES + 1])),
        Redactor(url=url),
        reason=reason,
        method=method,
        url=url,
    )


class ErrorHook:
    """The hook of one send: checks its answer, and is gone from the request.

    It is added to the request's own list, since requests runs no other once that
    exists, and it removes itself, since the request is the user's. Several threads
    may send the same prepared request, so each removes only what is its own.
    """

    def __init__(
        self,
        hooks: list[Any],
        passthrough: Collection[int],
        on_error: OnError | None,
    ) -> None:
        self._hooks = hooks
        self._passthrough = passthrough
        self._on_error = on_error
        self._thread = threading.get_ident()

    @classmethod
    def install(
        cls,
        request: requests.PreparedRequest,
        passthrough: Collection[int],
        on_error: OnError | None,
    ) -> None:
        """Put a hook last on the request, in place of one of an outer adapter."""
        hooks = request.hooks.get("response") or []
        if not isinstance(hooks, list):
            hooks = [hooks] if callable(hooks) else list(hooks)
        request.hooks["response"] = hooks
        hook = cls(hooks, passthrough, on_error)
        hook._remove()
        hooks.append(hook)

    def _remove(self) -> None:
        for hook in list(self._hooks):
            if isinstance(hook, ErrorHook) and hook._thread == self._thread:
                self._hooks.remove(hook)

    def __call__(self, response: requests.Response, **_kwargs: Any) -> None:
        self._remove()
        if response.status_code in self._passthrough:
            return
        try:
            raise_for_error(response)
        except CloudElementsError as error:
            if self._on_error is not None:
                try:
                    self._on_error(error)
                except Exception:
                    logger.exception("on_error failed, and is ignored")
            raise


def check_passthrough(passthrough: Collection[int]) -> frozenset[int]:
    """Return the statuses as a set, or say what is wrong with them."""
    if isinstance(passthrough, (str, bytes)) or not isinstance(passthrough, Collection):
        raise TypeError(
            f"passthrough must be a collection of statuses, as {{404}}, "
            f"not {passthrough!r}"
        )
    for status in passthrough:
        if isinstance(status, bool) or not isinstance(status, int):
            raise TypeError(f"passthrough must hold integers, not {status!r}")
        if not FIRST_ERROR <= status <= _LAST_STATUS:
            raise ValueError(
                f"passthrough must hold statuses from 400 to 999, not {status!r}: "
                "others are never raised"
            )
    return frozenset(passthrough)


def check_on_error(on_error: OnError | None) -> OnError | None:
    """Return the callback, or say what is wrong with it."""
    if on_error is not None and not callable(on_error):
        raise TypeError(f"on_error must be callable or None, not {on_error!r}")
    return on_error


def _read_content(response: requests.Response) -> tuple[bytes, bool]:
    """Read the content within bounds, and leave it where requests looks for it.

    Response has no public way to say what its content is.
    """
    if response._content is not False:
        return response._content or b"", True
    if response.raw is None or response._content_consumed:
        return b"", True
    body, whole = read_body(response.raw)
    response._content = body
    response._content_consumed = True
    return body, whole


def _attempts(
    response: requests.Response, method: str
) -> tuple[tuple[Attempt, ...], StopReason | None]:
    """Return the earlier attempts, and why there was no other, from the policy."""
    policy = getattr(response.raw, "retries", None)
    if isinstance(policy, CloudElementsRetry):
        why = policy.why_stopped(method, response.status_code, response.headers)
        return policy.attempts, why
    if isinstance(policy, Retry):
        failed = [past for past in policy.history if past.redirect_location is None]
        return tuple(
            Attempt(number, past.status, error=str(past.error) if past.error else None)
            for number, past in enumerate(failed, 1)
        ), None
    return (), None


def _header_dict(
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None,
) -> CaseInsensitiveDict[str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    try:
        return CaseInsensitiveDict(
            {as_text(name): as_text(value) for name, value in pairs}
        )
    except (TypeError, ValueError):
        raise TypeError(
            f"headers must be a mapping, pairs of name and value, or None, "
            f"not {headers!r}"
        ) from None


def _log_warning(response: requests.Response) -> None:
    """Log the Elements-Error header of a success: it is a warning."""
    warning = response.headers.get(WARNING_HEADER)
    if warning is None or not response.ok:
        return
    request = response.request
    redact = Redactor(request.headers, request.url)
    logger.warning(
        "Cloud Elements warns, with status %d of %s %s: %s",
        response.status_code,
        request.method,
        printable(redact(clean_url(request.url or ""))),
        printable(redact(as_text(warning)), 500),
    )
