"""The text of a body: its charset, and compression that no header names."""

from __future__ import annotations

import codecs
import gzip
import zlib
from encodings.aliases import aliases

import pytest

from cloud_elements_errors._errors.decoding import MAX_BODY_BYTES, bounded, decode


@pytest.mark.parametrize("charset", sorted({*aliases, *aliases.values(), "x-sjis"}))
def test_any_charset_that_python_knows(charset: str):
    """A declared charset never breaks the reading, and never takes long."""
    for body in (bytes(range(256)) * 256, b"\xff" * MAX_BODY_BYTES, b"~{\x1b$B" * 9000):
        text = decode(body, f"text/plain; charset={charset}")
        assert isinstance(text, str)


@pytest.mark.parametrize(
    "charset",
    [
        *("idna", "punycode", "unicode_escape", "raw-unicode-escape", "undefined"),
        *("utf-7", "rot13", "hex", "base64", "zlib", "a" * 200, "no-such", "\0", "é"),
    ],
)
def test_a_charset_that_no_server_means(charset: str):
    """Codecs that are slow, raise, or decode no text are not used."""
    assert decode(b"\xe4\\x41+AGE-", f"text/plain; charset={charset}") == "ä\\x41+AGE-"


def test_a_codec_without_an_incremental_decoder():
    """Some packages register codecs that can only decode whole texts."""
    found = codecs.lookup("latin-1")
    codec = codecs.CodecInfo(found.encode, found.decode, name="whole")
    search = {"whole": codec}.get
    codecs.register(search)
    try:
        assert decode(b"\xe4", "text/plain; charset=whole") == "ä"
    finally:
        codecs.unregister(search)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"caf\xe9", "", "café"),
        ("größer caf\u00e9".encode()[:-1], "", "größer caf"),
        ("größe".encode("cp1252") + b"\x81", "", "gr\xf6\xdfe\x81"),
        ("größe".encode(), "text/plain; charset=cp500", "größe"),
        ("größe".encode("cp500"), "text/plain; charset=cp500", "größe"),
        ("갂".encode("cp949"), "text/plain; charset=euc-kr", "갂"),
        (b"~{;p~} \xff", "text/plain; charset=hz", "~{;p~} \xff"),
        (b"\x1b[31mred", "text/plain", "\x1b[31mred"),
    ],
    ids=[
        "e at the end",
        "cut UTF-8",
        "no charset",
        "wrong",
        "EBCDIC",
        "cp949",
        "hz",
        "escape",
    ],
)
def test_decoding(body: bytes, content_type: str, text: str):
    """What browsers do, and nothing is lost where they would show a question mark."""
    assert decode(body, content_type) == text


@pytest.mark.parametrize(
    ("text", "codec", "charset"),
    [
        ("啲資料已鎖", "big5hkscs", "big5"),
        ("𠮷野家", "gb18030", "gbk"),
        ("𠮷野家 €", "gb18030", "gb2312"),
        ("“şifre”", "cp1254", "iso-8859-9"),
        ("“şifre”", "cp1254", "latin5"),
        ("“ไทย”", "cp874", "iso-8859-11"),
        ("“ไทย”", "cp874", "tis-620"),
        ("①だめ", "cp932", "shift_jis"),
        ("Доступ", "utf-16-le", "utf-16le"),
        ("Доступ", "utf-16-be", "UTF-16BE"),
        ("Доступ", "utf-16-le", "utf-16"),
        ("Доступ", "utf-16", "utf-16"),
        ("Доступ", "utf-16", "utf-16be"),
    ],
)
def test_charsets_as_browsers_read_them(text: str, codec: str, charset: str):
    """A label stands for the larger charset that browsers use for it."""
    assert decode(text.encode(codec), f"text/plain; charset={charset}") == text


@pytest.mark.parametrize("text", ["Straße", "Доступ", "red \x1b[31mß"])
def test_utf_8_that_claims_to_be_utf_16(text: str):
    """.NET writes such a prolog into a string, which is then sent as UTF-8."""
    page = f'<?xml version="1.0" encoding="utf-16"?><a>{text}</a>'
    assert decode(page.encode(), "text/xml") == page


BODY = b'{"message": "The gateway is full"}'


GZIP = gzip.compress(BODY)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (GZIP, (BODY, True)),
        (GZIP[:-9], (zlib.decompressobj(31).decompress(GZIP[:-9]), False)),
        (GZIP[:11], (GZIP[:11], True)),
        (GZIP[:3] + b"\xff" * 20, (GZIP[:3] + b"\xff" * 20, True)),
        (gzip.compress(bytes(10_000_000)), (bytes(MAX_BODY_BYTES), False)),
        (b"x" * MAX_BODY_BYTES, (b"x" * MAX_BODY_BYTES, True)),
        (b"x" * (MAX_BODY_BYTES + 1), (b"x" * MAX_BODY_BYTES, False)),
    ],
    ids=["gzip", "cut", "head alone", "no gzip", "bomb", "64 KiB", "more"],
)
def test_gzip_without_its_header(body: bytes, expected: tuple[bytes, bool]):
    """It is recognised, and decoded within the limit of any body."""
    assert bounded(body) == expected


@pytest.mark.timeout(10)
@pytest.mark.parametrize("start", ["charset=", ""], ids=["spaces", "charsets"])
def test_hostile_content_type_takes_no_time(start: str):
    """Only the start of the header is searched."""
    content_type = start + " " * 65_000 + "!" if start else "charset=hz " * 50_000
    assert decode(b"\xff" * 65_536, content_type) == "\xff" * 65_536
