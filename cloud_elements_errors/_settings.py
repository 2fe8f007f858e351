"""What a policy may be told: its settings, checked, and its copies for one request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from urllib3.util.retry import Retry

from ._budget import HOST_BUDGET, RetryBudget, host_budgets
from ._checks import (
    check_count,
    check_flag,
    check_number,
    check_optional,
    checked_methods,
    checked_names,
    checked_statuses,
)
from ._codes import RETRIED_STATUSES
from ._request_state import RequestState

if TYPE_CHECKING:
    from typing_extensions import Self
    from urllib3.util.retry import RequestHistory

# What urllib3 counts, and gives to new() after each attempt.
_COUNTS = ("total", "connect", "read", "redirect", "status", "other")
_COUNTED = {*_COUNTS, "history"}


class RetrySettings(Retry):
    """The settings of a policy, checked when made, and its copies for one request."""

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
        """Return a copy with some settings changed; the budget is shared."""
        if kw.keys() == _COUNTED:  # from attempt to attempt, by urllib3
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
        check_optional("headers", headers, Mapping, "a mapping")
        check_optional("url", url, str, "a str")
        return self.for_call(RequestState(body, headers, url))

    def for_call(self, state: RequestState | None) -> Self:
        """Return this policy, bound to one request."""
        clone = object.__new__(type(self))
        clone.__dict__ = self.__dict__.copy()
        clone._state = state
        clone._pause = None
        if state is not self._state and state is not None and state.urls:
            clone._meet_host(state.urls[0])
        return clone

    def _meet_host(self, url: str | None) -> None:
        """Take the budget of this URL's host, unless the policy names one."""
        if self.budget is self._default_budget:
            shared = host_budgets.of(url or "")
            if shared is not None:
                self.budget = self._default_budget = shared
