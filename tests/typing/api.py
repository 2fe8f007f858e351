"""What type checkers must see of the public API: checked strictly, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import requests
import urllib3
from typing_extensions import assert_type
from urllib3.util.retry import Retry

from cloud_elements_errors import (
    NORMALIZED_ERRORS,
    Attempt,
    BadRequestError,
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    FailedRequestError,
    NormalizedError,
    NotFoundError,
    RetryBudget,
    error_from_parts,
    error_from_response,
    raise_for_error,
)
from cloud_elements_errors.testing import FakeCloudElements, no_wait


def errors(error: CloudElementsError, response: requests.Response) -> None:
    assert_type(error.status_code, int)
    assert_type(BadRequestError().status_code, Literal[400])
    assert_type(FailedRequestError.status_code, Literal[502])
    assert_type(error.message, str | None)
    assert_type(error.provider_message, str | None)
    assert_type(error.origin, Literal["provider", "platform", "unknown"])
    assert_type(error.details, Mapping[str, Any])
    assert_type(error.attempts, tuple[Attempt, ...])
    assert_type(error.retry_after, float | None)
    assert_type(error.response, requests.Response | None)
    assert_type(error.to_dict(), dict[str, Any])
    assert_type(NotFoundError().is_empty_result, bool)
    assert_type(raise_for_error(response), requests.Response)
    assert_type(error_from_response(response), CloudElementsError | None)
    assert_type(error_from_parts(502, b"", {"a": "b"}), CloudElementsError | None)
    assert_type(NORMALIZED_ERRORS, Mapping[int, NormalizedError])


def settings() -> None:
    policy = CloudElementsRetry(total=5, max_elapsed=None, budget=RetryBudget(10, 0.1))
    as_urllib3: Retry = policy
    assert_type(policy.new(total=1), CloudElementsRetry)
    urllib3.PoolManager(retries=as_urllib3)

    def on_error(error: CloudElementsError) -> None: ...

    adapter = CloudElementsAdapter(3, passthrough=range(400, 600), on_error=on_error)
    session = CloudElementsSession(max_retries=policy, passthrough={404}, timeout=30)
    CloudElementsSession(timeout=(3.05, None), on_error=on_error)
    session.mount("https://api.cloud-elements.com/", adapter)
    assert_type(session.get("https://api.cloud-elements.com/"), requests.Response)
    plain: requests.Session = session
    plain.hooks["response"].append(raise_for_error)

    CloudElementsAdapter("3")  # type: ignore[arg-type]
    CloudElementsSession(passthrough=404)  # type: ignore[arg-type]
    CloudElementsSession(retries=3)  # type: ignore[call-arg]


def testing() -> None:
    with FakeCloudElements() as platform, no_wait():
        assert_type(platform, FakeCloudElements)
        assert_type(platform.url, str)
        assert_type(platform.requests[0].body, bytes)
        platform.reply(502, provider_message="x", times=2)
        platform.reply(404, headers={"A": "b", "C": ["d", "e"]}, times=None, delay=0.5)
        platform.drop(method="GET", path="/contacts", delay=1)
        platform.assert_all_sent()
        platform.reset()
