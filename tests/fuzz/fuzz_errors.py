"""A coverage-guided fuzz target: no answer may break the way to its error.

The input is an answer as it stands on the wire, but that its first line is the
status alone, so that nearly all of what the fuzzer tries is an answer. See
README.md beside this file for how to run it.
"""

from __future__ import annotations

import gzip
import http.client
import io
import json
import pickle
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import atheris
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import _basic_auth_str

with atheris.instrument_imports(include=["cloud_elements_errors"]):
    from cloud_elements_errors import (
        CloudElementsError,
        UnlistedStatusError,
        error_from_parts,
        error_from_response,
    )

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "Zk3+vQ9/x1Lw=="
TOKEN = "tk-84hF+0aY/pQ2"
PASSWORD = "Pa55-word/9"
CLASSES = {cls.status_code: cls for cls in CloudElementsError.__subclasses__()}

MESSAGE = {
    "requestId": "5858a8e2e4b052528ea4bd1e",
    "message": "Request failed",
    "providerMessage": "error - {code=403, message=…}",
    "providerErrorCode": 42,
    "details": [{"nested": None}],
}
JSON = json.dumps(MESSAGE).encode()


class WireBytes:
    """As much of a socket as http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._data))


def request() -> requests.PreparedRequest:
    """Prepare a request with secrets, which a server may echo."""
    return requests.Request(
        "GET",
        "https://example.com/bills",
        params={"apiKey": TOKEN},
        headers={
            "Authorization": f"User {SECRET}, Element {TOKEN}",
            "Proxy-Authorization": _basic_auth_str("user", PASSWORD),
        },
    ).prepare()


def answer(status: int, rest: bytes) -> requests.Response | None:
    """Read the answer as our adapter does; None if http.client or urllib3 refuse it."""
    wire = WireBytes(b"HTTP/1.1 %d Why\r\n%b" % (status, rest))
    received = http.client.HTTPResponse(wire, method="GET")  # type: ignore[arg-type]
    try:
        received.begin()
    except http.client.HTTPException:
        return None  # no answer at all: requests raises a ConnectionError
    try:
        raw = urllib3.HTTPResponse(
            received,
            headers=urllib3.HTTPHeaderDict(received.msg.items()),
            status=received.status,
            reason=received.reason,
            preload_content=False,
            original_response=received,
        )
    except urllib3.exceptions.InvalidHeader:
        assert received.status < 400  # a failure is never refused
        return None
    return HTTPAdapter().build_response(request(), raw)


def check(status: int, error: CloudElementsError | None) -> None:
    """Check what must hold for the error of any answer."""
    if status < 400:
        assert error is None
        return
    assert type(error) is CLASSES.get(status, UnlistedStatusError)
    assert error.status_code == status
    line = str(error)
    assert line.isprintable(), line
    json.dumps(error.to_dict(), allow_nan=False)
    pickled = pickle.dumps(error)
    assert len(pickled) < 128 * 1024, len(pickled)
    copied = pickle.loads(pickled)
    assert type(copied) is type(error)
    assert str(copied) == line
    if copied.to_dict() != error.to_dict():
        # Only one that was too large is cut, and then once and for all.
        assert copied.truncated
        assert len(json.dumps(error.to_dict())) > 60_000
        assert pickle.loads(pickle.dumps(copied)).to_dict() == copied.to_dict()


def check_response(error: CloudElementsError) -> None:
    """Check what must hold where there is a response as well."""
    secrets = (SECRET, TOKEN, PASSWORD)
    told = [str(error), repr(error), *getattr(error, "__notes__", ())]
    told.append(json.dumps(error.to_dict(), ensure_ascii=False))
    pickled = pickle.dumps(error)
    for secret in secrets:
        assert not any(secret in text for text in told), secret
        assert secret.encode() not in pickled, secret
    with suppress(ValueError):  # requests' own, for a charset with a null in it
        assert isinstance(error.response.text, str)
    copied = pickle.loads(pickled).response
    assert copied.status_code == error.status_code
    assert isinstance(copied.text, str)
    for response in (error.response, copied):
        # What requests raises for a body that is no JSON, with us or without.
        with suppress(requests.JSONDecodeError, RecursionError, ValueError):
            response.json()


def one_input(data: bytes) -> None:
    """Take one answer both ways."""
    first, _, rest = data.partition(b"\n")
    digits = first.strip()
    if len(digits) == 3 and digits.isdigit():
        status = max(int(digits), 100)
    else:
        status = 400 + zlib.crc32(first) % 200
    head, _, body = rest.partition(b"\r\n\r\n")
    pairs = [line.partition(b":")[::2] for line in head.split(b"\r\n")]
    for given in (pairs, dict(pairs), {k.decode("latin-1"): v for k, v in pairs}):
        check(status, error_from_parts(status, body, given, reason="Why not"))
    check(status, error_from_parts(status, body.decode("latin-1"), None))
    response = answer(status, rest)
    if response is not None and response.status_code >= 200:
        error = error_from_response(response)
        check(response.status_code, error)
        if error is not None:
            check_response(error)


def seeds() -> Iterator[bytes]:
    """Yield answers of every kind, to start from."""

    def seed(status: int, body: bytes, *lines: str) -> bytes:
        head = "\r\n".join(lines).encode()
        return b"%d\n%b\r\n\r\n%b" % (status, head, body)

    json_type = "Content-Type: application/json;charset=UTF-8"
    for status in (200, 302, 400, 401, 404, 405, 409, 429, 500, 502, 503, 599, 999):
        yield seed(status, JSON, json_type, f"Content-Length: {len(JSON)}")
    yield seed(502, JSON.replace(b'"message"', b'"MESSAGE"'), json_type)
    yield seed(502, JSON[:-30], json_type, "Content-Length: 9999")
    yield seed(502, JSON.decode().encode("utf-16"), "Content-Type: application/json")
    yield seed(502, b"<html>Bad Gateway</html>", "Content-Type: text/html")
    yield seed(
        404,
        b"<!DOCTYPE html><html><head><title>404</title><style>p{}</style></head><body>"
        b"<!-- no --><script>x</script><p>It isn&#39;t <b>here</b><br>now</body>",
        "Content-Type: text/html",
    )
    yield seed(
        500,
        b'<?xml version="1.0" encoding="iso-8859-1"?><s:Fault xmlns:s="u"><faultstring>'
        b'<![CDATA[<id> \xe4]]></faultstring><err code="1" msg="m"/></s:Fault>',
        "Content-Type: text/xml",
    )
    yield seed(
        400, b'{"errors":{"a":["b c d"]},"code":1,"info":"{\\"error\\":\\"e\\"}"}'
    )
    yield seed(400, b'[{"message":"m","errorCode":"E"},"<html><p>x</p></html>"]')
    yield seed(
        400,
        b"error=a+b&error_description=%C3%A4",
        "Content-Type: application/x-www-form-urlencoded",
    )
    yield seed(401, b"", 'WWW-Authenticate: Bearer error_description="no"')
    yield seed(400, b"~{;p~}", "Content-Type: text/plain; charset=hz-gb-2312")
    yield seed(502, gzip.compress(JSON, mtime=0))
    yield seed(502, b"\xe9\xff", "Content-Type: text/plain; charset=iso-8859-1")
    yield seed(500, b'{"a":' + b"[" * 2000, json_type)
    yield seed(500, b'{"message":' + b"9" * 5000 + b',"x":1e999,"y":NaN}')
    yield seed(500, b'{"message":"\\ud800\\u202e\\u001b[31m\\n"}', json_type)
    yield seed(500, b'{"message":"\\u00', json_type)
    yield seed(503, b"", "Retry-After: 120", "Elements-Request-Id: abc")
    yield seed(503, b"", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT")
    yield seed(
        500,
        b'7\r\n{"messa\r\n5\r\nge":1\r\n1;x=y\r\n}\r\n0\r\nT: t\r\n\r\n',
        "Transfer-Encoding: chunked",
    )
    for encoding, body in {
        "gzip": gzip.compress(JSON, mtime=0),
        "deflate": zlib.compress(JSON),
        "gzip, deflate": zlib.compress(gzip.compress(JSON, mtime=0)),
        "br": JSON,
        "identity": JSON,
    }.items():
        yield seed(502, body, json_type, f"Content-Encoding: {encoding}")
    yield seed(502, gzip.compress(bytes(200_000), mtime=0), "Content-Encoding: gzip")
    echo = json.dumps(
        {"message": f"User {SECRET} {PASSWORD}", TOKEN: [f"Bearer {TOKEN}"]}
    )
    yield seed(401, echo.encode(), json_type, f"X-Echo: {SECRET}")
    yield seed(401, b'{"password": "hunter22", "token": "' + TOKEN.encode() + b'"}')


def main() -> None:
    """Make a corpus that is missing, out of the seeds, and fuzz."""
    for name in sys.argv[1:]:
        corpus = Path(name)
        if not name.startswith("-") and not corpus.exists():
            corpus.mkdir()
            for number, data in enumerate(seeds()):
                (corpus / f"seed-{number:02}").write_bytes(data)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
