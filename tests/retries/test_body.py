"""What goes wrong on the wire never hides the status, and never holds its reader."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import random
import signal
import socket
import struct
import threading
import time
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
import requests
import urllib3

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    RetryBudget,
    error_from_response,
)
from cloud_elements_errors._internals import put_back
from cloud_elements_errors._retries import body as body_module
from cloud_elements_errors._retries.body import _LimitedSocket, body_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements

KIB = 1024
BOUND = 64 * KIB
BODY = json.dumps({"message": "m" * 20, "requestId": "r", "providerMessage": "p"})
BYTES = BODY.encode()
GZIP = gzip.compress(BYTES)
HALF = len(BYTES) // 2
# Text that does not compress to nothing, so that half of it is worth something.
LONG = json.dumps({"message": "m", "words": [str(n**7) for n in range(2000)]}).encode()


def read_body(raw) -> tuple[bytes, bool]:
    """Return the body, and whether it is whole."""
    return body_of(raw)[:2]


def head(*headers: str, status: str = "502 Bad Gateway") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1")


def sized(body: bytes, *headers: str, length: object = None) -> bytes:
    length = len(body) if length is None else length
    return head(f"Content-Length: {length}", *headers) + body


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head("Transfer-Encoding: chunked") + framed + end


def reset(connection: socket.socket) -> None:
    """Close with a reset in place of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def then_reset(answer: bytes) -> Callable[[socket.socket], None]:
    def respond(connection: socket.socket) -> None:
        connection.sendall(answer)
        # Wait until the client reads: a reset may overtake what it has not read.
        connection.sendall(b"")
        reset(connection)

    return respond


def compressed(encoding: str, body: bytes, *headers: str) -> bytes:
    return sized(body, f"Content-Encoding: {encoding}", *headers)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def corrupt(data: bytes) -> bytes:
    """Spoil the second half."""
    half = len(data) // 2
    return data[:half] + bytes(byte ^ 0xFF for byte in data[half:])


# Case: answer, the text that the error has (None: part of LONG), and whether it is cut.
FAULTS: dict[str, tuple[Any, str | None, bool]] = {
    "whole": (sized(BYTES), BODY, False),
    "no length": (head() + BYTES, BODY, False),
    "no body, closed": (head(), "", False),
    "no body, length 0": (sized(b""), "", False),
    "no body, length 0, gzip": (compressed("gzip", b""), "", False),
    "no body, reset": (then_reset(head()), "", True),
    "no body, length 5": (head("Content-Length: 5"), "", True),
    "closed in the body": (sized(BYTES)[:-HALF], BODY[:-HALF], True),
    "reset in the body": (then_reset(sized(BYTES)[:-HALF]), BODY[:-HALF], True),
    "too long a length": (sized(BYTES, length=9999), BODY, True),
    "too short a length": (sized(BYTES, length=HALF), BODY[:HALF], False),
    "chunks": (chunked(BYTES[:9], BYTES[9:]), BODY, False),
    "chunks of a byte": (chunked(*(b"%c" % one for one in BYTES)), BODY, False),
    "chunks with trailers": (
        chunked(BYTES, end=b"0\r\nElements-Error: x\r\n\r\n"),
        BODY,
        False,
    ),
    "chunks without an end": (chunked(BYTES, end=b""), BODY, True),
    "no chunk": (chunked(end=b""), "", True),
    "closed in a chunk": (
        chunked(BYTES[:9], BYTES[9:], end=b"")[: -HALF - 2],
        BODY[:-HALF],
        True,
    ),
    "reset in a chunk": (
        then_reset(chunked(BYTES[:9], BYTES[9:], end=b"")[: -HALF - 2]),
        BODY[:-HALF],
        True,
    ),
    "closed in a chunk header": (chunked(BYTES, end=b"12"), BODY, True),
    "broken chunk header": (chunked(BYTES, end=b"xyz\r\nabc\r\n"), BODY, True),
    "negative chunk": (chunked(BYTES, end=b"-5\r\nabc"), BODY + "abc", True),
    "endless chunk header": (chunked(BYTES, end=b"1" * 70_000), BODY, True),
    "chunk without its line break": (
        chunked(BYTES, end=b"3\r\nabcxyz\r\n0\r\n\r\n"),
        BODY + "abc",
        True,
    ),
    "unknown transfer encoding": (
        head("Transfer-Encoding: rot13") + BYTES,
        BODY,
        False,
    ),
    "length and chunks": (
        chunked(BYTES).replace(b"\r\n", b"\r\nContent-Length: 7\r\n", 1),
        BODY,
        False,
    ),
    "gzip": (compressed("gzip", GZIP), BODY, False),
    "x-gzip in capitals": (compressed("X-GZIP", GZIP), BODY, False),
    "deflate": (compressed("deflate", zlib.compress(BYTES)), BODY, False),
    "raw deflate": (compressed("deflate", raw_deflate(BYTES)), BODY, False),
    "gzip twice": (compressed("gzip, gzip", gzip.compress(GZIP)), BODY, False),
    "gzip in many layers": (compressed(",".join(["gzip"] * 20), BYTES), BODY, False),
    "gzip, corrupt": (compressed("gzip", corrupt(gzip.compress(LONG))), None, True),
    "gzip, closed": (compressed("gzip", gzip.compress(LONG))[:-2000], None, True),
    "gzip, reset": (
        then_reset(compressed("gzip", gzip.compress(LONG))[:-2000]),
        None,
        True,
    ),
    "deflate, corrupt": (
        compressed("deflate", corrupt(zlib.compress(LONG))),
        None,
        True,
    ),
    "plain body called gzip": (compressed("gzip", BYTES), BODY, False),
    "plain body called deflate": (compressed("deflate", BYTES), BODY, False),
    "unknown encoding": (compressed("rot13", BYTES), BODY, False),
    "identity": (compressed("identity", BYTES), BODY, False),
    "empty encoding": (compressed("", BYTES), BODY, False),
    "bomb": (
        compressed("gzip", gzip.compress(b"x" * 8 * KIB * KIB)),
        "x" * BOUND,
        True,
    ),
    "at the bound": (sized(b"x" * BOUND), "x" * BOUND, False),
    "over the bound": (sized(b"x" * (BOUND + 1)), "x" * BOUND, True),
    "gzip at the bound": (
        compressed("gzip", gzip.compress(b"x" * BOUND)),
        "x" * BOUND,
        False,
    ),
    "gzip over the bound": (
        compressed("gzip", gzip.compress(b"x" * (BOUND + 1))),
        "x" * BOUND,
        True,
    ),
    "lengths that agree": (sized(BYTES, f"Content-Length: {len(BYTES)}"), BODY, False),
    "negative length": (sized(BYTES, length=-5), BODY, False),
    "empty length": (sized(BYTES, length=""), BODY, False),
    "length in words": (sized(BYTES, length="many"), BODY, False),
    "length of 5,000 digits": (sized(BYTES, length="9" * 5000), BODY, False),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("answer", "text", "cut"), FAULTS.values(), ids=FAULTS)
def test_fault_on_the_wire(
    make_session: Callable[..., requests.Session],
    raw_server: Any,
    *,
    answer: Any,
    text: str | None,
    cut: bool,
    stream: bool,
) -> None:
    """The typed error arrives with its status and all that was read."""
    server = raw_server(answer)
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).get(server.url, stream=stream, timeout=30)
    error = caught.value
    assert error.status_code == 502
    if text is None:
        assert error.text.startswith(LONG[:10_000].decode())
        assert error.message == "m"
        text = error.text
    assert error.text == text
    assert error.truncated is cut
    assert error.response.content == error.text.encode()
    if BODY in text:
        assert (error.message, error.provider_message) == ("m" * 20, "p")
    assert server.connections == 1


CONTRADICTIONS = {
    "two lines": ("Content-Length: 5", "Content-Length: 6"),
    "one line": ("Content-Length: 5, 6",),
    "too long": ("Content-Length: 6", "Content-Length: 9999"),
    "three": ("Content-Length: 6", "Content-Length: 6", "Content-Length: 5"),
}


@pytest.mark.parametrize("headers", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
@pytest.mark.parametrize("status", ["200 OK", "302 Found", "409 Conflict", "502 x"])
def test_contradicting_lengths(
    make_session: Callable[..., requests.Session],
    raw_server: Any,
    status: str,
    headers: tuple[str, ...],
) -> None:
    """Such a response is refused (RFC 9112, 6.3), and its connection is not reused."""
    answer = head(*headers, status=status) + b"123456"

    def respond(connection: socket.socket) -> None:
        connection.sendall(answer)
        while connection.recv(65536):
            connection.sendall(answer)

    server = raw_server(respond)
    session = make_session(max_retries=0)
    for _ in range(2):
        with pytest.raises(requests.exceptions.InvalidHeader, match="unmatching"):
            session.get(server.url, timeout=30)
    assert server.connections == 2


@pytest.mark.parametrize(
    "line",
    [f"HTTP/1.1 {status}" for status in ("502", "502 ", "600 x", "777 x", "999")]
    + ["HTTP/1.0 502 x", "HTTP/1.1 502 \xa1\xff"],
)
def test_status_line(
    make_session: Callable[..., requests.Session], raw_server: Any, line: str
) -> None:
    """Any status up to 999 is raised, with any reason or none."""
    server = raw_server(f"{line}\r\nContent-Length: 2\r\n\r\n{{}}".encode("latin-1"))
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).get(server.url, timeout=30)
    assert caught.value.status_code == int(line.split()[1])
    assert caught.value.title


def test_headers_in_latin_1(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """Bytes in headers that are no ASCII do no harm."""
    server = raw_server(
        sized(
            BYTES,
            "Content-Type: text/\xe4\xff; charset=\xfc",
            "Elements-Request-Id: \xe9",
            "X-\xe4: \xff",
            "Set-Cookie: \xe4=\xff",
            "Content-Type: text/html",
            "Retry-After: \xb2",
        )
    )
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).get(server.url, timeout=30)
    assert caught.value.text == BODY


def test_header_lines_that_are_none(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """A line without a colon ends the headers for Python, but not the error."""
    server = raw_server(sized(BYTES, "no colon here", "X-After: 1"))
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).get(server.url, timeout=30)
    assert caught.value.status_code == 502


@pytest.mark.parametrize("answer", ["whole", "gzip", "length and chunks"])
def test_head_request(
    make_session: Callable[..., requests.Session], raw_server: Any, answer: str
) -> None:
    """The answer to a HEAD has headers that speak of a body, and none."""
    server = raw_server(FAULTS[answer][0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).head(server.url, timeout=30)
    assert (caught.value.text, caught.value.truncated) == ("", False)
    assert caught.value.method == "HEAD"


class Endless:
    """A peer that sends an answer, and then the same bytes as long as it can."""

    def __init__(self, answer: bytes, again: bytes, most: int = 64 * KIB * KIB) -> None:
        self.answer, self.again, self.most = answer, again, most
        self.sent = 0
        self.stopped = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BOUND)
        try:
            connection.sendall(self.answer)
            while self.sent < self.most:
                self.sent += connection.send(self.again)
        except OSError:
            self.stopped.set()


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (head("Content-Length: 1073741824"), bytes(BOUND)),
        (head(), bytes(BOUND)),
        (head("Transfer-Encoding: chunked"), b"10000\r\n" + bytes(BOUND) + b"\r\n"),
        (chunked(BYTES, end=b""), b"1" * BOUND),
        (head("Content-Encoding: gzip"), gzip.compress(b"")),
    ],
    ids=["sized", "unsized", "chunks", "chunk header", "gzip members"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_body_without_end(
    make_session: Callable[..., requests.Session],
    raw_server: Any,
    start: bytes,
    again: bytes,
    stream: bool,
) -> None:
    """Reading stops at the bound, and the peer is told to stop sending."""
    peer = Endless(start, again)
    server = raw_server(peer)
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).get(server.url, stream=stream, timeout=30)
    assert caught.value.status_code == 502
    assert caught.value.truncated
    assert len(caught.value.response.content) <= BOUND
    assert peer.stopped.wait(30)
    # What is over is in the buffers of the two sockets.
    assert peer.sent < 16 * KIB * KIB


def hold(connection: socket.socket) -> None:
    """Send nothing more, until the client goes away."""
    while connection.recv(BOUND):
        pass


def trickle(connection: socket.socket, byte: bytes) -> None:
    """Send a byte again and again, slowly, until the client goes away."""
    connection.settimeout(0.01)
    gone = False
    while not gone:
        connection.sendall(byte)
        try:
            gone = not connection.recv(1)
        except TimeoutError:
            gone = False


SLOW: dict[str, tuple[bytes, Callable[[socket.socket], None], str]] = {
    "stalls after the head": (head("Content-Length: 999"), hold, ""),
    "stalls in the body": (sized(BYTES, length=999), hold, BODY),
    "stalls in a chunk": (
        chunked(BYTES, end=b"ff\r\nabc"),
        hold,
        BODY + "abc",
    ),
    "stalls in a chunk header": (chunked(BYTES, end=b"f"), hold, BODY),
    "trickles a body": (
        sized(BYTES, length=999_999),
        lambda connection: trickle(connection, b" "),
        BODY,
    ),
    "trickles a chunk header": (
        chunked(BYTES, end=b""),
        lambda connection: trickle(connection, b"1"),
        BODY,
    ),
    "trickles trailers": (
        chunked(BYTES, end=b"0\r\n"),
        lambda connection: trickle(connection, b"x\r\n"),
        BODY,
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("answer", "go_on", "text"), SLOW.values(), ids=SLOW)
def test_body_that_is_slow(
    make_session: Callable[..., requests.Session],
    raw_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    answer: bytes,
    go_on: Callable[[socket.socket], None],
    text: str,
    stream: bool,
) -> None:
    """The limit in time ends it, though the user has set no timeout at all."""
    monkeypatch.setattr(body_module, "MAX_SECONDS", 0.1)
    gone = threading.Event()

    def respond(connection: socket.socket) -> None:
        try:
            connection.sendall(answer)
            go_on(connection)
        finally:
            gone.set()

    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=0).get(raw_server(respond).url, stream=stream)
    assert caught.value.status_code == 502
    assert caught.value.text.rstrip() == text
    assert caught.value.truncated
    assert gone.wait(30)


def test_a_shorter_timeout_of_the_user_counts(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """The user's read timeout ends a stall before the limit of five seconds does."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(sized(BYTES, length=999))
        hold(connection)

    waited: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        original = socket.socket.settimeout

        def settimeout(self: socket.socket, seconds: float | None) -> None:
            waited.append(-1 if seconds is None else seconds)
            original(self, seconds)

        patch.setattr(socket.socket, "settimeout", settimeout)
        with pytest.raises(CloudElementsError, match=r"^502"):
            make_session(max_retries=0).get(raw_server(respond).url, timeout=0.1)
    assert waited
    assert max(waited) == 0.1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "case", ["whole", "over the bound", "closed in a chunk", "bomb"]
)
def test_full_pool_does_not_hang(raw_server: Any, case: str, stream: bool) -> None:
    """With one blocking place in the pool, the next call gets it (trap 3)."""
    answer = FAULTS[case][0].replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    server = raw_server(answer)
    with requests.Session() as session:
        session.mount(
            "http://",
            CloudElementsAdapter(max_retries=0, pool_block=True, pool_maxsize=1),
        )
        for _ in range(3):
            with pytest.raises(CloudElementsError, match=r"^502"):
                session.get(server.url, stream=stream, timeout=30)


def test_slow_body_gives_back_its_place(
    raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is after a body that the limit in time has ended."""
    monkeypatch.setattr(body_module, "MAX_SECONDS", 0.05)

    def respond(connection: socket.socket) -> None:
        connection.sendall(sized(BYTES, length=999))
        hold(connection)

    server = raw_server(respond)
    with requests.Session() as session:
        session.mount(
            "http://",
            CloudElementsAdapter(max_retries=0, pool_block=True, pool_maxsize=1),
        )
        for number in (1, 2, 3):
            with pytest.raises(CloudElementsError, match=r"^502"):
                session.get(server.url)
            assert server.connections == number


def test_thousand_errors_over_one_connection(
    session: requests.Session,
    platform: FakeCloudElements,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection goes back to the pool when the body was read whole."""
    accepted: list[object] = []
    server = type(platform._server)
    original = server.process_request
    monkeypatch.setattr(
        server,
        "process_request",
        lambda self, request, address: (
            accepted.append(address) or original(self, request, address)
        ),
    )
    platform.reply(404, message="gone", times=500)
    platform.reply(409, body=b"x" * 9999, times=500)
    for number in range(1000):
        with pytest.raises(CloudElementsError):
            session.get(platform.url, stream=number % 2 == 0)
    assert len(platform.requests) == 1000
    assert len(accepted) == 1


def test_timeout_of_the_connection_is_left_as_found(
    platform: FakeCloudElements, make_session: Callable[..., requests.Session]
) -> None:
    """The limit on one body is gone from the socket before the next request."""
    session = make_session(max_retries=0)
    platform.reply(404, times=2)
    with pytest.raises(CloudElementsError):
        session.get(platform.url, timeout=17)
    pools = session.get_adapter(platform.url).poolmanager.pools
    [key] = pools.keys()
    pool = pools[key]
    connection = pool._get_conn()
    assert type(connection.sock) is socket.socket
    assert connection.sock.gettimeout() == 17
    pool._put_conn(connection)


class Broken(io.BytesIO):
    """A file that fails after its first bytes."""

    def __init__(self, error: Exception) -> None:
        super().__init__(b"body and more")
        self.error = error

    def read(self, *_: Any) -> bytes:
        if self.tell() == 0:
            return super().read(4)
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        TimeoutError(),
        ConnectionResetError(),
        ValueError("I/O operation on closed file"),
        zlib.error("incorrect header check"),
        EOFError(),
        http.client.IncompleteRead(b""),
        urllib3.exceptions.ProtocolError("broken"),
        TypeError("read() takes no argument"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_raw_that_fails(error: Exception) -> None:
    """What files, sockets and decoders raise ends the body, and nothing else."""
    assert read_body(Broken(error)) == (b"body", False)


def test_raw_of_another_kind() -> None:
    """A mock's or a cache's file is read as well."""
    assert read_body(io.BytesIO(b"body")) == (b"body", True)
    assert read_body(io.BytesIO(b"x" * 70_000)) == (b"x" * BOUND, False)
    assert read_body(io.StringIO("text")) == (b"", False)
    assert read_body(object()) == (b"", False)


class TimeLimitError(Exception):
    """What a job's time limit raises, from a signal handler."""


def test_the_end_of_a_job_passes() -> None:
    """It is no fault of the body."""
    with pytest.raises(TimeLimitError):
        read_body(Broken(TimeLimitError()))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals")
@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("limit", [TimeLimitError, TimeoutError, OSError])
def test_the_end_of_a_job_while_a_body_stalls(
    raw_server: Any, retries: int, limit: type[Exception]
) -> None:
    """It passes at once, the request is not retried, its token is given back, and so
    is the place in the pool."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(sized(BYTES, length=999))
        hold(connection)

    def end(_number: int, _frame: object) -> None:
        raise limit("the job")

    server = raw_server(respond)
    policy = CloudElementsRetry(retries, budget=RetryBudget(ratio=0))
    adapter = CloudElementsAdapter(max_retries=policy, pool_block=True, pool_maxsize=1)
    before = signal.signal(signal.SIGALRM, end)
    try:
        with requests.Session() as session:
            session.mount("http://", adapter)
            for number in (1, 2):
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                # requests itself wraps an OSError.
                with pytest.raises((limit, requests.ConnectionError), match="the job"):
                    session.get(server.url)
                assert server.connections == number
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert policy.budget.tokens == pytest.approx(4, abs=0.02)


class NoTimeout:
    """A socket as pyOpenSSL's under urllib3: it does not tell its timeout."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        if name == "gettimeout":
            raise AttributeError(name)
        return getattr(self._sock, name)


def test_a_socket_that_does_not_tell_its_timeout(
    platform: FakeCloudElements,
) -> None:
    """Its body is read without the limit of time, and nothing is lost."""
    platform.reply(502, body=BYTES)
    with urllib3.PoolManager() as manager:
        raw = manager.request("GET", platform.url, preload_content=False)
        file = raw._fp.fp.raw
        file._sock = NoTimeout(file._sock)
        assert read_body(raw) == (BYTES, True)


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (sized(BYTES), True),
        (sized(BYTES, length=999), False),
        (chunked(BYTES[:9], BYTES[9:]), True),
        (chunked(BYTES, end=b""), False),
        (compressed("gzip", GZIP), True),
    ],
    ids=["sized", "sized, cut", "chunks", "chunks, cut", "gzip"],
)
def test_a_body_that_is_put_back(raw_server: Any, answer: bytes, whole: bool) -> None:
    """The next reader finds it unread, and as whole as it was."""
    with urllib3.PoolManager() as manager:
        for reread in (read_body, urllib3.HTTPResponse.stream):
            raw = manager.request("GET", raw_server(answer).url, preload_content=False)
            body = body_of(raw)
            assert body[:2] == (BYTES, whole)
            put_back(raw, body.received, whole=body.whole)
            if reread is read_body:
                assert read_body(raw) == (BYTES, whole)
            elif whole:
                assert b"".join(raw.stream(decode_content=True)) == BYTES
            else:
                with pytest.raises(urllib3.exceptions.ProtocolError):
                    b"".join(raw.stream())


def test_a_body_that_urllib3_has_read_stays(platform: FakeCloudElements) -> None:
    """urllib3 still has it, also if nothing is put back."""
    platform.reply(502, body=BYTES)
    with urllib3.PoolManager() as manager:
        raw = manager.request("GET", platform.url)
    body = body_of(raw)
    assert body.content == BYTES
    put_back(raw, body.received, whole=body.whole)
    assert raw.data == BYTES


def test_a_body_that_somebody_is_decoding(raw_server: Any) -> None:
    """urllib3 does not give the rest of it as it was sent."""
    answer = compressed("gzip", gzip.compress(LONG))
    with urllib3.PoolManager() as manager:
        raw = manager.request("GET", raw_server(answer).url, preload_content=False)
        assert raw.read(5) == LONG[:5]
        assert read_body(raw) == (b"", False)


@pytest.mark.parametrize("size", [5, 70_000])
def test_response_that_urllib3_has_read(platform: FakeCloudElements, size: int) -> None:
    """Under urllib3 alone the body may be in memory already; the bound holds."""
    platform.reply(404, body=b"x" * size)
    with urllib3.PoolManager() as manager:
        raw = manager.request("GET", platform.url)
    assert read_body(raw) == (b"x" * min(size, BOUND), size <= BOUND)


def test_closed_response_whose_decoder_wants_more() -> None:
    """No bytes at all may be an error to a decoder, as they are to zstd's."""

    class Refusing(urllib3.HTTPResponse):
        @property
        def data(self) -> bytes:
            raise urllib3.exceptions.DecodeError("Zstandard data is incomplete")

    raw = Refusing(io.BytesIO(b""), preload_content=False)
    raw.close()
    assert read_body(raw) == (b"", True)


def test_body_is_read_within_fewer_seconds_if_asked(raw_server: Any) -> None:
    """A caller may shorten the limit: a retry policy near its deadline does."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(sized(BYTES, length=999))
        hold(connection)

    with urllib3.PoolManager() as manager:
        raw = manager.request("GET", raw_server(respond).url, preload_content=False)
        assert body_of(raw, -1).whole is False
        raw = manager.request("GET", raw_server(respond).url, preload_content=False)
        assert body_of(raw, 0.05)[:2] == (BYTES, False)


def test_lines_of_chunks_are_bounded_by_http_client() -> None:
    """The bound for a chunk's header is the one of the standard library."""
    assert http.client._MAXLINE == BOUND


def test_error_of_a_response_that_requests_is_reading(
    platform: FakeCloudElements,
) -> None:
    """A response whose body was begun by somebody else loses no more than that."""
    platform.reply(404, message="gone", request_id="r")
    with requests.get(platform.url, stream=True, timeout=30) as response:
        next(response.iter_content(3))
        error = error_from_response(response)
    assert (error.status_code, error.request_id) == (404, "r")


LIMIT = 64 * 1024


def test_one_byte_more_than_the_limit_is_read():
    """It tells a body of the limit from a longer one."""

    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000))

    raw = Slow(b"x" * 2 * LIMIT)
    raw.close = lambda: None
    assert read_body(raw) == (b"x" * LIMIT, False)
    assert raw.tell() == LIMIT + 1


def test_a_body_of_a_known_length_is_read_once(platform, monkeypatch):
    """No second read waits for an end that is known."""
    sizes = []
    read1 = urllib3.HTTPResponse.read1

    def counted(response, *args, **kwargs):
        chunk = read1(response, *args, **kwargs)
        sizes.append(len(chunk))
        return chunk

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", counted)
    platform.reply(409, body="exists")
    with CloudElementsSession() as session, pytest.raises(ConflictError):
        session.get(platform.url)
    assert sizes == [6]


def test_a_body_that_can_only_be_read():
    """An object with read() alone is read to its end."""
    chunks = [b"one ", b"two", b""]
    raw = SimpleNamespace(read=lambda _size: chunks.pop(0), closed=True)
    assert read_body(raw) == (b"one two", True)


def test_a_body_of_a_mock():
    """A mock has every attribute, and none of them is what it says."""
    made = requests.Response()
    made.status_code = 409
    made.raw = Mock()
    made.raw.read.side_effect = [b'{"message": ', b'"exists"}', b""]
    assert error_from_response(made).message == "exists"


@pytest.mark.parametrize(("length", "whole"), [(LIMIT, True), (LIMIT + 1, False)])
def test_a_body_that_urllib3_has_read_at_the_limit(length, whole):
    """64 KiB are kept whole, and one byte more is cut."""
    raw = urllib3.HTTPResponse(b"x" * length)
    assert read_body(raw) == (b"x" * LIMIT, whole)


def test_a_fault_in_gzip_loses_little():
    """Also with plain urllib3, whose responses decode the body by themselves."""
    text = random.Random(7).randbytes(20_000).hex().encode()
    damaged = bytearray(gzip.compress(text))
    damaged[len(damaged) // 2] ^= 0xFF
    raw = urllib3.HTTPResponse(
        io.BytesIO(damaged), {"Content-Encoding": "gzip"}, preload_content=False
    )
    body, whole = read_body(raw)
    assert not whole
    assert body[:10_000] == text[:10_000]


class CountingSocket:
    """A socket that gives one byte per read, and remembers its timeout."""

    timeout: float | None = 7.0

    def gettimeout(self):
        return self.timeout

    def settimeout(self, timeout):
        self.timeout = timeout

    def recv_into(self, _buffer):
        assert self.timeout is not None
        return 1


def test_the_limit_of_a_socket():
    """Reads end with the last second that is allowed, and not before."""
    inner = CountingSocket()
    assert _LimitedSocket(inner, time.monotonic() + 0.9).recv_into(bytearray(1)) == 1
    assert inner.timeout == 7.0
    with pytest.raises(TimeoutError, match=r"^The body takes too long"):
        _LimitedSocket(inner, time.monotonic()).recv_into(bytearray(1))


@pytest.mark.timeout(10)
def test_a_hostile_chain_of_encodings_takes_no_time():
    """600 bytes may hold an empty gzip member three million times."""
    body = gzip.compress(gzip.compress(gzip.compress(b"") * 3_000_000))
    headers = {"Content-Encoding": "gzip, gzip, gzip"}
    raw = urllib3.HTTPResponse(io.BytesIO(body), headers, preload_content=False)
    assert body_of(raw)[:2] == (b"", False)
