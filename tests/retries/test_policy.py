"""The retry policy as decisions: no socket, no sleep, no clock but a patched one."""

from __future__ import annotations

import gc
import inspect
import io
import itertools
import logging
import math
import pickle
import random
import ssl
import time
import weakref
from email.utils import formatdate
from http import HTTPStatus
from http.client import BadStatusLine

import pytest
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    InvalidHeader,
    MaxRetryError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    ResponseError,
    SSLError,
)
from urllib3.util.retry import RequestHistory, Retry
from urllib3.util.ssl_match_hostname import CertificateError

from cloud_elements_errors import (
    Attempt,
    CloudElementsRetry,
    RetryBudget,
    error_from_parts,
)
from cloud_elements_errors._retries.body import Body
from cloud_elements_errors._retries.state import RequestState
from cloud_elements_errors.testing import no_wait

NOW = 1_700_000_000

BROKEN = ProtocolError("Connection aborted.")
REFUSED = ConnectTimeoutError("refused")


class Clock:
    """Time as the policy sees it: it passes only in a sleep, or when told to."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in ("policy", "state"):
        monkeypatch.setattr(f"cloud_elements_errors._retries.{module}.time", clock)
    return clock


@pytest.fixture
def lines(caplog):
    """Return the records of our logger."""

    def records():
        return [one for one in caplog.records if one.name == "cloud_elements_errors"]

    return records


def answer(status=502, headers=None, body=b"{}"):
    return urllib3.HTTPResponse(
        io.BytesIO(body), status=status, headers=headers, preload_content=False
    )


def stop(policy, response=None, method="GET", error=None):
    """Let the policy refuse, and say why: as it is on the answer, or the attempts."""
    with pytest.raises(MaxRetryError):
        policy.increment(method, "/path", response, error)
    return response.retries.why_stopped(method, response.status, response.headers)


def failures(count, **settings):
    past = RequestHistory("GET", "/", None, 502, None)
    return CloudElementsRetry(history=(past,) * count, **settings)


# Settings

ALL_SETTINGS = {
    "total": 7,
    "connect": 6,
    "read": 5,
    "redirect": 4,
    "status": 3,
    "other": 2,
    "allowed_methods": ["get", "POST"],
    "status_forcelist": [503, 500],
    "backoff_factor": 0.25,
    "backoff_max": 9,
    "raise_on_redirect": False,
    "raise_on_status": True,
    "history": (RequestHistory("GET", "/", None, 502, None),),
    "respect_retry_after_header": False,
    "remove_headers_on_redirect": ["X-Secret"],
    "backoff_jitter": 0.5,
    "retry_after_max": 11,
    "max_elapsed": 12,
    "budget": RetryBudget(13),
}


def test_defaults():
    """The defaults are those of the contract."""
    policy = CloudElementsRetry()
    assert policy.total == 3
    assert policy.status_forcelist == {500, 502}
    assert policy.allowed_methods == Retry.DEFAULT_ALLOWED_METHODS
    assert (policy.backoff_factor, policy.backoff_max) == (0.5, 8)
    assert (policy.retry_after_max, policy.max_elapsed) == (60, 60)
    assert policy.raise_on_status is False
    assert policy.raise_on_redirect is True
    assert (policy.budget.reserve, policy.budget.ratio) == (100, 0.4)


def test_takes_all_keywords_of_urllib3():
    """There is no keyword of urllib3's that we lack."""
    theirs = inspect.signature(Retry).parameters.keys()
    assert theirs | {"max_elapsed", "budget"} == ALL_SETTINGS.keys()
    signature = inspect.signature(CloudElementsRetry)
    assert str(signature.parameters["budget"]).endswith(" = <the budget of the host>")
    assert signature.parameters.keys() == (ALL_SETTINGS.keys())


@pytest.mark.parametrize("method", ["is_retry", "increment"])
def test_parameter_names_are_those_of_urllib3(method):
    """Mocks such as responses call these by keyword."""
    ours = inspect.signature(getattr(CloudElementsRetry, method)).parameters
    theirs = inspect.signature(getattr(Retry, method)).parameters
    assert [*ours] == [*theirs]


def test_new_keeps_everything():
    """A copy has every setting of the original, urllib3's and ours."""
    policy = CloudElementsRetry(**ALL_SETTINGS)
    assert vars(policy.new()) == vars(policy)
    assert type(policy.new()) is CloudElementsRetry
    assert policy.allowed_methods == {"GET", "POST"}
    assert policy.status_forcelist == {500, 503}
    assert policy.remove_headers_on_redirect == {"x-secret"}
    for name in ALL_SETTINGS.keys() - {
        "allowed_methods",
        "status_forcelist",
        "remove_headers_on_redirect",
    }:
        assert getattr(policy, name) == ALL_SETTINGS[name]


def test_new_changes_what_it_is_told():
    """A copy can differ in one setting of ours or of urllib3's."""
    policy = CloudElementsRetry().new(total=1, max_elapsed=None, budget=None)
    assert (policy.total, policy.max_elapsed, policy.budget) == (1, None, None)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"max_elapsed": 0}, ValueError),
        ({"status_forcelist": [200]}, ValueError),
        ({"budget": 3}, TypeError),
        ({"respect_retry_after_header": "no"}, TypeError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else next(iter(value)),
)
def test_a_copy_is_checked_as_a_new_policy_is(setting, error):
    """A mistake shows when the copy is made, not at the first failure."""
    with pytest.raises(error, match=next(iter(setting))):
        CloudElementsRetry().new(**setting)


def test_a_subclass_keeps_its_attributes():
    """From attempt to attempt a policy is copied, not built anew."""

    class Named(CloudElementsRetry):
        name = ""

    policy = Named(backoff_factor=0)
    policy.name = "mine"
    failed = urllib3.HTTPResponse(status=502)
    assert policy.increment("GET", "/", response=failed).name == "mine"


def test_a_subclass_that_polls():
    """urllib3 lets a subclass wait for a 202: its statuses may be below 400."""

    class Polling(CloudElementsRetry):
        RETRY_AFTER_STATUS_CODES = frozenset({202})

    assert Polling().is_retry("GET", 202, has_retry_after=True)
    assert not Polling().is_retry("GET", 202)


def test_pickle():
    """A policy travels with its settings; the budget goes on alone."""
    policy = CloudElementsRetry(**ALL_SETTINGS)
    clone = pickle.loads(pickle.dumps(policy))
    assert clone.budget.reserve == 13
    own = {"budget": None}
    assert vars(clone) | own == vars(policy) | own


def test_a_count_that_urllib3_has_used_up():
    """With a history, a count may be -1, which is how urllib3 marks the end."""
    assert failures(1, total=-1).total == -1
    with pytest.raises(ValueError, match="total must be 0 or more"):
        failures(1, total=-2)


def test_accepted_as_it_is():
    """HTTPAdapter and PoolManager take it for the Retry that it is."""
    policy = CloudElementsRetry()
    assert HTTPAdapter(max_retries=policy).max_retries is policy
    assert Retry.from_int(policy) is policy
    assert CloudElementsRetry.from_int(2).total == 2


NUMBERS = [
    "backoff_factor",
    "backoff_max",
    "backoff_jitter",
    "retry_after_max",
    "max_elapsed",
]
COUNTS = ["total", "connect", "read", "redirect", "status", "other"]
FLAGS = ["raise_on_redirect", "raise_on_status", "respect_retry_after_header"]
BAD_SETTINGS = [
    *((name, -1, ValueError, "0 or more, or None, not -1") for name in COUNTS),
    *((name, "3", TypeError, "integer, a boolean or None, not '3'") for name in COUNTS),
    *((name, 1.5, TypeError, "integer, a boolean or None, not 1.5") for name in COUNTS),
    *((name, -0.1, ValueError, "from 0.* to 1e[+]09, not -0.1") for name in NUMBERS),
    *((name, float("nan"), ValueError, "to 1e[+]09, not nan") for name in NUMBERS),
    *((name, float("inf"), ValueError, "to 1e[+]09, not inf") for name in NUMBERS),
    *((name, 10**400, ValueError, "to 1e[+]09, not 1000") for name in NUMBERS),
    *((name, "1", TypeError, "a number, not '1'") for name in NUMBERS),
    *((name, True, TypeError, "a number, not True") for name in NUMBERS),
    *((name, None, TypeError, "a number, not None") for name in NUMBERS[:-1]),
    *((name, 1, TypeError, "True or False, not 1") for name in FLAGS),
    ("max_elapsed", 0, ValueError, "from 0.001 to 1e[+]09, not 0"),
    ("budget", 5, TypeError, "a RetryBudget or None, not 5"),
    ("budget", 0, TypeError, "a RetryBudget or None, not 0"),
    ("history", [], TypeError, r"a tuple or None, not \[\]"),
    (
        "allowed_methods",
        [],
        ValueError,
        r"name a method, or be None for every method \(total=0 for no retries\)",
    ),
    ("allowed_methods", "GET", TypeError, "a collection of names, not 'GET'"),
    ("allowed_methods", [1], TypeError, r"a collection of names, not \[1\]"),
    ("allowed_methods", False, TypeError, "a collection of names, not False"),
    ("remove_headers_on_redirect", "Cookie", TypeError, "of names, not 'Cookie'"),
    ("remove_headers_on_redirect", None, TypeError, "of names, not None"),
    ("status_forcelist", 502, TypeError, "a collection of statuses, not 502"),
    ("status_forcelist", 0, TypeError, "a collection of statuses, not 0"),
]


@pytest.mark.parametrize(
    ("name", "value", "error", "why"),
    BAD_SETTINGS,
    ids=[f"{name}={str(value)[:12]}" for name, value, *_ in BAD_SETTINGS],
)
def test_bad_settings(name, value, error, why):
    """A wrong setting fails when made, with its name, its value, what is allowed."""
    with pytest.raises(error, match=f"^{name} must .*{why}"):
        CloudElementsRetry(**{name: value})


@pytest.mark.parametrize(
    ("status", "error", "why"),
    [
        (399, ValueError, "from 400 to 999, not 399"),
        ("502", TypeError, "an integer, not '502'"),
        (True, TypeError, "an integer, not True"),
        ([502], TypeError, r"an integer, not \[502\]"),
    ],
    ids=["too small", "a string", "a bool", "a list"],
)
def test_a_bad_status(status, error, why):
    """The message names the status that is wrong, and the setting that it is in."""
    with pytest.raises(error, match=f"^a status in status_forcelist must .*{why}"):
        CloudElementsRetry(status_forcelist=[502, status])


def test_bad_settings_cover_every_keyword():
    """No keyword goes unchecked."""
    assert {name for name, *_ in BAD_SETTINGS} == ALL_SETTINGS.keys()


def test_unknown_keyword():
    """A typo is a TypeError."""
    with pytest.raises(TypeError, match="max_elapse'"):
        CloudElementsRetry(max_elapse=3)


def test_unknown_argument():
    """Python names the class that the user called, not the base that checks."""
    with pytest.raises(TypeError, match=r"^CloudElementsRetry\.__init__\(\) got"):
        CloudElementsRetry(max_retries=3)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("headers", 5, "headers must be a mapping or None, not 5"),
        ("url", b"/path", "url must be a str or None, not bytes"),
    ],
)
def test_for_request_checks_its_arguments(name, value, why):
    """What is wrong with a request is said at once, not at its first failure."""
    with pytest.raises(TypeError, match=why):
        CloudElementsRetry().for_request(b"", **{name: value})


@pytest.mark.parametrize("statuses", [None, [], frozenset()])
def test_no_status_listed(statuses):
    """An empty list of statuses means that none is retried."""
    policy = CloudElementsRetry(status_forcelist=statuses)
    assert policy.status_forcelist == frozenset()
    assert not policy.is_retry("GET", 502)


def test_methods_none_is_every_method():
    """None, as in urllib3, is every method, and has to be asked for by name."""
    policy = CloudElementsRetry(allowed_methods=None)
    assert policy.is_retry("POST", 502)
    assert policy.new().allowed_methods is None


# What is retried


@pytest.mark.parametrize("status", [500, 502])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_retried(method, status):
    """The two statuses are retried for idempotent methods."""
    assert CloudElementsRetry().is_retry(method, status)


@pytest.mark.parametrize("status", [500, 502])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_writes_are_not_retried(method, status):
    """The platform knows no idempotency key, so POST and PATCH are sent once."""
    assert not CloudElementsRetry().is_retry(method, status)
    assert not CloudElementsRetry().is_retry(method, 503, has_retry_after=True)
    assert CloudElementsRetry(allowed_methods=[method]).is_retry(method, status)


@pytest.mark.parametrize("status", sorted({*HTTPStatus, 424, 524} - {500, 502}))
def test_nothing_else_is_retried(status):
    """No other status is, without a Retry-After."""
    assert not CloudElementsRetry().is_retry("GET", status)


# Attempts


def test_history_as_urllib3_fills_it():
    """The history is what urllib3 would have, network failures included."""
    ours, theirs = CloudElementsRetry(total=9), Retry(total=9)
    for response, error in ((answer(502), None), (None, BROKEN), (None, REFUSED)):
        ours = ours.increment("GET", "/path", response, error)
        theirs = theirs.increment("GET", "/path", response, error)
    assert ours.history == theirs.history
    assert (ours.total, len(ours.history)) == (6, 3)


def test_attempts_remember_every_failure(clock):
    """What each attempt said is kept, in order, and on the policy of its call alone."""
    policy = CloudElementsRetry(backoff_factor=0)
    body = b'{"requestId": "r1", "providerMessage": "no"}'
    second = policy.increment("GET", "/path", answer(502, {"Retry-After": "2"}, body))
    third = second.increment("GET", "/path", None, BROKEN)
    fourth = third.increment("GET", "/path", answer(500, body=b"<html>"))
    assert fourth.attempts == (
        Attempt(1, 502, "r1", "no", waited=2),
        Attempt(2, error="Connection aborted."),
        Attempt(3, 500),
    )
    assert policy.attempts == ()


def test_body_is_read_only_if_it_will_be_followed():
    """The last answer reaches the caller unread."""
    response = answer(502, body=b"all of it")
    assert stop(CloudElementsRetry(total=0), response) == "attempts"
    assert response.read() == b"all of it"


def test_one_call_does_not_see_another():
    """Requests under one policy have attempts of their own."""
    policy = CloudElementsRetry()
    one, other = policy.for_request(), policy.for_request()
    one.increment("GET", "/", answer())
    assert (len(one.attempts), len(other.attempts)) == (1, 0)


def test_a_shared_policy_learns_nothing_of_a_call():
    """Why one call stopped is on its answer; the next call starts with none of it."""
    policy = CloudElementsRetry(budget=RetryBudget(0))
    response = answer()
    assert stop(policy, response) == "budget"
    assert response.retries is not policy
    assert policy.why_stopped("GET", 404, {}) == "status"


def test_no_limit_is_no_endless_loop(clock):
    """With total=None, 100 retries are made at most: urllib3 recurses for each."""
    policy = CloudElementsRetry(total=None, max_elapsed=None, budget=None)
    for _ in range(100):
        policy = policy.increment("GET", "/", None, REFUSED)
    with pytest.raises(MaxRetryError, match="refused"):
        policy.increment("GET", "/", None, REFUSED)
    assert len(policy.attempts) == 101


@pytest.mark.parametrize("name", ["connect", "read", "status", "other"])
def test_counts_apart(name):
    """Each kind of failure can have a limit of its own, below the total."""
    error = {"connect": REFUSED, "read": BROKEN, "other": SSLError("tls")}.get(name)
    response = answer() if name == "status" else None
    policy = CloudElementsRetry(**{name: 1})
    policy = policy.increment("GET", "/", response, error)
    with pytest.raises(MaxRetryError):
        policy.increment("GET", "/", response, error)


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"total": False}, REFUSED), ({"connect": False}, REFUSED), ({"read": 0}, None)],
)
def test_switched_off(settings, error):
    """False lets the failure itself through, as in urllib3; 0 wraps it."""
    policy = CloudElementsRetry(**settings).for_request()
    expected = MaxRetryError if error is None else type(error)
    with pytest.raises(expected):
        policy.increment("GET", "/", None, error or BROKEN)
    assert policy.attempts == (Attempt(1, error=str(error or BROKEN)),)


@pytest.mark.parametrize(
    "error",
    [BROKEN, SSLError("tls"), ReadTimeoutError(None, "/", "slow")],
    ids=["reset", "tls", "timeout"],
)
def test_post_that_may_have_arrived_is_not_repeated(error):
    """What broke after sending began is passed on as it is, with one attempt."""
    policy = CloudElementsRetry().for_request()
    with pytest.raises(type(error)) as caught:
        policy.increment("POST", "/", None, error)
    assert caught.value is error
    assert policy.attempts == (Attempt(1, error=str(error)),)
    assert policy.new(allowed_methods=["POST"]).increment("POST", "/", None, error)


def test_post_that_never_left_is_repeated():
    """A refused connection is retried for every method: nobody got anything."""
    assert CloudElementsRetry().increment("POST", "/", None, REFUSED).total == 2


def test_raise_on_status_on_request():
    """The reason of a MaxRetryError is a ResponseError, as urllib3's callers expect."""
    with pytest.raises(MaxRetryError) as caught:
        CloudElementsRetry(budget=RetryBudget(0)).increment("GET", "/", answer())
    assert isinstance(caught.value.reason, ResponseError)
    assert str(caught.value.reason) == "too many error responses"


def test_redirect_is_no_failure(clock):
    """A redirect that urllib3 follows is no attempt, starts no clock, costs nothing."""
    policy = CloudElementsRetry(budget=RetryBudget(5, 0)).for_request()
    moved = answer(302, {"Location": "/there"})
    following = policy.increment("GET", "/here", moved)
    assert following.attempts == ()
    assert following.budget.tokens == 4
    assert following.get_backoff_time() == 0
    clock.now += 100
    following = following.increment("GET", "/there", answer())
    assert [one.status_code for one in following.attempts] == [502]


# Backoff


@pytest.mark.parametrize(
    ("count", "most"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (300, 8)]
)
def test_full_jitter(count, most):
    """From the first retry on, waits fill uniform(0, min(max, factor * 2**n))."""
    policy = failures(count)
    waits = [policy.get_backoff_time() for _ in range(4000)]
    assert min(waits) >= 0
    assert max(waits) <= most
    assert min(waits) < 0.01 * most
    assert max(waits) > 0.99 * most
    assert sum(waits) / len(waits) == pytest.approx(most / 2, rel=0.05)
    # Uniform, not heaped: each tenth has its tenth.
    tenths = [sum(int(10 * wait / most) == n for wait in waits) for n in range(10)]
    assert all(300 < tenth < 500 for tenth in tenths)


def test_first_wait_comes_from_the_first_formula(monkeypatch, clock):
    """The retry after the first failure draws with n=0, the next with n=1."""
    drawn = []
    monkeypatch.setattr(
        "cloud_elements_errors._retries.policy._random.uniform",
        lambda least, most: drawn.append((least, most)) or most,
    )
    policy = CloudElementsRetry(backoff_factor=0.5, backoff_max=1.5, max_elapsed=None)
    waited = []
    for _ in range(3):
        policy = policy.increment("GET", "/", answer())
        policy.sleep(answer())
        waited.append(policy.attempts[-1].waited)
    assert [pair for pair in drawn if pair != (0, 0)] == [(0, 0.5), (0, 1), (0, 1.5)]
    assert waited == [0.5, 1, 1.5]
    assert clock.slept == [0.5, 1, 1.5]


def test_no_wait_before_the_first_attempt():
    """Nothing failed yet, so there is nothing to wait for."""
    assert CloudElementsRetry().get_backoff_time() == 0


def test_jitter_on_top_stays_below_the_maximum():
    """urllib3's additive jitter works too, within backoff_max."""
    policy = failures(1, backoff_factor=0, backoff_jitter=2, backoff_max=1)
    waits = [policy.get_backoff_time() for _ in range(1000)]
    assert max(waits) == 1
    assert min(waits) < 0.05


def test_a_redirect_is_no_failure_to_back_off_from():
    """All failures of the call count, and no redirects."""
    moved = RequestHistory("GET", "/", None, 302, "/there")
    failed = RequestHistory("GET", "/", None, 502, None)
    policy = CloudElementsRetry(history=(failed, moved, failed))
    assert 0.5 < max(policy.get_backoff_time() for _ in range(1000)) <= 1


def test_the_longest_history_overflows_nothing():
    """The largest settings and any history are a wait, not an OverflowError."""
    policy = failures(5000, backoff_factor=1e9, backoff_max=1e9)
    assert 0 <= policy.get_backoff_time() <= 1e9


# Retry-After


def date(seconds):
    return formatdate(NOW + seconds, usegmt=True)


RETRY_AFTER = [
    ("integer", "7", 7),
    ("spaces", "  7 ", 7),
    ("decimal", "0.5", 0.5),
    ("decimal point at the end", "7.", 7),
    ("decimal point at the start", ".5", 0.5),
    ("IMF-fixdate", date(20), 20),
    ("RFC 850", "Tuesday, 14-Nov-23 22:13:40 GMT", 20),
    ("asctime", "Tue Nov 14 22:13:40 2023", 20),
]
NO_WAIT = [("zero", "0"), ("past", date(-100)), ("long past", "01 Jan 1970 00:00 GMT")]
GARBAGE = [
    ("word", "soon"),
    ("negative", "-1"),
    ("plus", "+7"),
    ("exponent", "1e3"),
    ("not a number", "nan"),
    ("infinity", "inf"),
    ("superscript", "\xb2"),
    ("two", "1, 2"),
    ("year out of range", "Tue, 14 Nov 99999999999 22:13:40 GMT"),
    ("blank", " "),
    ("empty", ""),
]
HUGE = [
    ("a second too long", "61", 61),
    ("a day", "86400", 86400),
    ("date", date(61), 61),
    ("5,000 digits", "9" * 5000, 1.7976931348623157e308),
]


@pytest.fixture
def wall_clock(monkeypatch):
    monkeypatch.setattr("cloud_elements_errors._errors.payload.time.time", lambda: NOW)


@pytest.mark.usefixtures("wall_clock")
@pytest.mark.parametrize("status", [413, 429, 500, 502, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [case[1:] for case in RETRY_AFTER],
    ids=[case[0] for case in RETRY_AFTER],
)
def test_retry_after_is_waited(clock, status, value, seconds):
    """A usable Retry-After is the wait, to the second, for 413, 429 and 503 too."""
    policy = CloudElementsRetry()
    response = answer(status, {"Retry-After": value})
    assert policy.is_retry("GET", status, has_retry_after=True)
    following = policy.increment("GET", "/", response)
    following.sleep(response)
    assert clock.slept == [seconds]
    assert following.attempts[0].waited == seconds


@pytest.mark.usefixtures("wall_clock")
@pytest.mark.parametrize("status", [413, 429, 503])
@pytest.mark.parametrize(
    "value", [case[1] for case in NO_WAIT], ids=[case[0] for case in NO_WAIT]
)
def test_retry_after_now_backs_off(clock, status, value):
    """A Retry-After of no time allows the retry; our jitter says when."""
    policy = CloudElementsRetry(backoff_max=0.25).increment(
        "GET", "/", answer(status, {"Retry-After": value})
    )
    policy.sleep()
    assert 0 < sum(clock.slept) <= 0.25


@pytest.mark.usefixtures("wall_clock")
@pytest.mark.parametrize(
    "value", [case[1] for case in GARBAGE], ids=[case[0] for case in GARBAGE]
)
def test_garbage_is_ignored(clock, value):
    """With a 502 garbage is as if absent; with a 503 it is no leave to retry."""
    headers = {"Retry-After": value}
    policy = CloudElementsRetry(backoff_max=0.25)
    assert policy.get_retry_after(answer(502, headers)) is None
    policy.increment("GET", "/", answer(502, headers)).sleep(answer(502, headers))
    assert 0 < sum(clock.slept) <= 0.25
    for status in (413, 429, 503):
        assert stop(policy, answer(status, headers)) == "status"


@pytest.mark.usefixtures("wall_clock")
@pytest.mark.parametrize("status", [413, 429, 500, 502, 503])
@pytest.mark.parametrize(
    ("value", "seconds"), [case[1:] for case in HUGE], ids=[case[0] for case in HUGE]
)
def test_longer_than_the_maximum_ends_at_once(clock, status, value, seconds):
    """Asked to wait too long, the policy stops, and does not sleep."""
    response = answer(status, {"Retry-After": value})
    assert stop(CloudElementsRetry(max_elapsed=None), response) == "retry_after"
    assert clock.slept == []


def test_a_status_of_the_user_that_asks_for_too_long():
    """It need not be one of those for which HTTP defines the header."""
    policy = CloudElementsRetry(status_forcelist=[400])
    assert stop(policy, answer(400, {"Retry-After": "61"})) == "retry_after"


def test_a_redirect_that_asks_to_wait(clock, monkeypatch):
    """As in urllib3, also if the policy knows the request."""
    monkeypatch.setattr("urllib3.util.retry.time", clock)
    moved = answer(302, {"Location": "/there", "Retry-After": "3"})
    for policy in (CloudElementsRetry(), CloudElementsRetry().for_request()):
        policy.increment("GET", "/here", moved).sleep(moved)
    assert clock.slept == [3, 3]


def test_a_retry_after_that_urllib3_parses():
    """Its own method raises its own exception, with what it could not read."""
    policy = CloudElementsRetry()
    assert policy.parse_retry_after("7") == 7
    with pytest.raises(InvalidHeader, match="Invalid Retry-After header: soon"):
        policy.parse_retry_after("soon")


def test_the_maximum_itself_is_waited(clock):
    """60 seconds are honoured by default, when the time allows them."""
    policy = CloudElementsRetry().increment(
        "GET", "/", answer(503, {"Retry-After": "60"})
    )
    policy.sleep()
    assert clock.slept == [60]


def test_retry_after_not_respected(clock):
    """Switched off, the header is neither waited for nor a reason to stop."""
    policy = CloudElementsRetry(respect_retry_after_header=False, backoff_max=0.25)
    headers = {"Retry-After": "61"}
    policy.increment("GET", "/", answer(502, headers)).sleep(answer(502, headers))
    assert 0 < sum(clock.slept) <= 0.25
    assert not policy.is_retry("GET", 503, has_retry_after=True)
    assert policy.why_stopped("GET", 503, headers) == "status"


def test_retry_after_is_cut_where_urllib3_asks(clock, monkeypatch):
    """Where urllib3 itself waits, after a redirect, it is no longer than allowed."""
    monkeypatch.setattr("urllib3.util.retry.time", clock)
    moved = answer(302, {"Location": "/there", "Retry-After": "900"})
    following = CloudElementsRetry(retry_after_max=2).increment("GET", "/", moved)
    following.sleep_for_retry(moved)
    following.sleep(moved)
    assert clock.slept == [2, 2]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1, 1", 1),
        ("1,1 , 1", 1),
        ("0.5, 0.5", 0.5),
        (f"{date(20)}, {date(20)}", 20),
        (f"{date(20)},{date(20)},{date(20)}", 20),
        ("1, 2", None),
        ("1, 1, 2", None),
        (f"{date(20)}, {date(30)}", None),
        (f"{date(20)}, 20", None),
        ("," * 60_000, None),
        ("1, " * 20_000 + "1", 1),
    ],
    ids=[*"abcdefghi", "commas", "many"],
)
@pytest.mark.usefixtures("wall_clock")
def test_retry_after_sent_several_times(value, seconds):
    """The same value counts once; several values are none."""
    response = answer(503, {"Retry-After": value})
    assert CloudElementsRetry().get_retry_after(response) == seconds


@pytest.mark.usefixtures("wall_clock")
@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (date(300), 20),  # the local clock is five minutes behind
        (date(-300), 620),
        (date(400), 0),
        ("soon", 320),
        ("", 320),
    ],
    ids=["ahead", "behind", "past", "garbage", "empty"],
)
def test_a_date_counts_from_the_date_of_the_response(sent, seconds):
    """The clocks of the two machines need not agree."""
    headers = {"Retry-After": date(320), "Date": sent}
    policy = CloudElementsRetry()
    assert policy.get_retry_after(answer(503, headers)) == seconds
    error = error_from_parts(503, b"", headers)
    assert error.retry_after == seconds
    # Seconds are seconds, whatever the date.
    headers["Retry-After"] = "7"
    assert policy.get_retry_after(answer(503, headers)) == 7


def test_jitter_on_top_of_retry_after(clock):
    """Clients that were told the same come back apart, and none of them early."""
    policy = CloudElementsRetry(backoff_jitter=2, budget=None)
    waits = [
        policy.for_request()
        .increment("GET", "/", answer(503, {"Retry-After": "5"}))
        .attempts[0]
        .waited
        for _ in range(200)
    ]
    assert 5 <= min(waits) < 5.2
    assert 6.8 < max(waits) <= 7


def test_jitter_does_not_miss_the_deadline(clock):
    """A wait that the server asks for, and the time allows, is not made too long."""
    policy = CloudElementsRetry(backoff_jitter=2, max_elapsed=5, budget=None)
    for _ in range(100):
        response = answer(503, {"Retry-After": "5"})
        following = policy.increment("GET", "/", response)
        assert following.attempts[0].waited == 5


# What a subclass may override


class Milliseconds(CloudElementsRetry):
    """Reads a header of its own."""

    def get_retry_after(self, response):
        milliseconds = response.headers.get("Retry-After-Ms")
        if milliseconds is None:
            return super().get_retry_after(response)
        return int(milliseconds) / 1000


class Suffix(CloudElementsRetry):
    """Reads a format of its own."""

    def parse_retry_after(self, retry_after):
        if retry_after.endswith("ms"):
            return int(retry_after[:-2]) / 1000
        return super().parse_retry_after(retry_after)


class Constant(CloudElementsRetry):
    def get_backoff_time(self):
        return 2.5


@pytest.mark.parametrize(
    ("cls", "headers", "waited"),
    [
        (Milliseconds, {"Retry-After-Ms": "1500"}, 1.5),
        (Milliseconds, {"Retry-After-Ms": "1500", "Retry-After": "9"}, 1.5),
        (Milliseconds, {"Retry-After": "9"}, 9),
        (Suffix, {"Retry-After": "1500ms"}, 1.5),
        (Suffix, {"Retry-After": "9"}, 9),
        (Milliseconds, {"Retry-After-Ms": "-1"}, 0.125),
        (Constant, {}, 2.5),
        (Constant, {"Retry-After": "9"}, 9),
        (Constant, {"Retry-After": "soon"}, 2.5),
    ],
)
def test_a_subclass_that_waits_its_own_way(clock, monkeypatch, cls, headers, waited):
    """It is asked, and what it says is waited, recorded and logged."""
    policy = cls(backoff_factor=0.125)
    monkeypatch.setattr(
        "cloud_elements_errors._retries.policy._random.uniform",
        lambda least, most: most,
    )
    following = policy.increment("GET", "/", answer(502, headers))
    following.sleep()
    assert clock.slept == [following.attempts[0].waited] == [waited]


@pytest.mark.parametrize(
    ("cls", "headers"),
    [(Milliseconds, {"Retry-After-Ms": "61000"}), (Suffix, {"Retry-After": "61000ms"})],
)
def test_a_subclass_that_is_asked_to_wait_too_long(cls, headers):
    """The longest wait is the longest wait."""
    assert stop(cls(), answer(502, headers)) == "retry_after"


def test_a_subclass_that_reads_no_number(clock):
    """A header that a subclass cannot read either is as if absent."""
    following = Suffix(backoff_max=0.25).increment(
        "GET", "/", answer(502, {"Retry-After": "xms"})
    )
    assert following.attempts[0].waited <= 0.25


def test_a_429_in_a_format_of_a_subclass():
    """It is valid if the subclass can read it."""
    response = answer(429, {"Retry-After": "1500ms"})
    assert Suffix().increment("POST", "/", response).attempts[0].waited == 1.5
    assert stop(CloudElementsRetry(), answer(429, {"Retry-After": "1500ms"})) == (
        "status"
    )


class Always(CloudElementsRetry):
    """Retries what the server has not asked for."""

    def is_retry(self, method, status_code, has_retry_after=False):
        wanted = super().is_retry(method, status_code, has_retry_after)
        return wanted or status_code in {404, 429}


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}], ids=["none", "bad"])
@pytest.mark.parametrize("status", [404, 429])
def test_a_subclass_that_retries_more(status, headers):
    """What it wants to retry is retried."""
    policy = Always()
    assert policy.is_retry("GET", status, bool(headers))
    following = policy.increment("GET", "/", answer(status, headers))
    assert following.attempts[0].status_code == status


def test_a_subclass_that_makes_its_own_copies(clock):
    """Its new() is asked for each attempt."""

    class Counted(CloudElementsRetry):
        copies = 0

        def new(self, **kw):
            clone = super().new(**kw)
            clone.copies = self.copies + 1
            return clone

    policy = Counted(backoff_factor=0)
    policy = policy.increment("GET", "/", answer()).increment("GET", "/", answer())
    assert policy.copies == 2


# max_elapsed


def test_no_attempt_starts_after_max_elapsed(clock):
    """The clock starts at the first failure, and Retry-After counts."""
    policy = CloudElementsRetry(total=9, max_elapsed=10, budget=None)
    for _ in range(2):
        policy = policy.increment("GET", "/", answer(503, {"Retry-After": "5"}))
        policy.sleep()
    assert clock.now == 1010
    assert stop(policy, answer(503, {"Retry-After": "0.01"})) == "deadline"


def test_time_before_the_first_failure_is_free(clock):
    """How long the first attempt took does not count."""
    policy = CloudElementsRetry(max_elapsed=1).for_request()
    clock.now += 1000
    assert policy.increment("GET", "/", answer(502, {"Retry-After": "1"})).attempts


def test_time_within_attempts_counts(clock):
    """A slow second attempt uses the time up."""
    policy = CloudElementsRetry(max_elapsed=10, backoff_factor=0)
    policy = policy.increment("GET", "/", answer())
    clock.now += 10
    policy = policy.increment("GET", "/", answer())
    clock.now += 0.01
    assert stop(policy, answer()) == "deadline"


def test_network_failures_stop_at_the_deadline_too(clock):
    """A failed connection is under the same limit."""
    policy = CloudElementsRetry(total=None, max_elapsed=10, backoff_factor=0)
    policy = policy.increment("GET", "/", None, REFUSED)
    clock.now += 11
    with pytest.raises(MaxRetryError, match="refused"):
        policy.increment("GET", "/", None, REFUSED)
    assert [one.error for one in policy.attempts] == ["refused", "refused"]


def test_no_max_elapsed(clock):
    """None is no limit in time."""
    policy = CloudElementsRetry(max_elapsed=None, backoff_factor=0)
    policy = policy.increment("GET", "/", answer())
    clock.now += 1e9
    assert policy.increment("GET", "/", answer()).total == 1


class TimeLimitError(Exception):
    """What a job's time limit raises, from a signal handler."""


def test_a_wait_that_is_ended_gives_its_token_back(clock, budget_clock, monkeypatch):
    """The retry was never sent."""

    def end(_seconds):
        raise TimeLimitError

    monkeypatch.setattr(clock, "sleep", end)
    budget = RetryBudget(ratio=0)
    following = CloudElementsRetry(budget=budget).increment("GET", "/", answer())
    assert budget.tokens == 3
    with pytest.raises(TimeLimitError):
        following.sleep()
    assert budget.tokens == 4


def test_waits_that_are_not_slept_count(clock):
    """In a test there are as many attempts as there would be in production."""
    policy = CloudElementsRetry(9, max_elapsed=110, budget=None).for_request()
    following = policy
    with no_wait():
        for _ in range(2):
            following = following.increment(
                "GET", "/", answer(503, {"Retry-After": "50"})
            )
            following.sleep()
        assert stop(following, answer(503, {"Retry-After": "50"})) == "deadline"
    assert (clock.now, clock.slept) == (1000, [])


def test_short_waits_that_are_not_slept_count_as_they_are(clock):
    """A test has no fewer attempts than production, either."""
    policy = CloudElementsRetry(5, max_elapsed=2, backoff_max=0.1, budget=None)
    following = policy.for_request()
    with no_wait():
        for _ in range(5):
            following = following.increment("GET", "/", answer())
            clock.now += 0.2  # so the time of the wait is over
            following.sleep()
    assert len(following.attempts) == 5


def test_a_policy_that_has_nothing_to_wait_for_in_a_test(clock):
    """So it is before the first failure, and after a redirect."""
    moved = answer(302, {"Location": "/there"})
    with no_wait():
        CloudElementsRetry().sleep()
        following = CloudElementsRetry().increment("GET", "/here", moved)
        assert following.sleep_for_retry(moved) is False
        following.sleep(moved)
    assert sum(clock.slept) == 0


def test_the_users_random_numbers(clock):
    """Their sequence does not move, and does not make workers wait alike."""
    random.seed(17)
    expected = random.random()
    random.seed(17)
    waits = []
    for _ in range(2):
        following = CloudElementsRetry().increment("GET", "/", answer())
        waits.append(following.attempts[0].waited)
    assert random.random() == expected
    random.seed(17)
    waits.append(
        CloudElementsRetry().increment("GET", "/", answer()).attempts[0].waited
    )
    assert len(set(waits)) == 3


class SlowBody(io.BytesIO):
    """A body whose every read takes time."""

    def __init__(self, clock, seconds):
        super().__init__(b"x" * 10)
        self.clock, self.seconds = clock, seconds

    def read(self, amt=-1):
        self.clock.now += self.seconds
        return super().read(amt)

    read1 = read


@pytest.mark.parametrize(("seconds", "slept"), [(1, [3]), (4, [])])
def test_reading_the_failing_body_is_part_of_the_wait(clock, seconds, slept):
    """A wait of 5 seconds began when the answer came, not when it was read."""
    response = urllib3.HTTPResponse(
        SlowBody(clock, seconds),
        status=503,
        headers={"Retry-After": "5"},
        preload_content=False,
    )
    following = CloudElementsRetry().increment("GET", "/", response)
    following.sleep(response)
    assert clock.slept == slept
    assert clock.now == max(1005, 1000 + 2 * seconds)


def test_the_failing_body_is_read_no_longer_than_the_deadline(clock, monkeypatch):
    """What is left of max_elapsed bounds the read, besides its own 5 seconds."""
    granted = []

    def body_of(_response, seconds):
        granted.append(seconds)
        return Body(b"", whole=True, received=b"")

    monkeypatch.setattr("cloud_elements_errors._retries.policy.body_of", body_of)
    for most in (2, 60, None):
        policy = CloudElementsRetry(max_elapsed=most, backoff_factor=0)
        policy.increment("GET", "/", answer())
    assert granted == [2, 60, math.inf]


# A redirect


def test_a_whole_body_after_the_deadline(clock):
    """It is too late for a retry, and nothing of the answer is missing."""

    class Late(io.BytesIO):
        def read1(self, size=-1):
            clock.now += 61
            return super().read1(size)

    late = urllib3.HTTPResponse(
        Late(b'{"a": 1}'),
        status=502,
        headers={"Content-Length": "8"},
        preload_content=False,
    )
    assert stop(CloudElementsRetry(), late) == "deadline"
    assert b"".join(late.stream(5)) == b'{"a": 1}'


def test_the_next_hop_goes_on(clock):
    """After a redirect, the call has the attempts, the time and the counts that it
    had, and the secrets, the body and the budget of its new request."""
    there = "http://there/path?key=s3cr3t-0f-th3re"
    policy = CloudElementsRetry(3, max_elapsed=10)
    first = policy.for_call(RequestState(b"", {}, "http://here/"))
    first = first.increment("GET", "/", answer(502, {"Retry-After": "4"}))
    first.sleep()
    assert not first.is_retry("GET", 302)
    state = RequestState(iter("x"), {}, there)
    state.attempts, state.deadline = first.attempts, first.state.deadline
    hop = first.for_call(state)
    assert (hop.total, hop.stopped_by) == (2, None)
    assert hop.history == first.history
    assert [one.number for one in hop.attempts] == [1]
    assert hop.budget is CloudElementsRetry().for_request(url=there).budget
    assert hop.state.urls == (there,)
    assert stop(hop, answer(), "PUT") == "body"
    state = RequestState(None, {}, there)
    state.attempts, state.deadline = first.attempts, first.state.deadline
    hop = first.for_call(state)
    hop = hop.increment("GET", "/", None, ProtocolError("at key=s3cr3t-0f-th3re"))
    assert [one.number for one in hop.attempts] == [1, 2]
    assert "s3cr3t" not in hop.attempts[1].error
    clock.now = 1010.1
    assert stop(hop, answer()) == "deadline"


# What is raised


def test_what_is_raised_says_why():
    """Whatever client catches it can tell how often and why."""
    budget = RetryBudget(0)
    policy = CloudElementsRetry(budget=budget)
    cases = [
        ("budget", policy, (None, BROKEN)),
        ("budget", policy, (answer(), None)),
        ("attempts", CloudElementsRetry(0), (None, BROKEN)),
        ("attempts", CloudElementsRetry(0), (answer(), None)),
        ("attempts", CloudElementsRetry(False), (None, BROKEN)),
        ("attempts", CloudElementsRetry(False), (answer(), None)),
        ("attempts", CloudElementsRetry(connect=False), (None, REFUSED)),
        ("attempts", CloudElementsRetry(read=False), (None, BROKEN)),
        ("attempts", CloudElementsRetry(status=False), (answer(), None)),
        ("method", CloudElementsRetry(allowed_methods=["PUT"]), (None, BROKEN)),
    ]
    for reason, unbound, (response, error) in cases:
        for retry in (unbound, unbound.for_request()):
            with pytest.raises(
                (MaxRetryError, ProtocolError, ConnectTimeoutError)
            ) as e:
                retry.increment("GET", "/", response, error)
            raised = e.value
            assert raised.stopped_by == reason
            status = None if response is None else 502
            assert [one[:2] for one in raised.attempts] == [(1, status)]
            assert pickle.loads(pickle.dumps(raised)).args == raised.args


def test_a_failure_is_freed_at_once():
    """Nothing of ours keeps an exception that has been handled."""

    class FailureError(ProtocolError):
        pass

    def fail(policy):
        error = FailureError("broken")
        seen = [weakref.ref(error)]
        try:
            policy.increment("GET", "/", error=error)
        except MaxRetryError as raised:
            seen.append(weakref.ref(raised))
        return seen

    gc.collect()
    gc.disable()
    try:
        for settings in ({"total": 0}, {"budget": RetryBudget(0)}):
            policy = CloudElementsRetry(**settings).for_request()
            assert [ref() for ref in fail(policy)] == [None, None]
    finally:
        gc.enable()


# Bodies


class NoTell:
    """Can go back, and does not say to where."""

    def seek(self, _position):
        return 0


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"x",
        "x",
        bytearray(b"x"),
        memoryview(b"x"),
        [b"x"],
        (b"x",),
        io.BytesIO(b"x"),
        io.StringIO("x"),
    ],
    ids=lambda body: type(body).__name__,
)
def test_bodies_that_can_be_sent_again(body):
    """What urllib3 can send a second time as it was is retried."""
    policy = CloudElementsRetry().for_request(body)
    assert policy.increment("PUT", "/", answer()).attempts
    assert policy.for_request(body).increment("PUT", "/", None, BROKEN).attempts


@pytest.mark.parametrize(
    "body",
    [(x for x in [b"x"]), iter([b"x"]), map(bytes, [b"x"]), object(), NoTell()],
    ids=lambda body: type(body).__name__,
)
def test_bodies_that_cannot_be_sent_again(body):
    """Anything else is not, neither after an answer nor after a network failure."""
    policy = CloudElementsRetry().for_request(body)
    assert stop(policy, answer(), "PUT") == "body"
    policy = CloudElementsRetry().for_request(body)
    with pytest.raises(MaxRetryError, match="Connection aborted"):
        policy.increment("PUT", "/", None, BROKEN)


def test_a_closed_file_cannot_be_sent_again():
    """A file that somebody has closed meanwhile says no with a ValueError."""
    file = io.BytesIO(b"x")
    policy = CloudElementsRetry().for_request(file)
    file.close()
    assert stop(policy, answer(), "PUT") == "body"


def test_asking_moves_no_file():
    """A file stays where it is: urllib3 rewinds it to where it started."""
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    CloudElementsRetry().for_request(file).increment("PUT", "/", answer())
    assert file.tell() == 4


# Why it stopped, without increment


@pytest.mark.parametrize(
    ("method", "status", "headers", "settings", "body", "why"),
    [
        ("GET", 404, {}, {}, None, "status"),
        ("GET", 503, {}, {}, None, "status"),
        ("POST", 502, {}, {}, None, "method"),
        ("POST", 503, {"Retry-After": "1"}, {}, None, "method"),
        ("POST", 413, {"Retry-After": "1"}, {}, None, "method"),
        ("POST", 429, {}, {}, None, "status"),
        ("POST", 429, {}, {"status_forcelist": [429]}, None, "method"),
        (
            *("POST", 429, {"Retry-After": "1"}),
            *({"respect_retry_after_header": False}, None, "status"),
        ),
    ],
)
def test_why_stopped_when_is_retry_said_no(  # noqa: PLR0917 - a table
    method, status, headers, settings, body, why
):
    """urllib3 asks is_retry first, and then nothing more: the reason is still told."""
    policy = CloudElementsRetry(**settings)
    assert not policy.is_retry(method, status, bool(headers))
    assert policy.for_request(body).why_stopped(method, status, headers) == why


def test_why_stopped_without_increment():
    """A mock may return a 502 without asking the policy about it."""
    assert CloudElementsRetry().why_stopped("GET", 502, {}) == "status"


def test_a_subclass_that_retries_less():
    """Its is_retry() said no: that retries are left does not matter."""

    class Fewer(CloudElementsRetry):
        def is_retry(self, method, status_code, has_retry_after=False):
            wanted = super().is_retry(method, status_code, has_retry_after)
            return wanted and status_code != 502

    assert not Fewer().is_retry("GET", 502)
    assert Fewer().why_stopped("GET", 502, {}) == "status"


# The log


def test_log_record(clock, lines):
    """One WARNING a retry: method, path, status, provider text, attempt, wait."""
    body = b'{"requestId": "r1", "providerMessage": "Connection\\nreset"}'
    CloudElementsRetry().increment(
        "GET", "/contacts?q=private", answer(502, {"Retry-After": "2"}, body)
    )
    (record,) = lines()
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "Retrying GET /contacts after 502 (Connection reset): attempt 2 of 4 in 2.00 s"
    )
    expected = {
        "method": "GET",
        "path": "/contacts",
        "status_code": 502,
        "request_id": "r1",
        "provider_message": r"Connection\nreset",
        "error": None,
        "attempt": 2,
        "max_attempts": 4,
        "wait": 2,
    }
    assert {name: vars(record)[name] for name in expected} == expected


@pytest.mark.parametrize("name", ["request_id", "method", "path", "error", "wait"])
def test_log_record_of_an_application(clock, lines, name):
    """An application's own record factory may set any attribute."""
    before = logging.getLogRecordFactory()

    def factory(*args, **kwargs):
        record = before(*args, **kwargs)
        setattr(record, name, "mine")
        return record

    logging.setLogRecordFactory(factory)
    try:
        CloudElementsRetry().increment("GET", "/contacts", answer(502))
    finally:
        logging.setLogRecordFactory(before)
    (record,) = lines()
    assert getattr(record, name) == "mine"
    assert "/contacts after 502" in record.getMessage()


def test_log_record_of_a_network_failure(clock, lines):
    """In place of the status stands what broke."""
    policy = CloudElementsRetry(backoff_factor=0)
    policy.increment("GET", "/contacts", None, BROKEN)
    (record,) = lines()
    assert record.getMessage() == (
        "Retrying GET /contacts after Connection aborted.: attempt 2 of 4 in 0.00 s"
    )
    assert record.status_code is None
    assert record.error == "Connection aborted."


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"total": 1}, 2),
        ({"total": None}, None),
        ({"total": 10**5000}, 101),
        ({"total": 10, "status": 1}, 2),
        ({"total": 10, "status": 2}, 3),
        ({"total": 1, "status": 5}, 2),
        ({"total": None, "status": 2}, 3),
        ({"total": 10, "connect": 1, "read": 1, "other": 1}, 11),
    ],
    ids=["1", "None", "more than there can be", *"abcde"],
)
def test_log_says_of_how_many(clock, lines, settings, most):
    """m in "attempt n of m" is how many there can be, by the smallest count that
    applies to this failure."""
    CloudElementsRetry(**settings).increment("GET", "/", answer())
    (record,) = lines()
    of = "" if most is None else f" of {most}"
    assert f"attempt 2{of} in" in record.getMessage()
    assert record.max_attempts == most


@pytest.mark.parametrize(
    ("count", "error"),
    [("connect", REFUSED), ("read", BROKEN), ("other", SSLError("tls"))],
)
def test_log_says_of_how_many_network_failures(clock, lines, count, error):
    """It is the same for each kind of failure."""
    CloudElementsRetry(10, **{count: 1}).increment("GET", "/", error=error)
    assert lines()[0].max_attempts == 2


def test_log_counts_on(clock, lines):
    """Each retry is a line, and counts from the first attempt."""
    policy = CloudElementsRetry()
    for _ in range(3):
        policy = policy.increment("GET", "/", answer())
    assert [(one.attempt, one.max_attempts) for one in lines()] == [
        (2, 4),
        (3, 4),
        (4, 4),
    ]


def test_log_without_anything_known(clock, lines):
    """urllib3's own tests call increment with nothing at all."""
    CloudElementsRetry().increment()
    (record,) = lines()
    assert "after a failure" in record.getMessage()
    assert not record.exc_info
    with pytest.raises(MaxRetryError):
        CloudElementsRetry(total=0).increment()


def test_no_log_without_retry(lines):
    """What is not followed by an attempt is no line: the error says it all."""
    stop(CloudElementsRetry(total=0), answer())
    assert lines() == []


REFUSED_FOR_GOOD = {
    "certificate": SSLError(ssl.SSLCertVerificationError(1, "expired")),
    "host name": SSLError(CertificateError("hostname 'a' doesn't match 'b'")),
    "fingerprint": SSLError('Fingerprints did not match. Expected "aa", got "bb"'),
    "fingerprint's length": SSLError("Fingerprint of invalid length: aa"),
    "no certificate": SSLError("No certificate for the peer."),
    "pyOpenSSL": SSLError(
        ssl.SSLError(
            "bad handshake: Error([('SSL routines', '', 'certificate verify failed')])"
        )
    ),
    "client certificate": SSLError(
        ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert")
    ),
    "unknown authority": SSLError(
        ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca")
    ),
    "proxy's certificate": ProxyError(
        "no", SSLError(ssl.SSLCertVerificationError(1, "expired"))
    ),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("error", REFUSED_FOR_GOOD.values(), ids=REFUSED_FOR_GOOD)
def test_a_refused_certificate_is_refused_once(error: Exception, method: str):
    """It does not become valid by asking again, whoever has refused it."""
    bound = CloudElementsRetry(allowed_methods=None).for_request()
    with pytest.raises(MaxRetryError) as caught:
        bound.increment(method, "/", error=error)
    assert caught.value.reason is error
    assert bound.stopped_by == caught.value.stopped_by == "certificate"
    assert len(bound.attempts) == 1


@pytest.mark.parametrize(
    "error",
    [
        SSLError(ssl.SSLError(1, "bad record mac")),
        SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")),
        SSLError(),
        SSLError(
            ssl.SSLError(
                136, "[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found"
            )
        ),
        ProxyError("no", OSError("Tunnel connection failed: 502 Bad Gateway")),
        ProxyError("no", OSError("Tunnel connection failed: 503 Service Unavailable")),
        ProxyError("no", ConnectTimeoutError("SOCKS5 proxy refused")),
    ],
    ids=lambda error: str(error)[:40],
)
def test_network_failures_that_are_retried(error):
    """A broken record or connection may, and a proxy that has trouble of its own."""
    assert CloudElementsRetry().increment("GET", "/", error=error).total == 2


@pytest.mark.timeout(10)
def test_a_hostile_text_of_a_failure_takes_no_time():
    """A server may send any text in the place of a status line."""
    error = ProtocolError("aborted", BadStatusLine("SSLError(" * 28_000))
    assert CloudElementsRetry().increment("GET", "/", error=error).total == 2


@pytest.mark.parametrize(
    "error",
    [
        ProxyError("no", OSError("Tunnel connection failed: 407 Proxy Auth Required")),
        ProxyError("no", OSError("Tunnel connection failed: 403 Forbidden")),
        ConnectTimeoutError("SOCKS5 authentication failed"),
        ConnectTimeoutError("All offered SOCKS5 authentication methods were rejected"),
    ],
    ids=["407", "403", "password", "method"],
)
def test_a_proxy_that_refuses_the_login_is_asked_once(error):
    """Each attempt may count against the account."""
    bound = CloudElementsRetry().for_request()
    with pytest.raises(MaxRetryError):
        bound.increment("GET", "/", error=error)
    assert (bound.stopped_by, len(bound.attempts)) == ("status", 1)


def test_the_text_of_a_failure_is_what_happened():
    """The name of the pool, which is long and says nothing, is left out."""
    error = ReadTimeoutError(
        HTTPConnectionPool("api.example.com", 80), "/", "Read timed out."
    )
    assert str(error).startswith("HTTPConnectionPool(")
    following = CloudElementsRetry().increment("GET", "/", error=error)
    assert following.attempts[0].error == "Read timed out."


def test_a_hundred_retries_are_the_most():
    """Whatever total says, there is no further retry after 100."""
    policy = failures(99, total=300, budget=None)
    policy = policy.increment("GET", "/", error=REFUSED)
    assert len(policy.history) == 100
    with pytest.raises(MaxRetryError) as caught:
        policy.increment("GET", "/", error=REFUSED)
    assert caught.value.stopped_by == "attempts"


def test_what_a_redirect_leaves():
    """The history of urllib3, and the pool and URL of its exception."""
    moved = urllib3.HTTPResponse(status=302, headers={"Location": "/b"})
    pool = urllib3.HTTPConnectionPool("x")
    policy = CloudElementsRetry(redirect=1).increment("GET", "/a", moved, None, pool)
    assert policy.history == (RequestHistory("GET", "/a", None, 302, "/b"),)
    with pytest.raises(MaxRetryError) as caught:
        policy.increment("GET", "/b", moved, None, pool)
    assert (caught.value.pool, caught.value.url) == (pool, "/b")


def test_a_policy_without_an_attempt_does_not_wait():
    """Nothing has failed yet, so there is nothing to wait for."""
    CloudElementsRetry().sleep()


def test_the_exception_of_the_last_attempt_names_the_pool():
    """And the URL, as urllib3's own does."""
    pool = urllib3.HTTPConnectionPool("x")
    failed = urllib3.HTTPResponse(status=502)
    with pytest.raises(MaxRetryError) as caught:
        CloudElementsRetry(total=0).increment("GET", "/b", failed, None, pool)
    assert (caught.value.pool, caught.value.url) == (pool, "/b")


def test_the_exception_of_a_refused_retry_says_what_urllib3_says():
    """Whoever reads its text finds the same as without a budget."""
    pool = urllib3.HTTPConnectionPool("x")
    failed = urllib3.HTTPResponse(status=502)
    policy = CloudElementsRetry(budget=RetryBudget(0))
    with pytest.raises(MaxRetryError, match="too many error responses") as caught:
        policy.increment("GET", "/b", failed, None, pool)
    assert (caught.value.pool, caught.value.url) == (pool, "/b")


def test_a_failure_that_is_raised_at_once_keeps_its_traceback():
    """With total=False, urllib3 raises the failure itself, with the given traceback."""

    def fail():
        raise ProtocolError("broken")

    with pytest.raises(ProtocolError) as failed:
        fail()
    policy = CloudElementsRetry(total=False)
    with pytest.raises(ProtocolError) as caught:
        policy.increment("GET", "/", None, failed.value, None, failed.tb)
    assert caught.traceback[-1].name == "fail"


def test_a_policy_knows_the_headers_that_it_was_told():
    """for_request() keeps the secrets of the headers out of the log."""
    policy = CloudElementsRetry().for_request(None, {"X-Token": "s3cretlong"})
    assert policy.state is not None
    assert policy.state.redact("s3cretlong") == "[redacted]"


def test_a_failure_of_no_known_method():
    """urllib3's own tests tell none: nothing says that it must not be repeated."""
    assert CloudElementsRetry(3).increment(error=SSLError("broken")).total == 2


def test_a_server_may_ask_for_all_the_time(monkeypatch):
    """A Retry-After as long as max_elapsed is honoured, though time goes by."""
    ticks = itertools.count(1000.0, 0.001)
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    busy = answer(503, {"Retry-After": "60"})
    policy = CloudElementsRetry().increment("GET", "/", busy)
    assert policy.attempts[0].waited >= 60
