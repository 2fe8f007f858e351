"""Authentication that answers a first 401 by itself, as digest does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.auth import HTTPDigestAuth

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsSession,
    ForbiddenError,
    UnauthorizedError,
)
from cloud_elements_errors.testing import no_wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements


CHALLENGE = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}


def error_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> CloudElementsError:
    """Return the error that a call raises."""
    with pytest.raises(requests.HTTPError) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize("second", [200, 403])
def test_digest_authentication(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    second: int,
) -> None:
    """Digest answers the 401 first; what comes after it counts (trap 2)."""
    platform.reply(401, headers={**CHALLENGE, "Set-Cookie": "a=1"})
    platform.reply(second, headers={"Set-Cookie": "b=2"})
    session = make_session()
    auth = HTTPDigestAuth("user", "pass")
    if second == 200:
        assert session.get(platform.url, auth=auth).status_code == 200
    else:
        error = error_of(session.get, platform.url, auth=auth)
        assert isinstance(error, ForbiddenError)
        assert [one.status_code for one in error.response.history] == [401]
    assert len(platform.requests) == 2
    assert platform.requests[1].headers["Authorization"].startswith("Digest ")
    if isinstance(session, CloudElementsSession):
        assert session.cookies.get_dict() == {"a": "1", "b": "2"}


def test_digest_with_a_wrong_password(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A second 401 is raised: digest tries once."""
    platform.reply(401, headers=CHALLENGE, times=2)
    with pytest.raises(UnauthorizedError):
        make_session().get(platform.url, auth=HTTPDigestAuth("user", "wrong"))
    assert len(platform.requests) == 2


def log_in_again(response: requests.Response, **kwargs: Any) -> requests.Response:
    """Renew a token and send the request again, as a hook of the user does."""
    if response.status_code != 401:
        return response
    return response.connection.send(response.request.copy(), **kwargs)


LOGINS: dict[str, dict[str, Any]] = {
    "digest": {"auth": HTTPDigestAuth("user", "pass-17")},
    "hook": {"hooks": {"response": log_in_again}},
}


@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
def test_a_login_is_part_of_the_call(
    platform: FakeCloudElements, login: dict[str, Any]
) -> None:
    """The attempts before it count, and so does the time: it is one call."""
    platform.reply(502, request_id="r1")
    platform.reply(401, headers=CHALLENGE)
    platform.reply(502, times=None)
    with no_wait(), CloudElementsSession(max_retries=1) as session:
        error = error_of(session.get, platform.url, **login)
    assert [one.status_code for one in error.attempts] == [502, 502]
    assert error.attempts[0].request_id == "r1"
    assert error.stopped_by == "attempts"
    assert len(platform.requests) == 3


def test_the_next_call_begins_anew(platform: FakeCloudElements) -> None:
    """A digest login keeps its state for a session, but not the count of a call."""
    auth = HTTPDigestAuth("user", "pass-17")
    with no_wait(), CloudElementsSession(max_retries=1) as session:
        for _ in range(2):
            platform.reply(401, headers=CHALLENGE)
            platform.reply(502)
            assert session.get(platform.url, auth=auth).status_code == 200
