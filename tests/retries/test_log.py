"""The log of retries: what its lines say, without secrets, and when it is silent."""

from __future__ import annotations

import urllib3

from cloud_elements_errors import Attempt, CloudElementsRetry, CloudElementsSession
from cloud_elements_errors._errors.line import attempt_line
from cloud_elements_errors._retries.log import log_retry


def test_the_log_of_a_retry_has_no_secret_of_a_header(platform, caplog):
    platform.reply(502, provider_message="bad key swordfishes")
    policy = CloudElementsRetry(backoff_factor=0)
    with CloudElementsSession(max_retries=policy) as session:
        session.get(platform.url, headers={"X-Api-Key": "swordfishes"})
    [record] = caplog.records
    assert "bad key [redacted]" in record.getMessage()
    assert "swordfishes" not in str(record.__dict__)


def test_a_retry_of_no_url_has_no_path(caplog):
    failed = urllib3.HTTPResponse(status=502)
    CloudElementsRetry().increment("GET", response=failed)
    assert caplog.records[0].path == ""


def test_lines_are_bounded(caplog):
    """Each text has at most 500 characters in a note, and in a line of the log."""
    attempt = Attempt(1, None, "i" * 600, "p" * 600, "e" * 600)
    line = attempt_line(attempt)
    assert [line.count(letter * 499 + "…") for letter in "ipe"] == [1, 1, 1]
    log_retry(attempt, "GET", "/" + "a" * 600, 4, 0.5)
    message = caplog.records[0].getMessage()
    assert [message.count(letter * 498 + "…") for letter in "ape"] == [1, 1, 1]
    assert [message.count(letter * 500) for letter in "ape"] == [0, 0, 0]
