"""The log of the retries."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._errors.line import LINE_TEXT, printable
from .._errors.words import readable, unsaid
from .._log import log, logger

if TYPE_CHECKING:
    from .._errors.payload import Attempt

_LINE = (
    "Retrying %(method)s %(path)s after %(what)s: "
    "attempt %(attempt)d%(of)s in %(wait).2f s"
)


def _set_fields(record: logging.LogRecord) -> bool:
    """Give the record of a retry its fields as attributes, as "extra" would.

    An attribute that the application's own log record factory has set stays. For that,
    "extra" raises a KeyError.
    """
    if record.msg is _LINE and isinstance(record.args, Mapping):
        for name, value in record.args.items():
            record.__dict__.setdefault(name, value)
    return True


logger.addFilter(_set_fields)


def log_retry(
    attempt: Attempt, method: str | None, path: str, most: int | None, wait: float
) -> None:
    """Log that a retry follows this attempt.

    Args:
        attempt: The failed attempt.
        method: The method of the request.
        path: The path of its URL, without secrets.
        most: How many attempts there can be; None if that is not known.
        wait: The seconds until the retry.

    """
    words = readable(attempt.provider_message or "") or unsaid(
        attempt._said, attempt.status_code
    )
    failure = attempt.error and printable(attempt.error)
    what = str(attempt.status_code or printable(failure or "a failure", LINE_TEXT))
    if words:
        what += f" ({printable(words, LINE_TEXT)})"
    fields = {
        "method": method,
        "path": printable(path, LINE_TEXT),
        "status_code": attempt.status_code,
        "request_id": attempt.request_id and printable(attempt.request_id),
        "provider_message": attempt.provider_message
        and printable(attempt.provider_message),
        "error": failure,
        "attempt": attempt.number + 1,
        "max_attempts": most,
        "wait": wait,
        "what": what,
        "of": "" if most is None else f" of {most}",
    }
    log(logging.WARNING, _LINE, fields)
