"""Properties that hold for any answer: any status, any headers, any bytes."""

from __future__ import annotations

import copy
import html
import json
import pickle
from urllib.parse import quote

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_elements_errors import (
    CloudElementsError,
    error_from_parts,
    error_from_response,
)
from cloud_elements_errors._errors.classes import CLASSES, UnlistedStatusError
from cloud_elements_errors._errors.line import printable
from cloud_elements_errors._errors.payload import ErrorPayload, parse_retry_after
from cloud_elements_errors._errors.redaction import REDACTED, Redactor
from cloud_elements_errors._errors.secrets import kind_of

QUICK = settings(max_examples=100, deadline=None)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["message", "Message", "requestId", "providerMessage", "providerErrorCode", "x"]
)
OBJECTS = st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=6)
ENCODINGS = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
CHARS = st.characters()  # lone surrogates too


@st.composite
def bodies(draw):
    """Draw bytes: of any kind, or JSON that is encoded, cut and spoilt."""
    kind = draw(st.sampled_from(["bytes", "json", "text"]))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "text":
        text = draw(st.text('{}[]":,\\ue019-. \n\x00NaIntruefals', max_size=60))
    else:
        text = json.dumps(draw(OBJECTS), ensure_ascii=draw(st.booleans()))
    body = text.encode(draw(ENCODINGS), "replace")
    if draw(st.booleans()):
        body = body[: draw(st.integers(0, len(body)))]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(st.binary(max_size=3)) + body[place:]
    return body


HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "content-type", "Elements-Request-Id", "Retry-After", "X"]
    )
    | st.text(max_size=5),
    st.text(max_size=30)
    | st.binary(max_size=10)
    | st.sampled_from(
        [
            "application/json; charset=utf-16",
            "text/html; charset='",
            "charset=utf-7",
            "Sun, 13 Sep 2020 12:26:40 GMT",
            "Sun, 00 Xxx 0000 99:99:99 +9999",
            "1" * 400,
        ]
    ),
    max_size=4,
)
STATUSES = st.integers(400, 599) | st.integers(400, 10**6)


def check(error, status):
    """Check what holds for each error."""
    assert type(error) is CLASSES.get(status, UnlistedStatusError)
    assert isinstance(error, CloudElementsError)
    assert error.status_code == status
    assert str(error).isprintable()
    assert str(error).startswith(f"{status} ")
    content = error.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    for way in (copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))):
        travelled = way(error)
        assert type(travelled) is type(error)
        assert travelled.args == error.args
        assert travelled.to_dict() == content


@QUICK
@given(STATUSES, bodies(), HEADERS)
def test_any_answer_is_an_error_of_the_right_class(status, body, headers):
    """error_from_parts never raises, and its error prints, copies and travels."""
    error = error_from_parts(status, body, headers, method="GET", url="http://h/p")
    check(error, status)


@QUICK
@given(STATUSES, st.text(CHARS, max_size=50), st.text(CHARS, max_size=20))
def test_any_text_and_any_url(status, body, url):
    """Neither text with lone surrogates nor a URL that is none does any harm."""
    check(error_from_parts(status, body, url=url, method=url), status)


@QUICK
@given(st.integers(max_value=399), bodies(), HEADERS)
def test_no_answer_below_400_is_an_error(status, body, headers):
    """Below 400 there is no error, whatever the answer says."""
    assert error_from_parts(status, body, headers) is None


@QUICK
@given(STATUSES, bodies(), st.dictionaries(st.text(max_size=5), st.text(max_size=20)))
def test_any_response_is_an_error_that_travels(status, body, headers):
    """So it is with a response of requests, whose text travels with the error."""
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    response.request = requests.Request("GET", "http://h/p").prepare()
    response._content = body
    error = error_from_response(response)
    check(error, status)
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.response.content == error.text.encode("utf-8", "replace")
    assert travelled.response.status_code == status
    assert travelled.response.headers.keys() == response.headers.keys()


@QUICK
@given(OBJECTS)
def test_no_field_is_lost(fields):
    """Each field of a JSON object is in the payload or in its details."""
    body = json.dumps(fields).encode()
    payload = ErrorPayload({}, body, lambda text, **_: text)  # it has no secrets
    taken = {
        payload.message,
        payload.request_id,
        payload.provider_message,
        payload.provider_code,
    }
    for name, value in fields.items():
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert (
            payload.details.get(name, NotImplemented) == value
            or value in (None, "")
            or (value if isinstance(value, str) else text) in taken
        )


@QUICK
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20)), st.data())
def test_a_cut_object_keeps_a_beginning(fields, data):
    """What a cut object yields are its first fields, the last maybe shortened."""
    body = json.dumps({"first": "1", **fields})
    cut = data.draw(st.integers(13, len(body)))
    payload = ErrorPayload({}, body[:cut].encode(), Redactor(), cut=True)
    details = payload.details
    assert details["first"] == fields.get("first", "1")[: len(details["first"])]
    for name in list(details)[:-1]:
        # hypothesis may name one "SECRET"
        shown = {REDACTED} if kind_of(name) else set()
        assert details[name] in {{"first": "1", **fields}[name], *shown}


@QUICK
@given(st.text(max_size=40) | st.text("0123456789.-+eE ", max_size=20))
@example("1" * 5000)
def test_any_retry_after_is_seconds_or_nothing(value):
    """A Retry-After is a finite number of seconds, not below 0, or is ignored."""
    seconds = parse_retry_after(value)
    assert seconds is None or 0 <= seconds < float("inf")


@QUICK
@given(st.text(CHARS))
def test_printable_is_printable(text):
    """No text gets a line break, an escape or a bidirectional override printed."""
    assert printable(text).isprintable()
    assert printable(text, 10).isprintable()


SECRETS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\\%&[]"),
    min_size=8,
    max_size=30,
)
AROUND = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ESCAPES = {
    "raw": str,
    "percent": lambda text: quote(text, safe=""),
    "json": lambda text: json.dumps(text)[1:-1],
    "html": html.escape,
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
@QUICK
@given(SECRETS, AROUND, AROUND)
def test_any_secret_is_removed(escape, secret, before, after):
    """A secret of any characters is found in any text."""
    redact = Redactor(None, f"https://h/?password={quote(secret, safe='')}")
    cleaned = redact(f"{before} {escape(secret)} {after}")
    assert secret not in cleaned.replace(before, "").replace(after, "")
    assert REDACTED in cleaned


@QUICK
@given(AROUND, st.binary(max_size=60))
def test_text_without_the_secret_stays(text, noise):
    """Where neither the secret is nor what looks like one, nothing changes."""
    redact = Redactor(None, "https://h/?token=ZZZZ~YYYY~XXXX")
    noisy = text + noise.decode("latin-1")
    assert redact(noisy) == Redactor()(noisy)


@QUICK
@given(st.text(CHARS), st.text(CHARS, max_size=30), st.booleans())
def test_redaction_is_total(text, secret, cut):
    """Any text and any credentials are taken, lone surrogates included."""
    headers = {"Authorization": f"User {secret}", "Cookie": f"a={secret}; b"}
    redact = Redactor(headers, f"https://{secret}@h/?key={secret}")
    assert isinstance(redact(text + secret, cut=cut), str)
