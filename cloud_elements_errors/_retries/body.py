"""Read the body of a failed response, within limits of size and time.

No fault of the server or of the network raises. If the connection breaks, the bytes
that arrived before are the body. If the body was read to its end, the connection goes
back to its pool; otherwise it is closed.
"""

import io
import socket
import time
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from typing import Any, NamedTuple

import urllib3

from .. import _internals, _tracebacks
from .._errors.decoding import MAX_BODY_BYTES

# How long the body of an error may take to arrive.
MAX_SECONDS = 5.0

# What sockets, files and decoders raise, and the mocks of responses. urllib3 raises a
# RuntimeError if somebody has decoded the beginning. Everything else must pass: a
# signal handler may end the job while the body stalls.
_FAULTS: tuple[type[Exception], ...] = urllib3.BaseHTTPResponse.DECODER_ERROR_CLASSES
_FAULTS += (OSError, urllib3.exceptions.HTTPError, HTTPException, EOFError)
_FAULTS += (ValueError, AttributeError, TypeError, RuntimeError)


class Body(NamedTuple):
    """The body of a failed response."""

    content: bytes
    whole: bool
    # The content before it was decoded, to put it back.
    received: bytes


def body_of(raw: Any, seconds: float = MAX_SECONDS) -> Body:
    """Read and decode at most 64 KiB of a urllib3 response or a file-like object.

    Args:
        raw: The ``raw`` of a response.
        seconds: The most seconds to read, if less than 5.

    """
    is_urllib3 = isinstance(raw, urllib3.BaseHTTPResponse)
    if is_urllib3 and raw.closed:
        return _closed_body_of(raw)
    ended, received = False, bytearray()
    try:
        deadline = time.monotonic() + min(seconds, MAX_SECONDS)
        _internals.replace_socket(raw, partial(_LimitedSocket, deadline=deadline))
        # One recv at a time: a stall or a reset loses no bytes that came before.
        read = partial(raw.read1, decode_content=False) if is_urllib3 else raw.read
        while not ended and len(received) <= MAX_BODY_BYTES:
            chunk = read(MAX_BODY_BYTES + 1 - len(received))
            received += chunk
            # urllib3 closes the response after the last byte of its Content-Length.
            ended = not chunk or (is_urllib3 and raw.closed)
        if is_urllib3:  # somebody may have read the beginning
            ended = ended and raw.tell() <= len(received)
    except _FAULTS as error:  # the status must still be reported
        _tracebacks.pass_on_signal(error)
    finally:
        if not ended:
            for name in ("close", "release_conn"):  # its place goes back to the pool
                with suppress(*_FAULTS):
                    getattr(raw, name)()
    sent = bytes(received[:MAX_BODY_BYTES])
    content, is_all = _decode(sent, getattr(raw, "headers", {}))
    return Body(content, ended and is_all and len(sent) == len(received), sent)


def _closed_body_of(raw: urllib3.BaseHTTPResponse) -> Body:
    """Return the body if urllib3 has read it; somebody may have closed it unread."""
    body, is_gone = b"", False
    with suppress(*_FAULTS):
        is_gone = bool(raw.tell() or raw.length_remaining or raw.chunked)
    with suppress(*_FAULTS):
        body = raw.data or b""
    shown = body[:MAX_BODY_BYTES]
    return Body(shown, shown == body and bool(body or not is_gone), body)


def _decode(body: bytes, headers: Any) -> tuple[bytes, bool]:
    """Undo the Content-Encoding with urllib3's decoders, within the limit.

    Between two encodings, urllib3 has no limit: a few bytes could take minutes.
    """
    encodings = headers.get("Content-Encoding")
    if not encodings:
        return body, True
    whole = True
    # As in urllib3: more than five are an attack.
    for encoding in map(str.strip, str(encodings).split(",")[4::-1]):
        body, is_all = _decode_once(body, encoding)
        whole = whole and is_all
    return body, whole


def _decode_once(body: bytes, encoding: str) -> tuple[bytes, bool]:
    headers, decoded = {"Content-Encoding": encoding}, bytearray()
    encoded = urllib3.HTTPResponse(io.BytesIO(body), headers, preload_content=False)
    try:
        # In a corrupt stream, a small step loses little of the data before the fault.
        for chunk in encoded.stream(64, decode_content=True):
            decoded += chunk
            if len(decoded) > MAX_BODY_BYTES:
                break
    except _FAULTS as error:
        _tracebacks.pass_on_signal(error)
        # Often only the header is wrong, and the body is plain text.
        return (bytes(decoded), False) if decoded else (body, True)
    return bytes(decoded[:MAX_BODY_BYTES]), len(decoded) <= MAX_BODY_BYTES


class _LimitedSocket:
    """A socket with a limit for the time of all its reads together."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def recv_into(self, buffer: bytearray) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The body takes too long.")
        timeout = self._sock.gettimeout()
        self._sock.settimeout(left if timeout is None else min(left, timeout))
        try:
            return self._sock.recv_into(buffer)
        finally:
            self._sock.settimeout(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
