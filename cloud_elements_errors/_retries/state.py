"""The state of one request, from its first attempt to its last."""

import logging
import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from urllib3.exceptions import ConnectTimeoutError, ProxyError
from urllib3.response import BaseHTTPResponse

from .. import _log, _urls
from .._errors import words
from .._errors.line import printable
from .._errors.payload import Attempt, ErrorPayload, StopReason
from .._errors.redaction import Redactor
from .budget import RetryBudget

# What a failed attempt got: a response or an exception; None if it is not known.
Result: TypeAlias = "BaseHTTPResponse | Exception | None"

# All others are responses: those of mocks, such as vcrpy, have a class of their own.
NO_RESPONSE = (Exception, type(None))

_LINE = "Retrying %(method)s %(path)s after %(what)s: %(next)s in %(wait).2f s"


def _set_fields(record: logging.LogRecord) -> bool:
    """Give the record of a retry its fields as attributes, as "extra" would.

    An attribute that the application's own log record factory has set stays. For that,
    "extra" raises a KeyError.
    """
    if isinstance(record.args, Mapping):
        record.__dict__ = {**record.args, **record.__dict__}
    return True


_log.logger.addFilter(_set_fields)


class RequestState:
    """The body, the secrets, the attempts and the deadline of one request."""

    attempts: tuple[Attempt, ...] = ()
    deadline: float = math.inf
    stopped_by: StopReason | None = None
    # The budget that has paid for the latest retry, until that has an answer.
    paid_by: RetryBudget | None = None
    # When the next retry starts, as ``time.monotonic()`` counts.
    retry_at: float = 0.0

    def __init__(self, body: Any = None, headers: Any = None, *urls: Any) -> None:
        self.body = body
        self.urls = urls
        self.redact: Redactor = Redactor(headers, *urls)

    def refund(self) -> None:
        """Give back the token of the latest retry: it worked, or was never sent."""
        if self.paid_by is not None:
            self.paid_by.refund()
            self.paid_by = None

    def __enter__(self) -> None:
        """Begin a block that must end well, or the latest retry is not sent."""

    def __exit__(self, kind: object, *_: object) -> None:
        """Give back the token if anything ends the block: the retry is not sent."""
        if kind is not None:
            self.refund()

    def attempt(self, result: Result, waited: float = 0, body: Any = None) -> Attempt:
        """Return the record of an attempt: its result, and its body if it was read."""
        number = len(self.attempts) + 1
        if isinstance(result, NO_RESPONSE):
            # Without the name of urllib3's pool.
            text = re.sub(r"^\w+\(.*?\): ", "", str(result or ""))
            attempt = Attempt(number, error=self.redact(text), waited=waited)
            attempt._may_have_arrived = may_have_arrived(result)
            return attempt
        if body is None:
            return Attempt(number, result.status)
        content, whole, _ = body
        payload = ErrorPayload(result.headers, content, self.redact, cut=not whole)
        known = (number, result.status, payload.request_id, payload.provider_message)
        attempt = Attempt(*known, waited=waited)
        attempt._said = payload.said(result.reason)
        return attempt

    def log_retry(self, method: str | None, url: str | None, most: int | None) -> None:
        """Log that a retry follows the latest attempt.

        Args:
            method: The method of the request.
            url: Its URL. The log has the path, without secrets.
            most: How many attempts there can be; None if that is not known.

        """
        number, status_code, request_id, provider, error, _ = failed = self.attempts[-1]
        what = str(status_code or printable(error or "a failure", words.LINE_TEXT))
        said = words.readable(provider or "") or words.unsaid(failed._said, status_code)
        what += f" ({printable(said, words.LINE_TEXT)})" if said else ""
        fields = {
            "method": method,
            "path": printable(self.redact(_urls.path_of(url or "")), words.LINE_TEXT),
            "status_code": status_code,
            "request_id": request_id and printable(request_id),
            "provider_message": provider and printable(provider),
            "error": error and printable(error),
            "attempt": number + 1,
            "max_attempts": most,
            "wait": max(0.0, self.retry_at - time.monotonic()),
            "what": what,
            "next": f"attempt {number + 1}" + (f" of {most}" if most else ""),
        }
        _log.log(logging.WARNING, _LINE, fields)


def may_have_arrived(error: Exception | None) -> bool:
    """Say whether the server may have received a request that failed with this."""
    error = error.original_error if isinstance(error, ProxyError) else error
    return error is not None and not isinstance(error, ConnectTimeoutError)


def can_send_again(body: Any) -> bool:
    """Say whether a body can be sent a second time; a stream must be seekable."""
    with suppress(AttributeError, NotImplementedError, OSError, TypeError, ValueError):
        here = body.tell()
        # A gzip stream of a pipe finds out only now that it cannot go back.
        body.seek(0)
        body.seek(here)
        return True
    return isinstance(body, bytes | bytearray | memoryview | str | list | tuple | None)
