"""What a person reads: the line, the notes, the attempts, the line of the log."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Protocol

from ._urls import path_of

if TYPE_CHECKING:
    from ._payload import Attempt, Origin, StopReason

logger = logging.getLogger("cloud_elements_errors")

# How much of each text goes into a line; attributes and log records have all of it.
_LINE_TEXT = 500

STOPPED_BY: dict[StopReason, str] = {
    "status": "the policy does not retry this status",
    "method": "a repeated {method} could do its work twice",
    "body": "the request body cannot be sent a second time",
    "attempts": "no retries left",
    "deadline": "the time limit for retries is over",
    "budget": "the retry budget is empty, because too few requests succeeded in the "
    "last seconds",
    "retry_after": "the server asks to wait {seconds} s, longer than the policy allows",
}


class Failure(Protocol):
    """What is shown of a `CloudElementsError`."""

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
    """Escape what could move a cursor, start a line or reverse the reading."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def error_line(error: Failure) -> str:
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


def error_notes(error: Failure) -> list[str]:
    """Return what the traceback adds: what to do, and what was tried."""
    notes = [error.remedy]
    stopped = why_stopped(error)
    # That a 409 is not tried again surprises nobody.
    if stopped is not None and (error.stopped_by != "status" or error.attempts[1:]):
        notes.append(stopped)
    if len(error.attempts) > 1:
        notes += [attempt_line(attempt) for attempt in error.attempts]
    return notes


def why_stopped(error: Failure) -> str | None:
    """Say in words why there was no further attempt; None if no policy decided."""
    if error.stopped_by is None:
        return None
    why = STOPPED_BY[error.stopped_by].format(
        method=error.method, seconds=f"{error.retry_after or 0:g}"
    )
    attempts = len(error.attempts)
    if attempts == 1:
        return f"Not retried: {why}."
    return f"Gave up after {attempts} attempts: {why}."


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


def log_retry(
    attempt: Attempt, method: str | None, path: str, most: int | None
) -> None:
    words = attempt.provider_message and printable(attempt.provider_message)
    failure = attempt.error and printable(attempt.error)
    logger.warning(
        "Retrying %s %s after %s%s: attempt %d%s in %.2f s",
        method,
        printable(path, _LINE_TEXT),
        attempt.status_code or printable(failure or "a failure", _LINE_TEXT),
        f" ({printable(words, _LINE_TEXT)})" if words else "",
        attempt.number + 1,
        "" if most is None else f" of {most}",
        attempt.waited,
        extra={
            "method": method,
            "path": printable(path),
            "status_code": attempt.status_code,
            "request_id": attempt.request_id and printable(attempt.request_id),
            "provider_message": words,
            "error": failure,
            "attempt": attempt.number + 1,
            "max_attempts": most,
            "wait": attempt.waited,
        },
    )
