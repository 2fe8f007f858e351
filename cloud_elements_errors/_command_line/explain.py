"""The command ``explain``: what a status or a saved response means, and what to do."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentTypeError, Namespace
from datetime import datetime, timezone
from http.client import responses
from pathlib import Path
from typing import Any

from .._errors.build import error_from_parts
from .._errors.line import printable
from .._errors.payload import WARNING_HEADER
from .._errors.words import LINE_TEXT, unsaid
from .._retries.policy import CloudElementsRetry
from .._table import FIRST_ERROR, NORMALIZED_ERRORS, NormalizedError
from .curl import MAX_BYTES, Headers, header, read_curl
from .terminal import Printer

_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH")

# An ObjectId: the first 8 of its 24 hex digits are the time, in Unix seconds.
_OBJECT_ID = re.compile(r"([0-9a-f]{8})[0-9a-f]{16}", re.IGNORECASE)


class UsageError(Exception):
    """What to explain is not a status, or cannot be read."""


def status_code(text: str) -> int:
    """Return the status that an argument names."""
    if re.fullmatch("[1-9][0-9]{2}", text) is None:
        raise ArgumentTypeError(f"{text!r} is not a status from 100 to 999")
    return int(text)


def explain(arguments: Namespace, printer: Printer) -> None:
    """Show what the status or the saved response means."""
    said = _meaning_of(arguments)
    if arguments.json:
        printer.json(said)
    else:
        show(said, printer)


def _meaning_of(arguments: Namespace) -> dict[str, Any]:
    if not arguments.curl and arguments.status is None:
        try:
            return meaning(status_code(arguments.what))
        except ArgumentTypeError as error:
            raise UsageError(f"{error}. For a file, add --status or --curl") from None
    try:
        content = _content(arguments.what)
        parts = read_curl(content) if arguments.curl else (arguments.status, content)
    except (OSError, ValueError) as error:
        raise UsageError(printable(f"cannot read {arguments.what}: {error}")) from None
    return meaning(*parts)


def _content(what: str) -> bytes:
    if what != "-":
        with Path(what).open("rb") as file:
            return file.read(MAX_BYTES)
    if sys.stdin is None:  # after <&- in a shell
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read(MAX_BYTES)


def meaning(
    status: int, body: bytes = b"", headers: Headers | None = None, reason: str = ""
) -> dict[str, Any]:
    """Return what a response means, ready for JSON."""
    warning = header(headers or [], WARNING_HEADER)
    in_head = {"reason": reason or None, "warning": warning}
    error = error_from_parts(status, body, headers, reason=reason)
    if error is None:
        remedy = f"Nothing to do: statuses below {FIRST_ERROR} never raise."
        no_error = NormalizedError(status, "No error", "", remedy)
        row = NORMALIZED_ERRORS.get(status, no_error)
        if warning:
            row = row._replace(remedy="Read the warning. The response is no error.")
        return {"type": None, **row._asdict(), **in_head}
    policy, wait = CloudElementsRetry(), error.retry_after
    is_short = (wait or 0) <= policy.retry_after_max
    return {
        **error.to_dict(),
        **in_head,
        "words": printable(
            unsaid(error._said, status, error.title, error.provider_message or ""),
            LINE_TEXT,
        ),
        "origin": error.origin if body else None,
        "requested_at": _requested_at(error.request_id),
        "retried_methods": [
            method
            for method in _METHODS
            if is_short and policy.is_retry(method, status, wait is not None)
        ],
        "needs_retry_after": wait is None and status in policy.RETRY_AFTER_STATUS_CODES,
        "log": f"GET /usage/{error.request_id}" if error.request_id else None,
    }


def show(said: dict[str, Any], printer: Printer) -> None:
    """Print a meaning."""
    printer.title(f"{said['status_code']} {printable(said['title'])}")
    if said["reason"] in {said["title"], responses.get(said["status_code"])}:
        said = {**said, "reason": None}
    for label, key in (
        ("exception", "type"),
        ("meaning", "description"),
        ("reason", "reason"),
        ("warning", "warning"),
        ("message", "message"),
        ("provider", "provider_message"),
        ("code", "provider_code"),
        ("written by", "origin"),
        ("request id", "request_id"),
        ("requested", "requested_at"),
        ("log at", "log"),
        ("retry after", "retry_after"),
    ):
        if str(said.get(key) or "").strip():
            unit = " seconds" if key == "retry_after" else ""
            printer.field(label, printable(f"{said[key]}{unit}"))
    if said.get("details"):
        details = json.dumps(said["details"], ensure_ascii=False)
        printer.field("details", printable(details))
    in_fields = {said.get("message"), said["reason"], said["warning"]}
    if said.get("words") and said["words"] not in in_fields:
        printer.field("words", said["words"])
    if "retried_methods" in said:
        retried = " ".join(said["retried_methods"]) or "no method"
        if said["needs_retry_after"]:
            retried = "only with a valid Retry-After header"
        printer.field("retried", f"{retried}, by default")
    printer.field("what to do", said["remedy"])


def _requested_at(request_id: str | None) -> str | None:
    match = _OBJECT_ID.fullmatch(request_id or "")
    if match is None:
        return None
    return datetime.fromtimestamp(int(match[1], 16), timezone.utc).isoformat()
