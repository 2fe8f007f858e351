"""What one request lives through, from its first attempt to its last."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ._body import read_body
from ._payload import Attempt, parse_payload
from ._redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.response import BaseHTTPResponse

    from ._budget import RetryBudget
    from ._payload import StopReason


class RequestState:
    """The body, the secrets, the attempts and the deadline of one request."""

    attempts: tuple[Attempt, ...] = ()
    deadline: float = math.inf
    stopped_by: StopReason | None = None
    token_from: RetryBudget | None = None
    """What the latest retry was paid from, until it is known to have worked."""

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
        """What keeps the request's secrets out of text."""
        return Redactor(self._headers, *self.urls)

    def add_attempt(
        self,
        response: BaseHTTPResponse | None,
        error: Exception | None,
        wait: float = 0.0,
        seconds: float = math.inf,
    ) -> Attempt:
        """Read what a failed attempt says, for so many seconds at most, and keep it."""
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
        self.attempts += (attempt,)
        return attempt

    def _failure(self, error: Exception | None) -> str | None:
        """Return what urllib3 says of a failure, but for the pool's own name."""
        if error is None:
            return None
        return self.redact(re.sub(r"^\w+\(.*?\): ", "", str(error)))

    def give_token_back(self) -> None:
        """Give back the token of the latest retry, which has worked."""
        if self.token_from is not None:
            self.token_from.refund()
            self.token_from = None

    def can_send_again(self) -> bool:
        """Whether the body can be sent a second time, as it was the first time."""
        return can_send_again(self.body)


def can_send_again(body: Any) -> bool:
    """Whether a body can be sent a second time; a stream must be able to seek."""
    if body is None or isinstance(
        body, (bytes, bytearray, memoryview, str, list, tuple)
    ):
        return True
    try:
        body.seek(body.tell())
    except Exception:  # noqa: BLE001 - files of all kinds say no in all ways
        return False
    return True
