"""The exceptions: what a failed call of Cloud Elements says, and whose move it is.

::

    requests.HTTPError
    └── CloudElementsError
        ├── BadRequestError            400
        ├── UnauthorizedError          401
        ├── ForbiddenError             403
        ├── NotFoundError              404
        ├── MethodNotAllowedError      405
        ├── NotAcceptableError         406
        ├── ConflictError              409
        ├── UnsupportedMediaTypeError  415
        ├── ServerError                500
        ├── FailedRequestError         502
        └── UnlistedStatusError        any other status of 400 or more

A class is a status; what the status means is in the table of ``_codes``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from operator import index
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import requests
from requests.structures import CaseInsensitiveDict

from ._codes import FIRST_ERROR, NORMALIZED_ERRORS, UNLISTED_ERROR, NormalizedError
from ._payload import Attempt
from ._redaction import Redactor, as_text, clean_url, path_of, printable

if TYPE_CHECKING:
    from ._payload import ErrorPayload, Origin, StopReason

__all__ = [
    "BadRequestError",
    "CloudElementsError",
    "ConflictError",
    "FailedRequestError",
    "ForbiddenError",
    "MethodNotAllowedError",
    "NotAcceptableError",
    "NotFoundError",
    "ServerError",
    "UnauthorizedError",
    "UnlistedStatusError",
    "UnsupportedMediaTypeError",
]

# How much of each text goes into the one line; the attributes have all of it.
_LINE_TEXT = 500

# Below what a message broker or a process pool takes without a second thought.
_MAX_PICKLE_BYTES = 120 * 1024

_STOPPED_BY: dict[StopReason, str] = {
    "status": "this status is not retried",
    "method": "{method} is not retried, since it could do its work twice",
    "body": "the request's body cannot be sent a second time",
    "attempts": "no attempts were left",
    "deadline": "the time for retries was over",
    "budget": "the retry budget is empty: of the calls in the last seconds, too few "
    "succeeded to pay for another retry",
    "retry_after": "the server asks to wait {seconds} s, longer than the policy allows",
}


class CloudElementsError(requests.HTTPError):
    """A call of Cloud Elements failed with a status of 400 or more.

    Catch this one for all of them, or a subclass for one status. What the server
    said is in the attributes, without the secrets of the request; *response* and
    *request* are as requests made them.

    Attributes:
        status_code: The HTTP status.
        message: The body's ``message``; None if it has none.
        request_id: The body's ``requestId``, else the ``Elements-Request-Id``
            header, else None. Quote it to support.
        provider_message: The exact text of the API provider: a string as it was
            sent, an object or a list as compact JSON, else None.
        provider_code: The body's ``providerErrorCode`` as a string, else None.
        origin: ``"provider"`` when the provider said something, ``"platform"``
            when only Cloud Elements did, ``"unknown"`` when the body is none of
            theirs: a gateway's HTML page, or nothing.
        text: The body as text, of at most 64 KiB.
        truncated: Whether the body was longer, or its end never came.
        method: The request's method; None if it is not known.
        url: The request's URL without userinfo, query and fragment, or None.
        attempts: Every attempt in order, this one included, so at least one.
        stopped_by: Why no further attempt was made: ``"status"``, ``"method"``,
            ``"body"``, ``"attempts"``, ``"deadline"``, ``"budget"`` or
            ``"retry_after"``; None when no `CloudElementsRetry` was in charge.
        retry_after: The seconds that the server asked to wait, else None.
        response: The `requests.Response`, whose ``text`` and ``json()`` work;
            None if the error was not made from one.
        request: Its `requests.PreparedRequest`, or None.

    """

    status_code: int = 0

    def __init__(
        self,
        line: str = "",
        /,
        *,
        status_code: int | None = None,
        title: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        provider_message: str | None = None,
        provider_code: str | None = None,
        origin: Origin = "unknown",
        details: Mapping[str, Any] | None = None,
        text: str = "",
        truncated: bool = False,
        method: str | None = None,
        url: str | None = None,
        attempts: Sequence[Attempt] = (),
        stopped_by: StopReason | None = None,
        retry_after: float | None = None,
        response: requests.Response | None = None,
        request: requests.PreparedRequest | None = None,
    ) -> None:
        """Make an error from its parts; `error_from_parts` reads them for you.

        Args:
            line: What ``str()`` shows.
            status_code: The status, for the classes that stand for more than one.
            title: The status in words, for a status that is not in the table.
            message: As the attribute, and so are all that follow.
            request_id: See the class.
            provider_message: See the class.
            provider_code: See the class.
            origin: See the class.
            details: The body's other top-level fields.
            text: See the class.
            truncated: See the class.
            method: See the class.
            url: See the class.
            attempts: See the class.
            stopped_by: See the class.
            retry_after: See the class.
            response: See the class.
            request: See the class.

        """
        for name, value, allowed in (
            ("line", line, str),
            ("status_code", status_code, (int, NoneType)),
            ("title", title, (str, NoneType)),
            ("message", message, (str, NoneType)),
            ("request_id", request_id, (str, NoneType)),
            ("provider_message", provider_message, (str, NoneType)),
            ("provider_code", provider_code, (str, NoneType)),
            ("origin", origin, str),
            ("details", details, (Mapping, NoneType)),
            ("text", text, str),
            ("method", method, (str, NoneType)),
            ("url", url, (str, NoneType)),
            ("attempts", attempts, (tuple, list)),
            ("stopped_by", stopped_by, (str, NoneType)),
            ("retry_after", retry_after, (int, float, NoneType)),
            ("response", response, (requests.Response, NoneType)),
        ):
            if not isinstance(value, allowed):
                raise TypeError(f"{name} must not be {value!r}")
        if stopped_by is not None and stopped_by not in _STOPPED_BY:
            reasons = ", ".join(_STOPPED_BY)
            raise ValueError(f"stopped_by must be of {reasons}, not {stopped_by!r}")
        super().__init__(line, response=response, request=request)
        if status_code is not None and status_code != self.status_code:
            if self.status_code:
                raise ValueError(
                    f"{type(self).__name__} stands for status {self.status_code}, "
                    f"not {status_code!r}"
                )
            self.status_code = status_code
        self._title = title
        self.message = message
        self.request_id = request_id
        self.provider_message = provider_message
        self.provider_code = provider_code
        self.origin: Origin = origin
        self._details = dict(details or {})
        self.text = text
        self.truncated = truncated
        self.method = method
        self.url = url
        self.attempts: tuple[Attempt, ...] = tuple(attempts)
        self.stopped_by: StopReason | None = stopped_by
        self.retry_after = retry_after

    @property
    def _row(self) -> NormalizedError:
        return NORMALIZED_ERRORS.get(self.status_code, UNLISTED_ERROR)

    @property
    def title(self) -> str:
        """The status in the words of the table, else of HTTP."""
        return self._title or self._row.title

    @property
    def description(self) -> str:
        """The table's own words for the status; empty if it is not in there."""
        return self._row.description

    @property
    def remedy(self) -> str:
        """Whose move it is now, and which: one sentence."""
        return self._row.remedy

    @property
    def retryable(self) -> bool:
        """Whether the table says that the status is retried: 500 and 502."""
        return self._row.retried

    @property
    def details(self) -> Mapping[str, Any]:
        """The other top-level fields of the body, read-only."""
        return MappingProxyType(self._details)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but *response* and *request*, ready for JSON."""
        return {
            "type": type(self).__name__,
            "status_code": self.status_code,
            "title": self.title,
            "description": self.description,
            "remedy": self.remedy,
            "message": self.message,
            "request_id": self.request_id,
            "provider_message": self.provider_message,
            "provider_code": self.provider_code,
            "origin": self.origin,
            "details": copy.deepcopy(self._details),
            "text": self.text,
            "truncated": self.truncated,
            "method": self.method,
            "url": self.url,
            "attempts": [attempt._asdict() for attempt in self.attempts],
            "stopped_by": self.stopped_by,
            "retry_after": self.retry_after,
            "retryable": self.retryable,
        }

    def __copy__(self) -> CloudElementsError:
        """Copy within the process, where *response* may stay as it is."""
        clone = type(self).__new__(type(self), *self.args)
        clone.args = self.args
        clone.__dict__.update(self.__dict__)
        return clone

    def __reduce_ex__(self, protocol: SupportsIndex = 4, /) -> tuple[Any, ...]:
        """Travel without secrets, the request's body, or more than 128 KiB."""
        import pickle  # noqa: PLC0415 - two milliseconds, which few programs need

        request = self.request
        redact = Redactor()
        if request is not None:
            redact = Redactor(request.headers, as_text(request.url or ""))
        state = self.__dict__ | {
            "response": _pack_response(self.response, redact),
            "request": _pack_request(request, redact),
        }
        for longest in (64 * 1024, 16 * 1024, 1024, 100, 40):
            packed = pickle.dumps((self.args, state), index(protocol))
            if len(packed) <= _MAX_PICKLE_BYTES:
                break
            # What the details say is in the text too.
            state |= {"_details": {}, "truncated": True}
            state = _shortened(state, longest)
        return type(self), self.args, state

    __reduce__ = __reduce_ex__

    def __setstate__(self, state: Any) -> None:
        """Take what `__reduce__` packed."""
        request = _unpack_request(state["request"])
        response = _unpack_response(state["response"], state["text"], request)
        self.__dict__.update(state | {"request": request, "response": response})


class BadRequestError(CloudElementsError):
    """400: the request lacks a parameter, or has a wrong one.

    Correct what the message names; the same request fails again.
    """

    status_code: Literal[400] = 400


class UnauthorizedError(CloudElementsError):
    """401: a user secret, organization secret or element token is invalid.

    Check them; if they are right, authenticate the element instance again.
    """

    status_code: Literal[401] = 401


class ForbiddenError(CloudElementsError):
    """403: the provider forbids access to the resource.

    The owner of the provider's account has to grant it.
    """

    status_code: Literal[403] = 403


class NotFoundError(CloudElementsError):
    """404: the resource does not exist, or a list of them is empty."""

    status_code: Literal[404] = 404

    @property
    def is_empty_result(self) -> bool:
        """Whether this is an empty list: the message reads "No … found".

        The platform answers so where it finds no users, say. "No account found
        with ID 123456" names one that was asked for, and is no empty list.
        """
        text = (self.message or "").strip()
        return re.fullmatch(r"No\s+\S.*\sfound\.?", text, re.IGNORECASE) is not None


class MethodNotAllowedError(CloudElementsError):
    """405: the path exists, but not for this HTTP verb."""

    status_code: Literal[405] = 405


class NotAcceptableError(CloudElementsError):
    """406: the answer's content type is not among those of ``Accept``."""

    status_code: Literal[406] = 406


class ConflictError(CloudElementsError):
    """409: the resource exists already.

    Also what a repeated POST may get whose first answer was lost.
    """

    status_code: Literal[409] = 409


class UnsupportedMediaTypeError(CloudElementsError):
    """415: the server cannot read a body of this ``Content-Type``."""

    status_code: Literal[415] = 415


class ServerError(CloudElementsError):
    """500: something went wrong on the Cloud Elements server.

    The default policy has retried it where that is safe: see *stopped_by*.
    """

    status_code: Literal[500] = 500


class FailedRequestError(CloudElementsError):
    """502: the endpoint provider was not able to perform the request.

    Often permanent, so read *provider_message* first. The default policy has
    retried it where that is safe: see *stopped_by*.
    """

    status_code: Literal[502] = 502


class UnlistedStatusError(CloudElementsError):
    """Any other status of 400 or more: 429, 503, a gateway's 504."""


_CLASSES: dict[int, type[CloudElementsError]] = {
    cls.status_code: cls for cls in CloudElementsError.__subclasses__()
}


def class_for(status_code: int) -> type[CloudElementsError] | None:
    """Return the class that is raised for a status; None below 400."""
    if status_code < FIRST_ERROR:
        return None
    return _CLASSES.get(status_code, UnlistedStatusError)


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
    """Build the error for a status of 400 or more, without secrets and with notes."""
    text = redact(payload.text, cut=payload.truncated)
    # Then what it says literally holds no secret either.
    is_clean = text == payload.text and "\\" not in text

    def clean(words: str | None) -> str | None:
        if words is None or (is_clean and words in text):
            return words
        return redact(words, cut=payload.truncated)

    error = _CLASSES.get(status_code, UnlistedStatusError)(
        status_code=status_code,
        title=None if status_code in _CLASSES else clean(reason),
        message=clean(payload.message),
        request_id=clean(payload.request_id),
        provider_message=clean(payload.provider_message),
        provider_code=clean(payload.provider_code),
        origin=payload.origin,
        details=redact.fields(payload.details, cut=payload.truncated),
        text=text,
        truncated=payload.truncated,
        method=method,
        url=None if url is None else redact(clean_url(url)),
        stopped_by=stopped_by,
        retry_after=payload.retry_after,
        response=response,
    )
    last = Attempt(
        len(earlier) + 1, status_code, error.request_id, error.provider_message
    )
    error.attempts = (*earlier, last)
    error.args = (_line(error),)
    for note in _notes(error):
        # Python 3.10 has no notes; a traceback there shows the line alone.
        getattr(error, "add_note", bool)(note)
    return error


def _line(error: CloudElementsError) -> str:
    """Say it all in one line: status, whose words, request id, and which call."""
    line = f"{error.status_code} {printable(error.title, _LINE_TEXT)}"
    words = error.message
    if error.origin == "unknown":
        words = words_of_page(error.text)
    if words and words != error.title:
        line += f": {printable(words, _LINE_TEXT)}"
    if error.provider_message:
        line += f" | provider: {printable(error.provider_message, _LINE_TEXT)}"
    if error.request_id:
        line += f" | request id: {printable(error.request_id, _LINE_TEXT)}"
    if error.attempts[1:]:
        line += f" | attempts: {len(error.attempts)}"
    call = f"{error.method or ''} {path_of(error.url or '')}".strip()
    if call:
        line += f" | {printable(call, _LINE_TEXT)}"
    return line


def words_of_page(text: str) -> str:
    """Return a gateway's page in one line, without its tags."""
    return " ".join(re.sub(r"<[^<>]*>", " ", text).split())


def _notes(error: CloudElementsError) -> list[str]:
    """Return what the traceback adds: what to do, and what was tried."""
    notes = [error.remedy]
    stopped = why_stopped(error)
    # That a 409 is not tried again surprises nobody.
    if stopped is not None and (error.stopped_by != "status" or error.attempts[1:]):
        notes.append(stopped)
    if len(error.attempts) > 1:
        notes += [attempt_line(attempt) for attempt in error.attempts]
    return notes


def why_stopped(error: CloudElementsError) -> str | None:
    """Say in words why there was no further attempt; None if nobody decided."""
    if error.stopped_by is None:
        return None
    times = f"{len(error.attempts)} times" if len(error.attempts) > 1 else "once"
    why = _STOPPED_BY[error.stopped_by].format(
        method=error.method, seconds=f"{error.retry_after or 0:g}"
    )
    return f"Tried {times}, and not again: {why}."


def attempt_line(attempt: Attempt) -> str:
    """Describe an attempt in one line, for a note."""
    what = printable(attempt.error or str(attempt.status_code), _LINE_TEXT)
    if attempt.provider_message:
        what += f" | provider: {printable(attempt.provider_message, _LINE_TEXT)}"
    if attempt.request_id:
        what += f" | request id: {printable(attempt.request_id, _LINE_TEXT)}"
    if attempt.waited:
        what += f" | waited {attempt.waited:.2f} s"
    return f"  attempt {attempt.number}: {what}"


def _pack_request(
    request: requests.Request | requests.PreparedRequest | None, redact: Redactor
) -> dict[str, Any] | None:
    if request is None:
        return None
    return {
        "method": request.method,
        "url": redact(clean_url(as_text(request.url or ""))),
        "headers": redact.headers(request.headers),
    }


def _unpack_request(state: dict[str, Any] | None) -> requests.PreparedRequest | None:
    if state is None:
        return None
    request = requests.PreparedRequest()
    request.method = state["method"]
    request.url = state["url"]
    request.headers = CaseInsensitiveDict(state["headers"])
    return request


def _pack_response(
    response: requests.Response | None, redact: Redactor
) -> dict[str, Any] | None:
    if response is None:
        return None
    return {
        "status_code": response.status_code,
        "reason": redact(as_text(response.reason or "")),
        "url": redact(clean_url(response.url or "")),
        "headers": redact.headers(response.headers),
        "elapsed": response.elapsed,
    }


def _unpack_response(
    state: dict[str, Any] | None, text: str, request: requests.PreparedRequest | None
) -> requests.Response | None:
    if state is None:
        return None
    response = requests.Response()
    # The one way to give a Response its content, which is the redacted text.
    response.__setstate__({"_content": text.encode("utf-8", "replace"), **state})
    response.headers = CaseInsensitiveDict(state["headers"])
    response.encoding = "utf-8"
    if request is not None:
        response.request = request
    return response


def _shortened(value: Any, longest: int) -> Any:
    """Return a copy of the value with every longer string in it cut."""
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, dict):
        return {
            _shortened(key, longest): _shortened(item, longest)
            for key, item in value.items()
        }
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_shortened(item, longest) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_shortened(item, longest) for item in value)
    return value
