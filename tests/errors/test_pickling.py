"""An error in a pickle: it keeps what it can, and stays small."""

from __future__ import annotations

import pickle

import pytest
import requests

from cloud_elements_errors import Attempt, UnlistedStatusError
from cloud_elements_errors._errors.pickling import _shortened


@pytest.mark.parametrize(
    ("attempts", "sent", "kept"),
    [
        (1, 60_000, 60_000),
        (1, 130_000, 64 * 1024),
        (7, 20_000, 16 * 1024),
        (100, 2_000, 1024),
        (900, 2_000, 100),
        (1_700, 2_000, 40),
    ],
)
def test_how_long_a_text_in_a_pickle_is(attempts, sent, kept):
    """Each step keeps as much of each text as fits into 120 KiB."""
    past = [Attempt(1, 502, provider_message="x" * sent) for _ in range(attempts)]
    pickled = pickle.dumps(UnlistedStatusError("line", attempts=past))
    assert len(pickled) < 121 * 1024
    for attempt in pickle.loads(pickled).attempts:
        assert attempt.provider_message == "x" * kept


def test_a_response_made_by_hand_in_a_pickle():
    """It may have no URL, and its text what no encoding allows."""
    made = requests.Response()
    made.request = requests.PreparedRequest()
    made.request.headers = {}
    error = UnlistedStatusError(text="\ud800", response=made)
    assert str(error) == ""
    again = pickle.loads(pickle.dumps(error))
    assert (again.response.url, again.request.url) == ("", "")
    assert (again.response.text, again.response.encoding) == ("?", "utf-8")


def test_what_is_cut_for_a_pickle():
    """Texts are cut, also within tuples, and nothing else is lost."""
    attempt = Attempt(1, 502, "id", "long text", None, 0.5)
    cut = _shortened({"attempts": (attempt,), "args": ["text", 5]}, 2)
    short = Attempt(1, 502, "id", "lo", None, 0.5)
    assert cut == {"at": (short,), "ar": ["te", 5]}
