"""The table of the normalized status codes of Cloud Elements.

The list of retried statuses, the command line and the texts of the errors come from
this table. Tests compare the exception classes and the README with it.
"""

from collections.abc import Mapping
from http.client import responses
from types import MappingProxyType
from typing import NamedTuple

# The lowest status that is raised.
FIRST_ERROR = 400

# The lowest status that says nothing about whether the server has done the work.
FIRST_SERVER_ERROR = 500


class NormalizedError(NamedTuple):
    """A row of the table: what a normalized status means, and what to do.

    Attributes:
        status_code: The HTTP status.
        title: The short name in the platform's documentation.
        description: The description in the platform's documentation.
        remedy: What to do next, in one sentence that starts with a verb.
        retried: Whether the default policy retries the status.

    Example::

        row = NORMALIZED_ERRORS[409]
        print(row.title, row.remedy)

    """

    status_code: int
    title: str
    description: str
    remedy: str
    retried: bool = False


NormalizedError.__module__ = "cloud_elements_errors"

RETRIED_STATUSES = frozenset({500, 502})

# The platform's documentation has HTTP's own titles but for these.
_TITLES = {**responses, 500: "Server Error", 502: "Failed Request"}
DESCRIPTIONS = {
    200: "Everything worked as expected.",
    400: "Often due to a missing request parameter.",
    401: "An invalid element token, user secret and/or org secret provided.",
    403: "Access to the resource by the provider is forbidden.",
    # Not in the original table: the vendor added it in 2017.
    404: "The requested resource is not found.",
    405: "Incorrect HTTP verb used, e.g., GET used when POST expected.",
    406: 'The response content type does not match the "Accept" header value.',
    409: "A resource being created already exists.",
    415: "The server cannot handle the requested Content-Type.",
    500: "Something went wrong on the Cloud Elements server.",
    502: "Endpoint provider was not able to perform a CRUD request.",
}

_NO_ANSWER = "Try again later, or ask its owner: the server does not answer Cloudflare."
# What to do after a status: those of the table, others that do arrive; 0 for any.
REMEDIES: Mapping[int, str] = {
    0: "Read the message: it may come from a gateway or from the provider.",
    200: "Nothing to do.",
    400: "Correct the parameter in the message; the same request will fail again.",
    401: "Check the two secrets and the token, or authenticate the element again.",
    403: "Ask the owner of the provider account for access to the resource.",
    404: "Check the path and the id; 'No users found' is an empty list, not a failure.",
    405: "Use a method that the element's API documentation lists for this path.",
    406: "Send 'Accept: application/json', or the content type of the resource.",
    408: "Send the request again: the server did not receive all of it in time.",
    409: "Update the existing resource, or create yours under another name.",
    413: "Send a smaller body, or split it: the server does not accept this size.",
    415: "Send JSON as 'application/json', and a file as 'multipart/form-data'.",
    422: "Correct the fields that the message names; the same request will fail again.",
    423: "Try again when the resource is unlocked, or unlock it at the provider.",
    424: "Correct the earlier request that this one depends on: it has failed.",
    429: "Send fewer requests at a time; if a single request fails too, its payload "
    "may be too large (8 MB, or 6 GB for a file).",
    500: "Try again later, or give the request id to the support of Cloud Elements.",
    501: "Use another method or resource: the element does not support this one.",
    502: "Read the message before you try again: many 502s are permanent.",
    503: "Try again in some minutes: a server is overloaded or in maintenance.",
    504: "Check whether the request was carried out before you send it again.",
    **dict.fromkeys(range(520, 528), _NO_ANSWER),
}

_ROWS = {
    n: NormalizedError(n, _TITLES[n], text, REMEDIES[n], n in RETRIED_STATUSES)
    for n, text in DESCRIPTIONS.items()
}
#: The table, read-only, by status in ascending order.
NORMALIZED_ERRORS: Mapping[int, NormalizedError] = MappingProxyType(_ROWS)


def title_of(status_code: int, reason: str | None) -> str:
    """Return the table's title, else the server's reason, else the standard one."""
    # Tomcat sends the status as its reason.
    said = "" if status_code in DESCRIPTIONS or reason == str(status_code) else reason
    return said or _TITLES.get(status_code, "Unlisted Status")


def in_full(seconds: float) -> str:
    """Return seconds as a person writes them: 2592000, where :g has 2.592e+06."""
    return f"{round(seconds, 3):.15g}"


def remedy_of(status_code: int, retry_after: float | None) -> str:
    """Return what to do after a failure with this status, in one sentence."""
    # RFC 9110 and RFC 6585 define Retry-After for these.
    if retry_after and status_code in {413, 429, 503}:
        return f"Wait {in_full(retry_after)} seconds, then send the request again."
    return REMEDIES.get(status_code, REMEDIES[0])
