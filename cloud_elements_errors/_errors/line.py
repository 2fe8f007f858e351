"""Text for people: the line and the notes of an error, the log line of a retry."""

from typing import TYPE_CHECKING, get_args

from .. import _table, _urls
from .payload import Attempt, Refusal, StopReason
from .words import LINE_TEXT, readable, unsaid

if TYPE_CHECKING:
    from .base import CloudElementsError

STOPPED_BY: dict[StopReason, str] = {
    "status": "the policy does not retry this status",
    "method": "the policy does not retry {method}",
    "body": "the request body cannot be sent a second time",
    "attempts": "no retries left",
    "certificate": "a certificate was refused, the server's or yours",
    "deadline": "the next attempt would start after the time limit for retries",
    "budget": "the retry budget is too low, as too many requests to this host failed",
    "retry_after": "the server asks to wait{seconds} longer than the policy allows",
}

_WRITES = {"POST", "PATCH", "PUT", "DELETE"}
# If a write had worked before, its repetition fails with one of these statuses.
_IF_DONE = {404: {"DELETE"}, 409: _WRITES, 410: {"DELETE"}, 412: _WRITES}
_MAY_BE_DONE = "An earlier attempt may have done this already, although it failed."


def printable(text: str, limit: int | None = None) -> str:
    """Escape characters that could move the cursor or reverse the text."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def error_line(error: "CloudElementsError") -> str:
    """Return the line that ``str()`` shows."""
    provider = error.provider_message or ""
    attempts, stopped_by = len(error.attempts), error.stopped_by
    return _line(
        f"{error.status_code} {printable(error.title, LINE_TEXT)}",
        unsaid(error._said, error.status_code, error.title, provider),
        ("provider: ", readable(provider)),
        ("code: ", error.provider_code),
        ("request id: ", error.request_id),
        ("attempts: ", str(attempts) if attempts > 1 else None),
        # That no retries are left is clear from the attempts, and the method is shown.
        ("stopped by: ", stopped_by if stopped_by in get_args(Refusal) else None),
        ("", f"{error.method or ''} {_urls.path_of(error.url or '')}".strip()),
    )


def attempt_line(attempt: Attempt) -> str:
    """Return the line of one attempt, for a note."""
    what = printable(attempt.error or str(attempt.status_code), LINE_TEXT)
    provider = readable(attempt.provider_message or "")
    return _line(
        f"  attempt {attempt.number}: {what}",
        "" if provider else unsaid(attempt._said, attempt.status_code),
        ("provider: ", provider),
        ("request id: ", attempt.request_id),
        ("", f"waited {attempt.waited:.2f} s" if attempt.waited else None),
    )


def _line(start: str, words: str, *parts: tuple[str, str | None]) -> str:
    """Join the start, the words, and the parts that have a text."""
    start += f": {printable(words, LINE_TEXT)}" if words else ""
    shown = [f"{name}{printable(text, LINE_TEXT)}" for name, text in parts if text]
    return " | ".join([start, *shown])


def error_notes(error: "CloudElementsError") -> list[str]:
    """Return the notes: the remedy, why it stopped, and the attempts."""
    notes, attempts, stopped_by = [error.remedy], error.attempts, error.stopped_by
    stopped = why_stopped(attempts, stopped_by, error.method, error.retry_after)
    # Nobody expects a retry after a 409, so its note would only be noise.
    if stopped is not None and (stopped_by != "status" or len(attempts) > 1):
        notes.append(stopped)
    unclear = any(map(_may_be_done, attempts[:-1]))
    if unclear and (error.method or "").upper() in _IF_DONE.get(error.status_code, ()):
        notes.append(_MAY_BE_DONE)
    if len(attempts) > 1:
        notes += map(attempt_line, attempts)
    return notes


def _may_be_done(one: Attempt) -> bool:
    """Say whether a failed attempt may have done its work."""
    return one._may_have_arrived or (one.status_code or 0) >= _table.FIRST_SERVER_ERROR


def network_note(
    attempts: tuple[Attempt, ...], stopped_by: StopReason | None, method: str | None
) -> str | None:
    """Return the note of a network failure; None if there is nothing to add."""
    title = why_stopped(attempts, stopped_by, method) or "Earlier attempts:"
    # If the policy was asked, the last attempt is the failure itself.
    if stopped_by is not None and len(attempts) == 1:
        return None if stopped_by == "attempts" else title
    return "\n".join([title, *map(attempt_line, attempts)]) if attempts else None


def why_stopped(
    attempts: tuple[Attempt, ...],
    stopped_by: StopReason | None,
    method: str | None,
    retry_after: float | None = None,
) -> str | None:
    """Say why there was no further attempt; None without a CloudElementsRetry."""
    if stopped_by is None:
        return None
    why = STOPPED_BY[stopped_by]
    status_code = attempts[-1].status_code if attempts else 0
    # RFC 9110, and RFC 5789 for PATCH. With 413 and 429, the server has done nothing.
    is_unsafe = (method or "").upper() in {"POST", "PATCH"}
    if stopped_by == "method" and is_unsafe and status_code not in {413, 429}:
        why = "a repeated {method} could do its work twice"
    if stopped_by == "status" and status_code is None:
        why = "the proxy refused the request, and would refuse it again"
    seconds = "" if retry_after is None else f" {_table.in_full(retry_after)} s,"
    why = why.format(method=method, seconds=seconds)
    start = f"Gave up after {len(attempts)} attempts" if attempts[1:] else "Not retried"
    return f"{start}: {why}."
