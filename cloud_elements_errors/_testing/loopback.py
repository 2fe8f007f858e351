"""The HTTP server of `FakeCloudElements`, on localhost."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPMessage, responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that has arrived.

    Attributes:
        method: ``"GET"`` and so on.
        path: The path with its query.
        headers: The headers; lookups ignore case.
        body: The body; a chunked one without its chunk sizes.

    """

    method: str
    path: str
    headers: HTTPMessage
    body: bytes


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    method: str | None
    path: str | None

    def matches(self, method: str, target: str) -> bool:
        return (self.method is None or self.method == method) and (
            self.path is None or self.path in {target, target.partition("?")[0]}
        )


class LoopbackServer(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, answer: Callable[[ReceivedRequest], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self._open: list[tuple[socket.socket, threading.Thread]] = []
        self._loop = threading.Thread(
            target=self.serve_forever, args=(0.01,), daemon=True
        )
        self._loop.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a connection in its own thread, which `stop` waits for."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            daemon=True,
        )
        self._open = [one for one in self._open if one[1].is_alive()]
        thread.start()
        self._open.append((request, thread))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a client may close its connection at any time."""

    def stop(self) -> None:
        self.shutdown()
        self._loop.join()
        self.server_close()
        for connection, thread in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackServer
    headers: HTTPMessage

    def __getattr__(self, name: str) -> Any:
        """Handle all methods alike: the base class looks for ``do_GET`` and so on."""
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        request = ReceivedRequest(
            self.command, self.path, self.headers, self._read_body()
        )
        reply = self.server.answer(request)
        lines = [f"HTTP/1.1 {reply.status} {phrase(reply.status)}"]
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        # A header of the user replaces a default one, whatever its case.
        lines += [": ".join(item) for item in CaseInsensitiveDict(headers).items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        no_body = self.command == "HEAD" or reply.status in {204, 304}
        # One send: with two, Nagle and delayed ACK would cost 40 ms.
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
        """Log nothing: the requests are in ``FakeCloudElements.requests``."""


def phrase(status: int) -> str:
    return responses.get(status, "Unknown")
