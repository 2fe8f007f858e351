"""URLs: what of them is shown, and what they have in common."""

from __future__ import annotations

import pytest

from cloud_elements_errors._urls import clean_url, path_of


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/bills/17?token=abc", "/bills/17"),
        ("//bills/17?token=abc", "//bills/17"),
        ("http://host:80/bills?a=/b#/c", "/bills"),
        ("http://host?a=/b", ""),
        ("http://[redacted]/bills", "/bills"),
        ("http://user:p@ss@host//bills", "//bills"),
        ("/proxy/http://host/bills", "/proxy/http://host/bills"),
        ("bills/17", "bills/17"),
        ("/bills?a\nb", "/bills"),
        ("http://x/a#b", "/a"),
        ("http://x/a://b", "/a://b"),
        ("//a?b", "//a"),
        ("", ""),
    ],
)
def test_path_of(url, path):
    """The path of a URL, or of a request line, where a double slash is no host."""
    assert path_of(url) == path


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("https://u:p@h:8/p/a?q=1#f", "https://h:8/p/a"),
        ("https://u@p@h/", "https://h/"),
        ("/path?q=1", "/path"),
        ("", ""),
        ("https://h/p/a", "https://h/p/a"),
        ("https://h/u@p", "https://h/u@p"),
        ("HTTP://h/p", "http://h/p"),
        (" http://h/s3cret\n-token", "http://h/s3cret-token"),
        ("https://h/\xfc\t\x7f", "https://h/\xfc\x7f"),
        ("http://[::1", ""),
        ("http://[::1?q=1", ""),
        ("http://h]/p", ""),
        ("http://u:p\uff20h/p", ""),
    ],
)
def test_clean_url(url, cleaned):
    """Userinfo, query and fragment go; a URL that is none is empty."""
    assert clean_url(url) == cleaned
