"""The table of normalized statuses: what the vendor's list says, word for word."""

from __future__ import annotations

import pytest

from cloud_elements_errors import (
    NORMALIZED_ERRORS,
    CloudElementsError,
    NormalizedError,
    UnlistedStatusError,
    error_from_parts,
    exceptions,
)
from cloud_elements_errors._table import RETRIED_STATUSES

THE_LIST = {
    200: ("OK", "Everything worked as expected."),
    400: ("Bad Request", "Often due to a missing request parameter."),
    401: (
        "Unauthorized",
        "An invalid element token, user secret and/or org secret provided.",
    ),
    403: ("Forbidden", "Access to the resource by the provider is forbidden."),
    404: ("Not Found", "The requested resource is not found."),
    405: (
        "Method Not Allowed",
        "Incorrect HTTP verb used, e.g., GET used when POST expected.",
    ),
    406: (
        "Not Acceptable",
        'The response content type does not match the "Accept" header value.',
    ),
    409: ("Conflict", "A resource being created already exists."),
    415: (
        "Unsupported Media Type",
        "The server cannot handle the requested Content-Type.",
    ),
    500: ("Server Error", "Something went wrong on the Cloud Elements server."),
    502: (
        "Failed Request",
        "Endpoint provider was not able to perform a CRUD request.",
    ),
}

CLASSES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    406: "NotAcceptableError",
    409: "ConflictError",
    415: "UnsupportedMediaTypeError",
    500: "ServerError",
    502: "FailedRequestError",
}


def test_table_is_the_vendors_list():
    """The table has the list's statuses, titles and words, in ascending order."""
    rows = {
        status: (row.title, row.description)
        for status, row in NORMALIZED_ERRORS.items()
    }
    assert rows == THE_LIST
    assert list(NORMALIZED_ERRORS) == sorted(THE_LIST)


@pytest.mark.parametrize("status", THE_LIST)
def test_row_knows_its_status_and_a_remedy(status):
    """Each row repeats its key, and says in one sentence what to do."""
    row = NORMALIZED_ERRORS[status]
    assert isinstance(row, NormalizedError)
    assert row.status_code == status
    assert row.remedy.endswith(".")
    assert row.remedy.count(". ") == 0


def test_table_is_read_only():
    """Nobody changes the table for everybody else."""
    with pytest.raises(TypeError, match="does not support item assignment"):
        NORMALIZED_ERRORS[418] = NORMALIZED_ERRORS[400]


def test_retried_statuses():
    """500 and 502 are retried, and no other."""
    assert {s for s, row in NORMALIZED_ERRORS.items() if row.retried} == {500, 502}
    assert {500, 502} == RETRIED_STATUSES


@pytest.mark.parametrize("status", range(400, 600))
def test_every_error_status_has_its_class(status):
    """From 400 to 599 each status is its own class, or UnlistedStatusError."""
    expected = getattr(exceptions, CLASSES.get(status, "UnlistedStatusError"))
    error = error_from_parts(status)
    assert type(error) is expected
    assert error.status_code == status
    assert error.retryable is (status in {500, 502})


@pytest.mark.parametrize("status", [399, 100, -1])
def test_no_status_below_400_is_an_error(status):
    """Below 400 there is nothing to raise."""
    assert error_from_parts(status, b'{"message": "no"}') is None


def test_each_row_of_the_table_but_200_is_a_class():
    """The table and the tree of classes are about the same statuses."""
    listed = {
        cls.status_code: cls.__name__ for cls in CloudElementsError.__subclasses__()
    }
    assert listed.pop(UnlistedStatusError.status_code) == "UnlistedStatusError"
    assert listed == CLASSES
    assert set(listed) == set(NORMALIZED_ERRORS) - {200}


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (409, "Conflict"),
        (502, "Failed Request"),
        (429, "Too Many Requests"),
        (524, "Unlisted Status"),
    ],
)
def test_title_is_the_tables_else_that_of_http(status, title):
    """A status in the table has its title; another one the words of HTTP."""
    error = error_from_parts(status)
    assert error.title == title
    assert str(error) == f"{status} {title}"


REMEDIES = {
    408: "Send the request again",
    413: "Send a smaller body",
    422: "Correct the fields",
    423: "Try again when the resource is unlocked",
    424: "Correct the earlier request",
    429: "Send fewer requests at a time; if a single request fails too, its payload",
    501: "Use another method",
    503: "Try again in some minutes",
    504: "Check whether the request was carried out",
    **dict.fromkeys(range(520, 528), "Try again later"),
}


@pytest.mark.parametrize(("status", "start"), REMEDIES.items())
def test_remedy_of_a_status_outside_the_table(status, start):
    """Statuses that do arrive have a remedy of their own: one sentence, whose move."""
    error = error_from_parts(status)
    assert error.remedy.startswith(start)
    assert error.remedy.endswith(".")
    assert error.remedy.count(". ") == 0
    assert status not in NORMALIZED_ERRORS


@pytest.mark.parametrize("status", [413, 429, 503])
def test_remedy_with_a_time_to_wait(status):
    """The server says when to come back."""
    error = error_from_parts(status, headers={"Retry-After": "7.5"})
    assert error.remedy == "Wait 7.5 seconds, then send the request again."
    error = error_from_parts(status, headers={"Retry-After": "2592000.123"})
    assert error.remedy == "Wait 2592000.123 seconds, then send the request again."
    other = error_from_parts(504, headers={"Retry-After": "7"})
    assert other.remedy.startswith("Check whether")


@pytest.mark.parametrize(
    ("status", "reason", "title"),
    [
        (409, "Exists", "Conflict"),
        (429, "Slow Down", "Slow Down"),
        (429, "", "Too Many Requests"),
        (429, None, "Too Many Requests"),
        (429, "429", "Too Many Requests"),
        (420, "Enhance Your Calm", "Enhance Your Calm"),
        (420, None, "Unlisted Status"),
    ],
)
def test_title_of_a_status_with_a_reason(status, reason, title):
    """An unlisted status has the server's reason as title, else the standard one."""
    error = error_from_parts(status, reason=reason)
    assert error.title == title
    assert error.reason == (reason or None)
    assert UnlistedStatusError(status_code=420, reason="Calm").title == "Calm"


def test_what_is_said_of_an_unlisted_status():
    """A status that the list does not know has a remedy, but no description."""
    error = error_from_parts(507)
    assert error.description == ""
    assert error.remedy.startswith("Read the message:")
