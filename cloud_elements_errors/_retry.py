"""The retry policy: a urllib3 ``Retry`` that stops for a reason it can name.

urllib3 asks a policy two things of every answer: ``is_retry``, then, if so,
``increment``, which returns the policy for the next attempt or raises. A policy
is immutable and shared by all requests; what one request lives through is in a
`RequestState`, which every ``new()`` policy of that request carries on.

The order in `CloudElementsRetry.increment` matters. All that can stop a retry is
decided before the failing answer is read, so that the last answer reaches the
caller unread; only an answer that will be followed by another one is read, within
the bound for error bodies, and remembered as an `Attempt`.
"""

from __future__ import annotations

import logging
import random
import time
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from urllib3.exceptions import MaxRetryError, ProxyError, ResponseError, SSLError

from ._codes import FIRST_ERROR
from ._payload import Attempt, parse_retry_after
from ._rendering import log_retry, logger
from ._request_state import RequestState
from ._settings import RetrySettings
from ._urls import path_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self
    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse

    from ._payload import StopReason

# urllib3 recurses for each attempt; without any limit it ends in RecursionError.
_MAX_RETRIES = 100


class CloudElementsRetry(RetrySettings):
    """A `urllib3.Retry` for Cloud Elements: careful, and never losing the answer.

    It works as it is wherever urllib3 takes a ``Retry``. Under a
    `CloudElementsAdapter` or `CloudElementsSession` it also knows the body and
    the secrets of each request; elsewhere `for_request` tells it. Under the plain
    adapter of requests nobody can, and a generator is sent a second time as what
    is left of it: nothing.
    """

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts of this request that failed and were followed by another.

        After a network failure that was the last one, it is in there too.
        """
        return () if self._state is None else self._state.attempts

    @property
    def urls(self) -> tuple[str | None, ...]:
        """The URLs of this request and its proxies, as far as they are known."""
        return () if self._state is None else self._state.urls

    def why_stopped(self, method: str, status_code: int, headers: Any) -> StopReason:
        """Say why the answer of this status was the last one."""
        if self._state is not None and self._state.stopped_by is not None:
            return self._state.stopped_by
        # is_retry said no, or was never asked.
        if not self._is_listed(status_code, headers):
            return "status"
        if not self._is_method_retryable(method):
            return "method"
        if self._state is not None and not self._state.can_send_again():
            return "body"
        return "attempts"

    def is_retry(
        self, method: str, status_code: int, has_retry_after: bool = False
    ) -> bool:
        """Say whether an answer is to be retried; `urllib3.Retry` asks for each.

        So this is where the budget learns of successes, with any adapter.
        """
        if status_code < FIRST_ERROR:
            if self.budget is not None:
                self.budget.deposit()
            if self._state is not None:
                self._state.give_token_back()
            if status_code not in self.RETRY_AFTER_STATUS_CODES:  # a subclass's 202
                return False
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
            MaxRetryError: If the request is not to be sent again. urllib3 then
                returns the last answer, unless *raise_on_status* is set.

        """
        if response is not None and (location := response.get_redirect_location()):
            following = super().increment(
                method, url, response, error, _pool, _stacktrace
            )
            if self._state is not None and self._state.urls:
                following._meet_host(urljoin(url or "", location))
            return following
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
        """Wait as long as `increment` has decided."""
        if self._pause is None:
            super().sleep(response)
        elif self._pause > 0:
            time.sleep(self._pause)

    def get_backoff_time(self) -> float:
        """Draw the seconds before the next retry: full jitter, the first included."""
        failures = len(
            list(takewhile(lambda past: not past.redirect_location, self.history[::-1]))
        )
        if not failures:
            return 0
        # The bound keeps the power below what a float can hold.
        most = self.backoff_factor * 2.0 ** min(failures - 1, _MAX_RETRIES)
        wait = random.uniform(0, min(self.backoff_max, most))  # noqa: S311
        jitter = random.uniform(0, self.backoff_jitter)  # noqa: S311
        return min(self.backoff_max, wait + jitter)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds to wait, at most *retry_after_max*; None if unclear."""
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
        """Say what about this request forbids a retry, if anything does."""
        if (
            response is not None
            and response.status in self.RETRY_AFTER_STATUS_CODES
            and not self._is_listed(response.status, response.headers)
        ):
            return "status"  # is_retry saw a Retry-After, but it is garbage
        if (
            error is not None
            and method is not None
            and not self._is_connection_error(error)
            and not self._is_method_retryable(method)
        ):
            return "method"  # urllib3 would repeat a POST that broke under TLS
        if _is_untrusted(error):
            return "attempts"  # and so would every other one end
        return None if state.can_send_again() else "body"

    def _pay_or_refuse(
        self, state: RequestState, retry_after: float | None, start: float
    ) -> StopReason | None:
        """Take a token for a retry at this time, or say which limit it would break."""
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
            # The policy is shared, so what it says of this request is on the answer.
            response.retries = self.for_call(state)
        elif error is not None:
            state.add_attempt(None, error)

    def _log(self, attempt: Attempt, method: str | None, path: str) -> None:
        """Log the retry that follows an attempt; *self* is the policy for it."""
        most = None
        if self.total is not None:
            most = min(attempt.number + self.total, _MAX_RETRIES) + 1
        log_retry(attempt, method, path, most)


def _is_untrusted(error: Exception | None) -> bool:
    """Say whether the peer's certificate was refused."""
    if isinstance(error, ProxyError):
        error = error.original_error
    # The errors of ssl and of urllib3 for a certificate are both ValueErrors.
    return isinstance(error, SSLError) and isinstance(
        next(iter(error.args), None), ValueError
    )
