"""Redirects: a stream is sent once, and a call is one call."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import UnrewindableBodyError

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    FailedRequestError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloud_elements_errors.testing import FakeCloudElements

CONTENT = b"all of it"


class Pipe(io.BytesIO):
    """A file that cannot go back."""

    def seek(self, *_args: Any) -> int:
        raise OSError("a pipe")

    tell = seek


class Reader:
    """What has read() alone, as an encoder of forms."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)

    def __len__(self) -> int:
        return len(CONTENT)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def closed_file() -> Any:
    """A file that is closed when it has been sent."""

    class Closing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            if not content:
                self.close()
            return content

    return Closing(CONTENT)


ONE_SHOT: dict[str, Callable[[], Any]] = {
    "generator": lambda: (part for part in (b"all ", b"of it")),
    "iterator": lambda: iter([b"all ", b"of it"]),
    "map": lambda: map(bytes, [CONTENT]),
    "pipe": lambda: Pipe(CONTENT),
    "reader": Reader,
    "closed": closed_file,
}
REWINDABLE: dict[str, Callable[[], Any]] = {
    "bytes": lambda: CONTENT,
    "str": CONTENT.decode,
    "file": lambda: io.BytesIO(CONTENT),
}


@pytest.fixture(params=["session", "adapter", "adapter of the first server"])
def session(
    request: pytest.FixtureRequest, platform: FakeCloudElements
) -> Iterator[requests.Session]:
    """Each way in that sees the redirect; the last one does not see its target."""
    ours = request.param == "session"
    with CloudElementsSession() if ours else requests.Session() as session:
        if request.param == "adapter":
            session.mount("http://", CloudElementsAdapter())
        elif not ours:
            session.mount(f"{platform.url}/", CloudElementsAdapter())
        yield session


def redirect(
    platform: FakeCloudElements, other: FakeCloudElements, status: int = 307
) -> None:
    platform.reply(status, headers={"Location": f"{other.url}/there"})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("body", ONE_SHOT.values(), ids=ONE_SHOT)
def test_a_stream_is_not_sent_on(
    platform: FakeCloudElements,
    other: FakeCloudElements,
    session: requests.Session,
    body: Callable[[], Any],
    status: int,
    *,
    stream: bool,
) -> None:
    """requests alone sends an empty body to the new URL, and gets a 200."""
    redirect(platform, other, status)
    with pytest.raises(UnrewindableBodyError):
        session.put(f"{platform.url}/here", data=body(), stream=stream)
    assert [one.body for one in platform.requests] == [CONTENT]
    assert other.requests == []


def test_requests_alone_empties_the_object(
    platform: FakeCloudElements, other: FakeCloudElements
) -> None:
    """The reason for all of this; if requests changes it, we need it no more."""
    redirect(platform, other)
    with requests.Session() as session:
        response = session.put(platform.url, data=ONE_SHOT["generator"]())
    assert response.status_code == 200
    assert other.requests[0].body == b""


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("body", REWINDABLE.values(), ids=REWINDABLE)
def test_what_can_be_rewound_is_sent_on(
    platform: FakeCloudElements,
    other: FakeCloudElements,
    session: requests.Session,
    body: Callable[[], Any],
    status: int,
) -> None:
    """Bytes, text and files arrive whole at the new URL."""
    redirect(platform, other, status)
    assert session.put(f"{platform.url}/here", data=body()).status_code == 200
    assert [one.body for one in other.requests] == [CONTENT]


@pytest.mark.parametrize("status", [302, 303])
def test_a_redirect_to_a_get_goes_on(
    platform: FakeCloudElements,
    other: FakeCloudElements,
    session: requests.Session,
    status: int,
) -> None:
    """These statuses ask for a GET, which has no body."""
    redirect(platform, other, status)
    body = ONE_SHOT["generator"]()
    assert session.post(f"{platform.url}/here", data=body).status_code == 200
    assert [(one.method, one.body) for one in other.requests] == [("GET", b"")]


def test_a_session_that_follows_no_redirects_gets_the_response(
    platform: FakeCloudElements, other: FakeCloudElements
) -> None:
    """It is the caller's to send the body again, so there is no next request."""
    redirect(platform, other)
    with CloudElementsSession() as session:
        response = session.put(
            platform.url, data=ONE_SHOT["generator"](), allow_redirects=False
        )
        assert response.status_code == 307
        assert response.next is None
        redirect(platform, other)
        response = session.put(platform.url, data=CONTENT, allow_redirects=False)
        assert response.next is not None
        assert session.send(response.next).status_code == 200
    assert [one.body for one in other.requests] == [CONTENT]


def test_the_session_refuses_whatever_the_adapter() -> None:
    """A mock in the adapter's place changes nothing of it."""
    with CloudElementsSession() as session, requests_mock.Mocker() as mock:
        mock.put("http://a/", status_code=307, headers={"Location": "http://b/"})
        mock.put("http://b/", json={})
        with pytest.raises(UnrewindableBodyError):
            session.put("http://a/", data=ONE_SHOT["generator"]())
    assert mock.call_count == 1


def test_an_upload_of_a_file_from_disk(
    platform: FakeCloudElements,
    other: FakeCloudElements,
    session: requests.Session,
    tmp_path: Path,
) -> None:
    """What has been read before the request is not sent on, as requests has it."""
    path = tmp_path / "upload"
    path.write_bytes(b"skip " + CONTENT)
    redirect(platform, other)
    with path.open("rb") as file:
        file.seek(5)
        assert session.put(f"{platform.url}/here", data=file).status_code == 200
    assert other.requests[0].body == CONTENT


# One call, one count, one time limit


@pytest.fixture
def redirecting(platform: FakeCloudElements) -> FakeCloudElements:
    """A server that answers each hop with a 502 first, and then with a redirect."""
    for hop, following in (("/a", "/b"), ("/b", "/c")):
        platform.reply(502, path=hop, provider_message=f"at {hop}")
        platform.reply(302, path=hop, headers={"Location": following})
    platform.reply(502, path="/c", times=9)
    return platform


def test_a_call_has_one_count_over_its_redirects(
    redirecting: FakeCloudElements,
) -> None:
    """With three retries in all, the third hop has one left."""
    with (
        CloudElementsSession(max_retries=3) as session,
        pytest.raises(FailedRequestError) as caught,
    ):
        session.get(f"{redirecting.url}/a")
    error = caught.value
    paths = [request.path for request in redirecting.requests]
    assert paths == ["/a", "/a", "/b", "/b", "/c", "/c"]
    assert [attempt.number for attempt in error.attempts] == [1, 2, 3, 4]
    assert [one.provider_message for one in error.attempts[:2]] == ["at /a", "at /b"]
    assert error.stopped_by == "attempts"
    assert [hop.status_code for hop in error.response.history] == [302, 302]


def test_a_call_has_one_time_limit_over_its_redirects(
    platform: FakeCloudElements,
) -> None:
    """Waits of 20 s before and after the redirect do not fit into 30 s."""
    policy = CloudElementsRetry(10, max_elapsed=30, budget=None)
    for path in ("/a", "/b"):
        platform.reply(502, path=path, headers={"Retry-After": "20"}, times=1)
    platform.reply(302, path="/a", headers={"Location": "/b"})
    platform.reply(502, path="/b", times=9)
    with (
        CloudElementsSession(max_retries=policy) as session,
        pytest.raises(FailedRequestError) as caught,
    ):
        session.get(f"{platform.url}/a")
    assert caught.value.stopped_by == "deadline"
    assert [request.path for request in platform.requests] == ["/a", "/a", "/b"]


def test_no_failure_before_a_redirect(platform: FakeCloudElements) -> None:
    """A call that is only redirected starts afresh where it fails."""
    platform.reply(302, path="/a", headers={"Location": "/b"})
    platform.reply(502, path="/b", times=9)
    with (
        CloudElementsSession(max_retries=2) as session,
        pytest.raises(FailedRequestError) as caught,
    ):
        session.get(f"{platform.url}/a")
    assert len(caught.value.attempts) == 3


def test_a_redirect_to_the_adapter_of_another_host(
    platform: FakeCloudElements, other: FakeCloudElements
) -> None:
    """Its policy decides how often; the attempts are those of the whole call."""
    platform.reply(502)
    platform.reply(302, headers={"Location": f"{other.url}/b"})
    other.reply(502, times=9)
    with CloudElementsSession(max_retries=1) as session:
        session.mount(other.url, CloudElementsAdapter(max_retries=2))
        with pytest.raises(FailedRequestError) as caught:
            session.get(f"{platform.url}/a")
    assert len(other.requests) == 3
    assert [attempt.number for attempt in caught.value.attempts] == [1, 2, 3, 4]


def test_secrets_of_the_url_before_the_redirect(platform: FakeCloudElements) -> None:
    """A 403 that repeats them shows them nowhere."""
    platform.reply(302, path="/a", headers={"Location": "/b"})
    platform.reply(403, path="/b", message="bad link /a?token=tk-84hF0aYpQ2x")
    with CloudElementsSession() as session, pytest.raises(CloudElementsError) as caught:
        session.get(f"{platform.url}/a?token=tk-84hF0aYpQ2x")
    assert "84hF0aYpQ2x" not in str(caught.value.to_dict())


def test_a_session_that_follows_redirects_itself(platform: FakeCloudElements) -> None:
    """It may build the proxies and send, as requests does, in an order of its own."""

    class Following(CloudElementsSession):
        def send(self, request: Any, **kwargs: Any) -> requests.Response:
            kwargs["allow_redirects"] = False
            response = super().send(request, **kwargs)
            while response.next is not None:
                following = response.next
                proxies = self.rebuild_proxies(following, kwargs.get("proxies"))
                response = super().send(following, **{**kwargs, "proxies": proxies})
            return response

    platform.reply(302, path="/a", headers={"Location": "/b"})
    platform.reply(404, path="/b")
    with Following() as session, pytest.raises(CloudElementsError):
        session.get(f"{platform.url}/a")


def test_a_thousand_redirects(platform: FakeCloudElements) -> None:
    """A long way leaves no recursion behind."""
    platform.reply(302, headers={"Location": "/"}, times=1200)
    platform.reply(404)
    with CloudElementsSession() as session:
        session.max_redirects = 5000
        with pytest.raises(CloudElementsError) as caught:
            session.get(platform.url)
    assert len(caught.value.response.history) == 1200


def test_positional_arguments_of_resolve_redirects(monkeypatch):
    """resolve_redirects() passes all on to requests."""
    seen = []
    monkeypatch.setattr(
        requests.Session,
        "resolve_redirects",
        lambda _self, *args, **kwargs: seen.append((args, kwargs)),
    )
    moved = requests.Response()
    sent = requests.Request("GET", "https://api.example/").prepare()
    CloudElementsSession().resolve_redirects(moved, sent, True, timeout=5)
    assert seen == [((moved, sent, True), {"timeout": 5})]


def test_a_redirect_from_an_adapter_of_somebody(
    platform: FakeCloudElements, other: FakeCloudElements
) -> None:
    """It knows nothing of attempts, so the call begins at ours."""
    platform.reply(302, headers={"Location": f"{other.url}/b"})
    other.reply(502, times=2)
    with CloudElementsSession(max_retries=1) as session:
        session.mount(platform.url, HTTPAdapter())
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert len(caught.value.attempts) == 2


def test_a_redirect_whose_body_is_not_of_urllib3(platform: FakeCloudElements) -> None:
    """An adapter of somebody may answer from a file or a string."""

    class Moved(HTTPAdapter):
        def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer.raw = 302, io.BytesIO()
            answer.headers["Location"] = platform.url
            answer.url, answer.request = request.url, request
            return answer

    platform.reply(409)
    with CloudElementsSession() as session:
        session.mount("http://moved.example", Moved())
        with pytest.raises(CloudElementsError) as caught:
            session.get("http://moved.example/")
    assert caught.value.status_code == 409


def test_a_plain_policy_counts_on_after_a_redirect(platform: FakeCloudElements) -> None:
    """As ours does: a call has one count and one list of attempts."""
    platform.reply(502)
    platform.reply(302, headers={"Location": "/b"})
    platform.reply(502, times=None)
    policy = urllib3.Retry(2, status_forcelist=[502])
    with CloudElementsSession(max_retries=policy) as session:
        with pytest.raises(FailedRequestError) as caught:
            session.get(f"{platform.url}/a")
        assert len(platform.requests) == 4
        assert len(caught.value.attempts) == 3
        with pytest.raises(FailedRequestError) as caught:
            session.get(f"{platform.url}/a")
        assert len(caught.value.attempts) == 3


def test_redirects_by_position(platform: FakeCloudElements) -> None:
    """A used-up stream is refused, also if nobody asks for the requests alone."""
    platform.reply(307, headers={"Location": "/b"})
    with CloudElementsSession() as session:
        data = iter([b"x"])
        request = requests.Request("POST", f"{platform.url}/a", data=data)
        prepared = session.prepare_request(request)
        response = session.send(prepared, allow_redirects=False)
        options = False, 5, True, None, {}, False
        with pytest.raises(UnrewindableBodyError):
            list(session.resolve_redirects(response, prepared, *options))


class PicksProxies(CloudElementsSession):
    """Gives each request a proxy of its own, or none."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Any:
        kwargs["proxies"] = {**(kwargs.get("proxies") or {})}
        return super().send(request, **kwargs)


class BuildsProxies(CloudElementsSession):
    """Decides about the proxies after a redirect."""

    def rebuild_proxies(self, prepared_request: Any, proxies: Any) -> Any:
        return {**super().rebuild_proxies(prepared_request, proxies)}


@pytest.mark.parametrize("kind", [PicksProxies, BuildsProxies])
def test_a_call_goes_on_with_other_proxies(
    platform: FakeCloudElements, kind: type[CloudElementsSession]
) -> None:
    """Its history, its count, and the secrets of its first URL."""
    platform.reply(502)
    redirects = 2 if kind is PicksProxies else 1
    platform.reply(302, headers={"Location": "/end"}, times=redirects)
    platform.reply(502, times=2, provider_message="no record q7xW-secret-99 here")
    with kind(max_retries=1) as session, pytest.raises(FailedRequestError) as caught:
        session.get(f"{platform.url}/start?token=q7xW-secret-99")
    error = caught.value
    assert error.response is not None
    assert [one.status_code for one in error.response.history] == [302] * redirects
    assert error.provider_message == "no record [redacted] here"
    assert len(platform.requests) == 2 + redirects
    assert len(error.attempts) == 2


def test_the_next_request_is_a_call_of_its_own(platform: FakeCloudElements) -> None:
    """As with requests: the user sends it, perhaps much later."""
    platform.reply(302, headers={"Location": "/end"})
    with CloudElementsSession() as session:
        response = session.get(f"{platform.url}/start", allow_redirects=False)
        assert response.next is not None
        assert session.send(response.next).history == []
