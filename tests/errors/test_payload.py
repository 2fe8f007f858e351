"""The parser: headers and bytes in, a payload out, whatever they are."""

from __future__ import annotations

import json
import sys
import time
from email.utils import formatdate
from operator import attrgetter
from pathlib import Path
from types import NoneType

import pytest

from cloud_elements_errors import error_from_parts
from cloud_elements_errors._errors.payload import ErrorPayload, parse_retry_after
from cloud_elements_errors._errors.redaction import Redactor

RECORDED = json.loads(
    (Path(__file__).parents[1] / "data" / "recorded_bodies.json").read_text("utf-8")
)
KIB_64 = 64 * 1024
TAKEN = attrgetter("message", "request_id", "provider_message", "provider_code")


def parse(body, headers=None, **kwargs):
    return ErrorPayload(headers or {}, body, Redactor(), **kwargs)


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
def test_recorded_body(case):
    """What the platform really sent is read, nothing of it lost or changed."""
    payload = parse(case["body"].encode())
    got = {name: getattr(payload, name) for name in case["expected"]}
    assert got == case["expected"]
    assert payload.text == case["body"]
    assert payload.truncated is False


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
def test_recorded_body_as_an_error(case):
    """The error says the same as the payload."""
    error = error_from_parts(case["status"], case["body"])
    got = {name: getattr(error, name) for name in case["expected"]}
    assert got == case["expected"]
    assert error.text == case["body"]


NOTHING = {
    "empty": b"",
    "whitespace": b" \r\n\t",
    "html": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "html-with-bom": b"\xef\xbb\xbf<html></html>",
    "text": b"upstream connect error or disconnect/reset before headers",
    "json-list": b'[{"message": "in a list"}]',
    "json-string": b'"message"',
    "json-number": b"42",
    "json-null": b"null",
    "empty-object": b"{}",
    "broken-list": b'[{"message": "in a list"',
    "brace-alone": b"{",
    "braces-in-braces": b'{"inner": {"message": "not ours"',
    "key-alone": b'{"message"',
    "no-value": b'{"message":',
    "no-value-but-comma": b'{"message":,',
    "key-without-colon": b'{"message" "text"}',
    "number-as-key": b'{message: "text"}',
    "nul-bytes": bytes(100),
    "invalid-utf-8": b"\xff\xfe\xfd\xfc",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("body", NOTHING.values(), ids=NOTHING)
def test_body_that_says_nothing(body):
    """A body that is none of the platform's is kept as text, of unknown origin."""
    payload = parse(body)
    assert TAKEN(payload) == (None, None, None, None)
    assert payload.origin == "unknown"
    assert isinstance(payload.text, str)


FIELDS = {
    "message": ('{"message": "m"}', ("m", None, None, None), "platform", {}),
    "request-id": ('{"requestId": "r"}', (None, "r", None, None), "platform", {}),
    "provider": ('{"providerMessage": "p"}', (None, None, "p", None), "provider", {}),
    "code-integer": (
        '{"providerErrorCode": 42}',
        (None, None, None, "42"),
        "provider",
        {},
    ),
    "code-string": (
        '{"providerErrorCode": "E1"}',
        (None, None, None, "E1"),
        "provider",
        {},
    ),
    "pascal-case": (
        '{"Message": "m", "RequestId": "r", "ProviderMessage": "p"}',
        ("m", "r", "p", None),
        "provider",
        {},
    ),
    "upper-case": ('{"MESSAGE": "m"}', ("m", None, None, None), "platform", {}),
    "exact-key-first": (
        '{"Message": "other", "message": "m", "MESSAGE": "third"}',
        ("m", None, None, None),
        "platform",
        {"Message": "other", "MESSAGE": "third"},
    ),
    "last-of-two-keys": (
        '{"message": "first", "message": "last"}',
        ("last", None, None, None),
        "platform",
        {},
    ),
    "empty-provider-text": (
        '{"message": "m", "providerMessage": ""}',
        ("m", None, "", None),
        "platform",
        {},
    ),
    "nulls": (
        '{"message": null, "requestId": null, "providerMessage": null}',
        (None, None, None, None),
        "unknown",
        {},
    ),
    "message-as-object": (
        '{"message": {"text": "é"}}',
        ('{"text":"é"}', None, None, None),
        "platform",
        {},
    ),
    "message-as-number": ('{"message": 17}', ("17", None, None, None), "platform", {}),
    "request-id-as-number": (
        '{"requestId": 17}',
        (None, "17", None, None),
        "platform",
        {},
    ),
    "provider-as-object": (
        '{"providerMessage": {"code": 403, "why": ["ä", null]}}',
        (None, None, '{"code":403,"why":["ä",null]}', None),
        "provider",
        {},
    ),
    "provider-as-list": (
        '{"providerMessage": [1, 2.5]}',
        (None, None, "[1,2.5]", None),
        "provider",
        {},
    ),
    "provider-as-number": (
        '{"message": "m", "providerMessage": 42}',
        ("m", None, None, None),
        "platform",
        {"providerMessage": 42},
    ),
    "code-as-object": (
        '{"providerErrorCode": {"a": 1.5}}',
        (None, None, None, None),
        "unknown",
        {"providerErrorCode": {"a": 1.5}},
    ),
    "code-as-decimal": (
        '{"providerErrorCode": 1.5}',
        (None, None, None, None),
        "unknown",
        {"providerErrorCode": 1.5},
    ),
    "hook-of-a-connector": (
        '{"error": "Failed to create an instance", "n": [1, {"a": true}]}',
        (None, None, None, None),
        "unknown",
        {"error": "Failed to create an instance", "n": [1, {"a": True}]},
    ),
    "json-in-the-string": (
        r'{"providerMessage": "{\"error\": \"x\"}"}',
        (None, None, '{"error": "x"}', None),
        "provider",
        {},
    ),
    "raw-line-break": (
        '{"message": "one\ntwo"}',
        ("one\ntwo", None, None, None),
        "platform",
        {},
    ),
    "raw-line-break-and-escapes": (
        '{"message": "one\n\\"two\\""}',
        ('one\n"two"', None, None, None),
        "platform",
        {},
    ),
    "lone-surrogate": (
        r'{"message": "\ud800"}',
        ("\ufffd", None, None, None),
        "platform",
        {},
    ),
    "nan": (
        '{"message": "m", "a": NaN, "b": Infinity, "c": -Infinity}',
        ("m", None, None, None),
        "platform",
        {"a": "NaN", "b": "Infinity", "c": "-Infinity"},
    ),
    "too-large-a-float": (
        '{"message": "m", "a": 1e999, "b": -1e999, "c": 1e9}',
        ("m", None, None, None),
        "platform",
        {"a": "1e999", "b": "-1e999", "c": 1e9},
    ),
}


@pytest.mark.parametrize(
    ("body", "fields", "origin", "details"), FIELDS.values(), ids=FIELDS
)
def test_fields(body, fields, origin, details):
    """Each field finds its place, whatever its type, and the rest is in details."""
    payload = parse(body.encode())
    assert TAKEN(payload) == fields
    assert payload.origin == origin
    assert payload.details == details
    assert type(payload.provider_message) in {str, NoneType}


@pytest.mark.parametrize("other", [str.lower, str.upper])
@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("message", "message"),
        ("requestId", "request_id"),
        ("providerMessage", "provider_message"),
        ("providerErrorCode", "provider_code"),
    ],
)
def test_the_documented_spelling_comes_first(name, attribute, other):
    """Of two fields that differ in case alone, the one in the documentation counts."""
    payload = parse(json.dumps({other(name): "other", name: "right"}).encode())
    assert getattr(payload, attribute) == "right"


BROKEN = {
    "no-closing-brace": ('{"message": "m", "requestId": "r"', ("m", "r", None)),
    "text-after-it": ('{"message": "m"} <html>', ("m", None, None)),
    "two-objects": ('{"message": "m"}{"message": "n"}', ("m", None, None)),
    "trailing-comma": ('{"message": "m",}', ("m", None, None)),
    "broken-nested": (
        '{"message": "m", "x": {"y": }, "requestId": "r"}',
        ("m", "r", None),
    ),
    "nested-fields-are-not-ours": (
        '{"x": {"message": "inner"}, "message": "m",, "y": [{"requestId": "no"}]',
        ("m", None, None),
    ),
    "invalid-escape": (r'{"message": "C:\temp\qed"}', (r"C:\temp\qed", None, None)),
    "cut-in-an-escape": ('{"message": "one\\', ("one", None, None)),
    "cut-in-a-code": ('{"message": "one\\u00e', ("one", None, None)),
    "cut-after-escaped-quote": ('{"message": "one\\"', ('one"', None, None)),
    "cut-in-a-list": ('{"message": "m", "providerMessage": [1, 2', ("m", None, None)),
    "whole-object-in-it": (
        '{"providerMessage": {"a": [1]}, "message": "m", "x"',
        ("m", None, '{"a":[1]}'),
    ),
    "number-as-key": ('{1: 2, "message": "m"', ("m", None, None)),
    "bom": ('\ufeff{"message": "m"', ("m", None, None)),
    "last-of-two-keys": ('{"message": "m", "message": "n"', ("n", None, None)),
}


@pytest.mark.parametrize(("body", "fields"), BROKEN.values(), ids=BROKEN)
def test_broken_json(body, fields):
    """Broken JSON yields the fields that can be read from it."""
    assert TAKEN(parse(body.encode()))[:3] == fields


PIECES = [
    (b'"message" : ', rb'"Gr\u00fc\u00dfe \"an\" \ud83d\ude00 \\\\ "'),
    (b'"count":', b"1234.5"),
    (b'\n"requestId":', '"5b04é😀"'.encode()),
    (b'"nested": ', b'{"message": "inner", "x": [1, {"y": "]}"}]}'),
    (b'"providerMessage":', b'"{\\"a\\": [1, 2}"'),
    (b'"nothing": ', b"null"),
    (b'"providerErrorCode": ', b"-17"),
]
ENDS = []
WHOLE = b"{"
for _key, _value in PIECES:
    WHOLE += _key + _value
    ENDS.append(len(WHOLE))
    WHOLE += b", "
WHOLE = WHOLE[:-2] + b"}"
VALUES = [json.loads(value) for _key, value in PIECES]
NAMES = [json.loads(key.strip(b" \n:")) for key, _value in PIECES]


@pytest.mark.parametrize("cut", range(len(WHOLE) + 1))
def test_cut_at_every_byte(cut):
    """A cut body keeps what was complete before the cut, and invents nothing."""
    payload = parse(WHOLE[:cut], cut=cut < len(WHOLE))
    got = dict(payload.details)
    got |= {
        "message": payload.message,
        "requestId": payload.request_id,
        "providerMessage": payload.provider_message,
        "providerErrorCode": payload.provider_code and int(payload.provider_code),
    }
    for name, value, end in zip(NAMES, VALUES, ENDS, strict=True):
        # A number is complete when something follows it.
        if cut > end or (cut == end and isinstance(value, (str, dict))):
            assert got[name] == value
        elif isinstance(value, str):
            assert value.startswith((got[name] or "").rstrip("\ufffd"))
        else:
            assert got.get(name) is None
    assert set(got) <= set(NAMES)
    assert payload.truncated is (cut < len(WHOLE))


def test_cut_request_id_is_completed_from_the_header():
    """A request id that the cut has shortened is read from the header instead."""
    headers = {"Elements-Request-Id": "5b0437c6e4b07731ae39b533"}
    payload = parse(b'{"message": "m", "requestId": "5b0437c6e4', headers)
    assert payload.request_id == "5b0437c6e4b07731ae39b533"


@pytest.mark.parametrize(
    ("body", "header", "expected", "origin"),
    [
        (b'{"requestId": "body"}', "header", "body", "platform"),
        (b'{"requestId": "body"}', None, "body", "platform"),
        (b'{"requestId": ""}', "header", "header", "platform"),
        (b'{"requestId": null}', "header", "header", "unknown"),
        (b"<html>", "header", "header", "unknown"),
        (b"{}", "", None, "unknown"),
        (b'{"requestId": ""}', None, None, "platform"),
    ],
)
def test_request_id(body, header, expected, origin):
    """The request id is the body's, else the header's; a header is no origin."""
    headers = {} if header is None else {"Elements-Request-Id": header}
    payload = parse(body, headers)
    assert payload.request_id == expected
    assert payload.origin == origin


TEXT = '{"message": "Größe 東京"}'
LATIN = '{"message": "Größe"}'
CHARSETS = {
    "utf-8": (TEXT.encode(), "application/json;charset=UTF-8", TEXT),
    "utf-8-undeclared": (TEXT.encode(), None, TEXT),
    "utf-8-declared-as-latin-1": (
        TEXT.encode(),
        "application/json; charset=ISO-8859-1",
        TEXT,
    ),
    "utf-8-with-bom": (TEXT.encode("utf-8-sig"), "application/json", TEXT),
    "utf-16-with-bom": (TEXT.encode("utf-16"), "application/json", TEXT),
    "utf-16-le": (TEXT.encode("utf-16-le"), None, TEXT),
    "utf-16-be": (TEXT.encode("utf-16-be"), None, TEXT),
    "utf-32": (TEXT.encode("utf-32"), None, TEXT),
    "latin-1": (LATIN.encode("latin-1"), "text/html; charset=latin-1", LATIN),
    "quoted": (LATIN.encode("cp1252"), 'text/plain; charset="windows-1252"', LATIN),
    "shift-jis": ("東京".encode("shift-jis"), "text/plain; charset=Shift_JIS", "東京"),
    "wrong": (LATIN.encode("latin-1"), "application/json; charset=utf-8", LATIN),
    "unknown": (LATIN.encode("latin-1"), "text/plain; charset=utf-17", LATIN),
    "no-text-codec": (LATIN.encode("latin-1"), "text/plain; charset=zlib", LATIN),
    "undeclared-latin-1": (LATIN.encode("latin-1"), "", LATIN),
}


@pytest.mark.parametrize(
    ("body", "content_type", "expected"), CHARSETS.values(), ids=CHARSETS
)
def test_charsets(body, content_type, expected):
    """The body is decoded as what it is, or as declared, or as Latin-1."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    payload = parse(body, headers)
    assert payload.text == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_character_cut_at_the_end(encoding, missing):
    """Half a character at the end is left out, and spoils nothing."""
    body = '{"message": "東京'.encode(encoding)[:-missing]
    payload = parse(body, cut=True)
    assert "�" not in payload.text
    assert "東京".startswith(payload.message)


def test_body_over_the_bound_is_cut():
    """64 KiB are kept, and what stands in them is read."""
    body = b'{"message": "m", "x": "' + b"x" * KIB_64
    payload = parse(body)
    assert len(payload.text) == KIB_64
    assert payload.truncated is True
    assert payload.message == "m"


def test_body_of_the_bound_is_whole():
    """A body of just 64 KiB is not cut."""
    payload = parse(b"x" * KIB_64)
    assert len(payload.text) == KIB_64
    assert payload.truncated is False


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
@pytest.mark.parametrize("closed", [True, False])
def test_ten_thousand_levels(opening, closed):
    """Deep nesting is no RecursionError, and what stands before it is read."""
    closing = (b"]" if opening == b"[" else b"}") * 10_000
    deep = opening * 10_000 + b"1" + closing * closed
    payload = parse(b'{"message": "m", "deep": ' + deep + b"}" * closed)
    assert payload.message == "m"


def test_field_after_ten_thousand_levels():
    """What stands after deep nesting is read too."""
    deep = b"[" * 10_000 + b"]" * 10_000
    assert parse(b'{"deep": ' + deep + b', "message": "m"}').message == "m"


@pytest.mark.parametrize("levels", [49, 50, 51, 60, 300])
def test_moderate_nesting_is_kept(levels):
    """Fifty levels stay as they are, and an ellipsis stands for what is deeper."""
    payload = parse(b'{"deep": ' + b"[" * levels + b"]" * levels + b"}")
    value, depth = payload.details["deep"], 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1
    assert depth == min(levels - 1, 50)
    assert value == ("…" if levels > 50 else [])


def test_objects_are_kept_as_deep_as_lists():
    """Fifty levels of objects stay as they are, too."""
    payload = parse(b'{"deep": ' + b'{"a":' * 50 + b"1" + b"}" * 51)
    value, depth = payload.details["deep"], 0
    while isinstance(value, dict):
        value, depth = value["a"], depth + 1
    assert (value, depth) == (1, 50)


@pytest.mark.parametrize("digits", [4300, 4301, 5000])
def test_many_digits(digits):
    """An integer that int() refuses does not hide the other fields."""
    body = b'{"message": "m", "n": ' + b"7" * digits + b', "x": "y"}'
    payload = parse(body)
    assert payload.message == "m"
    assert payload.details["x"] == "y"
    assert payload.text == body.decode()
    if digits == 4300:
        assert payload.details["n"] == int("7" * digits)


@pytest.mark.skipif(
    not hasattr(sys, "set_int_max_str_digits"), reason="no limit in this Python"
)
def test_lower_limit_of_digits():
    """A process that allows fewer digits still gets the message."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        payload = parse(b'{"n": ' + b"7" * 700 + b', "message": "m"}')
    finally:
        sys.set_int_max_str_digits(limit)
    assert payload.message == "m"


HOSTILE = {
    "backslashes": b"\\",
    "braces": b"{",
    "brackets": b"[",
    "quotes": b'"',
    "spaces": b" ",
    "digits": b"1",
    "commas": b",",
    "keys": b'"a":',
    "keys-and-minus": b'"a":-,',
    "objects": b'{"a":',
    "broken-lists": b'"a":[1,2,x],',
    "nan": b'"a":NaN,',
    "codes": b"\\u00",
    "nul": b"\x00",
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("opening", [b"", b"{", b'{"message": "'])
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_take_no_time(unit, opening):
    """64 KiB of anything are parsed in time proportional to their length."""
    body = opening + unit * (KIB_64 // len(unit))
    assert parse(body, cut=True).truncated is True


@pytest.mark.timeout(10)
def test_hostile_retry_after_takes_no_time():
    """Any number of digits is read in time proportional to their length."""
    assert parse_retry_after("1" * 4 * KIB_64 + "x") is None


NOW = 1_600_000_000  # Sunday, 13 September 2020, 12:26:40 UTC

RETRY_AFTER = {
    "absent": (None, None),
    "integer": ("120", 120.0),
    "zero": ("0", 0.0),
    "spaces": (" 7 ", 7.0),
    "decimal": ("0.5", 0.5),
    "decimal-point": ("3.", 3.0),
    "imf-fixdate": (formatdate(NOW + 90, usegmt=True), 90.0),
    "rfc-850": ("Sunday, 13-Sep-20 12:27:40 GMT", 60.0),
    "zone": ("Sun, 13 Sep 2020 14:27:40 +0200", 60.0),
    "asctime": ("Sun Sep 13 12:26:50 2020", 10.0),
    "decimal-point-first": (".5", 0.5),
    "past": ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
    "far-future": ("Fri, 31 Dec 9999 23:59:59 GMT", 251_802_300_799.0),
    "huge": ("9" * 400, float("9" * 300)),
    "more-digits-than-int-takes": ("9" * 5000, float("9" * 300)),
    "negative": ("-1", None),
    "plus": ("+1", None),
    "exponent": ("1e3", None),
    "underscore": ("1_0", None),
    "other-digits": ("١٢", None),
    "word": ("soon", None),
    "empty": ("", None),
    "nan": ("nan", None),
    "no-such-month": ("Sun, 13 Foo 2020 12:00:00 GMT", None),
    "year-out-of-range": ("Sun, 13 Sep 99999999999 12:00:00 GMT", None),
}


@pytest.fixture(params=["UTC", "America/New_York"])
def _time_zone(request, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_time_zone")
@pytest.mark.parametrize(("value", "expected"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_retry_after(value, expected, monkeypatch):
    """Seconds and the three forms of date count, in UTC; what is neither does not."""
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    assert parse_retry_after(value) == expected
    headers = {} if value is None else {"Retry-After": value}
    assert parse(b"", headers).retry_after == expected


LIMIT = 64 * 1024


@pytest.mark.parametrize("token", ["X", "XX"])
def test_a_word_without_quotes_is_no_bracket(token):
    """A broken value does not swallow the fields after it."""
    body = f'{{"a": {token}, "message": "hi", "b'.encode()
    assert ErrorPayload({}, body, Redactor()).message == "hi"


def test_half_a_character_in_a_str():
    """A str with half of a surrogate pair is no reason to raise."""
    error = error_from_parts(502, "\ud800 hello")
    assert error is not None
    assert error.text == "? hello"


@pytest.mark.parametrize(("length", "truncated"), [(LIMIT, False), (LIMIT + 1, True)])
def test_a_str_at_the_limit(length, truncated):
    """64 KiB of str are kept whole, and one character more is cut."""
    error = error_from_parts(502, "x" * length)
    assert error is not None
    assert (len(error.text), error.truncated) == (LIMIT, truncated)


@pytest.mark.parametrize(
    ("body", "message", "details"),
    [
        (b' {"message": "m", "x', "m", {}),
        (b'{"message", "requestId": "17", "x', None, {}),
        (b'{"message", : "x", "requestId": "17"', None, {}),
        (b'{: "x", "message": "m"', "m", {}),
        (b'{"a": 1, : 2, "message": "m"', "m", {"a": 1}),
        (rb'{"message": "X\qX", "x', r"X\qX", {}),
        (rb'{"message": "Gr\u00F', "Gr", {}),
    ],
    ids=[
        *("indented", "no value", "a lone colon", "no name"),
        *("no second name", "no escape", "cut in an escape"),
    ],
)
def test_what_is_left_of_broken_json(body, message, details):
    """Fields that can be read are read, and nothing is made up."""
    payload = ErrorPayload({}, body, Redactor())
    assert (payload.message, payload.details) == (message, details)


def test_retry_after_counts_from_the_date_of_the_response():
    """The clocks of the two machines may differ."""
    headers = {
        "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
        "Retry-After": "Wed, 21 Oct 2015 07:29:30 GMT",
    }
    assert error_from_parts(503, b"", headers).retry_after == 90


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (r"long: \ud83d", "long: \ufffd"),
        (r"\uDE00 first", "\ufffd first"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\ude00\ude00", "😀\ufffd"),
        (r"\uD83D\uDE00 and \u00fc", "😀 and ü"),
    ],
)
@pytest.mark.parametrize("end", ['"}', '"', ""], ids=["whole", "open", "cut"])
def test_half_an_emoji(sent, read, end):
    """Services cut a text between its two escapes; what is read can be encoded."""
    body = f'{{"requestId": "r1", "details": ["{sent}"], "message": "{sent}{end}'
    error = error_from_parts(400, body)
    assert error.message == read
    assert error.details["details"] == [read]
    json.dumps(error.to_dict(), ensure_ascii=False).encode()
    assert error.text == body
