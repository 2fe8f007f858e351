"""Tools that are sessions, adapters or bodies themselves."""

from __future__ import annotations

import io
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

import pytest
import requests
from oauthlib.oauth2 import InvalidGrantError, LegacyApplicationClient
from requests.adapters import HTTPAdapter
from requests_futures.sessions import FuturesSession
from requests_oauthlib import OAuth2Session
from requests_ratelimiter import LimiterMixin
from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor

from cloud_elements_errors import (
    BadRequestError,
    CloudElementsAdapter,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    UnlistedStatusError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud_elements_errors.testing import FakeCloudElements


# requests-oauthlib

TOKEN = {
    "access_token": "new",
    "refresh_token": "r2",
    "token_type": "Bearer",
    "expires_in": 3600,
}
EXPIRED = {**TOKEN, "access_token": "old", "refresh_token": "r1", "expires_in": -1}


@pytest.fixture
def oauth(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OAuth2Session]:
    """A session with our adapter, whose token has expired."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # loopback has no TLS
    with OAuth2Session(
        client=LegacyApplicationClient("client"),
        token=EXPIRED,
        auto_refresh_url=platform.url + "/token",
        token_updater=lambda _token: None,
    ) as session:
        session.mount(platform.url + "/", CloudElementsAdapter())
        yield session


def test_oauthlib_refreshes_its_token(
    oauth: OAuth2Session, platform: FakeCloudElements
):
    """The refresh before an expired token is used works, and errors are ours."""
    platform.reply(200, path="/token", body=TOKEN)
    platform.reply(502, path="/contacts", provider_message="reset", times=4)
    with pytest.raises(FailedRequestError, match="reset") as caught:
        oauth.get(platform.url + "/contacts")
    assert [r.path for r in platform.requests] == ["/token", *["/contacts"] * 4]
    assert {r.headers["Authorization"] for r in platform.requests[1:]} == {"Bearer new"}
    assert len(caught.value.attempts) == 4


def test_oauthlib_reads_no_refused_token(
    oauth: OAuth2Session, platform: FakeCloudElements
):
    """A refused refresh under our prefix is our error, not InvalidGrantError."""
    platform.reply(400, path="/token", body={"error": "invalid_grant"})
    with pytest.raises(BadRequestError, match="invalid_grant"):
        oauth.get(platform.url + "/contacts")


@pytest.mark.parametrize(
    "adapter",
    [HTTPAdapter(), CloudElementsAdapter(passthrough={400, 401})],
    ids=["its own adapter", "passthrough"],
)
def test_oauthlib_reads_refused_tokens_of_a_mount_of_their_own(
    oauth: OAuth2Session, platform: FakeCloudElements, adapter: HTTPAdapter
):
    """The token's URL is mounted apart, and requests-oauthlib says what it says."""
    platform.reply(400, path="/token", body={"error": "invalid_grant"})
    oauth.mount(platform.url + "/token", adapter)
    with pytest.raises(InvalidGrantError):
        oauth.get(platform.url + "/contacts")


# requests-toolbelt


def multipart() -> MultipartEncoder:
    file = ("contacts.csv", io.BytesIO(b"name\nAda\n"), "text/csv")
    return MultipartEncoder({"folder": "/import", "file": file}, boundary="b")


@pytest.mark.parametrize(
    "wrap", [lambda e: e, MultipartEncoderMonitor], ids=["encoder", "monitor"]
)
def test_toolbelt_streams_are_never_sent_again(
    platform: FakeCloudElements,
    wrap: Callable[[MultipartEncoder], Any],
    make_session: Callable[..., requests.Session],
):
    """An encoder cannot be rewound, so a failed upload is not repeated empty."""
    body = wrap(multipart())
    platform.reply(502, provider_message="reset")
    with pytest.raises(FailedRequestError, match="reset") as caught:
        make_session().put(
            platform.url, data=body, headers={"Content-Type": body.content_type}
        )
    assert caught.value.stopped_by == "body"
    assert [r.body for r in platform.requests] == [multipart().to_string()]


def test_toolbelt_strings_are_sent_again_whole(
    platform: FakeCloudElements, make_session: Callable[..., requests.Session]
):
    """What to_string() returns is bytes, the same on every attempt."""
    platform.reply(502, times=2)
    encoder = multipart()
    answer = make_session().put(
        platform.url,
        data=encoder.to_string(),
        headers={"Content-Type": encoder.content_type},
    )
    assert answer.ok
    assert [r.body for r in platform.requests] == [multipart().to_string()] * 3


def test_toolbelt_monitor_sees_the_one_upload(platform: FakeCloudElements):
    """The callback has seen all of the body once, when the error arrives."""
    seen: list[int] = []
    monitor = MultipartEncoderMonitor(multipart(), lambda m: seen.append(m.bytes_read))
    platform.reply(500)
    with CloudElementsSession() as session, pytest.raises(requests.HTTPError):
        session.put(platform.url, data=monitor)
    assert seen == sorted(seen)
    assert seen[-1] == len(multipart().to_string())


# requests-ratelimiter


class LimitedAdapter(LimiterMixin, CloudElementsAdapter):
    """What the guide tells users of requests-ratelimiter to write."""


class LimitedSession(LimiterMixin, CloudElementsSession):
    """It works too, but does not learn from a 429, which is raised under it."""


def limited_adapter(**settings: Any) -> requests.Session:
    session = CloudElementsSession()
    session.mount("http://", LimitedAdapter(**settings))
    return session


@pytest.mark.parametrize(
    "make", [limited_adapter, LimitedSession], ids=["adapter", "session"]
)
def test_ratelimiter_counts_and_we_raise(
    platform: FakeCloudElements, make: Callable[..., requests.Session]
):
    """Calls over the limit do not go out; answers raise, retried inside one call."""
    platform.reply(502, provider_message="reset", times=4)
    with make(per_hour=2, max_delay=0, max_retries=3) as session:
        with pytest.raises(FailedRequestError, match="reset") as caught:
            session.get(platform.url)
        assert session.get(platform.url).ok
        with pytest.raises(requests.Timeout, match="Rate limit"):
            session.get(platform.url)
    assert len(caught.value.attempts) == 4
    assert len(platform.requests) == 5


@pytest.mark.parametrize(
    ("make", "learns"),
    [(limited_adapter, True), (LimitedSession, False)],
    ids=["adapter", "session"],
)
def test_ratelimiter_learns_from_429(
    platform: FakeCloudElements, make: Callable[..., requests.Session], learns: bool
):
    """The adapter sees the status before it is raised; the session does not."""
    platform.reply(429)
    with make(per_hour=2, max_delay=0) as session:
        with pytest.raises(UnlistedStatusError, match="429"):
            session.get(platform.url)
        if learns:
            with pytest.raises(requests.Timeout, match="Rate limit"):
                session.get(platform.url)
        else:
            assert session.get(platform.url).ok


# requests-futures


def test_futures_carry_the_errors(platform: FakeCloudElements):
    """future.exception() is our error, each call's own, also with a larger pool."""
    for n in range(20):
        platform.reply(409, path=f"/{n}", request_id=f"id-{n}")
    with (
        CloudElementsSession() as ours,
        FuturesSession(session=ours, max_workers=16) as session,
    ):
        futures = [session.post(f"{platform.url}/{n}") for n in range(20)]
        healthy = session.get(platform.url)
        wait([*futures, healthy])
        errors = [future.exception() for future in futures]
    assert {type(error) for error in errors} == {ConflictError}
    assert [error.request_id for error in errors] == [f"id-{n}" for n in range(20)]
    assert healthy.exception() is None


def test_futures_retry_after_their_pools_were_resized(platform: FakeCloudElements):
    """More than ten workers resize the pools of our adapter; its policy stays."""
    platform.reply(502, times=2)
    with (
        CloudElementsSession() as ours,
        FuturesSession(session=ours, max_workers=16) as session,
    ):
        assert session.get(platform.url).result(timeout=10).ok
    assert len(platform.requests) == 3
