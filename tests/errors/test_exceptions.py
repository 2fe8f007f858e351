"""The exceptions: their attributes, how they are made, and what they are called."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from inspect import get_annotations

import pytest
import requests

from cloud_elements_errors import (
    Attempt,
    CloudElementsError,
    ConflictError,
    NotFoundError,
    UnlistedStatusError,
    error_from_parts,
    exceptions,
)

CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]
LEAVES = [cls for cls in CLASSES if cls is not CloudElementsError]
ATTRIBUTES = [
    *("status_code", "title", "description", "remedy", "message", "request_id"),
    *("provider_message", "provider_code", "origin", "details", "text", "truncated"),
    *("reason", "method", "url", "attempts", "stopped_by", "retry_after", "retryable"),
]


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
def test_to_dict(cls, make_error):
    """The dictionary is JSON, and has every attribute but response and request."""
    error = make_error(cls)
    content = error.to_dict()
    assert list(content) == ["type", *ATTRIBUTES]
    assert content["type"] == cls.__name__
    attempts = [attempt._asdict() for attempt in error.attempts]
    expected = {name: getattr(error, name) for name in ATTRIBUTES} | {
        "attempts": attempts,
        "details": error.details,
    }
    assert content == {"type": cls.__name__} | {n: expected[n] for n in ATTRIBUTES}
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_details_are_read_only(make_error):
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


@pytest.mark.parametrize(
    ("args", "kwargs"), [(("a", "b"), {}), ((), {"line": "a"}), ((), {"mesage": "a"})]
)
def test_unknown_arguments(args, kwargs):
    """One positional argument, and no unknown keyword."""
    with pytest.raises(TypeError, match="argument"):
        CloudElementsError(*args, **kwargs)


def test_request_is_taken_from_the_response(make_response):
    """As on every HTTPError of requests."""
    response = make_response(409)
    assert ConflictError("x", response=response).request is response.request


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
    assert (str(error), error.args) == ("line", ("line",))
    assert getattr(error, "__notes__", []) == []


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
