"""A redirect never empties an object: a stream is sent once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
from requests.exceptions import UnrewindableBodyError

from cloud_elements_errors import CloudElementsAdapter, CloudElementsSession

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
