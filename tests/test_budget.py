"""The retry budget: its arithmetic, who shares it, and who pays into it."""

from __future__ import annotations

import copy
import pickle
import threading
import time

import pytest
import requests
import responses
import urllib3
from requests.adapters import HTTPAdapter

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    RetryBudget,
    raise_for_error,
)


def spent(budget, tokens):
    """Take tokens out of a budget, and return it."""
    for _ in range(tokens):
        assert budget.withdraw()
    return budget


def test_defaults():
    """A budget has 100 tokens at first, and 5 successes pay for a retry."""
    budget = RetryBudget()
    assert (budget.reserve, budget.ratio, budget.tokens) == (100, 0.2, 100)
    spent(budget, 100)
    for _ in range(4):
        budget.deposit()
    assert not budget.withdraw()
    budget.deposit()
    assert budget.withdraw()


def test_no_token_no_retry():
    """It gives out exactly what is in it."""
    budget = RetryBudget(reserve=3, ratio=0)
    assert [budget.withdraw() for _ in range(5)] == [True, True, True, False, False]
    budget.deposit()
    assert budget.tokens == 0


def test_never_above_the_reserve():
    """Successes fill it up, and no further."""
    budget = spent(RetryBudget(reserve=2, ratio=0.7), 1)
    for _ in range(5):
        budget.deposit()
    assert budget.tokens == 2


def test_tenths_add_up():
    """Ten times 0.1 is one token: floats would say 0.9999999999999999."""
    budget = spent(RetryBudget(reserve=1, ratio=0.1), 1)
    for _ in range(10):
        budget.deposit()
    assert budget.withdraw()


def test_less_than_a_token_is_none():
    """A part of a token is counted, and buys no retry."""
    budget = RetryBudget(reserve=1.9)
    assert [budget.withdraw(), budget.withdraw()] == [True, False]
    assert budget.tokens == 0.9


@pytest.mark.parametrize("name", ["reserve", "ratio"])
@pytest.mark.parametrize(
    ("value", "error", "why"),
    [
        (-1, ValueError, "from 0 to 1e[+]15, not -1"),
        (float("nan"), ValueError, "from 0 to 1e[+]15, not nan"),
        (float("inf"), ValueError, "from 0 to 1e[+]15, not inf"),
        (10**400, ValueError, "from 0 to 1e[+]15, not 1000"),
        (1e308, ValueError, "from 0 to 1e[+]15, not 1e[+]308"),
        ("1", TypeError, "a number, not '1'"),
        (None, TypeError, "a number, not None"),
        (True, TypeError, "a number, not True"),
    ],
)
def test_bad_settings(name, value, error, why):
    """A wrong setting fails when made, with its name, its value, what is allowed."""
    with pytest.raises(error, match=f"{name} must be {why}"):
        RetryBudget(**{name: value})


def test_the_largest_reserve_works():
    """The limits themselves are allowed, and counted exactly."""
    budget = RetryBudget(reserve=1e15, ratio=1e15)
    assert budget.withdraw()
    assert budget.tokens == 1e15 - 1
    budget.deposit()
    assert budget.tokens == 1e15


class Racing(RetryBudget):
    """A budget that lets another thread run whenever its tokens were looked at."""

    @property
    def _left(self):
        left = self.racing
        time.sleep(0)
        return left

    @_left.setter
    def _left(self, left):
        self.racing = left


def test_threads_lose_no_token():
    """Arithmetic is exact, whichever thread interrupts which."""
    threads, rounds = 8, 100
    budget = spent(Racing(reserve=threads * rounds, ratio=0.3), 400)
    taken = []

    def work():
        mine = 0
        for _ in range(rounds):
            budget.deposit()
            mine += budget.withdraw()
        taken.append(mine)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # 400 are left, 800 deposits of 0.3 come in: 640 of 800 retries are paid.
    assert sum(taken) == 640
    assert budget.tokens == 0


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_copies_are_the_same_budget(clone):
    """There is one outage, and one budget for it, in a process."""
    budget = RetryBudget()
    assert clone(budget) is budget


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    """A pickled budget goes on alone, with the tokens that it had."""
    budget = spent(RetryBudget(reserve=5, ratio=0.5), 2)
    clone = pickle.loads(pickle.dumps(budget, protocol))
    assert (clone.reserve, clone.ratio, clone.tokens) == (5, 0.5, 3)
    assert clone.withdraw()
    clone.deposit()
    assert (clone.tokens, budget.tokens) == (2.5, 3)


def test_repr():
    """It shows its settings and what is left."""
    shown = repr(spent(RetryBudget(reserve=5, ratio=0.5), 2))
    assert shown == "<RetryBudget reserve=5 ratio=0.5 left=3.0>"


@pytest.mark.parametrize(
    "clone",
    [
        lambda policy: policy.new(total=7),
        lambda policy: policy.new(total=7).new(),
        lambda policy: policy.for_request(b"body"),
        lambda policy: policy.increment("GET", "/"),
        copy.copy,
        copy.deepcopy,
    ],
    ids=["new", "new new", "for_request", "increment", "copy", "deepcopy"],
)
def test_policies_share_it(clone):
    """Whatever is made of a policy within the process has the same budget."""
    policy = CloudElementsRetry()
    assert clone(policy).budget is policy.budget


def test_policies_have_budgets_of_their_own():
    """Two policies share a budget only if they are told to, and may have none."""
    assert CloudElementsRetry().budget is not CloudElementsRetry().budget
    budget = RetryBudget()
    assert CloudElementsRetry(budget=budget).budget is budget
    assert CloudElementsRetry(budget=None).budget is None
    assert CloudElementsRetry(budget=None).new().budget is None


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", [CloudElementsSession, CloudElementsAdapter])
def test_sessions_and_adapters_share_it(kind, clone):
    """A copy of a session or adapter draws on the budget of the original."""
    budget = RetryBudget()
    copied = clone(kind(max_retries=CloudElementsRetry(budget=budget)))
    if kind is CloudElementsSession:
        copied = copied.get_adapter("http://127.0.0.1/")
    assert copied.max_retries.budget is budget


def test_pickled_session():
    """A session that is sent to another process takes the tokens along."""
    budget = spent(RetryBudget(reserve=5), 2)
    session = CloudElementsSession(max_retries=CloudElementsRetry(budget=budget))
    clone = pickle.loads(pickle.dumps(session))
    policy = clone.get_adapter("http://127.0.0.1/").max_retries
    assert policy.budget is not budget
    assert policy.budget.tokens == 3


def test_sessions_draw_on_one_budget(platform, make_session):
    """When one session has spent the tokens, the other does not retry."""
    policy = CloudElementsRetry(budget=RetryBudget(reserve=3, ratio=0))
    platform.reply(502, times=10)
    outcomes = []
    for session in (make_session(max_retries=policy), make_session(max_retries=policy)):
        with pytest.raises(CloudElementsError) as caught:
            session.get(platform.url)
        outcomes.append((len(caught.value.attempts), caught.value.stopped_by))
    assert outcomes == [(4, "attempts"), (1, "budget")]


def test_without_budget_every_failure_is_retried(platform, make_session):
    """None is no budget."""
    session = make_session(max_retries=CloudElementsRetry(total=1, budget=None))
    platform.reply(502, times=400)
    for _ in range(200):
        with pytest.raises(CloudElementsError) as caught:
            session.get(platform.url)
        assert caught.value.stopped_by == "attempts"
    session.get(platform.url)


def test_an_empty_reserve_is_no_retry_ever(platform, make_session):
    """With a reserve of 0 no success buys a retry."""
    session = make_session(max_retries=CloudElementsRetry(budget=RetryBudget(0, 1)))
    session.get(platform.url)
    platform.reply(502)
    with pytest.raises(CloudElementsError) as caught:
        session.get(platform.url)
    assert caught.value.stopped_by == "budget"


def _by_pool_manager(policy, url):
    with urllib3.PoolManager(retries=policy) as pool:
        pool.request("GET", url)


def _by_plain_adapter(policy, url):
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=policy))
        session.hooks["response"].append(raise_for_error)
        session.get(url)


def _by_our_adapter(policy, url):
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter(policy))
        session.get(url)


def _by_our_session(policy, url):
    with CloudElementsSession(max_retries=policy) as session:
        session.get(url)


def _by_responses(policy, url):
    with responses.RequestsMock() as mock:
        mock.add("GET", url)
        _by_our_session(policy, url)


@pytest.mark.parametrize(
    "get",
    [
        _by_pool_manager,
        _by_plain_adapter,
        _by_our_adapter,
        _by_our_session,
        _by_responses,
    ],
)
def test_successes_pay_in_everywhere(platform, get):
    """A success gives back once, with our adapter and without."""
    budget = spent(RetryBudget(reserve=5, ratio=0.25), 4)
    get(CloudElementsRetry(budget=budget), platform.url)
    assert budget.tokens == 1.25


def test_failures_pay_nothing_in(platform, make_session):
    """A status of 400 or more gives nothing back, retried or not."""
    budget = spent(RetryBudget(reserve=5, ratio=0.25), 2)
    session = make_session(max_retries=CloudElementsRetry(total=1, budget=budget))
    for status in (404, 502, 502):
        platform.reply(status)
    for _ in range(2):
        with pytest.raises(CloudElementsError):
            session.get(platform.url)
    assert budget.tokens == 2  # one retry was taken


def test_only_retries_that_are_made_cost(platform, make_session):
    """What stops a retry for another reason leaves the tokens alone."""
    budget = RetryBudget(reserve=5)
    session = make_session(max_retries=CloudElementsRetry(budget=budget))
    platform.reply(502, headers={"Retry-After": "61"})
    platform.reply(502)
    with pytest.raises(CloudElementsError):
        session.get(platform.url)
    with pytest.raises(CloudElementsError):
        session.post(platform.url)
    assert budget.tokens == 5
