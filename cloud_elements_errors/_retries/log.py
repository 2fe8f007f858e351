"""The log of the retries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .._errors.line import printable

if TYPE_CHECKING:
    from .._errors.payload import Attempt

logger = logging.getLogger("cloud_elements_errors")
logger.addHandler(logging.NullHandler())

# The longest text within a line. The fields of the record have the whole words.
_LINE_TEXT = 500


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
    words = attempt.provider_message and printable(attempt.provider_message)
    failure = attempt.error and printable(attempt.error)
    what = str(attempt.status_code or printable(failure or "a failure", _LINE_TEXT))
    if words:
        what += f" ({printable(words, _LINE_TEXT)})"
    # As arguments, and not as "extra": a key of "extra" that the application's own
    # log record factory uses too is a KeyError.
    fields = {
        "method": method,
        "path": printable(path, _LINE_TEXT),
        "status_code": attempt.status_code,
        "request_id": attempt.request_id and printable(attempt.request_id),
        "provider_message": words,
        "error": failure,
        "attempt": attempt.number + 1,
        "max_attempts": most,
        "wait": wait,
        "what": what,
        "of": "" if most is None else f" of {most}",
    }
    logger.warning(
        "Retrying %(method)s %(path)s after %(what)s: "
        "attempt %(attempt)d%(of)s in %(wait).2f s",
        fields,
    )
