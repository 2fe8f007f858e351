"""The drop-in session: settings, cookies, redirects, and other people's adapters."""

from __future__ import annotations

import copy
import pickle
from http.cookiejar import DefaultCookiePolicy
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any

import pytest
import requests
import responses
from requests.adapters import HTTPAdapter
from urllib3.util import Retry, Timeout

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    ForbiddenError,
    NotFoundError,
    error_from_parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements

heard: list[CloudElementsError] = []
"""What `note` has seen; at module level, since sessions with callbacks pickle."""


def note(error: CloudElementsError) -> None:
    heard.append(error)


@pytest.fixture(autouse=True)
def _forget_errors() -> None:
    heard.clear()


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What reaches requests' own adapter as timeout."""
    seen: list[Any] = []
    original = HTTPAdapter.send

    def send(self: HTTPAdapter, *args: Any, **kwargs: Any) -> requests.Response:
        seen.append(kwargs["timeout"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return seen


@pytest.mark.parametrize(
    "default",
    [None, 9, 9.5, (3, 9), (3.5, None), (None, None), Timeout(connect=3, read=9)],
    ids=str,
)
def test_default_timeout(
    platform: FakeCloudElements, timeouts: list[Any], default: Any
) -> None:
    """A request that names no timeout has the session's, by every way to send."""
    request = requests.Request("GET", platform.url).prepare()
    with CloudElementsSession(timeout=default) as session:
        assert session.timeout is default
        session.get(platform.url)
        session.request("POST", platform.url, {}, b"body", {}, {}, None, None)
        session.send(request)
        platform.reply(302, headers={"Location": "/elsewhere"})
        session.get(platform.url)
    assert timeouts == [default] * 5


@pytest.mark.parametrize("given", [None, 5, (1, 5)], ids=str)
def test_timeout_that_the_request_names(
    platform: FakeCloudElements, timeouts: list[Any], given: Any
) -> None:
    """What the request says counts, None included, as keyword and by position."""
    request = requests.Request("GET", platform.url).prepare()
    before = (None,) * 6  # params, data, headers, cookies, files, auth
    with CloudElementsSession(timeout=9) as session:
        session.get(platform.url, timeout=given)
        session.request("GET", platform.url, *before, given)
        session.request("GET", platform.url, *before, given, False)
        session.send(request, timeout=given)
    assert timeouts == [given] * 4


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        (
            {"timeout": -1},
            ValueError,
            "timeout must be above 0 and at most .* seconds, not -1",
        ),
        (
            {"timeout": 0},
            ValueError,
            "timeout must be above 0 and at most .* seconds, not 0",
        ),
        ({"timeout": (Timeout(3), 5)}, TypeError, "timeout must be a number of"),
        ({"timeout": float("nan")}, ValueError, "timeout must be above 0 and at most"),
        ({"timeout": float("inf")}, ValueError, "timeout must be above 0 and at most"),
        ({"timeout": 10**400}, ValueError, "timeout must be above 0 and at most"),
        ({"timeout": (3, -9)}, ValueError, r"timeout must be .*, not \(3, -9\)"),
        ({"timeout": (3,)}, ValueError, r"timeout must be a number of seconds, a pair"),
        (
            {"timeout": (1, 2, 3)},
            ValueError,
            r"timeout must be a number of seconds, a pair",
        ),
        ({"timeout": "9"}, TypeError, "timeout must be a number of"),
        ({"timeout": True}, TypeError, "timeout must be a number of"),
        ({"timeout": [3, 9]}, TypeError, "timeout must be a number of"),
        ({"timeout": (3, "9")}, TypeError, "timeout must be a number of"),
        ({"max_retries": -1}, ValueError, "max_retries must be 0 or more, not -1"),
        (
            {"max_retries": "3"},
            TypeError,
            "^max_retries must be an integer, a urllib3 Retry or None, not '3'",
        ),
        ({"timeout": (None, 0)}, ValueError, r"timeout must .*, not \(None, 0\)"),
        ({"passthrough": 404}, TypeError, "passthrough must be a collection"),
        ({"on_error": "print"}, TypeError, "on_error must be callable or None"),
        ({"retries": 3}, TypeError, "unexpected keyword argument 'retries'"),
    ],
)
def test_wrong_argument(
    settings: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """A setting that makes no sense is refused by name when the session is made."""
    with pytest.raises(kind, match=message):
        CloudElementsSession(**settings)


def test_settings_are_keywords() -> None:
    """requests.Session takes no positional argument, and nor does this one."""
    with pytest.raises(TypeError, match="positional"):
        CloudElementsSession(3)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        5,
        requests.Request("GET"),
        *(requests.Request("GET", url) for url in ("http://x/", "foo://x")),
    ],
)
def test_sending_what_is_no_prepared_request(wrong: Any) -> None:
    """What requests says of it is what one hears."""
    with CloudElementsSession() as session, requests.Session() as plain:
        with pytest.raises((ValueError, AttributeError)) as expected:
            plain.send(wrong)
        with pytest.raises(expected.type, match=str(expected.value)):
            session.send(wrong)


def test_cookies_are_kept_that_the_user_takes_out_of_the_headers(
    platform: FakeCloudElements,
) -> None:
    """What the server has sent counts, and not what is left in the headers."""

    def hide(error: CloudElementsError) -> None:
        assert error.response is not None
        del error.response.headers["Set-Cookie"]

    platform.reply(409, headers={"Set-Cookie": "a=1"})
    with CloudElementsSession(on_error=hide) as session:
        with pytest.raises(ConflictError):
            session.get(platform.url)
        assert session.cookies.get_dict() == {"a": "1"}


def test_the_longest_timeout_of_a_socket() -> None:
    """What Python's own sockets take is taken."""
    assert CloudElementsSession(timeout=TIMEOUT_MAX).timeout == TIMEOUT_MAX


def test_cookies_of_rfc_2965_are_kept() -> None:
    """Nobody sends a Set-Cookie2 any more, but http.cookiejar can read it."""
    with responses.RequestsMock() as mock, CloudElementsSession() as session:
        mock.get(
            "http://api.example.com/",
            status=409,
            headers={"Set-Cookie2": 'a=1; Version="1"'},
        )
        session.cookies.set_policy(DefaultCookiePolicy(rfc2965=True))
        with pytest.raises(ConflictError):
            session.get("http://api.example.com/")
        assert session.cookies.get_dict() == {"a": "1"}


def test_cookies_of_an_error_are_kept(platform: FakeCloudElements) -> None:
    """An error that sets a cookie sets it, as it does in requests (trap 3)."""
    platform.reply(403, headers={"Set-Cookie": "JSESSIONID=7"})
    with CloudElementsSession() as session:
        with pytest.raises(ForbiddenError) as caught:
            session.get(platform.url)
        session.get(platform.url)
        assert session.cookies.get_dict() == {"JSESSIONID": "7"}
    assert caught.value.response.cookies.get_dict() == {"JSESSIONID": "7"}
    assert platform.requests[1].headers["Cookie"] == "JSESSIONID=7"


def test_redirects_that_end_in_an_error(platform: FakeCloudElements) -> None:
    """The error's response knows how it was reached; the cookies are all kept."""
    platform.reply(302, headers={"Location": "/b", "Set-Cookie": "a=1"})
    platform.reply(307, headers={"Location": "/c", "Set-Cookie": "b=2"})
    platform.reply(404, message="gone", headers={"Set-Cookie": "c=3"})
    with CloudElementsSession() as session:
        with pytest.raises(NotFoundError, match=r"gone .* GET /c") as caught:
            session.get(platform.url + "/a")
        assert session.cookies.get_dict() == {"a": "1", "b": "2", "c": "3"}
    history = caught.value.response.history
    assert [(one.status_code, one.request.path_url) for one in history] == [
        (302, "/a"),
        (307, "/b"),
    ]
    assert caught.value.response.request.path_url == "/c"


def test_redirect_that_ends_in_an_error_when_mounted(
    platform: FakeCloudElements,
) -> None:
    """Under an adapter alone the error is raised, of the last request."""
    platform.reply(302, headers={"Location": "/b"})
    platform.reply(404)
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter())
        with pytest.raises(NotFoundError, match=r"GET /b"):
            session.get(platform.url + "/a")


def test_redirect_that_is_not_followed(platform: FakeCloudElements) -> None:
    """``next`` of a redirect is the request that would follow, as in requests."""
    platform.reply(302, headers={"Location": "/b"})
    with CloudElementsSession() as session:
        response = session.get(platform.url, allow_redirects=False)
    assert response.next.path_url == "/b"


def test_too_many_redirects_stay_what_they_are(platform: FakeCloudElements) -> None:
    """A loop is requests' own error, and leaves the request as it was."""
    platform.reply(302, headers={"Location": "/"}, times=4)
    request = requests.Request("GET", platform.url).prepare()
    with CloudElementsSession() as session:
        session.max_redirects = 3
        with pytest.raises(requests.TooManyRedirects):
            session.send(request)
    assert type(request.hooks["response"]) is list


class Canned(requests.adapters.BaseAdapter):
    """An adapter that is not ours: a mock's, a cache's."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def send(self, request: Any, *_args: Any, **_kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request = self.status, request
        response._content = b'{"message": "canned"}'
        response.url = request.url
        return response

    def close(self) -> None:
        """Hold nothing, close nothing."""


def test_another_adapter_mounted_over_ours() -> None:
    """The session raises with any adapter; its own settings count there."""
    with CloudElementsSession(passthrough={418}, on_error=note) as session:
        session.mount("http://x/", Canned(404))
        session.mount("http://y/", Canned(418))
        with pytest.raises(NotFoundError, match="canned"):
            session.get("http://x/")
        assert session.get("http://y/").status_code == 418
    assert [error.status_code for error in heard] == [404]
    assert heard[0].stopped_by is None


def test_plain_adapter_mounted_over_ours(platform: FakeCloudElements) -> None:
    """So it is with requests' own, and with the attempts that its policy made."""
    policy = Retry(2, status_forcelist=[502], raise_on_status=False)
    with CloudElementsSession() as session:
        session.mount("http://", HTTPAdapter(max_retries=policy))
        platform.reply(502, times=3)
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert [attempt.status_code for attempt in caught.value.attempts] == [502] * 3
    assert caught.value.stopped_by is None


def test_longer_prefix_has_the_last_word(platform: FakeCloudElements) -> None:
    """An adapter of ours on a longer prefix has settings of its own (trap 5)."""
    seen: list[int] = []
    with CloudElementsSession(passthrough={404}, on_error=note) as session:
        session.mount(
            platform.url + "/strict/",
            CloudElementsAdapter(
                passthrough=(), on_error=lambda error: seen.append(error.status_code)
            ),
        )
        platform.reply(404, times=2)
        platform.reply(409)
        assert session.get(platform.url + "/lax").status_code == 404
        with pytest.raises(NotFoundError):
            session.get(platform.url + "/strict/x")
        with pytest.raises(ConflictError):
            session.get(platform.url + "/lax")
    assert seen == [404]
    assert [error.status_code for error in heard] == [409]


COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies_keep_their_settings(
    platform: FakeCloudElements,
    timeouts: list[Any],
    duplicate: Callable[[Any], Any],
) -> None:
    """A session that was pickled or copied works, with every setting it had."""
    with CloudElementsSession(
        max_retries=2, passthrough={404}, on_error=note, timeout=(3, 9)
    ) as original:
        original.headers["X-Mine"] = "1"
        original.get(platform.url)
        session = duplicate(original)
    assert type(session) is CloudElementsSession
    with session:
        platform.reply(404)
        assert session.get(platform.url).status_code == 404
        platform.reply(502, times=3)
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
        assert len(caught.value.attempts) == 3
        assert session.get_adapter("https://x").max_retries.total == 2
    assert heard == [caught.value]
    assert set(timeouts) == {(3, 9)}
    assert platform.requests[-1].headers["X-Mine"] == "1"


def test_deep_copies_share_the_budget() -> None:
    """In one process there is one budget, whatever was copied."""
    with CloudElementsSession() as session, copy.deepcopy(session) as clone:
        budgets = [
            one.get_adapter("https://x").max_retries.budget for one in (session, clone)
        ]
    assert budgets[0] is budgets[1]


@pytest.mark.parametrize("use", ["before", "after"])
def test_session_that_is_closed_works_on(platform: FakeCloudElements, use: str) -> None:
    """As in requests, closing a session closes its pools, and it can be used again."""
    session = CloudElementsSession(max_retries=CloudElementsRetry(1))
    if use == "before":
        session.get(platform.url)
    session.close()
    assert session.get(platform.url).ok
    session.close()


@pytest.mark.parametrize("status", [200, 302])
def test_error_of_a_hook_without_a_response(
    platform: FakeCloudElements, status: int
) -> None:
    """An error that a user's own hook has made passes, though it has no response."""
    mine = error_from_parts(409)

    def refuse(response: requests.Response, **_: Any) -> None:
        if response.status_code == 200:
            response.close()
            raise mine

    platform.reply(status, headers={"Location": "/b"})
    with CloudElementsSession() as session, pytest.raises(ConflictError) as caught:
        session.get(platform.url, hooks={"response": refuse})
    assert caught.value is mine


def test_settings_may_be_changed_later(platform: FakeCloudElements) -> None:
    """The next response is checked with what is set then, by every adapter."""
    told: list[int] = []
    with CloudElementsSession() as session:
        session.passthrough = frozenset({404})
        session.on_error = lambda error: told.append(error.status_code)
        platform.reply(404)
        platform.reply(409)
        assert session.get(platform.url).status_code == 404
        with pytest.raises(ConflictError):
            session.get(platform.url)
    assert told == [409]


def test_the_timeout_may_be_set_later():
    """As requests' own settings of a session."""
    session = CloudElementsSession()
    session.timeout = 5
    assert pickle.loads(pickle.dumps(session)).timeout == 5


def test_one_adapter_serves_both_schemes():
    """One policy, one budget, one set of connection pools to close."""
    session = CloudElementsSession()
    https, http = session.adapters.values()
    assert https is http
