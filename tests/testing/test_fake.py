"""The fake server: what it sends, what it keeps, and how it starts and stops."""

from __future__ import annotations

import gc
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from cloud_elements_errors import CloudElementsSession
from cloud_elements_errors._testing.loopback import _Handler
from cloud_elements_errors.testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """Give a session that knows nothing of us."""
    with requests.Session() as session:
        yield session


def test_with_nothing_queued(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """It answers 200 and an empty object, to any method."""
    for method in ("GET", "POST", "PATCH", "DELETE", "PROPFIND"):
        response = client.request(method, platform.url + "/x?y=1")
        assert (response.status_code, response.json()) == (200, {})
    assert [one.method for one in platform.requests][-1] == "PROPFIND"


def test_what_arrived(platform: FakeCloudElements, client: requests.Session) -> None:
    """Method, path with query, headers in any case, and body are kept in order."""
    client.get(platform.url + "/contacts?where=a%3D1", headers={"X-Mine": "1"})
    client.post(platform.url, data=b"\x00\xff")
    client.put(platform.url, data=iter([b"one", b"", b"two" * 5000]))
    first, second, third = platform.requests
    assert (first.method, first.path, first.body) == (
        "GET",
        "/contacts?where=a%3D1",
        b"",
    )
    assert first.headers["x-mine"] == "1"
    assert (second.path, second.body) == ("/", b"\x00\xff")
    assert third.headers["Transfer-Encoding"] == "chunked"
    assert third.body == b"one" + b"two" * 5000


ERROR = {"requestId": "r", "message": "m", "providerMessage": "p"}


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        (
            {"message": "m", "provider_message": "p", "request_id": "r"},
            ERROR,
        ),
        ({"request_id": "r"}, {"requestId": "r", "message": "Failed Request"}),
        (
            {"request_id": "r", "message": "", "provider_message": {"code": 1}},
            {"requestId": "r", "message": "", "providerMessage": {"code": 1}},
        ),
        ({"body": {"a": [1]}}, {"a": [1]}),
        ({"body": '{"a": 1}'}, {"a": 1}),
        ({"body": b'{"a": 2}'}, {"a": 2}),
        ({"body": {"a": 3}, "message": "ignored"}, {"a": 3}),
    ],
    ids=["all", "defaults", "empty", "object", "str", "bytes", "body wins"],
)
def test_body_of_an_error(
    platform: FakeCloudElements,
    client: requests.Session,
    settings: dict[str, Any],
    body: object,
) -> None:
    """An error has the platform's shape, or the body that was asked for."""
    platform.reply(502, **settings)
    response = client.get(platform.url)
    assert (response.status_code, response.reason) == (502, "Bad Gateway")
    assert response.json() == body
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    expected = None if "body" in settings else "r"
    assert response.headers.get("Elements-Request-Id") == expected


def test_request_id_is_made_up_like_the_platforms(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """24 hex digits, the first 8 of them the time; each answer of a kind has one."""
    platform.reply(404, times=2)
    before = int(time.time())
    ids = [client.get(platform.url).json()["requestId"] for _ in range(2)]
    assert all(len(one) == 24 for one in ids)
    assert all(abs(int(one[:8], 16) - before) < 3600 for one in ids)


@pytest.mark.parametrize(
    ("status", "settings", "body"),
    [
        (200, {}, b"{}"),
        (200, {"message": "m"}, b'{"message": "m"}'),
        (201, {"body": [1]}, b"[1]"),
        (204, {}, b""),
        (304, {}, b""),
        (499, {"body": ""}, b""),
    ],
)
def test_body_of_other_answers(
    platform: FakeCloudElements,
    client: requests.Session,
    status: int,
    settings: dict[str, Any],
    body: bytes,
) -> None:
    """A success says what it is told to say; 204 and 304 have no body."""
    platform.reply(status, **settings)
    assert client.get(platform.url).content == body
    assert client.get(platform.url).json() == {}
    assert len(platform.requests) == 2


@pytest.mark.parametrize("status", [402, 524, 777, 999])
def test_status_that_is_not_in_the_table(
    platform: FakeCloudElements, client: requests.Session, status: int
) -> None:
    """Any status has a message."""
    platform.reply(status)
    response = client.get(platform.url)
    assert response.status_code == status
    assert response.json()["message"] == response.reason != ""


def test_headers(platform: FakeCloudElements, client: requests.Session) -> None:
    """Headers are added to the default ones, or replace them."""
    platform.reply(
        429, headers={"Retry-After": "5", "Content-Type": "text/html"}, body="<p>"
    )
    response = client.get(platform.url)
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["Content-Length"] == "3"


def test_filters(platform: FakeCloudElements, client: requests.Session) -> None:
    """An answer waits for the request that it is for; the others pass it by."""
    platform.reply(404, method="delete", path="/a")
    platform.reply(409, path="/b?x=1")
    platform.reply(403, method="POST", times=2)
    platform.reply(400)
    url = platform.url
    statuses = [
        client.request(*call).status_code
        for call in (
            ("POST", url + "/b?x=2"),
            ("GET", url + "/a"),
            ("GET", url + "/a"),
            ("DELETE", url + "/a?q=1"),
            ("GET", url + "/b?x=1"),
            ("POST", url),
            ("POST", url),
        )
    ]
    assert statuses == [403, 400, 200, 404, 409, 403, 200]


def test_answers_go_out_in_order(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """First queued, first sent."""
    for status in (502, 500, 409):
        platform.reply(status)
    assert [client.get(platform.url).status_code for _ in range(4)] == [
        502,
        500,
        409,
        200,
    ]


def test_head(platform: FakeCloudElements, client: requests.Session) -> None:
    """HEAD has the headers of the body, and no body."""
    platform.reply(404, message="m")
    response = client.head(platform.url)
    assert int(response.headers["Content-Length"]) > 10
    assert response.content == b""
    assert client.get(platform.url).json() == {}


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"status": "502"}, TypeError, "status must be an integer, not '502'"),
        ({"status": True}, TypeError, "status must be an integer, not True"),
        ({"status": 199}, ValueError, "status must be from 200 to 999, not 199"),
        ({"status": 1000}, ValueError, "status must be from 200 to 999, not 1000"),
        ({"times": 0}, ValueError, "times must be 1 or more, not 0"),
        ({"times": 1.5}, TypeError, "times must be an integer, not 1.5"),
        ({"message": 5}, TypeError, "message must be a str or None, not 5"),
        ({"request_id": 5}, TypeError, "request_id must be a str or None, not 5"),
        ({"method": b"GET"}, TypeError, "method must be a str or None, not b'GET'"),
        ({"path": ["/"]}, TypeError, r"path must be a str or None, not \['/'\]"),
        ({"headers": [("a", "b")]}, TypeError, "headers must be a mapping or None"),
        (
            {"headers": {"a": 1}},
            TypeError,
            r"headers\['a'\] must be a str or a list of them",
        ),
        ({"headers": {5: "a"}}, TypeError, "a name in headers must be a str, not 5"),
        (
            {"headers": {"a": None}},
            TypeError,
            r"headers\['a'\] must be a str or a list of them, not None",
        ),
        (
            {"headers": {"a": "\u20ac"}},
            ValueError,
            "must be Latin-1 in one line",
        ),
        (
            {"headers": {"a": "b\r\nc: d"}},
            ValueError,
            "must be Latin-1 in one line",
        ),
        ({"body": object()}, TypeError, "not JSON serializable"),
        ({"json": {}}, TypeError, "unexpected keyword argument 'json'"),
    ],
)
def test_wrong_argument(
    settings: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """What cannot be sent is refused by name when it is queued."""
    with pytest.raises(kind, match=message):
        FakeCloudElements().reply(**{"status": 502, **settings})


def test_url_outside_of_with() -> None:
    """Before and after the block there is no server, and the error says so."""
    platform = FakeCloudElements()
    with pytest.raises(RuntimeError, match="has a URL only inside its with block"):
        _ = platform.url
    with platform:
        assert platform.url.startswith("http://127.0.0.1:")
        with (
            pytest.raises(RuntimeError, match="is already open"),
            platform,
        ):
            pass
        assert platform.url
    with pytest.raises(RuntimeError, match="has a URL only inside its with block"):
        _ = platform.url
    platform.__exit__(None, None, None)


def test_queued_before_and_read_after(client: requests.Session) -> None:
    """Answers may be queued before it serves; what arrived is kept after."""
    platform = FakeCloudElements()
    platform.reply(404)
    with platform:
        assert client.get(platform.url).status_code == 404
    assert [one.method for one in platform.requests] == ["GET"]
    with platform:
        assert client.get(platform.url).status_code == 200
    assert len(platform.requests) == 2


def test_several_at_once(client: requests.Session) -> None:
    """Each has its own port, queue and list."""
    with FakeCloudElements() as one, FakeCloudElements() as other:
        one.reply(404)
        assert client.get(other.url).status_code == 200
        assert client.get(one.url).status_code == 404
        assert (len(one.requests), len(other.requests)) == (1, 1)


def test_stops_cleanly() -> None:
    """No thread and no socket is left, though clients keep their connections."""
    before = set(threading.enumerate())
    with requests.Session() as client, requests.Session() as other:
        with FakeCloudElements() as platform:
            client.get(platform.url)
            client.get(platform.url)
            other.get(platform.url)
            assert set(threading.enumerate()) - before
            url = platform.url
        assert set(threading.enumerate()) <= before
        with pytest.raises(requests.ConnectionError):
            client.get(url)
    # A socket that was not closed is a ResourceWarning here, which is an error.
    gc.collect()


def test_client_that_goes_away(
    platform: FakeCloudElements,
    client: requests.Session,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A client that breaks off, or that talks nonsense, harms nobody, in silence."""
    for start in (
        b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ):
        connection = http.client.HTTPConnection(platform.url.removeprefix("http://"))
        connection.connect()
        connection.sock.sendall(start)
        connection.close()
    assert client.get(platform.url).ok
    assert capfd.readouterr() == ("", "")


def test_many_threads(platform: FakeCloudElements) -> None:
    """Each queued answer goes out once, and each request is listed once."""
    platform.reply(404, times=50)

    def call(number: int) -> int:
        with requests.Session() as session:
            return session.get(f"{platform.url}/{number}").status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(call, range(80)))
    assert sorted(statuses) == [200] * 30 + [404] * 50
    assert {one.path for one in platform.requests} == {f"/{n}" for n in range(80)}


def test_what_the_docstring_shows(platform: FakeCloudElements) -> None:
    """The example of the module runs as it stands."""
    platform.reply(502, provider_message="Connection reset", times=2)
    session = CloudElementsSession()
    assert session.get(platform.url + "/contacts").json() == {}
    assert len(platform.requests) == 3
    session.close()
    assert json.loads(platform.requests[0].body or b"null") is None


def test_handler_has_no_other_attributes() -> None:
    """Only what answers a method is made up."""
    handler = object.__new__(_Handler)
    assert handler.do_ANYTHING == handler._respond
    assert not hasattr(handler, "finish_all")


def test_default_headers_are_replaced_in_any_case(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """A header of the user's takes the place of the default one, however written."""
    platform.reply(
        502, headers={"content-type": "text/html", "elements-request-id": "mine"}
    )
    headers = client.get(platform.url).headers
    assert headers["Content-Type"] == "text/html"
    assert headers["Elements-Request-Id"] == "mine"


def test_a_chunked_body_leaves_nothing_for_the_next_request() -> None:
    """Two requests on one connection, the first in chunks: both are answered."""
    with FakeCloudElements() as platform:
        port = int(platform.url.rpartition(":")[2])
        head = b"%b / HTTP/1.1\r\nHost: a\r\n"
        first = head % b"PUT" + b"Transfer-Encoding: chunked\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(first + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            connection.sendall(head % b"GET" + b"Connection: close\r\n\r\n")
            with connection.makefile("rb") as file:
                answers = file.read()
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert [one.body for one in platform.requests] == [b"abcde", b""]
