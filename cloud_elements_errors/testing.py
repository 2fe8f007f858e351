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
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from urllib3.util.retry import Retry

from ._budget import host_budgets
from ._checks import check_integer, check_optional
from ._codes import FIRST_ERROR, NORMALIZED_ERRORS
from ._lock import lock
from ._loopback import LoopbackServer, ReceivedRequest, Reply, phrase
from ._payload import REQUEST_ID_HEADER
from ._retry import CloudElementsRetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from ._budget import RetryBudget

__all__ = ["FakeCloudElements", "ReceivedRequest", "no_wait"]


class FakeCloudElements:
    """Answers like the platform, over real sockets, what you have queued.

    A context manager: it serves on a free port of 127.0.0.1 while it is open. With
    nothing queued it answers 200 and ``{}``.
    """

    def __init__(self) -> None:
        """Make the server; it listens when it is entered."""
        self.requests: list[ReceivedRequest] = []
        """What has arrived, in order."""
        self._queue: list[Reply] = []
        self._server: LoopbackServer | None = None

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
            status: Its status, from 200 to 999.
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
            TypeError: If an argument is of the wrong type.
            ValueError: If *status* is not from 200 to 999, *times* below 1, or a
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
        """Start to serve."""
        if self._server is not None:
            raise RuntimeError("this FakeCloudElements serves already")
        self._server = LoopbackServer(self._answer)
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

    def _answer(self, request: ReceivedRequest) -> Reply:
        with lock:
            self.requests.append(request)
            for index, reply in enumerate(self._queue):
                if reply.matches(request.method, request.path):
                    return self._queue.pop(index)
        return Reply(200, {"Content-Type": "application/json"}, b"{}", None, None)


@contextmanager
def no_wait() -> Iterator[None]:
    """Let retries not sleep while the block runs, and start with new budgets.

    Logs and *attempts* show the waits that there would have been. The retry
    budgets of the process start anew, so that no test depends on those before it;
    after the block they are what they were before. All of that holds for the
    whole process, and the first also for every `urllib3.Retry`.
    """
    with lock:
        _found.append(([cls.sleep for cls in _POLICIES], host_budgets.by_origin))
        for cls in _POLICIES:
            cls.sleep = _no_sleep  # type: ignore[assignment,method-assign]
        host_budgets.by_origin = {}
    try:
        yield
    finally:
        with lock:
            sleeps, host_budgets.by_origin = _found.pop()
            for cls, sleep in zip(_POLICIES, sleeps, strict=True):
                cls.sleep = sleep  # type: ignore[method-assign]


def _no_sleep(_policy: Retry, _response: object = None) -> None:
    return None


_POLICIES: tuple[type[Retry], ...] = (Retry, CloudElementsRetry)
# What the open blocks of no_wait found, in whatever threads: the last one to end
# puts back what the first one found.
_found: list[tuple[list[Any], dict[object, RetryBudget]]] = []


def _check_headers(headers: Mapping[str, str] | None) -> None:
    check_optional("headers", headers, Mapping, "a mapping")
    for name, value in (headers or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"headers must have names of str, not {name!r}")
        if not isinstance(value, str):
            raise TypeError(f"headers[{name!r}] must be a str, not {value!r}")
        if not re.fullmatch(r"[^\r\n\u0100-\U0010ffff]*", name + value):
            raise ValueError(
                f"headers must be of Latin-1 without line breaks, not {name}: {value!r}"
            )


def _encoded(content: object) -> bytes:
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def _object_id() -> str:
    """Make a request id like the platform's: 8 hex digits of time, 16 of chance."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"
