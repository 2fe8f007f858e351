"""The HTTP server of `FakeCloudElements`, on localhost."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPMessage, responses
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, NamedTuple

from requests.structures import CaseInsensitiveDict

NO_BODY = frozenset({204, 304})
"""The statuses without a body; clients do not read one."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that has arrived.

    Attributes:
        method: ``"GET"`` and so on.
        path: The path with its query, as it was sent.
        headers: The headers; lookups ignore case.
        body: The body; a chunked one without its chunk sizes.

    """

    method: str
    path: str
    headers: HTTPMessage = field(repr=False)  # its values may be secrets
    body: bytes

    def json(self) -> Any:
        """Return the body, parsed as JSON.

        Raises:
            ValueError: If the body is not JSON.

        """
        return json.loads(self.body)


class Response(NamedTuple):
    status: int
    headers: CaseInsensitiveDict[list[str]]
    body: bytes


class LoopbackServer(ThreadingTCPServer):
    request_queue_size = 128

    def __init__(
        self, answer: Callable[[ReceivedRequest], tuple[float, Response | None]]
    ) -> None:
        """Serve what *answer* returns: seconds to wait, and a response.

        Without a response, the connection is closed.
        """
        # http.server.HTTPServer would ask the resolver for the name of the host.
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.stopping = threading.Event()
        self._process = os.getpid()
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
        if self._process != os.getpid():  # the threads are in the parent process
            self.server_close()
            for connection, _ in self._open:
                connection.close()
            return
        self.stopping.set()
        self.shutdown()
        self._loop.join()
        with suppress(OSError):  # a forked child keeps the port open otherwise
            self.socket.shutdown(socket.SHUT_RDWR)
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
        target = self.requestline.split()[1]  # self.path has only one slash of "//a"
        request = ReceivedRequest(self.command, target, self.headers, self._read_body())
        delay, response = self.server.answer(request)
        if self.server.stopping.wait(delay) or response is None:
            self.close_connection = True
            return
        status, headers, body = response
        if status in NO_BODY or self.command == "HEAD":
            body = b""
        elif headers.get("Content-Length") != [str(len(body))]:
            # The client cannot tell where the next response would begin.
            headers["Connection"] = ["close"]
        if "close" in ",".join(headers.get("Connection", [])).lower():
            self.close_connection = True
        lines = [f"HTTP/1.1 {status} {phrase(status)}"]
        lines += [f"{name}: {one}" for name, many in headers.items() for one in many]
        # One send: with two, Nagle and delayed ACK would cost 40 ms.
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            length = max(0, int(self.headers.get("Content-Length") or 0))
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the request broke off")
            return body
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # a trailer
        return b"".join(chunks)

    def log_message(self, *_args: Any) -> None:
        """Log nothing: the requests are in ``FakeCloudElements.requests``."""


def phrase(status: int) -> str:
    return responses.get(status, "Unknown")
