"""no_wait: retries without waits."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3.util import Retry

from cloud_elements_errors import CloudElementsRetry, CloudElementsSession
from cloud_elements_errors.testing import no_wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from cloud_elements_errors.testing import FakeCloudElements


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long anybody wanted to sleep; nobody does."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def sleep(policy: Retry) -> None:
    policy.increment("GET", "/", error=OSError()).sleep()


POLICIES = {
    "ours": CloudElementsRetry(5, budget=None),
    "urllib3's": Retry(5, backoff_factor=1),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_no_wait_nests_and_restores(policy: Retry, slept: list[float]) -> None:
    """Inside no policy sleeps, outside each does, also after an error."""
    originals = (Retry.sleep, CloudElementsRetry.sleep)
    once = policy.increment("GET", "/", error=ConnectionResetError())
    with no_wait():
        with no_wait():
            sleep(once)
        sleep(once)
        with pytest.raises(KeyError), no_wait():
            raise KeyError
        sleep(once)
    assert slept == []
    assert (Retry.sleep, CloudElementsRetry.sleep) == originals
    sleep(once)
    assert len(slept) == 1
    assert slept[0] >= 0


def test_no_wait_leaves_the_decisions(platform: FakeCloudElements) -> None:
    """The attempts still say how long the policy would have waited."""
    platform.reply(502, times=1)
    platform.reply(503, headers={"Retry-After": "17"})
    platform.reply(404)
    with CloudElementsSession() as session, pytest.raises(requests.HTTPError) as caught:
        session.get(platform.url)
    assert [one.status_code for one in caught.value.attempts] == [502, 503, 404]
    assert caught.value.attempts[1].waited == 17


def test_no_wait_ends_with_its_last_block_in_any_order():
    """Two threads may have a block each, and the first to begin may end first."""
    sleep = CloudElementsRetry.sleep
    first, second = no_wait(), no_wait()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert CloudElementsRetry.sleep is not sleep
    second.__exit__(None, None, None)
    assert CloudElementsRetry.sleep is sleep


def test_no_wait_leaves_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch of the user's own is still there afterwards."""

    def mine(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(CloudElementsRetry, "sleep", mine)
    with no_wait(), no_wait():
        assert CloudElementsRetry.sleep is not mine
    assert CloudElementsRetry.sleep is mine


def test_no_wait_decorates_a_function(slept: list[float]) -> None:
    """The block is open in each call, and only there."""
    once = CloudElementsRetry().increment("GET", "/", error=ConnectionResetError())

    @no_wait()
    def call(value: int) -> int:
        once.sleep()
        return value + 1

    assert [call(1), call(2)] == [2, 3]
    assert slept == []
    once.sleep()
    assert len(slept) == 1


async def _coroutine() -> None: ...
def _generator() -> Iterator[None]:
    yield


async def _asynchronous_generator() -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    "function",
    [_coroutine, _generator, _asynchronous_generator, contextmanager(_generator)],
)
def test_no_wait_refuses_what_runs_later(function: Callable[..., object]) -> None:
    """The block would be closed before the body runs, and each retry would wait."""
    with pytest.raises(TypeError, match="its body runs after the call"):
        no_wait()(function)


def test_no_wait_over_another_decorator(slept: list[float]) -> None:
    """A decorator of the standard library that runs the function is no hindrance."""

    @no_wait()
    @no_wait()
    def call() -> None:
        CloudElementsRetry().increment("GET", "/", error=ConnectionResetError()).sleep()

    call()
    assert slept == []


def test_a_class_is_no_function() -> None:
    """unittest would collect no test of a class that has become a function."""
    with pytest.raises(TypeError, match="decorates functions, not"):
        no_wait()(type("Tests", (), {}))
