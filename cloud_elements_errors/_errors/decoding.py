"""Decode a body as a browser does: bytes in, text out, whatever the bytes."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY_BYTES = 64 * 1024
"""The most bytes of a body that are read, decoded and kept."""

_GZIP = b"\x1f\x8b\x08"

_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_IN_BODY = re.compile(
    rb"<(?:\?xml|meta)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{1,40})",
    re.IGNORECASE,
)
# HTML and XML declare their charset near the start.
_PROLOG_BYTES = 1024

# Python can decode text with these, but no server writes them. The first two take
# quadratic time, and the others warn, raise, or depend on the machine.
_NO_CHARSETS = re.compile(
    r"idna|punycode|(?:raw_)?unicode_escape|undefined|utf_7|mbcs|oem"
)
# The superset that browsers use in place of a charset (https://encoding.spec.whatwg.org).
# Labels that browsers know and Python does not.
_LABELS = {
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "sun_eu_greek": "iso8859-7",
}
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
# Text in these is ASCII with escapes, and so also valid UTF-8.
_SEVEN_BIT = ("hz", "iso2022")


def bounded(body: bytes) -> tuple[bytes, bool]:
    """Return at most 64 KiB of the body, and whether that is all.

    A gzip body whose header is missing is decompressed.
    """
    if body.startswith(_GZIP):
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        with suppress(zlib.error):
            decoded = decoder.decompress(body, MAX_BODY_BYTES)
            if decoded:
                return decoded, decoder.eof
    return body[:MAX_BODY_BYTES], len(body) <= MAX_BODY_BYTES


def decode(body: bytes, content_type: str = "", *, truncated: bool = False) -> str:
    """Decode by BOM, as UTF-8, by Content-Type, XML prolog or meta tag, as Latin-1."""
    if b"\x1b" in body or b"~{" in body:
        for charset in _declared(body, content_type):
            if charset.startswith(_SEVEN_BIT):
                return _text(body, charset) or body.decode("latin-1")
    # UTF-8, UTF-16 or UTF-32. Text in another charset is hardly ever valid UTF-8.
    unicode = json.detect_encoding(body)
    with suppress(UnicodeError):
        return body.decode(unicode)
    declared = list(_declared(body, content_type))
    # The end may be missing in the middle of a character.
    if truncated or not body[:-3].isascii():
        declared.insert(0, unicode)
    for charset in (*declared, "cp1252"):
        text = _text(body, charset)
        if text is not None:
            return text
    return body.decode("latin-1")


def _declared(body: bytes, content_type: str) -> Iterator[str]:
    """Yield the names of the declared charsets that Python knows."""
    names = [match[1] for match in _CHARSET.finditer(content_type)]
    names += [
        match[1].decode() for match in _CHARSET_IN_BODY.finditer(body[:_PROLOG_BYTES])
    ]
    for name in filter(str.isascii, names):
        with suppress(LookupError, UnicodeError):
            label = re.sub(r"^(?:x-)+|-[ie]$", "", name.lower())
            codec = codecs.lookup(_LABELS.get(label, label)).name
            if not _NO_CHARSETS.fullmatch(codec.replace("-", "_")):
                "".encode(codec)  # raises LookupError if it is no charset
                yield _SUPERSETS.get(codec, codec)


def _text(body: bytes, charset: str) -> str | None:
    # An incremental decoder accepts a character that is cut at the end.
    with suppress(UnicodeError, LookupError):
        return codecs.getincrementaldecoder(charset)().decode(body)
    return None
