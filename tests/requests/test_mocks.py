"""Tools that stand in for the transport: errors are raised all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
import responses

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsSession,
    ConflictError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_on_error_where_a_mock_replaces_send():
    """A session whose send() was replaced still calls on_error."""
    seen = []
    session = CloudElementsSession(on_error=seen.append)
    failed = requests.Response()
    failed.status_code = 409
    session.send = lambda *_args, **_kwargs: failed
    with pytest.raises(ConflictError) as caught:
        session.get("https://api.example/contacts")
    assert seen == [caught.value]


def error_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> CloudElementsError:
    """Return the error that a call raises."""
    with pytest.raises(requests.HTTPError) as caught:
        call(*args, **kwargs)
    return caught.value


def test_requests_mock() -> None:
    """The drop-in session raises under requests_mock, which replaces the adapter."""
    session = CloudElementsSession()
    with requests_mock.Mocker() as mock:
        mock.get(
            "http://mock/contacts",
            status_code=404,
            json={"message": "gone", "requestId": "r"},
            cookies=requests_mock.CookieJar(),
        )
        error = error_of(session.get, "http://mock/contacts", stream=True)
    assert (error.message, error.request_id) == ("gone", "r")
    assert error.response.json()["message"] == "gone"


def test_requests_mock_as_an_adapter() -> None:
    """And with its adapter mounted over the session's."""
    adapter = requests_mock.Adapter()
    adapter.register_uri("GET", "mock://x/", status_code=502, text="bad")
    with CloudElementsSession(passthrough={404}) as session:
        session.mount("mock://", adapter)
        error = error_of(session.get, "mock://x/")
    assert (error.status_code, error.text, error.stopped_by) == (502, "bad", None)


@responses.activate
def test_responses(make_session: Callable[..., requests.Session]) -> None:
    """``responses`` patches HTTPAdapter.send: the error is raised, retries happen."""
    session = make_session(max_retries=2)
    body = {"message": "m", "providerMessage": "p"}
    responses.get("http://mock/", status=502, json=body)
    error = error_of(session.get, "http://mock/", stream=True)
    assert (error.message, error.provider_message) == ("m", "p")
    assert (len(error.attempts), error.stopped_by) == (3, "attempts")
    assert error.attempts[0].provider_message == "p"
    assert len(responses.calls) == 3


@responses.activate
def test_responses_without_a_retry(
    make_session: Callable[..., requests.Session],
) -> None:
    """A status that is not retried is raised at once, with the policy's reason."""
    responses.post("http://mock/", status=404, body=b"<html>")
    error = error_of(make_session().post, "http://mock/")
    assert (error.text, error.stopped_by) == ("<html>", "status")
    assert len(responses.calls) == 1


def test_a_mock_of_one_sessions_send():
    """requests_mock may replace the send of one session: errors are raised still."""
    session = CloudElementsSession()
    with requests_mock.Mocker(session=session) as mocker:
        mocker.get("http://example.com/", status_code=404)
        with pytest.raises(NotFoundError):
            session.get("http://example.com/")
