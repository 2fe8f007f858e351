"""The retry budget: how many retries a process may send to a host that fails.

Processes do not know of each other, so each one limits its retries in proportion to
its own traffic. A budget starts with 4 tokens, enough for the retries of one request,
and not with a full reserve: a thousand idle processes would have a thousand reserves.
The tokens that responses add fade within seconds. So at the start of an outage, the
budget depends on the traffic just before, and not on how long the process has run.

A lone process has little traffic, and some of its records may fail for ever. So a
request's first retry, which heals most failures, goes before its further ones, which
heal few: the further ones must leave a token. And below the first tokens, time alone
brings tokens back.
"""

import math
import time
from functools import lru_cache
from typing import Any

from .. import _arguments, _urls
from .._lock import fork_safe_lock

# The tokens at the start. Three retries of one request take 3, and leave one.
_FEW = 4

# An item for each open ``no_wait()`` block of the process.
#
# While there is one, the budgets that nobody passed to a policy stay full, so that no
# test depends on another.
open_blocks: list[None] = []

_lock = fork_safe_lock()


class RetryBudget:
    """Limits the retries of a process, so that they do not make an outage worse.

    Each retry takes one token. A request's first retry needs one token. Its further
    retries need two, and so leave one for the first retry of another request. The
    budget starts with 4 tokens, enough for the three retries of one request.

    Each response that is no sign of trouble (below 500, and not 429) adds *ratio* of
    a token, up to *reserve*. A retry that gets such a response gives its token back.
    The tokens above the first 4 fade: after 7 seconds without a response 37 % of
    them are left, after 20 seconds 6 %. Below 4, a token returns every 100 seconds.

    So a process with 100 responses a second holds 100 tokens when an outage begins, a
    process with one response a second holds about 7, and an idle process holds 4.

    Budgets are thread-safe. A copy within the process is the same budget. A pickled
    budget continues on its own with the tokens that it had.

    Example::

        budget = RetryBudget(reserve=20)
        policy = CloudElementsRetry(budget=budget)
    """

    __module__ = "cloud_elements_errors"

    _is_default = False

    def __init__(self, reserve: float = 100, ratio: float = 0.4) -> None:
        """Make a budget that holds 4 tokens, or *reserve* if that is less.

        Args:
            reserve: The most tokens that the budget holds. Below 1, there are no
                retries. Below 3, a request gets one.
            ratio: The tokens that each response adds that is no sign of trouble. With
                0.4, five of them pay for two failed retries. With 0, the budget never
                holds more than its first tokens.

        Raises:
            TypeError: If one of them is not a number.
            ValueError: If one of them is negative, or above 1e9.

        """
        self.reserve: float = _arguments.check_number("reserve", reserve)
        self.ratio: float = _arguments.check_number("ratio", ratio)
        # The tokens, and when they were counted.
        self._count: tuple[float, float] = (min(_FEW, reserve), time.monotonic())

    @property
    def tokens(self) -> float:
        """The tokens that are left now."""
        return round(self._add(0), 6)

    def deposit(self) -> None:
        """Add *ratio* of a token, for a response that is no sign of trouble."""
        self._add(self.ratio)

    def refund(self) -> None:
        """Give back the token of a retry that worked, or that was never sent."""
        self._add(1)

    def withdraw(self, *, further: bool = False) -> bool:
        """Take a token for a retry; return False if there are too few.

        Args:
            further: Whether the request has been retried before. Then the budget
                must hold two tokens.

        """
        return self._add(-1, least=1 if further else 0) >= 0

    def _add(self, amount: float, least: float = 0) -> float:
        """Add to the tokens that are left now, and return the sum.

        If the sum would be less than *least*, keep the tokens, and return -1.
        """
        if self._is_default and open_blocks:
            return self.reserve
        with _lock:
            (left, since), now = self._count, time.monotonic()
            seconds, few = max(0.0, now - since), min(_FEW, self.reserve)
            if left > few:  # after 7 seconds, 37 percent (1/e) are left of these
                left = few + (left - few) * math.exp(-seconds / 7)
            else:  # after 100 seconds, a token comes back
                left = min(few, left + seconds / 100)
            left = min(self.reserve, left + amount)
            # In floats, 0.1 ten times is a little less than 1.
            if left < least - 1e-6:
                return -1
            self._count = (max(0.0, left), now)
            return self._count[0]

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, and the tokens that are left now."""
        self._add(0)
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the budget. Its clock starts now: clocks differ between machines."""
        self.__dict__.update(state, _count=(state["_count"][0], time.monotonic()))

    def __copy__(self, _memo: object = None) -> "RetryBudget":
        """Return this budget itself: copies of a policy share its budget."""
        return self

    __deepcopy__ = __copy__

    def __repr__(self) -> str:
        """Show the settings and the tokens that are left now."""
        if self is HOST_BUDGET:
            return "<the budget of the host>"  # help() shows this as the default
        name, tokens = type(self).__name__, self.tokens
        return f"<{name} reserve={self.reserve} ratio={self.ratio} tokens={tokens:g}>"


# The default of the *budget* parameter, where None means no budget.
HOST_BUDGET = RetryBudget()


def default_budget() -> RetryBudget:
    """Return a new budget that no_wait() keeps full: nobody has asked for this one."""
    budget = RetryBudget()
    budget._is_default = True
    return budget


def budget_of_host(url: str) -> RetryBudget | None:
    """Return the budget for the host of a URL; None if it has no host."""
    origin = _urls.origin_of(url)
    with _lock:  # or two threads that meet a host might get a budget each
        return None if origin is None else budget_at(origin)


# Most programs talk to few hosts. One that follows links may meet any number.
@lru_cache(maxsize=1000)
def budget_at(_origin: _urls.Origin) -> RetryBudget:
    """Return the budget of the process for this scheme, host and port."""
    return default_budget()
