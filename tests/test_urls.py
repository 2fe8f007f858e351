"""URLs: what of them is shown, and what they have in common."""

from __future__ import annotations

import pytest

from cloud_elements_errors._urls import path_of


@pytest.mark.parametrize(
    ("url", "path"),
    [("http://x/a#b", "/a"), ("http://x/a://b", "/a://b"), ("//a?b", "//a")],
)
def test_the_path_of_a_url(url, path):
    assert path_of(url) == path
