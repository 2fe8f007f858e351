"""The settings of a retry policy, and the copy of a policy for one request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from urllib3.util.retry import Retry

from ._arguments import (
    check_count,
    check_flag,
    check_number,
    check_optional,
    checked_methods,
    checked_names,
    checked_statuses,
)
from ._budget import HOST_BUDGET, RetryBudget, host_budgets
from ._request_state import RequestState
from ._table import RETRIED_STATUSES

if TYPE_CHECKING:
    from typing_extensions import Self
    from urllib3.util.retry import RequestHistory

# The counters that urllib3 passes to new() after each attempt.
_COUNTS = ("total", "connect", "read", "redirect", "status", "other")
_COUNTED = {*_COUNTS, "history"}


class RetrySettings(Retry):
    """The settings of a policy, checked in the constructor."""

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

    # Python's own TypeError for an unknown argument says this name.
    __init__.__qualname__ = "CloudElementsRetry.__init__"

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
