"""Parse a response of Cloud Elements: headers and bytes in, a payload out.

This module does no input or output, and never raises, whatever the bytes and headers.
It reads the clock only for a ``Retry-After`` that is a date. A complete JSON body is
parsed as JSON. A body that is cut, broken or nested too deeply is scanned token by
token for the fields that can still be read.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import time
from contextlib import suppress
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from sys import float_info
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Origin = Literal["provider", "platform", "unknown"]
StopReason = Literal[
    "status", "method", "body", "attempts", "deadline", "budget", "retry_after"
]

MAX_BODY_BYTES = 64 * 1024
"""The most bytes of a body that are read, decoded and kept."""

REQUEST_ID_HEADER = "Elements-Request-Id"
WARNING_HEADER = "Elements-Error"

# By default, int() does not accept more digits. Unpickling does not either.
_MAX_DIGITS = 4300
# Deeper values are kept as text, because copy, pickle and json.dumps recurse.
_MAX_DEPTH = 50


class ErrorPayload(NamedTuple):
    """The content of a response as it was sent, with its secrets."""

    message: str | None
    request_id: str | None
    provider_message: str | None
    provider_code: str | None
    origin: Origin
    details: dict[str, Any]
    text: str
    truncated: bool
    retry_after: float | None


class Attempt(NamedTuple):
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

    number: int
    status_code: int | None = None
    request_id: str | None = None
    provider_message: str | None = None
    error: str | None = None
    waited: float = 0.0


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
    truncated = truncated or len(body) > MAX_BODY_BYTES
    text = _decode(body[:MAX_BODY_BYTES], headers)
    fields = _parse_object(text)
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
        parse_retry_after(_header(headers, "Retry-After")),
    )


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    """Return a header as text; in a hand-made response it may be any object."""
    value = headers.get(name)
    return None if value is None else as_text(value)


def as_text(value: object) -> str:
    """Return a header's value as text; bytes are Latin-1 in HTTP."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After asks to wait; None if it is unreadable.

    RFC 9110 allows whole seconds and three date formats. Some servers send decimal
    seconds. A date in the past means 0.
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*\d+(?:\.\d*)?\s*", value, re.ASCII):
        return min(float(value), float_info.max)
    try:
        date = parsedate_to_datetime(value)
        # HTTP dates are in UTC, including the format without a time zone.
        zone = date.tzinfo or timezone.utc
        return max(date.replace(tzinfo=zone).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


# Only charsets: some other codecs of Python raise, or take very long.
_CHARSET_NAME = (
    r"(?:utf|us-ascii|ascii|iso|latin|windows|cp\d|koi8|shift|euc|gb|big5|mac)[\w-]*"
)
_CHARSET = re.compile(rf"charset\s*=\s*[\"']?({_CHARSET_NAME})", re.IGNORECASE)


# Servers send few charsets.
@lru_cache(maxsize=64)
def is_charset(name: str) -> bool:
    """Say whether this is the name of a charset."""
    return re.fullmatch(_CHARSET_NAME, name, re.IGNORECASE) is not None


def _decode(body: bytes, headers: Mapping[str, Any]) -> str:
    """Decode as JSON's encoding, else as the Content-Type's charset, else as UTF-8."""
    # JSON is UTF-8 (RFC 8259). Text in another charset is hardly ever valid UTF-8.
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding)
    except UnicodeError:
        charset = _CHARSET.search(_header(headers, "Content-Type") or "")
    for candidate in (encoding, charset[1] if charset else ""):
        with suppress(UnicodeError, LookupError):
            # An incremental decoder accepts a character that is cut at the end.
            return codecs.getincrementaldecoder(candidate)().decode(body)
    return body.decode("utf-8", "replace")


def _parse_object(text: str) -> dict[str, Any]:
    """Return the fields of a JSON object, or the readable ones if it is damaged."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        value = dict(_scan_object(text))
    if not isinstance(value, dict):
        return {}
    return {key: _shallow(field) for key, field in value.items()}


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


# strict=False accepts line breaks in strings. NaN and Infinity are not JSON, and are
# kept as text.
_DECODER = json.JSONDecoder(
    strict=False, parse_int=_integer, parse_float=_number, parse_constant=str
)

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)


def _scan_object(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the readable fields of the outermost object."""
    text = text.lstrip()
    if not text.startswith("{"):
        return
    depth = 0
    string: str | None = None  # the token before this one, if it is a string
    key: str | None = None  # the string before a colon
    for match in _TOKEN.finditer(text):
        lexeme = match[0]
        if depth == 1 and key is not None:
            with suppress(ValueError, RecursionError):
                yield key, _value_at(text, match)
            string = key = None
        elif depth == 1:
            key = string if lexeme == ":" else None
            string = _string(lexeme) if lexeme[0] == '"' else None
        depth += (lexeme in "{[") - (lexeme in "}]")
        if depth == 0:
            return


def _value_at(text: str, match: re.Match[str]) -> Any:
    token = match[0]
    if token[0] == '"':
        return _string(token)
    if token in "{[":
        return _DECODER.raw_decode(text, match.start())[0]
    if match.end() == len(text):
        raise ValueError("The end is missing: this may be 42 of 429.")
    return _DECODER.decode(token)


def _string(token: str) -> str:
    """Decode a JSON string, whose end and last escape may be missing."""
    without_escape = re.sub(r"\\u[0-9a-fA-F]{0,3}$", "", token)
    for candidate in (token, f'{token}"', f'{without_escape}"'):
        with suppress(ValueError):
            return str(_DECODER.decode(candidate))
    return token.strip('"')


def _shallow(value: Any, depth: int = 0) -> Any:
    """Replace values that are nested too deeply by their JSON text."""
    if not isinstance(value, (dict, list)):
        return value
    if depth == _MAX_DEPTH:
        return _compact(value)
    if isinstance(value, dict):
        return {key: _shallow(field, depth + 1) for key, field in value.items()}
    return [_shallow(item, depth + 1) for item in value]


def _compact(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:  # json.loads goes deeper than json.dumps
        return "…"


def _take(
    fields: dict[str, Any], name: str, types: tuple[type, ...] = (object,)
) -> str | None:
    """Remove a field and return it as text, if it is of one of these types."""
    key: str | None = name
    if name not in fields:
        lowered = name.lower()
        key = next((key for key in fields if key.lower() == lowered), None)
    if key is None or not isinstance(fields[key], types):
        return None
    value = fields.pop(key)
    return value if value is None or isinstance(value, str) else _compact(value)
