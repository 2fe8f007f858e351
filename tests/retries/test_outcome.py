"""retries_of: the attempts behind an exception, wherever they are noted."""

from __future__ import annotations

from types import SimpleNamespace

from cloud_elements_errors import Attempt, BadRequestError, retries_of

ATTEMPTS = (Attempt(1, 502), Attempt(2, 400))
FAILED = BadRequestError(attempts=ATTEMPTS, stopped_by="status")


def test_an_error_has_them():
    """Both are what the error itself says."""
    assert retries_of(FAILED) == (ATTEMPTS, "status")


def test_they_are_found_behind_any_link():
    """A client may wrap a failure, more than once and beside others."""
    among = ValueError("a", OSError("b"), FAILED)
    caused = LookupError("c")
    caused.__cause__ = KeyError("d", OSError("e"))
    caused.__context__ = among
    for outer in (among, caused, RuntimeError(caused)):
        assert retries_of(outer).attempts == ATTEMPTS


def test_a_chain_that_leads_back_ends():
    """Nothing forbids an exception to be its own cause, or an argument of itself."""
    first, second = ValueError(), OSError()
    first.args = (second, first)
    second.__cause__ = first
    assert retries_of(first) == ((), None)


def test_attributes_of_other_libraries():
    """They may have the same name, and be anything."""
    for attempts in (3, "three", (), [*ATTEMPTS], (1, 2), (SimpleNamespace(),)):
        other = OSError()
        vars(other).update(attempts=attempts, stopped_by="me")
        assert retries_of(other) == ((), None)
