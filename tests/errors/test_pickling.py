"""An error in a pickle: it keeps what it can, and stays small."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import random
from concurrent.futures import ProcessPoolExecutor

import pytest
import requests

from cloud_elements_errors import (
    Attempt,
    CloudElementsError,
    UnlistedStatusError,
    error_from_parts,
    error_from_response,
    exceptions,
    raise_for_error,
)
from cloud_elements_errors._errors.build import error_from_payload
from cloud_elements_errors._errors.payload import ErrorPayload
from cloud_elements_errors._errors.pickling import _shortened
from cloud_elements_errors._errors.redaction import Redactor

CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]
LEAVES = [cls for cls in CLASSES if cls is not CloudElementsError]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
LIMIT = 128 * 1024


ATTRIBUTES = [
    *("status_code", "title", "description", "remedy", "message", "request_id"),
    *("provider_message", "provider_code", "origin", "details", "text", "truncated"),
    *("reason", "method", "url", "attempts", "stopped_by", "retry_after", "retryable"),
]


def attributes(error):
    return {name: getattr(error, name) for name in ATTRIBUTES} | {
        "type": type(error),
        "args": error.args,
        "line": str(error),
        "notes": getattr(error, "__notes__", None),
        "dict": error.to_dict(),
    }


def response_of(error):
    response, request = error.response, error.request
    return {
        "status_code": response.status_code,
        "reason": response.reason,
        "url": response.url.partition("?")[0],
        "headers": response.headers,
        "header": response.headers["content-TYPE"],
        "text": response.text,
        "json": response.json(),
        "elapsed": response.elapsed,
        "ok": response.ok,
        "method": request.method,
        "request_url": request.url.partition("?")[0],
        "request_headers": request.headers,
        "request": response.request is request,
    }


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "reduce": lambda error: _rebuilt(error.__reduce__()),
    **{
        f"pickle-{protocol}": lambda error, protocol=protocol: pickle.loads(
            pickle.dumps(error, protocol)
        )
        for protocol in PROTOCOLS
    },
    "python-pickle": lambda error: pickle._loads(pickle._dumps(error)),
    "twice": lambda error: pickle.loads(
        pickle.dumps(pickle.loads(pickle.dumps(error)))
    ),
}


def _rebuilt(reduced):
    make, args, state = reduced
    error = make(*args)
    error.__setstate__(state)
    return error


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("cls", LEAVES)
def test_exception_round_trips(cls, way, make_error):
    """Every exception keeps every attribute, its notes, and a usable response."""
    error = make_error(cls)
    assert type(error) is cls
    travelled = way(error)
    assert attributes(travelled) == attributes(error)
    assert response_of(travelled) == response_of(error)
    assert travelled is not error


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("cls", CLASSES)
def test_bare_exception_round_trips(cls, way):
    """An exception that somebody made by hand travels as well."""
    error = cls("a line", message="m", details={"a": [1]})
    travelled = way(error)
    assert attributes(travelled) == attributes(error)
    assert travelled.response is None
    assert travelled.request is None


def test_copy_keeps_the_response_and_deepcopy_does_not_share(make_error, full_body):
    """A copy has the same response; a deep copy shares nothing that changes."""
    error = make_error()
    assert copy.copy(error).response is error.response
    deep = copy.deepcopy(error)
    deep.details["fields"].append("more")
    assert error.details["fields"] == full_body["fields"]
    assert deep.response is not error.response


def test_attributes_of_the_users_travel(make_error):
    """What somebody adds to an error, a note included, goes with it."""
    error = make_error()
    error.record = {"id": 17}
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.record == {"id": 17}


def test_response_without_a_request_travels(make_response):
    """A response that was made by hand has no request, and needs none."""
    response = make_response(409, b"{}")
    response.request = None
    error = pickle.loads(pickle.dumps(error_from_response(response)))
    assert error.request is None
    assert error.response.json() == {}
    assert error.response.request is None


@pytest.mark.parametrize("reason", [None, "", b"Conflit \xe9"])
def test_odd_reasons_travel(reason, make_response):
    """A response with no reason, or with one of bytes, travels."""
    response = make_response(420, b"{}")
    response.reason = reason
    error = pickle.loads(pickle.dumps(error_from_response(response)))
    assert error.response.reason == ("Conflit é" if reason else "")
    assert error.title == ("Conflit é" if reason else "Unlisted Status")
    assert error.reason == ("Conflit é" if reason else None)


def test_response_is_read_as_it_was_declared_also_afterwards(make_response, full_body):
    """The text of UTF-16 is the same text afterwards."""
    body = json.dumps(full_body, ensure_ascii=False).encode("utf-16")
    response = make_response(409, body, content_type="application/json;charset=utf-16")
    error = error_from_response(response)
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.response.text == error.text == body.decode("utf-16")
    assert travelled.response.json() == full_body


def test_body_and_query_of_the_request_stay_at_home(make_error):
    """What was sent is nobody's business in another process."""
    error = make_error()
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.request.body is None
    assert travelled.request.url == travelled.url == error.url
    assert error.request.body == b'{"a": 1}'
    assert error.request.url == f"{error.url}?where=id%3D1"


def test_process_pool(make_response, full_body):
    """An error that was raised in another process arrives as it is."""
    response = make_response(409, json.dumps(full_body).encode())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        raised = pool.submit(raise_for_error, response).exception()
    here = error_from_response(response)
    assert attributes(raised) == attributes(here)
    assert response_of(raised) == response_of(here)


RANDOM = random.Random(17)
WORST = {
    "floats": b'{"x":[' + b",".join(b"%.3f" % RANDOM.random() for _ in range(10_000)),
    "whole-floats": b'{"x":['
    + b",".join(b"%.3f" % RANDOM.random() for _ in range(10_000))
    + b'],"message":"m"}',
    "small-lists": b'{"x":[' + b"[],{}," * 10_000 + b"1]}",
    "keys": json.dumps({f"key{number}": number for number in range(3500)}).encode(),
    "invalid-utf-8": b"\xff" * 65536,
    "provider-text": json.dumps({"providerMessage": "x" * 65500}).encode(),
    "message-and-provider-text": json.dumps(
        {"message": "y" * 32000, "providerMessage": "x" * 32000}
    ).encode(),
    "three-bytes-a-character": '{"message":"東京'.encode() * 3,
    "east-asian": ('{"message":"' + "東" * 21_000 + '"}').encode(),
    "control-characters": b'{"message":"' + b"\x01" * 65000 + b'"}',
    "backslashes": b'{"message":"' + b"\\\\" * 32000 + b'"}',
    "latin": b'{"message":"' + "é".encode() * 32000,
    "emoji": ('{"providerMessage":"' + "😀" * 16000).encode(),
    "long-key": b'{"' + b"k" * 65000 + b'": 1}',
    "zeros": bytes(65536),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("body", WORST.values(), ids=WORST)
def test_pickle_stays_small(body, protocol, make_response):
    """No body makes an error of more than 128 KiB, with 100 attempts before it."""
    response = make_response(502, body)
    response.headers.update({f"X-{n}" * 9: "v" * 90 for n in range(90)})
    payload = ErrorPayload({}, body, Redactor())
    text = payload.provider_message or payload.text
    error = error_from_payload(
        502,
        payload,
        method="GET",
        url=response.url,
        earlier=tuple(
            Attempt(number, 502, f"r{number}", f"{number}{text[:500]}", None, 0.5)
            for number in range(1, 100)
        ),
        stopped_by="attempts",
        response=response,
    )
    pickled = pickle.dumps(error, protocol)
    travelled = pickle.loads(pickled)
    assert len(pickled) < LIMIT
    assert str(travelled) == str(error)
    assert len(travelled.attempts) == 100
    assert travelled.response.headers["x-7" * 9].startswith("v" * 40)
    assert error.text.startswith(travelled.text)
    assert travelled.response.text == travelled.text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pickle_stays_small_with_huge_headers(protocol, make_response):
    """Headers of any size, names included, are cut before the limit breaks."""
    response = make_response(409, b'{"message": "m"}')
    response.headers.update({f"{n}" + "n" * 60_000: "v" * 60_000 for n in range(20)})
    error = error_from_response(response)
    pickled = pickle.dumps(error, protocol)
    assert len(pickled) < LIMIT
    assert pickle.loads(pickled).message == "m"


def test_error_of_moderate_size_travels_whole(make_error):
    """What is below the limit is not touched."""
    body = {"message": "m" * 20_000, "x": list(range(5000))}
    error = make_error(body=body)
    travelled = pickle.loads(pickle.dumps(error))
    assert attributes(travelled) == attributes(error)
    assert travelled.truncated is False


def test_details_go_before_the_text_does():
    """Too large a body loses its parsed details first: its text has them too."""
    body = b'{"message": "m", "x": [' + b",".join([b"0.5"] * 15_000) + b"]}"
    error = error_from_parts(409, body)
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.details == {}
    assert travelled.truncated is True
    assert travelled.message == "m"
    assert travelled.text == error.text


@pytest.mark.parametrize(
    ("attempts", "sent", "kept"),
    [
        (1, 60_000, 60_000),
        (1, 130_000, 64 * 1024),
        (7, 20_000, 16 * 1024),
        (100, 2_000, 1024),
        (900, 2_000, 100),
        (1_700, 2_000, 40),
    ],
)
def test_how_long_a_text_in_a_pickle_is(attempts, sent, kept):
    """Each step keeps as much of each text as fits into 120 KiB."""
    past = [Attempt(1, 502, provider_message="x" * sent) for _ in range(attempts)]
    pickled = pickle.dumps(UnlistedStatusError("line", attempts=past))
    assert len(pickled) < 121 * 1024
    for attempt in pickle.loads(pickled).attempts:
        assert attempt.provider_message == "x" * kept


def test_a_response_made_by_hand_in_a_pickle():
    """It may have no URL, and its text what no encoding allows."""
    made = requests.Response()
    made.request = requests.PreparedRequest()
    made.request.headers = {}
    error = UnlistedStatusError(text="\ud800", response=made)
    assert str(error) == ""
    again = pickle.loads(pickle.dumps(error))
    assert (again.response.url, again.request.url) == ("", "")
    assert (again.response.text, again.response.encoding) == ("?", "utf-8")


def test_no_secret_of_an_error_made_by_hand():
    """It has no redactor, but its request says what is secret."""
    response = requests.Response()
    response.status_code, response.reason = 401, "No a1b2c3d4e5, no f6g7h8i9j0"
    response.headers["X-Echo"] = "a1b2c3d4e5 and f6g7h8i9j0"
    response.url = "https://api.example/a"
    response.request = requests.Request(
        "GET",
        "https://api.example/a?token=f6g7h8i9j0",
        headers={"Authorization": "Bearer a1b2c3d4e5"},
    ).prepare()
    pickled = pickle.dumps(UnlistedStatusError("No.", response=response))
    assert b"a1b2c3d4e5" not in pickled
    assert b"f6g7h8i9j0" not in pickled
    reason = pickle.loads(pickled).response.reason
    assert reason == "No [redacted], no [redacted]"


def test_what_is_cut_for_a_pickle():
    """Texts are cut, also within tuples, and nothing else is lost."""
    attempt = Attempt(1, 502, "id", "long text", None, 0.5)
    cut = _shortened({"attempts": (attempt,), "args": ["text", 5]}, 2)
    short = Attempt(1, 502, "id", "lo", None, 0.5)
    assert cut == {"at": (short,), "ar": ["te", 5]}
