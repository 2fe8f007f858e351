"""Messages of many providers: no secret survives, and no useful word is hidden.

The messages are shaped after public reports; the credentials are made up. For each,
the data names the words that a reader needs, and the secrets that must go.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from cloud_elements_errors import error_from_parts
from cloud_elements_errors._errors.redaction import Redactor

CASES = json.loads(
    (Path(__file__).parents[1] / "data" / "messages_with_secrets.json").read_text(
        "utf-8"
    )
)


def bodies_of(case: dict[str, Any]) -> list[str]:
    """Return the message in a body of Cloud Elements, and as it is."""
    says = case["says"]
    if not isinstance(says, str):
        return [json.dumps(says, ensure_ascii=False)]
    wrapped = {"message": "Request failed", "providerMessage": says}
    return [json.dumps(wrapped, ensure_ascii=False), says]


def errors_of(case: dict[str, Any]) -> list[Any]:
    return [
        error_from_parts(
            400, body, url=case["url"], request_headers=case["headers"], method="GET"
        )
        for body in bodies_of(case)
    ]


def test_the_corpus_is_large_enough():
    """At least 300 messages; what the data names is in them."""
    assert len(CASES) >= 300
    for case in CASES:
        bodies = "\n".join([*bodies_of(case), str(case["says"])])
        for text in (*case["words"], *case["secrets"]):
            assert text in bodies, (case["id"], text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_no_secret_survives(case):
    """Neither in the line, nor in an attribute, nor in a pickle."""
    for error in errors_of(case):
        told = json.dumps(error.to_dict(), ensure_ascii=False)
        pickled = pickle.dumps(error).decode("utf-8", "replace")
        everything = "\n".join([str(error), error.text, told, pickled])
        assert [one for one in case["secrets"] if one in everything] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_no_useful_word_is_hidden(case):
    """Each word is in the text, the message, the provider's message or the details."""
    for error in errors_of(case):
        details = json.dumps(dict(error.details), ensure_ascii=False)
        told = (error.text, error.message, error.provider_message, details)
        shown = "\n".join(filter(None, told))
        assert [word for word in case["words"] if word not in shown] == []


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_message_that_other_services_have_passed_on(case, times):
    """Each has put the body of the one before it into a string of its JSON."""

    def escaped(text: str) -> str:
        for _ in range(times):
            text = json.dumps(text)[1:-1]
        return text

    shown = Redactor(case["headers"], case["url"])(escaped(bodies_of(case)[-1]))
    assert [one for one in case["secrets"] if escaped(one) in shown] == []
    known = [word for word in case["words"] if word in bodies_of(case)[-1]]
    assert [word for word in known if escaped(word) not in shown] == []
