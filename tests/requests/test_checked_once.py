"""Each failed response is checked once, whoever sends it and whatever runs between."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util import Retry

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsSession,
    ConflictError,
    NotFoundError,
    UnauthorizedError,
    patch_requests,
    raise_for_error,
    retries_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud_elements_errors.testing import FakeCloudElements


def failed(status: int = 404) -> requests.Response:
    """Make a failed response by hand, as a mock does."""
    response = requests.Response()
    response.status_code = status
    response._content = b"{}"
    return response


class Fixed(BaseAdapter):
    """A transport that always returns the same response."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self.response = response
        self.calls = 0

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        self.calls += 1
        self.response.request = request
        return self.response

    def close(self) -> None:
        pass


# Adapters that are chosen by the session


class TakingTurns(CloudElementsSession):
    """A session that spreads its requests over some adapters."""

    def __init__(self, *adapters: BaseAdapter, **settings: Any) -> None:
        super().__init__(**settings)
        self.asked = 0
        self._adapters = adapters
        self._turns = cycle(adapters)

    def get_adapter(self, url: str) -> BaseAdapter:
        self.asked += 1
        return next(self._turns)

    def close(self) -> None:
        super().close()
        for adapter in self._adapters:
            adapter.close()


def test_the_adapter_is_asked_for_once(platform: FakeCloudElements) -> None:
    """Adapters that take turns each get their turn, and each error is raised once."""
    told: list[CloudElementsError] = []
    plain, ours = HTTPAdapter(), CloudElementsAdapter()
    platform.reply(409, times=4)
    with TakingTurns(plain, ours, on_error=told.append) as session:
        for sent in range(1, 5):
            with pytest.raises(ConflictError):
                session.post(platform.url)
            assert session.asked == len(told) == len(platform.requests) == sent


def test_an_adapter_that_is_not_mounted_uses_the_sessions_settings(
    platform: FakeCloudElements,
) -> None:
    """An adapter without settings of its own leaves them to the session that sends."""
    platform.reply(404, headers={"Set-Cookie": "seen=1"})
    platform.reply(409, headers={"Set-Cookie": "seen=2"})
    told: list[int] = []
    with TakingTurns(
        CloudElementsAdapter(),
        passthrough={404},
        on_error=lambda error: told.append(error.status_code),
    ) as session:
        assert session.get(platform.url).status_code == 404
        assert session.cookies["seen"] == "1"
        with pytest.raises(ConflictError):
            session.get(platform.url)
        assert session.cookies["seen"] == "2"
    assert told == [409]


def test_a_mounted_adapter_uses_the_sessions_settings(
    platform: FakeCloudElements,
) -> None:
    """What was not given is the session's; what was given, also (), is its own."""
    told: list[str] = []
    with CloudElementsSession(
        passthrough={404}, on_error=lambda _: told.append("session")
    ) as session:
        session.mount(f"{platform.url}/none/", CloudElementsAdapter())
        session.mount(f"{platform.url}/empty/", CloudElementsAdapter(passthrough=()))
        session.mount(
            f"{platform.url}/own/",
            CloudElementsAdapter(on_error=lambda _: told.append("adapter")),
        )
        platform.reply(404, times=3)
        platform.reply(409)
        assert session.get(f"{platform.url}/none/").status_code == 404
        with pytest.raises(NotFoundError):
            session.get(f"{platform.url}/empty/")
        assert session.get(f"{platform.url}/own/").status_code == 404
        with pytest.raises(ConflictError):
            session.get(f"{platform.url}/own/")
    assert told == ["session", "adapter"]


def test_an_adapter_shared_with_a_plain_session(platform: FakeCloudElements) -> None:
    """It raises by itself there, whatever the other session passes through."""
    adapter = CloudElementsAdapter()
    platform.reply(404, times=2)
    with CloudElementsSession(passthrough={404}) as ours, requests.Session() as plain:
        ours.mount("http://", adapter)
        plain.mount("http://", adapter)
        assert ours.get(platform.url).status_code == 404
        with pytest.raises(NotFoundError):
            plain.get(platform.url)


# Whatever replaces the way of a request


def test_a_transport_may_return_the_same_response_again() -> None:
    """A mock that keeps one failed response raises its error each time."""
    with CloudElementsSession() as session:
        session.mount("http://", Fixed(failed()))
        for _ in range(3):
            with pytest.raises(NotFoundError):
                session.get("http://example.com/")


def test_requests_own_send_is_replaced() -> None:
    """HTTMock and ``mock.patch("requests.Session.send")`` replace it."""
    with (
        mock.patch("requests.Session.send", return_value=failed(409)),
        CloudElementsSession(passthrough={404}) as session,
    ):
        for _ in range(2):
            with pytest.raises(ConflictError):
                session.get("http://example.com/")


def test_requests_own_send_is_wrapped(platform: FakeCloudElements) -> None:
    """What goes through to the real one is raised and told once."""
    original = requests.Session.send
    told: list[object] = []

    def wrapped(*args: Any, **kwargs: Any) -> requests.Response:
        return original(*args, **kwargs)

    platform.reply(404)
    with (
        mock.patch("requests.Session.send", wrapped),
        CloudElementsSession(on_error=told.append) as session,
        pytest.raises(NotFoundError),
    ):
        session.get(platform.url)
    assert len(told) == 1


@pytest.mark.parametrize("status", [404, 409])
def test_one_sessions_send_is_replaced(status: int) -> None:
    """A stub in the session's own ``__dict__`` is checked, each time."""
    response = failed(status)
    with CloudElementsSession(passthrough={409}) as session:
        session.send = mock.Mock(return_value=response)  # type: ignore[method-assign]
        for _ in range(2):
            if status == 409:
                assert session.get("http://example.com/") is response
            else:
                with pytest.raises(NotFoundError):
                    session.get("http://example.com/")


def test_one_sessions_send_is_a_partial(
    platform: FakeCloudElements, caplog: pytest.LogCaptureFixture
) -> None:
    """A ``functools.partial`` of the real one is told, and warned of, once."""
    told: list[object] = []
    with CloudElementsSession(on_error=told.append) as session:
        session.send = functools.partial(session.send, timeout=5)  # type: ignore[method-assign]
        platform.reply(404)
        with pytest.raises(NotFoundError):
            session.get(platform.url)
        platform.reply(200, headers={"Elements-Error": "quota"})
        session.get(platform.url)
    assert len(told) == 1
    assert len(caplog.records) == 1


@pytest.mark.parametrize("place", ["called", "hook of the session", "hook of the call"])
def test_a_warning_beside_raise_for_error(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    """The warning is logged once, whoever else looks at the response."""
    session, hooks = make_session(), None
    if place == "hook of the session":
        session.hooks["response"].append(raise_for_error)
    elif place == "hook of the call":
        hooks = {"response": raise_for_error}
    platform.reply(200, headers={"Elements-Error": "quota"}, times=2)
    for number in (1, 2):
        raise_for_error(session.get(platform.url, hooks=hooks))
        assert len(caplog.records) == number


STAND_INS: dict[str, Callable[[], Any]] = {
    "mock": mock.Mock,
    "claims to be a response": lambda: mock.Mock(spec=requests.Response),
    "with a status": lambda: mock.Mock(spec=requests.Response, status_code=404),
    "none": lambda: None,
}


@pytest.mark.parametrize("make", STAND_INS.values(), ids=STAND_INS)
def test_what_is_no_response_passes(make: Callable[[], Any]) -> None:
    """A stand-in of somebody's test comes out as it was put in."""
    stand_in = make()
    with (
        mock.patch("requests.Session.send", return_value=stand_in),
        CloudElementsSession() as session,
    ):
        assert session.get("http://example.com/") is stand_in


def test_a_stand_in_of_the_transport_passes() -> None:
    """The adapter, too, leaves alone what is no response."""
    stand_in = mock.Mock(status_code=502)
    request = requests.Request("GET", "http://example.com/").prepare()
    with mock.patch("requests.adapters.HTTPAdapter.send", return_value=stand_in):
        assert CloudElementsAdapter().send(request) is stand_in


class Swallowing(CloudElementsSession):
    """A subclass that wants responses, and gets them from the errors."""

    def send(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().send(*args, **kwargs)
        except CloudElementsError as error:
            return error.response


def test_a_subclass_may_return_the_response_of_an_error(
    platform: FakeCloudElements,
) -> None:
    """It has been checked: it is not raised again, after a redirect neither."""
    told: list[object] = []
    platform.reply(302, headers={"Location": "/there"}, path="/here")
    platform.reply(404, times=2)
    with Swallowing(on_error=told.append) as session:
        assert session.get(f"{platform.url}/here").status_code == 404
        assert session.get(platform.url).status_code == 404
    assert len(told) == 2


class InWorkerThread(HTTPAdapter):
    """A host's adapter that sends in a thread of its own."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(super().send, *args, **kwargs).result()


class Combined(InWorkerThread, CloudElementsAdapter):
    pass


def test_a_transport_that_sends_in_another_thread(platform: FakeCloudElements) -> None:
    """The error is raised, and nothing is left for the next request of the thread."""
    request = requests.Request("GET", platform.url).prepare()
    platform.reply(404, times=2)
    with requests.Session() as session, requests.Session() as plain:
        session.mount("http://", Combined())
        with pytest.raises(NotFoundError):
            session.send(request)
        assert plain.send(request).status_code == 404


class Copying(CloudElementsAdapter):
    """A transport that signs a copy of each request."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        signed = request.copy()
        signed.headers["X-Signature"] = "s"
        return super().send(signed, *args, **kwargs)


def test_a_transport_that_sends_a_copy(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """The error of the copy is the error of the request."""
    session = make_session()
    session.mount(f"{platform.url}/signed/", Copying())
    platform.reply(409, headers={"Set-Cookie": "seen=1"})
    with pytest.raises(ConflictError):
        session.get(f"{platform.url}/signed/")
    if isinstance(session, CloudElementsSession):
        assert session.cookies["seen"] == "1"


# Hooks


def test_a_hook_whose_own_request_fails(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    other: FakeCloudElements,
) -> None:
    """An error is told once, by the session that meets it; its cookies stay there."""
    ours: list[int] = []
    theirs: list[int] = []
    login = CloudElementsSession(on_error=lambda e: theirs.append(e.status_code))
    session = make_session(on_error=lambda e: ours.append(e.status_code))

    def renew(response: requests.Response, **_: Any) -> None:
        if response.status_code == 401:
            login.post(f"{other.url}/token")

    session.hooks["response"].append(renew)
    platform.reply(401)
    other.reply(409, headers={"Set-Cookie": "login=1"})
    with login, pytest.raises(ConflictError):
        session.get(platform.url)
    assert (ours, theirs) == ([], [409])
    assert login.cookies.get_dict() == {"login": "1"}
    assert session.cookies.get_dict() == {}


def test_a_hook_whose_own_request_fails_under_a_patch(
    platform: FakeCloudElements,
) -> None:
    """The list of the patch has the error once, also if a hook has sent the request."""

    def renew(response: requests.Response, **_: Any) -> None:
        if response.status_code == 401:
            response.close()
            requests.post(f"{platform.url}/token", timeout=30)

    platform.reply(401)
    platform.reply(409)
    with patch_requests(platform.url) as errors, pytest.raises(ConflictError):
        requests.get(platform.url, hooks={"response": renew}, timeout=30)
    assert [error.status_code for error in errors] == [409]


def raise_for_status(response: requests.Response, **_: Any) -> None:
    response.raise_for_status()


@pytest.mark.parametrize("hook", [raise_for_error, raise_for_status])
def test_a_hook_that_raises_for_the_status(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    hook: Callable[..., Any],
) -> None:
    """on_error hears of it once, of ours, with the words of the body."""
    told: list[CloudElementsError] = []
    session = make_session(on_error=told.append)
    session.hooks["response"].append(hook)
    platform.reply(404, message="gone")
    with pytest.raises(requests.HTTPError):
        session.get(platform.url)
    assert [error.message for error in told] == ["gone"]


def test_a_hook_that_returns_a_response_of_its_own(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """What a hook puts in the response's place decides."""
    replaced = failed(401)
    session = make_session()
    platform.reply(404)
    with pytest.raises(UnauthorizedError):
        session.get(platform.url, hooks={"response": lambda *_, **__: replaced})
    platform.reply(404)
    replaced.status_code = 204
    response = session.get(platform.url, hooks={"response": lambda *_, **__: replaced})
    assert response is replaced


@pytest.mark.parametrize("kind", [requests.Session, CloudElementsSession])
def test_a_hook_that_sends_the_request_again_by_another_session(
    platform: FakeCloudElements, kind: type[requests.Session]
) -> None:
    """A response that the other session lets through is not raised by this one."""
    lax = CloudElementsAdapter(passthrough={409})
    with kind() as session, requests.Session() as helper:
        session.mount("http://", CloudElementsAdapter())
        helper.mount("http://", lax)

        def again(response: requests.Response, **_: Any) -> requests.Response:
            return helper.get(f"{platform.url}/again")

        platform.reply(404)
        platform.reply(409)
        response = session.get(platform.url, hooks={"response": again})
    assert response.status_code == 409


def test_hooks_registered_meanwhile_stay(platform: FakeCloudElements) -> None:
    """The check shares the list of the request, so nothing that is added is lost."""
    seen: list[str] = []
    request = requests.Request("GET", platform.url).prepare()
    hooks = request.hooks["response"]
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter())
        platform.reply(404, times=2)
        with pytest.raises(NotFoundError):
            session.send(request)
        hooks.append(lambda *_, **__: seen.append("by the list"))
        request.register_hook("response", lambda *_, **__: seen.append("registered"))
        with pytest.raises(NotFoundError):
            session.send(request)
    assert seen == ["by the list", "registered"]


def test_the_check_comes_before_the_body(raw_server: Any) -> None:
    """A failed answer is not read to its end, however long it says to be."""
    server = raw_server(
        b"HTTP/1.1 404 X\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 70_000
    )
    with CloudElementsSession() as session, pytest.raises(NotFoundError) as caught:
        session.get(server.url, timeout=30)
    assert len(caught.value.text) == 64 * 1024
    assert caught.value.truncated


def test_a_hook_that_raises_an_error_of_its_own(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """An HTTPError that has no response of ours is not told: it is not of ours."""
    told: list[object] = []

    def refuse(*_: Any, **__: Any) -> None:
        raise requests.HTTPError("mine")

    session = make_session(on_error=told.append)
    session.hooks["response"].append(refuse)
    platform.reply(404)
    with pytest.raises(requests.HTTPError, match="mine"):
        session.get(platform.url, stream=True)
    assert told == []


def test_a_hook_that_raises_in_a_plain_session_later(
    platform: FakeCloudElements,
) -> None:
    """The check that stays on a request leaves the errors of others to them."""
    request = requests.Request(
        "GET", platform.url, hooks={"response": raise_for_error}
    ).prepare()
    told: list[object] = []
    with requests.Session() as session, requests.Session() as plain:
        session.mount("http://", CloudElementsAdapter(on_error=told.append))
        platform.reply(404, times=2)
        for one in (session, plain):
            with pytest.raises(NotFoundError):
                one.send(request)
    assert len(told) == 1


@pytest.mark.parametrize("retries", [0, 1])
def test_a_transport_whose_own_request_fails(
    platform: FakeCloudElements, other: FakeCloudElements, retries: int
) -> None:
    """An error of a request that is sent meanwhile keeps its own attempts."""

    class Adding(CloudElementsAdapter):
        def add_headers(self, request: Any, **_: Any) -> None:
            login.get(other.url)

    other.reply(502, times=2)
    with CloudElementsSession(max_retries=retries) as login, requests.Session() as one:
        one.mount("http://", Adding(max_retries=3))
        with pytest.raises(CloudElementsError) as caught:
            one.get(platform.url)
    assert len(caught.value.attempts) == retries + 1


def test_what_fails_before_it_is_sent(platform: FakeCloudElements) -> None:
    """An exception that has nothing to do with an attempt has none."""

    class Refusing(CloudElementsAdapter):
        def request_url(self, *_: Any) -> str:
            raise requests.exceptions.InvalidURL

    with requests.Session() as session:
        session.mount("http://", Refusing(max_retries=Retry(1)))
        with pytest.raises(requests.exceptions.InvalidURL) as caught:
            session.get(platform.url)
    assert retries_of(caught.value) == ((), None)


async def report(_error: object) -> None:
    """Report an error, if somebody awaits it."""


def report_later(_error: object) -> Iterator[None]:
    """Report an error, if somebody iterates."""
    yield


class Reporter:
    async def __call__(self, _error: object) -> None:
        """Report an error, if somebody awaits it."""


RUN_LATER: dict[str, Any] = {
    "async def": report,
    "generator": report_later,
    "partial": functools.partial(report),
    "object": Reporter(),
}


@pytest.mark.parametrize("on_error", RUN_LATER.values(), ids=RUN_LATER)
def test_on_error_runs_when_it_is_called(on_error: Any) -> None:
    """An ``async def`` or a generator would never run, so it is refused at once."""
    for make in (
        CloudElementsSession,
        CloudElementsAdapter,
        functools.partial(patch_requests, "http://example.com/"),
    ):
        with pytest.raises(TypeError, match="on_error must be a plain function"):
            make(on_error=on_error)


def test_on_error_of_contextlib() -> None:
    """Its own functions are plain ones, as the method of an ExitStack."""
    assert CloudElementsSession(on_error=ExitStack().push).on_error is not None
