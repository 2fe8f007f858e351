"""Decode a body as a browser does: bytes in, text out, whatever the bytes."""

import codecs
import json
import re
import zlib
from contextlib import suppress

# The most bytes of a body that are read, decoded and kept.
MAX_BODY_BYTES = 64 * 1024

# Text with controls, ~{ or a BOM may be something else than UTF-8, and valid as UTF-8.
_UNUSUAL = re.compile(rb"[\0-\x08\x0e-\x1f~\xef](?<!~(?!\{))(?<!\xef(?!\xbb\xbf))")
_CHARSET = r"(?ai:(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{1,40}))"
# Python decodes text with these, but no server writes them. The first two take
# quadratic time, and the others warn.
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape"}
# What browsers use in place of a charset (https://encoding.spec.whatwg.org).
_USE = {"big5": "big5hkscs", "euc_kr": "cp949", "shift_jis": "cp932"}
_USE |= {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252"}
_USE |= {"iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874"}


def bounded(body: bytes) -> tuple[bytes, bool]:
    """Return at most 64 KiB of the body, and whether that is all.

    A gzip body whose header is missing is decompressed.
    """
    if body.startswith(b"\x1f\x8b\x08"):
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        with suppress(zlib.error):
            if decoded := decoder.decompress(body, MAX_BODY_BYTES):
                return decoded, decoder.eof
    return body[:MAX_BODY_BYTES], len(body) <= MAX_BODY_BYTES


def decode(body: bytes, content_type: str = "", *, cut: bool = False) -> str:
    """Decode by BOM, as UTF-8, by Content-Type, XML prolog or meta tag, as Latin-1."""
    if _UNUSUAL.search(body) is None:
        with suppress(UnicodeError):
            return body.decode()
    declared = re.findall(_CHARSET, content_type[:1024])
    # UTF-16 may be valid UTF-8 with controls: Cyrillic without a BOM, for example.
    strange = [re.sub("16$", "16-le", x) for x in declared if "utf-16" in x.lower()]
    # HTML and XML declare their charset near the start.
    prolog = re.sub(r"(?s)<!--.*?-->", "", body[:1024].decode("latin-1"))
    declared += re.findall(rf"<(?:\?xml|(?i:meta))\b[^>]{{0,200}}?{_CHARSET}", prolog)
    # ISO 2022 and HZ are ASCII with ESC or ~{, and so also valid UTF-8.
    strange += [name for name in declared if re.search("hz|2022", name.lower())]
    # Text in another charset is hardly ever valid UTF-8, UTF-16 or UTF-32.
    unicode = json.detect_encoding(body)
    if unicode in {"utf-8-sig", "utf-16", "utf-32"}:  # there is a BOM
        strange = []
    # The end may be missing in the middle of a character.
    is_whole = not cut and body[:-3].isascii()
    for name in (*strange, unicode, *declared, "cp1252"):
        label = re.sub(r"^(?:x-)+|-[ie]$", "", name.lower()).replace("-31j", "-932")
        with suppress(UnicodeError, LookupError):
            codec = codecs.lookup(label.replace("windows-", "cp")).name
            "".encode(codec)  # raises LookupError if it is no charset
            if codec not in _NO_CHARSETS:
                decoder = codecs.getincrementaldecoder(_USE.get(codec, codec))()
                return decoder.decode(body, is_whole)
    return body.decode("latin-1")


def as_text(value: object) -> str:
    """Return a header's value as text; bytes are Latin-1 in HTTP."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def as_utf8(text: str) -> str:
    """Return a header as UTF-8 if it is that: http.client decodes all as Latin-1."""
    try:
        return text if text.isascii() else text.encode("latin-1").decode()
    except UnicodeError:
        return text
