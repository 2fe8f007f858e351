"""The retry policy on real traffic: what the server saw, what the caller gets."""

from __future__ import annotations

import io
import os
import pickle
import signal
import socket
import sys
import threading
from contextlib import closing, nullcontext, suppress
from functools import partial

import pytest
import requests
import responses
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    RetryBudget,
    ServerError,
    raise_for_error,
)
from cloud_elements_errors.testing import no_wait

CONTENT = bytes(range(256)) * 1000


def raw(status, body=b"{}", headers=b""):
    """Make an answer after which the connection is closed."""
    return b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        len(body),
        headers,
        body,
    )


@pytest.fixture
def scripted(raw_server):
    """Start a peer that gives each connection its own answer; b"" is a reset."""

    def start(*answers):
        script = iter(answers)
        return raw_server(lambda connection: connection.sendall(next(script)))

    with no_wait():
        yield start


@pytest.fixture
def closed_port():
    """Give the URL of a port where connections are refused."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        with no_wait():
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/path"


# Bodies


class ReadOnly:
    """A file that can be read, and nothing else."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def read(self, size=-1):
        return self._file.read(size)

    def __iter__(self):
        return iter(self._file)


class TellOnly(ReadOnly):
    """A file that knows where it is, and cannot go back."""

    def tell(self):
        return self._file.tell()


def pipe():
    read, write = os.pipe()

    def fill():
        with os.fdopen(write, "wb") as end:
            end.write(CONTENT)

    threading.Thread(target=fill, daemon=True).start()
    return os.fdopen(read, "rb")


def at_offset(file):
    file.seek(7)
    return file


def saved(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path.open("rb")


def saved_text(tmp_path):
    path = tmp_path / "text"
    path.write_text("grün\n" * 1000, "utf-8")
    return path.open(encoding="utf-8")


RESENT = {
    "nothing": ({}, b""),
    "bytes": ({"data": CONTENT}, CONTENT),
    "str": ({"data": "grün"}, "grün".encode()),
    "bytearray": ({"data": bytearray(CONTENT)}, CONTENT),
    "form": ({"data": {"a": "1", "b": "2"}}, b"a=1&b=2"),
    "json": ({"json": {"a": "ü"}}, b'{"a": "\\u00fc"}'),
    "BytesIO": (lambda _: {"data": io.BytesIO(CONTENT)}, CONTENT),
    "BytesIO at an offset": (
        lambda _: {"data": at_offset(io.BytesIO(CONTENT))},
        CONTENT[7:],
    ),
    "file": (lambda path: {"data": saved(path)}, CONTENT),
    "file at an offset": (lambda path: {"data": at_offset(saved(path))}, CONTENT[7:]),
    "text file": (lambda path: {"data": saved_text(path)}, ("grün\n" * 1000).encode()),
}


@pytest.mark.filterwarnings("ignore::requests.exceptions.FileModeWarning")
@pytest.mark.parametrize(
    ("data", "expected"), list(RESENT.values()), ids=list(RESENT.keys())
)
def test_bodies_are_sent_again_byte_for_byte(
    platform, make_session, tmp_path, data, expected
):
    """A retry sends what the first attempt sent, from where it started."""
    arguments = data(tmp_path) if callable(data) else data
    platform.reply(502)
    platform.reply(500)
    with closing(arguments.get("data")) if callable(data) else nullcontext():
        make_session().put(platform.url + "/files/1", **arguments)
    assert [request.body for request in platform.requests] == [expected] * 3


def test_multipart_is_sent_again_whole(platform, make_session):
    """A form with a file arrives again with the same boundary and content."""
    platform.reply(502)
    make_session().put(platform.url, files={"file": ("a.bin", io.BytesIO(CONTENT))})
    first, second = platform.requests
    assert first.body == second.body
    assert CONTENT in first.body
    assert first.headers["Content-Type"] == second.headers["Content-Type"]


def test_a_body_that_broke_half_way_is_sent_again_whole(
    raw_server, make_session, tmp_path
):
    """A file of which the server took a part is rewound to where it started."""
    received = []

    def respond(connection):
        received.append(server.heads[-1].partition(b"\r\n\r\n")[2])
        if len(received) == 1:
            return  # with the rest unread: a reset
        while len(received[-1]) < len(CONTENT) - 7:
            received[-1] += connection.recv(65536)
        connection.sendall(raw(200))

    server = raw_server(respond)
    with no_wait(), at_offset(saved(tmp_path)) as file:
        assert make_session().put(server.url, data=file).ok
    assert len(received[0]) < len(CONTENT) - 7
    assert received[1] == CONTENT[7:]


UNSENDABLE = {
    "generator": lambda: (part for part in (CONTENT[:1000], CONTENT[1000:])),
    "pipe": pipe,
    "read only": lambda: ReadOnly(CONTENT),
    "tell without seek": lambda: TellOnly(CONTENT),
}


@pytest.mark.parametrize(
    "make_body", list(UNSENDABLE.values()), ids=list(UNSENDABLE.keys())
)
def test_bodies_that_cannot_be_sent_again_are_not(platform, make_session, make_body):
    """They arrive once, whole, and the error says why there was no retry."""
    platform.reply(502, provider_message="no", times=9)
    body = make_body()
    with pytest.raises(FailedRequestError) as caught:
        make_session().put(platform.url, data=body)
    with suppress(AttributeError):
        body.close()
    assert [request.body for request in platform.requests] == [CONTENT]
    assert caught.value.stopped_by == "body"
    assert caught.value.provider_message == "no"
    assert len(caught.value.attempts) == 1


@pytest.mark.parametrize(
    "make_body", list(UNSENDABLE.values()), ids=list(UNSENDABLE.keys())
)
def test_for_request_protects_a_plain_pool_manager(platform, make_body):
    """Told of the body, the policy guards it where urllib3 does not show it."""
    platform.reply(502, times=9)
    body = make_body()
    policy = CloudElementsRetry().for_request(body)
    with urllib3.PoolManager() as pool:
        answer = pool.request(
            "PUT", platform.url, body=body, retries=policy, chunked=True
        )
    with suppress(AttributeError):
        body.close()
    assert answer.status == 502
    assert answer.retries.why_stopped("PUT", 502, answer.headers) == "body"
    assert [request.body for request in platform.requests] == [CONTENT]


def test_a_plain_pool_manager_rewinds_files(platform):
    """Without for_request, what urllib3 can rewind is sent again."""
    platform.reply(502)
    with urllib3.PoolManager(retries=CloudElementsRetry()) as pool:
        pool.request("PUT", platform.url, body=at_offset(io.BytesIO(CONTENT)))
    assert [one.body for one in platform.requests] == [CONTENT[7:]] * 2


# Attempts


def test_attempts_that_differ(scripted, make_session):
    """Every attempt is kept in order, a network failure among them."""
    server = scripted(
        raw(502, b'{"requestId": "r1", "providerMessage": "reset"}'),
        b"",
        raw(500, b'{"requestId": "r3", "message": "oops"}'),
        raw(409, b'{"requestId": "r4", "providerMessage": "exists"}'),
    )
    with pytest.raises(ConflictError) as caught:
        make_session().get(server.url)
    error = caught.value
    assert [
        (one.number, one.status_code, one.request_id, one.provider_message)
        for one in error.attempts
    ] == [
        (1, 502, "r1", "reset"),
        (2, None, None, None),
        (3, 500, "r3", None),
        (4, 409, "r4", "exists"),
    ]
    assert "Connection aborted" in error.attempts[1].error
    assert [one.error for one in error.attempts if one.status_code] == [None] * 3
    assert error.attempts[-1].waited == 0
    assert error.stopped_by == "status"
    assert (error.request_id, server.connections) == ("r4", 4)


def test_history_is_as_urllib3_fills_it(platform, make_session):
    """On the response hangs the history of the failed attempts."""
    platform.reply(502)
    platform.reply(500)
    response = make_session().get(platform.url + "/path")
    assert [
        (past.method, past.url, past.status) for past in response.raw.retries.history
    ] == [("GET", "/path", 502), ("GET", "/path", 500)]


def test_two_calls_have_attempts_of_their_own(platform, make_session):
    """A session's second error does not show the attempts of its first."""
    session = make_session(max_retries=1)
    platform.reply(502, request_id="a", times=2)
    platform.reply(502, request_id="b", times=2)
    seen = []
    for _ in range(2):
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
        seen.append([one.request_id for one in caught.value.attempts])
    assert seen == [["a", "a"], ["b", "b"]]


def _notes(error):
    return "\n".join(getattr(error, "__notes__", []))


def test_network_failure_last(scripted, make_session):
    """A ConnectionError passes as it is, and knows of the answer before it."""
    server = scripted(raw(502, b'{"providerMessage": "reset"}'), b"")
    with pytest.raises(requests.ConnectionError, match="Connection aborted") as caught:
        make_session(max_retries=1).get(server.url)
    error = caught.value
    assert type(error) is requests.ConnectionError
    assert [one.status_code for one in error.attempts] == [502, None]
    assert error.attempts[0].provider_message == "reset"
    assert "Connection aborted" in error.attempts[1].error
    if sys.version_info >= (3, 11):
        assert "attempt 1: 502 | provider: reset" in _notes(error)
        assert "attempt 2: " in _notes(error)


def test_network_failure_alone(scripted, make_session):
    """A single failure is one attempt, which needs no note."""
    server = scripted(b"")
    with pytest.raises(requests.ConnectionError) as caught:
        make_session(max_retries=0).get(server.url)
    assert [one.number for one in caught.value.attempts] == [1]
    assert _notes(caught.value) == ""


def test_read_timeout_stays_one(raw_server, make_session):
    """When retries are used up by timeouts, `except Timeout` catches the last."""
    server = raw_server(lambda connection: connection.recv(1))
    with no_wait(), pytest.raises(requests.ReadTimeout, match="timed out") as caught:
        make_session(max_retries=2).get(server.url, timeout=0.05)
    assert len(caught.value.attempts) == server.connections == 3
    assert "Read timed out" in caught.value.attempts[-1].error
    assert caught.value.request.url == server.url


# Writes


def test_refused_post_is_repeated(closed_port, make_session):
    """The server got nothing, so every method is tried again."""
    with pytest.raises(requests.ConnectionError, match="refused") as caught:
        make_session(max_retries=2).post(closed_port, data=b"x")
    assert [one.number for one in caught.value.attempts] == [1, 2, 3]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_reset_write_is_not_repeated(scripted, make_session, method):
    """It may have arrived, so it is sent once."""
    server = scripted(b"", raw(200))
    with pytest.raises(requests.ConnectionError, match="Connection aborted") as caught:
        make_session().request(method, server.url, data=b"x")
    assert server.connections == 1
    assert len(caught.value.attempts) == 1


def test_reset_put_is_repeated(scripted, make_session):
    """An idempotent method is tried again after a reset."""
    server = scripted(b"", raw(200))
    assert make_session().put(server.url, data=b"x").ok
    assert server.connections == 2


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("GET", 3)])
def test_broken_tls(make_session, method, times):
    """What breaks under TLS may have arrived: only idempotent methods go again."""
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_in_the_clear():
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.append(connection)
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 This is no TLS\r\n\r\n")

        threading.Thread(target=answer_in_the_clear, daemon=True).start()
        session = make_session(max_retries=2)
        session.mount("https://", session.get_adapter("http://127.0.0.1/"))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with no_wait(), pytest.raises(requests.exceptions.SSLError) as caught:
            session.request(method, url, data=b"x")
        assert len(caught.value.attempts) == len(connections) == times
        listener.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()


def test_no_total_and_a_refused_connection_ends(closed_port, make_session):
    """total=None stops after 100 retries, where urllib3 ends in RecursionError."""
    policy = CloudElementsRetry(total=None, max_elapsed=None, budget=None)
    with pytest.raises(requests.ConnectionError, match="refused") as caught:
        make_session(max_retries=policy).get(closed_port)
    assert len(caught.value.attempts) == 101


# The bound before a retry


def long_body(head, part):
    """Answer 502 with a body of no end, then 200; count what was sent of the first."""
    sent = []

    def respond(connection):
        if sent:
            connection.sendall(raw(200))
            return
        sent.append(0)
        connection.sendall(b"HTTP/1.1 502 X\r\n" + head + b"\r\n")
        while sent[0] < 1 << 30:
            connection.sendall(part)
            sent[0] += len(part)

    return respond, sent


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"Content-Length: 1073741824\r\n", bytes(65536)),
        (b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
    ],
    ids=["1 GiB", "endless"],
)
@pytest.mark.parametrize("way", ["session", "one connection", "plain adapter"])
def test_a_long_failing_body_costs_its_connection(raw_server, head, part, way):
    """64 KiB are read before the retry, which goes out on a new connection."""
    respond, sent = long_body(head, part)
    server = raw_server(respond)
    adapter = {
        "session": CloudElementsAdapter,
        "one connection": partial(
            CloudElementsAdapter, pool_maxsize=1, pool_block=True
        ),
        "plain adapter": partial(HTTPAdapter, max_retries=CloudElementsRetry()),
    }[way]()
    with no_wait(), CloudElementsSession() as session:
        session.mount("http://", adapter)
        assert session.get(server.url).ok
    assert server.connections == 2
    # Kernel buffers take their part, of which the client knows nothing.
    assert sent[0] < 32 << 20


def test_a_short_failing_body_keeps_its_connection(platform, make_session):
    """What is read whole leaves the connection for the retry."""
    session = make_session()
    platform.reply(502, times=2)
    session.get(platform.url)
    pools = session.get_adapter(platform.url).poolmanager.pools
    (pool,) = map(pools.get, pools.keys())
    assert (pool.num_connections, pool.num_requests) == (1, 3)


def stalling(connection):
    """Answer 502 with the beginning of a body, and then send nothing."""
    body = b'{"requestId": "r1", "providerMessage": "no"}'
    connection.sendall(b"HTTP/1.1 502 X\r\nContent-Length: 99\r\n\r\n" + body)
    connection.recv(1)


@pytest.mark.parametrize("passthrough", [(), {502}], ids=["raised", "passthrough"])
def test_a_body_that_stalls_until_the_deadline(raw_server, make_session, passthrough):
    """Then it is too late for a retry, and the answer has all that has arrived."""
    server = raw_server(stalling)
    policy = CloudElementsRetry(max_elapsed=0.2, backoff_factor=0)
    session = make_session(max_retries=policy, passthrough=passthrough)
    if passthrough:
        response = session.get(server.url, stream=True)
        assert response.raw.read1(1000).startswith(b'{"requestId": "r1"')
        assert response.raw.retries.stopped_by == "deadline"
    else:
        with pytest.raises(FailedRequestError) as caught:
            session.get(server.url)
        error = caught.value
        assert (error.stopped_by, error.request_id) == ("deadline", "r1")
        assert (error.provider_message, error.truncated) == ("no", True)
        assert len(error.attempts) == 1
    assert server.connections == 1
    assert policy.budget.tokens == 4


def test_a_body_that_stalls_less_long(raw_server, make_session, monkeypatch):
    """It delays the retry, and the attempt says by how much."""
    monkeypatch.setattr("cloud_elements_errors._retries.body.MAX_SECONDS", 0.2)
    server = raw_server(
        lambda connection: (
            stalling(connection)
            if server.connections == 1
            else connection.sendall(raw(409))
        )
    )
    policy = CloudElementsRetry(backoff_factor=0)
    with pytest.raises(ConflictError) as caught:
        make_session(max_retries=policy).get(server.url)
    assert 0.2 <= caught.value.attempts[0].waited < 5


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals")
def test_the_end_of_a_job_is_no_failure_of_the_network(raw_server, make_session):
    """A time limit may be a TimeoutError, as a socket's is: it is not retried."""

    def end(_number, _frame):
        raise TimeoutError("the job")

    server = raw_server(lambda connection: connection.recv(1))
    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with no_wait(), pytest.raises(OSError, match="the job"):
            make_session().get(server.url)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert server.connections == 1


# Why there was no further attempt

GENERATOR = "generator"
LATER = {"Retry-After": "5"}
TOO_LATE = {"Retry-After": "61"}
EMPTY = {"budget": RetryBudget(0)}

STOPS = {
    # method, status, headers, body, policy, why, attempts
    "404": ("GET", 404, {}, None, {}, "status", 1),
    "503": ("GET", 503, {}, None, {}, "status", 1),
    "503 and garbage": ("GET", 503, {"Retry-After": "soon"}, None, {}, "status", 1),
    "503 not respected": (
        *("GET", 503, LATER, None, {"respect_retry_after_header": False}),
        *("status", 1),
    ),
    "502 not listed": ("GET", 502, {}, None, {"status_forcelist": [500]}, "status", 1),
    "status before all": ("POST", 404, TOO_LATE, GENERATOR, {"total": 0}, "status", 1),
    "POST": ("POST", 502, {}, b"x", {}, "method", 1),
    "PATCH": ("PATCH", 500, {}, b"x", {}, "method", 1),
    "POST 503": ("POST", 503, LATER, b"x", {}, "method", 1),
    "POST 429": ("POST", 429, LATER, b"x", {}, "attempts", 4),
    "PATCH 429": ("PATCH", 429, LATER, b"x", {"total": 1}, "attempts", 2),
    "POST 429, generator": ("POST", 429, LATER, GENERATOR, {}, "body", 1),
    "POST 429, too late": ("POST", 429, TOO_LATE, b"x", {}, "retry_after", 1),
    "POST 429, garbage": ("POST", 429, {"Retry-After": "soon"}, b"x", {}, "status", 1),
    "POST 429, garbage, listed": (
        *("POST", 429, {"Retry-After": "soon"}, b"x", {"status_forcelist": [429]}),
        *("method", 1),
    ),
    "method before the rest": (
        *("POST", 502, TOO_LATE, GENERATOR, {"total": 0, **EMPTY}),
        *("method", 1),
    ),
    "GET not allowed": (
        *("GET", 502, {}, None, {"allowed_methods": ["PUT"]}),
        *("method", 1),
    ),
    "generator": ("PUT", 502, {}, GENERATOR, {}, "body", 1),
    "generator by POST": (
        *("POST", 502, {}, GENERATOR, {"allowed_methods": None}),
        *("body", 1),
    ),
    "generator 503": ("PUT", 503, LATER, GENERATOR, {}, "body", 1),
    "body before the rest": (
        *("PUT", 502, TOO_LATE, GENERATOR, {"total": 0, **EMPTY}),
        *("body", 1),
    ),
    "body before attempts, 503": (
        *("PUT", 503, LATER, GENERATOR, {"total": 0}),
        *("body", 1),
    ),
    "GET": ("GET", 502, {}, None, {}, "attempts", 4),
    "DELETE": ("DELETE", 500, {}, None, {}, "attempts", 4),
    "PUT": ("PUT", 502, {}, b"x", {}, "attempts", 4),
    "POST allowed": (
        *("POST", 502, {}, b"x", {"allowed_methods": ["POST"]}),
        *("attempts", 4),
    ),
    "413": ("GET", 413, LATER, None, {}, "attempts", 4),
    "429": ("GET", 429, LATER, None, {}, "attempts", 4),
    "503 later": ("GET", 503, LATER, None, {}, "attempts", 4),
    "total 0": ("GET", 502, {}, None, {"total": 0}, "attempts", 1),
    "total 0, 503": ("GET", 503, LATER, None, {"total": 0}, "attempts", 1),
    "status 1": ("GET", 502, {}, None, {"status": 1}, "attempts", 2),
    "attempts before the rest": (
        *("GET", 502, TOO_LATE, None, {"total": 0, "max_elapsed": 1, **EMPTY}),
        *("attempts", 1),
    ),
    "too late": ("GET", 502, TOO_LATE, None, {}, "retry_after", 1),
    "too late, 429": ("GET", 429, TOO_LATE, None, {}, "retry_after", 1),
    "retry_after before the rest": (
        *("GET", 502, TOO_LATE, None, {"max_elapsed": 1, **EMPTY}),
        *("retry_after", 1),
    ),
    "deadline": ("GET", 502, LATER, None, {"max_elapsed": 4}, "deadline", 1),
    "deadline before the budget": (
        *("GET", 502, LATER, None, {"max_elapsed": 4, **EMPTY}),
        *("deadline", 1),
    ),
    "budget": ("GET", 502, {}, None, EMPTY, "budget", 1),
    "no budget": ("GET", 502, {}, None, {"budget": None}, "attempts", 4),
}


@pytest.fixture
def mock():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture(params=["session", "mounted", "responses"])
def call_each_way(request, platform):
    """Send a request to a server that always answers alike; return the error."""

    def call(method, status, headers, body, policy):
        retries = CloudElementsRetry(**policy)
        data = (part for part in [b"a", b"b"]) if body is GENERATOR else body
        session = CloudElementsSession(max_retries=retries)
        if request.param == "mounted":
            session = requests.Session()
            session.mount("http://", CloudElementsAdapter(max_retries=retries))
        if request.param == "responses":
            mock = request.getfixturevalue("mock")
            mock.add(method, platform.url, status=status, headers=headers)
            sent = mock.calls
        else:
            platform.reply(status, headers=headers, times=9)
            sent = platform.requests
        with session, pytest.raises(CloudElementsError) as caught:
            session.request(method, platform.url, data=data)
        return caught.value, len(sent)

    return call


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "policy", "why", "attempts"),
    list(STOPS.values()),
    ids=list(STOPS.keys()),
)
def test_stopped_by(  # noqa: PLR0917 - a table
    call_each_way, method, status, headers, body, policy, why, attempts
):
    """It names the first of status, method, body, attempts, retry_after, deadline."""
    if policy.get("budget") is EMPTY["budget"]:
        assert policy["budget"].tokens == 0
    error, sent = call_each_way(method, status, headers, body, policy)
    assert error.stopped_by == why
    assert len(error.attempts) == sent == attempts
    assert [one.status_code for one in error.attempts] == [status] * attempts


def test_the_error_says_how_long_the_server_asked_to_wait(platform, make_session):
    """Asked for more than allowed, the error comes at once, with the seconds."""
    platform.reply(502, headers={"Retry-After": "86400"}, times=2)
    with pytest.raises(FailedRequestError) as caught:
        make_session().get(platform.url)
    assert caught.value.retry_after == 86400
    stopped = "the server asks to wait 86400 s, longer than the policy allows."
    assert f"Not retried: {stopped}" in caught.value.__notes__
    assert len(platform.requests) == 1


def test_a_subclass_that_reads_another_header(platform, make_session):
    """The note names no seconds, since the error does not know them."""

    class Policy(CloudElementsRetry):
        def get_retry_after(self, response):
            return float(response.headers.get("X-Wait", 0))

    platform.reply(502, headers={"X-Wait": "100"})
    with pytest.raises(FailedRequestError) as caught:
        make_session(max_retries=Policy()).get(platform.url)
    assert (caught.value.stopped_by, caught.value.retry_after) == ("retry_after", None)
    if sys.version_info >= (3, 11):
        stopped = "the server asks to wait longer than the policy allows."
        assert f"Not retried: {stopped}" in caught.value.__notes__


def test_the_sequence_stops_for_its_last_reason(platform, make_session):
    """After a retry another reason may apply than before it."""
    platform.reply(502)
    platform.reply(503, headers={"Retry-After": "61"})
    with pytest.raises(CloudElementsError) as caught:
        make_session().get(platform.url)
    assert (caught.value.status_code, caught.value.stopped_by) == (503, "retry_after")
    assert len(caught.value.attempts) == 2


DONE_BEFORE = "An earlier attempt may have done this already, although it failed."

REPEATED = {
    # method, answers, whether the note is there
    "DELETE": ("DELETE", [502, 404], True),
    "DELETE, gone": ("DELETE", [500, 410], True),
    "DELETE, in progress": ("DELETE", [502, 409], True),
    "POST": ("POST", [502, 409], True),
    "PATCH": ("PATCH", [502, 412], True),
    "PUT": ("PUT", [502, 502, 409], True),
    "after a refusal": ("PUT", [429, 502, 409], True),
    "once": ("DELETE", [404], False),
    "refused before": ("POST", [429, 409], False),
    "a read": ("GET", [502, 404], False),
    "another failure": ("PUT", [502, 400], False),
    "nothing to find": ("PUT", [502, 404], False),
    "still failing": ("DELETE", [502, 502], False),
}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no notes")
@pytest.mark.parametrize(
    ("method", "answers", "noted"), REPEATED.values(), ids=REPEATED
)
def test_a_repeated_write_that_had_worked(
    platform, make_session, method, answers, noted
):
    """A repetition fails because the work is done: the note says that it may be."""
    for status in answers:
        headers = {"Retry-After": "1"} if status == 429 else None
        platform.reply(status, headers=headers)
    policy = CloudElementsRetry(len(answers) - 1, allowed_methods=None)
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=policy).request(method, platform.url)
    assert caught.value.status_code == answers[-1]
    assert (DONE_BEFORE in caught.value.__notes__) is noted


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no notes")
@pytest.mark.parametrize(
    "policy",
    [CloudElementsRetry(), Retry(3), Retry(3, status_forcelist=[502])],
    ids=["ours", "urllib3's", "urllib3's, of statuses"],
)
@pytest.mark.parametrize(
    ("method", "failure", "noted"),
    [
        ("DELETE", {}, True),
        ("DELETE", {"delay": 60}, True),
        ("GET", {}, False),
        ("DELETE", None, False),
    ],
    ids=["broken", "late", "a read", "never sent"],
)
def test_a_write_whose_answer_was_lost(
    platform, make_session, monkeypatch, *, policy, method, failure, noted
):
    """It may have worked, unless the connection was refused."""
    connect, refusals = urllib3.util.connection.create_connection, []
    if failure is None:
        refusals.append(ConnectionRefusedError("refused"))
    else:
        platform.drop(**failure)

    def maybe_connect(*args, **kwargs):
        if refusals:
            raise refusals.pop()
        return connect(*args, **kwargs)

    monkeypatch.setattr("urllib3.util.connection.create_connection", maybe_connect)
    platform.reply(404)
    with no_wait(), pytest.raises(NotFoundError) as caught:
        make_session(max_retries=policy).request(
            method, platform.url + "/contacts/17", timeout=0.3
        )
    arrived = pickle.loads(pickle.dumps(caught.value))
    assert [len(error.attempts) for error in (caught.value, arrived)] == [2, 2]
    assert (DONE_BEFORE in caught.value.__notes__) is noted
    assert (DONE_BEFORE in arrived.__notes__) is noted


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no notes")
@pytest.mark.parametrize("status", [413, 429])
def test_a_refused_post_could_do_nothing_twice(platform, make_session, status):
    """What the policy does not retry for POST is no danger here, and says none."""
    platform.reply(status)
    policy = CloudElementsRetry(status_forcelist={status})
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=policy).post(platform.url)
    assert caught.value.stopped_by == "method"
    assert "Not retried: the policy does not retry POST." in caught.value.__notes__


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 407, 410, 451])
def test_a_proxy_that_refuses_the_tunnel(raw_server, make_session, status):
    """It is asked once: each attempt may count against an account."""
    proxy = raw_server(b"HTTP/1.1 %d No\r\n\r\n" % status)
    session = make_session()
    session.mount("https://", session.get_adapter("http://127.0.0.1/"))
    with no_wait(), pytest.raises(requests.exceptions.ProxyError) as caught:
        session.get(
            "https://api.example.com/", proxies={"https": proxy.url.rstrip("/path")}
        )
    assert proxy.connections == 1
    assert (caught.value.stopped_by, len(caught.value.attempts)) == ("status", 1)
    if sys.version_info >= (3, 11):
        assert _notes(caught.value) == (
            "Not retried: the proxy refused the request, and would refuse it again."
        )


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_proxy_that_cannot_serve_the_tunnel_now(raw_server, make_session, status):
    """It may serve it a moment later."""
    proxy = raw_server(b"HTTP/1.1 %d No\r\n\r\n" % status)
    session = make_session(max_retries=2)
    session.mount("https://", session.get_adapter("http://127.0.0.1/"))
    with no_wait(), pytest.raises(requests.exceptions.ProxyError) as caught:
        session.get(
            "https://api.example.com/", proxies={"https": proxy.url.rstrip("/path")}
        )
    assert proxy.connections == 3
    assert caught.value.stopped_by == "attempts"


# Other ways in


def test_plain_adapter_with_the_hook(platform):
    """The policy alone, on requests' own adapter, keeps attempts and reason."""
    platform.reply(502, times=9)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=CloudElementsRetry()))
        session.hooks["response"].append(raise_for_error)
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert caught.value.stopped_by == "attempts"
    assert len(caught.value.attempts) == 4


@pytest.mark.parametrize("preload", [True, False])
def test_pool_manager(platform, preload):
    """urllib3 itself retries under it, and hands out the last answer unread."""
    platform.reply(502, provider_message="no", times=5)
    with urllib3.PoolManager(retries=CloudElementsRetry(total=1)) as pool:
        url = platform.url + "/path"
        answer = pool.request("GET", url, preload_content=preload)
        assert b'"providerMessage": "no"' in answer.data
        assert [one.provider_message for one in answer.retries.attempts] == ["no"]
        assert answer.retries.why_stopped("GET", 502, answer.headers) == "attempts"
        assert len(platform.requests) == 2


def test_pool_manager_follows_redirects(platform):
    """A redirect between two failures keeps the attempts of the call together."""
    platform.reply(502, request_id="r1", times=1)
    platform.reply(302, headers={"Location": "/there"})
    platform.reply(500, request_id="r2", times=1)
    with urllib3.PoolManager(retries=CloudElementsRetry()) as pool:
        answer = pool.request("GET", platform.url + "/here")
    assert answer.status == 200
    assert [one.request_id for one in answer.retries.attempts] == ["r1", "r2"]


@pytest.mark.parametrize("raise_on_status", [True, False])
def test_plain_retry(platform, make_session, raise_on_status):
    """urllib3's own policy works, and cannot lose the last answer."""
    policy = Retry(
        total=2, status_forcelist=[502, 500], raise_on_status=raise_on_status
    )
    session = make_session(max_retries=policy)
    platform.reply(500)
    platform.reply(502, provider_message="no", times=2)
    with pytest.raises(FailedRequestError) as caught:
        session.get(platform.url)
    assert [one.status_code for one in caught.value.attempts] == [500, 502, 502]
    assert caught.value.provider_message == "no"
    assert caught.value.stopped_by is None
    assert policy.raise_on_status is raise_on_status
    assert session.get_adapter(platform.url).max_retries.raise_on_status is False


def test_raise_on_status_of_ours_is_overruled(platform, make_session):
    """The adapter sets it to false, and keeps the budget."""
    policy = CloudElementsRetry(total=0, raise_on_status=True)
    session = make_session(max_retries=policy)
    assert session.get_adapter(platform.url).max_retries.budget is policy.budget
    platform.reply(500)
    with pytest.raises(ServerError):
        session.get(platform.url)
