"""Proxies: their passwords stay out of errors."""

from __future__ import annotations

import pytest
import requests
from urllib3.util import Retry

from cloud_elements_errors import CloudElementsAdapter, ConflictError


def test_the_password_of_a_proxy_under_a_plain_policy(platform):
    """It stays out of the error, also with a policy of urllib3's."""
    session = requests.Session()
    session.mount("http://", CloudElementsAdapter(max_retries=Retry(0)))
    platform.reply(409, provider_message="seen: pr0xypass")
    proxy = platform.url.replace("//", "//me:pr0xypass@")
    with pytest.raises(ConflictError) as caught:
        session.get("http://api.example/contacts", proxies={"http": proxy})
    assert caught.value.provider_message == "seen: [redacted]"
