"""What a status or a saved response means, for the command line."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from .._errors.build import error_from_parts
from .._errors.line import words_shown
from .._retries.policy import CloudElementsRetry
from .._table import FIRST_ERROR, NORMALIZED_ERRORS, NormalizedError

Headers = list[tuple[str, str]]

_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH")

# A status line, and the header lines after it.
_HEAD = re.compile(
    rb"HTTP/[\d.]+ +([1-9]\d{2})(?!\d)([^\n]*)\n((?:[^\r\n][^\n]*\n)*)(?:\r?\n|\Z)"
)
# Interim responses, redirects, and requests for credentials.
_ANOTHER_FOLLOWS = {*range(100, 200), *range(300, 400), 401, 407}

# An ObjectId: the first 8 of its 24 hex digits are the time, in Unix seconds.
_OBJECT_ID = re.compile(r"([0-9a-f]{8})[0-9a-f]{16}", re.IGNORECASE)


def read_curl(output: bytes) -> tuple[int, bytes, Headers, str]:
    """Split the output of ``curl -i`` into status, body, headers and reason.

    After redirects or a proxy there are several heads. The last one counts.

    Raises:
        ValueError: If the output does not begin with a status line.

    """
    status_code = 0
    start, reason, head = 0, b"", b""
    while match := _HEAD.match(output, start):
        status_code, start = int(match[1]), match.end()
        reason, head = match[2], match[3]
        if not (status_code in _ANOTHER_FOLLOWS or b"established" in match[0].lower()):
            break
    if not status_code:
        raise ValueError(
            "it does not begin with a status line; save the output of 'curl -i'"
        )
    lines = head.decode("latin-1").splitlines()
    headers = [
        (name.strip(), value.strip())
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    ]
    return status_code, output[start:], headers, reason.decode("latin-1").strip()


def explain(
    status_code: int,
    body: bytes = b"",
    headers: Headers | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Return what a response means, ready for JSON."""
    error = error_from_parts(status_code, body, headers, reason=reason)
    if error is None:
        remedy = f"Nothing to do: statuses below {FIRST_ERROR} never raise."
        no_error = NormalizedError(status_code, "No error", "", remedy)
        return {
            "type": None,
            **NORMALIZED_ERRORS.get(status_code, no_error)._asdict(),
        }
    policy, wait = CloudElementsRetry(), error.retry_after
    is_short = (wait or 0) <= policy.retry_after_max
    return {
        **error.to_dict(),
        "words": words_shown(
            error._said, status_code, error.title, error.provider_message
        ),
        "origin": error.origin if body else None,
        "requested_at": _requested_at(error.request_id),
        "retried_methods": [
            method
            for method in _METHODS
            if is_short and policy.is_retry(method, status_code, wait is not None)
        ],
        "needs_retry_after": wait is None
        and status_code in policy.RETRY_AFTER_STATUS_CODES,
        "log": f"GET /usage/{error.request_id}" if error.request_id else None,
    }


def _requested_at(request_id: str | None) -> str | None:
    match = _OBJECT_ID.fullmatch(request_id or "")
    if match is None:
        return None
    return datetime.fromtimestamp(int(match[1], 16), timezone.utc).isoformat()
