"""Read what ``curl -i`` has saved."""

from __future__ import annotations

import codecs
import io
import json
import re

from .._retries.body import body_of

Headers = list[tuple[str, str]]

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes that are read of a file."""

_STATUS = rb"HTTP/\d(?:\.\d)? +([1-9]\d\d)(?!\d)"

# A status line, and the lines of the headers up to an empty one or the end of the file.
_HEAD = re.compile(_STATUS + rb"([^\n]*)\n?((?:[^\r\n][^\n]*(?:\n|\Z))*)(?:\r*\n)?")

# A head within a body, as --retry prints it. A header or an empty line must follow the
# status line, because a body may mention "HTTP/1.1 404 Not Found".
_HEAD_IN_BODY = re.compile(
    _STATUS + rb"[^\r\n]{0,500}\r*\n(?:[!#$%&'*+.^_`|~\w-]+:|\r*\n)"
)

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})\s*$")


class _Body(io.BytesIO):
    headers: dict[str, str]


def read_curl(output: bytes) -> tuple[int, bytes, Headers, str]:
    """Return the last response in the output of ``curl -i``.

    Others may come before it: of a proxy, redirects, requests for credentials, and the
    failed attempts of ``--retry``.

    Returns:
        The status, the body, the headers, and the words of the status line.

    Raises:
        ValueError: If there is no response, or the last one may not be among the
            bytes that were read.

    """
    if len(output) == MAX_BYTES:
        raise ValueError("it is too long; save the last response alone")
    encoding = json.detect_encoding(output)
    if encoding.startswith("utf-8"):
        output = output.removeprefix(codecs.BOM_UTF8)
    else:  # PowerShell saves UTF-16
        output = output.decode(encoding, "replace").encode()
    if not output.strip():
        raise ValueError("it is empty; save the output of 'curl -i'")
    head = _HEAD.match(output) or _head_in_body(output, 0)
    if head is None:
        raise ValueError(
            "it does not begin with a status line; save the output of 'curl -i'"
        )
    while following := _next_head(head):
        head = following
    reason, lines = (
        part.decode(errors="backslashreplace") for part in head.group(2, 3)
    )
    fields = (line.partition(":") for line in lines.split("\n"))
    headers = [(name.strip(), value.strip()) for name, colon, value in fields if colon]
    body = output[head.end() :]
    coding = header(headers, "Content-Encoding")
    if coding:
        raw = _Body(body)
        raw.headers = {"Content-Encoding": coding}
        body = body_of(raw).content
    return int(head[1]), body, headers, reason.strip()


def header(headers: Headers, name: str) -> str | None:
    """Return the values of a header, or None if it is missing."""
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(values) or None


def _next_head(head: re.Match[bytes]) -> re.Match[bytes] | None:
    """Return the head that follows a head, at once or after the body."""
    output, start = head.string, head.end()
    length = _LENGTH.search(head[3])
    end = start + int(length[1]) if length else start
    if end == len(output):
        return None
    if end > len(output):  # curl does not show the bodies of redirects
        end = start
    return (
        _HEAD.match(output, start)
        or _HEAD.match(output, end)
        # In a body, the lines of a quoted head may end in another way.
        or _head_in_body(output, end, b"\r" if head[2].endswith(b"\r") else b"")
    )


def _head_in_body(
    output: bytes, start: int, line_end: bytes = b""
) -> re.Match[bytes] | None:
    for found in _HEAD_IN_BODY.finditer(output, start):
        head = _HEAD.match(output, found.start())
        if head and head[2].endswith(line_end):
            return head
    return None
