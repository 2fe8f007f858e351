"""The private parts of requests and urllib3 that have no public way, each with why."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


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
    # At the end of a body that is not whole, urllib3 then raises IncompleteRead.
    raw.length_remaining = len(received) + (not whole)


def is_partly_decoded(raw: Any) -> bool:
    """Say whether somebody has read the beginning of a response of urllib3, decoded.

    urllib3 then refuses to give the rest as it was sent, with a RuntimeError.
    """
    return getattr(raw, "_has_decoded_content", False) is True
