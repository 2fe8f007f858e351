"""What a patch does to each session: an adapter of its own, on the right class."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsSession,
    ConflictError,
    NotFoundError,
    patch_requests,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_elements_errors.testing import FakeCloudElements

ORIGINALS = (requests.Session.get_adapter, requests.Session.close)


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    """Whatever a test did, requests is as it was."""
    yield
    assert (requests.Session.get_adapter, requests.Session.close) == ORIGINALS


def test_each_session_has_connections_of_its_own(raw_server: Any) -> None:
    """A server that logs in a connection (NTLM) never takes one session for another."""

    def respond(connection: Any) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            if not connection.recv(65536):
                return

    server = raw_server(respond)
    with (
        patch_requests(server.url),
        requests.Session() as alice,
        requests.Session() as bob,
    ):
        for _ in range(3):
            alice.get(server.url)
            bob.get(server.url)
        assert server.connections == 2
        assert alice.get_adapter(server.url) is alice.get_adapter(server.url)
        assert alice.get_adapter(server.url) is not bob.get_adapter(server.url)


def test_sessions_share_policy_and_budget(platform: FakeCloudElements) -> None:
    """The settings of the block are one for all."""
    with (
        patch_requests(platform.url, max_retries=1) as errors,
        requests.Session() as one,
        requests.Session() as other,
    ):
        policies = [
            session.get_adapter(platform.url).max_retries  # type: ignore[attr-defined]
            for session in (one, other)
        ]
        assert policies[0] is policies[1]
        platform.reply(409, times=2)
        for session in (one, other):
            with pytest.raises(ConflictError):
                session.post(platform.url)
    assert len(errors) == 2


def test_a_session_is_held_weakly(platform: FakeCloudElements) -> None:
    """A session that nobody closes is freed, and its connections with it."""
    with patch_requests(platform.url):
        session = requests.Session()
        session.get(platform.url)
        adapter = session.get_adapter(platform.url)
        assert isinstance(adapter, CloudElementsAdapter)
        pool = weakref.ref(adapter.poolmanager.connection_from_url(platform.url))
        gone = weakref.ref(session)
        del session, adapter
        gc.collect()
        assert gone() is None
        assert pool() is None


def test_closing_a_session_closes_what_the_patch_gave_it(raw_server: Any) -> None:
    """``requests.get`` closes its session: a kept error keeps no connection open."""
    server = raw_server(b"HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\n{}")
    with patch_requests(server.url) as errors:
        with pytest.raises(NotFoundError):
            requests.get(server.url, timeout=30)
        [error] = errors
        assert error.response is not None
        pool = error.response.raw._pool
        assert pool.pool is None  # closed


def test_a_session_with_an_equality_of_its_own(platform: FakeCloudElements) -> None:
    """A session may be unhashable, or equal to others: it keeps its own adapter."""

    class Equal(requests.Session):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    platform.reply(404)
    with patch_requests(platform.url), Equal() as one, Equal() as other:
        with pytest.raises(NotFoundError):
            one.get(platform.url)
        assert one.get_adapter(platform.url) is not other.get_adapter(platform.url)


def test_the_name_of_the_class_is_rebound(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests_cache puts a subclass there: all sessions are patched, and back."""
    early = requests.Session()

    class Cached(requests.Session):
        """As ``requests_cache.install_cache()`` makes one."""

    platform.reply(404, times=2)
    with patch_requests(platform.url):
        monkeypatch.setattr(requests, "Session", Cached)
        monkeypatch.setattr(requests.sessions, "Session", Cached)
        with early, Cached() as late:
            for session in (early, late):
                with pytest.raises(NotFoundError):
                    session.get(platform.url)
    assert "get_adapter" not in vars(Cached)
    monkeypatch.undo()


def test_the_session_of_ours_under_a_patch(platform: FakeCloudElements) -> None:
    """The list of the patch has the error, and so has on_error of the session."""
    told: list[object] = []
    platform.reply(404, headers={"Set-Cookie": "seen=1"})
    with (
        patch_requests(platform.url) as errors,
        CloudElementsSession(on_error=told.append) as session,
        pytest.raises(NotFoundError) as caught,
    ):
        session.get(platform.url)
    assert list(errors) == told == [caught.value]
    assert session.cookies["seen"] == "1"


def test_a_mock_of_get_adapter_inside_a_block(platform: FakeCloudElements) -> None:
    """What is patched over ours is removed by its owner; then ours is removed."""
    with patch_requests(platform.url):
        with mock.patch("requests.Session.get_adapter") as replaced:
            requests.Session().get_adapter(platform.url)
        assert replaced.called
        assert isinstance(
            requests.Session().get_adapter(platform.url), CloudElementsAdapter
        )


def test_blocks_that_overlap(platform: FakeCloudElements) -> None:
    """The block that began first may end first: the other goes on, no trace is left."""
    first, second = patch_requests(platform.url), patch_requests(platform.url)
    first.__enter__()
    errors = second.__enter__()
    first.__exit__(None, None, None)
    platform.reply(404)
    with pytest.raises(NotFoundError):
        requests.get(platform.url, timeout=30)
    assert len(errors) == 1
    second.__exit__(None, None, None)


class Reentrant:
    """An object whose end sends a request."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __del__(self) -> None:
        requests.get(self.url, timeout=30)


def test_a_request_that_is_sent_while_the_lock_is_held(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``__del__`` or a signal handler may send one anywhere: nothing hangs."""
    original = CloudElementsAdapter.__init__

    def init(self: CloudElementsAdapter, *args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(CloudElementsAdapter, "__init__", original)
        Reentrant(platform.url)  # freed at once
        original(self, *args, **kwargs)

    with patch_requests(platform.url):
        monkeypatch.setattr(CloudElementsAdapter, "__init__", init)
        requests.get(platform.url, timeout=30)
    assert len(platform.requests) == 2


def test_a_block_that_is_never_entered(platform: FakeCloudElements) -> None:
    """A call without a with statement patches nothing, and says so."""
    with pytest.warns(RuntimeWarning, match="nothing without a with statement"):
        patch_requests(platform.url)


WRONG = [
    "ftp://files.example.com/",
    "https://*.cloud-elements.com/",
    "https:///elements",
]


@pytest.mark.parametrize("prefix", WRONG)
def test_a_prefix_that_matches_nothing(prefix: str) -> None:
    """The message says what would be right."""
    with pytest.raises(ValueError, match="an http or https URL of one host"):
        patch_requests(prefix)


def test_a_wrong_prefix_with_a_password() -> None:
    """The message does not show it."""
    with pytest.raises(ValueError, match=r"ftp://files\.example\.com/") as caught:
        patch_requests("ftp://ada:s3cret-pw@files.example.com/")
    assert "s3cret" not in str(caught.value)
