"""The forms that well-known escapers give to a secret of the request."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from cloud_elements_errors import error_from_parts

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "u5kT+1xh/9q2LhT3mYw8Zs0bq1c="
PASSWORD = "R&D+20'24\"<x>!"


def replacing(**escapes: str) -> Callable[[str], str]:
    names = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "plus": "+"}
    table = {ord(names[name]): escape for name, escape in escapes.items()}
    return lambda text: text.translate(table)


MARKUP = {"amp": "&amp;", "lt": "&lt;", "gt": "&gt;"}
GO_JSON = {"amp": "\\u0026", "lt": "\\u003c", "gt": "\\u003e"}
ESCAPERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quote()": quote,
    "quote(), all": lambda text: quote(text, safe=""),
    "html.escape()": html.escape,
    "XML text": replacing(**MARKUP),
    "MarkupSafe": replacing(**MARKUP, quot="&#34;", apos="&#39;"),
    "PHP": replacing(**MARKUP, quot="&quot;", apos="&#039;"),
    "XML attributes": replacing(**MARKUP, quot="&quot;", apos="&apos;"),
    "Go templates": replacing(**MARKUP, quot="&#34;", apos="&#39;", plus="&#43;"),
    "JSON": lambda text: json.dumps(text)[1:-1],
}


@pytest.mark.parametrize("escape", ESCAPERS.values(), ids=ESCAPERS)
@pytest.mark.parametrize("secret", [TOKEN, PASSWORD], ids=["token", "password"])
def test_a_secret_as_it_is_escaped(secret: str, escape: Callable[[str], str]) -> None:
    """Whatever a server has escaped it with, the error does not show it."""
    escaped = escape(secret)
    url = f"https://ada:{quote(secret, safe='')}@example.com/"
    error = error_from_parts(400, f"<p>bad {escaped} here</p>", url=url)
    assert error is not None
    shown = json.dumps(error.to_dict()) + str(error)
    assert escaped not in shown
    assert "here" in str(error)


REFERENCES = {
    "isn&#39;t here": "isn't here",
    "R&amp;D &lt;x&gt;": "R&D <x>",
    "?a=1&copy=2": "?a=1&copy=2",
    "50 &euro;": "50 €",
}


@pytest.mark.parametrize(("sent", "shown"), REFERENCES.items())
def test_references_in_the_providers_text(sent: str, shown: str) -> None:
    """The line has readable characters; the attribute has the exact text."""
    body = json.dumps({"message": "Request failed", "providerMessage": sent})
    error = error_from_parts(502, body)
    assert error is not None
    assert f"provider: {shown}" in str(error)
    assert error.provider_message == sent


LABELS = {"windows-31j": "cp932", "windows-874": "cp874", "iso-8859-8-i": "iso8859-8"}


@pytest.mark.parametrize(("label", "charset"), LABELS.items())
def test_charsets_by_the_names_that_browsers_know(label: str, charset: str) -> None:
    """A label that Python does not know may be one of the web."""
    text = {"cp932": "見つかりません", "cp874": "ไม่พบ", "iso8859-8": "לא נמצא"}[charset]
    headers = {"Content-Type": f"text/plain; charset={label}"}
    error = error_from_parts(404, text.encode(charset), headers)
    assert error is not None
    assert error.text == text


@pytest.mark.parametrize("after", [" 0\x00", " \x01x", "\x00"])
def test_marks_of_a_server_do_not_show_a_secret(after: str) -> None:
    """Control characters beside a word are no part of it."""
    headers = {"Authorization": "Bearer AAAAAAAA"}
    error = error_from_parts(400, f"0\x00 AAAAAAAA{after}", request_headers=headers)
    assert error is not None
    assert "AAAAAAAA" not in error.text
