"""Read the body of a failed answer: bounded in bytes and in time, never failing.

What breaks on the wire ends the reading, not the program: what came before it is
the body. The connection goes back to its pool when the body was read whole, and
is closed when it was not.
"""

from __future__ import annotations

import io
import math
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3

from ._payload import MAX_BODY_BYTES

if TYPE_CHECKING:
    import socket

MAX_SECONDS = 5.0
"""How long the body of an error may take to arrive."""

# What a body of 64 KiB may take on the wire: in chunks of one byte, six times that.
_MAX_WIRE_BYTES = 16 * MAX_BODY_BYTES

# Small steps lose little of what stood before the fault in a corrupt stream.
_DECODER_STEP = 64


def read_body(raw: Any, seconds: float = math.inf) -> tuple[bytes, bool]:
    """Read and decode at most 64 KiB of a urllib3 response, or of another file.

    Args:
        raw: What a response's bytes come from.
        seconds: How long that may take, if less than 5 seconds.

    Returns:
        The body, and whether it was read whole.

    """
    if isinstance(raw, urllib3.BaseHTTPResponse) and raw.closed:
        # Nothing is left on the wire: urllib3 has the body, and has decoded it.
        body = b""
        with suppress(Exception):  # no bytes at all are not valid zstd, say
            body = raw.data or b""
        return body[:MAX_BODY_BYTES], len(body) <= MAX_BODY_BYTES
    received = bytearray()
    try:
        _limit_wire(raw, min(seconds, MAX_SECONDS))
        whole = _receive(raw, received)
    except Exception:  # noqa: BLE001 - the status has arrived and is to be told
        whole = False
    if not whole:
        with suppress(Exception):
            raw.close()
            # The place in the pool is given back also where the connection is lost.
            raw.release_conn()
    body, decoded_whole = _decode(
        bytes(received[:MAX_BODY_BYTES]), getattr(raw, "headers", {})
    )
    return body, whole and decoded_whole


def _receive(raw: Any, received: bytearray) -> bool:
    """Receive up to one byte over the bound; say whether the end was seen."""
    read = raw.read
    if isinstance(raw, urllib3.BaseHTTPResponse):
        # One recv at a time, so that a stall or a reset loses nothing before it.
        read = partial(raw.read1, decode_content=False)
    while len(received) <= MAX_BODY_BYTES:
        chunk = read(MAX_BODY_BYTES + 1 - len(received))
        if not chunk:
            return True
        received += chunk
    return False


def _decode(body: bytes, headers: Any) -> tuple[bytes, bool]:
    """Undo the Content-Encoding with urllib3's decoders, within the bound."""
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
    except Exception:  # noqa: BLE001 - a decoder may raise anything of its own
        # Often nothing is wrong but the header, and the body is plain text.
        return (bytes(decoded), False) if decoded else (body, True)
    return bytes(decoded[:MAX_BODY_BYTES]), False


def _limit_wire(raw: Any, seconds: float) -> None:
    """Bound what all reads from the socket take together, in time and in bytes.

    A socket's own timeout starts anew with every byte that arrives, so a peer
    that trickles holds its reader for ever; and what surrounds the chunks of a
    body, such as trailers, is read without end. Neither urllib3 nor http.client
    has a limit for the whole, hence the one reach into private names: the file
    of this response, and of no other, reads through a stand-in for the socket.
    """
    file: Any = getattr(getattr(getattr(raw, "_fp", None), "fp", None), "raw", None)
    sock = getattr(file, "_sock", None)
    if sock is not None:  # a response in memory, of a mock or a cache, has none
        file._sock = _LimitedSocket(sock, time.monotonic() + seconds)


class _LimitedSocket:
    """A socket whose reads end at the limits, whatever their number."""

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
