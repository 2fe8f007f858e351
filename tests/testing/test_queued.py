"""What can be queued: filters, repetitions, delays, broken connections, headers."""

from __future__ import annotations

import http.client
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from cloud_elements_errors import CloudElementsRetry, CloudElementsSession
from cloud_elements_errors.testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_elements_errors.testing import ReceivedRequest


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """Give a session that knows nothing of us."""
    with requests.Session() as session:
        yield session


# A path as a test writes it, and as a client sends it.
SAME_PATH = {
    "space": ("/my contacts", "/my%20contacts"),
    "umlaut": ("/schön", "/sch%C3%B6n"),
    "other alphabets": ("/連絡先/😀", "/%E9%80%A3%E7%B5%A1%E5%85%88/%F0%9F%98%80"),
    "quoted already": ("/my%20contacts", "/my contacts"),
    "quoted in lower case": ("/sch%c3%b6n", "/schön"),
    "quoted without need": ("/%7Eada", "/~ada"),
    "lone percent": ("/100%", "/100%"),
    "brackets": ("/[a]", "/[a]"),
    "dots": ("/a/../b", "/b"),
    "query": ("/a?b=c", "/a?b=c"),
    "query in quotes": ("/a?where=name='Ada'", "/a?where=name%3D%27Ada%27"),
    "query with a space": ("/a?q=x y", "/a?q=x+y"),
    "query with an umlaut": ("/a?ü=ö", "/a?%C3%BC=%C3%B6"),
    "any query": ("/a", "/a?b=c"),
    "no query": ("/a?", "/a"),
    "empty value": ("/a?b", "/a?b="),
}
OTHER_PATH = {
    "case": ("/Contacts", "/contacts"),
    "slash at the end": ("/a/", "/a"),
    "quoted slash": ("/a%2Fb", "/a/b"),
    "quoted question mark": ("/a%3Fb=c", "/a?b=c"),
    "one slash": ("//a", "/a"),
    "other query": ("/a?b=c", "/a?b=d"),
    "more of a query": ("/a?b=c", "/a?b=c&d=e"),
    "query without": ("/a?b=c", "/a"),
}


def test_a_path_of_two_slashes(platform: FakeCloudElements) -> None:
    """It is matched as it is sent; some versions of requests send only one."""
    platform.reply(404, path="//a")
    host, port = platform.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "//a")
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize(("path", "sent"), SAME_PATH.values(), ids=SAME_PATH)
def test_path_that_matches(
    platform: FakeCloudElements, client: requests.Session, path: str, sent: str
) -> None:
    """However a path is quoted, it is the same path."""
    platform.reply(404, path=path)
    assert client.get(platform.url + sent).status_code == 404
    platform.assert_all_sent()


@pytest.mark.parametrize(("path", "sent"), OTHER_PATH.values(), ids=OTHER_PATH)
def test_path_that_does_not_match(
    platform: FakeCloudElements, client: requests.Session, path: str, sent: str
) -> None:
    """Paths that a server can tell apart are not the same."""
    platform.reply(404, path=path)
    assert client.get(platform.url + sent).status_code == 200
    with pytest.raises(AssertionError, match=re.escape(f"path={path!r}")):
        platform.assert_all_sent()


REFUSED = {
    "no slash": ({"path": "contacts"}, "path must be a path such as /contacts"),
    "nothing": ({"path": ""}, "without host and fragment, not ''"),
    "query alone": ({"path": "?a=b"}, "not '?a=b'"),
    "star": ({"path": "*"}, "not '*'"),
    "URL": ({"path": "http://127.0.0.1:1/a"}, "not 'http://127.0.0.1:1/a'"),
    "space before": ({"path": " /a"}, "not ' /a'"),
    "fragment": ({"path": "/a#b"}, "not '/a#b'"),
    "fragment of a query": ({"path": "/a?b=c#"}, "not '/a?b=c#'"),
    "method and path": ({"method": "GET /a"}, "method must be one word, such as GET"),
    "no method": ({"method": ""}, "method must be one word, such as GET, not ''"),
    "two methods": ({"method": "GET,POST"}, "not 'GET,POST'"),
    "no times": ({"times": 0}, "times must be 1 or more, not 0"),
    "minus": ({"delay": -1}, "delay must be from 0 to 1e+09, not -1"),
    "not a number": ({"delay": float("nan")}, "not nan"),
}
REFUSED_TYPES = {
    "delay": ({"delay": "1"}, "delay must be a number, not '1'"),
    "flag": ({"delay": True}, "delay must be a number, not True"),
    "times": ({"times": True}, "times must be an integer, not True"),
    "path": ({"path": b"/a"}, "path must be a str or None, not b'/a'"),
    "method": ({"method": 1}, "method must be a str or None, not 1"),
}


def queue(platform: FakeCloudElements, what: str, **settings: Any) -> None:
    """Queue a reply or a broken connection."""
    if what == "reply":
        settings["status"] = 502
    getattr(platform, what)(**settings)


@pytest.mark.parametrize("what", ["reply", "drop"])
@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        *((ValueError, *case) for case in REFUSED.values()),
        *((TypeError, *case) for case in REFUSED_TYPES.values()),
    ],
    ids=[*REFUSED, *(f"type of {name}" for name in REFUSED_TYPES)],
)
def test_what_can_never_match(
    what: str, kind: type[Exception], settings: dict[str, Any], message: str
) -> None:
    """It is refused when it is queued, and nothing is queued."""
    platform = FakeCloudElements()
    with pytest.raises(kind, match=re.escape(message)):
        queue(platform, what, **settings)
    platform.assert_all_sent()


@pytest.mark.parametrize(
    "headers",
    [
        {"": "a"},
        {"a b": "c"},
        {"a:": "b"},
        {"a:b": "c"},
        {"a: b": "c"},
        {"a\tb": []},
        {"a\n": "b"},
        {"ä": "b"},
        {"a": "\x00"},
        {"a": "b\n"},
        {"a": "b\rc"},
        {"a": "\ud800"},
        {"a": "€"},
        {"a": ["b", "c\r\nd: e"]},
        {"transfer-encoding": "chunked"},
        {"Transfer-Encoding": ["gzip"]},
        {"Fine": "1", "X\r\nY": "2"},
    ],
)
def test_what_is_no_header(headers: dict[str, Any]) -> None:
    """A name or a value that HTTP does not have is refused."""
    platform = FakeCloudElements()
    with pytest.raises(ValueError, match=r"must be (?:one word|Latin-1)"):
        platform.reply(502, headers=headers)
    platform.assert_all_sent()


@pytest.mark.parametrize(
    "headers", [{"a": [1]}, {"a": {"b"}}, {"a": b"b"}, {b"a": "b"}]
)
def test_headers_of_wrong_types(headers: dict[Any, Any]) -> None:
    """A value is a str or a list of them."""
    with pytest.raises(TypeError, match=r"headers.* must be a str"):
        FakeCloudElements().reply(502, headers=headers)


@pytest.mark.parametrize("character", [*"\t\x0b\f\x1b\x1c\x1e\x7f\x85\xff"])
def test_other_control_characters_of_a_header(
    platform: FakeCloudElements, client: requests.Session, character: str
) -> None:
    """A hostile server can send them, and so can this one; no header is split."""
    platform.reply(404, headers={"X": f"a{character}Y: b"})
    headers = client.get(platform.url).headers
    assert headers["X"] == f"a{character}Y: b"
    assert "Y" not in headers


@pytest.mark.parametrize("request_id", ["a\r\nX: 1", "a\n", "\x00", "€"])
def test_request_id_that_is_no_header(request_id: str) -> None:
    """It is sent as a header too, and cannot bring others with it."""
    message = re.escape(f"request_id must be Latin-1 in one line, not {request_id!r}")
    with pytest.raises(ValueError, match=message):
        FakeCloudElements().reply(502, request_id=request_id)


def test_header_with_several_values(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """Each is sent as a header of its own; none takes a default header away."""
    cookies = ["a=1; Path=/", "b=2; Path=/"]
    platform.reply(
        404, headers={"Set-Cookie": cookies, "content-type": [], "X": ("1", "2")}
    )
    platform.reply(404, headers={"X": "1", "x": "2"})
    cookies.clear()
    response = client.get(platform.url)
    assert response.cookies.get_dict() == {"a": "1", "b": "2"}
    assert response.raw.headers.getlist("x") == ["1", "2"]
    assert client.get(platform.url).raw.headers.getlist("x") == ["1", "2"]
    assert "Content-Type" not in response.headers


def test_reply_for_every_request(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """times=None: each request gets it, each time with a request id of its own."""
    platform.reply(409, path="/a")
    platform.reply(404, path="/a", times=None)
    paths = ["/a", "/a", "/b", "/a"]
    responses = [client.get(platform.url + path) for path in paths]
    assert [one.status_code for one in responses] == [409, 404, 200, 404]
    assert len({one.json().get("requestId") for one in responses}) == 4
    platform.assert_all_sent()


def test_reply_after_one_for_every_request(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """No request gets it, and the check says so."""
    platform.reply(404, times=None)
    platform.reply(502)
    assert [client.get(platform.url).status_code for _ in range(3)] == [404] * 3
    with pytest.raises(AssertionError, match=r"reply\(502, "):
        platform.assert_all_sent()


def test_value_that_changes_after_it_was_queued(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """What is sent is what was queued."""
    text = {"code": 1}
    platform.reply(502, provider_message=text)
    platform.reply(502, body=text)
    text["code"] = 2
    assert client.get(platform.url).json()["providerMessage"] == {"code": 1}
    assert client.get(platform.url).json() == {"code": 1}


def test_broken_connections(platform: FakeCloudElements) -> None:
    """A GET is repeated after each, as after any broken connection."""
    platform.drop(times=2, method="get", path="/a")
    platform.drop(times=None, path="/b")
    policy = CloudElementsRetry(budget=None)
    with CloudElementsSession(max_retries=policy) as session:
        assert session.get(platform.url + "/a").status_code == 200
        with pytest.raises(requests.ConnectionError):
            session.get(platform.url + "/b")
    assert [one.path for one in platform.requests] == ["/a"] * 3 + ["/b"] * 4
    platform.assert_all_sent()


def test_broken_connection_of_a_write(platform: FakeCloudElements) -> None:
    """A POST that may have arrived is not repeated."""
    platform.drop()
    with CloudElementsSession() as session, pytest.raises(requests.ConnectionError):
        session.post(platform.url, json={"name": "Ada"})
    assert [one.json() for one in platform.requests] == [{"name": "Ada"}]


def test_delay_that_is_too_long(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """The client's time-out comes first. The end of the block does not wait, either."""
    platform.reply(404, delay=3600)
    with pytest.raises(requests.ReadTimeout):
        client.get(platform.url, timeout=0.01)
    assert [one.method for one in platform.requests] == ["GET"]
    assert client.get(platform.url).status_code == 200
    platform.__exit__(None, None, None)  # an hour would be over the test's time limit


@pytest.mark.parametrize("what", ["reply", "drop"])
def test_server_that_stops_during_a_delay(client: requests.Session, what: str) -> None:
    """The connection is closed without a response."""
    arrived = threading.Event()

    class Noticing(list["ReceivedRequest"]):
        def append(self, request: ReceivedRequest) -> None:
            super().append(request)
            arrived.set()

    def call() -> None:
        with pytest.raises(requests.ConnectionError):
            client.get(url)

    thread = threading.Thread(target=call)
    with FakeCloudElements() as platform:
        platform.requests, url = Noticing(), platform.url
        queue(platform, what, delay=1e9)
        thread.start()
        assert arrived.wait(60)
    thread.join(60)
    assert not thread.is_alive()


def test_short_delay(platform: FakeCloudElements, client: requests.Session) -> None:
    """The response comes after it."""
    waits: list[float] = []
    stopping = platform._server.stopping
    stopping.wait = lambda delay: waits.append(delay) or False
    platform.reply(404, delay=0.25)
    assert client.get(platform.url).status_code == 404
    assert client.get(platform.url).status_code == 200
    assert waits == [0.25, 0]


def test_all_sent(platform: FakeCloudElements, client: requests.Session) -> None:
    """It names what no request got. One of several times is enough."""
    platform.assert_all_sent()
    platform.reply(404, times=2)
    platform.reply(409, path="/contact")
    platform.drop(method="delete")
    client.get(platform.url + "/contacts?id=17")
    with pytest.raises(AssertionError) as caught:
        platform.assert_all_sent()
    assert str(caught.value) == (
        "No request got:\n"
        "  reply(409, method=None, path='/contact')\n"
        "  drop(method='delete', path=None)\n"
        "Requests that arrived: 1\n"
        "  GET /contacts?id=17"
    )
    client.delete(platform.url)  # the second 404
    with pytest.raises(requests.ConnectionError):
        client.delete(platform.url)
    with pytest.raises(AssertionError, match=r"reply\(409"):
        platform.assert_all_sent()
    client.get(platform.url + "/contact")
    platform.assert_all_sent()


def test_all_sent_after_many_requests(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """The last twenty are shown."""
    platform.reply(409, path="/contact")
    for number in range(25):
        client.get(f"{platform.url}/{number}")
    with pytest.raises(AssertionError, match="arrived: 25\n  GET /5\n") as caught:
        platform.assert_all_sent()
    assert str(caught.value).endswith("\n  GET /24")


def test_reset(platform: FakeCloudElements, client: requests.Session) -> None:
    """A server of a wider scope is as new; its URL stays."""
    before, arrived = platform.url, platform.requests
    platform.reply(404, times=2)
    platform.drop(path="/never")
    assert client.get(platform.url).status_code == 404
    platform.reset()
    platform.assert_all_sent()
    assert platform.requests == arrived == []
    assert client.get(platform.url).status_code == 200
    assert platform.url == before
    assert len(arrived) == 1


def test_json_of_what_arrived(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """A JSON body is parsed; another one is a ValueError."""
    client.post(platform.url, json={"näme": ["Ada"]})
    client.post(platform.url, data={"a": "b"})
    client.get(platform.url)
    first, *others = platform.requests
    assert first.json() == {"näme": ["Ada"]}
    for one in others:
        with pytest.raises(ValueError, match="Expecting value"):
            one.json()


def test_repr_of_what_arrived(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """It shows the call, and no header, since these hold the secrets."""
    client.post(platform.url + "/a?b=c", data="x", headers={"Authorization": "User s3"})
    assert repr(platform.requests) == (
        "[ReceivedRequest(method='POST', path='/a?b=c', body=b'x')]"
    )


@pytest.mark.parametrize("now", [0, 1e9, -1, -1e12, 2.0**33, 1e300, 1.5])
def test_request_id_at_any_time(
    platform: FakeCloudElements,
    client: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
    now: float,
) -> None:
    """It has 24 hex digits, also under a clock that is frozen or wrong."""
    platform.reply(404, times=2)
    monkeypatch.setattr(time, "time", lambda: now)
    ids = [client.get(platform.url).json()["requestId"] for _ in range(2)]
    monkeypatch.undo()
    assert len(set(ids)) == 2
    assert all(re.fullmatch("[0-9a-f]{24}", one) for one in ids)
