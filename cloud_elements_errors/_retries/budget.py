"""The retry budget: how many retries a process may send to a host that fails.

Processes do not know of each other, so each one limits its retries in proportion to
its own traffic. A budget starts with 3 tokens, enough for one request, and not with
a full reserve, because a thousand idle processes would have a thousand reserves. The
tokens that successes add fade within seconds. So at the start of an outage, the
budget depends on the traffic just before, and not on how long the process has run.
"""

from __future__ import annotations

import math
import time
from typing import Any

from .._arguments import check_number
from .._lock import lock
from .._urls import origin_of

# Tokens are counted in millionths, since 0.1 ten times is not 1 in floats.
_TOKEN = 1_000_000

# The tokens at the start: enough for the retries of one request.
_FEW = 3

# In this time, the tokens above the first few fade to 37 percent (1/e).
_FADE_SECONDS = 10.0

# Most programs talk to few hosts. One that follows links may meet any number.
_MOST_HOSTS = 1000


class RetryBudget:
    """Limits the retries of a process, so that they do not make an outage worse.

    Each retry takes one token. Without a token there is no retry. The budget starts
    with 3 tokens, enough for one request. Each successful response adds *ratio* of
    a token, up to *reserve*. A retry that succeeds gives its token back. The tokens
    above the first 3 fade: after 10 seconds without a success 37 % of them are
    left, after 30 seconds 5 %.

    So a process with 100 successes a second holds 100 tokens when an outage begins,
    a process with one success a second holds about 5, and an idle process holds 3.

    Budgets are thread-safe. A copy within the process is the same budget. A pickled
    budget continues on its own with the tokens that it had.

    Example::

        budget = RetryBudget(reserve=20)
        policy = CloudElementsRetry(budget=budget)
    """

    __module__ = "cloud_elements_errors"

    def __init__(self, reserve: float = 100, ratio: float = 0.2) -> None:
        """Make a budget that holds 3 tokens, or *reserve* if that is less.

        Args:
            reserve: The most tokens that the budget holds; 0 for no retries.
            ratio: The tokens that each successful response adds. With 0.2, every 5
                successes pay for one failed retry. With 0, the budget never gets
                more than its first tokens. Rounded to a millionth.

        Raises:
            TypeError: If one of them is not a number.
            ValueError: If one of them is negative, or above 1e9.

        """
        self.reserve: float = check_number("reserve", reserve)
        self.ratio: float = check_number("ratio", ratio)
        self._full = round(reserve * _TOKEN)
        self._gain = round(ratio * _TOKEN)
        self._left = self._few = min(_FEW * _TOKEN, self._full)
        self._last_used = time.monotonic()

    @property
    def tokens(self) -> float:
        """The tokens that are left now."""
        return self._add(0) / _TOKEN

    def deposit(self) -> None:
        """Add *ratio* of a token, for a successful response."""
        self._add(self._gain)

    def refund(self) -> None:
        """Give back the token of a retry that succeeded."""
        self._add(_TOKEN)

    def withdraw(self) -> bool:
        """Take a token for a retry; return False if there is none."""
        return self._add(-_TOKEN) >= 0

    def _add(self, amount: int) -> int:
        """Return the sum of what is left now and the amount; keep it unless it is < 0.

        What was added fades for the time since the last call.
        """
        with lock:
            now = time.monotonic()
            added = self._left - self._few
            if added > 0 and now > self._last_used:
                kept = math.exp((self._last_used - now) / _FADE_SECONDS)
                self._left = self._few + int(added * kept)
            self._last_used = now
            left = min(self._full, self._left + amount)
            if left >= 0:
                self._left = left
            return left

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, and the tokens that are left now."""
        self._add(0)
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the budget. Its clock starts now: clocks differ between machines."""
        self.__dict__.update(state, _last_used=time.monotonic())

    def __copy__(self) -> RetryBudget:
        """Return this budget itself: copies of a policy share its budget."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> RetryBudget:
        """Return this budget itself."""
        return self

    def __repr__(self) -> str:
        """Show the settings and the tokens that are left now."""
        return (
            f"<{type(self).__name__} reserve={self.reserve} ratio={self.ratio} "
            f"tokens={self.tokens:g}>"
        )


class _HostBudget(RetryBudget):
    """The default of the *budget* parameter, where None means no budget."""

    def __repr__(self) -> str:
        return "<the budget of the host>"  # help() shows this as the default


HOST_BUDGET = _HostBudget()


class HostBudgets:
    """The budgets of the process: one for each scheme, host and port."""

    def __init__(self) -> None:
        self.by_origin: dict[object, RetryBudget] = {}

    def of(self, url: str) -> RetryBudget | None:
        """Return the budget for the host of a URL; None if it has no host."""
        origin = origin_of(url)
        if origin is None:
            return None
        budget = self.by_origin.get(origin)
        return self._new(origin) if budget is None else budget

    def _new(self, origin: object) -> RetryBudget:
        with lock:
            budgets = self.by_origin
            budget = budgets.setdefault(origin, RetryBudget())
            if len(budgets) > _MOST_HOSTS:
                del budgets[min(budgets, key=lambda one: budgets[one]._last_used)]
            return budget


host_budgets = HostBudgets()
