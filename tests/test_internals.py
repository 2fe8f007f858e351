"""Without a private part of a host, nothing is lost but what the part was for."""

from __future__ import annotations

import io
import queue
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsSession,
    NotFoundError,
    error_from_response,
    retries_of,
)
from cloud_elements_errors._internals import drop_connections, history_of


class WithoutContent(requests.Response):
    """A response whose class keeps its body elsewhere."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        del self._content, self._content_consumed
        self.status_code = 404
        self.raw = io.BytesIO(body)


def test_a_response_without_the_content() -> None:
    """The body is read from its raw file, and can be read again."""
    response = WithoutContent(b'{"message": "gone"}')
    error = error_from_response(response)
    assert error is not None
    assert error.message == "gone"
    assert response.json() == {"message": "gone"}


ODD: dict[str, object] = {
    "no pools": SimpleNamespace(),
    "pools of None": SimpleNamespace(pools=None),
    "pools of another kind": SimpleNamespace(pools={"a": 1}),
}


@pytest.mark.parametrize("owner", ODD.values(), ids=ODD)
def test_a_manager_without_a_container(owner: object) -> None:
    """After a fork, what cannot be dropped stays, and the rest is dropped."""
    adapter = HTTPAdapter()
    adapter.proxy_manager["http://proxy"] = owner
    pool = adapter.poolmanager.connection_from_url("http://example.com")
    drop_connections(adapter)
    assert adapter.poolmanager.connection_from_url("http://example.com") is not pool


def test_idle_connections_are_closed(platform: Any) -> None:
    """What waits in a pool is closed, without the lock of its queue."""
    adapter = HTTPAdapter()
    with requests.Session() as session:
        session.mount("http://", adapter)
        session.get(platform.url)
        [key] = adapter.poolmanager.pools.keys()
        pool = adapter.poolmanager.pools[key]
        [connection] = filter(None, pool.pool.queue)
        drop_connections(adapter)
        assert connection.sock is None
        assert pool.pool.qsize() == 0
        session.get(platform.url)


def test_a_pool_that_was_closed() -> None:
    """It has no connections to drop."""
    adapter = HTTPAdapter()
    adapter.poolmanager.connection_from_url("http://example.com").close()
    drop_connections(adapter)
    assert len(adapter.poolmanager.pools) == 0


def test_a_queue_of_another_kind() -> None:
    """A pool may keep its connections in a queue of somebody else's."""

    class Pool(urllib3.HTTPConnectionPool):
        QueueCls = SimpleQueue  # type: ignore[assignment]

    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"http": Pool}
    adapter.poolmanager.connection_from_url("http://example.com")
    drop_connections(adapter)
    assert len(adapter.poolmanager.pools) == 0


class SimpleQueue:
    """Just what urllib3 asks of a queue."""

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        self.items: list[Any] = []

    def put(self, item: Any, **_: Any) -> None:
        self.items.append(item)

    def get(self, **_: Any) -> Any:
        if not self.items:
            raise queue.Empty
        return self.items.pop()


def test_no_history_without_urlopen() -> None:
    """The failures before the last one are not known; the last one is."""
    assert history_of(urllib3.exceptions.HTTPError()) == ()
    assert history_of(ValueError()) == ()

    class Failing(HTTPAdapter):
        def send(self, *_: Any, **__: Any) -> Any:
            raise requests.ConnectionError(urllib3.exceptions.ProtocolError("broken"))

    class Adapter(CloudElementsAdapter, Failing):
        pass

    with requests.Session() as session:
        session.mount("http://", Adapter(max_retries=Retry(2)))
        with pytest.raises(requests.ConnectionError) as caught:
            session.get("http://example.com/")
    [attempt] = retries_of(caught.value).attempts
    assert attempt.error == "broken"


def test_a_response_without_its_request_or_policy(platform: Any) -> None:
    """A transport may leave out what requests' own responses have."""

    class Bare(CloudElementsAdapter):
        def build_response(self, *args: Any) -> requests.Response:
            response = super().build_response(*args)
            response.raw.retries = None
            return response

    platform.reply(404)
    with CloudElementsSession() as session:
        session.mount("http://", Bare())
        with pytest.raises(NotFoundError) as caught:
            session.get(platform.url)
    assert caught.value.stopped_by == "status"
