"""Read the body of a failed response, within limits of size and time, without raising.

If the connection breaks, the bytes that arrived before are the body. If the body was
read to its end, the connection goes back to its pool; otherwise it is closed.
"""

from __future__ import annotations

import io
import math
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3

from .._errors.decoding import MAX_BODY_BYTES

if TYPE_CHECKING:
    import socket

MAX_SECONDS = 5.0
"""How long the body of an error may take to arrive."""

# A body of 64 KiB in chunks of one byte takes six times as much on the wire.
_MAX_WIRE_BYTES = 16 * MAX_BODY_BYTES

# In a corrupt stream, a small step loses little of the data before the fault.
_DECODER_STEP = 64


def read_body(raw: Any, seconds: float = math.inf) -> tuple[bytes, bool]:
    """Read and decode at most 64 KiB of a urllib3 response or a file-like object.

    Args:
        raw: The ``raw`` of a response.
        seconds: The most seconds to read, if less than 5.

    Returns:
        The body, and whether it was read whole.

    """
    if isinstance(raw, urllib3.BaseHTTPResponse) and raw.closed:
        # urllib3 has read and decoded the whole body.
        body = b""
        with suppress(Exception):  # for example, zero bytes are not valid zstd
            body = raw.data or b""
        return body[:MAX_BODY_BYTES], len(body) <= MAX_BODY_BYTES
    received = bytearray()
    try:
        _limit_wire(raw, min(seconds, MAX_SECONDS))
        whole = _receive(raw, received)
    except Exception:  # noqa: BLE001 - the status must still be reported
        whole = False
    if not whole:
        with suppress(Exception):
            raw.close()
            # Return the place in the pool even if the connection is lost.
            raw.release_conn()
    body, decoded_whole = _decode(
        bytes(received[:MAX_BODY_BYTES]), getattr(raw, "headers", {})
    )
    return body, whole and decoded_whole


def _receive(raw: Any, received: bytearray) -> bool:
    """Receive at most one byte over the limit; say whether the body ended."""
    is_urllib3 = isinstance(raw, urllib3.BaseHTTPResponse)
    # One recv at a time: a stall or a reset loses no bytes that came before.
    read = partial(raw.read1, decode_content=False) if is_urllib3 else raw.read
    while len(received) <= MAX_BODY_BYTES:
        chunk = read(MAX_BODY_BYTES + 1 - len(received))
        if not chunk:
            return True
        received += chunk
        # urllib3 closes the response after the last byte of its Content-Length.
        if is_urllib3 and raw.closed:
            break
    return len(received) <= MAX_BODY_BYTES


def _decode(body: bytes, headers: Any) -> tuple[bytes, bool]:
    """Undo the Content-Encoding with urllib3's decoders, within the limit."""
    if not headers.get("Content-Encoding"):
        return body, True
    encoded = urllib3.HTTPResponse(
        io.BytesIO(body), headers=headers, preload_content=False
    )
    decoded = bytearray()
    try:
        while len(decoded) <= MAX_BODY_BYTES:
            chunk = encoded.read(_DECODER_STEP, decode_content=True)
            if not chunk:
                return bytes(decoded), True
            decoded += chunk
    except Exception:  # noqa: BLE001 - each decoder raises its own errors
        # Often only the header is wrong, and the body is plain text.
        return (bytes(decoded), False) if decoded else (body, True)
    return bytes(decoded[:MAX_BODY_BYTES]), False


def _limit_wire(raw: Any, seconds: float) -> None:
    """Limit all reads of this response together, in time and in bytes.

    A socket's timeout restarts with every byte, so a server that sends one byte at
    a time can block the reader for ever. Trailers after a chunked body have no limit
    at all. urllib3 and http.client have no limit for the whole response. So this
    replaces the socket in the private file object of this response by a wrapper.
    """
    file: Any = getattr(getattr(getattr(raw, "_fp", None), "fp", None), "raw", None)
    sock = getattr(file, "_sock", None)
    if sock is not None:  # responses of mocks and caches have no socket
        file._sock = _LimitedSocket(sock, time.monotonic() + seconds)


class _LimitedSocket:
    """A socket with limits for the time and the bytes of all its reads together."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._bytes_left = _MAX_WIRE_BYTES

    def recv_into(self, buffer: bytearray) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0 or self._bytes_left <= 0:
            raise TimeoutError("The body takes too long, or is too long.")
        timeout = self._sock.gettimeout()
        self._sock.settimeout(left if timeout is None else min(left, timeout))
        try:
            received = self._sock.recv_into(buffer)
        finally:
            self._sock.settimeout(timeout)
        self._bytes_left -= received
        return received

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
