"""Exceptions of signal handlers pass: a job's time limit is not swallowed."""

from __future__ import annotations

import functools
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cloud_elements_errors import (
    CloudElementsSession,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud_elements_errors.testing import FakeCloudElements

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="there is no timer"
)


real_sleep = time.sleep


class TimeLimitError(Exception):
    """The time limit of a job, as Celery and RQ raise theirs."""


def over(_number: int, _frame: object, why: str = "over") -> None:
    raise TimeLimitError(why)


class Handler:
    """A handler that is an object, or a method of one."""

    def __call__(self, number: int, frame: object) -> None:
        over(number, frame)

    def method(self, number: int, frame: object) -> None:
        over(number, frame)


HANDLERS: dict[str, Callable[[int, Any], None]] = {
    "function": over,
    "method": Handler().method,
    "object": Handler(),
    "partial": functools.partial(over, why="partial"),
}


@pytest.fixture(params=HANDLERS.values(), ids=HANDLERS)
def limit(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Set off the time limit, in a moment."""
    found = signal.signal(signal.SIGALRM, request.param)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.05) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, found)


def hang(*_: object) -> None:
    """Block until the signal comes."""
    real_sleep(10)


def test_on_error_is_interrupted(
    platform: FakeCloudElements, limit: Callable[[], None]
) -> None:
    """What a handler raises within on_error ends the job, and is not logged away."""

    def report(_error: object) -> None:
        limit()
        hang()

    platform.reply(404)
    with (
        CloudElementsSession(on_error=report) as session,
        pytest.raises(TimeLimitError),
    ):
        session.get(platform.url)


def test_what_on_error_raises_itself_is_logged(
    platform: FakeCloudElements, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own exceptions never hide the error."""

    def report(_error: object) -> None:
        raise TimeLimitError("its own")

    platform.reply(404)
    with CloudElementsSession(on_error=report) as session, pytest.raises(NotFoundError):
        session.get(platform.url)
    assert "on_error failed" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_ctrl_c(platform: FakeCloudElements) -> None:
    """KeyboardInterrupt passes, as it always does."""

    def report(_error: object) -> None:
        signal.raise_signal(signal.SIGINT)

    platform.reply(404)
    with (
        CloudElementsSession(on_error=report) as session,
        pytest.raises(KeyboardInterrupt),
    ):
        session.get(platform.url)
