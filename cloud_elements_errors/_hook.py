"""Turn a failed answer into an exception: the one place where that is done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from http.client import responses
from typing import Any

import requests
from requests.hooks import dispatch_hook
from requests.structures import CaseInsensitiveDict
from urllib3.util.retry import Retry

from ._body import read_body
from ._codes import FIRST_ERROR
from ._lock import lock
from ._payload import (
    MAX_BODY_BYTES,
    WARNING_HEADER,
    Attempt,
    StopReason,
    is_charset,
    parse_payload,
)
from ._redaction import Redactor, as_text, clean_url, printable
from ._retry import CloudElementsRetry
from .exceptions import CloudElementsError, error_from_payload

OnError = Callable[[CloudElementsError], object]

logger = logging.getLogger("cloud_elements_errors")

_SUCCESSES = range(200, 300)


def raise_for_error(
    response: requests.Response, *_args: Any, **kwargs: Any
) -> requests.Response:
    """Raise the error of a failed answer: a hook for ``session.hooks["response"]``.

    Args:
        response: Any response. If it failed, its body is read: at most 64 KiB of
            it, for at most 5 seconds.
        kwargs: What requests gives to a hook. The passwords of the *proxies* are
            kept out of the error.

    Returns:
        The same response, if its status is below 400. An ``Elements-Error``
        header of it, which is a warning then, is logged.

    Raises:
        CloudElementsError: If its status is 400 or more.

    """
    error = _error(response, (kwargs.get("proxies") or {}).values())
    if error is not None:
        try:
            raise error
        finally:
            # The traceback holds this frame. Without a reference back, the error and
            # its response are freed at once, not by the garbage collector, later.
            del error
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
    return _error(response)


def _error(
    response: requests.Response, proxies: Iterable[str | None] = ()
) -> CloudElementsError | None:
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
    policy = getattr(response.raw, "retries", None)
    if isinstance(policy, CloudElementsRetry):
        # Nobody else knows the proxies of a response that was not raised at once.
        proxies = (*proxies, *policy.urls)
    redact = Redactor(None if request is None else request.headers, url, *proxies)
    earlier, stopped_by = _attempts(response, method or "", redact)
    return error_from_payload(
        status_code,
        parse_payload(response.headers, body, truncated=not whole),
        redact,
        reason=None if response.reason is None else as_text(response.reason),
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
    request_headers: Mapping[Any, Any] | None = None,
) -> CloudElementsError | None:
    """Build the error of an answer from urllib3, httpx or a generated client.

    Args:
        status_code: The HTTP status.
        body: The decoded body; only the first 64 KiB are read.
        headers: The answer's headers: a mapping, pairs, or None.
        method: The request's method, for the message.
        url: The request's URL. Its secrets are left out, and kept out of the rest.
        request_headers: The request's headers, whose secrets are kept out as well.

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
    if request_headers is not None and not isinstance(request_headers, Mapping):
        raise TypeError(
            f"request_headers must be a mapping or None, not {request_headers!r}"
        )
    known = _header_dict(headers)
    if status_code < FIRST_ERROR:
        return None
    if isinstance(body, str):
        body = body[: MAX_BODY_BYTES + 1].encode("utf-8", "replace")
    return error_from_payload(
        status_code,
        parse_payload(known, bytes((body or b"")[: MAX_BODY_BYTES + 1])),
        Redactor(request_headers, url),
        reason=responses.get(status_code),
        method=method,
        url=url,
    )


class ResponseHooks(list[Any]):
    """The response hooks of a request in flight: the user's, then our check.

    requests runs the hooks that it finds on the request, and no others, so this
    list stands there in place of the user's. It is callable, so that requests
    takes it for one hook: it runs those that it holds, checks what they have made
    of the answer, and is gone. A hook of the user's that raises, or that takes
    itself off the list, changes nothing of that.

    Several threads may send one request at a time, some of them without us: each
    has its own settings, and the last one leaves the request as it was found.
    """

    def __init__(self, home: dict[str, Any]) -> None:
        self._home = home
        self._was_there = "response" in home
        self._found = found = home.get("response")
        super().__init__([found] if callable(found) else found or ())
        self._settings: dict[int, tuple[Collection[int], OnError | None]] = {}

    @classmethod
    def install(
        cls,
        request: requests.PreparedRequest,
        passthrough: Collection[int],
        on_error: OnError | None,
    ) -> ResponseHooks:
        """Have the next answer to this request, in this thread, checked like this.

        An adapter comes after its session, and its settings count.
        """
        with lock:
            hooks = request.hooks.get("response")
            if not isinstance(hooks, cls):
                hooks = request.hooks["response"] = cls(request.hooks)
            hooks._settings[threading.get_ident()] = (passthrough, on_error)
            return hooks

    def uninstall(self) -> None:
        """Leave the request as it was found, unless other threads still send it."""
        with lock:
            self._settings.pop(threading.get_ident(), None)
            if not self._settings and self._home.get("response") is self:
                if isinstance(self._found, list):
                    self._found[:] = self
                self._home["response"] = self._found
                if not self._was_there:
                    del self._home["response"]

    def __bool__(self) -> bool:
        """Be true also when the user has no hooks, or requests would skip ours."""
        return True

    def __call__(self, response: requests.Response, **kwargs: Any) -> Any:
        settings = self._settings.get(threading.get_ident())
        try:
            response = dispatch_hook(
                "response", {"response": list(self)}, response, **kwargs
            )
        except CloudElementsError as error:  # of raise_for_error, among the hooks
            _tell(error, None if settings is None else settings[1])
            raise
        finally:
            self.uninstall()
        if settings is not None:
            check_response(response, *settings, kwargs.get("proxies"))
        return response


def check_response(
    response: requests.Response,
    passthrough: Collection[int],
    on_error: OnError | None,
    proxies: Mapping[str, str] | None = None,
) -> None:
    """Raise the error of a failed answer, after *on_error* was told of it."""
    if response.status_code in passthrough:
        return
    try:
        raise_for_error(response, proxies=proxies)
    except CloudElementsError as error:
        _tell(error, on_error)
        raise


def _tell(error: CloudElementsError, on_error: OnError | None) -> None:
    if on_error is not None:
        try:
            on_error(error)
        except Exception:
            logger.exception("on_error failed, and is ignored")


def _read_content(response: requests.Response) -> tuple[bytes, bool]:
    """Read the content within bounds, and leave it where requests looks for it.

    Response has no public way to say what its content is.
    """
    body, whole = b"", True
    if response._content is not False:
        body = response._content or b""
    elif response.raw is not None and not response._content_consumed:
        body, whole = read_body(response.raw)
    response._content = body
    response._content_consumed = True
    if response.encoding is not None and not is_charset(response.encoding):
        response.encoding = None  # or text might raise, or take for ever
    return body, whole


def _attempts(
    response: requests.Response, method: str, redact: Redactor
) -> tuple[tuple[Attempt, ...], StopReason | None]:
    """Return the earlier attempts, and why there was no other, from the policy."""
    policy = getattr(response.raw, "retries", None)
    if isinstance(policy, CloudElementsRetry):
        why = policy.why_stopped(method, response.status_code, response.headers)
        return tuple(_redacted(attempt, redact) for attempt in policy.attempts), why
    if isinstance(policy, Retry):
        failed = [past for past in policy.history if past.redirect_location is None]
        return tuple(
            Attempt(
                number,
                past.status,
                error=None if past.error is None else redact(str(past.error)),
            )
            for number, past in enumerate(failed, 1)
        ), None
    return (), None


def _redacted(attempt: Attempt, redact: Redactor) -> Attempt:
    """Take out what a policy that did not know the request has left in."""
    return attempt._replace(
        request_id=attempt.request_id and redact(attempt.request_id),
        provider_message=attempt.provider_message and redact(attempt.provider_message),
        error=attempt.error and redact(attempt.error),
    )


def _header_dict(
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None,
) -> CaseInsensitiveDict[str]:
    try:
        # A mapping, or what the standard library has for headers, which is none.
        pairs: Any = getattr(headers, "items", lambda: headers or ())()
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
    if not warning or response.status_code not in _SUCCESSES:
        return
    # A response that was made by hand may have no request.
    request = response.request or requests.PreparedRequest()
    redact = Redactor(request.headers, request.url)
    logger.warning(
        "Cloud Elements warns, with status %d of %s %s: %s",
        response.status_code,
        request.method,
        printable(redact(clean_url(request.url or ""))),
        printable(redact(as_text(warning)), 500),
    )
