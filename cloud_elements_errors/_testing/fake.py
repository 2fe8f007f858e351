"""The fake Cloud Elements server."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._arguments import check_integer, check_optional, check_type
from .._errors.payload import REQUEST_ID_HEADER
from .._lock import lock
from .._table import FIRST_ERROR, NORMALIZED_ERRORS
from .loopback import LoopbackServer, ReceivedRequest, Reply, phrase

if TYPE_CHECKING:
    from typing_extensions import Self


class FakeCloudElements:
    """A fake Cloud Elements server that sends the responses you have queued.

    It is a context manager, and listens on a free port of 127.0.0.1 while it is open.
    If no queued response matches a request, it sends a 200 with ``{}``.

    Example::

        with FakeCloudElements() as server:
            server.reply(409, provider_message="Contact exists")
            response = requests.post(server.url + "/contacts", timeout=10)
    """

    def __init__(self) -> None:
        """Make the server. It listens once the block is entered."""
        self.requests: list[ReceivedRequest] = []
        """The requests that have arrived, in order."""
        self._queue: list[Reply] = []
        self._server: LoopbackServer | None = None

    @property
    def url(self) -> str:
        """The URL without a slash at its end, such as ``http://127.0.0.1:54321``."""
        if self._server is None:
            raise RuntimeError("FakeCloudElements has a URL only inside its with block")
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
        """Queue a response. Each request gets the first queued one that matches it.

        Args:
            status: The status, from 200 to 999.
            message: The ``message`` of the body. By default, an error has the title
                of its status, and a success has none.
            provider_message: The ``providerMessage`` of the body, usually a string.
            request_id: The ``requestId`` of the body, also sent as a header. By
                default, an error has a new one, and a success has none.
            body: The whole body, in place of the three: bytes or str are sent as
                they are, other values as JSON.
            headers: Headers to add, or to send instead of the default ones.
            times: How many requests get this response.
            method: Only requests with this method match.
            path: Only requests with this path match. It may include the query.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If *status* is not from 200 to 999, *times* is below 1, or a
                header cannot be sent.

        """
        check_integer("status", status, 200, 999)
        check_integer("times", times, 1)
        check_optional("message", message, str, "a str")
        check_optional("request_id", request_id, str, "a str")
        check_optional("method", method, str, "a str")
        check_optional("path", path, str, "a str")
        _check_headers(headers)
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
                    fields["message"] = row.title if row else phrase(status)
            sent = {key: value for key, value in fields.items() if value is not None}
            content = sent if body is None else body
            all_headers = {"Content-Type": "application/json;charset=UTF-8"}
            if "requestId" in sent and body is None:
                all_headers[REQUEST_ID_HEADER] = str(sent["requestId"])
            reply = Reply(
                status,
                {**all_headers, **(headers or {})},
                content if isinstance(content, bytes) else _encoded(content),
                method and method.upper(),
                path,
            )
            with lock:
                self._queue.append(reply)

    def __enter__(self) -> Self:
        """Start the server."""
        if self._server is not None:
            raise RuntimeError("this FakeCloudElements is already open")
        self._server = LoopbackServer(self._answer)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server and close its connections."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _answer(self, request: ReceivedRequest) -> Reply:
        with lock:
            self.requests.append(request)
            for index, reply in enumerate(self._queue):
                if reply.matches(request.method, request.path):
                    return self._queue.pop(index)
        return Reply(200, {"Content-Type": "application/json"}, b"{}", None, None)


def _check_headers(headers: Mapping[str, str] | None) -> None:
    check_optional("headers", headers, Mapping, "a mapping")
    for name, value in (headers or {}).items():
        check_type("a name in headers", name, str, "a str")
        check_type(f"headers[{name!r}]", value, str, "a str")
        if not re.fullmatch(r"[^\r\n\u0100-\U0010ffff]*", name + value):
            raise ValueError(
                f"headers must be of Latin-1 without line breaks, not {name}: {value!r}"
            )


def _encoded(content: object) -> bytes:
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def _object_id() -> str:
    """Make a request id like the platform's: 8 hex digits of time, 16 random ones."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"
