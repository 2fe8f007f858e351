"""The line and the notes of an error: what they say, and when they are made."""

from __future__ import annotations

import copy
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
    error_from_response,
)
from cloud_elements_errors._errors.line import error_line, printable, why_stopped
from cloud_elements_errors.testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.mark.parametrize("part", ["title", "request_id", "url"])
def test_a_long_part_is_cut_in_the_line(part):
    error = UnlistedStatusError(status_code=507, **{part: "x" * 2_000})
    assert "x" * 499 + "…" in error_line(error) + " "
    assert "x" * 500 not in error_line(error)


def test_two_attempts_are_counted_in_the_line():
    past = (Attempt(1, 502), Attempt(2, 507))
    assert "attempts: 2" in error_line(UnlistedStatusError(attempts=past))
    assert "attempts" not in error_line(UnlistedStatusError(attempts=past[:1]))


def test_a_wait_that_nobody_asked_for():
    """An error made by hand may lack what its reason says."""
    error = UnlistedStatusError(stopped_by="retry_after", attempts=(Attempt(1, 503),))
    assert why_stopped(error) == (
        "Not retried: the server asks for a longer wait than the policy allows."
    )


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
