"""Take secrets out of text, URLs and headers.

A provider may repeat any part of the request in its message, so there are two
searches. The first looks for the secrets of the request's own headers and URL. The
second looks for patterns: ``Bearer …``, ``apiSecret=…``, ``"password": "…"``.

The first search also finds a secret in base64: it looks for the three forms that base64
can give it. It finds a secret that is percent-encoded, or escaped as JSON or HTML, but
does not try all spellings. Instead, it undoes the escapes in the text, records for each
byte where it came from, and looks for the plain secret. So the time grows with the
text, and not with the length of the secret. A regular expression of all spellings took
seconds for a token of 4 KiB.
"""

from __future__ import annotations

import base64
import json
import re
from array import array
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from .payload import as_text
from .secrets import (
    SCHEME_NAME,
    SHORT,
    SHORTEST,
    header_secrets,
    is_secret_name,
    sensitive_headers,
    url_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REDACTED = "[redacted]"

_NAMES = r"(?:passw(?:or)?d|secret|token|api_?key|jsessionid|credentials?)"
# The long patterns are not compiled at import, which would take a millisecond: few
# texts need them, and re keeps what it has compiled.
_LOOKS_SECRET = (
    # "User u, Organization o, Element e", at least two of them together.
    rf"\b{SCHEME_NAME}:?[ ]+(?=[^\s,]{{0,99}}[\d=+/])[\w+/=.-]{{6,}}"
    rf"(?:[ ]*,[ ]*{SCHEME_NAME}:?[ ]+[\w+/=.-]{{6,}})+"
    r"|\b(?:bearer|basic)[ ]+(?=[^\s,]{0,99}[\d=])[\w.~+/=-]{8,}"
    # "password": "…" and password=…; only the value is replaced.
    rf"|({_NAMES}[\\\"']{{0,4}}[ ]{{0,2}}[:=][ ]{{0,2}}\\{{0,3}}\")[^\"\\]+"
    rf"|({_NAMES}[ ]{{0,2}}[:=][ ]{{0,2}})(?=[^\s,;&]{{0,99}}\d)"
    r"[^\s,;&\"'<>(){}\[\]\\]{6,}"
    # https://user:password@host
    r"|(?<=://)[^\s/:@]{1,99}:[^\s/@]{1,99}(?=@)"
)
# Each match contains one of these words. Searching for them first is ten times faster.
# ("element" alone is in every URL.)
_HINTS = (
    *("user", "organization", "element ", "element:", "bearer", "basic", "digest"),
    *("token", "passw", "secret", "key", "jsessionid", "credential", "@"),
)

_ESCAPE = (
    rb"%([0-9A-Fa-f]{2})"  # of a URL
    rb"|\\+(?:u((?:[Dd][89ABab][0-9A-Fa-f]{2}\\+u)?[0-9A-Fa-f]{4})"  # of JSON
    rb"|([^0-9A-Za-z])|[0-9A-Za-z])"
    rb"|&(#?[0-9A-Za-z]{1,8};)"  # of HTML
)
_HALF_ESCAPE = (
    rb"(?:%[0-9A-Fa-f]?|&[#0-9A-Za-z;]{0,12}"
    rb"|(?:\\u[Dd][89ABab][0-9A-Fa-f]{2})?(?:\\(?:u[0-9A-Fa-f]{0,3})?)?)\Z"
)
# Both alphabets of base64, and both ways to write a space in a URL, compare equal.
_FOLD = bytes.maketrans(b" -_", b"++/")
_REST_OF_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]*")
_PADDING = re.compile(rb"=*")
_ALPHANUMERIC = re.compile("[0-9A-Za-z]")


class Redactor:
    """Takes the secrets of one request out of any text.

    It reads the headers and URLs at the first call, so a successful request costs
    nothing.
    """

    def __init__(
        self, headers: Mapping[Any, Any] | None = None, *urls: str | None
    ) -> None:
        """Keep the *headers* of the request, and its *urls*, with those of proxies."""
        self._headers = headers
        self._urls = urls
        self._needles: dict[str, bool] | None = None

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """Return *text* without secrets. *cut* means that its end is missing."""
        if self._needles is None:
            self._needles = _needles(
                tuple(sensitive_headers(self._headers or {})),
                tuple(chain.from_iterable(map(url_secrets, filter(None, self._urls)))),
            )
        text = _remove(self._needles, text, cut=cut)
        if any(map(text.lower().__contains__, _HINTS)):
            return re.sub(_LOOKS_SECRET, rf"\1\2{REDACTED}", text, flags=re.IGNORECASE)
        return text

    def texts(self, *texts: str | None, cut: bool = False) -> tuple[str | None, ...]:
        """Return the texts without secrets; search all at once first."""
        together = "\n".join(filter(None, texts))
        if not cut and self(together) == together:
            return texts
        return tuple([text and self(text, cut=cut) for text in texts])

    def fields(self, fields: Mapping[str, Any], *, cut: bool) -> dict[str, Any]:
        """Return a JSON object's fields without secrets, by name and by value."""
        return {
            self(name, cut=cut): REDACTED
            if isinstance(value, str) and is_secret_name(name)
            else self._value(value, cut=cut)
            for name, value in fields.items()
        }

    def _value(self, value: Any, *, cut: bool) -> Any:
        if isinstance(value, str):
            return self(value, cut=cut)
        if isinstance(value, dict):
            return self.fields(value, cut=cut)
        if isinstance(value, list):
            return [self._value(item, cut=cut) for item in value]
        if isinstance(value, (int, float)) and self(str(value)) != str(value):
            return REDACTED
        return value

    def headers(self, headers: Mapping[str, str | bytes]) -> dict[str, str]:
        """Return a copy of *headers* without secrets."""
        return {
            self(name): REDACTED if is_secret_name(name) else self(as_text(value))
            for name, value in headers.items()
        }


# Most processes have few sets of credentials.
@lru_cache(maxsize=64)
def _needles(
    headers: tuple[tuple[str, str], ...], in_url: tuple[str, ...]
) -> dict[str, bool]:
    """Return the folded strings to search for, and whether each is base64."""
    secrets = set(in_url)
    for name, value in headers:
        secrets.update(header_secrets(name.lower(), value))
    as_sent = {secret.encode("utf-8", "surrogatepass") for secret in secrets}
    unescaped = {_unescaped_secret(secret) for secret in as_sent}
    plain = as_sent | unescaped
    cores = chain.from_iterable(map(_base64_cores, plain))
    # A string that is both counts as base64, whose rest is taken out too.
    return dict.fromkeys(map(_folded, plain), False) | dict.fromkeys(cores, True)


def _base64_cores(secret: bytes) -> Iterator[str]:
    """Yield what base64 makes of a secret in each alignment, without the edges."""
    for offset, skipped in enumerate((0, 2, 3)):
        encoded = base64.b64encode(bytes(offset) + secret)
        core = encoded[skipped : (offset + len(secret)) * 8 // 6]
        if len(core) >= SHORT:
            yield _folded(core)


def _folded(data: bytes) -> str:
    """Return one character for each byte: searching a str is faster than bytes."""
    return data.translate(_FOLD).decode("latin-1")


def _remove(needles: dict[str, bool], text: str, *, cut: bool) -> str:
    data = text.encode("utf-8", "surrogatepass")
    spans = _spans(needles, data, cut=cut)
    if b"%" in data or b"\\" in data or b"&" in data:
        half = re.search(_HALF_ESCAPE, data) if cut else None
        plain, source_offsets = _unescaped(
            data if half is None else data[: half.start()]
        )
        source_offsets.append(len(data))
        spans += [
            (source_offsets[start], source_offsets[end])
            for start, end in _spans(needles, plain, cut=cut)
        ]
    if not spans:
        return text
    kept = b""
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            kept += data[done:start] + REDACTED.encode()
        done = max(done, end)
    return (kept + data[done:]).decode("utf-8", "surrogatepass")


def _spans(
    needles: dict[str, bool], data: bytes, *, cut: bool
) -> list[tuple[int, int]]:
    """Return the places of secrets; if cut, also of the start of one at the end."""
    folded = _folded(data)
    spans: list[tuple[int, int]] = []
    # Few texts hold a secret, so one search for all comes first.
    if any(map(folded.__contains__, needles)):
        for content, is_base64 in needles.items():
            spans += _hits(content, is_base64, data, folded)
    if cut:
        starts = [_begins_at_end(content, folded) for content in needles]
        spans += [(start, len(data)) for start in starts if start is not None]
    return spans


def _hits(
    content: str, is_base64: bool, data: bytes, folded: str
) -> Iterator[tuple[int, int]]:
    start, end = folded.find(content), 0
    while start >= 0:
        after = start + len(content)
        around = folded[max(start - 1, 0) : start] + folded[after : after + 1]
        is_secret = len(content) >= SHORT or not _ALPHANUMERIC.search(around)
        if is_secret and after > end:
            rest = (_REST_OF_BASE64 if is_base64 else _PADDING).match(data, after)
            end = rest.end() if rest else after
            yield start, end
        start = folded.find(content, after)


def _begins_at_end(secret: str, data: str) -> int | None:
    start = data.find(secret[:SHORTEST], max(len(data) - len(secret), 0))
    while start >= 0 and not secret.startswith(data[start:]):
        start = data.find(secret[:SHORTEST], start + 1)
    return None if start < 0 else start


def _unescaped(data: bytes) -> tuple[bytes, array[int]]:
    """Undo two layers of escapes; return the text and the offset of each byte."""
    source_offsets = array("I", range(len(data)))
    for _layer in range(2):
        plain, plain_offsets, done = bytearray(), array("I"), 0
        for escape in re.finditer(_ESCAPE, data):
            start, end = escape.span()
            char = _meaning(escape)
            plain += data[done:start] + char
            plain_offsets += source_offsets[done:start]
            plain_offsets += source_offsets[start : start + 1] * len(char)
            done = end
        data, source_offsets = (
            bytes(plain + data[done:]),
            plain_offsets + source_offsets[done:],
        )
    return data, source_offsets


def _unescaped_secret(secret: bytes) -> bytes:
    plain, _offsets = _unescaped(secret)
    # In a text, a backslash at the end is taken for the escape of what follows.
    plain = plain.rstrip(b"\\")
    try:
        plain.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # part of a character could match part of another
        return secret
    return plain if len(plain) >= SHORTEST else secret


def _meaning(escape: re.Match[bytes]) -> bytes:
    octet, code, char, entity = escape.groups()
    if octet is not None:
        return bytes.fromhex(octet.decode())
    if code is not None and b"u" not in code:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    if code is not None:  # a pair of surrogates
        text = re.sub(rb"\\+", rb"\\", escape[0])
        return str(json.loads(b'"%b"' % text)).encode("utf-8", "surrogatepass")
    if entity is not None:
        import html  # noqa: PLC0415 - it takes two milliseconds; few texts need it

        return html.unescape(f"&{entity.decode()}").encode()
    return char or b"\n"  # a line break or a tab, which no secret contains
