"""Turn the failures of Cloud Elements into exceptions, and retry them safely."""

from __future__ import annotations

from importlib import metadata

from ._errors.build import error_from_parts
from ._errors.classes import (
    BadRequestError,
    CloudElementsError,
    ConflictError,
    FailedRequestError,
    ForbiddenError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
    UnlistedStatusError,
    UnsupportedMediaTypeError,
)
from ._errors.payload import Attempt
from ._requests.adapter import CloudElementsAdapter
from ._requests.checking import error_from_response, raise_for_error
from ._requests.patching import patch_requests
from ._requests.session import CloudElementsSession
from ._requests.translation import translate_errors
from ._retries.budget import RetryBudget
from ._retries.policy import CloudElementsRetry
from ._table import NORMALIZED_ERRORS, NormalizedError

__all__ = [
    "NORMALIZED_ERRORS",
    "Attempt",
    "BadRequestError",
    "CloudElementsAdapter",
    "CloudElementsError",
    "CloudElementsRetry",
    "CloudElementsSession",
    "ConflictError",
    "FailedRequestError",
    "ForbiddenError",
    "MethodNotAllowedError",
    "NormalizedError",
    "NotAcceptableError",
    "NotFoundError",
    "RetryBudget",
    "ServerError",
    "UnauthorizedError",
    "UnlistedStatusError",
    "UnsupportedMediaTypeError",
    "error_from_parts",
    "error_from_response",
    "patch_requests",
    "raise_for_error",
    "translate_errors",
]


def __getattr__(name: str) -> str:
    # Reading the metadata takes longer than importing the package.
    if name == "__version__":
        return metadata.version("cloud-elements-errors")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "exceptions"])
