"""Text for people: the line and the notes of an error, the log line of a retry."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING

from .._table import FIRST_SERVER_ERROR
from .._urls import path_of
from .words import readable, unsaid

if TYPE_CHECKING:
    from .base import CloudElementsError
    from .payload import Attempt, StopReason

LINE_TEXT = 500
"""The longest text within a line. Attributes and log records have the whole text."""

STOPPED_BY: dict[StopReason, str] = {
    "status": "the policy does not retry this status",
    "method": "a repeated {method} could do its work twice",
    "body": "the request body cannot be sent a second time",
    "attempts": "no retries left",
    "certificate": "the server's certificate was refused",
    "deadline": "the next attempt would start after the time limit for retries",
    "budget": "the retry budget has too few tokens left, because too many requests to "
    "this host failed",
    "retry_after": "the server asks to wait {seconds} s, longer than the policy allows",
}

# The reasons that are in the line: a retry was wanted, and refused. That no retries
# are left is clear from the attempts, and a method is in the line itself.
_REFUSALS = frozenset({"body", "certificate", "deadline", "budget", "retry_after"})

# RFC 9110, and RFC 5789 for PATCH.
_NOT_IDEMPOTENT = frozenset({"POST", "PATCH"})
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})

# The server has done nothing: 413 and 429 refuse the request.
_REFUSED = frozenset({413, 429})


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


def words_shown(
    said: tuple[str, str],
    status_code: int | None,
    title: str = "",
    provider_message: str | None = None,
) -> str:
    """Return the words of a response that are not in its status and title.

    *said* has those of the body and, if the body has none, those of its head.
    """
    status, phrase = str(status_code), responses.get(status_code or 0, "")
    of_body, of_head = said
    words = unsaid(of_body, status, title, provider=provider_message)
    return printable(words or unsaid(of_head, status, title, phrase), LINE_TEXT)


def error_line(error: CloudElementsError) -> str:
    """Return the line that ``str()`` shows."""
    line = f"{error.status_code} {printable(error.title, LINE_TEXT)}"
    words = words_shown(
        error._said, error.status_code, error.title, error.provider_message
    )
    if words:
        line += f": {words}"
    attempts, stopped_by = len(error.attempts), error.stopped_by
    return line + _parts(
        ("provider: ", readable(error.provider_message or "")),
        ("code: ", error.provider_code),
        ("request id: ", error.request_id),
        ("attempts: ", str(attempts) if attempts > 1 else None),
        ("stopped by: ", stopped_by if stopped_by in _REFUSALS else None),
        ("", f"{error.method or ''} {path_of(error.url or '')}".strip()),
    )


def _parts(*parts: tuple[str, str | None]) -> str:
    """Join the names and texts, those with a text."""
    return "".join(
        f" | {name}{printable(text, LINE_TEXT)}" for name, text in parts if text
    )


def error_notes(error: CloudElementsError) -> list[str]:
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


def _may_be_done(error: CloudElementsError) -> bool:
    """Say whether a repeated write may have failed because it had worked before."""
    method = (error.method or "").upper()
    # A network failure may have sent nothing, such as a refused connection.
    statuses = [past.status_code or 0 for past in error.attempts[:-1]]
    unclear = any(status >= FIRST_SERVER_ERROR for status in statuses)
    gone = method == "DELETE" and error.status_code in {404, 410}
    return unclear and (gone or (method in _WRITES and error.status_code in {409, 412}))


def why_stopped(error: CloudElementsError) -> str | None:
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
    line = f"  attempt {attempt.number}: "
    line += printable(attempt.error or str(attempt.status_code), LINE_TEXT)
    words = words_shown(attempt._said, attempt.status_code)
    if words and not attempt.provider_message:
        line += f": {words}"
    return line + _parts(
        ("provider: ", readable(attempt.provider_message or "")),
        ("request id: ", attempt.request_id),
        ("", f"waited {attempt.waited:.2f} s" if attempt.waited else None),
    )
