"""Words that stand beside fields, and in headers beside a message that says nothing."""

from __future__ import annotations

import pytest

from cloud_elements_errors import error_from_parts

BODIES = {
    '{"message": {"title": ["can\'t be blank"], "labels": ["is too long for it"]}}': (
        "title: can't be blank",
        "labels: is too long for it",
    ),
    '{"message": {"email": ["has already been taken"]}}': (
        "email: has already been taken",
    ),
    '{"error": {"base": ["Name is taken"], "price": ["must be positive"]}}': (
        "Name is taken",
        "price: must be positive",
    ),
}


@pytest.mark.parametrize(("body", "words"), BODIES.items())
def test_lists_of_words_by_field(body: str, words: tuple[str, ...]) -> None:
    """Rails and GitLab map each field to what is wrong with it."""
    line = str(error_from_parts(422, body))
    assert all(word in line for word in words), line


CHALLENGE = {"WWW-Authenticate": 'Bearer error_description="The token has expired"'}


@pytest.mark.parametrize("message", ["Unauthorized", "unauthorized."])
def test_a_challenge_beside_a_message_that_says_nothing(message: str) -> None:
    """A message that only repeats a title does not keep the header's words away."""
    error = error_from_parts(401, f'{{"message": "{message}"}}', CHALLENGE)
    assert "The token has expired" in str(error)
