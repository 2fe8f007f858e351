"""The private parts of requests and urllib3 that we use, each with the reason.

Nothing public serves in these places. Where a part is missing, as in mocks and in
other versions, each function does without it.
"""

import io
import queue
from collections.abc import Callable
from contextlib import suppress
from traceback import walk_tb
from typing import Any

import requests
from urllib3.util.retry import RequestHistory, Retry


def content_of(response: requests.Response) -> tuple[bytes, bool] | None:
    """Return the body, and whether it is whole; None if nobody has read it yet.

    The public ``response.content`` reads the body, without limits.
    """
    content: Any = getattr(response, "_content", False)
    if content is False and not getattr(response, "_content_consumed", False):
        # A response that was built by hand may have no stream.
        return (b"", True) if response.raw is None else None
    # A body that somebody has read in pieces is not kept.
    return content or b"", content is not False


def set_content(response: requests.Response, body: bytes) -> None:
    """Store a body, so that ``text`` and ``json()`` of the response work."""
    response._content = body
    response._content_consumed = True


def refuse_to_send_body_again(request: requests.PreparedRequest) -> None:
    """Make requests raise `UnrewindableBodyError` if it is to send the body again.

    requests sets this value itself if a file has no position.
    """
    request._body_position = object()


def history_of(error: BaseException) -> tuple[RequestHistory, ...]:
    """Return the failures before the one that urllib3 has raised.

    An exception of urllib3 has no history. The policy that has it is an argument of
    ``urlopen()``, in the innermost frame of that name.
    """
    history: tuple[RequestHistory, ...] = ()
    for frame, _line in walk_tb(error.__traceback__):
        policy = frame.f_locals.get("retries")
        if frame.f_code.co_name == "urlopen" and isinstance(policy, Retry):
            history = policy.history
    return history


def drop_connections(adapter: object) -> None:
    """Give an adapter new, empty pools after a fork, with the settings of the old ones.

    The open connections belong to the parent process. A thread of the parent may have
    held the locks of the containers and queues, so each gets new ones. Adapters of
    others keep pools of their own beside their managers, for Unix sockets for example.
    """
    held = vars(adapter)
    for owner in (*held.values(), *held.get("proxy_manager", {}).values(), adapter):
        # What adapters hold may be anything, and may raise anything.
        with suppress(Exception):
            container: Any = owner.pools
            pools = list(container._container.values())
            container.__init__(container._maxsize, container.dispose_func)
            # A pool must be empty when it is freed: urllib3 would take the lock then. A
            # closed pool has no queue.
            for queue in [pool.pool for pool in pools if pool.pool is not None]:
                idle = list(queue.queue)
                queue.__init__(queue.maxsize)
                for connection in filter(None, idle):
                    connection.close()


def close_idle(pool: Any) -> None:
    """Close the connections of a pool that nobody uses now.

    The public ``close()`` of a pool breaks a request that waits for its retry.
    """
    idle: list[Any] = []
    with suppress(AttributeError, queue.Empty):  # a closed pool has no queue
        while True:
            idle.append(pool.pool.get_nowait())
    for connection in idle:
        with suppress(AttributeError, queue.Full):  # None keeps the place of one
            pool.pool.put_nowait(connection and connection.close())


def replace_socket(raw: Any, replacement: Callable[[Any], Any]) -> None:
    """Replace the socket from which this response of urllib3 reads its body.

    A socket's timeout restarts with every byte, so a server that sends one byte at a
    time can block the reader for ever. Trailers after a chunked body have no limit at
    all. urllib3 and http.client have no limit for the whole response.

    Nothing is replaced where a part is missing: the responses of mocks and caches have
    no socket, and the one that pyOpenSSL has under urllib3 does not tell its timeout.
    """
    file: Any = getattr(getattr(getattr(raw, "_fp", None), "fp", None), "raw", None)
    sock = getattr(file, "_sock", None)
    if hasattr(sock, "gettimeout"):
        file._sock = replacement(sock)


def put_back(raw: Any, received: bytes, *, whole: bool) -> None:
    """Make a response of urllib3 read the bytes again that it has received.

    urllib3 can give a body only once.
    """
    raw._fp = io.BytesIO(received)
    raw._fp_bytes_read = 0
    # At the end of a body that is not whole, urllib3 then raises IncompleteRead.
    raw.length_remaining = len(received) + (not whole)
