"""Caches for requests: successes are kept, errors never are."""

from __future__ import annotations

import gc
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
import requests
from cachecontrol import CacheControl, CacheControlAdapter
from requests_cache import CacheMixin

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsSession,
    FailedRequestError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_elements_errors.testing import FakeCloudElements

# Without a date, an answer has no age, and CacheControl keeps none.
DATE = {"Date": formatdate(usegmt=True)}
FRESH = {**DATE, "Cache-Control": "max-age=3600"}
STALE = {**DATE, "Cache-Control": "max-age=0", "ETag": '"1"'}


class CachedCloudElements(CacheMixin, CloudElementsSession):
    """What the guide tells users of requests-cache to write."""


class CachingAdapter(CacheControlAdapter, CloudElementsAdapter):
    """What the guide tells users of CacheControl to write."""


@pytest.fixture
def cached() -> Iterator[CachedCloudElements]:
    with CachedCloudElements(backend="memory", passthrough={406}, timeout=5) as session:
        yield session


def test_requests_cache_keeps_successes(
    cached: CachedCloudElements, platform: FakeCloudElements
):
    """Two calls, one request; and both bases have got their settings."""
    platform.reply(200, body={"id": 17})
    first, second = (cached.get(platform.url) for _ in range(2))
    assert first.json() == second.json() == {"id": 17}
    assert [first.from_cache, second.from_cache] == [False, True]
    assert len(platform.requests) == 1
    assert cached.passthrough == {406}
    assert cached.timeout == 5


def test_requests_cache_keeps_no_error(
    cached: CachedCloudElements, platform: FakeCloudElements
):
    """An error is raised, retries and all, and the next call asks the server again."""
    platform.reply(404, message="gone")
    platform.reply(502, times=4)
    platform.reply(200, body={"id": 17})
    with pytest.raises(NotFoundError, match="gone"):
        cached.get(platform.url)
    with pytest.raises(FailedRequestError) as caught:
        cached.get(platform.url)
    assert len(caught.value.attempts) == 4
    assert cached.get(platform.url).json() == {"id": 17}
    assert len(platform.requests) == 6
    assert len(cached.cache.responses) == 1


def test_requests_cache_keeps_no_error_that_may_pass(
    cached: CachedCloudElements, platform: FakeCloudElements
):
    """A status in passthrough comes back, and is not kept either."""
    platform.reply(406, times=2)
    for _ in range(2):
        assert cached.get(platform.url).status_code == 406
    assert len(platform.requests) == 2


def test_requests_cache_serves_stale_answers_instead_of_errors(
    platform: FakeCloudElements,
):
    """Its stale_if_error takes ours for what they are: failures."""
    platform.reply(200, body={"id": 17})
    platform.reply(502, times=4)
    with CachedCloudElements(
        backend="memory", expire_after=0.000001, stale_if_error=True
    ) as session:
        session.get(platform.url)
        answer = session.get(platform.url)
    assert answer.json() == {"id": 17}
    assert answer.is_expired
    assert len(platform.requests) == 5


def test_requests_cache_answers_504_itself(
    cached: CachedCloudElements, platform: FakeCloudElements
):
    """The 504 of only_if_cached is no answer of a server, and is not raised."""
    assert cached.get(platform.url, only_if_cached=True).status_code == 504
    assert platform.requests == []


@pytest.fixture
def _buffers_are_dropped() -> Iterator[None]:
    """Drop what CacheControl leaves open while its warning is still ignored.

    It buffers each body in a file, and closes it when a reader of its own has seen
    the end; the body of an error is read under it, one recv at a time.
    """
    yield
    gc.collect()


def both_ways(platform: FakeCloudElements, way: str) -> requests.Session:
    if way == "session":
        return CacheControl(CloudElementsSession(), adapter_class=CachingAdapter)
    session = requests.Session()
    session.mount(platform.url, CachingAdapter())
    return session


@pytest.fixture(params=["session", "mounted"])
def controlled(
    request: pytest.FixtureRequest, platform: FakeCloudElements
) -> Iterator[requests.Session]:
    with both_ways(platform, request.param) as session:
        yield session


def test_cachecontrol_keeps_successes(
    controlled: requests.Session, platform: FakeCloudElements
):
    """One adapter that is both: CacheControl's first, ours under it."""
    platform.reply(502)
    platform.reply(200, body={"id": 17}, headers=FRESH)
    assert [controlled.get(platform.url).json() for _ in range(2)] == [{"id": 17}] * 2
    assert len(platform.requests) == 2


@pytest.mark.usefixtures("_buffers_are_dropped")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_cachecontrol_keeps_no_error(
    controlled: requests.Session, platform: FakeCloudElements
):
    """Also where the server says that its error may be cached."""
    platform.reply(404, message="gone", headers=FRESH)
    platform.reply(502, provider_message="reset", headers=FRESH, times=4)
    with pytest.raises(NotFoundError, match="gone"):
        controlled.get(platform.url)
    with pytest.raises(FailedRequestError, match="reset") as caught:
        controlled.get(platform.url)
    assert caught.value.stopped_by == "attempts"
    assert controlled.get(platform.url).json() == {}


def test_cachecontrol_asks_again_with_the_etag(
    controlled: requests.Session, platform: FakeCloudElements
):
    """An answer that is stale is asked for anew, and a 304 brings it back."""
    platform.reply(200, body={"id": 17}, headers=STALE)
    platform.reply(304, headers=STALE)
    assert [controlled.get(platform.url).json() for _ in range(2)] == [{"id": 17}] * 2
    assert platform.requests[1].headers["If-None-Match"] == '"1"'


def test_cachecontrol_adapter_takes_our_settings():
    """Settings of ours are keywords after those of CacheControl."""
    adapter = CachingAdapter(max_retries=1, passthrough={404})
    assert adapter.max_retries.total == 1
    assert adapter.passthrough == {404}


@pytest.mark.usefixtures("_buffers_are_dropped")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_cachecontrol_over_our_session_has_no_retries(platform: FakeCloudElements):
    """CacheControl(session) mounts its own adapter: errors stay, retries go."""
    platform.reply(502, provider_message="reset")
    with (
        CacheControl(CloudElementsSession()) as session,
        pytest.raises(FailedRequestError, match="reset") as caught,
    ):
        session.get(platform.url)
    assert len(platform.requests) == 1
    assert caught.value.stopped_by is None


def test_cachecontrol_does_not_see_past_our_mount(platform: FakeCloudElements):
    """And where ours stands at a longer prefix, nothing there is cached."""
    platform.reply(200, headers=FRESH)
    session = requests.Session()
    session.mount(platform.url, CloudElementsAdapter())
    with CacheControl(session):
        session.get(platform.url)
        session.get(platform.url)
    assert len(platform.requests) == 2


def test_cachecontrol_comes_first(platform: FakeCloudElements):
    """The other way round, ours would not know what CacheControl hands it."""

    class Reversed(CloudElementsAdapter, CacheControlAdapter):
        pass

    with pytest.raises(TypeError, match="cache_etags"):
        CacheControl(requests.Session(), adapter_class=Reversed)
