"""Exceptions of signal handlers pass: a job's time limit is not swallowed."""

from __future__ import annotations

import functools
import logging
import signal
import threading
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests

from cloud_elements_errors import (
    CloudElementsRetry,
    CloudElementsSession,
    NotFoundError,
    RetryBudget,
    error_from_response,
)

if TYPE_CHECKING:
    import socket
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


# Code of a template or a notebook may have no module.
nowhere: dict[str, Any] = {"over": over}
exec("def handler(number, frame): over(number, frame)", nowhere)

HANDLERS: dict[str, Callable[[int, Any], None]] = {
    "function": over,
    "method": Handler().method,
    "object": Handler(),
    "partial": functools.partial(over, why="partial"),
    "without a module": nowhere["handler"],
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


class Hanging(logging.Handler):
    """A handler that blocks, such as one that sends over the network."""

    def __init__(self, limit: Callable[[], None]) -> None:
        super().__init__()
        self.limit = limit

    def emit(self, _record: logging.LogRecord) -> None:
        self.limit()
        hang()


@pytest.fixture
def budget() -> RetryBudget:
    return RetryBudget()


def test_logging_is_interrupted(
    platform: FakeCloudElements, limit: Callable[[], None], budget: RetryBudget
) -> None:
    """The time limit passes; the retry that was never sent costs no token."""
    logger = logging.getLogger("cloud_elements_errors")
    handler = Hanging(limit)
    logger.addHandler(handler)
    before = budget.tokens
    platform.reply(502)
    try:
        with (
            CloudElementsSession(
                max_retries=CloudElementsRetry(budget=budget)
            ) as session,
            pytest.raises(TimeLimitError),
        ):
            session.get(platform.url)
    finally:
        logger.removeHandler(handler)
    assert budget.tokens == pytest.approx(before, abs=0.01)
    assert len(platform.requests) == 1


def test_a_wait_is_interrupted(
    platform: FakeCloudElements,
    limit: Callable[[], None],
    budget: RetryBudget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time limit ends the wait; the session works on, with all its connections."""
    policy = CloudElementsRetry(budget=budget)

    def sleep(*_: object) -> None:
        limit()
        hang()

    before = budget.tokens
    platform.reply(502)
    with CloudElementsSession(max_retries=policy) as session:
        with monkeypatch.context() as patch:
            patch.setattr("cloud_elements_errors._retries.policy.time.sleep", sleep)
            patch.setattr(CloudElementsRetry, "sleep", SLEEP)
            with pytest.raises(TimeLimitError):
                session.get(platform.url, headers={"X": "1"})
        assert budget.tokens == pytest.approx(before, abs=0.01)
        assert session.get(platform.url).status_code == 200


SLEEP = CloudElementsRetry.sleep


def test_a_body_that_stalls_is_interrupted(
    make_session: Callable[..., requests.Session],
    raw_server: Any,
    limit: Callable[[], None],
) -> None:
    """The time limit passes while a body is read; the place in the pool is free."""
    answers = [b"HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\nhalf"]

    def respond(connection: socket.socket) -> None:
        if answers:
            connection.sendall(answers.pop())
            limit_in_main()
            connection.recv(1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def limit_in_main() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    server = raw_server(respond)
    session = make_session(max_retries=0)
    with pytest.raises(TimeLimitError):
        session.get(server.url, timeout=30)
    assert session.get(server.url, timeout=30).status_code == 200


def test_ctrl_c(platform: FakeCloudElements) -> None:
    """KeyboardInterrupt passes, as it always does."""

    def report(_error: object) -> None:
        signal.raise_signal(signal.SIGINT)

    # A shell starts jobs in the background with the signal ignored.
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    platform.reply(404)
    try:
        with (
            CloudElementsSession(on_error=report) as session,
            pytest.raises(KeyboardInterrupt),
        ):
            session.get(platform.url)
    finally:
        signal.signal(signal.SIGINT, found)


@contextmanager
def time_limit(kind: type) -> Iterator[None]:
    """Handle the signal with a time limit of this type."""

    def limit(*_arguments: object) -> None:
        raise kind("the job")

    found = signal.signal(signal.SIGALRM, limit)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, found)


# A handler may interrupt what closes the socket.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", [TimeoutError, OSError])
def test_a_time_limit_that_looks_like_a_failure(
    make_session: Callable[..., requests.Session], raw_server: Any, kind: type
) -> None:
    """A handler's TimeoutError comes out as it is, not as requests' ConnectionError."""

    def respond(connection: socket.socket) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
        connection.recv(1)

    with time_limit(kind), pytest.raises(kind, match="the job") as caught:
        make_session(max_retries=0).get(raw_server(respond).url, timeout=30)
    assert type(caught.value) is kind


@pytest.mark.parametrize("kind", [TimeLimitError, ValueError, TimeoutError])
def test_a_time_limit_while_a_chunk_size_is_read(
    make_session: Callable[..., requests.Session], raw_server: Any, kind: type
) -> None:
    """http.client takes any ValueError there for a broken chunk; the job still ends."""

    def respond(connection: socket.socket) -> None:
        head = b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"3\r\nabc\r\n")
        # The client has read the first chunk, and waits for the second.
        real_sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
        connection.recv(1)

    with time_limit(kind), pytest.raises(kind, match="the job"):
        make_session(max_retries=0).get(raw_server(respond).url, timeout=30)


def test_a_time_limit_while_a_body_is_decoded(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of the body, even if it is a TimeoutError."""

    def decompress(*_: object, **__: object) -> bytes:
        signal.raise_signal(signal.SIGALRM)
        return b""

    monkeypatch.setattr("urllib3.response.GzipDecoder.decompress", decompress)
    platform.reply(409, body=b"x", headers={"Content-Encoding": "gzip"})
    limited = pytest.raises(TimeoutError, match="the job")
    with time_limit(TimeoutError), limited, CloudElementsSession() as session:
        session.get(platform.url)


@pytest.mark.parametrize("where", ["in the job", "in a request"])
def test_a_request_sent_while_a_time_limit_is_handled(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    limit: Callable[[], None],
    where: str,
) -> None:
    """The limit that the job has caught is not raised a second time."""

    def report(_error: object) -> None:
        limit()
        hang()

    platform.reply(404)
    session = make_session(max_retries=0, on_error=report)
    try:
        if where == "in a request":
            session.get(platform.url)
        report(None)
    except TimeLimitError:
        with pytest.raises(requests.ConnectionError) as caught:
            session.get("http://127.0.0.1:9/")
    assert "TimeLimitError" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("package", ["gevent._waiter", "eventlet.hubs.hub"])
@pytest.mark.parametrize(
    ("failure", "passes"),
    [
        (TimeoutError("the job"), True),
        (TimeoutError(), True),
        (requests.Timeout("the job"), True),
        (TimeoutError("timed out"), False),
        (TimeoutError("The read operation timed out"), False),
        (ConnectionResetError(104, "reset"), False),
    ],
    ids=repr,
)
def test_a_time_limit_of_a_green_thread(
    package: str, failure: Exception, *, passes: bool
) -> None:
    """A hub throws it where the thread waits for a socket, and the socket's own too."""
    hub: dict[str, Any] = {"__name__": package}
    exec("def switch(failure): raise failure", hub)
    response = requests.Response()
    response.status_code = 404
    response.raw = mock.Mock(read=lambda *_: hub["switch"](failure))
    if passes:
        with pytest.raises(type(failure)) as caught:
            error_from_response(response)
        assert caught.value is failure
    else:
        error = error_from_response(response)
        assert error is not None
        assert error.truncated


def test_what_on_error_raises_in_a_green_thread(
    platform: FakeCloudElements, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what a hub has thrown passes: a full queue of gevent's is on_error's own."""
    full: dict[str, Any] = {"__name__": "gevent.queue"}
    exec("def put(error): raise RuntimeError('full')", full)
    platform.reply(404)
    session = CloudElementsSession(on_error=full["put"])
    with session, pytest.raises(NotFoundError):
        session.get(platform.url)
    assert "on_error failed" in caplog.text


@pytest.mark.parametrize("kind", [TimeoutError, ValueError, TimeLimitError])
def test_a_time_limit_while_the_body_of_a_success_stalls(
    raw_server: Any, kind: type[Exception]
) -> None:
    """requests reads this body, and takes a TimeoutError for that of the socket."""

    def half(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf")
        real_sleep(1)

    server = raw_server(half)
    with time_limit(kind), CloudElementsSession() as session:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(kind, match="the job"):
            session.get(server.url)
