"""Parse a response of Cloud Elements: headers and bytes in, a payload out.

This module does no input or output, and never raises, whatever the bytes and headers.
It reads the clock only for a ``Retry-After`` that is a date.
"""

import re
import time
from calendar import timegm
from contextlib import suppress
from email.utils import parsedate_tz
from typing import Any, Literal, NamedTuple

from .decoding import as_text, as_utf8, bounded, decode
from .json_text import compact, read_damaged_object, read_json
from .redaction import Redactor
from .secrets import compiled
from .words import MOST_WORDS, readable, says_nothing, words_in, words_of

Origin = Literal["provider", "platform", "unknown"]
# With these, a retry was wanted, and refused.
Refusal = Literal["body", "certificate", "deadline", "budget", "retry_after"]
StopReason = Literal["status", "method", "attempts", Refusal]

REQUEST_ID_HEADER = "Elements-Request-Id"
WARNING_HEADER = "Elements-Error"

_SAYS = r"(?i)-authenticate$|error(?:-?(?:code|description|message|reason|type)s?)?$"
# RFC 6750.
_DESCRIBED = r'(?is)\A.*?error_description\s*=\s*"?((?:[^"\\]|\\.)*).*'
# Half an emoji, where a server has cut a text. No encoding of Unicode takes it.
_HALF = r"\\u[Dd](?i:[89ab]..(?!\\ud[c-f]..)|(?<!\\ud[89ab]..\\ud)[c-f]..)"
# The text may be a page or JSON.
_NESTED = re.compile(r"[<&\\{\[]")


class ErrorPayload:
    """The content of a response. An error takes over all that is in its ``vars()``.

    Args:
        headers: The response's headers, in a case-insensitive mapping.
        body: The decoded body. It is cut after 64 KiB.
        redact: Takes out the secrets, before anything is read.
        cut: Whether *body* is already cut.

    """

    # What only `said` and `build` need is not in vars().
    __slots__ = ("__dict__", "content_type", "headers", "is_object", "redact")

    def __init__(
        self, headers: Any, body: bytes, redact: Redactor, *, cut: bool = False
    ) -> None:
        body, is_whole = bounded(body)
        self.redact = redact
        self.truncated = cut or not is_whole
        self.content_type = as_text(headers.get("Content-Type", ""))
        text = decode(body, self.content_type, cut=self.truncated)
        self.text = redact(text, cut=self.truncated)
        json = compiled(_HALF).sub("\ufffd", self.text)
        value = read_json(json)
        self.is_object = isinstance(value, dict)  # and complete
        fields = value if self.is_object else read_damaged_object(json)
        self.message = _take(fields, "message")
        self.request_id = _take(fields, "requestId")
        self.provider_message = _take(fields, "providerMessage", (str, dict, list))
        # Tags and escapes may cut a secret, which is whole in what the line shows.
        if self.provider_message and _NESTED.search(self.provider_message):
            words = readable(self.provider_message)
            shown = redact(words, cut=self.truncated)
            self.provider_message = self.provider_message if shown == words else shown
        self.provider_code = _take(fields, "providerErrorCode", (str, int))
        self.details: dict[str, Any] = fields
        self.origin: Origin = "provider"
        if not (self.provider_message or self.provider_code):
            is_platform = self.message is not None or self.request_id is not None
            self.origin = "platform" if is_platform else "unknown"
        request_id = as_text(headers.get(REQUEST_ID_HEADER, ""))
        if self.request_id is None or request_id.startswith(self.request_id):
            self.request_id = redact(request_id) or None  # it is not cut
        self.retry_after: float | None = None
        if asked := headers.get("Retry-After"):
            date = as_text(headers.get("Date", ""))
            self.retry_after = parse_retry_after(as_text(asked), date)
        self.headers = headers

    def said(self, reason: str | None) -> str:
        """Return the words of the body, else those of the head, without secrets."""
        words = self.message or ""
        # Rows of JSON have an object in each line.
        rows = not self.is_object and re.search(r"\}\s*\{", self.text)
        if not (rows or self.details or _NESTED.search(words) or says_nothing(words)):
            return words
        if self.is_object:
            json = "" if self.provider_message else compact(self.details)
            words = words_in({"message": words} | self.details) or words or json
        else:
            words = words_of(self.text, self.content_type)
        if says_nothing(words):
            lines = [words] if says_nothing(reason or "") else [words, reason or ""]
            for name, value in self.headers.items():
                if re.search(_SAYS, as_text(name)):
                    described = re.sub(_DESCRIBED, r"\1", as_utf8(as_text(value)))
                    lines.append(described.replace('\\"', '"'))
            words = "\n".join(lines)
        is_cut = self.truncated or len(words) > MOST_WORDS
        return self.redact(words[:MOST_WORDS], cut=is_cut)


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

    # The words of the body or the head, for notes and log lines. They are no field,
    # since the fields hold exact texts.
    _said = ""
    # Whether the server may have received a request that failed without a response.
    _may_have_arrived = False


Attempt.__module__ = "cloud_elements_errors"


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
    if not value:
        return None
    value = ", ".join(dict.fromkeys(part.strip() for part in value.split(",")))
    if re.fullmatch(r"\d+(?:\.\d*)?|\.\d+", value, re.ASCII):
        return float(value[:300])  # a longer one would be infinite
    # A date may have a comma of its own.
    until = _time_of(value) if value.count(",") <= 1 else None
    return None if until is None else max(until - (_time_of(date) or time.time()), 0.0)


def _time_of(date: str | None) -> float | None:
    """Return the Unix time of an HTTP date, which is in UTC; None if it is none."""
    with suppress(ValueError, OverflowError, TypeError, IndexError):
        parsed: Any = parsedate_tz(date or "")
        return float(timegm(parsed) - (parsed[9] or 0))  # some are in a zone
    return None


def _take(fields: dict[str, Any], name: str, types: Any = object) -> str | None:
    """Remove a field and return it as text, if it is of one of these types."""
    if name not in fields:  # the documented spelling comes first
        name = next((key for key in fields if key.lower() == name.lower()), name)
    value = fields.pop(name, None)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, types):
        return compact(value)
    fields[name] = value
    return None
