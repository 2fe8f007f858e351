"""The retry budget against a reference model, driven by hypothesis."""

from __future__ import annotations

import math
import pickle
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cloud_elements_errors import RetryBudget
from cloud_elements_errors._retries import budget as budgets


class Clock:
    """The time that the budget sees."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class BudgetMachine(RuleBasedStateMachine):
    """Does to a budget all that can be done, and to a model of it the same.

    The model is the contract: a few tokens at the start, so much for a success, one
    for a retry that worked, two for a further retry to be allowed, an exponential for
    what was added, and a token in 100 seconds for what is missing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = patch.object(budgets, "time", self.clock)
        self.patch.start()

    def teardown(self) -> None:
        self.patch.stop()

    @initialize(
        reserve=st.one_of(st.floats(0, 5), st.floats(0, 200)),
        ratio=st.one_of(st.just(0.0), st.floats(0, 2)),
    )
    def start(self, reserve, ratio):
        self.budget = RetryBudget(reserve, ratio)
        self.few = self.model = min(4.0, reserve)
        # Since when, how many successes, refunds and retries: one window each.
        self.windows = [[0.0, 0, 0]]

    def _since(self, earned, refunds, retries):
        for window in self.windows:
            window[0] += earned
            window[1] += refunds
            window[2] += retries

    @rule(times=st.integers(1, 30))
    def succeed(self, times):
        for _ in range(times):
            self.budget.deposit()
        earned = times * self.budget.ratio
        self.model = min(self.budget.reserve, self.model + earned)
        self._since(earned, 0, 0)

    @rule()
    def succeed_after_a_retry(self):
        self.budget.refund()
        self.model = min(self.budget.reserve, self.model + 1)
        self._since(0, 1, 0)

    @rule(times=st.integers(1, 10), further=st.booleans())
    def retry(self, times, further):
        for _ in range(times):
            before = self.model - further
            if self.budget.withdraw(further=further):
                assert before > 1 - 1e-3
                self.model -= 1
                self._since(0, 0, 1)
            else:
                assert before < 1 + 1e-3

    @rule(seconds=st.one_of(st.floats(0, 0.01), st.floats(0, 60)))
    def wait(self, seconds):
        self.clock.now += seconds
        if self.model > self.few:
            self.model = self.few + (self.model - self.few) * math.exp(-seconds / 7)
        else:
            back = min(self.few - self.model, seconds / 100)
            self.model += back
            self._since(back, 0, 0)

    @rule()
    def look(self):
        """Looking changes nothing, and opens a window of its own."""
        assert self.budget.tokens == self.budget.tokens
        # What a window may use beyond what it earns is what it finds, at most the
        # few where nothing was added before.
        if self.budget.tokens <= self.few:
            self.windows.append([0.0, 0, 0])

    @rule()
    def travel(self):
        self.budget = pickle.loads(pickle.dumps(self.budget))

    @invariant()
    def within_its_bounds(self):
        assert 0 <= self.budget.tokens <= self.budget.reserve + 1e-6

    @invariant()
    def as_the_model(self):
        assert self.budget.tokens == pytest.approx(self.model, abs=1e-3)

    @invariant()
    def no_token_out_of_nothing(self):
        for earned, refunds, retries in self.windows:
            assert retries <= self.few + earned + refunds + 1e-3


BudgetMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
test_budget_as_the_model = BudgetMachine.TestCase
