"""Explain an answer that was saved: what ``explain`` of the command line says."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from ._codes import FIRST_ERROR, NORMALIZED_ERRORS
from ._hook import error_from_parts
from ._retry import CloudElementsRetry

Headers = list[tuple[str, str]]

_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH")

# An ObjectId: the first 8 of its 24 hex digits are the time, in Unix seconds.
_OBJECT_ID = re.compile(r"([0-9a-f]{8})[0-9a-f]{16}", re.IGNORECASE)


def read_curl(answer: bytes) -> tuple[int, Headers, bytes]:
    """Take apart what ``curl -i`` has printed: status, headers and body.

    There may be several heads, of redirects or of a proxy: the last one counts.

    Raises:
        ValueError: If it does not begin with a status line.

    """
    status_code: int | None = None
    headers: Headers = []
    while match := re.match(rb"HTTP/[\d.]+ +(\d{3})[^\n]*\n", answer):
        status_code = int(match[1])
        head, _, answer = answer.replace(b"\r\n", b"\n").partition(b"\n\n")
        lines = head.decode("latin-1").split("\n")[1:]
        headers = [
            (name.strip(), value.strip())
            for name, colon, value in (line.partition(":") for line in lines)
            if colon
        ]
    if status_code is None:
        raise ValueError("it does not begin with a status line: was it 'curl -i'?")
    return status_code, headers, answer


def explain(
    status_code: int, body: bytes = b"", headers: Headers | None = None
) -> dict[str, Any]:
    """Return what there is to say of an answer, ready for JSON."""
    error = error_from_parts(status_code, body, headers)
    if error is None:
        row = NORMALIZED_ERRORS.get(status_code)
        return {
            "type": None,
            "status_code": status_code,
            "title": row.title if row else "No error",
            "remedy": row.remedy if row else f"Below {FIRST_ERROR}, nothing is raised.",
        }
    return {
        **error.to_dict(),
        "origin": error.origin if body else None,
        "requested_at": _requested_at(error.request_id),
        "retried_methods": retried_methods(
            status_code, asked_to_wait=error.retry_after is not None
        ),
        "log": f"GET /usage/{error.request_id}" if error.request_id else None,
    }


def retried_methods(status_code: int, *, asked_to_wait: bool = False) -> list[str]:
    """Return the methods for which the default policy retries a status."""
    policy = CloudElementsRetry()
    return [
        method
        for method in _METHODS
        if policy.is_retry(method, status_code, asked_to_wait)
    ]


def _requested_at(request_id: str | None) -> str | None:
    match = _OBJECT_ID.fullmatch(request_id or "")
    if match is None:
        return None
    return datetime.fromtimestamp(int(match[1], 16), timezone.utc).isoformat()
