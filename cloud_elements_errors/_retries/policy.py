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
from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import MaxRetryError, ProxyError, ResponseError, SSLError
from urllib3.util.retry import Retry

from .._arguments import (
    check_count,
    check_flag,
    check_number,
    check_optional,
    checked_methods,
    checked_names,
    checked_statuses,
)
from .._errors.line import log_retry, logger
from .._errors.payload import Attempt, parse_retry_after
from .._table import FIRST_ERROR, RETRIED_STATUSES
from .._urls import path_of
from .budget import HOST_BUDGET, RetryBudget, host_budgets
from .state import RequestState, can_send_again

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self
    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse
    from urllib3.util.retry import RequestHistory

    from .._errors.payload import StopReason

# The counters that urllib3 passes to new() after each attempt.
_COUNTS = ("total", "connect", "read", "redirect", "status", "other")
_COUNTED = {*_COUNTS, "history"}

# urllib3 recurses for each attempt. Without a limit it would raise RecursionError.
_MAX_RETRIES = 100


class CloudElementsRetry(Retry):
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

    __module__ = "cloud_elements_errors"

    def __init__(
        self,
        total: bool | int | None = 3,
        *,
        connect: int | None = None,
        read: int | None = None,
        redirect: bool | int | None = None,
        status: int | None = None,
        other: int | None = None,
        allowed_methods: Collection[str] | None = Retry.DEFAULT_ALLOWED_METHODS,
        status_forcelist: Collection[int] | None = RETRIED_STATUSES,
        backoff_factor: float = 0.5,
        backoff_max: float = 8,
        raise_on_redirect: bool = True,
        raise_on_status: bool = False,
        history: tuple[RequestHistory, ...] | None = None,
        respect_retry_after_header: bool = True,
        remove_headers_on_redirect: Collection[
            str
        ] = Retry.DEFAULT_REMOVE_HEADERS_ON_REDIRECT,
        backoff_jitter: float = 0,
        retry_after_max: float = 60,
        max_elapsed: float | None = 60,
        budget: RetryBudget | None = HOST_BUDGET,
    ) -> None:
        """Make a policy. Parameters without an explanation work as in `urllib3.Retry`.

        Args:
            total: The most retries; 0 for none, None to count only those of each kind.
                There are never more than 100.
            connect: The most retries after failed connections; None for *total*.
            read: The most retries after broken connections; None for *total*.
            redirect: The most redirects that urllib3 itself follows.
            status: The most retries after a status; None for *total*.
            other: The most retries after other failures; None for *total*.
            allowed_methods: The methods that are retried even if the server may
                have received the request. Add ``"POST"`` only if a repeated POST
                does no harm: the platform has no idempotency keys. None for every
                method.
            status_forcelist: The statuses that are retried, each 400 or more. 413,
                429 and 503 are also retried if the response has a ``Retry-After``.
            backoff_factor: Seconds. The wait before retry n (from 0) is
                ``uniform(0, min(backoff_max, backoff_factor * 2**n))``.
            backoff_max: The longest wait in seconds.
            raise_on_redirect: See urllib3.
            raise_on_status: If true, urllib3 raises ``MaxRetryError`` and the last
                response is lost. `CloudElementsAdapter` sets it to false.
            history: See urllib3.
            respect_retry_after_header: Whether to wait as ``Retry-After`` asks.
            remove_headers_on_redirect: See urllib3.
            backoff_jitter: The most seconds of random wait to add, up to
                *backoff_max* in all.
            retry_after_max: The longest ``Retry-After`` in seconds to wait for. If
                the server asks for more, there is no retry.
            max_elapsed: No retry starts later than this many seconds after the
                first failure; None for no limit.
            budget: A `RetryBudget` for all requests of this policy, or None to retry
                without a budget. By default, all policies of the process share one
                for each host. (If the host is not known, with plain urllib3 and
                without `for_request`, the policy has its own.)

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If a value is out of range.

        """
        counts = (total, connect, read, redirect, status, other)
        for name, count in zip(_COUNTS, counts, strict=True):
            # urllib3 marks a policy that is used up by a count of -1.
            check_count(name, count, least=-1 if history else 0)
        check_number("backoff_factor", backoff_factor)
        check_number("backoff_max", backoff_max)
        check_number("backoff_jitter", backoff_jitter)
        check_number("retry_after_max", retry_after_max)
        check_flag("raise_on_redirect", raise_on_redirect)
        check_flag("raise_on_status", raise_on_status)
        check_flag("respect_retry_after_header", respect_retry_after_header)
        check_optional("history", history, tuple, "a tuple")
        check_optional("budget", budget, RetryBudget, "a RetryBudget")
        if max_elapsed is not None and check_number("max_elapsed", max_elapsed) == 0:
            raise ValueError("max_elapsed must be more than 0 seconds, or None, not 0")
        super().__init__(
            total=total,
            connect=connect,
            read=read,
            redirect=redirect,
            status=status,
            other=other,
            allowed_methods=checked_methods(allowed_methods),
            status_forcelist=checked_statuses(
                "status_forcelist", () if status_forcelist is None else status_forcelist
            ),
            backoff_factor=backoff_factor,
            backoff_max=backoff_max,
            raise_on_redirect=raise_on_redirect,
            raise_on_status=raise_on_status,
            history=history,
            respect_retry_after_header=respect_retry_after_header,
            remove_headers_on_redirect=checked_names(
                "remove_headers_on_redirect", remove_headers_on_redirect
            ),
            backoff_jitter=backoff_jitter,
            retry_after_max=retry_after_max,  # type: ignore[arg-type] # seconds as any
        )
        self.max_elapsed: float | None = max_elapsed
        self._default_budget = RetryBudget()
        self.budget: RetryBudget | None = (
            self._default_budget if budget is HOST_BUDGET else budget
        )
        self._state: RequestState | None = None
        self._pause: float | None = None

    def new(self, **kw: Any) -> Self:
        """Return a copy with other settings. The copy shares the budget."""
        if kw.keys() == _COUNTED:  # urllib3's call between attempts
            clone = self.for_call(self._state)
            clone.__dict__.update(kw)
        else:
            params = {"max_elapsed": self.max_elapsed, "budget": self.budget, **kw}
            clone = super().new(**params)
            clone._state = self._state
            clone._default_budget = self._default_budget
        return clone

    def for_request(
        self,
        body: object = None,
        headers: Mapping[str, str | bytes] | None = None,
        url: str | None = None,
    ) -> Self:
        """Return a copy of the policy that knows one request.

        `CloudElementsAdapter` calls this itself. Call it if you use urllib3 without
        requests, for example with a generator as body: urllib3 does not show the
        body to a policy, and a retry would send an empty body.

        Args:
            body: The body. A request with a one-shot body is not retried.
            headers: The headers. Logs and errors do not show their secrets.
            url: The URL. Its host's budget pays for the retries, also after a
                redirect that urllib3 follows. Logs and errors do not show its
                secrets.

        Raises:
            TypeError: If *headers* or *url* is of the wrong type.

        """
        check_optional("headers", headers, Mapping, "a mapping")
        check_optional("url", url, str, "a str")
        return self.for_call(RequestState(body, headers, url))

    def for_call(self, state: RequestState | None) -> Self:
        """Return a copy of this policy, bound to one request."""
        clone = object.__new__(type(self))
        clone.__dict__ = self.__dict__.copy()
        clone._state = state
        clone._pause = None
        if state is None or state is self._state or not state.urls:
            return clone
        if self.budget is self._default_budget:
            shared = host_budgets.of(state.urls[0] or "")
            if shared is not None:
                clone.budget = clone._default_budget = shared
        return clone

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
