"""Text for people: the line and the notes of an error, the log line of a retry."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Protocol

from .._urls import path_of

if TYPE_CHECKING:
    from .payload import Attempt, Origin, StopReason

logger = logging.getLogger("cloud_elements_errors")

# The longest text within a line. Attributes and log records have the whole text.
_LINE_TEXT = 500

STOPPED_BY: dict[StopReason, str] = {
    "status": "the policy does not retry this status",
    "method": "a repeated {method} could do its work twice",
    "body": "the request body cannot be sent a second time",
    "attempts": "no retries left",
    "certificate": "the server's certificate was refused",
    "deadline": "the next attempt would start after the time limit for retries",
    "budget": "the retry budget has too few tokens left, because too many requests to "
    "this host failed in the last seconds",
    "retry_after": "the server asks to wait {seconds} s, longer than the policy allows",
}

# RFC 9110, and RFC 5789 for PATCH.
_NOT_IDEMPOTENT = frozenset({"POST", "PATCH"})
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})

# The server has done nothing: 413 and 429 refuse the request.
_REFUSED = frozenset({413, 429})


class Failure(Protocol):
    """The attributes of a `CloudElementsError` that are shown."""

    status_code: int
    message: str | None
    request_id: str | None
    provider_message: str | None
    origin: Origin
    text: str
    method: str | None
    url: str | None
    attempts: tuple[Attempt, ...]
    stopped_by: StopReason | None
    retry_after: float | None

    @property
    def title(self) -> str: ...

    @property
    def remedy(self) -> str: ...


def printable(text: str, limit: int | None = None) -> str:
    """Escape characters that could move the cursor or reverse the text."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def error_line(error: Failure) -> str:
    """Return the line that ``str()`` shows."""
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
    """Return the text of an HTML page in one line."""
    return " ".join(re.sub(r"<[^<>]*>", " ", text).split())


def error_notes(error: Failure) -> list[str]:
    """Return the notes: the remedy, why it stopped, and the attempts."""
    notes = [error.remedy]
    stopped = why_stopped(error)
    # Nobody expects a retry after a 409, so its note would only be noise.
    if stopped is not None and (error.stopped_by != "status" or error.attempts[1:]):
        notes.append(stopped)
    if _may_be_done(error):
        notes.append(
            "An earlier attempt may have done this already, although it failed."
        )
    if len(error.attempts) > 1:
        notes += [attempt_line(attempt) for attempt in error.attempts]
    return notes


def _may_be_done(error: Failure) -> bool:
    """Say whether a repeated write may have failed because it had worked before."""
    method = (error.method or "").upper()
    unclear = any(
        past.status_code is None or past.status_code >= 500  # noqa: PLR2004
        for past in error.attempts[:-1]
    )
    gone = method == "DELETE" and error.status_code in {404, 410}
    return unclear and (gone or (method in _WRITES and error.status_code in {409, 412}))


def why_stopped(error: Failure) -> str | None:
    """Say why there was no further attempt; None without a CloudElementsRetry."""
    if error.stopped_by is None:
        return None
    return _why(error.stopped_by, error.attempts, error.method, error.retry_after)


def network_note(
    attempts: tuple[Attempt, ...], stopped_by: StopReason | None, method: str | None
) -> str | None:
    """Return the note of a network failure; None if there is nothing to add."""
    # If the policy was asked, the last attempt is the failure itself.
    shown = () if stopped_by is not None and len(attempts) == 1 else attempts
    if stopped_by not in {None, "attempts"}:
        title = _why(stopped_by, attempts, method)
    elif not shown:
        return None
    elif stopped_by is None:
        title = "Earlier attempts:"
    else:
        title = f"Gave up after {len(attempts)} attempts."
    return "\n".join([title, *map(attempt_line, shown)])


def _why(
    stopped_by: StopReason,
    attempts: tuple[Attempt, ...],
    method: str | None,
    retry_after: float | None = None,
) -> str:
    why = STOPPED_BY[stopped_by]
    status_code = attempts[-1].status_code if attempts else 0
    if stopped_by == "method" and (
        (method or "").upper() not in _NOT_IDEMPOTENT or status_code in _REFUSED
    ):
        why = "the policy does not retry {method}"
    if stopped_by == "status" and status_code is None:
        why = "the proxy refused the request, and would refuse it again"
    if stopped_by == "retry_after" and retry_after is None:
        why = "the server asks for a longer wait than the policy allows"
    why = why.format(method=method, seconds=f"{retry_after or 0:g}")
    if len(attempts) <= 1:
        return f"Not retried: {why}."
    return f"Gave up after {len(attempts)} attempts: {why}."


def attempt_line(attempt: Attempt) -> str:
    """Return the line of one attempt, for a note."""
    what = printable(attempt.error or str(attempt.status_code), _LINE_TEXT)
    if attempt.provider_message:
        what += f" | provider: {printable(attempt.provider_message, _LINE_TEXT)}"
    if attempt.request_id:
        what += f" | request id: {printable(attempt.request_id, _LINE_TEXT)}"
    if attempt.waited:
        what += f" | waited {attempt.waited:.2f} s"
    return f"  attempt {attempt.number}: {what}"
