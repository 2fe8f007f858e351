"""Turn the failures of Cloud Elements into exceptions, and retry them safely."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._errors.build import error_from_parts as error_from_parts
    from ._errors.payload import Attempt as Attempt
    from ._requests.adapter import CloudElementsAdapter as CloudElementsAdapter
    from ._requests.checking import error_from_response as error_from_response
    from ._requests.checking import raise_for_error as raise_for_error
    from ._requests.patching import patch_requests as patch_requests
    from ._requests.session import CloudElementsSession as CloudElementsSession
    from ._requests.translation import translate_errors as translate_errors
    from ._retries.budget import RetryBudget as RetryBudget
    from ._retries.outcome import Retries as Retries
    from ._retries.outcome import retries_of as retries_of
    from ._retries.policy import CloudElementsRetry as CloudElementsRetry
    from ._table import NORMALIZED_ERRORS as NORMALIZED_ERRORS
    from ._table import NormalizedError as NormalizedError
    from .exceptions import *  # noqa: F403 - its names are these

    __version__: str
else:
    # A module is imported when one of its names is first used: pytest imports this
    # package for its plugin in every run, and that must not import requests and ssl.
    _NAMES = {
        "_errors.build": ["error_from_parts"],
        "_errors.payload": ["Attempt"],
        "_requests.adapter": ["CloudElementsAdapter"],
        "_requests.checking": ["error_from_response", "raise_for_error"],
        "_requests.patching": ["patch_requests"],
        "_requests.session": ["CloudElementsSession"],
        "_requests.translation": ["translate_errors"],
        "_retries.budget": ["RetryBudget"],
        "_retries.outcome": ["Retries", "retries_of"],
        "_retries.policy": ["CloudElementsRetry"],
        "_table": ["NORMALIZED_ERRORS", "NormalizedError"],
    }
    _MODULES = {name: module for module, names in _NAMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name == "__version__":
            return import_module("importlib.metadata").version("cloud-elements-errors")
        if name in {"exceptions", "testing"}:
            return import_module(f".{name}", __name__)
        if name == "__all__":
            return sorted([*_MODULES, *import_module(".exceptions", __name__).__all__])
        if name not in _MODULES and not name.endswith("Error"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f".{_MODULES.get(name, 'exceptions')}", __name__)
        return globals().setdefault(name, getattr(module, name))

    def __dir__() -> list[str]:
        return sorted([*__getattr__("__all__"), "__version__", "exceptions", "testing"])
