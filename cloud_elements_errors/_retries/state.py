"""The state of one request, from its first attempt to its last."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._errors.payload import Attempt, parse_payload
from .._errors.redaction import Redactor
from .body import read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.response import BaseHTTPResponse

    from .._errors.payload import StopReason
    from .budget import RetryBudget


class RequestState:
    """The body, the secrets, the attempts and the deadline of one request."""

    attempts: tuple[Attempt, ...] = ()
    deadline: float = math.inf
    stopped_by: StopReason | None = None
    token_from: RetryBudget | None = None
    """The budget that paid for the latest retry, until the retry succeeds."""

    def __init__(
        self,
        body: object = None,
        headers: Mapping[str, str | bytes] | None = None,
        *urls: str | None,
    ) -> None:
        self.body = body
        self._headers = headers
        self.urls = urls

    @cached_property
    def redact(self) -> Redactor:
        """The redactor for the secrets of this request."""
        return Redactor(self._headers, *self.urls)

    def add_attempt(
        self,
        response: BaseHTTPResponse | None,
        error: Exception | None,
        wait: float = 0.0,
        seconds: float = math.inf,
    ) -> Attempt:
        """Record a failed attempt; read its response for at most so many seconds."""
        number = len(self.attempts) + 1
        if response is None:
            attempt = Attempt(number, error=self._failure(error), waited=wait)
        else:
            body, whole = read_body(response, seconds)
            said = parse_payload(response.headers, body, truncated=not whole)
            request_id, provider_message = self.redact.texts(
                said.request_id, said.provider_message, cut=said.truncated
            )
            attempt = Attempt(
                number, response.status, request_id, provider_message, waited=wait
            )
            attempt._said = said.said(self.redact, response.reason)
        self.attempts += (attempt,)
        return attempt

    def _failure(self, error: Exception | None) -> str | None:
        """Return urllib3's text of a failure, without the name of the pool."""
        if error is None:
            return None
        return self.redact(re.sub(r"^\w+\(.*?\): ", "", str(error)))


def can_send_again(body: Any) -> bool:
    """Say whether a body can be sent a second time; a stream must be seekable."""
    if body is None or isinstance(
        body, (bytes, bytearray, memoryview, str, list, tuple)
    ):
        return True
    try:
        body.seek(body.tell())
    except Exception:  # noqa: BLE001 - file-like objects raise all kinds of errors
        return False
    return True
