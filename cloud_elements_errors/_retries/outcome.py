"""The attempts of a request that failed, read off the exception."""

from typing import NamedTuple

from .._errors.payload import Attempt, StopReason
from .._tracebacks import linked


class Retries(NamedTuple):
    """What was tried before a request failed.

    Attributes:
        attempts: All attempts in order, with the last one; empty if none is known.
        stopped_by: Why there was no further attempt, as *stopped_by* of
            `CloudElementsError`; None if no `CloudElementsRetry` was in charge.

    Example::

        try:
            session.get(url)
        except requests.RequestException as error:
            attempts, stopped_by = retries_of(error)

    """

    attempts: tuple[Attempt, ...] = ()
    stopped_by: StopReason | None = None


Retries.__module__ = "cloud_elements_errors"


def retries_of(exception: BaseException) -> Retries:
    """Return the attempts behind an exception, and why they stopped.

    Args:
        exception: A `CloudElementsError`, or the exception of requests or urllib3 for
            a network failure, or one that was raised because of it.

    Returns:
        The attempts; empty for an exception that has nothing to do with a request.

    Example::

        try:
            session.get(url)
        except requests.RequestException as error:  # also a CloudElementsError
            print(len(retries_of(error).attempts), retries_of(error).stopped_by)

    """
    for link in linked(exception):
        attempts = vars(link).get("attempts")
        # Other libraries have attributes of this name, such as a number.
        if type(attempts) is tuple and attempts and type(attempts[0]) is Attempt:
            return Retries(attempts, vars(link).get("stopped_by"))
    return Retries()
