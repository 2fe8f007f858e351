"""What the tests of errors share: an error that is full of details."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from cloud_elements_errors import Attempt, ConflictError
from cloud_elements_errors._errors.build import error_from_payload
from cloud_elements_errors._errors.payload import ErrorPayload
from cloud_elements_errors._errors.redaction import Redactor

URL = "https://api.cloud-elements.com/elements/api-v2/contacts?where=id%3D1"
BODY = {
    "message": "Größe: no such field",
    "requestId": "5b0437c6e4b07731ae39b533",
    "providerMessage": "Field 'size' is unknown",
    "providerErrorCode": "E17",
    "fields": ["size", {"deep": [1, 2.5, None, True]}],
}


def _make_response(status, body=b"", *, url=URL, content_type="application/json"):
    request = requests.Request(
        "POST", url, json={"a": 1}, headers={"X-Client": "tests"}
    ).prepare()
    response = requests.Response()
    response.status_code = status
    response.reason = "Reason"
    response.url = request.url
    response.request = request
    response.headers = CaseInsensitiveDict(
        {"Content-Type": content_type, "Retry-After": "7"}
    )
    response.elapsed = timedelta(seconds=0.25)
    response._content = body
    return response


def _make_error(cls=ConflictError, body=None):
    status = cls.status_code or 429
    content = json.dumps(BODY if body is None else body).encode()
    response = _make_response(status, content)
    return error_from_payload(
        status,
        ErrorPayload(
            response.headers, content, Redactor(response.request.headers, URL)
        ),
        reason=response.reason,
        method="POST",
        url=URL,
        earlier=(Attempt(1, 502, "r1", "busy", None, 0.5), Attempt(2, error="reset")),
        stopped_by="attempts",
        response=response,
    )


@pytest.fixture
def make_response():
    """Make a response, with the request that it answers."""
    return _make_response


@pytest.fixture
def full_body():
    """What `make_error` makes an error of, unless it gets another body."""
    return BODY


@pytest.fixture
def make_error():
    """Make an error that was retried, of a class and a body."""
    return _make_error
