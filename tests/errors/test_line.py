"""The line and the notes of an error: what they say, and when they are made."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import cloud_elements_errors
from cloud_elements_errors import (
    Attempt,
    CloudElementsSession,
    ConflictError,
    UnlistedStatusError,
    error_from_parts,
    error_from_response,
)
from cloud_elements_errors._errors.build import error_from_payload
from cloud_elements_errors._errors.line import (
    attempt_line,
    error_line,
    printable,
    why_stopped,
)
from cloud_elements_errors._errors.payload import ErrorPayload
from cloud_elements_errors._errors.redaction import Redactor
from cloud_elements_errors.testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def why(error):
    return why_stopped(
        error.attempts, error.stopped_by, error.method, error.retry_after
    )


@pytest.mark.parametrize("part", ["title", "request_id", "url"])
def test_a_long_part_is_cut_in_the_line(part):
    """500 characters of each part are enough for people."""
    error = UnlistedStatusError(status_code=507, **{part: "x" * 2_000})
    assert "x" * 499 + "…" in error_line(error) + " "
    assert "x" * 500 not in error_line(error)


def test_two_attempts_are_counted_in_the_line():
    """One attempt is not worth a word."""
    past = (Attempt(1, 502), Attempt(2, 507))
    assert "attempts: 2" in error_line(UnlistedStatusError(attempts=past))
    assert "attempts" not in error_line(UnlistedStatusError(attempts=past[:1]))


UNPRINTABLE = {
    "line-break": ("a\nb\r\n", r"a\nb\r\n"),
    "ansi": ("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m"),
    "nul": ("\x00\x08\x7f", r"\x00\x08\x7f"),
    "bidi": ("\u202egpj.exe\u2066", r"\u202egpj.exe\u2066"),
    "line-separator": ("a\u2028b\u2029", r"a\u2028b\u2029"),
    "surrogate": ("\ud800", r"\ud800"),
    "tag": ("\U000e0001", r"\U000e0001"),
    "words": ("Größe 東京 😀 é", "Größe 東京 😀 é"),
    "a word and an escape": ("é\x1b", r"é\x1b"),
}


@pytest.mark.parametrize(("text", "shown"), UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_printable(text, shown):
    """What moves the cursor or turns the reading is escaped; words stay."""
    assert printable(text) == shown


def test_printable_to_a_limit():
    """A long text ends with an ellipsis, within the limit."""
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("x" * 11, 10) == "x" * 9 + "…"


STOPPED = {
    "status": "the policy does not retry this status.",
    "method": "a repeated POST could do its work twice.",
    "body": "the request body cannot be sent a second time.",
    "attempts": "no retries left.",
    "certificate": "a certificate was refused, the server's or yours.",
    "deadline": "the next attempt would start after the time limit for retries.",
    "budget": "the retry budget is too low, as too many requests to this host failed.",
    "retry_after": "the server asks to wait 7 s, longer than the policy allows.",
}


def test_line(make_error):
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
    "provider beside values": (
        502,
        b'{"providerMessage": "It is locked", "shard": 3, "host": "db7"}',
        {},
        "502 Failed Request | provider: It is locked",
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
        ErrorPayload({}, b'{"requestId": "r"}', Redactor()),
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


@pytest.mark.parametrize(("reason", "sentence"), STOPPED.items())
def test_why_stopped(reason, sentence, make_error):
    """Each reason to stop is a sentence."""
    error = make_error()
    error.stopped_by = reason
    assert why(error) == f"Gave up after 3 attempts: {sentence}"


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("GET", "the policy does not retry GET."),
        ("PATCH", "a repeated PATCH could do its work twice."),
        ("post", "a repeated post could do its work twice."),
    ],
)
def test_a_method_that_the_policy_excludes(method, sentence):
    """A repeated GET does no harm, so the reason is the policy."""
    error = UnlistedStatusError(stopped_by="method", method=method)
    assert why(error) == f"Not retried: {sentence}"


def test_why_stopped_after_one_attempt():
    """Nothing is said where no policy decided; one attempt was not retried."""
    error = error_from_parts(409)
    assert why(error) is None
    error.stopped_by = "status"
    assert why(error) == "Not retried: the policy does not retry this status."
    error.attempts *= 2
    assert why(error) == (
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
def test_notes(make_error):
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
            ErrorPayload({}, b"", Redactor()),
            earlier=earlier,
            stopped_by="status",
        )
        assert len(error.__notes__) == notes


# When they are made


SECRET = "Xq7-secret-token-99"
BODY = (
    f'{{"message": "No, {SECRET}", "requestId": "r1", "providerMessage": "{SECRET}?"}}'
)


LOOKS: dict[str, Callable[[ConflictError], Any]] = {
    "str": str,
    "repr": repr,
    "args": lambda error: error.args,
    "copy": lambda error: str(error) and str(copy.copy(error)),
    "pickle": lambda error: str(pickle.loads(pickle.dumps(error))),
    "traceback": lambda error: traceback.format_exception_only(type(error), error)[0],
    "logging": lambda error: logging.LogRecord(
        "n", logging.ERROR, "p", 1, "%s", (error,), None
    ).getMessage(),
}


notes = pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 has no notes")


@pytest.fixture
def error() -> Iterator[ConflictError]:
    """An error as it comes from the wire, for a request with a token."""
    with FakeCloudElements() as platform, CloudElementsSession() as session:
        platform.reply(409, body=BODY)
        headers = {"Authorization": f"Bearer {SECRET}"}
        with pytest.raises(ConflictError) as caught:
            session.post(f"{platform.url}/contacts", headers=headers)
        yield caught.value


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made of errors for people to read, in the order in which it is made."""
    made: list[str] = []
    for name in ("error_line", "error_notes"):
        original = getattr(cloud_elements_errors._errors.base, name)

        def make(error: Any, name: str = name, original: Any = original) -> Any:
            made.append(name)
            return original(error)

        monkeypatch.setattr(f"cloud_elements_errors._errors.base.{name}", make)
    return made


def test_an_error_that_is_caught_makes_no_line_and_no_notes(
    made: list[str], error: ConflictError
) -> None:
    """Program code reads attributes, which are there at once."""
    assert error.message == "No, [redacted]"
    assert error.to_dict()["provider_message"] == "[redacted]?"
    assert made == []


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_each_look_shows_the_line_and_makes_it_once(
    look: Callable[[ConflictError], Any], made: list[str], error: ConflictError
) -> None:
    """Whoever looks first, in whatever way, sees the same line."""
    line = (
        "409 Conflict: No, [redacted] | provider: [redacted]? | request id: r1 "
        "| POST /contacts"
    )
    assert line in str(look(error))
    assert str(error) == line
    assert made.count("error_line") == 1


@notes
def test_notes_are_made_once_and_are_the_errors_own(
    made: list[str], error: ConflictError
) -> None:
    """A note that is added stays, and so does a list that is put there."""
    error.add_note("mine")
    assert error.__notes__ == [error.remedy, "mine"]
    assert made == ["error_notes"]
    error.__notes__ = ["other"]
    assert error.__notes__ == ["other"]


def test_what_changes_later_does_not_change_the_error(error: ConflictError) -> None:
    """The line is made late, of texts that were cleaned early."""
    response = error.response
    assert response is not None
    response.request.headers["Authorization"] = "Bearer another"
    response.request.url = "http://127.0.0.1/else"
    response.request.method = "DELETE"
    response.headers.clear()
    response.status_code = 200
    response._content = b"{}"
    assert str(error).endswith("| request id: r1 | POST /contacts")
    assert SECRET not in str(error)
    assert SECRET not in "".join(getattr(error, "__notes__", []))


def test_no_raw_text_waits_in_the_error(error: ConflictError) -> None:
    """Only the response and the request, which are requests' own, have secrets."""
    held = {
        name: value
        for name, value in vars(error).items()
        if name not in {"response", "request"}
    }
    assert held["message"] == "No, [redacted]"
    assert SECRET not in repr(held)


def test_args_can_be_changed_as_those_of_any_exception(error: ConflictError) -> None:
    """Some frameworks put words of their own in front."""
    error.args = ("while syncing", *error.args)
    assert str(error) == str(error.args)
    assert error.args[0] == "while syncing"
    assert pickle.loads(pickle.dumps(error)).args == error.args


def test_error_from_response_is_the_same_error(error: ConflictError) -> None:
    """Made a second time, of a body that was read, it says the same."""
    assert error.response is not None
    again = error_from_response(error.response)
    assert again is not None
    assert again.to_dict() | {"stopped_by": "method"} == error.to_dict() | {
        "stopped_by": "method"
    }
    assert again is not error
