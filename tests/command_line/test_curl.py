"""What ``curl -i`` has saved, as people have it: the last response counts."""

from __future__ import annotations

import gzip
import re
import zlib

import pytest

from cloud_elements_errors._command_line.curl import read_curl
from cloud_elements_errors._command_line.main import main

WANTED = b'{"message": "wanted"}'
LAST = b"HTTP/1.1 409 Conflict\r\nX-A: b\r\n\r\n" + WANTED
LENGTH = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n%b"
HEAD_IN_TEXT = b"Upstream said:\nHTTP/1.1 200 OK\nServer: x\n\nbye"

# What comes before the last response.
BEFORE = {
    "nothing": b"",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n",
    "early hints": b"HTTP/2 103 \r\nlink: </a>\r\n\r\n",
    "many": b"HTTP/1.1 100 Continue\r\n\r\n" * 40_000,
    "proxy": b"HTTP/1.1 200 Connection established\r\n\r\n",
    "proxy in its own words": b"HTTP/1.0 200 OK\r\nVia: a\r\n\r\n",
    "proxy without words": b"HTTP/1.1 200\r\n\r\n",
    "login at a proxy": b"HTTP/1.1 407 X\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "redirect": b"HTTP/2 302 \r\ncontent-length: 500\r\nlocation: /b\r\n\r\n",
    "redirects": b"HTTP/1.1 301 Moved\r\nLocation: /b\r\n\r\n" * 3,
    "digest": b"HTTP/1.1 401 X\r\nWWW-Authenticate: Digest a=b\r\n\r\n",
    "retry": LENGTH % (9, b'{"a": 1}\n'),
    "retry without line break": LENGTH % (8, b'{"a": 1}'),
    "retry without length": b'HTTP/2 502 \r\na: b\r\n\r\n{"a": 1}',
    "retry without a body": b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n",
    "retries": (LENGTH % (8, b'{"a": 1}') + b"HTTP/2 503 \r\na: b\r\n\r\n<p>") * 4,
    "retry of a body like a head": LENGTH % (len(HEAD_IN_TEXT), HEAD_IN_TEXT),
    "retry with a length that is another": LENGTH % (3, b"x" * 500),
    "retry with a length that is too long": LENGTH % (5000, b"x" * 500),
    "words of progress": b"  % Total    % Received\r\n100  10  100  10 --:--",
    "empty lines": b"\r\n\n",
}
IDS = {"ids": list(BEFORE)}


@pytest.mark.parametrize("before", BEFORE.values(), **IDS)
@pytest.mark.parametrize(
    "ending", [b"\r\n", b"\n", b"\r\r\n"], ids=["CRLF", "LF", "CRLF as text"]
)
def test_last_response(before: bytes, ending: bytes) -> None:
    """It counts, whatever comes before it."""
    output = (before + LAST).replace(b"\r\n", ending)
    assert read_curl(output) == (409, WANTED, [("X-A", "b")], "Conflict")


# Bodies that name a status, and are yet no other response.
BODIES = {
    "JSON": b'{"message": "got HTTP/1.1 500 Internal Server Error"}',
    "JSON in lines": b'{\n"message": "HTTP/1.1 404 Not Found",\n"requestId": "5"\n}\n',
    "JSON with escapes": rb'{"message": "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"}',
    "words": b"The server said HTTP/1.1 404 Not Found",
    "lines": b"The server said HTTP/1.1 404 Not Found\nPlease ask it.\n",
    "no status": b"HTTP/1.1 is spoken here\n\n",
    "four digits": b"HTTP/1.1 2000 OK\n\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_body_that_names_a_status(body: bytes) -> None:
    """Without a length of the body, only a whole head begins another response."""
    status, found, _, _ = read_curl(b"HTTP/2 502 \r\na: b\r\n\r\n" + body)
    assert (status, found) == (502, body)


@pytest.mark.parametrize(
    "body",
    [
        b"Upstream said HTTP/1.1 404 Not Found\nRequest: 17\nThe provider is down.\n",
        b"<pre>HTTP/1.1 503 Slow Down\nServer: nginx\n\n</pre>",
    ],
)
def test_body_that_quotes_a_head(body: bytes) -> None:
    """Its lines end in another way than those of the head that curl has printed."""
    head = b"HTTP/2 502 \r\ncontent-type: text/plain\r\n\r\n"
    assert read_curl(head + body)[:2] == (502, body)
    again = b"HTTP/2 409 \r\n\r\n" + WANTED
    assert read_curl(head + body + again)[:2] == (409, WANTED)


def test_body_like_a_head() -> None:
    """With its length, a body may be anything."""
    for body in (HEAD_IN_TEXT, LAST, b"HTTP/1.1 200 OK\r\n\r\n"):
        assert read_curl(LENGTH % (len(body), body))[:2] == (502, body)


HEADS = {
    "no final newline": (b"HTTP/1.1 502 X\r\nRetry-After: 5", ("Retry-After", "5")),
    "nor a CR": (b"HTTP/1.1 502 X\nRetry-After: 5\n", ("Retry-After", "5")),
    "status line alone": (b"HTTP/1.1 502 X", None),
    "with a newline": (b"HTTP/1.1 502 X\r\n", None),
    "colon in the value": (b"HTTP/2 502 X\na: b:c\n\n", ("a", "b:c")),
    "no value": (b"HTTP/3 502 X\r\nrequestid:\r\n\r\n", ("requestid", "")),
}


@pytest.mark.parametrize(("output", "header"), HEADS.values(), ids=HEADS)
def test_head_alone(output: bytes, header: tuple[str, str] | None) -> None:
    """A head may be cut anywhere after its status."""
    assert read_curl(output) == (502, b"", [header] if header else [], "X")


@pytest.mark.parametrize("line", [b"HTTP/2 502", b"HTTP/2 502 ", b"HTTP/2  502  \r"])
def test_status_line_without_a_reason(line: bytes) -> None:
    """HTTP/2 has none."""
    assert read_curl(line + b"\n\n{}") == (502, b"{}", [], "")


ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("cut", [0, 1])
def test_encoding_of_the_file(encoding: str, cut: int) -> None:
    """PowerShell saves UTF-16, and editors a byte order mark."""
    text = 'HTTP/1.1 415 Größe\r\nX-A: ö\r\n\r\n{"message": "für 😀"}\r\n\r\n'
    output = text.encode(encoding)
    status, body, headers, reason = read_curl(output[: len(output) - cut])
    assert (status, headers, reason) == (415, [("X-A", "ö")], "Größe")
    assert body.decode().startswith('{"message": "für 😀"}')


def test_bytes_that_are_not_utf_8() -> None:
    """In the head they are shown as escapes; the body is left as it is."""
    output = b"HTTP/1.1 415 Gr\xf6\xdfe\r\n\r\n\xff\xfe"
    assert read_curl(output) == (415, b"\xff\xfe", [], r"Gr\xf6\xdfe")
    with_mark = b"\xef\xbb\xbf" + output
    assert read_curl(with_mark) == read_curl(output)


COMPRESSED = {
    "gzip": gzip.compress(WANTED),
    "x-gzip": gzip.compress(WANTED),
    "deflate": zlib.compress(WANTED),
    "Deflate": zlib.compress(WANTED)[2:-4],
    "gzip, deflate": zlib.compress(gzip.compress(WANTED)),
    "deflate, gzip": gzip.compress(zlib.compress(WANTED)),
    "identity": WANTED,
    "gzip of --compressed": WANTED,
    "unheard-of": WANTED,
}


@pytest.mark.parametrize(("encoding", "body"), COMPRESSED.items(), ids=COMPRESSED)
def test_compressed_body(encoding: str, body: bytes) -> None:
    """It is decoded, also if the head says so and curl has decoded it already."""
    head = f"HTTP/2 502 \r\ncontent-encoding: {encoding.partition(' of')[0]}\r\n\r\n"
    assert read_curl(head.encode() + body)[:2] == (502, WANTED)


def test_brotli() -> None:
    """Brotli is decoded where urllib3 can."""
    brotli = pytest.importorskip("brotli")
    head = b"HTTP/2 502 \r\ncontent-encoding: br\r\n\r\n"
    assert read_curl(head + brotli.compress(WANTED))[1] == WANTED


def test_compressed_body_that_is_huge() -> None:
    """No more is decoded than an error has."""
    head = b"HTTP/2 502 \r\ncontent-encoding: gzip\r\n\r\n"
    bomb = gzip.compress(bytes(10_000_000))
    assert read_curl(head + bomb)[1] == bytes(64 * 1024)


@pytest.mark.parametrize(
    "output",
    [
        b"hello",
        b'{"message": "m"}',
        b"<html>HTTP/1.1 502 Bad Gateway</html>",
        b"HTTP/1.1",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 5022 X\r\n\r\n",
        b"> GET / HTTP/1.1\r\n> Host: a\r\n",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\xff\xfeh\x00i\x00",
        bytes(10),
    ],
)
def test_no_response(output: bytes, tmp_path, capsys) -> None:
    """A file without a status line is refused, and the message says what is wanted."""
    path = tmp_path / "saved"
    path.write_bytes(output)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["explain", "--curl", str(path)])
    assert capsys.readouterr().err == (
        f"cloud-elements-errors: cannot read {path}: it does not begin with a status "
        "line; save the output of 'curl -i'\n"
    )


@pytest.mark.parametrize("output", [b"", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b" \n"])
def test_empty_file(output: bytes) -> None:
    """As after "> file" of a command that has failed."""
    with pytest.raises(ValueError, match=re.escape("it is empty; save the output of")):
        read_curl(output)


HOSTILE = {
    "statuses in one line": b"HTTP/1.1 200 " * 80_000,
    "statuses in a body": b"HTTP/1.1 200 \n\n" + b"HTTP/1.1 200 " * 80_000,
    "heads in one body": b"HTTP/1.1 200 \n\n" + b"}HTTP/1.1 200 \n\n" * 60_000,
    "statuses in headers": b"HTTP/1.1 200 \na: " * 60_000,
    "heads that lie": b"HTTP/1.1 200 \ncontent-length: 900000\n\n" * 25_000,
    "spaces": b"HTTP/1.1 200 \n\nHTTP/1.1" + b" " * 1_000_000,
    "a length of many digits": b"HTTP/1.1 200 \ncontent-length: " + b"9" * 1_000_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("output", HOSTILE.values(), ids=HOSTILE)
def test_file_that_is_hostile(output: bytes) -> None:
    """A mebibyte of anything is read in a moment."""
    assert read_curl(output)[0] == 200
