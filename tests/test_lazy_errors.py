"""An error costs little until somebody looks at it, and then says the same as ever."""

from __future__ import annotations

import copy
import logging
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import requests

import cloud_elements_errors
from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    error_from_response,
    raise_for_error,
)
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


# A short traceback


@pytest.mark.parametrize("way", ["session", "adapter", "hook"])
def test_at_most_four_frames_are_ours(way: str) -> None:
    """Between the user's line and the error are requests' frames, and few of ours."""
    with FakeCloudElements() as platform:
        platform.reply(409)
        session = CloudElementsSession() if way == "session" else requests.Session()
        if way == "adapter":
            session.mount("http://", CloudElementsAdapter())
        elif way == "hook":
            session.hooks["response"].append(raise_for_error)
        with session, pytest.raises(ConflictError) as caught:
            session.post(platform.url)
    modules = [
        frame.f_globals["__name__"]
        for frame, _line in traceback.walk_tb(caught.value.__traceback__)
    ]
    ours = [name for name in modules if name.startswith("cloud_elements_errors")]
    assert len(ours) <= 4
    assert set(modules) - set(ours) <= {__name__, "requests.sessions", "requests.hooks"}


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


# No work that nobody sees


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_a_log_line_is_made_where_a_handler_may_see_it(
    level: int, monkeypatch: pytest.MonkeyPatch, error_free_logger: logging.Logger
) -> None:
    """A logger that is set to errors gets no work for each retry."""
    made = []
    monkeypatch.setattr(
        "cloud_elements_errors._retries.policy.log_retry", lambda *a: made.append(a)
    )
    error_free_logger.setLevel(level)
    policy = CloudElementsRetry()
    with FakeCloudElements() as platform, no_wait():
        platform.reply(502, times=2)
        with CloudElementsSession(max_retries=policy) as session:
            assert session.get(platform.url).status_code == 200
    assert len(made) == (2 if level == logging.WARNING else 0)


@pytest.fixture
def error_free_logger() -> Iterator[logging.Logger]:
    """The library's logger, put back as it was."""
    logger = logging.getLogger("cloud_elements_errors")
    level = logger.level
    yield logger
    logger.setLevel(level)


def test_a_success_builds_nothing_that_a_failure_needs(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret is looked for, no hook is installed, no body is read by us."""

    def never(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("done for a 200")

    for name in (
        "_retries.state.Redactor",
        "_requests.checking.read_body",
        "_requests.checking.Redactor",
        "_requests.adapter.CheckingHooks.install",
    ):
        monkeypatch.setattr(f"cloud_elements_errors.{name}", never)
    with CloudElementsSession() as session:
        assert session.get(platform.url).json() == {}
        platform.reply(502)
        with pytest.raises(AssertionError, match="done for a 200"):
            session.post(platform.url)


def test_error_from_response_is_the_same_error(error: ConflictError) -> None:
    """Made a second time, of a body that was read, it says the same."""
    assert error.response is not None
    again = error_from_response(error.response)
    assert again is not None
    assert again.to_dict() | {"stopped_by": "method"} == error.to_dict() | {
        "stopped_by": "method"
    }
    assert again is not error
