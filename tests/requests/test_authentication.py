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
