"""Each call has its own check, whatever is sent meanwhile or shared."""

from __future__ import annotations

import logging
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests
from requests.adapters import BaseAdapter

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsSession,
    NotFoundError,
    UnauthorizedError,
    patch_requests,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud_elements_errors.testing import FakeCloudElements

SECRET = "tk-84hF0aYpQ2x"


def canned(status: int = 404) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = b"{}"
    response.request = requests.Request("GET", "http://example.com/").prepare()
    return response


class Canned(BaseAdapter):
    """A transport that returns one response to all, perhaps after another request."""

    def __init__(self, response: requests.Response, before: Any = None) -> None:
        super().__init__()
        self.response = response
        self.before = before

    def send(self, *_: Any, **__: Any) -> requests.Response:
        if self.before is not None:
            self.before()
        return self.response

    def close(self) -> None:
        pass


def test_a_plain_session_that_gets_our_arguments(
    platform: FakeCloudElements, other: FakeCloudElements
) -> None:
    """A hook may pass its arguments on: the other adapter checks by itself."""
    plain = requests.Session()
    plain.mount("http://", CloudElementsAdapter())
    token = requests.Request("POST", other.url).prepare()

    def renew(_response: requests.Response, **kwargs: Any) -> None:
        plain.send(token, **kwargs)

    other.reply(401)
    with plain, CloudElementsSession() as session:
        session.hooks["response"].append(renew)
        with pytest.raises(UnauthorizedError):
            session.get(platform.url)


def test_one_response_for_many_threads() -> None:
    """Each call of each thread raises, also if they share the object."""
    barrier = threading.Barrier(8)

    def send(_number: int) -> type:
        with CloudElementsSession() as session:
            session.mount("http://", Canned(response, barrier.wait))
            try:
                return type(session.get("http://example.com/"))
            except CloudElementsError as error:
                return type(error)

    response = canned()
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(send, range(8))] == [NotFoundError] * 8


def test_one_response_for_nested_calls() -> None:
    """An adapter that fetches a token first may meet the same response there."""
    response = canned(401)
    with CloudElementsSession() as inner, CloudElementsSession() as outer:
        inner.mount("http://", Canned(response))

        def fetch() -> None:
            with pytest.raises(UnauthorizedError):
                inner.get("http://example.com/token")

        outer.mount("http://", Canned(response, fetch))
        with pytest.raises(UnauthorizedError):
            outer.get("http://example.com/")


def test_arguments_that_are_used_again_later(platform: FakeCloudElements) -> None:
    """Whoever keeps the request and the arguments of a hook may send it once more."""
    kept: list[Any] = []
    with CloudElementsSession() as session:
        session.hooks["response"].append(lambda r, **kw: kept.append((r.request, kw)))
        session.get(platform.url)
        request, arguments = kept[0]
        session.mount("http://", Canned(canned()))
        for _ in range(2):
            with pytest.raises(NotFoundError):
                session.send(request, **arguments)


MOCKS = [
    "requests.Session.request",
    "requests.sessions.Session.request",
    "cloud_elements_errors.CloudElementsSession.send",
]


@pytest.mark.parametrize("name", MOCKS)
def test_a_method_of_the_class_is_mocked(name: str) -> None:
    """The error of the mock's response is raised, each time."""
    with mock.patch(name, return_value=canned()), CloudElementsSession() as session:
        for _ in range(2):
            with pytest.raises(NotFoundError):
                session.get("http://example.com/")


def test_a_decorated_function_that_calls_itself(platform: FakeCloudElements) -> None:
    """The inner call ends its own patch, and not the outer one."""

    @patch_requests(platform.url)  # type: ignore[operator,untyped-decorator,unused-ignore]
    def fetch(depth: int) -> None:
        if depth:
            fetch(depth - 1)
        platform.reply(404)
        with pytest.raises(NotFoundError):
            requests.get(platform.url, timeout=30)

    fetch(2)


# Logs


class Broken(logging.Filter):
    """A filter of an application, with a fault."""

    def filter(self, _record: logging.LogRecord) -> bool:
        raise KeyError("tenant")


@pytest.fixture
def broken_filter() -> Iterator[None]:
    logger = logging.getLogger("cloud_elements_errors")
    broken = Broken()
    logger.addFilter(broken)
    yield
    logger.removeFilter(broken)


@pytest.mark.usefixtures("broken_filter")
def test_no_log_call_breaks_a_request(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A retry, a warning and a failed on_error are logged, or not: all goes on."""

    def fail(_error: object) -> None:
        raise ValueError("on_error")

    session = make_session(on_error=fail)
    platform.reply(502)
    assert session.get(platform.url).status_code == 200
    platform.reply(200, headers={"Elements-Error": "quota"})
    assert session.get(platform.url).status_code == 200
    platform.reply(404)
    with pytest.raises(NotFoundError):
        session.get(platform.url)


def test_a_record_factory_of_the_application(
    platform: FakeCloudElements, caplog: pytest.LogCaptureFixture
) -> None:
    """Its attributes of the record stay, also under names that ours have."""
    original = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = original(*args, **kwargs)
        record.request_id = "the application's"
        return record

    logging.setLogRecordFactory(factory)
    try:
        platform.reply(502, request_id="the platform's")
        with CloudElementsSession() as session:
            assert session.get(platform.url).status_code == 200
    finally:
        logging.setLogRecordFactory(original)
    [record] = caplog.records
    assert vars(record)["request_id"] == "the application's"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer")
def test_a_handler_that_disarms_itself(platform: FakeCloudElements) -> None:
    """It is known by the frame that it is given, not by what is registered now."""

    class LimitError(Exception):
        pass

    def over(*_arguments: object) -> None:
        signal.signal(signal.SIGALRM, found)
        raise LimitError

    def report(_error: object) -> None:
        signal.raise_signal(signal.SIGALRM)

    found = signal.signal(signal.SIGALRM, over)
    platform.reply(404)
    with CloudElementsSession(on_error=report) as session, pytest.raises(LimitError):
        session.get(platform.url)


def test_secrets_of_an_error_that_a_hook_raises(platform: FakeCloudElements) -> None:
    """on_error sees no token of the URL before a redirect."""
    told: list[CloudElementsError] = []
    platform.reply(302, path="/a", headers={"Location": "/b"})
    platform.reply(403, path="/b", message=f"bad link /a?token={SECRET}")
    with CloudElementsSession(on_error=told.append) as session:
        session.hooks["response"].append(lambda r, **_: r.raise_for_status())
        with pytest.raises(requests.HTTPError):
            session.get(f"{platform.url}/a?token={SECRET}")
    assert SECRET not in str(told[0].to_dict())


def test_secrets_of_a_proxy_in_a_warning(
    raw_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning of a success that repeats a proxy's password does not show it."""
    head = f"HTTP/1.1 200 OK\r\nElements-Error: by {SECRET}\r\nContent-Length: 0"
    server = raw_server(f"{head}\r\n\r\n".encode())
    proxy = server.url.replace("http://", f"http://ada:{SECRET}@").rpartition("/")[0]
    with CloudElementsSession() as session:
        session.get("http://elsewhere/", proxies={"http": proxy}, timeout=30)
    assert "Cloud Elements warns" in caplog.text
    assert SECRET not in caplog.text


class WithTimeout(CloudElementsSession):
    """A subclass that sets its timeout in the class."""

    timeout = 5


def test_a_timeout_of_the_class(platform: FakeCloudElements) -> None:
    """It is used for requests that set none."""
    seen: list[object] = []
    with WithTimeout() as session:
        session.hooks["response"].append(lambda _, **kw: seen.append(kw["timeout"]))
        session.get(platform.url)
    assert seen == [5]


def test_a_response_without_a_request_where_a_check_has_stayed(
    platform: FakeCloudElements,
) -> None:
    """A transport may leave the request out, also for a request that failed before."""
    response = canned(409)
    response.request = None  # type: ignore[assignment]
    request = requests.Request("GET", platform.url).prepare()
    platform.reply(404)
    with requests.Session() as plain, CloudElementsSession() as session:
        plain.mount("http://", CloudElementsAdapter())
        with pytest.raises(NotFoundError):
            plain.send(request)
        session.mount("http://", Canned(response))
        with pytest.raises(CloudElementsError, match="409"):
            session.send(request)
