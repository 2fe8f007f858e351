"""The fake Cloud Elements server."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._arguments import check_integer, check_optional
from .._errors.line import printable
from .._lock import fork_safe_lock
from .._table import FIRST_ERROR, NORMALIZED_ERRORS
from .loopback import LoopbackServer, ReceivedRequest, Response, phrase
from .queued import VALUE, Queued, check_text, checked_headers, target_of

if TYPE_CHECKING:
    from typing_extensions import Self

# For the queues of all servers, and the environment.
_lock = fork_safe_lock()

# The variable no_proxy as each open server has found it. In whatever order they are
# closed, the last one restores what the first one has found.
_found: list[str | None] = []

# The most requests that assert_all_sent() shows.
_SHOWN = 20


class FakeCloudElements:
    """A fake Cloud Elements server that sends the responses you have queued.

    It is a context manager, and listens on a free port of 127.0.0.1 while it is open.
    If no queued response matches a request, it sends a 200 with ``{}``. While it is
    open, the environment variable ``no_proxy`` names 127.0.0.1, so that requests
    arrive also where ``HTTP_PROXY`` is set. A process that is forked meanwhile may
    send requests, too; they arrive in the parent process.

    Example::

        with FakeCloudElements() as server:
            server.reply(409, provider_message="Contact exists")
            response = requests.post(server.url + "/contacts", timeout=10)
    """

    def __init__(self) -> None:
        """Make the server. It listens once the block is entered."""
        self.requests: list[ReceivedRequest] = []
        """The requests that have arrived, in order."""
        self._queue: list[Queued] = []
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
        headers: Mapping[str, str | list[str]] | None = None,
        times: int | None = 1,
        method: str | None = None,
        path: str | None = None,
        delay: float = 0,
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
            headers: Headers to add, or to send instead of the default ones. If a
                value is a list, the header is sent once for each of its values.
            times: How many requests get this response; None for every one.
            method: Only requests with this method match.
            path: Only requests with this path match. It may include the query, and
                need not be quoted.
            delay: Seconds to wait before the response is sent. If the server stops
                before that, it closes the connection.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If *status* is not from 200 to 999, *times* is below 1, *delay*
                is negative, or a header cannot be sent. If *method* or *path* can
                match no request: a path begins with a slash, not with a host, and has
                no fragment.

        """
        check_integer("status", status, 200, 999)
        check_optional("message", message, "a str", str)
        check_text("request_id", request_id, VALUE, "Latin-1 in one line")
        if message is None and status >= FIRST_ERROR:
            row = NORMALIZED_ERRORS.get(status)
            message = row.title if row else phrase(status)
        fields = {
            "requestId": request_id,
            "message": message,
            "providerMessage": provider_message,
        }
        content: Any = body
        if body is None:
            sent = {key: value for key, value in fields.items() if value is not None}
            content = json.loads(json.dumps(sent))
        elif not isinstance(body, bytes):
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self._queue.append(
            Queued(
                status, content, checked_headers(headers), times, method, path, delay
            )
        )

    def drop(
        self,
        *,
        times: int | None = 1,
        method: str | None = None,
        path: str | None = None,
        delay: float = 0,
    ) -> None:
        """Queue a broken connection: the server closes it without a response.

        Args:
            times: How many requests get this; None for every one.
            method: Only requests with this method match.
            path: Only requests with this path match, as in `reply`.
            delay: Seconds to wait before the connection is closed.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If *times* is below 1, *delay* is negative, or *method* or
                *path* can match no request.

        """
        self._queue.append(Queued(None, b"", {}, times, method, path, delay))

    def assert_all_sent(self) -> None:
        """Check that each `reply` and each `drop` has met a request.

        Raises:
            AssertionError: If no request got one of them. The message names them, and
                the last requests that arrived.

        """
        __tracebackhide__ = True  # pytest then shows the line of the caller
        with _lock:
            unsent = [str(queued) for queued in self._queue if not queued.sent]
            arrived = [f"{one.method} {printable(one.path)}" for one in self.requests]
        if unsent:
            line = "\n  "
            raise AssertionError(
                line.join(["No request got:", *unsent])
                + line.join(
                    [f"\nRequests that arrived: {len(arrived)}", *arrived[-_SHOWN:]]
                )
            )

    def reset(self) -> None:
        """Forget the queued responses, and the requests that have arrived."""
        with _lock:
            self._queue.clear()
            self.requests.clear()

    def __enter__(self) -> Self:
        """Start the server."""
        if self._server is not None:
            raise RuntimeError("this FakeCloudElements is already open")
        self._server = LoopbackServer(self._answer)
        with _lock:
            _found.append(os.environ.get("no_proxy"))
            hosts = _found[-1] or os.environ.get("NO_PROXY") or ""
            if hosts != "*":  # this means all hosts, but only if it is alone
                hosts = f"{hosts},127.0.0.1".removeprefix(",")
            os.environ["no_proxy"] = hosts
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server and close its connections."""
        if self._server is None:
            return
        self._server.stop()
        self._server = None
        with _lock:
            hosts = _found.pop()
            os.environ["no_proxy"] = hosts or ""
            if hosts is None:
                del os.environ["no_proxy"]

    def _answer(self, request: ReceivedRequest) -> tuple[float, Response | None]:
        """Return the seconds to wait, and the response; None for no response."""
        target = target_of(request.path)
        with _lock:
            self.requests.append(request)
            for index, queued in enumerate(self._queue):
                if queued.matches(request.method, target):
                    queued.sent += 1
                    if queued.sent == queued.times:
                        del self._queue[index]
                    return queued.delay, queued.response()
        return 0, _NOTHING_QUEUED.response()


_NOTHING_QUEUED = Queued(200, {}, {}, None, None, None, 0)
