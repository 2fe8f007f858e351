"""Turn the failures of Cloud Elements into exceptions, and retry them safely."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._errors.base import CloudElementsError
    from ._errors.build import error_from_parts
    from ._errors.classes import (
        BadRequestError,
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
    from ._retries.outcome import Retries, retries_of
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
    "Retries",
    "RetryBudget",
    "ServerError",
    "UnauthorizedError",
    "UnlistedStatusError",
    "UnsupportedMediaTypeError",
    "error_from_parts",
    "error_from_response",
    "patch_requests",
    "raise_for_error",
    "retries_of",
    "translate_errors",
]

# The module of each name that is no exception. A module is imported when one of its
# names is first used: pytest imports this package for its plugin in every run, and that
# must not import requests and ssl.
_MODULES = {
    "NORMALIZED_ERRORS": "_table",
    "Attempt": "_errors.payload",
    "CloudElementsAdapter": "_requests.adapter",
    "CloudElementsRetry": "_retries.policy",
    "CloudElementsSession": "_requests.session",
    "NormalizedError": "_table",
    "Retries": "_retries.outcome",
    "RetryBudget": "_retries.budget",
    "error_from_parts": "_errors.build",
    "error_from_response": "_requests.checking",
    "patch_requests": "_requests.patching",
    "raise_for_error": "_requests.checking",
    "retries_of": "_retries.outcome",
    "translate_errors": "_requests.translation",
}

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            return import_module("importlib.metadata").version("cloud-elements-errors")
        if name in {"exceptions", "testing"}:
            return import_module(f".{name}", __name__)
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f".{_MODULES.get(name, 'exceptions')}", __name__)
        return globals().setdefault(name, getattr(module, name))


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "exceptions", "testing"])
