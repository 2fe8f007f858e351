"""The log of retries: what its lines say, without secrets, and when it is silent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import urllib3

from cloud_elements_errors import (
    Attempt,
    CloudElementsRetry,
    CloudElementsSession,
)
from cloud_elements_errors._errors.line import attempt_line
from cloud_elements_errors._retries.log import log_retry
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_a_log_line_is_made_where_a_handler_may_see_it(
    level: int, monkeypatch: pytest.MonkeyPatch, error_free_logger: logging.Logger
) -> None:
    """A logger that is set to errors gets no work for each retry."""
    made = []
    monkeypatch.setattr(
        "cloud_elements_errors._retries.policy.log_retry", lambda *a: made.append(a)
    )
    error_free_logger.setLevel(level)
    policy = CloudElementsRetry()
    with FakeCloudElements() as platform, no_wait():
        platform.reply(502, times=2)
        with CloudElementsSession(max_retries=policy) as session:
            assert session.get(platform.url).status_code == 200
    assert len(made) == (2 if level == logging.WARNING else 0)


@pytest.fixture
def error_free_logger() -> Iterator[logging.Logger]:
    """The library's logger, put back as it was."""
    logger = logging.getLogger("cloud_elements_errors")
    level = logger.level
    yield logger
    logger.setLevel(level)
