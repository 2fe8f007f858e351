"""Mocks and recorders of requests: errors, retries and replays are the real ones."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import betamax
import pytest
import requests
import requests_mock
import responses
import vcr

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    FailedRequestError,
    NotFoundError,
    patch_requests,
    raise_for_error,
)
from cloud_elements_errors.testing import no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloud_elements_errors.testing import FakeCloudElements

URL = "https://api.cloud-elements.com/elements/api-v2/contacts"
BODY = {"message": "Request failed", "requestId": "5a1", "providerMessage": "reset"}


# Python 3.12 and later say so of datetime.utcnow().
BETAMAX_IS_OLD = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning")


def parts(error: CloudElementsError) -> dict[str, Any]:
    """What an error says, but for how it came about: no record keeps attempts."""
    return {**error.to_dict(), "attempts": None, "stopped_by": None}


def generated() -> Iterator[bytes]:
    yield b"once"


class Unseekable(io.BytesIO):
    def seek(self, *_args: int) -> int:
        raise io.UnsupportedOperation


@pytest.mark.parametrize(
    ("method", "make_body", "calls", "stopped_by"),
    [
        ("GET", lambda: None, 4, "attempts"),
        ("PUT", lambda: b"again", 4, "attempts"),
        ("PUT", lambda: io.BytesIO(b"again"), 4, "attempts"),
        ("PUT", generated, 1, "body"),
        ("PUT", lambda: Unseekable(b"once"), 1, "body"),
        ("POST", lambda: b"again", 1, "method"),
    ],
    ids=["no body", "bytes", "file", "generator", "unseekable file", "POST"],
)
@responses.activate
def test_responses_retries_as_the_policy_says(
    method: str, make_body: Callable[[], Any], calls: int, stopped_by: str
):
    """The retries that responses imitates are decided by our policy, body and all."""
    responses.add(method, URL, json=BODY, status=502)
    with (
        CloudElementsSession() as session,
        pytest.raises(FailedRequestError, match="reset") as caught,
    ):
        session.request(method, URL, data=make_body())
    assert len(responses.calls) == calls
    assert len(caught.value.attempts) == calls
    assert caught.value.stopped_by == stopped_by


@responses.activate
def test_responses_heals_in_a_mounted_adapter():
    """A 502 and then a 200 is a 200, as on the wire; nothing sleeps."""
    responses.add("GET", URL, json=BODY, status=502)
    responses.add("GET", URL, json=[])
    with requests.Session() as session:
        session.mount(URL, CloudElementsAdapter())
        assert session.get(URL).json() == []
    assert len(responses.calls) == 2


@responses.activate
def test_responses_lets_pass_what_it_is_told_to(platform: FakeCloudElements):
    """Under add_passthru() the real retries run, over the real wire."""
    responses.add_passthru(platform.url)
    platform.reply(502, times=2)
    with CloudElementsSession() as session:
        assert session.get(platform.url).json() == {}
    assert len(platform.requests) == 3


def test_requests_mock_raises_in_our_session(requests_mock: requests_mock.Mocker):
    """requests_mock takes the adapter's place: errors are typed, retries are gone."""
    requests_mock.get(URL, status_code=502, json=BODY)
    with (
        CloudElementsSession() as session,
        pytest.raises(FailedRequestError, match="reset") as caught,
    ):
        session.get(URL)
    assert requests_mock.call_count == 1
    assert caught.value.stopped_by is None


def test_requests_mock_hides_a_mounted_adapter(requests_mock: requests_mock.Mocker):
    """With a session of the user's, nobody of ours sees a mocked answer."""
    requests_mock.get(URL, status_code=502, json=BODY)
    with requests.Session() as session:
        session.mount(URL, CloudElementsAdapter())
        assert session.get(URL).status_code == 502


def test_requests_mock_mounted_by_hand(platform: FakeCloudElements):
    """Its adapter on a prefix of our session leaves the other URLs to ours."""
    mock = requests_mock.Adapter()
    mock.register_uri("GET", URL, status_code=502, json=BODY)
    platform.reply(502)
    with CloudElementsSession() as session:
        session.mount("https://api.cloud-elements.com/", mock)
        with pytest.raises(FailedRequestError, match="reset"):
            session.get(URL)
        assert session.get(platform.url).json() == {}
    assert len(platform.requests) == 2


def test_requests_mock_inside_a_patch():
    """A mocker that is opened inside patch_requests() comes first, as it should."""
    with patch_requests(URL) as seen, requests_mock.Mocker() as mock:
        mock.get(URL, status_code=502, json=BODY)
        assert requests.get(URL, timeout=5).status_code == 502
    assert list(seen) == []


@pytest.mark.parametrize("encoding", ["plain", "gzip"])
def test_vcrpy_replays_the_same_error(
    encoding: str, platform: FakeCloudElements, tmp_path: Path
):
    """A recorded failure is the same error when the server is gone, retries too."""
    body = json.dumps(BODY).encode()
    headers = {}
    if encoding == "gzip":
        body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    platform.reply(500)
    platform.reply(502, body=body, headers=headers, times=3)
    errors = []
    for _ in ("record", "replay"):
        with (
            no_wait(),  # and with a new budget
            vcr.use_cassette(tmp_path / "failure.yaml"),
            CloudElementsSession() as session,
            pytest.raises(FailedRequestError, match="reset") as caught,
        ):
            session.get(platform.url + "/contacts")
        errors.append(caught.value)
    recorded, replayed = errors
    assert len(platform.requests) == 4
    assert parts(replayed) == parts(recorded)
    assert [a.status_code for a in replayed.attempts] == [500, 502, 502, 502]
    assert replayed.stopped_by == recorded.stopped_by == "attempts"
    assert replayed.response.json() == recorded.response.json() == BODY


@BETAMAX_IS_OLD
def test_betamax_replays_the_same_error(platform: FakeCloudElements, tmp_path: Path):
    """Betamax records what our adapter returns in the end: one answer, no attempts."""
    platform.reply(500)
    platform.reply(502, body=BODY, times=3)
    errors = []
    for _ in ("record", "replay"):
        session = CloudElementsSession()
        with (
            betamax.Betamax(session, cassette_library_dir=tmp_path).use_cassette("x"),
            pytest.raises(FailedRequestError, match="reset") as caught,
        ):
            session.get(platform.url + "/contacts")
        errors.append(caught.value)
    recorded, replayed = errors
    assert len(platform.requests) == 4
    assert parts(replayed) == parts(recorded)
    assert replayed.stopped_by is None
    assert replayed.response.json() == BODY


@BETAMAX_IS_OLD
@pytest.mark.parametrize("hooks", [[], [raise_for_error]], ids=["none", "ours"])
def test_betamax_hides_a_mounted_adapter(
    hooks: list[Any], platform: FakeCloudElements, tmp_path: Path
):
    """Its responses are its own, in record and replay: only a hook still raises."""
    platform.reply(404, message="gone")
    for _ in ("record", "replay"):
        session = requests.Session()
        session.mount(platform.url, CloudElementsAdapter())
        session.hooks["response"].extend(hooks)
        recorder = betamax.Betamax(session, cassette_library_dir=tmp_path)
        with recorder.use_cassette("x"):
            if hooks:
                with pytest.raises(NotFoundError, match="gone"):
                    session.get(platform.url)
            else:
                assert session.get(platform.url).status_code == 404
    assert len(platform.requests) == 1


def test_policy_alone_under_responses():
    """CloudElementsRetry on a plain HTTPAdapter gets its answer back, unraised."""
    with responses.RequestsMock() as mock, requests.Session() as session:
        mock.add("GET", URL, json=BODY, status=502)
        session.mount(
            URL, requests.adapters.HTTPAdapter(max_retries=CloudElementsRetry(1))
        )
        assert session.get(URL).json() == BODY
        assert len(mock.calls) == 2
