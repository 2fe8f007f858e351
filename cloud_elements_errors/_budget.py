"""The retry budget: how much a process may add to an outage, and to whose.

Processes cannot see each other, so each may add only what is in proportion to its
own traffic. A budget therefore starts with the few tokens that one request needs,
not with a full reserve: a thousand idle processes would have a thousand reserves.
What successes add fades within seconds, so that at the start of an outage it stands
for the traffic just before, however long the process had been busy.
"""

from __future__ import annotations

import math
import time
from typing import Any

from ._checks import check_number
from ._lock import lock
from ._urls import origin_of

# Tokens are counted in millionths, since 0.1 ten times is not 1 in floats.
_TOKEN = 1_000_000

# The tokens at the start: the further attempts of one request.
_FEW = 3

# In this time, what was added on top of the few fades to 37 percent (1/e).
_FADE_SECONDS = 10.0

# A program talks to few hosts; one that follows links may meet any number.
_MOST_HOSTS = 1000


class RetryBudget:
    """Limits how many retries a process adds to an outage.

    A retry takes one token, and without a token there is no retry. The budget
    starts with 3 tokens, what one request needs. Each successful response adds
    *ratio* of a token, up to *reserve*, and a retry that succeeds gives its token
    back: retries that work are free. What was added on top of the 3 tokens fades:
    37 % of it is left after 10 seconds without a success, 5 % after 30 seconds.

    So a process that has had 100 successes a second holds 100 tokens when an
    outage begins, one that has had a single success a second holds about 5, and
    an idle one holds 3.

    Thread-safe. Copies within a process are the same budget. A pickled budget goes
    on alone with the tokens that it had.
    """

    def __init__(self, reserve: float = 100, ratio: float = 0.2) -> None:
        """Make a budget that holds 3 tokens, or *reserve* if that is less.

        Args:
            reserve: Tokens that the budget holds at most; 0 for no retry ever.
            ratio: Tokens that each successful response adds: 0.2 pays for one
                retry that fails in every 5 successes; 0 adds nothing, so that
                the few tokens at the start are all there is. Counted to the
                millionth.

        Raises:
            TypeError: If one of them is no number.
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
        with lock:
            self._fade()
            return self._left / _TOKEN

    def deposit(self) -> None:
        """Add *ratio* of a token, for a successful response."""
        self._add(self._gain)

    def refund(self) -> None:
        """Give back the token of a retry that succeeded."""
        self._add(_TOKEN)

    def withdraw(self) -> bool:
        """Take a token for a retry; return False if there is none."""
        with lock:
            self._fade()
            if self._left < _TOKEN:
                return False
            self._left -= _TOKEN
            return True

    def _add(self, amount: int) -> None:
        with lock:
            self._fade()
            self._left = min(self._full, self._left + amount)

    def _fade(self) -> None:
        """Let what was added fade for the time since this was called; hold the lock."""
        now = time.monotonic()
        added = self._left - self._few
        if added > 0 and now > self._last_used:
            kept = math.exp((self._last_used - now) / _FADE_SECONDS)
            self._left = self._few + int(added * kept)
        self._last_used = now

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, and the tokens that are left now."""
        with lock:
            self._fade()
            return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on from the moment of unpickling: clocks differ between machines."""
        self.__dict__.update(state, _last_used=time.monotonic())

    def __copy__(self) -> RetryBudget:
        """Return this very budget: there is one outage, and one budget for it."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> RetryBudget:
        """Return this very budget."""
        return self

    def __repr__(self) -> str:
        """Show the settings and the tokens that are left now."""
        return (
            f"<{type(self).__name__} reserve={self.reserve} ratio={self.ratio} "
            f"tokens={self.tokens:g}>"
        )


class _HostBudget(RetryBudget):
    """Stands for a budget that is not named, since None is no budget."""

    def __repr__(self) -> str:
        return "<the budget of the host>"  # as help() shows the default


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
