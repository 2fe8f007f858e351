"""The exceptions: what a failed call of Cloud Elements says, and whose move it is.

::

    requests.HTTPError
    └── CloudElementsError
        ├── BadRequestError            400
        ├── UnauthorizedError          401
        ├── ForbiddenError             403
        ├── NotFoundError              404
        ├── MethodNotAllowedError      405
        ├── NotAcceptableError         406
        ├── ConflictError              409
        ├── UnsupportedMediaTypeError  415
        ├── ServerError                500
        ├── FailedRequestError         502
        └── UnlistedStatusError        any other status of 400 or more

A class is a status; what the status means is in the table of ``_codes``.
"""

from __future__ import annotations

import re
from typing import Literal

from ._codes import FIRST_ERROR
from ._error import CloudElementsError

__all__ = [
    "BadRequestError",
    "CloudElementsError",
    "ConflictError",
    "FailedRequestError",
    "ForbiddenError",
    "MethodNotAllowedError",
    "NotAcceptableError",
    "NotFoundError",
    "ServerError",
    "UnauthorizedError",
    "UnlistedStatusError",
    "UnsupportedMediaTypeError",
]


class BadRequestError(CloudElementsError):
    """400: the request lacks a parameter, or has a wrong one.

    Correct what the message names; the same request fails again.
    """

    status_code: Literal[400] = 400


class UnauthorizedError(CloudElementsError):
    """401: a user secret, organization secret or element token is invalid.

    Check them; if they are right, authenticate the element instance again.
    """

    status_code: Literal[401] = 401


class ForbiddenError(CloudElementsError):
    """403: the provider forbids access to the resource.

    The owner of the provider's account has to grant it.
    """

    status_code: Literal[403] = 403


class NotFoundError(CloudElementsError):
    """404: the resource does not exist, or a list of them is empty."""

    status_code: Literal[404] = 404

    @property
    def is_empty_result(self) -> bool:
        """Whether this is an empty list: the message reads "No … found".

        The platform answers so where it finds no users, say. "No account found
        with ID 123456" names one that was asked for, and is no empty list.
        """
        text = (self.message or "").strip()
        return re.fullmatch(r"No\s+\S.*\sfound\.?", text, re.IGNORECASE) is not None


class MethodNotAllowedError(CloudElementsError):
    """405: the path exists, but not for this HTTP verb."""

    status_code: Literal[405] = 405


class NotAcceptableError(CloudElementsError):
    """406: the answer's content type is not among those of ``Accept``."""

    status_code: Literal[406] = 406


class ConflictError(CloudElementsError):
    """409: the resource exists already.

    Also what a repeated POST may get whose first answer was lost.
    """

    status_code: Literal[409] = 409


class UnsupportedMediaTypeError(CloudElementsError):
    """415: the server cannot read a body of this ``Content-Type``."""

    status_code: Literal[415] = 415


class ServerError(CloudElementsError):
    """500: something went wrong on the Cloud Elements server.

    The default policy has retried it where that is safe: see *stopped_by*.
    """

    status_code: Literal[500] = 500


class FailedRequestError(CloudElementsError):
    """502: the endpoint provider was not able to perform the request.

    Often permanent, so read *provider_message* first. The default policy has
    retried it where that is safe: see *stopped_by*.
    """

    status_code: Literal[502] = 502


class UnlistedStatusError(CloudElementsError):
    """Any other status of 400 or more: 429, 503, a gateway's 504."""


_CLASSES: dict[int, type[CloudElementsError]] = {
    cls.status_code: cls for cls in CloudElementsError.__subclasses__()
}


# As users import them: tracebacks, logs and pickles say cloud_elements_errors.X.
for _class in (CloudElementsError, *_CLASSES.values()):
    _class.__module__ = __package__


def class_for(status_code: int) -> type[CloudElementsError] | None:
    """Return the class that is raised for a status; None below 400."""
    if status_code < FIRST_ERROR:
        return None
    return _CLASSES.get(status_code, UnlistedStatusError)
