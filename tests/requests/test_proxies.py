"""Proxies: their passwords stay out of errors."""

from __future__ import annotations

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
