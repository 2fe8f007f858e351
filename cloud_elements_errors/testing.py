"""A Cloud Elements of your own, on loopback, to test against; and no waiting.

::

    with FakeCloudElements() as platform, no_wait():
        platform.reply(502, provider_message="Connection reset", times=2)
        session = CloudElementsSession()
        assert session.get(platform.url + "/contacts").json() == {}
        assert len(platform.requests) == 3

With pytest, the fixture ``cloud_elements`` is the two of them together.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3.util.retry import Retry

from ._codes import FIRST_ERROR, NORMALIZED_ERRORS
from ._payload import REQUEST_ID_HEADER
from ._retry import CloudElementsRetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["FakeCloudElements", "ReceivedRequest", "no_wait"]


class ReceivedRequest(NamedTuple):
    """A request as it arrived.

    Attributes:
        method: ``"GET"`` and so on.
        path: The path with its query.
        headers: The headers, looked up without regard to case.
        body: The body, put together again where it came in chunks.

    """

    method: str
    path: str
    headers: Message[str, str]
    body: bytes


class _Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    method: str | None
    path: str | None

    def matches(self, method: str, target: str) -> bool:
        return (self.method is None or self.method == method) and (
            self.path is None or self.path in {target, target.partition("?")[0]}
        )


class FakeCloudElements:
    """Answers like the platform, over real sockets, what you have queued.

    A context manager: it serves on a free port of 127.0.0.1 while it is open. With
    nothing queued it answers 200 and ``{}``.
    """

    def __init__(self) -> None:
        """Make the server; it listens when it is entered."""
        self.requests: list[ReceivedRequest] = []
        """What has arrived, in order."""
        self._queue: list[_Reply] = []
        self._lock = threading.Lock()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Its address, without a slash at the end: ``http://127.0.0.1:54321``."""
        if self._server is None:
            raise RuntimeError("FakeCloudElements serves only inside a with block")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(
        self,
        status: int,
        *,
        message: str | None = None,
        provider_message: object = None,
        request_id: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        times: int = 1,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Queue an answer; they go out in order to the requests that they match.

        Args:
            status: Its status, of 200 or more.
            message: The body's ``message``; for an error, its title by default.
            provider_message: The body's ``providerMessage``: a string as a rule.
            request_id: The body's ``requestId``, also sent as a header; for an
                error, a new one by default.
            body: In place of the three: bytes or str as they are, anything else
                as JSON.
            headers: Further headers, or others than the default ones.
            times: For how many requests.
            method: Only for requests of this method.
            path: Only for requests of this path, with or without its query.

        Raises:
            TypeError: If *status* or *times* is no integer.
            ValueError: If *status* is below 200, or *times* below 1.

        """
        for name, value, least in (("status", status, 200), ("times", times, 1)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            if value < least:
                raise ValueError(f"{name} must be {least} or more, not {value!r}")
        for _ in range(times):
            fields = {
                "requestId": request_id,
                "message": message,
                "providerMessage": provider_message,
            }
            if status >= FIRST_ERROR:
                row = NORMALIZED_ERRORS.get(status)
                fields["requestId"] = request_id or _object_id()
                if message is None:
                    fields["message"] = row.title if row else _phrase(status)
            sent = {key: value for key, value in fields.items() if value is not None}
            content = sent if body is None else body
            all_headers = {"Content-Type": "application/json;charset=UTF-8"}
            if "requestId" in sent and body is None:
                all_headers[REQUEST_ID_HEADER] = str(sent["requestId"])
            reply = _Reply(
                status,
                {**all_headers, **(headers or {})},
                content if isinstance(content, bytes) else _encoded(content),
                method and method.upper(),
                path,
            )
            with self._lock:
                self._queue.append(reply)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._server = _Server(self)
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and close all connections."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _answer(self, request: ReceivedRequest) -> _Reply:
        with self._lock:
            self.requests.append(request)
            for index, reply in enumerate(self._queue):
                if reply.matches(request.method, request.path):
                    return self._queue.pop(index)
        return _Reply(200, {"Content-Type": "application/json"}, b"{}", None, None)


@contextmanager
def no_wait() -> Iterator[None]:
    """Let retries not sleep while the block runs; what they decide is unchanged.

    It holds for the whole process, and for every `urllib3.Retry`.
    """
    originals = {cls: cls.sleep for cls in (Retry, CloudElementsRetry)}
    for cls in originals:
        cls.sleep = _no_sleep  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        for cls, sleep in originals.items():
            cls.sleep = sleep  # type: ignore[method-assign]


def _no_sleep(_policy: Retry, _response: object = None) -> None:
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, platform: FakeCloudElements) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.platform = platform
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: a client that goes away is its own affair."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def __getattr__(self, name: str) -> Any:
        """Answer every method alike: the base class looks for ``do_GET`` and so on."""
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        request = ReceivedRequest(
            self.command, self.path, self.headers, self._read_body()
        )
        reply = self.server.platform._answer(request)
        lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}"]
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        no_body = self.command == "HEAD" or reply.status in {204, 304}
        # One send: head and body in two cost 40 ms, by Nagle and delayed ACK.
        self.wfile.write(head if no_body else head + reply.body)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_args: Any) -> None:
        """Stay quiet: what arrived is in ``requests``."""


def _encoded(content: object) -> bytes:
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _object_id() -> str:
    """Make a request id like the platform's: 8 hex digits of time, 16 of chance."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"
