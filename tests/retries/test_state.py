"""The policy of a request is its own, whatever is sent while it is on its way.

urllib3 shows a policy neither the body nor the headers of a request, so the adapter
binds a copy of the policy to each request before it sends it. To bind it only when the
request fails would be cheaper, but then the policy has to find out which request
failed. These are the cases in which it would take one request for another.
"""

from __future__ import annotations

import contextvars
import gzip
import io
import logging
import os
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import UnrewindableBodyError

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    FailedRequestError,
)
from cloud_elements_errors._retries.body import body_of
from cloud_elements_errors._retries.state import RequestState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def policy() -> CloudElementsRetry:
    """The policy of the request, and of the one that is sent meanwhile."""
    return CloudElementsRetry()


@pytest.fixture
def session(
    make_session: Callable[..., requests.Session], policy: CloudElementsRetry
) -> requests.Session:
    return make_session(max_retries=policy)


@pytest.fixture(params=["plain adapter", "pool manager"])
def send(
    request: pytest.FixtureRequest, policy: CloudElementsRetry
) -> Iterator[Callable[[str, str], int]]:
    """Send a request under the policy without an adapter of ours."""
    if request.param == "plain adapter":
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=policy))
            yield lambda *to: session.request(*to, data=b"in").status_code
    else:
        with urllib3.PoolManager() as pool:
            yield lambda *to: pool.request(*to, body=b"in", retries=policy).status


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_that_a_body_sends(platform, other, session, send, method):
    """The inner request is retried, although the outer body cannot be sent again."""
    other.reply(502)
    platform.reply(502)

    def body() -> Iterator[bytes]:
        yield str(send(method, other.url)).encode()

    with pytest.raises(FailedRequestError) as caught:
        session.put(platform.url, data=body())
    assert [request.method for request in other.requests] == [method] * 2
    assert [request.body for request in platform.requests] == [b"200"]
    assert (caught.value.stopped_by, len(caught.value.attempts)) == ("body", 1)


def test_a_request_of_a_log_handler(platform, other, session, send, monkeypatch):
    """The inner request succeeds, and pays nothing into the budget of the outer one."""

    class Sending(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            send("GET", other.url)

    platform.reply(502, times=100)
    # no_wait() would keep the budgets of the two hosts full.
    monkeypatch.setattr("cloud_elements_errors._retries.budget.open_blocks", [])
    logger = logging.getLogger("cloud_elements_errors")
    monkeypatch.setattr(logger, "handlers", [Sending()])
    stopped_by = []
    for _ in range(3):
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
        stopped_by.append(caught.value.stopped_by)
    assert stopped_by == ["attempts", "budget", "budget"]
    assert len(platform.requests) == 4 + 2 + 1
    assert len(other.requests) == 4


def test_a_request_that_an_adapter_sends(platform, other, policy, send):
    """The attempts to get a token are no attempts of the request that needs it."""

    class Adding(CloudElementsAdapter):
        def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
            send("GET", other.url)

    other.reply(502, times=2)
    platform.reply(502, times=4)
    with requests.Session() as session:
        session.mount("http://", Adding(max_retries=policy))
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert len(other.requests) == 3
    assert [attempt.number for attempt in caught.value.attempts] == [1, 2, 3, 4]


def test_a_task_that_outlives_the_request(platform, other, session, send):
    """A task that was started while a request was sent has nothing to do with it."""
    contexts = []

    def body() -> Iterator[bytes]:
        contexts.append(contextvars.copy_context())
        yield b"out"

    session.put(platform.url, data=body())
    other.reply(502)
    assert contexts[0].run(send, "PUT", other.url) == 200
    assert len(other.requests) == 2


class Searching(CloudElementsRetry):
    """A policy of a user whose POSTs are searches, and so as safe as a GET."""

    def is_retry(self, method: str, *args: Any, **kwargs: Any) -> bool:
        return super().is_retry("GET", *args, **kwargs)

    def increment(self, method: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return super().increment("GET", *args, **kwargs)


def test_a_policy_that_calls_a_method_by_another_name(platform, make_session):
    """The body is still the body of this request, and is not sent again, empty."""
    platform.reply(502)
    with pytest.raises(FailedRequestError) as caught:
        make_session(max_retries=Searching()).post(platform.url, data=iter([b"out"]))
    assert [request.body for request in platform.requests] == [b"out"]
    assert (caught.value.stopped_by, len(caught.value.attempts)) == ("body", 1)


class Remembering(CloudElementsRetry):
    """A policy of a user that keeps something of its own for each request."""

    failures = 0

    def is_retry(self, method: str, status_code: int, *args: Any) -> bool:
        if status_code >= 500:
            self.failures += 1
        return self.failures <= 2 and super().is_retry(method, status_code, *args)


def test_what_a_policy_keeps_is_of_one_request(platform, make_session):
    """Each request has a copy of the policy, from its first response on."""
    platform.reply(502, times=9)
    session = make_session(max_retries=Remembering(budget=None))
    for _ in range(3):
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
        assert len(caught.value.attempts) == 3


class Watching(CloudElementsRetry):
    """A policy of a user that looks at itself when there is no further attempt."""

    seen: list[Any]

    def increment(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().increment(*args, **kwargs)
        except Exception:
            self.seen += [self.stopped_by, self.state.urls[0]]
            raise


def test_a_policy_knows_its_request_from_the_first_failure(platform, make_session):
    """Within increment() it says why it stopped, also at the first attempt."""
    platform.reply(502)
    url = f"{platform.url}/contacts"
    policy = Watching(0)
    policy.seen = []
    with pytest.raises(FailedRequestError):
        make_session(max_retries=policy).get(url)
    assert policy.seen == ["attempts", url]


class Renewed(CloudElementsRetry):
    """A policy of a user that makes its copies by the constructor, as urllib3 does."""

    def new(self, **kw: Any) -> Any:
        return type(self)(**{"total": self.total, "budget": self.budget, **kw})


def test_a_policy_that_makes_its_own_copies(platform, make_session, caplog):
    """The copies belong to the same request, and know its secrets."""
    platform.reply(502, provider_message="bad token tok123456789", times=3)
    headers = {"Authorization": "Bearer tok123456789"}
    with pytest.raises(FailedRequestError):
        make_session(max_retries=Renewed(2)).get(platform.url, headers=headers)
    assert [record.attempt for record in caplog.records] == [2, 3]
    assert "tok123456789" not in caplog.text


def test_the_wait_after_a_network_failure_is_kept():
    """The attempt has the wait, and what the failure said."""
    attempt = RequestState().attempt(OSError("refused"), 1.5)
    assert (attempt.waited, attempt.error) == (1.5, "refused")


@pytest.mark.parametrize(
    ("end", "said"), [("", "x [redacted]"), ('"}', "x abcdef1")], ids=["cut", "whole"]
)
def test_the_text_of_an_earlier_attempt_may_be_cut(end, said):
    """Where the body was cut, so may a secret at its end be."""
    state = RequestState(None, {"Authorization": "Bearer abcdef123456"})
    body = f'{{"providerMessage": "x abcdef1{end}'.encode()
    raw = urllib3.HTTPResponse(
        io.BytesIO(body),
        {"Content-Length": str(len(body) + (not end))},
        preload_content=False,
        request_method="GET",
    )
    assert state.attempt(raw, 0, body_of(raw)).provider_message == said


@pytest.mark.parametrize("status", [502, 429, 307])
def test_a_stream_that_only_seems_to_be_seekable(
    platform, make_session, status: int
) -> None:
    """Such as gzip.open() of a pipe: it cannot be sent again, and nothing is lost."""
    headers = {"Retry-After": "0", "Location": "/b"}
    platform.reply(status, provider_message="Invalid Reference Id", headers=headers)
    receive, send = map(os.fdopen, os.pipe(), ("rb", "wb"))
    with send:
        send.write(gzip.compress(b"rows"))
    session = make_session(max_retries=3)
    expected = UnrewindableBodyError if status == 307 else CloudElementsError
    with receive, gzip.open(receive) as rows, pytest.raises(expected) as caught:
        session.put(platform.url, data=rows, timeout=5)
    assert [one.body for one in platform.requests] == [b"rows"]
    if status != 307:
        assert caught.value.provider_message == "Invalid Reference Id"
        assert caught.value.stopped_by == "body"
