"""The retry policy: a urllib3 ``Retry`` that says why it stops.

For every response, urllib3 calls ``is_retry()`` of the policy. If that returns true,
urllib3 calls ``increment()``, which returns the policy for the next attempt or raises.
A policy is immutable and shared by all requests. The history of one request is in a
`RequestState`, which all copies of the policy for that request share.

The order in `CloudElementsRetry.increment` matters. It first decides whether there
will be another attempt. Only then does it read the failed response, within the limits
for error bodies, and record it as an `Attempt`. So the last response reaches the
caller unread.
"""

from __future__ import annotations

import logging
import random
import time
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import MaxRetryError, ProxyError, ResponseError, SSLError

from ._errors.line import log_retry, logger
from ._errors.payload import Attempt, parse_retry_after
from ._request_state import RequestState, can_send_again
from ._settings import RetrySettings
from ._table import FIRST_ERROR
from ._urls import path_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self
    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse

    from ._errors.payload import StopReason

# urllib3 recurses for each attempt. Without a limit it would raise RecursionError.
_MAX_RETRIES = 100


class CloudElementsRetry(RetrySettings):
    """A `urllib3.Retry` for Cloud Elements that keeps the last response.

    It works wherever urllib3 takes a ``Retry``. With `CloudElementsAdapter` and
    `CloudElementsSession` it also knows the body and the secrets of each request.
    With plain urllib3, pass them to `for_request`. With the plain adapter of
    requests that is not possible: a retry of a request whose body is a generator
    then sends an empty body.

    Example::

        policy = CloudElementsRetry(total=5, max_elapsed=30)
        session = CloudElementsSession(max_retries=policy)
    """

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The failed attempts of this request, without a last one that got a response.

        A last attempt that ended in a network failure is included.
        """
        return () if self._state is None else self._state.attempts

    @property
    def stopped_by(self) -> StopReason | None:
        """Why this policy refused a further attempt; None if it has not been asked."""
        return None if self._state is None else self._state.stopped_by

    @property
    def urls(self) -> tuple[str | None, ...]:
        """The URLs of this request and its proxies, if they are known."""
        return () if self._state is None else self._state.urls

    def why_stopped(self, method: str, status_code: int, headers: Any) -> StopReason:
        """Say why there was no attempt after the response with this status."""
        if self.stopped_by is not None:
            return self.stopped_by
        # is_retry() returned false, or was not called.
        if not self._is_listed(status_code, headers):
            return "status"
        if not self._is_method_retryable(method):
            return "method"
        if self._state is not None and not can_send_again(self._state.body):
            return "body"
        return "attempts"

    def is_retry(
        self, method: str, status_code: int, has_retry_after: bool = False
    ) -> bool:
        """Say whether to retry after a response.

        urllib3 calls this for every response, so the budget counts successes here.
        """
        if status_code < FIRST_ERROR:
            if self.budget is not None:
                self.budget.deposit()
            if self._state is not None and self._state.token_from is not None:
                self._state.token_from.refund()
                self._state.token_from = None
        return super().is_retry(method, status_code, has_retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Return the policy for the next attempt, or raise if there is none.

        Raises:
            MaxRetryError: If there is no further attempt. urllib3 then returns the
                last response, unless *raise_on_status* is set.
            Exception: The *error* itself, if the server may have received a request
                that must not be repeated.

        """
        if response is not None and response.get_redirect_location():
            return super().increment(method, url, response, error, _pool, _stacktrace)
        now = time.monotonic()
        state = self._state or RequestState()
        if not state.attempts and self.max_elapsed is not None:
            state.deadline = now + self.max_elapsed
        retry_after = (
            None if response is None else self._asked_to_wait(response.headers)
        )
        reason = self._refusal(state, method, response, error)
        if reason is None:
            try:
                following = super().increment(
                    method, url, response, error, _pool, _stacktrace
                )
            except Exception:
                self._stop(state, "attempts", response, error)
                raise
            wait = retry_after or following.get_backoff_time()
            reason = self._pay_or_refuse(state, retry_after, now + wait)
        if reason is not None:
            self._stop(state, reason, response, error)
            if error is not None and reason == "method":
                raise error
            cause = error or ResponseError(ResponseError.GENERIC_ERROR)
            raise MaxRetryError(_pool, url, cause) from cause  # type: ignore[arg-type]
        following._state = state
        attempt = state.add_attempt(response, error, wait, state.deadline - now)
        if logger.isEnabledFor(logging.WARNING):
            following._log(attempt, method, state.redact(path_of(url or "")))
        following._pause = wait - (time.monotonic() - now)
        return following

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait for the time that `increment` has chosen."""
        if self._pause is None:
            super().sleep(response)
        elif self._pause > 0:
            time.sleep(self._pause)

    def get_backoff_time(self) -> float:
        """Return random seconds to wait (full jitter), also before the first retry."""
        failures = len(
            list(takewhile(lambda past: not past.redirect_location, self.history[::-1]))
        )
        if not failures:
            return 0
        # Without this limit, the power could overflow a float.
        most = self.backoff_factor * 2.0 ** min(failures - 1, _MAX_RETRIES)
        wait = random.uniform(0, min(self.backoff_max, most))  # noqa: S311
        jitter = random.uniform(0, self.backoff_jitter)  # noqa: S311
        return min(self.backoff_max, wait + jitter)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds to wait, at most *retry_after_max*; None if unreadable."""
        seconds = parse_retry_after(response.headers.get("Retry-After"))
        return None if seconds is None else min(seconds, self.retry_after_max)

    def _asked_to_wait(self, headers: Any) -> float | None:
        if not self.respect_retry_after_header:
            return None
        return parse_retry_after(headers.get("Retry-After"))

    def _is_listed(self, status_code: int, headers: Any) -> bool:
        return status_code in self.status_forcelist or (
            status_code in self.RETRY_AFTER_STATUS_CODES
            and self._asked_to_wait(headers) is not None
            and self.total is not None  # as in urllib3's is_retry
        )

    def _refusal(
        self,
        state: RequestState,
        method: str | None,
        response: BaseHTTPResponse | None,
        error: Exception | None,
    ) -> StopReason | None:
        """Say why this request must not be retried; None if it may be."""
        if (
            response is not None
            and response.status in self.RETRY_AFTER_STATUS_CODES
            and not self._is_listed(response.status, response.headers)
        ):
            return "status"  # is_retry() did not parse the Retry-After
        if _is_untrusted(error):
            return "attempts"  # a retry would fail in the same way
        if (
            error is not None
            and method is not None
            and not self._is_connection_error(error)
            and not self._is_method_retryable(method)
        ):
            return "method"  # urllib3 would repeat a POST after a TLS failure
        return None if can_send_again(state.body) else "body"

    def _pay_or_refuse(
        self, state: RequestState, retry_after: float | None, start: float
    ) -> StopReason | None:
        """Take a token for a retry that starts then, or say which limit forbids it."""
        if len(self.history) >= _MAX_RETRIES:
            return "attempts"
        if retry_after is not None and retry_after > self.retry_after_max:
            return "retry_after"
        if start > state.deadline:
            return "deadline"
        if self.budget is not None:
            if not self.budget.withdraw():
                return "budget"
            state.token_from = self.budget
        return None

    def _stop(
        self,
        state: RequestState,
        reason: StopReason,
        response: BaseHTTPResponse | None,
        error: Exception | None,
    ) -> None:
        state.stopped_by = reason
        state.token_from = None
        if response is not None:
            # The policy is shared. The state of this request goes with its response.
            response.retries = self.for_call(state)
        elif error is not None:
            state.add_attempt(None, error)

    def _log(self, attempt: Attempt, method: str | None, path: str) -> None:
        """Log the retry after this attempt. *self* is the policy for the retry."""
        most = None
        if self.total is not None:
            most = min(attempt.number + self.total, _MAX_RETRIES) + 1
        log_retry(attempt, method, path, most)


def _is_untrusted(error: Exception | None) -> bool:
    """Say whether the certificate of the server was rejected."""
    if isinstance(error, ProxyError):
        error = error.original_error
    # ssl and urllib3 both raise a ValueError for a wrong certificate.
    return isinstance(error, SSLError) and isinstance(
        next(iter(error.args), None), ValueError
    )
