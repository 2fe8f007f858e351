"""The state of one request, from its first attempt to its last."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._errors.payload import Attempt, ErrorPayload
from .._errors.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from .._errors.payload import StopReason
    from .body import Body
    from .budget import RetryBudget


class RequestState:
    """The body, the secrets, the attempts and the deadline of one request."""

    attempts: tuple[Attempt, ...] = ()
    deadline: float = math.inf
    stopped_by: StopReason | None = None
    paid_by: RetryBudget | None = None
    """The budget that has paid for the latest retry, until that has an answer."""
    retry_at: float = 0.0
    """When the next retry starts, as ``time.monotonic()`` counts."""

    def __init__(
        self,
        body: object = None,
        headers: Mapping[str, str | bytes] | None = None,
        *urls: str | None,
    ) -> None:
        self.body = body
        self._headers = headers
        self.urls = urls

    def follow(self, earlier: RequestState) -> None:
        """Go on with the attempts and the time of a request that was redirected.

        Both are one call.
        """
        self.attempts = earlier.attempts
        self.deadline = earlier.deadline

    @cached_property
    def redact(self) -> Redactor:
        """The redactor for the secrets of this request."""
        return Redactor(self._headers, *self.urls)

    def fail(self, now: float, max_elapsed: float | None) -> None:
        """Note a failure: a retry's token is spent, and the first starts the clock."""
        self.paid_by = None
        if not self.attempts and max_elapsed is not None:
            self.deadline = now + max_elapsed

    def refund(self) -> None:
        """Give back the token of the latest retry: it worked, or was never sent."""
        if self.paid_by is not None:
            self.paid_by.refund()
            self.paid_by = None

    @contextmanager
    def refund_on_error(self) -> Iterator[None]:
        """Give back the token if anything ends the block: the retry is not sent."""
        try:
            yield
        except BaseException:
            self.refund()
            raise

    def add_attempt(
        self,
        response: BaseHTTPResponse | None,
        body: Body | None,
        error: Exception | None = None,
        waited: float = 0.0,
    ) -> Attempt:
        """Record a failed attempt: its response and body, or the network failure."""
        number = len(self.attempts) + 1
        if response is None or body is None:
            # Without the name of urllib3's pool.
            shown = re.sub(r"^\w+\(.*?\): ", "", str(error))
            text = None if error is None else self.redact(shown)
            attempt = Attempt(number, error=text, waited=waited)
        else:
            payload = ErrorPayload(
                response.headers, body.content, truncated=not body.whole
            )
            payload.remove_secrets(self.redact)
            attempt = Attempt(
                number,
                response.status,
                payload.request_id,
                payload.provider_message,
                waited=waited,
            )
            attempt._said = payload.said(self.redact, response.reason)
        self.attempts += (attempt,)
        return attempt


def can_send_again(body: Any) -> bool:
    """Say whether a body can be sent a second time; a stream must be seekable."""
    if body is None or isinstance(
        body, (bytes, bytearray, memoryview, str, list, tuple)
    ):
        return True
    try:
        body.seek(body.tell())
    except (AttributeError, NotImplementedError, OSError, TypeError, ValueError):
        return False
    return True
