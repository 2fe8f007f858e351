"""The classes, and the class for each status."""

import re
from typing import Literal

from .base import CloudElementsError


class BadRequestError(CloudElementsError):
    """400: a parameter of the request is missing or wrong.

    Correct the parameter that the message names. The same request fails again.
    """

    status_code: Literal[400] = 400


class UnauthorizedError(CloudElementsError):
    """401: a user secret, organization secret or element token is invalid.

    Check all three. If they are right, authenticate the element instance again.
    """

    status_code: Literal[401] = 401


class ForbiddenError(CloudElementsError):
    """403: the provider forbids access to the resource.

    Ask the owner of the provider account to give access.
    """

    status_code: Literal[403] = 403


class NotFoundError(CloudElementsError):
    """404: the resource does not exist, or a list of them is empty."""

    status_code: Literal[404] = 404

    @property
    def is_empty_result(self) -> bool:
        """Whether this is an empty list (the message reads "No … found").

        The platform responds with 404 and "No users found" to a search without
        results. "No account found with ID 123456" is not an empty list.
        """
        return bool(re.fullmatch(r"(?i)\s*No\s+\S.*\sfound\.?\s*", self.message or ""))


class MethodNotAllowedError(CloudElementsError):
    """405: the path does not support this HTTP method."""

    status_code: Literal[405] = 405


class NotAcceptableError(CloudElementsError):
    """406: the ``Accept`` header excludes the content type of the response."""

    status_code: Literal[406] = 406


class ConflictError(CloudElementsError):
    """409: the resource already exists.

    A repeated POST also gets a 409 if the first one succeeded but its response was
    lost.
    """

    status_code: Literal[409] = 409


class UnsupportedMediaTypeError(CloudElementsError):
    """415: the server cannot read a body of this ``Content-Type``."""

    status_code: Literal[415] = 415


class ServerError(CloudElementsError):
    """500: something went wrong on the Cloud Elements server.

    The default policy retries it, but not for POST and PATCH: see *stopped_by*.
    """

    status_code: Literal[500] = 500


class FailedRequestError(CloudElementsError):
    """502: the endpoint provider was not able to perform the request.

    Many 502s are permanent: read *provider_message* first. The default policy
    retries it, but not for POST and PATCH: see *stopped_by*.
    """

    status_code: Literal[502] = 502


class UnlistedStatusError(CloudElementsError):
    """Any other status of 400 or more, such as 429, 503 or 504."""


# The class for each status; 0 for any other.
CLASSES = {cls.status_code: cls for cls in CloudElementsError.__subclasses__()}

# Tracebacks, logs and pickles show the name that users import. Annotations of these
# classes must not be strings: get_type_hints() would look them up in that module.
for _class in (CloudElementsError, *CLASSES.values()):
    _class.__module__ = "cloud_elements_errors"
