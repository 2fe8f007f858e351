"""Pickles name public classes, so that files can move without harm to task queues."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import requests

import cloud_elements_errors
from cloud_elements_errors import (
    Attempt,
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    RetryBudget,
    error_from_parts,
    error_from_response,
    retries_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements

PICKLED: dict[str, Callable[[], Any]] = {
    "error": lambda: error_from_parts(409, b'{"message": "m"}', {"Retry-After": "1"}),
    "unlisted error": lambda: error_from_parts(503),
    "attempt": lambda: Attempt(1, 502),
    "retries": lambda: retries_of(ValueError()),
    "row of the table": lambda: cloud_elements_errors.NORMALIZED_ERRORS[404],
    "budget": lambda: RetryBudget(reserve=5),
    "policy": lambda: CloudElementsRetry(2),
    "policy with a budget": lambda: CloudElementsRetry(budget=RetryBudget()),
    "adapter": lambda: CloudElementsAdapter(passthrough={404}),
    "session": lambda: CloudElementsSession(timeout=3),
}


def names_in(data: bytes) -> set[str]:
    """Return the names of our classes and functions in a pickle."""
    names = set()

    class Noting(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            names.add(f"{module}.{name}")
            return super().find_class(module, name)

    Noting(io.BytesIO(data)).load()
    return {name for name in names if name.startswith("cloud_elements_errors")}


def test_our_hook_is_named_as_users_import_it() -> None:
    """A session with our hook is pickled by the name of the hook."""
    session = requests.Session()
    session.hooks["response"].append(cloud_elements_errors.raise_for_error)
    assert names_in(pickle.dumps(session)) == {"cloud_elements_errors.raise_for_error"}


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("make", PICKLED.values(), ids=PICKLED)
def test_names_are_public(make: Callable[[], Any], protocol: int) -> None:
    """Each name is one that users import from the package."""
    thing = make()
    data = pickle.dumps(thing, protocol)
    public = {f"cloud_elements_errors.{name}" for name in cloud_elements_errors.__all__}
    assert names_in(data) <= public
    assert type(pickle.loads(data)) is type(thing)


def test_names_of_an_error_with_a_response(platform: FakeCloudElements) -> None:
    """What an error brings along, its attempts for example, is public too."""
    platform.reply(502, times=4)
    with CloudElementsSession() as session, pytest.raises(CloudElementsError) as caught:
        session.get(platform.url)
    assert names_in(pickle.dumps(caught.value)) == {
        "cloud_elements_errors.Attempt",
        "cloud_elements_errors.FailedRequestError",
    }
    assert caught.value.response is not None
    assert error_from_response(caught.value.response) is not None
