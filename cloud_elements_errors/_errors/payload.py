"""Parse a response of Cloud Elements: headers and bytes in, a payload out.

This module does no input or output, and never raises, whatever the bytes and headers.
It reads the clock only for a ``Retry-After`` that is a date.
"""

from __future__ import annotations

import re
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from sys import float_info
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .decoding import bounded, decode
from .json_text import compact, read_damaged_object, read_json
from .words import says_nothing, words_in, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .redaction import Redactor

Origin = Literal["provider", "platform", "unknown"]
StopReason = Literal[
    "status",
    "method",
    "body",
    "attempts",
    "certificate",
    "deadline",
    "budget",
    "retry_after",
]

REQUEST_ID_HEADER = "Elements-Request-Id"
WARNING_HEADER = "Elements-Error"

# Redaction takes its time. A line shows 500 characters.
_MOST_WORDS = 4000

_TELLING_HEADER = re.compile(
    r"(?:(?:www|proxy)-authenticate|error|error-?(?:message|description|reason)s?)\Z",
    re.IGNORECASE,
)
# RFC 6750.
_ERROR_DESCRIPTION = re.compile(r'error_description\s*=\s*"?([^"]*)', re.IGNORECASE)


# The text may be a page or JSON.
_NESTED = re.compile(r"[<&\\{\[]")
# The parts of a payload in which a server may repeat secrets.
_TEXTS = (
    *("message", "request_id", "provider_message", "provider_code", "text"),
    *("content_type", "words_of_headers"),
)


class ErrorPayload(NamedTuple):
    """The content of a response."""

    message: str | None
    request_id: str | None
    provider_message: str | None
    provider_code: str | None
    origin: Origin
    details: dict[str, Any]
    text: str
    truncated: bool
    retry_after: float | None
    content_type: str
    is_object: bool
    """Whether the body is a JSON object, and complete."""
    words_of_headers: str

    def without_secrets(self, redact: Redactor) -> ErrorPayload:
        """Return the payload without secrets."""
        cut = self.truncated
        texts = [getattr(self, name) for name in _TEXTS]
        shown: dict[str, Any] = dict(
            zip(_TEXTS, redact.texts(*texts, cut=cut), strict=True)
        )
        return self._replace(details=redact.fields(self.details, cut=cut), **shown)

    def said(self, redact: Redactor, reason: str | None) -> tuple[str, str]:
        """Return the words of the body and of the head, without secrets.

        The payload has to be one without secrets: without the tags of a page, nobody
        could tell which of its words are secrets.
        """
        if self.message and not self.details and not _NESTED.search(self.message):
            words = self.message
        elif self.is_object:
            said = {"message": self.message} if self.message else {}
            words = words_in(said | self.details, or_json=not self.provider_message)
        else:
            words = words_of(self.text, self.content_type)
        is_cut = self.truncated or len(words) > _MOST_WORDS
        of_head = f"{reason or ''}\n{self.words_of_headers}"
        words = words[:_MOST_WORDS]
        if words != self.message:  # which is one without secrets
            words = redact(words, cut=is_cut)
        return words, redact(of_head) if reason else of_head


class _AttemptFields(NamedTuple):
    number: int
    status_code: int | None = None
    request_id: str | None = None
    provider_message: str | None = None
    error: str | None = None
    waited: float = 0.0


class Attempt(_AttemptFields):
    """One attempt of a request, and its result.

    Attributes:
        number: 1 for the first attempt.
        status_code: The status of the response; None if no response arrived.
        request_id: The request id of the response, else None.
        provider_message: The provider's text in the response, else None.
        error: The text of the network failure, else None.
        waited: Seconds of wait before the next attempt; 0 for the last attempt, and
            with a plain `urllib3.Retry`.

    Example::

        for attempt in error.attempts:
            print(attempt.number, attempt.status_code or attempt.error)

    """

    # The words of the body and of the head, for notes and log lines. It is no field,
    # since the fields hold exact texts.
    _said: tuple[str, str] = ("", "")


Attempt.__module__ = "cloud_elements_errors"


def parse_payload(
    headers: Mapping[str, Any], body: bytes, *, truncated: bool = False
) -> ErrorPayload:
    """Parse the headers and the body of a response.

    Args:
        headers: The response's headers, in a case-insensitive mapping.
        body: The decoded body. It is cut after 64 KiB.
        truncated: Whether *body* is already cut.

    Returns:
        A payload, for any input.

    """
    body, is_whole = bounded(body)
    truncated = truncated or not is_whole
    content_type = _header(headers, "Content-Type") or ""
    text = decode(body, content_type, truncated=truncated)
    value = read_json(text)
    fields = value if isinstance(value, dict) else read_damaged_object(text)
    request_id_header = _header(headers, REQUEST_ID_HEADER) or None
    message = _take(fields, "message")
    request_id = _take(fields, "requestId")
    provider_message = _take(fields, "providerMessage", (str, dict, list, NoneType))
    provider_code = _take(fields, "providerErrorCode", (str, int, NoneType))
    origin: Origin = "unknown"
    if provider_message or provider_code:
        origin = "provider"
    elif message is not None or request_id is not None:
        origin = "platform"
    if request_id is None or (request_id_header or "").startswith(request_id):
        request_id = request_id_header  # it is not cut
    return ErrorPayload(
        message,
        request_id,
        provider_message,
        provider_code,
        origin,
        fields,
        text,
        truncated,
        parse_retry_after(_header(headers, "Retry-After"), _header(headers, "Date")),
        content_type,
        isinstance(value, dict),
        "" if message and not says_nothing(message) else _words_of_headers(headers),
    )


def _words_of_headers(headers: Mapping[str, Any]) -> str:
    """Return the words of challenges and of headers such as ``Elements-Error``."""
    lines = []
    for name, value in headers.items():
        if _TELLING_HEADER.search(as_text(name)):
            text = as_utf8(as_text(value))
            described = _ERROR_DESCRIPTION.search(text)
            lines.append(described[1] if described else text)
    return "\n".join(lines)


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    """Return a header as text; in a hand-made response it may be any object."""
    value = headers.get(name)
    return None if value is None else as_text(value)


def as_text(value: object) -> str:
    """Return a header's value as text; bytes are Latin-1 in HTTP."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def as_utf8(text: str) -> str:
    """Return the text of a head, which http.client decodes as Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def parse_retry_after(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After asks to wait; None if it is unreadable.

    RFC 9110 allows whole seconds and three date formats. Some servers send decimal
    seconds. A date in the past means 0. If the header was sent several times with the
    same value, it counts once.

    Args:
        value: The header, or its lines joined by commas.
        date: The ``Date`` of the same response. A date counts from there, if it is
            readable: the clocks of the two machines may differ.

    """
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    for width in (1, 2):  # a date may have a comma of its own
        if parts == parts[:width] * (len(parts) // width):
            value = ", ".join(parts[:width])
            break
    else:
        return None
    if re.fullmatch(r"\d+\.?\d*|\.\d+", value, re.ASCII):
        return min(float(value), float_info.max)
    until, now = _time_of(value), _time_of(date)
    if until is None:
        return None
    return max(until - (time.time() if now is None else now), 0.0)


def _time_of(date: str | None) -> float | None:
    """Return the Unix time of an HTTP date; None if it is unreadable."""
    try:
        time_of_day = parsedate_to_datetime(date or "")
        # HTTP dates are in UTC, including the format without a time zone.
        zone = time_of_day.tzinfo or timezone.utc
        return time_of_day.replace(tzinfo=zone).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _take(
    fields: dict[str, Any], name: str, types: tuple[type, ...] = (object,)
) -> str | None:
    """Remove a field and return it as text, if it is of one of these types."""
    # The documented spelling comes first.
    keys = [name] if name in fields else [*fields]
    key = next((key for key in keys if key.lower() == name.lower()), None)
    if key is None or not isinstance(fields[key], types):
        return None
    value = fields.pop(key)
    return value if value is None or isinstance(value, str) else compact(value)
