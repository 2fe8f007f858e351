"""The log of retries: what its lines say, without secrets, and when it is silent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import urllib3

from cloud_elements_errors import (
    Attempt,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
)
from cloud_elements_errors._errors.line import attempt_line
from cloud_elements_errors._retries.state import RequestState

if TYPE_CHECKING:
    pass


def test_the_log_of_a_retry_has_no_secret_of_a_header(platform, caplog):
    """A secret of the request is in no part of the record."""
    platform.reply(502, provider_message="bad key swordfishes")
    policy = CloudElementsRetry(backoff_factor=0)
    with CloudElementsSession(max_retries=policy) as session:
        session.get(platform.url, headers={"X-Api-Key": "swordfishes"})
    [record] = caplog.records
    assert "bad key [redacted]" in record.getMessage()
    assert "swordfishes" not in str(record.__dict__)


def test_a_retry_of_no_url_has_no_path(caplog):
    """urllib3 may ask without a URL: the path is then empty."""
    failed = urllib3.HTTPResponse(status=502)
    CloudElementsRetry().increment("GET", response=failed)
    assert caplog.records[0].path == ""


def test_lines_are_bounded(caplog):
    """Each text has at most 500 characters in a note, and in a line of the log."""
    attempt = Attempt(1, None, "i" * 600, "p" * 600, "e" * 600)
    line = attempt_line(attempt)
    assert [line.count(letter * 499 + "…") for letter in "ipe"] == [1, 1, 1]
    state = RequestState()
    state.attempts = (attempt,)
    state.log_retry("GET", "/" + "a" * 600, 4)
    message = caplog.records[0].getMessage()
    assert [message.count(letter * 498 + "…") for letter in "ape"] == [1, 1, 1]
    assert [message.count(letter * 500) for letter in "ape"] == [0, 0, 0]


SECRETS = ["vu8+fT/a0Xs=", "o7Zk+2qW/w9=", "eL9/+pP0aQ=", "s3cr3t-Qu3ry-0f-App"]


AUTHORIZATION = "User {}, Organization {}, Element {}".format(*SECRETS[:3])


@pytest.mark.parametrize("last", [502, 409], ids=["stays 502", "ends in 409"])
def test_echoed_secrets_stay_out_of_logs_and_attempts(
    platform, make_session, caplog, last
):
    """The server says back what it got; neither log nor attempts repeat it."""
    caplog.set_level(logging.DEBUG, logger="cloud_elements_errors")
    echo = f"bad call: {AUTHORIZATION} apiSecret={SECRETS[3]}"
    for status in (502, last):
        platform.reply(
            status, message=echo, provider_message=echo, request_id=SECRETS[3]
        )
    with pytest.raises(CloudElementsError) as caught:
        make_session(max_retries=1).get(
            f"{platform.url}/elements/{SECRETS[3]}/oauth/url",
            params={"apiSecret": SECRETS[3]},
            headers={"Authorization": AUTHORIZATION},
        )
    (record,) = [one for one in caplog.records if one.name == "cloud_elements_errors"]
    shown = record.getMessage() + repr(vars(record)) + repr(caught.value.attempts)
    assert "bad call" in shown
    assert [secret for secret in SECRETS if secret in shown] == []


def test_log_lines_of_a_call(platform, make_session, caplog):
    """Each retry is one line, with what the provider said."""
    platform.reply(502, provider_message="Connection reset by peer", times=2)
    make_session().get(platform.url + "/contacts?q=1")
    lines = [one for one in caplog.records if one.name == "cloud_elements_errors"]
    assert [one.levelname for one in lines] == ["WARNING", "WARNING"]
    for number, record in enumerate(lines, 2):
        assert record.getMessage().startswith(
            "Retrying GET /contacts after 502 (Connection reset by peer): "
            f"attempt {number} of 4 in "
        )
        assert (record.method, record.path) == ("GET", "/contacts")
        assert (record.attempt, record.max_attempts) == (number, 4)


def test_nothing_is_logged_when_all_goes_well(platform, make_session, caplog):
    """At INFO and above there is silence."""
    caplog.set_level(logging.DEBUG)
    for method in ("GET", "POST", "PUT"):
        make_session().request(method, platform.url, data=b"x")
    assert caplog.records != []
    assert [one for one in caplog.records if one.levelno >= logging.INFO] == []
