"""Build an error from the parts of a response: status, body, headers."""

from collections.abc import Iterable, Mapping
from typing import Any

from requests.structures import CaseInsensitiveDict

from .. import _table, _urls
from .._arguments import check_optional, check_type
from .base import CloudElementsError
from .classes import CLASSES, UnlistedStatusError
from .decoding import as_text, as_utf8
from .payload import Attempt, ErrorPayload
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
    check_type("status_code", status_code, "an integer", int)
    check_optional("body", body, "bytes, a str", bytes, bytearray, memoryview, str)
    texts: dict[str, Any] = {"reason": reason, "method": method, "url": url}
    for name, text in texts.items():
        check_optional(name, text, "a str", str)
    check_optional("request_headers", request_headers, "a mapping", Mapping)
    try:
        # http.client.HTTPMessage has items(), but is not a Mapping.
        pairs: Any = getattr(headers, "items", lambda: headers or ())()
        known = CaseInsensitiveDict((as_text(key), as_text(one)) for key, one in pairs)
    except (TypeError, ValueError):
        message = "headers must be a mapping, pairs of name and value, or None, not "
        raise TypeError(message + type(headers).__name__) from None
    if status_code < _table.FIRST_ERROR:
        return None
    content = body.encode("utf-8", "replace") if isinstance(body, str) else body or b""
    payload = ErrorPayload(known, bytes(content), Redactor(request_headers, url))
    return error_from_payload(status_code, payload, **texts)


def error_from_payload(
    status_code: int,
    payload: ErrorPayload,
    *,
    reason: str | None = None,
    url: str | None = None,
    earlier: tuple[Attempt, ...] = (),
    **known: Any,
) -> CloudElementsError:
    """Build the error for a status of 400 or more; take the secrets out.

    *known* is what the error shows as it is: its *method*, *response* and *stopped_by*.
    """
    cls = CLASSES.get(status_code, UnlistedStatusError)
    error = cls.__new__(cls)  # __init__ would need the line, which is built later
    redact = payload.redact
    reason = reason and redact(as_utf8(reason))
    number, request_id = len(earlier) + 1, payload.request_id
    last = Attempt(number, status_code, request_id, payload.provider_message)
    error._said = last._said = payload.said(reason)
    vars(error).update(
        {"method": None, "response": None, "stopped_by": None} | vars(payload) | known,
        status_code=status_code,
        reason=reason or None,
        url=url and redact(_urls.clean_url(url)),
        attempts=(*earlier, last),
        request=getattr(known.get("response"), "request", None),
        _redact=redact,
    )
    return error
