"""Many threads on one session, one budget and one prepared request."""

from __future__ import annotations

import logging
import runpy
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from cloud_elements_errors import (
    CloudElementsRetry,
    CloudElementsSession,
    FailedRequestError,
    NotFoundError,
    RetryBudget,
)

MEASURE = runpy.run_path(str(Path(__file__).parents[1] / "measure" / "threads.py"))


@pytest.fixture(scope="module")
def outcome():
    """Send 2,000 requests from 32 threads; half of them fail or are retried."""
    logging.disable()  # the test runner would keep a record of every retry
    try:
        return MEASURE["run"](2000)
    finally:
        logging.disable(logging.NOTSET)


def test_own_answer(outcome):
    """Each thread gets its own answer: the request ids of every attempt match."""
    assert outcome.wrong == []
    assert outcome.after_close.requests == 2000
    assert outcome.after_close.attempts == 3500


def test_connections(outcome):
    """No connection above the pool's size stays open, and after close() none."""
    assert 1 <= outcome.before_close.still_open <= 10
    # One for each of 32 threads, and those whose end the server has not seen yet.
    assert outcome.before_close.most_open <= 64
    assert outcome.after_close.still_open == 0


def test_budget_is_exact(outcome):
    """To the millionth, the budget has what the server's own count leaves."""
    assert outcome.after_close.sound == 1750
    assert outcome.after_close.healed == 500
    assert outcome.tokens == outcome.expected_tokens


def test_empty_budget(platform, budget_clock):
    """When nothing succeeds, all threads together retry as often as it has tokens."""
    platform.reply(502, times=1000)
    budget = RetryBudget(reserve=37)
    for _ in range(37):
        budget.refund()
    policy = CloudElementsRetry(budget=budget)

    def ask(_):
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
        return caught.value

    with (
        CloudElementsSession(max_retries=policy) as session,
        ThreadPoolExecutor(32) as threads,
    ):
        errors = list(threads.map(ask, range(200)))
    assert len(platform.requests) == 200 + 37
    assert sum(len(error.attempts) for error in errors) == 200 + 37
    assert {error.stopped_by for error in errors} <= {"attempts", "budget"}


def test_one_prepared_request(platform):
    """Threads with other settings may send one request: each has its own way."""
    platform.reply(404, times=1000)
    own_hook = [lambda response, **_: None]
    request = requests.Request(
        "GET", platform.url, hooks={"response": own_hook[0]}
    ).prepare()
    hooks = request.hooks["response"]
    start = threading.Barrier(16)

    def send(number):
        passthrough = {404} if number % 2 else ()
        with CloudElementsSession(passthrough=passthrough) as session:
            start.wait()
            for _ in range(10):
                if passthrough:
                    assert session.send(request).status_code == 404
                else:
                    with pytest.raises(NotFoundError):
                        session.send(request)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(send, range(16)))
    assert len(platform.requests) == 160
    assert request.hooks["response"] is hooks
    assert request.hooks["response"] == own_hook
