"""Tools that stand in for the transport: errors are raised all the same."""

from __future__ import annotations

import pytest
import requests

from cloud_elements_errors import CloudElementsSession, ConflictError


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
