"""Turn a failed response into an exception. No other module does this."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http.client import responses
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.util.retry import Retry

from ._body import read_body
from ._checks import check_integer, check_optional
from ._codes import FIRST_ERROR
from ._payload import (
    MAX_BODY_BYTES,
    WARNING_HEADER,
    Attempt,
    ErrorPayload,
    StopReason,
    as_text,
    is_charset,
    parse_payload,
)
from ._redaction import Redactor
from ._rendering import printable
from ._retry import CloudElementsRetry
from ._urls import clean_url
from .exceptions import CloudElementsError, class_for

logger = logging.getLogger("cloud_elements_errors")

_SUCCESSES = range(200, 300)


def raise_for_error(
    response: requests.Response,
    *args: Any,  # noqa: ARG001 - hooks of requests take them
    **kwargs: Any,
) -> requests.Response:
    """Raise an error if the response failed: a hook for ``session.hooks["response"]``.

    Args:
        response: Any response. If its status is 400 or more, its body is read: at
            most 64 KiB, for at most 5 seconds.
        args: Ignored.
        kwargs: The keywords that requests passes to hooks. The error does not show
            the passwords of *proxies*.

    Returns:
        The same response, if its status is below 400. If it carries an
        ``Elements-Error`` header (a warning), the header is logged.

    Raises:
        CloudElementsError: If the status is 400 or more.

    Example::

        session.hooks["response"].append(raise_for_error)

    """
    error = error_of(response, (kwargs.get("proxies") or {}).values())
    if error is not None:
        try:
            raise error
        finally:
            # The traceback refers to this frame. If the frame also referred to the
            # error, only the garbage collector could free the two.
            del error
    log_warning(response)
    return response


def error_from_response(response: requests.Response) -> CloudElementsError | None:
    """Build the error for a failed response, without raising it.

    Args:
        response: Any response. If its status is 400 or more, its body is read: at
            most 64 KiB, for at most 5 seconds. Its ``text`` and ``json()`` work
            afterwards.

    Returns:
        The error, or None if the status is below 400.

    Raises:
        TypeError: If *response* is not a `requests.Response`.

    Example::

        response = requests.get(url, timeout=10)
        error = error_from_response(response)
        if error is not None:
            print(error.provider_message)

    """
    return error_of(response)


def error_of(
    response: requests.Response, proxies: Iterable[str | None] = ()
) -> CloudElementsError | None:
    if not isinstance(response, requests.Response):
        raise TypeError(
            f"response must be a requests.Response, not {type(response).__name__}: "
            "use error_from_parts() for the responses of other libraries"
        )
    status_code = response.status_code
    if status_code is None or status_code < FIRST_ERROR:
        return None
    request = response.request
    url = response.url if request is None else request.url
    method = None if request is None else request.method
    body, whole = _read_content(response)
    policy, stopped_by = policy_of(response), None
    if isinstance(policy, CloudElementsRetry):
        stopped_by = policy.why_stopped(method or "", status_code, response.headers)
        # Only the policy still knows the proxies if the error is built later.
        proxies = (*proxies, *policy.urls)
    redact = Redactor(None if request is None else request.headers, url, *proxies)
    return error_from_payload(
        status_code,
        parse_payload(response.headers, body, truncated=not whole),
        redact,
        reason=None if response.reason is None else as_text(response.reason),
        method=method,
        url=url,
        earlier=_earlier_attempts(policy, redact),
        stopped_by=stopped_by,
        response=response,
    )


def policy_of(response: requests.Response) -> Retry | None:
    """Return the policy that urllib3 has left on the response of the last attempt."""
    policy = getattr(response.raw, "retries", None)
    return policy if isinstance(policy, Retry) else None


def error_from_parts(
    status_code: int,
    body: bytes | str | None = b"",
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
    *,
    method: str | None = None,
    url: str | None = None,
    request_headers: Mapping[Any, Any] | None = None,
) -> CloudElementsError | None:
    """Build the error for a response of urllib3, httpx or a generated client.

    Args:
        status_code: The HTTP status.
        body: The decoded body. Only the first 64 KiB are read.
        headers: The response's headers: a mapping, pairs, or None.
        method: The request's method, which the error shows.
        url: The request's URL. The error does not show its secrets.
        request_headers: The request's headers. The error does not show their
            secrets.

    Returns:
        The error, or None if the status is below 400.

    Raises:
        TypeError: If an argument is of the wrong type.

    Example::

        response = urllib3.request("GET", url)
        error = error_from_parts(response.status, response.data, response.headers)

    """
    check_integer("status_code", status_code)
    check_optional("body", body, (bytes, bytearray, memoryview, str), "bytes, a str")
    check_optional("method", method, str, "a str")
    check_optional("url", url, str, "a str")
    check_optional("request_headers", request_headers, Mapping, "a mapping")
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


def error_from_payload(
    status_code: int,
    payload: ErrorPayload,
    redact: Redactor,
    *,
    reason: str | None = None,
    method: str | None = None,
    url: str | None = None,
    earlier: tuple[Attempt, ...] = (),
    stopped_by: StopReason | None = None,
    response: requests.Response | None = None,
) -> CloudElementsError:
    """Build the error for a status of 400 or more; take the secrets out."""
    cls = class_for(status_code) or CloudElementsError
    text, cut = payload.text, payload.truncated
    shown_url = None if url is None else clean_url(url)
    # Search the text and the URL once. A field that is literally in a clean text is
    # clean too. With a backslash, the text may spell a secret in another way.
    is_clean = not (cut or "\\" in text) and redact.finds_nothing(text, shown_url or "")

    def clean(words: str | None) -> str | None:
        if words is None or (is_clean and words in text):
            return words
        return redact(words, cut=cut)

    request_id = clean(payload.request_id)
    provider_message = clean(payload.provider_message)
    last = Attempt(len(earlier) + 1, status_code, request_id, provider_message)
    return cls._of(
        status_code=status_code,
        _title=None if cls.status_code else clean(reason),
        message=clean(payload.message),
        request_id=request_id,
        provider_message=provider_message,
        provider_code=clean(payload.provider_code),
        origin=payload.origin,
        _details=redact.fields(payload.details, cut=cut),
        text=clean(text),
        truncated=cut,
        method=method,
        url=shown_url if is_clean or shown_url is None else redact(shown_url),
        attempts=(*earlier, last),
        stopped_by=stopped_by,
        retry_after=payload.retry_after,
        response=response,
        request=None if response is None else response.request,
    )


def _read_content(response: requests.Response) -> tuple[bytes, bool]:
    """Read the body within the limits, and store it where requests looks for it.

    `requests.Response` has no public way to set its content.
    """
    body, whole = b"", True
    if response._content is not False:
        body = response._content or b""
    elif response.raw is not None and not response._content_consumed:
        body, whole = read_body(response.raw)
    response._content = body
    response._content_consumed = True
    if response.encoding is not None and not is_charset(response.encoding):
        response.encoding = None  # response.text could raise, or take minutes
    return body, whole


def _earlier_attempts(policy: Retry | None, redact: Redactor) -> tuple[Attempt, ...]:
    """Return the attempts before the last one, if the policy has recorded them."""
    if isinstance(policy, CloudElementsRetry):
        return tuple([_redacted(attempt, redact) for attempt in policy.attempts])
    if policy is None:
        return ()
    failed = [past for past in policy.history if past.redirect_location is None]
    return tuple(
        Attempt(
            number,
            past.status,
            error=None if past.error is None else redact(str(past.error)),
        )
        for number, past in enumerate(failed, 1)
    )


def _redacted(attempt: Attempt, redact: Redactor) -> Attempt:
    """Take out secrets that the policy could not know without the request."""
    request_id, provider_message, error = redact.texts(
        attempt.request_id, attempt.provider_message, attempt.error
    )
    return attempt._replace(
        request_id=request_id, provider_message=provider_message, error=error
    )


def _header_dict(
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None,
) -> CaseInsensitiveDict[str]:
    try:
        # http.client.HTTPMessage has items(), but is not a Mapping.
        pairs: Any = getattr(headers, "items", lambda: headers or ())()
        return CaseInsensitiveDict(
            {as_text(name): as_text(value) for name, value in pairs}
        )
    except (TypeError, ValueError):
        raise TypeError(
            f"headers must be a mapping, pairs of name and value, or None, "
            f"not {headers!r}"
        ) from None


def log_warning(response: requests.Response) -> None:
    """Log the Elements-Error header of a successful response: it is a warning."""
    warning = response.headers.get(WARNING_HEADER)
    if not warning or response.status_code not in _SUCCESSES:
        return
    # A response that was built by hand may have no request.
    request = response.request or requests.PreparedRequest()
    redact = Redactor(request.headers, request.url)
    logger.warning(
        "Cloud Elements warns, with status %d of %s %s: %s",
        response.status_code,
        request.method,
        printable(redact(clean_url(request.url or ""))),
        printable(redact(as_text(warning)), 500),
    )
