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

import random
import time
from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from urllib3.exceptions import MaxRetryError, ProxyError, ResponseError, SSLError
from urllib3.util.retry import Retry

from ._body import read_body
from ._budget import HOST_BUDGET, RetryBudget, host_budgets
from ._checks import (
    check_count,
    check_number,
    checked_methods,
    checked_names,
    checked_statuses,
)
from ._codes import FIRST_ERROR, RETRIED_STATUSES
from ._payload import Attempt, parse_payload, parse_retry_after
from ._rendering import log_retry
from ._request_state import RequestState
from ._urls import path_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self
    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse
    from urllib3.util.retry import RequestHistory

    from ._payload import StopReason

# urllib3 recurses for each attempt; without any limit it ends in RecursionError.
_MAX_RETRIES = 100


# What urllib3 counts, and gives to new() after each attempt.
_COUNTS = ("total", "connect", "read", "redirect", "status", "other")
_COUNTED = {*_COUNTS, "history"}


class CloudElementsRetry(Retry):
    """A `urllib3.Retry` for Cloud Elements: careful, and never losing the answer.

    It works as it is wherever urllib3 takes a ``Retry``. Under a
    `CloudElementsAdapter` or `CloudElementsSession` it also knows the body and
    the secrets of each request; elsewhere `for_request` tells it. Under the plain
    adapter of requests nobody can, and a generator is sent a second time as what
    is left of it: nothing.
    """

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
        """Make a policy; what is not explained here is as in `urllib3.Retry`.

        Args:
            total: Further attempts after the first; 0 for none.
            connect: Of these, after a failed connection; None for any.
            read: Of these, after a connection that broke; None for any.
            redirect: Redirects that urllib3 itself follows.
            status: Of these, after a status; None for any.
            other: Of these, after any other failure; None for any.
            allowed_methods: The methods that are retried once the request may
                have arrived. Add ``"POST"`` only where twice does no harm: the
                platform knows no idempotency key. None for every method.
            status_forcelist: The statuses that are retried, of 400 or more. 413,
                429 and 503 are retried as well when a ``Retry-After`` came.
            backoff_factor: Seconds. The wait before the retry after the n-th is
                ``uniform(0, min(backoff_max, backoff_factor * 2**n))``.
            backoff_max: Seconds that a wait is at most.
            raise_on_redirect: See urllib3.
            raise_on_status: If true, the last answer is lost in a
                ``MaxRetryError``. `CloudElementsAdapter` sets it to false.
            history: See urllib3.
            respect_retry_after_header: Whether ``Retry-After`` counts at all.
            remove_headers_on_redirect: See urllib3.
            backoff_jitter: Seconds of random wait on top, below *backoff_max*.
            retry_after_max: Seconds of ``Retry-After`` to wait at most. If the
                server asks for more, there is no further attempt.
            max_elapsed: Seconds from the first failure after which no further
                attempt starts; None for no limit.
            budget: A `RetryBudget` for all requests of this policy. By default
                the process's budget for the host of each request: all policies
                that name none share it. (Where the host is not known, on plain
                urllib3 without `for_request`, the policy has one of its own.)
                None for no budget: every failure is retried.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If its value makes no sense.

        """
        counts = (total, connect, read, redirect, status, other)
        for name, count in zip(_COUNTS, counts, strict=True):
            # urllib3 marks a policy that is used up by a count of -1.
            check_count(name, count, least=-1 if history else 0)
        for name, number in {
            "backoff_factor": backoff_factor,
            "backoff_max": backoff_max,
            "backoff_jitter": backoff_jitter,
            "retry_after_max": retry_after_max,
        }.items():
            check_number(name, number)
        for name, flag in {
            "raise_on_redirect": raise_on_redirect,
            "raise_on_status": raise_on_status,
            "respect_retry_after_header": respect_retry_after_header,
        }.items():
            if not isinstance(flag, bool):
                raise TypeError(f"{name} must be True or False, not {flag!r}")
        if max_elapsed is not None and check_number("max_elapsed", max_elapsed) == 0:
            raise ValueError("max_elapsed must be more than 0 seconds, or None, not 0")
        if history is not None and not isinstance(history, tuple):
            raise TypeError(f"history must be a tuple or None, not {history!r}")
        if budget is not None and not isinstance(budget, RetryBudget):
            raise TypeError(f"budget must be a RetryBudget or None, not {budget!r}")
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
        self._call: RequestState | None = None
        self._pause: float | None = None

    def new(self, **kw: Any) -> Self:
        """Return a copy with some settings changed; the budget is shared."""
        if kw.keys() == _COUNTED:  # from attempt to attempt, by urllib3
            clone = self.for_call(self._call)
            clone.__dict__.update(kw)
        else:
            params = {"max_elapsed": self.max_elapsed, "budget": self.budget, **kw}
            clone = super().new(**params)
            clone._call = self._call
            clone._default_budget = self._default_budget
        return clone

    def for_request(
        self,
        body: object = None,
        headers: Mapping[str, str | bytes] | None = None,
        url: str | None = None,
    ) -> Self:
        """Return the policy for one request, with what it should know of it.

        `CloudElementsAdapter` does this by itself. Do it where urllib3 is used
        without requests and the body is a generator or such: urllib3 does not
        show it to a policy, and would send what is left of it a second time.

        Args:
            body: The body; if it cannot be sent again, it is not.
            headers: The headers, whose secrets are kept out of logs.
            url: The URL, likewise.

        Raises:
            TypeError: If *headers* or *url* is of the wrong type.

        """
        if headers is not None and not isinstance(headers, Mapping):
            raise TypeError(f"headers must be a mapping or None, not {headers!r}")
        if url is not None and not isinstance(url, str):
            raise TypeError(f"url must be a str or None, not {url!r}")
        return self.for_call(RequestState(body, headers, url))

    def for_call(self, call: RequestState | None) -> Self:
        """Return this policy for one call."""
        clone = object.__new__(type(self))
        clone.__dict__ = self.__dict__.copy()
        clone._call = call
        clone._pause = None
        if call is not self._call and call is not None and call.urls:
            clone._meet_host(call.urls[0])
        return clone

    def _meet_host(self, url: str | None) -> None:
        """Take the budget of this URL's host, unless the policy names one."""
        if self.budget is self._default_budget:
            shared = host_budgets.of(url or "")
            if shared is not None:
                self.budget = self._default_budget = shared

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts of this request that failed and were followed by another.

        After a network failure that was the last one, it is in there too.
        """
        return () if self._call is None else self._call.attempts

    @property
    def urls(self) -> tuple[str | None, ...]:
        """The URLs of this request and its proxies, as far as they are known."""
        return () if self._call is None else self._call.urls

    def why_stopped(self, method: str, status_code: int, headers: Any) -> StopReason:
        """Say why the answer of this status was the last one."""
        if self._call is not None and self._call.stopped_by is not None:
            return self._call.stopped_by
        # is_retry said no, or was never asked.
        if not self._is_listed(status_code, self._asked_to_wait(headers)):
            return "status"
        if not self._is_method_retryable(method):
            return "method"
        if self._call is not None and not self._call.can_send_again():
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
            if self._call is not None:
                self._call.give_token_back()
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
            if self._call is not None and self._call.urls:
                following._meet_host(urljoin(url or "", location))
            return following
        now = time.monotonic()
        call = self._call or RequestState()
        if not call.attempts and self.max_elapsed is not None:
            call.deadline = now + self.max_elapsed
        retry_after = (
            None if response is None else self._asked_to_wait(response.headers)
        )
        reason = self._refusal(call, method, response, error, retry_after)
        if reason is None:
            try:
                following = super().increment(
                    method, url, response, error, _pool, _stacktrace
                )
            except Exception:
                self._stop(call, "attempts", response, error)
                raise
            wait = retry_after or following.get_backoff_time()
            reason = self._limit(call, retry_after, now + wait)
        if reason is not None:
            self._stop(call, reason, response, error)
            if error is not None and reason == "method":
                raise error
            cause = error or ResponseError(ResponseError.GENERIC_ERROR)
            raise MaxRetryError(_pool, url, cause) from cause  # type: ignore[arg-type]
        following._call = call
        following._remember(call, method, url, response, error, wait, now)
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

    def _is_listed(self, status_code: int, retry_after: float | None) -> bool:
        return status_code in self.status_forcelist or (
            status_code in self.RETRY_AFTER_STATUS_CODES
            and retry_after is not None
            and self.total is not None  # as in urllib3's is_retry
        )

    def _refusal(
        self,
        call: RequestState,
        method: str | None,
        response: BaseHTTPResponse | None,
        error: Exception | None,
        retry_after: float | None,
    ) -> StopReason | None:
        """Say what about this request forbids a retry, if anything does."""
        if (
            response is not None
            and response.status in self.RETRY_AFTER_STATUS_CODES
            and not self._is_listed(response.status, retry_after)
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
        return None if call.can_send_again() else "body"

    def _limit(
        self, call: RequestState, retry_after: float | None, start: float
    ) -> StopReason | None:
        """Say which limit a retry at this time would break, if any."""
        if len(self.history) >= _MAX_RETRIES:
            return "attempts"
        if retry_after is not None and retry_after > self.retry_after_max:
            return "retry_after"
        if start > call.deadline:
            return "deadline"
        if self.budget is not None:
            if not self.budget.withdraw():
                return "budget"
            call.token_from = self.budget
        return None

    def _stop(
        self,
        call: RequestState,
        reason: StopReason,
        response: BaseHTTPResponse | None,
        error: Exception | None,
    ) -> None:
        call.stopped_by = reason
        call.token_from = None
        if response is not None:
            # The policy is shared, so what it says of this call is on the answer.
            response.retries = self.for_call(call)
        elif error is not None:
            number = len(call.attempts) + 1
            call.attempts += (Attempt(number, error=call.failure(error)),)

    def _remember(  # noqa: PLR0917 - what increment() has at hand
        self,
        call: RequestState,
        method: str | None,
        url: str | None,
        response: BaseHTTPResponse | None,
        error: Exception | None,
        wait: float,
        now: float,
    ) -> None:
        """Read what the failed attempt says, keep it, and log it."""
        status_code = request_id = words = failure = None
        if error is not None:
            failure = call.failure(error)
        if response is not None:
            status_code = response.status
            body, whole = read_body(response, call.deadline - now)
            payload = parse_payload(response.headers, body, truncated=not whole)
            request_id = call.clean(payload.request_id, cut=not whole)
            words = call.clean(payload.provider_message, cut=not whole)
        attempt = Attempt(
            len(call.attempts) + 1, status_code, request_id, words, failure, wait
        )
        call.attempts += (attempt,)
        most = None
        if self.total is not None:
            most = min(attempt.number + self.total, _MAX_RETRIES) + 1
        log_retry(attempt, method, call.redact(path_of(url or "")), most)


def _is_untrusted(error: Exception | None) -> bool:
    """Say whether the peer's certificate was refused."""
    if isinstance(error, ProxyError):
        error = error.original_error
    # The errors of ssl and of urllib3 for a certificate are both ValueErrors.
    return isinstance(error, SSLError) and isinstance(
        next(iter(error.args), None), ValueError
    )
