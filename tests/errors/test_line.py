"""The line and the notes of an error: what they say, and when they are made."""

from __future__ import annotations

import pytest

from cloud_elements_errors import Attempt, UnlistedStatusError
from cloud_elements_errors._errors.line import error_line, printable, why_stopped


@pytest.mark.parametrize("part", ["title", "request_id", "url"])
def test_a_long_part_is_cut_in_the_line(part):
    error = UnlistedStatusError(status_code=507, **{part: "x" * 2_000})
    assert "x" * 499 + "…" in error_line(error) + " "
    assert "x" * 500 not in error_line(error)


def test_two_attempts_are_counted_in_the_line():
    past = (Attempt(1, 502), Attempt(2, 507))
    assert "attempts: 2" in error_line(UnlistedStatusError(attempts=past))
    assert "attempts" not in error_line(UnlistedStatusError(attempts=past[:1]))


def test_a_wait_that_nobody_asked_for():
    """An error made by hand may lack what its reason says."""
    error = UnlistedStatusError(stopped_by="retry_after", attempts=(Attempt(1, 503),))
    assert why_stopped(error) == (
        "Not retried: the server asks for a longer wait than the policy allows."
    )


def test_only_what_cannot_be_printed_is_escaped():
    assert printable("é\x1b") == r"é\x1b"
