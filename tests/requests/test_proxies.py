"""Proxies: their passwords stay out of errors."""

from __future__ import annotations

import io
import pickle
from unittest import mock

import pytest
import requests
from urllib3.util import Retry

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    UnlistedStatusError,
    error_from_response,
    raise_for_error,
    retries_of,
)


def test_the_password_of_a_proxy_under_a_plain_policy(platform):
    """It stays out of the error, also with a policy of urllib3's."""
    session = requests.Session()
    session.mount("http://", CloudElementsAdapter(max_retries=Retry(0)))
    platform.reply(409, provider_message="seen: pr0xypass")
    proxy = platform.url.replace("//", "//me:pr0xypass@")
    with pytest.raises(ConflictError) as caught:
        session.get("http://api.example/contacts", proxies={"http": proxy})
    assert caught.value.provider_message == "seen: [redacted]"


def test_the_password_of_a_proxy_in_a_pickle(platform, session):
    """A header of the response may repeat it."""
    platform.reply(409, headers={"X-Seen": "by pr0xypass"})
    proxy = platform.url.replace("//", "//me:pr0xypass@")
    with pytest.raises(ConflictError) as caught:
        session.get("http://api.example/contacts", proxies={"http": proxy})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.response.headers["X-Seen"] == "by [redacted]"


def test_the_password_of_a_proxy(raw_server, session):
    """A proxy that echoes its credentials does not get them into the error."""
    body = b'{"message": "no entry for pr0xyPassw0rd"}'
    proxy = raw_server(
        b"HTTP/1.1 407 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    address = proxy.url.removesuffix("/path").replace("//", "//me:pr0xyPassw0rd@")
    with pytest.raises(UnlistedStatusError, match=r"no entry for \[redacted\]"):
        session.get("http://api.example.test/x", proxies={"http": address})
    with CloudElementsSession(passthrough={407}) as lenient:
        answer = lenient.get("http://api.example.test/x", proxies={"http": address})
    assert error_from_response(answer).message == "no entry for [redacted]"


def test_the_password_of_a_proxy_that_is_passed_by_position(platform):
    """The fifth argument of an adapter's send(), as hosts' adapters may pass it."""
    platform.reply(502, provider_message="seen: pr0xypass")
    platform.reply(200)
    request = requests.Request("GET", "http://api.example/contacts").prepare()
    proxies = {"http": platform.url.replace("//", "//me:pr0xypass@")}
    adapter = CloudElementsAdapter(max_retries=CloudElementsRetry(1, backoff_factor=0))
    answer = adapter.send(request, False, 5, True, None, proxies)
    (attempt,) = answer.raw.retries.attempts
    assert attempt.provider_message == "seen: [redacted]"
    adapter.close()


@pytest.mark.parametrize("retries", [0, 1])
def test_the_password_of_a_proxy_that_failed(raw_server, retries):
    """Nor after a retry, in the error or in what it says of the earlier attempt."""
    body = b'{"providerMessage": "no entry for pr0xyPassw0rd"}'
    proxy = raw_server(
        b"HTTP/1.1 502 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )
    address = proxy.url.removesuffix("/path").replace("//", "//me:pr0xyPassw0rd@")
    policy = CloudElementsRetry(retries, backoff_factor=0)
    with (
        CloudElementsSession(max_retries=policy) as session,
        pytest.raises(FailedRequestError, match=r"no entry for \[redacted\]") as caught,
    ):
        session.get("http://api.example.test/x", proxies={"http": address})
    words = [attempt.provider_message for attempt in caught.value.attempts]
    assert words == ["no entry for [redacted]"] * (retries + 1)


def test_a_redirect_goes_through_the_proxy_too(platform, session):
    """Each hop asks which proxies there are for its own URL."""
    platform.reply(302, headers={"Location": "http://other.example/there"})
    platform.reply(409, provider_message="it exists")
    with pytest.raises(ConflictError, match="it exists"):
        session.get("http://api.example/here", proxies={"http": platform.url})
    hosts = [request.headers["Host"] for request in platform.requests]
    assert hosts == ["api.example", "other.example"]


def test_the_password_of_a_proxy_in_a_warning(platform, caplog):
    """The hook learns of the proxies from requests."""
    platform.reply(200, headers={"Elements-Error": "old, says pr0xypass"})
    with requests.Session() as plain:
        plain.hooks["response"].append(raise_for_error)
        proxy = platform.url.replace("//", "//me:pr0xypass@")
        plain.get("http://api.example/contacts", proxies={"http": proxy})
    assert "old, says [redacted]" in caplog.messages[-1]


@pytest.mark.parametrize("way", ["adapter", "session"])
def test_the_password_of_a_proxy_in_an_error_of_a_hook(platform, way):
    """A hook may raise requests' own error; on_error gets ours for it."""

    def refuse(response, **_):
        response.raise_for_status()

    told = []
    settings = {"max_retries": Retry(0), "on_error": told.append}
    session = CloudElementsSession(**settings)
    if way == "adapter":
        session = requests.Session()
        session.mount("http://", CloudElementsAdapter(**settings))
    session.hooks["response"].append(refuse)
    platform.reply(409, provider_message="seen: pr0xypass")
    proxy = platform.url.replace("//", "//me:pr0xypass@")
    with session, pytest.raises(requests.HTTPError):
        session.get("http://api.example/contacts", proxies={"http": proxy})
    assert [error.provider_message for error in told] == ["seen: [redacted]"]


def test_the_password_of_a_proxy_that_only_a_mock_has_seen():
    """The arguments of the call say what is secret."""
    answer = requests.Response()
    answer.status_code = 409
    answer.raw = io.BytesIO(b'{"providerMessage": "seen: pr0xypass"}')
    proxies = {"http": "http://me:pr0xypass@proxy.example"}
    with (
        mock.patch.object(CloudElementsSession, "send", return_value=answer),
        CloudElementsSession() as session,
        pytest.raises(ConflictError, match=r"seen: \[redacted\]"),
    ):
        session.get("http://api.example/contacts", proxies=proxies)


@pytest.mark.parametrize("where", ["session", "environment"])
def test_a_prepared_request_goes_through_the_proxy(platform, monkeypatch, where):
    """send() finds the proxies of the session and the environment, as in requests."""
    platform.reply(409, provider_message="seen: pr0xypass")
    proxy = platform.url.replace("//", "//me:pr0xypass@")
    with CloudElementsSession() as session:
        if where == "session":
            session.proxies = {"http": proxy}
        else:
            monkeypatch.setenv("HTTP_PROXY", proxy)
        request = requests.Request("GET", "http://api.example/contacts").prepare()
        with pytest.raises(ConflictError, match=r"seen: \[redacted\]"):
            session.send(request)
    assert len(platform.requests) == 1


def test_a_prepared_request_without_the_environment(platform, monkeypatch):
    """trust_env says whether the environment counts."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with CloudElementsSession(max_retries=0) as session:
        session.trust_env = False
        request = requests.Request("GET", platform.url).prepare()
        assert session.send(request).status_code == 200


@pytest.mark.parametrize("secret", ["h3aderpass", "qu3rypass", "pr0xypass"])
def test_no_secret_in_what_is_no_response(raw_server, secret):
    """A peer that speaks no HTTP may repeat what it has got."""
    proxy = raw_server(f"You said {secret}\r\n".encode())
    address = proxy.url.removesuffix("/path").replace("//", "//me:pr0xypass@")
    session = requests.Session()
    session.mount("http://", CloudElementsAdapter(max_retries=Retry(0)))
    with pytest.raises(requests.ConnectionError) as caught:
        session.get(
            "http://api.example/contacts?token=qu3rypass",
            headers={"Authorization": "Bearer h3aderpass"},
            proxies={"http": address},
        )
    [attempt] = retries_of(caught.value).attempts
    assert "You said [redacted]" in attempt.error
