"""The retry policy: a urllib3 ``Retry`` that says why it stops.

For every response, urllib3 calls ``is_retry()`` of the policy. If that returns true,
urllib3 calls ``increment()``, which returns the policy for the next attempt or raises.
Then it calls ``sleep()``. A policy is immutable and shared by all requests. The history
of one request is in a `RequestState`, which all copies of the policy for that request
share.

The order in `CloudElementsRetry.increment` matters. It first decides whether there
will be another attempt. Only then does it read the failed response, within the limits
for error bodies, and record it as an `Attempt`. So the last response reaches the
caller unread.
"""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    MaxRetryError,
    ProxyError,
    ResponseError,
    SSLError,
)
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
from .._errors.payload import Attempt, parse_retry_after
from .._log import logger
from .._table import FIRST_SERVER_ERROR, RETRIED_STATUSES
from .._urls import path_of
from .body import body_of, pass_on_signal
from .budget import HOST_BUDGET, RetryBudget, budget_of_host, default_budget
from .log import log_retry
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

# A wait that ends at most this many seconds late is as long as it was planned.
_PUNCTUAL = 0.1

_TOO_MANY_REQUESTS = 429

# The user's own random numbers may be seeded alike in each worker. These are not, also
# after a fork.
_random = random.SystemRandom()

# How the standard library, the fingerprint check of urllib3, pyOpenSSL and the alerts
# of TLS speak of a certificate.
_CERTIFICATE = re.compile(r"(?i)certificate(?!_or_crl)|fingerprint|unknown.ca")

# The proxy has answered, and its answer is final: for example, the login is wrong.
_REFUSED_BY_PROXY = re.compile(r"Tunnel connection failed: 40[13457]|SOCKS5 auth")


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
                method. A 429 with a ``Retry-After`` is retried for every method,
                because the server has refused the request.
            status_forcelist: The statuses that are retried, each 400 or more. 413,
                429 and 503 are also retried if the response has a valid
                ``Retry-After``.
            backoff_factor: Seconds. The wait before retry n (from 0) is
                ``uniform(0, min(backoff_max, backoff_factor * 2**n))``.
            backoff_max: The longest wait in seconds.
            raise_on_redirect: See urllib3.
            raise_on_status: If true, urllib3 raises ``MaxRetryError`` and the last
                response is lost. `CloudElementsAdapter` sets it to false.
            history: See urllib3.
            respect_retry_after_header: Whether to wait as ``Retry-After`` asks.
            remove_headers_on_redirect: See urllib3.
            backoff_jitter: The most seconds of random wait to add: to a random wait
                up to *backoff_max* in all, to a ``Retry-After`` on top of it.
            retry_after_max: The longest ``Retry-After`` in seconds to wait for. If
                the server asks for more, there is no retry.
            max_elapsed: No retry is planned to start later than this many seconds after
                the first failure; None for no limit. It is compared before each wait,
                and again after the failed body was read.
            budget: A `RetryBudget` for all requests of this policy, or None to retry
                without a budget. By default, all policies of the process share one
                for each host. (If the host is not known, with plain urllib3 and
                without `for_request`, the policy has its own.)

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If a value is out of range.

        """
        check_optional("history", history, tuple, "a tuple")
        check_optional("budget", budget, RetryBudget, "a RetryBudget")
        if max_elapsed is not None and check_number("max_elapsed", max_elapsed) == 0:
            raise ValueError("max_elapsed must be more than 0 seconds, or None, not 0")
        counts = (total, connect, read, redirect, status, other)
        for name, count in zip(_COUNTS, counts, strict=True):
            # urllib3 marks a policy that is used up by a count of -1.
            check_count(name, count, least=-1 if history else 0)
        check_flag("raise_on_redirect", raise_on_redirect)
        check_flag("raise_on_status", raise_on_status)
        check_flag("respect_retry_after_header", respect_retry_after_header)
        super().__init__(
            *counts,
            allowed_methods=checked_methods(allowed_methods),
            status_forcelist=checked_statuses(
                "status_forcelist", () if status_forcelist is None else status_forcelist
            ),
            backoff_factor=check_number("backoff_factor", backoff_factor),
            backoff_max=check_number("backoff_max", backoff_max),
            raise_on_redirect=raise_on_redirect,
            raise_on_status=raise_on_status,
            history=history,
            respect_retry_after_header=respect_retry_after_header,
            remove_headers_on_redirect=checked_names(
                "remove_headers_on_redirect", remove_headers_on_redirect
            ),
            backoff_jitter=check_number("backoff_jitter", backoff_jitter),
            retry_after_max=check_number("retry_after_max", retry_after_max),  # type: ignore[arg-type]
        )
        self.max_elapsed: float | None = max_elapsed
        self.budget: RetryBudget | None = (
            default_budget() if budget is HOST_BUDGET else budget
        )
        self.state: RequestState | None = None

    def new(self, **kw: Any) -> Self:
        """Return a copy with other settings. The copy shares the budget."""
        if kw.keys() == _COUNTED:  # urllib3's call between attempts
            clone = self.for_call(self.state)
            clone.__dict__.update(kw)
        else:
            params = {"max_elapsed": self.max_elapsed, "budget": self.budget, **kw}
            clone = super().new(**params)
            clone.state = self.state
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
        clone.state = state
        is_default = self.budget is not None and self.budget._is_default
        if is_default and state is not None and state.urls:
            clone.budget = budget_of_host(state.urls[0] or "") or self.budget
        return clone

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The failed attempts of this request, without a last one that got a response.

        A last attempt that ended in a network failure is included.
        """
        return () if self.state is None else self.state.attempts

    @property
    def stopped_by(self) -> StopReason | None:
        """Why this policy refused a further attempt; None if it has not been asked."""
        return None if self.state is None else self.state.stopped_by

    @property
    def urls(self) -> tuple[str | None, ...]:
        """The URLs of this request and its proxies, if they are known."""
        return () if self.state is None else self.state.urls

    def why_stopped(self, method: str, status_code: int, headers: Any) -> StopReason:
        """Say why there was no attempt after the response with this status."""
        if self.stopped_by is not None:
            return self.stopped_by
        # is_retry() returned false, or was not called.
        asked = parse_retry_after(headers.get("Retry-After"))
        return self._objection(method, status_code, asked is not None) or "attempts"

    def is_retry(
        self, method: str, status_code: int, has_retry_after: bool = False
    ) -> bool:
        """Say whether to retry after a response.

        urllib3 calls this for every response, so here each response that is no sign of
        trouble pays into the budget.
        """
        if status_code < FIRST_SERVER_ERROR and status_code != _TOO_MANY_REQUESTS:
            if self.budget is not None:
                self.budget.deposit()
            if self.state is not None:
                self.state.refund()
        return self._objection(method, status_code, has_retry_after) is None

    def _objection(
        self, method: str, status_code: int, has_retry_after: bool
    ) -> StopReason | None:
        """Say why this policy does not retry such a response; None if it does."""
        asked = has_retry_after and self.respect_retry_after_header
        if status_code not in self.status_forcelist and not (
            asked and status_code in self.RETRY_AFTER_STATUS_CODES
        ):
            return "status"
        if asked and status_code == _TOO_MANY_REQUESTS:
            return None  # the server has refused the request: nothing happens twice
        return None if self._is_method_retryable(method) else "method"

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

        What it raises has ``attempts`` and ``stopped_by``.

        Raises:
            MaxRetryError: If there is no further attempt. urllib3 then returns the
                last response, unless *raise_on_status* is set.
            Exception: The *error* itself, if the server may have received a request
                that must not be repeated, or if a count is False.

        """
        if response is not None and response.get_redirect_location():
            return super().increment(method, url, response, error, _pool, _stacktrace)
        if error is not None:
            pass_on_signal(error)
        state = self.state or RequestState()
        failed = _Failed(method, url, response, error, _pool, state)
        now = failed_at = time.monotonic()
        state.fail(now, self.max_elapsed)
        asked = None
        if response is not None and self.respect_retry_after_header:
            asked = self.get_retry_after(response)
        reason = self._refusal(failed, asked)
        if reason is not None:
            raise self._given_up(failed, reason)
        try:
            following = super().increment(
                method, url, response, error, _pool, _stacktrace
            )
        except (HTTPError, OSError) as raised:
            self._given_up(failed, "attempts", raised)
            raise
        start = now + following._wait(asked, state.deadline - now)
        reason = self._pay_or_refuse(state, asked, start)
        if reason is not None:
            raise self._given_up(failed, reason)
        following.state = state
        with state.refund_on_error():
            body = None
            if response is not None:
                body = body_of(response, state.deadline - now)
                now = time.monotonic()
                if now > state.deadline:
                    body.put_back(response)
                    raise self._given_up(failed, "deadline")
            # The body may have been slower than the wait.
            state.retry_at = now if now > start + _PUNCTUAL else start
            attempt = state.add_attempt(
                response, body, error, state.retry_at - failed_at
            )
            if logger.isEnabledFor(logging.WARNING):
                path = state.redact(path_of(url or ""))
                most = self._most_attempts(following)
                log_retry(attempt, method, path, most, max(0.0, state.retry_at - now))
        return following

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait until the time that `increment` has chosen."""
        if self.state is None:
            super().sleep(response)
            return
        pause = self.state.retry_at - time.monotonic()
        if pause > 0:
            with self.state.refund_on_error():
                time.sleep(pause)

    def _skip_sleep(self, _response: object = None) -> None:
        """Do not wait, but count the wait: `no_wait()` puts this in place of sleep."""
        if self.state is not None:
            self.state.deadline -= max(0, self.state.retry_at - time.monotonic())

    def sleep_for_retry(self, response: BaseHTTPResponse) -> bool:
        """Wait as a redirect's ``Retry-After`` asks, at most *retry_after_max*."""
        wait = min(self.get_retry_after(response) or 0, self.retry_after_max)
        if wait:
            time.sleep(wait)
        return wait > 0

    def get_backoff_time(self) -> float:
        """Return random seconds to wait (full jitter), also before the first retry."""
        failures = sum(not past.redirect_location for past in self.history)
        if not failures:
            return 0
        # Without this limit, the power could overflow a float.
        most = self.backoff_factor * 2.0 ** min(failures - 1, _MAX_RETRIES)
        wait = _random.uniform(0, min(self.backoff_max, most))
        jitter = _random.uniform(0, self.backoff_jitter)
        return min(self.backoff_max, wait + jitter)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds that the server asks to wait; None if unreadable."""
        value = response.headers.get("Retry-After")
        if value is None:
            return None
        seconds = parse_retry_after(value, response.headers.get("Date"))
        if seconds is not None and ":" in value:
            value = str(math.ceil(seconds))  # a date, by the clock of the server
        try:
            return self.parse_retry_after(value)
        except (InvalidHeader, ValueError):
            return None

    def parse_retry_after(self, retry_after: str) -> float:
        """Return the seconds that the value of a ``Retry-After`` asks to wait.

        Raises:
            InvalidHeader: If it is unreadable.

        """
        seconds = parse_retry_after(retry_after)
        if seconds is None:
            raise InvalidHeader(f"Invalid Retry-After header: {retry_after}")
        return seconds

    def _refusal(self, failed: _Failed, asked: float | None) -> StopReason | None:
        """Say why this request must not be retried; None if it may be."""
        method, _, response, error, _, state = failed
        if response is not None:
            if (
                asked is None
                and response.status in self.RETRY_AFTER_STATUS_CODES
                and not self.is_retry(method or "", response.status)
            ):
                # urllib3 has asked is_retry() before the Retry-After was parsed.
                return self._objection(method or "", response.status, False)
        elif error is not None:
            refused = _refused_by_server(error)
            if refused is not None:
                return refused
            if (
                method is not None
                and not self._is_connection_error(error)
                and not self._is_method_retryable(method)
            ):
                return "method"  # urllib3 would repeat a POST after a TLS failure
        return None if can_send_again(state.body) else "body"

    def _wait(self, asked: float | None, room: float) -> float:
        """Choose the wait before this retry: never less than the server asks for."""
        if asked is None or asked <= 0:
            return self.get_backoff_time()
        jitter = max(0, min(self.backoff_jitter, room - asked))
        return asked + _random.uniform(0, jitter)

    def _pay_or_refuse(
        self, state: RequestState, asked: float | None, start: float
    ) -> StopReason | None:
        """Take a token for a retry that starts then, or say which limit forbids it."""
        if len(self.history) >= _MAX_RETRIES:
            return "attempts"
        if asked is not None and asked > self.retry_after_max:
            return "retry_after"
        if start > state.deadline:
            return "deadline"
        if self.budget is not None:
            if not self.budget.withdraw(further=bool(state.attempts)):
                return "budget"
            state.paid_by = self.budget
        return None

    def _given_up(self, failed: _Failed, reason: StopReason, raised: Any = None) -> Any:
        """Note why there is no retry; return the exception to raise in its place."""
        _, url, response, error, pool, state = failed
        if raised is None:
            raised = cause = error or ResponseError(ResponseError.GENERIC_ERROR)
            if error is None or reason != "method":
                raised = MaxRetryError(pool, url, cause)  # type: ignore[arg-type]
                raised.__cause__ = cause
        state.stopped_by = raised.stopped_by = reason
        if response is None:
            state.add_attempt(None, None, error)
            raised.attempts = state.attempts
        else:
            # The policy is shared. The state of this request goes with its response.
            response.retries = self.for_call(state)
            last = Attempt(len(state.attempts) + 1, response.status)
            raised.attempts = (*state.attempts, last)
        return raised

    def _most_attempts(self, following: Self) -> int | None:
        """Return how many attempts there can be in all; None if nothing counts them."""
        # urllib3 has counted down the total, the kind of this failure, or both.
        left = [
            getattr(following, name)
            for name in _COUNTS
            if getattr(following, name) != getattr(self, name)
        ]
        number = len(following.attempts)
        return min(number + min(left), _MAX_RETRIES) + 1 if left else None


class _Failed(NamedTuple):
    """An attempt that has failed, as urllib3 tells of it, and its request."""

    method: str | None
    url: str | None
    response: BaseHTTPResponse | None
    error: Exception | None
    pool: ConnectionPool | None
    state: RequestState


def _refused_by_server(error: Exception) -> StopReason | None:
    """Say what would be refused again at the next attempt; None if nothing is known."""
    if isinstance(error, ProxyError):
        error = error.original_error
    if isinstance(error, SSLError) and (
        _CERTIFICATE.search(str(error))
        # ssl and urllib3 both raise a ValueError for a wrong host name.
        or isinstance(next(iter(error.args), None), ValueError)
    ):
        return "certificate"
    return "status" if _REFUSED_BY_PROXY.search(str(error)) else None
