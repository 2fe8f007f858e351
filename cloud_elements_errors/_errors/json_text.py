"""Read JSON, also if it is cut, broken or nested too deeply, and write it again."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

# Deeper values are left out, because copy, pickle and json.dumps recurse.
MAX_DEPTH = 50


def read_json(text: str) -> Any:
    """Return the JSON value, or None if the text is not JSON."""
    with suppress(ValueError, RecursionError):
        value = _DECODER.decode(text)
        is_flat = text.count("{") + text.count("[") <= MAX_DEPTH
        return value if is_flat else _shallow(value)
    return None


def read_damaged_object(text: str) -> dict[str, Any]:
    """Return the fields of the outermost object that can be read."""
    fields: dict[str, Any] = {}
    for depth, name, match in _scan(text):
        with suppress(ValueError, RecursionError):
            if depth == 1 and match["value"][0] == '"':
                fields[name] = string(match["value"])
            elif depth == 1 and match.end() < len(text):  # or it may be 42 of 429
                value = _DECODER.raw_decode(text, match.start("value"))[0]
                fields[name] = _shallow(value, 0)
    return fields


def read_damaged_strings(text: str) -> list[dict[str, str]]:
    """Return each string with a name, at any depth, that can be read."""
    found = [(name, match["value"]) for _, name, match in _scan(text, is_first=False)]
    return [{name: string(token)} for name, token in found if token[0] == '"']


def compact(value: Any) -> str:
    """Return JSON without spaces and with readable characters."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(digits: str) -> float | str:
    return float(digits) if abs(float(digits)) < float("inf") else digits


# strict=False accepts line breaks in strings. NaN and Infinity are not JSON, and are
# kept as text.
_DECODER = json.JSONDecoder(strict=False, parse_float=_number, parse_constant=str)
# A name, if there is one, and the first token of its value. Some servers do not escape
# the quotes within a string: its last quote stands before a comma, colon or bracket.
_TOKEN = r"""(?sx)(?:(?P<name>"[^"\\]*(?:\\.[^"\\]*)*")\s*:\s*)?(?P<value>"[^"\\]*
    (?:(?:\\.|"(?!\s*(?:[,:}\]]|\Z|"\w+"\s*:)))[^"\\]*)*"?|[{}\[\]]|[^\s"{}\[\]:,]+)"""


def _scan(text: str, *, is_first: bool = True) -> Iterator[tuple[int, str, Any]]:
    """Yield the depth and name of each field, and the first token of its value.

    Of several objects, one after the other, it reads the first, or all of them.
    """
    depth = 0
    for match in re.finditer(_TOKEN, text):
        if match["name"]:
            yield depth, string(match["name"]), match
        depth += (match["value"] in "{[") - (match["value"] in "}]")
        if depth == 0 and is_first:
            return


def string(token: str) -> str:
    """Decode a JSON string, whose end and last escape may be missing."""
    for cut in (token, f'{token}"', re.sub(r"\\(?:u\w{0,3})?\Z", "", token) + '"'):
        with suppress(ValueError):
            return str(_DECODER.decode(cut))
    return token.strip('"')


def _shallow(value: Any, depth: int = -1) -> Any:
    """Put an ellipsis in the place of values that are nested too deeply."""
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return {key: _shallow(field, depth + 1) for key, field in value.items()}
    if isinstance(value, list) and depth < MAX_DEPTH:
        return [_shallow(item, depth + 1) for item in value]
    return "…" if isinstance(value, (dict, list)) else value
