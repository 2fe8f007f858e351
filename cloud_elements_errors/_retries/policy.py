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

import math
import random
import re
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError, ResponseError
from urllib3.util.retry import RequestHistory, Retry

from .. import _arguments, _internals, _tracebacks
from .._errors.payload import Attempt, StopReason, parse_retry_after
from .._table import FIRST_ERROR, FIRST_SERVER_ERROR, RETRIED_STATUSES
from .body import body_of
from .budget import HOST_BUDGET, RetryBudget, budget_of_host, default_budget
from .state import NO_RESPONSE, RequestState, Result, can_send_again, may_have_arrived

if TYPE_CHECKING:
    from typing_extensions import Self  # Python 3.10 has none

# The counters that urllib3 passes to new() after each attempt.
_COUNTS = ("total", "connect", "read", "redirect", "status", "other")
_NUMBERS = ("backoff_factor", "backoff_max", "backoff_jitter", "retry_after_max")
_FLAGS = ("raise_on_redirect", "raise_on_status", "respect_retry_after_header")

# urllib3 recurses for each attempt. Without a limit it would raise RecursionError.
_MAX_RETRIES = 100

_TOO_MANY_REQUESTS = 429

_REMOVED_HEADERS = Retry.DEFAULT_REMOVE_HEADERS_ON_REDIRECT

# The user's own random numbers may be seeded alike in each worker. These are not, also
# after a fork.
_random = random.SystemRandom()

# How the arguments of an SSLError of urllib3 mention a certificate: an exception of the
# standard library or pyOpenSSL, a fingerprint, an alert of TLS, a file that is no key.
_BAD_CERT = r"(?i)cert(verif|ificate(?!.or.crl))|fingerprint|unknown.ca|key.val|pem.lib"


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

    allowed_methods: Collection[str] | None
    status_forcelist: Collection[int]
    budget: RetryBudget | None
    # Of a policy that is bound to no request. It never changes.
    state: RequestState = RequestState()

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
        remove_headers_on_redirect: Collection[str] = _REMOVED_HEADERS,
        backoff_jitter: float = 0,
        retry_after_max: float = 60,
        max_elapsed: float | None = 60,
        budget: RetryBudget | None = HOST_BUDGET,
    ) -> None:
        """Make a policy. Parameters without an explanation work as in `urllib3.Retry`.

        Args:
            total: The most retries; 0 for none, None to count only those of each kind.
                There are never more than 100. With False, as with 0, there is none,
                and urllib3 raises a network failure as it is.
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
            status_forcelist: The statuses that are retried, each from 400 to 999; None
                for none. 413, 429 and 503 are also retried if the response has a
                valid ``Retry-After``.
            backoff_factor: Seconds. The wait before retry n (from 0) is
                ``uniform(0, min(backoff_max, backoff_factor * 2**n))``.
            backoff_max: The longest wait in seconds.
            raise_on_redirect: See urllib3.
            raise_on_status: If true, urllib3 raises ``MaxRetryError`` and the last
                response is lost. `CloudElementsAdapter` sets it to false.
            history: See urllib3.
            respect_retry_after_header: Whether to wait as ``Retry-After`` asks.
            remove_headers_on_redirect: See urllib3.
            backoff_jitter: Adds up to this many random seconds to each wait. A wait
                without ``Retry-After`` stays below *backoff_max*.
            retry_after_max: The longest ``Retry-After`` in seconds to wait for. If
                the server asks for more, there is no retry.
            max_elapsed: No retry is planned to start later than this many seconds after
                the first failure (at least 0.001); None for no limit. It is compared
                before each wait, and again after the failed body was read.
            budget: A `RetryBudget` for all requests of this policy, or None to retry
                without a budget. By default, all policies of the process share one
                for each host. (If the host is not known, with plain urllib3 and
                without `for_request`, the policy has its own.)

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If a value is out of range.

        """
        given = locals()  # the arguments by name
        _arguments.check_optional("history", history, "a tuple", tuple)
        _arguments.check_optional("budget", budget, "a RetryBudget", RetryBudget)
        _arguments.check_names("remove_headers_on_redirect", remove_headers_on_redirect)
        if max_elapsed is not None:
            _arguments.check_number("max_elapsed", max_elapsed, 0.001)
        for name in _NUMBERS:
            _arguments.check_number(name, given[name])
        for name in _FLAGS:
            _arguments.check_type(name, given[name], "True or False", bool)
        for name in _COUNTS:
            count = given[name]
            _arguments.check_optional(name, count, "an integer, a boolean", int, bool)
            # urllib3 marks a policy that is used up by a count of -1.
            if count is not None and count < (-1 if history else 0):
                raise ValueError(f"{name} must be 0 or more, or None, not {count!r}")
        passed_on = (*_COUNTS, *_NUMBERS, *_FLAGS, "remove_headers_on_redirect")
        super().__init__(history=history, **{name: given[name] for name in passed_on})
        self.allowed_methods = _arguments.checked_methods(allowed_methods)
        codes = () if status_forcelist is None else status_forcelist
        self.status_forcelist = _arguments.checked_statuses("status_forcelist", codes)
        self.max_elapsed = max_elapsed
        self.budget = default_budget() if budget is HOST_BUDGET else budget

    def new(self, **kw: Any) -> Self:
        """Return a copy with other settings. The copy shares the budget."""
        if kw.keys() != {*_COUNTS, "history"}:  # not urllib3's call between attempts
            ours = {"max_elapsed": self.max_elapsed, "budget": self.budget}
            kw = vars(super().new(**ours | kw))
        clone = object.__new__(type(self))
        clone.__dict__ = self.__dict__ | kw
        return clone

    def for_request(
        self, body: object = None, headers: Any = None, url: str | None = None
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
        _arguments.check_optional("headers", headers, "a mapping", Mapping)
        _arguments.check_optional("url", url, "a str", str)
        return self.for_call(RequestState(body, headers, url))

    def for_call(self, state: RequestState) -> Self:
        """Return a copy of this policy, bound to one request."""
        clone = object.__new__(type(self))
        clone.__dict__ = {**self.__dict__, "state": state}
        if self.budget is not None and self.budget._is_default and state.urls:
            clone.budget = budget_of_host(state.urls[0] or "") or self.budget
        return clone

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The failed attempts of this request, without a last one that got a response.

        A last attempt that ended in a network failure is included.
        """
        return self.state.attempts

    @property
    def stopped_by(self) -> StopReason | None:
        """Why this policy refused a further attempt; None if it has not been asked."""
        return self.state.stopped_by

    def why_stopped(self, method: str, status: int, headers: Any) -> StopReason:
        """Say why there was no attempt after the response with this status."""
        # is_retry() returned false, maybe that of a subclass, or was not called.
        asked = parse_retry_after(headers.get("Retry-After")) is not None
        return self.stopped_by or self._objection(method, status, asked) or "status"

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
            self.state.refund()
        return self._objection(method, status_code, has_retry_after) is None

    def _objection(self, method: str, status: int, asked: bool) -> StopReason | None:
        """Say why there is no retry after a response, which may ask for one."""
        codes = self.RETRY_AFTER_STATUS_CODES if self.respect_retry_after_header else ()
        asked = asked and status in codes
        if not asked and status not in self.status_forcelist:
            return "status"
        # With a 429, the server has refused the request: nothing happens twice.
        is_refused = asked and status == _TOO_MANY_REQUESTS
        return None if is_refused or self._is_method_retryable(method) else "method"

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        """Return the policy for the next attempt, or raise if there is none.

        What it raises has ``attempts`` and ``stopped_by``.

        Raises:
            MaxRetryError: If there is no further attempt. urllib3 then returns the
                last response, unless *raise_on_status* is set.
            Exception: The *error* itself, if the server may have received a request
                that must not be repeated, or if a count is False.

        """
        failure = (method, url, response, error, _pool, _stacktrace)
        if response is not None and response.get_redirect_location():
            return super().increment(*failure)
        if "state" not in vars(self):
            # Not that of a subclass, which has called this one.
            return CloudElementsRetry.increment(self.for_request(), *failure)
        state, result = self.state, error if response is None else response
        state.paid_by = None  # the token of the attempt that failed is spent
        now = time.monotonic()
        if not state.attempts:
            state.deadline = now + (self.max_elapsed or math.inf)
        reason = self._refusal(method, result)
        if reason is None:
            try:
                following = super().increment(*failure)
            except (HTTPError, OSError) as raised:
                self._stop(raised, "attempts", result)
                raise
            following.state = state
            with state:
                reason = following._prepare(result, now)
                if reason is None:
                    state.log_retry(method, url, self._most_attempts(following))
                    return following
        if error is not None and reason == "method":
            raise self._stop(error, reason, result)
        cause = error or ResponseError("too many error responses")
        raise self._stop(MaxRetryError(_pool, url, cause), reason, result) from cause

    def _refusal(self, method: str | None, result: Result) -> StopReason | None:
        """Say why this request must not be sent again; None if it may be."""
        if isinstance(result, Exception):
            _tracebacks.pass_on_signal(result)
            text = repr(result)  # with what a ProxyError is about
            if re.search(_BAD_CERT, text.partition("SSLError(")[2]):
                return "certificate"
            # The proxy's answer is final: for example, the login is wrong.
            if re.search(r"Tunnel connection failed: 4(?!08|29)|SOCKS5 auth", text):
                return "status"
            # urllib3 would repeat a POST after a failure of TLS.
            must_be_once = method and not self._is_method_retryable(method)
            if must_be_once and may_have_arrived(result):
                return "method"
        elif result is not None and "Retry-After" in result.headers:
            # urllib3 has asked is_retry() before this header was parsed.
            is_unread = self.get_retry_after(result) is None
            if is_unread and not self.is_retry(method or "", result.status):
                return self.why_stopped(method or "", result.status, {})
        return None if can_send_again(self.state.body) else "body"

    def _prepare(self, result: Result, now: float) -> StopReason | None:
        """Choose the wait, pay, and record the failure; or say what forbids a retry."""
        state, budget = self.state, self.budget
        asked = 0.0
        if self.respect_retry_after_header and not isinstance(result, NO_RESPONSE):
            asked = self.get_retry_after(result) or 0
        if asked <= 0:
            wait = self.get_backoff_time()
        else:  # never less than the server asks for
            room = state.deadline - now - asked
            wait = asked + _random.uniform(0, max(0, min(self.backoff_jitter, room)))
        state.retry_at = now + wait
        if len(self.history) > _MAX_RETRIES:
            return "attempts"
        if asked > self.retry_after_max:
            return "retry_after"
        if state.retry_at > state.deadline:
            return "deadline"
        if budget is not None and not budget.withdraw(further=bool(state.attempts)):
            return "budget"
        state.paid_by = budget
        body = None
        if not isinstance(result, NO_RESPONSE):
            body = body_of(result, state.deadline - now)
            read_at = time.monotonic()
            if read_at > state.deadline:
                state.refund()
                _internals.put_back(result, body.received, whole=body.whole)
                return "deadline"
            # A wait that ends only a little late is as long as it was planned.
            if read_at > state.retry_at + 0.1:
                state.retry_at = read_at
        state.attempts += (state.attempt(result, state.retry_at - now, body),)
        return None

    def _stop(self, raised: Exception, why: StopReason, result: Result) -> Exception:
        """Note on an exception, and on the response, why there is no retry."""
        attempts = (*self.attempts, self.state.attempt(result))
        if isinstance(result, NO_RESPONSE):
            self.state.attempts = attempts
        else:  # a shared policy learns nothing of the request
            result.retries = self
        self.state.stopped_by = why
        vars(raised).update(attempts=attempts, stopped_by=why)
        return raised

    def _most_attempts(self, following: Self) -> int | None:
        """Return how many attempts there can be in all; None if nothing counts them."""
        # urllib3 has counted down the total, the kind of this failure, or both.
        before, after = vars(self), vars(following)
        left = [after[name] for name in _COUNTS if after[name] != before[name]]
        return min(len(self.attempts) + min(left), _MAX_RETRIES) + 1 if left else None

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait until the time that `increment` has chosen."""
        is_redirect = response is not None and response.get_redirect_location()
        wait = self.state.retry_at - time.monotonic()
        with self.state:
            if is_redirect or "state" not in vars(self):  # it has chosen nothing
                super().sleep(response)
            elif wait > 0:  # sleep(0) takes time, and urllib3 leaves it out, too
                time.sleep(wait)

    def _skip_sleep(self, _response: object = None) -> None:
        """Do not wait, but count the wait: `no_wait()` puts this in place of sleep."""
        self.state.deadline -= max(0, self.state.retry_at - time.monotonic())

    def get_backoff_time(self) -> float:
        """Return random seconds to wait (full jitter); 0 if nothing has failed yet."""
        failures = sum(not past.redirect_location for past in self.history)
        if not failures:
            return 0
        # Without this limit, the power could overflow a float.
        most = self.backoff_factor * 2.0 ** min(failures - 1, _MAX_RETRIES)
        wait = _random.uniform(0, min(self.backoff_max, most))
        return min(self.backoff_max, wait + _random.uniform(0, self.backoff_jitter))

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds that the server asks to wait; None if unreadable."""
        try:
            value = response.headers["Retry-After"]
            seconds = parse_retry_after(value, response.headers.get("Date"))
            if seconds is not None and ":" in value:
                value = str(math.ceil(seconds))  # a date, by the clock of the server
            asked, most = self.parse_retry_after(value), self.retry_after_max
        except (KeyError, InvalidHeader, ValueError):
            return None
        # urllib3 itself waits after a redirect, which is no failure.
        return asked if response.status >= FIRST_ERROR else min(asked, most)

    def parse_retry_after(self, retry_after: str) -> float:
        """Return the seconds that the value of a ``Retry-After`` asks to wait.

        Raises:
            InvalidHeader: If it is unreadable.

        """
        seconds = parse_retry_after(retry_after)
        if seconds is None:
            raise InvalidHeader(f"Invalid Retry-After header: {retry_after}")
        return seconds
