"""Build an error from the parts of a response: status, body, headers."""

from collections.abc import Iterable, Mapping
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from .._arguments import check_integer, check_optional
from .._table import FIRST_ERROR
from .._urls import clean_url
from .base import CloudElementsError
from .classes import class_for
from .decoding import MAX_BODY_BYTES
from .payload import Attempt, ErrorPayload, StopReason, as_text, as_utf8
from .redaction import Redactor


def error_from_parts(
    status_code: int,
    body: bytes | str | None = b"",
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
    *,
    reason: str | None = None,
    method: str | None = None,
    url: str | None = None,
    request_headers: Mapping[Any, Any] | None = None,
) -> CloudElementsError | None:
    """Build the error for a response of urllib3, httpx or a generated client.

    Args:
        status_code: The HTTP status.
        body: The decoded body. Only the first 64 KiB are read.
        headers: The response's headers: a mapping, pairs, or None.
        reason: The words of the status line, if there are any.
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
    for name, value in {"reason": reason, "method": method, "url": url}.items():
        check_optional(name, value, str, "a str")
    check_optional("request_headers", request_headers, Mapping, "a mapping")
    known = _header_dict(headers)
    if status_code < FIRST_ERROR:
        return None
    if isinstance(body, str):
        body = body[: MAX_BODY_BYTES + 1].encode("utf-8", "replace")
    return error_from_payload(
        status_code,
        ErrorPayload(known, bytes((body or b"")[: MAX_BODY_BYTES + 1])),
        Redactor(request_headers, url),
        reason=reason,
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
    error = cls.__new__(cls)  # a constructor would need the line
    payload.remove_secrets(redact)
    reason, shown_url = redact.texts(reason and as_utf8(reason), url and clean_url(url))
    number, request_id = len(earlier) + 1, payload.request_id
    last = Attempt(number, status_code, request_id, payload.provider_message)
    last._said = payload.said(redact, reason)
    error.__dict__.update(
        status_code=status_code,
        _said=last._said,
        message=payload.message,
        request_id=payload.request_id,
        provider_message=payload.provider_message,
        provider_code=payload.provider_code,
        origin=payload.origin,
        _details=payload.details,
        text=payload.text,
        truncated=payload.truncated,
        reason=reason or None,
        method=method,
        url=shown_url,
        attempts=(*earlier, last),
        stopped_by=stopped_by,
        retry_after=payload.retry_after,
        response=response,
        request=None if response is None else response.request,
        _redact=redact,
    )
    return error


def _header_dict(
    headers: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None,
) -> CaseInsensitiveDict[str]:
    try:
        # http.client.HTTPMessage has items(), but is not a Mapping.
        pairs: Any = getattr(headers, "items", lambda: headers or ())()
        return CaseInsensitiveDict((as_text(key), as_text(one)) for key, one in pairs)
    except (TypeError, ValueError):
        raise TypeError(
            f"headers must be a mapping, pairs of name and value, or None, "
            f"not {type(headers).__name__}"
        ) from None
