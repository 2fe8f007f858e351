"""The retry budget: its arithmetic, who shares it, and who pays into it."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import pickle
import signal
import sys
import threading
import time

import pytest
import requests
import responses
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    RetryBudget,
    patch_requests,
    raise_for_error,
)
from cloud_elements_errors._retries import budget as budget_module
from cloud_elements_errors.testing import no_wait


def filled(budget, tokens):
    """Give back the tokens of so many retries to a budget, and return it."""
    for _ in range(tokens):
        budget.refund()
    return budget


def spent(budget, tokens):
    """Take tokens out of a budget, and return it."""
    for _ in range(tokens):
        assert budget.withdraw()
    return budget


def test_starts_with_what_one_request_needs(budget_clock):
    """A new budget pays for the three retries of one request, and has one left."""
    budget = RetryBudget()
    assert (budget.reserve, budget.ratio, budget.tokens) == (100, 0.4, 4)
    assert [budget.withdraw(further=n > 0) for n in range(4)] == [True] * 3 + [False]
    assert budget.tokens == 1
    assert [budget.withdraw(), budget.withdraw()] == [True, False]
    assert budget.tokens == 0


@pytest.mark.parametrize(
    ("tokens", "first", "further"),
    [
        *((0, False, False), (0.9, False, False), (1, True, False)),
        *((1.9, True, False), (2, True, True), (3, True, True)),
    ],
)
def test_further_retries_leave_a_token(tokens, first, further, budget_clock):
    """A first retry needs one token, a further one two; each takes one."""
    for may, kind in ((first, False), (further, True)):
        budget = RetryBudget(reserve=tokens)
        assert budget.withdraw(further=kind) is may
        assert budget.tokens == pytest.approx(tokens - may)


@pytest.mark.parametrize("times", [10, 120])
def test_each_success_fades_from_its_own_time(budget_clock, times):
    """Also if nobody looks at the budget in between."""
    budget = RetryBudget()
    for _ in range(2):
        for _ in range(times):
            budget.deposit()
        budget_clock.now += 7
    gained = times * 0.4
    left = 4 + gained * math.exp(-2) + gained * math.exp(-1)
    assert budget.tokens == pytest.approx(left, abs=1e-3)


@pytest.mark.parametrize(("reserve", "tokens"), [(0, 0), (0.5, 0.5), (2, 2), (4, 4)])
def test_starts_within_a_small_reserve(reserve, tokens):
    """A reserve below four is all there is at the start."""
    assert RetryBudget(reserve).tokens == tokens


def test_five_responses_pay_for_two_retries(budget_clock):
    """By default a response that is no sign of trouble adds two fifths of a token."""
    budget = spent(RetryBudget(), 4)
    for _ in range(5):
        budget.deposit()
    assert [budget.withdraw() for _ in range(3)] == [True, True, False]


def test_a_refund_is_one_token(budget_clock):
    """A retry that worked costs nothing, whatever the ratio."""
    budget = spent(RetryBudget(ratio=0), 1)
    budget.refund()
    assert budget.tokens == 4


@pytest.mark.parametrize("add", [RetryBudget.deposit, RetryBudget.refund])
def test_never_above_the_reserve(add, budget_clock):
    """Successes and refunds fill it up, and no further."""
    budget = spent(RetryBudget(reserve=2, ratio=0.7), 1)
    for _ in range(5):
        add(budget)
    assert budget.tokens == 2


def test_tenths_add_up(budget_clock):
    """Ten times 0.1 is one token: floats would say 0.9999999999999999."""
    budget = spent(RetryBudget(reserve=1, ratio=0.1), 1)
    for _ in range(10):
        budget.deposit()
    assert budget.withdraw()


def test_less_than_a_token_is_none(budget_clock):
    """A part of a token is counted, and buys no retry."""
    budget = RetryBudget(reserve=1.9)
    assert [budget.withdraw(), budget.withdraw()] == [True, False]
    assert budget.tokens == 0.9


@pytest.mark.parametrize(
    ("seconds", "left"), [(0, 104), (1, 90.688), (7, 40.788), (20, 9.743), (1e6, 4)]
)
def test_what_was_added_fades(seconds, left, budget_clock):
    """37 % of what is above the four tokens is left after seven seconds."""
    budget = filled(RetryBudget(reserve=104), 100)
    budget_clock.now += seconds
    assert budget.tokens == pytest.approx(left, abs=0.001)


@pytest.mark.parametrize("reserve", [100, 4, 2.5])
@pytest.mark.parametrize(
    ("taken", "seconds", "back"),
    [(1, 0, 0), (2, 50, 0.5), (2, 100, 1), (2, 150, 1.5), (1, 101, 1), (2, 1e6, 2)],
)
def test_time_brings_the_first_tokens_back(reserve, taken, seconds, back, budget_clock):
    """Every 100 seconds one, up to what there was at the start, and no further."""
    budget = RetryBudget(reserve)
    start = budget.tokens
    spent(budget, taken)
    budget_clock.now += seconds
    assert budget.tokens == pytest.approx(start - taken + back)


def test_tokens_come_back_however_often_somebody_looks(budget_clock):
    """Small parts of a token add up."""
    budget = spent(RetryBudget(), 4)
    for _ in range(100_000):
        budget_clock.now += 0.001
        budget.withdraw()
        assert budget.tokens <= 1
    assert budget.tokens == 0
    assert budget.withdraw() is False


def test_a_clock_that_goes_back_adds_nothing(budget_clock):
    """A simulation that ends hands a budget over to a clock of its own."""
    budget = filled(RetryBudget(), 7)
    budget_clock.now -= 500
    assert budget.tokens == 11
    budget_clock.now += 7
    assert budget.tokens == pytest.approx(4 + 7 / math.e, abs=0.001)
    budget = spent(RetryBudget(), 4)
    budget_clock.now -= 500
    assert budget.tokens == 0


@pytest.mark.parametrize(
    ("successes", "tokens"), [(0, 4), (1, 7), (10, 32), (100, 100)]
)
def test_holds_what_the_traffic_of_the_last_seconds_is_worth(
    successes, tokens, budget_clock
):
    """The tokens at so many successes a second, as the docstring says."""
    budget = RetryBudget()
    for _ in range(100 * successes):
        budget_clock.now += 1 / successes
        budget.deposit()
    assert budget.tokens == pytest.approx(tokens, abs=0.3)


@pytest.mark.parametrize("name", ["reserve", "ratio"])
@pytest.mark.parametrize(
    ("value", "error", "why"),
    [
        (-1, ValueError, "from 0 to 1e[+]09, not -1"),
        (float("nan"), ValueError, "from 0 to 1e[+]09, not nan"),
        (float("inf"), ValueError, "from 0 to 1e[+]09, not inf"),
        (10**400, ValueError, "from 0 to 1e[+]09, not 1000"),
        (1e308, ValueError, "from 0 to 1e[+]09, not 1e[+]308"),
        ("1", TypeError, "a number, not '1'"),
        (None, TypeError, "a number, not None"),
        (True, TypeError, "a number, not True"),
    ],
)
def test_bad_settings(name, value, error, why):
    """A wrong setting fails when made, with its name, its value, what is allowed."""
    with pytest.raises(error, match=f"{name} must be {why}"):
        RetryBudget(**{name: value})


def test_the_largest_reserve_works(budget_clock):
    """The limits themselves are allowed, and counted exactly."""
    budget = RetryBudget(reserve=1e9, ratio=1e9)
    budget.deposit()
    assert budget.withdraw()
    assert budget.tokens == 1e9 - 1
    budget.deposit()
    assert budget.tokens == 1e9


class Racing(RetryBudget):
    """A budget that lets another thread run whenever its tokens were looked at."""

    @property
    def _count(self):
        count = self.racing
        time.sleep(0)
        return count

    @_count.setter
    def _count(self, count):
        self.racing = count


def test_threads_lose_no_token(budget_clock):
    """Under 32 threads the arithmetic is that of a model, while time goes on."""
    threads, rounds = 32, 20
    budget = Racing(reserve=10_000, ratio=0.3)
    model = 4.0
    moment = threading.Barrier(threads + 1)

    def work():
        for _ in range(rounds):
            moment.wait()
            budget.deposit()
            budget.refund()
            budget.refund()
            assert budget.withdraw()
            moment.wait()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for _ in range(rounds):
        budget_clock.now += 0.7
        moment.wait()  # all threads at once, at this moment
        moment.wait()
        model = 4 + (model - 4) * math.exp(-0.1) + 1.3 * threads
        assert budget.tokens == pytest.approx(model, abs=1e-3)
    for worker in workers:
        worker.join()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals")
def test_a_signal_handler_may_use_the_budget(budget_clock, monkeypatch):
    """It waits for no lock that its own thread holds."""
    budget = RetryBudget(reserve=1e9, ratio=1)
    handled = []

    def handle(_number, _frame):
        budget.deposit()
        handled.append(1)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    try:
        while len(handled) < 200:
            budget.deposit()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_leaves_no_lock_held():
    """Threads use budgets while the process forks; each child can use them too."""
    budget = RetryBudget()
    stop = threading.Event()

    def use():
        while not stop.is_set():
            budget.deposit()

    workers = [threading.Thread(target=use) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(30):
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # of a deadlock, this child dies
                budget.deposit()
                budget_of(HOST)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_threads_get_each_token_once(budget_clock):
    """However many threads ask, as many retries are allowed as there are tokens."""
    budget = filled(Racing(reserve=100), 96)
    taken = []
    workers = [
        threading.Thread(
            target=lambda: taken.append(sum(budget.withdraw() for _ in range(10)))
        )
        for _ in range(32)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (sum(taken), budget.tokens) == (100, 0)


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_copies_are_the_same_budget(clone):
    """There is one outage, and one budget for it, in a process."""
    budget = RetryBudget()
    assert clone(budget) is budget


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol, budget_clock):
    """A pickled budget goes on alone, with the tokens that it had."""
    budget = spent(RetryBudget(reserve=5, ratio=0.5), 1)
    clone = pickle.loads(pickle.dumps(budget, protocol))
    assert (clone.reserve, clone.ratio, clone.tokens) == (5, 0.5, 3)
    assert clone.withdraw()
    clone.deposit()
    assert (clone.tokens, budget.tokens) == (2.5, 3)


@pytest.mark.parametrize("other_clock", [5.0, 5e6], ids=["behind", "ahead"])
def test_pickle_to_another_clock(budget_clock, other_clock):
    """What it holds fades until it is pickled, and from when it is unpickled."""
    budget = filled(RetryBudget(), 10)
    budget_clock.now += 7
    pickled = pickle.dumps(budget)
    budget_clock.now = other_clock  # of another machine
    clone = pickle.loads(pickled)
    assert clone.tokens == pytest.approx(4 + 10 / math.e, abs=0.001)
    budget_clock.now += 7
    assert clone.tokens == pytest.approx(4 + 10 / math.e**2, abs=0.001)


def test_pickles_do_not_name_our_files():
    """A pickle of today can be read after a file was renamed."""
    for travelling in (RetryBudget(), CloudElementsRetry()):
        pickled = pickle.dumps(travelling, 0)
        assert b"cloud_elements_errors\n" in pickled
        assert b"cloud_elements_errors._" not in pickled


def test_repr(budget_clock):
    """It shows its settings, and the tokens of now."""
    budget = filled(RetryBudget(reserve=50, ratio=0.5), 2)
    assert repr(budget) == "<RetryBudget reserve=50 ratio=0.5 tokens=6>"
    budget_clock.now += 1e6
    assert repr(budget) == "<RetryBudget reserve=50 ratio=0.5 tokens=4>"


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
    """Where no host is known, a policy shares its budget only if told to."""
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
    budget = spent(RetryBudget(reserve=5), 3)
    session = CloudElementsSession(max_retries=CloudElementsRetry(budget=budget))
    clone = pickle.loads(pickle.dumps(session))
    policy = clone.get_adapter("http://127.0.0.1/").max_retries
    assert policy.budget is not budget
    assert policy.budget.tokens == pytest.approx(1, abs=0.01)


def test_sessions_draw_on_one_budget(platform, make_session):
    """What one session has spent, the other does not have."""
    policy = CloudElementsRetry(budget=RetryBudget(ratio=0))
    platform.reply(502, times=10)
    outcomes = []
    for session in (make_session(max_retries=policy), make_session(max_retries=policy)):
        with pytest.raises(CloudElementsError) as caught:
            session.get(platform.url)
        outcomes.append((len(caught.value.attempts), caught.value.stopped_by))
    assert outcomes == [(4, "attempts"), (2, "budget")]


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
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
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
    budget = spent(RetryBudget(reserve=5, ratio=0.25), 3)
    get(CloudElementsRetry(budget=budget), platform.url)
    assert budget.tokens == pytest.approx(1.25, abs=0.01)


def test_signs_of_trouble_pay_nothing_in(platform, make_session):
    """A 5xx or a 429 gives nothing back, retried or not."""
    budget = RetryBudget(reserve=5, ratio=0.25)
    session = make_session(max_retries=CloudElementsRetry(total=1, budget=budget))
    for status in (503, 502, 502, 500, 502, 429):
        platform.reply(status)
    for _ in range(4):
        with pytest.raises(CloudElementsError):
            session.get(platform.url)
    assert budget.tokens == pytest.approx(2, abs=0.01)  # two retries, and none worked


def test_a_host_that_answers_404_all_day(platform, make_session):
    """Such a host is healthy: its answers pay in, and give a retry's token back."""
    budget = spent(RetryBudget(reserve=5, ratio=0.25), 3)
    session = make_session(max_retries=CloudElementsRetry(total=1, budget=budget))
    for status in (404, 409, 502, 404):
        platform.reply(status)
    for _ in range(3):
        with pytest.raises(CloudElementsError):
            session.get(platform.url)
    assert budget.tokens == pytest.approx(1.75, abs=0.01)


def test_only_retries_that_are_made_cost(platform, make_session):
    """What stops a retry for another reason leaves the tokens alone."""
    budget = RetryBudget(reserve=3)
    session = make_session(max_retries=CloudElementsRetry(budget=budget))
    platform.reply(502, headers={"Retry-After": "61"})
    platform.reply(502)
    with pytest.raises(CloudElementsError):
        session.get(platform.url)
    with pytest.raises(CloudElementsError):
        session.post(platform.url)
    assert budget.tokens == 3


@pytest.mark.parametrize(
    ("answers", "tokens"),
    [
        ([502, 200], 4),  # what the retry took came back
        ([502, 404], 4),
        ([502, 429], 3),
        ([502, 502, 200], 3),  # of two retries one has worked
        ([502, 502, 502, 200], 2),
        ([502, 502, 502, 502], 1),
        ([502, 302, 200], 4),  # a redirect is an answer too, and pays once
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "get", [_by_pool_manager, _by_plain_adapter, _by_our_adapter, _by_our_session]
)
def test_a_retry_that_works_is_free(platform, get, answers, tokens):
    """The retry that succeeds gives its token back; those before it do not."""
    budget = RetryBudget(ratio=0)
    for status in answers:
        headers = {"Location": "/there"} if status == 302 else None
        platform.reply(status, headers=headers)
    with contextlib.suppress(CloudElementsError):
        get(CloudElementsRetry(budget=budget), platform.url)
    assert budget.tokens == pytest.approx(tokens, abs=0.01)
    assert len(platform.requests) == len(answers)


def test_a_policy_that_is_used_again_gets_nothing_for_nothing():
    """The token of a retry that failed does not come back with the next success."""
    budget = RetryBudget(ratio=0)
    policy = CloudElementsRetry(budget=budget).for_request()
    following = policy.increment("GET", "/", error=ConnectionResetError())
    with pytest.raises(MaxRetryError):
        following.new(total=0).increment("GET", "/", error=ConnectionResetError())
    assert not policy.is_retry("GET", 200)
    assert budget.tokens == pytest.approx(3, abs=0.01)


# The process's budgets


HOST = "https://api.cloud-elements.com"


def budget_of(url, **settings):
    """Return the budget that a policy draws on for a URL."""
    return CloudElementsRetry(**settings).for_request(url=url).budget


@pytest.mark.parametrize(
    "url",
    [
        HOST,
        f"{HOST}/elements/api-v2/contacts?page=1",
        f"{HOST}:443/",
        f"{HOST}?page=1",
        f"{HOST}#top",
        "HTTPS://API.Cloud-Elements.COM/",
        "https://user:password@api.cloud-elements.com/",
    ],
)
def test_one_budget_for_a_host(url):
    """Scheme, host and port make a host; all policies of the process share its
    budget."""
    assert budget_of(url) is budget_of(f"{HOST}/other", total=7)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.cloud-elements.com",
        f"{HOST}:8443",
        f"{HOST}.evil.net",
        "https://staging.cloud-elements.com",
    ],
)
def test_another_budget_for_another_host(url):
    """An outage of one host takes no retries from another."""
    assert budget_of(url) is not budget_of(HOST)


@pytest.mark.parametrize(
    "url", [None, "", "/contacts", "https://", "https://a:b:c/", "https://[::1"]
)
def test_where_no_host_is_known(url):
    """Then the budget is the policy's own."""
    policy = CloudElementsRetry()
    assert policy.for_request(url=url).budget is policy.budget


def test_a_budget_that_was_passed():
    """A policy that names a budget, or none at all, is served by no other."""
    budget = RetryBudget()
    assert budget_of(HOST, budget=budget) is budget
    assert budget_of(HOST, budget=None) is None
    policy = CloudElementsRetry()
    assert policy.new(budget=budget).for_request(url=HOST).budget is budget
    assert policy.new(budget=None).for_request(url=HOST).budget is None
    assert policy.new(total=1).for_request(url=HOST).budget is budget_of(HOST)
    policy.budget = budget
    assert policy.for_request(url=HOST).budget is budget


def test_a_policy_that_is_told_of_another_request():
    """The later URL counts."""
    policy = CloudElementsRetry().for_request(url=HOST)
    there = "http://127.0.0.1/"
    assert policy.for_request(url=there).budget is budget_of(there)


def test_a_policy_in_another_process():
    """A policy that travels meets the budget of its new process."""
    clone = pickle.loads(pickle.dumps(CloudElementsRetry()))
    assert clone.for_request(url=HOST).budget is budget_of(HOST)


@pytest.mark.parametrize(
    ("status", "gained"),
    [
        *((status, 0.4) for status in (200, 304, 404, 413, 428, 430, 499)),
        *((status, 0) for status in (429, 500, 502, 599)),
    ],
)
def test_which_answers_are_no_sign_of_trouble(status, gained):
    """All below 500 but 429 pay in."""
    budget = spent(RetryBudget(), 4)
    CloudElementsRetry(budget=budget).is_retry("GET", status)
    assert budget.tokens == pytest.approx(gained, abs=1e-3)


def test_idle_hosts_are_forgotten_first():
    """The number of budgets is bounded; the one that was used last stays longest."""
    first, second = budget_of("http://host0/"), budget_of("http://host1/")
    for number in range(2, 1000):
        budget_of(f"http://host{number}/")
    assert budget_of("http://host0/") is first
    budget_of("http://host1000/")
    assert budget_of("http://host0/") is first
    assert budget_of("http://host1/") is not second


def test_a_host_keeps_its_budget():
    """A process makes a budget for each host that it meets."""
    first = budget_of("http://a/1")
    assert budget_of("http://a/2") is first
    assert budget_of("http://b/1") is not first


def test_threads_that_meet_a_host_share_its_budget():
    """Of two threads that make a host's budget at once, both get the same."""
    start = threading.Barrier(16)
    found = []

    def meet(number):
        for round_ in range(50):
            start.wait()
            found.append((round_, id(budget_of(f"http://host{round_}/{number}"))))

    workers = [threading.Thread(target=meet, args=(n,)) for n in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(found)) == 50


@pytest.fixture
def counting(monkeypatch):
    """Let the budgets of the hosts count, also inside a no_wait() block."""
    monkeypatch.setattr(budget_module, "open_blocks", [])


@pytest.mark.usefixtures("counting")
def test_each_call_through_a_new_session(platform, make_session):
    """200 failing GETs, each through a session of its own, are hardly more than 200
    attempts."""
    platform.reply(502, times=1000)
    last = None
    for _ in range(200):
        with pytest.raises(CloudElementsError) as caught:
            make_session().get(platform.url)
        last = caught.value
    assert len(platform.requests) == 204
    assert (len(last.attempts), last.stopped_by) == (1, "budget")


@pytest.mark.usefixtures("counting")
def test_the_first_request_of_a_process_gets_all_its_retries(platform, make_session):
    """And the second one, which one retry heals, gets that."""
    platform.reply(502, times=5)
    with pytest.raises(CloudElementsError) as caught:
        make_session().get(platform.url)
    assert (len(caught.value.attempts), caught.value.stopped_by) == (4, "attempts")
    assert make_session().get(platform.url).ok


@pytest.mark.usefixtures("counting", "budget_clock")
def test_all_ways_share_the_budget_of_a_host(platform):
    """A session, a mounted adapter and a patch count in one place."""
    shared = budget_of(platform.url)
    platform.reply(502, times=3)
    with CloudElementsSession(max_retries=1) as session:
        for _ in range(2):
            with contextlib.suppress(CloudElementsError):
                session.get(platform.url)
    assert shared.tokens == pytest.approx(2 + 1 + 0.4)
    _by_our_adapter(None, platform.url)
    with patch_requests(platform.url):
        requests.get(platform.url)
    assert shared.tokens == pytest.approx(2 + 1 + 1.2)


@pytest.mark.usefixtures("counting", "budget_clock")
def test_a_redirect_counts_where_it_leads(platform, other):
    """Each host pays for its own failures, and earns by its own successes."""
    platform.reply(307, headers={"Location": f"{other.url}/there"})
    other.reply(502, times=4)
    with (
        CloudElementsSession() as session,
        pytest.raises(CloudElementsError) as caught,
    ):
        session.get(platform.url)
    assert len(caught.value.attempts) == 4
    assert budget_of(other.url).tokens == 1
    assert budget_of(platform.url).tokens == 4.4


@pytest.mark.usefixtures("counting", "budget_clock")
def test_a_redirect_of_urllib3_stays_with_the_host_of_the_request(platform, other):
    """On plain urllib3, the policy was told of the first URL."""
    with urllib3.PoolManager() as pool:
        platform.reply(307, headers={"Location": f"{other.url}/there"})
        other.reply(307, headers={"Location": "/here"})
        other.reply(502, times=4)
        # urllib3 counts the two redirects in total as well.
        policy = CloudElementsRetry(5).for_request(url=platform.url)
        response = pool.request("GET", platform.url, retries=policy)
        assert response.status == 502
        assert budget_of(other.url).tokens == 4
        assert budget_of(platform.url).tokens == 1.8


# no_wait() and the fixture


def test_no_wait_leaves_the_budgets_as_they_were(budget_clock):
    """Inside, those of the hosts are full; afterwards they hold what they held."""
    budget = spent(budget_of(HOST), 3)
    with no_wait():
        spent(budget, 50)
        with no_wait():
            assert budget.tokens == 100
        assert budget.tokens == budget_of("http://other/").tokens == 100
    assert budget.tokens == 1


def test_no_wait_and_a_budget_that_was_passed(platform, make_session):
    """A budget that you pass counts, so that you can test what it does."""
    policy = CloudElementsRetry(budget=RetryBudget(2, ratio=0))
    platform.reply(502, times=9)
    for attempts in (2, 2, 1):
        with pytest.raises(CloudElementsError) as caught:
            make_session(max_retries=policy).get(platform.url)
        assert len(caught.value.attempts) == attempts
        assert caught.value.stopped_by == "budget"


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_empties_no_budget(turn, cloud_elements):
    """A default policy makes its three retries, however often: in the next test, and
    in the second half of one."""
    cloud_elements.reply(502, times=200)
    with CloudElementsSession() as session:
        for _ in range(50):
            with pytest.raises(CloudElementsError) as caught:
                session.get(cloud_elements.url)
            assert len(caught.value.attempts) == 4


def test_a_policy_without_a_host_is_full_too(platform):
    """So it is with plain urllib3."""
    platform.reply(502, times=200)
    with urllib3.PoolManager(retries=CloudElementsRetry()) as pool:
        for _ in range(50):
            assert len(pool.request("GET", platform.url).retries.attempts) == 3


@pytest.mark.usefixtures("counting")
def test_the_error_says_why_there_was_one_retry_alone(platform):
    """Who wonders why there was no other retry finds the answer in the note."""
    platform.reply(502, times=8)
    with CloudElementsSession() as session:
        with pytest.raises(CloudElementsError):
            session.get(platform.url)
        with pytest.raises(CloudElementsError) as caught:
            session.get(platform.url)
    assert caught.value.stopped_by == "budget"
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__[1] == (
            "Gave up after 2 attempts: the retry budget is too low, as too many "
            "requests to this host failed."
        )
