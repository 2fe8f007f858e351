"""The exceptions: their attributes, their words, and how they travel."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import random
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from inspect import get_annotations

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from cloud_elements_errors import (
    Attempt,
    CloudElementsError,
    ConflictError,
    NotFoundError,
    UnlistedStatusError,
    error_from_parts,
    error_from_response,
    exceptions,
    raise_for_error,
)
from cloud_elements_errors._errors.build import error_from_payload
from cloud_elements_errors._errors.line import attempt_line, why_stopped
from cloud_elements_errors._errors.payload import parse_payload
from cloud_elements_errors._errors.redaction import Redactor

CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]
LEAVES = [cls for cls in CLASSES if cls is not CloudElementsError]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
LIMIT = 128 * 1024

URL = "https://api.cloud-elements.com/elements/api-v2/contacts?where=id%3D1"
BODY = {
    "message": "Größe: no such field",
    "requestId": "5b0437c6e4b07731ae39b533",
    "providerMessage": "Field 'size' is unknown",
    "providerErrorCode": "E17",
    "fields": ["size", {"deep": [1, 2.5, None, True]}],
}


def make_response(status, body=b"", *, url=URL, content_type="application/json"):
    request = requests.Request(
        "POST", url, json={"a": 1}, headers={"X-Client": "tests"}
    ).prepare()
    response = requests.Response()
    response.status_code = status
    response.reason = "Reason"
    response.url = request.url
    response.request = request
    response.headers = CaseInsensitiveDict(
        {"Content-Type": content_type, "Retry-After": "7"}
    )
    response.elapsed = timedelta(seconds=0.25)
    response._content = body
    return response


def make_error(cls=ConflictError, body=None):
    status = cls.status_code or 429
    content = json.dumps(BODY if body is None else body).encode()
    response = make_response(status, content)
    return error_from_payload(
        status,
        parse_payload(response.headers, content),
        Redactor(response.request.headers, URL),
        reason=response.reason,
        method="POST",
        url=URL,
        earlier=(Attempt(1, 502, "r1", "busy", None, 0.5), Attempt(2, error="reset")),
        stopped_by="attempts",
        response=response,
    )


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
def test_exception_round_trips(cls, way):
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


def test_copy_keeps_the_response_and_deepcopy_does_not_share():
    """A copy has the same response; a deep copy shares nothing that changes."""
    error = make_error()
    assert copy.copy(error).response is error.response
    deep = copy.deepcopy(error)
    deep.details["fields"].append("more")
    assert error.details["fields"] == BODY["fields"]
    assert deep.response is not error.response


def test_attributes_of_the_users_travel():
    """What somebody adds to an error, a note included, goes with it."""
    error = make_error()
    error.record = {"id": 17}
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.record == {"id": 17}


def test_response_without_a_request_travels():
    """A response that was made by hand has no request, and needs none."""
    response = make_response(409, b"{}")
    response.request = None
    error = pickle.loads(pickle.dumps(error_from_response(response)))
    assert error.request is None
    assert error.response.json() == {}
    assert error.response.request is None


@pytest.mark.parametrize("reason", [None, "", b"Conflit \xe9"])
def test_odd_reasons_travel(reason):
    """A response with no reason, or with one of bytes, travels."""
    response = make_response(420, b"{}")
    response.reason = reason
    error = pickle.loads(pickle.dumps(error_from_response(response)))
    assert error.response.reason == ("Conflit é" if reason else "")
    assert error.title == ("Conflit é" if reason else "Unlisted Status")
    assert error.reason == ("Conflit é" if reason else None)


def test_response_that_has_travelled_is_read_as_it_was_declared():
    """The text of UTF-16 is the same text afterwards."""
    body = json.dumps(BODY, ensure_ascii=False).encode("utf-16")
    response = make_response(409, body, content_type="application/json;charset=utf-16")
    error = error_from_response(response)
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.response.text == error.text == body.decode("utf-16")
    assert travelled.response.json() == BODY


def test_body_and_query_of_the_request_stay_at_home():
    """What was sent is nobody's business in another process."""
    error = make_error()
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.request.body is None
    assert travelled.request.url == travelled.url == URL.partition("?")[0]
    assert error.request.body == b'{"a": 1}'
    assert error.request.url == URL


def test_process_pool():
    """An error that was raised in another process arrives as it is."""
    response = make_response(409, json.dumps(BODY).encode())
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
def test_pickle_stays_small(body, protocol):
    """No body makes an error of more than 128 KiB, with 100 attempts before it."""
    response = make_response(502, body)
    response.headers.update({f"X-{n}" * 9: "v" * 90 for n in range(90)})
    payload = parse_payload({}, body)
    text = payload.provider_message or payload.text
    error = error_from_payload(
        502,
        payload,
        Redactor(),
        method="GET",
        url=URL,
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
def test_pickle_stays_small_with_huge_headers(protocol):
    """Headers of any size, names included, are cut before the limit breaks."""
    response = make_response(409, b'{"message": "m"}')
    response.headers.update({f"{n}" + "n" * 60_000: "v" * 60_000 for n in range(20)})
    error = error_from_response(response)
    pickled = pickle.dumps(error, protocol)
    assert len(pickled) < LIMIT
    assert pickle.loads(pickled).message == "m"


def test_error_of_moderate_size_travels_whole():
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


# Words.


STOPPED = {
    "status": "the policy does not retry this status.",
    "method": "a repeated POST could do its work twice.",
    "body": "the request body cannot be sent a second time.",
    "attempts": "no retries left.",
    "certificate": "the server's certificate was refused.",
    "deadline": "the next attempt would start after the time limit for retries.",
    "budget": "the retry budget has too few tokens left, because too many requests to "
    "this host failed in the last seconds.",
    "retry_after": "the server asks to wait 7 s, longer than the policy allows.",
}


def test_line():
    """The line has all that it takes to act on it, and to ask somebody."""
    assert str(make_error()) == (
        "409 Conflict: Größe: no such field | provider: Field 'size' is unknown"
        " | code: E17 | request id: 5b0437c6e4b07731ae39b533 | attempts: 3"
        " | POST /elements/api-v2/contacts"
    )


LINES = {
    "nothing": (400, b"", {}, "400 Bad Request"),
    "message": (
        404,
        b'{"message": "No users found"}',
        {},
        "404 Not Found: No users found",
    ),
    "provider": (
        502,
        b'{"providerMessage": "reset"}',
        {},
        "502 Failed Request | provider: reset",
    ),
    "html": (
        503,
        b"<html>\n<h1>503</h1>\n<hr>nginx</html>\n",
        {},
        "503 Service Unavailable: nginx",
    ),
    "method": (405, b"", {"method": "PUT"}, "405 Method Not Allowed | PUT"),
    "url": (405, b"", {"url": "http://h"}, "405 Method Not Allowed"),
    "path": (405, b"", {"url": "/a?b"}, "405 Method Not Allowed | /a"),
    "request-id": (500, b'{"requestId": "r"}', {}, "500 Server Error | request id: r"),
    "reason": (
        415,
        b"",
        {"reason": "Expected 'text/xml'"},
        "415 Unsupported Media Type: Expected 'text/xml'",
    ),
    "code": (
        400,
        b'{"message": "m", "providerErrorCode": 17, "requestId": "r"}',
        {},
        "400 Bad Request: m | code: 17 | request id: r",
    ),
    "title-twice": (409, b'{"message": "Conflict"}', {}, "409 Conflict"),
    "other-json": (409, b'{"error": "x"}', {}, "409 Conflict: x"),
    "tag-that-never-ends": (409, b"<p>a < b", {}, "409 Conflict: a < b"),
    "long": (
        409,
        json.dumps({"message": "x" * 600}).encode(),
        {},
        "409 Conflict: " + "x" * 499 + "…",
    ),
}


@pytest.mark.parametrize(("status", "body", "call", "line"), LINES.values(), ids=LINES)
def test_lines(status, body, call, line):
    """What is missing leaves no trace in the line."""
    assert str(error_from_parts(status, body, **call)) == line


@pytest.mark.parametrize("reason", [None, *STOPPED])
def test_a_refused_retry_is_in_the_line(reason):
    """A log of the line alone says that a retry was wanted, and why there was none."""
    error = error_from_payload(
        502,
        parse_payload({}, b'{"requestId": "r"}'),
        Redactor(),
        method="POST",
        url="http://h/p",
        earlier=(Attempt(1, 502),),
        stopped_by=reason,
    )
    shown = {"body", "certificate", "deadline", "budget", "retry_after"}
    stopped = f" | stopped by: {reason}" if reason in shown else ""
    assert str(error) == (
        f"502 Failed Request | request id: r | attempts: 2{stopped} | POST /p"
    )


EMPTY = {
    "No users found": True,
    "no Contacts found.": True,
    " No instances found \n": True,
    "No account found with ID 123456": False,
    "No found": False,
    "None found": False,
    "Not found": False,
    "No users": False,
    "Found no users found": False,
    "": False,
}


@pytest.mark.parametrize(("message", "empty"), EMPTY.items())
def test_empty_result(message, empty):
    """A 404 whose message reads "No … found" is an empty list."""
    error = error_from_parts(404, json.dumps({"message": message}))
    assert error.is_empty_result is empty


def test_no_message_is_no_empty_result():
    """A 404 that says nothing is a resource that does not exist."""
    assert NotFoundError().is_empty_result is False


@pytest.mark.parametrize("cls", LEAVES)
def test_to_dict(cls):
    """The dictionary is JSON, and has every attribute but response and request."""
    error = make_error(cls)
    content = error.to_dict()
    assert list(content) == ["type", *ATTRIBUTES]
    assert content["type"] == cls.__name__
    attempts = [attempt._asdict() for attempt in error.attempts]
    expected = attributes(error) | {"attempts": attempts, "details": error.details}
    assert content == {"type": cls.__name__} | {n: expected[n] for n in ATTRIBUTES}
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_details_are_read_only():
    """The details cannot be changed by accident."""
    error = make_error()
    with pytest.raises(TypeError, match="does not support item assignment"):
        error.details["a"] = 1
    error.to_dict()["details"]["a"] = 1
    assert "a" not in error.details


def test_what_to_dict_returns_is_the_callers():
    """What a log processor changes in it, however deep, is not changed in the error."""
    error = ConflictError(details={"errors": [{"field": "name"}]})
    error.to_dict()["details"]["errors"][0].clear()
    assert error.details == {"errors": [{"field": "name"}]}


@pytest.mark.parametrize(("reason", "sentence"), STOPPED.items())
def test_why_stopped(reason, sentence):
    """Each reason to stop is a sentence."""
    error = make_error()
    error.stopped_by = reason
    assert why_stopped(error) == f"Gave up after 3 attempts: {sentence}"


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("GET", "the policy does not retry GET."),
        ("PATCH", "a repeated PATCH could do its work twice."),
        ("post", "a repeated post could do its work twice."),
    ],
)
def test_a_method_that_the_policy_excludes(method, why):
    """A repeated GET does no harm, so the reason is the policy."""
    error = UnlistedStatusError(stopped_by="method", method=method)
    assert why_stopped(error) == f"Not retried: {why}"


def test_why_stopped_after_one_attempt():
    """Nothing is said where no policy decided; one attempt was not retried."""
    error = error_from_parts(409)
    assert why_stopped(error) is None
    error.stopped_by = "status"
    assert why_stopped(error) == "Not retried: the policy does not retry this status."
    error.attempts *= 2
    assert why_stopped(error) == (
        "Gave up after 2 attempts: the policy does not retry this status."
    )


ATTEMPT_LINES = {
    "answer": (
        Attempt(1, 502, "r", "busy", None, 0.5),
        "  attempt 1: 502 | provider: busy | request id: r | waited 0.50 s",
    ),
    "failure": (Attempt(2, error="reset\n"), r"  attempt 2: reset\n"),
    "bare": (Attempt(3, 500), "  attempt 3: 500"),
}


@pytest.mark.parametrize(("attempt", "line"), ATTEMPT_LINES.values(), ids=ATTEMPT_LINES)
def test_attempt_line(attempt, line):
    """An attempt is one line, without what it lacks."""
    assert attempt_line(attempt) == line


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no notes")
def test_notes():
    """The traceback adds what to do, why it stopped, and the attempts."""
    error = make_error()
    assert error.__notes__ == [
        error.remedy,
        "Gave up after 3 attempts: no retries left.",
        "An earlier attempt may have done this already, although it failed.",
        "  attempt 1: 502 | provider: busy | request id: r1 | waited 0.50 s",
        "  attempt 2: reset",
        attempt_line(error.attempts[-1]),
    ]
    assert error_from_parts(409).__notes__ == [error.remedy]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no notes")
def test_notes_do_not_tell_the_obvious():
    """That a status is not retried is said of a retried call alone."""
    for earlier, notes in (((), 1), ((Attempt(1, 502),), 4)):
        error = error_from_payload(
            409,
            parse_payload({}, b""),
            Redactor(),
            earlier=earlier,
            stopped_by="status",
        )
        assert len(error.__notes__) == notes


# Making one.


@pytest.mark.parametrize("cls", CLASSES)
def test_it_is_an_http_error_of_requests(cls):
    """Existing code that catches requests' errors catches these."""
    with pytest.raises(requests.HTTPError, match="a line") as caught:
        raise cls("a line")
    assert caught.value.args == ("a line",)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno is None


@pytest.mark.parametrize("cls", CLASSES)
def test_frameworks_rebuild_it_from_its_args(cls):
    """``type(e)(*e.args)`` keeps the type and the text."""
    error = cls("a line", message="m")
    assert str(type(error)(*error.args)) == "a line"


def test_defaults():
    """Nothing is required, and nothing is invented."""
    error = CloudElementsError()
    assert error.to_dict() == {
        "type": "CloudElementsError",
        "status_code": 0,
        "title": "Unlisted Status",
        "description": "",
        "remedy": error.remedy,
        "message": None,
        "request_id": None,
        "provider_message": None,
        "provider_code": None,
        "origin": "unknown",
        "details": {},
        "text": "",
        "truncated": False,
        "reason": None,
        "method": None,
        "url": None,
        "attempts": [],
        "stopped_by": None,
        "retry_after": None,
        "retryable": False,
    }
    assert error.response is None
    assert error.request is None


def test_status_of_a_class_cannot_be_changed():
    """A class that stands for a status takes no other; the rest take any."""
    with pytest.raises(ValueError, match="ConflictError stands for status 409, not 4"):
        ConflictError(status_code=404)
    assert ConflictError(status_code=409).status_code == 409
    assert UnlistedStatusError(status_code=429).status_code == 429


@pytest.mark.parametrize(
    ("args", "kwargs"), [(("a", "b"), {}), ((), {"line": "a"}), ((), {"mesage": "a"})]
)
def test_unknown_arguments(args, kwargs):
    """One positional argument, and no unknown keyword."""
    with pytest.raises(TypeError, match="argument"):
        CloudElementsError(*args, **kwargs)


def test_request_is_taken_from_the_response():
    """As on every HTTPError of requests."""
    response = make_response(409)
    assert ConflictError("x", response=response).request is response.request


def test_a_reason_to_stop_is_one_of_the_list():
    """A misspelt reason would fail later, when somebody reads the notes."""
    with pytest.raises(ValueError, match="stopped_by must be one of status, method"):
        UnlistedStatusError("line", stopped_by="x")


@pytest.mark.parametrize("cls", CLASSES)
def test_type_hints(cls):
    """Tools that read annotations find them, though the classes say another module."""
    assert get_annotations(cls, eval_str=True).keys() == get_annotations(cls).keys()


def test_every_attribute_can_be_given():
    """The constructor keeps each argument, and shows what str() and notes need."""
    request = requests.Request("PUT", "https://api.example/x").prepare()
    given = {
        "message": "m",
        "request_id": "r",
        "provider_message": "p",
        "provider_code": "c",
        "origin": "provider",
        "details": {"d": 1},
        "text": "t",
        "truncated": True,
        "reason": "Full Disk",
        "method": "PUT",
        "url": "https://api.example/x",
        "attempts": (Attempt(1, 507),),
        "stopped_by": "status",
        "retry_after": 2.5,
        "request": request,
    }
    error = UnlistedStatusError("line", status_code=507, title="Full", **given)
    assert {name: getattr(error, name) for name in given} == given
    assert (error.status_code, error.title) == (507, "Full")
    assert (str(error), error.args, error._notes) == ("line", ("line",), [])


def test_repr_of_an_error():
    """The repr is what the class was called with, as for any exception."""
    error = error_from_parts(409)
    assert repr(error) == "ConflictError('409 Conflict')"
    changed = copy.copy(error)
    changed.args = ("one", 2)
    assert repr(changed) == "ConflictError('one', 2)"


@pytest.mark.parametrize(
    "cls", [CloudElementsError, *CloudElementsError.__subclasses__()]
)
def test_a_class_is_shown_as_users_import_it(cls: type[CloudElementsError]) -> None:
    """In its repr, in tracebacks and in pickles."""
    name = f"cloud_elements_errors.{cls.__name__}"
    assert repr(cls) == f"<class '{name}'>"
    last = traceback.format_exception_only(cls, cls("a line"))[0]
    assert last == f"{name}: a line\n"
    pickled = pickle.dumps(cls("a line"), 0)
    assert b"cloud_elements_errors\n" + cls.__name__.encode() in pickled
    # As 1.0 wrote it
    old = pickled.replace(
        b"cloud_elements_errors\n", b"cloud_elements_errors._errors.classes\n"
    )
    assert type(pickle.loads(old)) is cls
