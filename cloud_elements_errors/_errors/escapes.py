"""Undo the escapes of URLs, JSON and HTML, which services add to what they pass on."""

import re
from collections.abc import Sequence

# A text, and for each of its characters the place where it stood, escaped.
Layer = tuple[str, Sequence[int]]

_MOST = 4  # times that a text is escaped
# The last line is for half an escape, where a text is cut.
_ESCAPED = r"""(?six)(?:%|\\x)([\da-f]{2})|\\u([\da-f]{4})|\\([nrt])|\\(["'\\/])
    |&(\#\w{1,7};|(?:amp|apos|gt|lt|plus|quot|szlig|\w(?:acute|circ|grave|uml));)
    |(?:%\w?|\\(?:[ux]\w{0,3})?|&[\#\w]{0,8})\Z"""


def layers(text: str) -> list[Layer]:
    """Return the text as it is, without its escapes, without the escapes in that, …"""
    found: list[Layer] = [(text, range(len(text) + 1))]
    for plain, places in found:
        parts, kept, done = list[str](), list[int](), 0
        for match in re.finditer(_ESCAPED, plain):
            parts += plain[done : match.start()], _character(*match.groups())
            kept += places[done : match.start() + 1]
            done = match.end()
        if parts and len(found) <= _MOST:
            found.append(("".join(parts) + plain[done:], [*kept, *places[done:]]))
    return found


def _character(byte: str, code: str, space: str, other: str, entity: str) -> str:
    if byte or code:
        return chr(int(byte or code, 16))
    if entity:
        return without_entities(f"&{entity}")[:1] or "&"
    return (space and "\n") or other or ""


def without_entities(text: str) -> str:
    """Return a text of HTML or XML without entities: ``&lt;`` is ``<``."""
    # html.unescape() raises for a number of 5,000 digits.
    return re.sub(r"&#?\w{1,32};", _entity, text)


def _entity(match: re.Match[str]) -> str:
    import html  # noqa: PLC0415 - it takes a millisecond; few programs need it

    return html.unescape(match[0])
