"""Read JSON, also if it is cut, broken or nested too deeply, and write it again."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# By default, int() does not accept more digits. Unpickling does not either.
_MAX_DIGITS = 4300
MAX_DEPTH = 50
"""Deeper values are kept as text, because copy, pickle and json.dumps recurse."""


def read_json(text: str) -> Any:
    """Return the JSON value, or None if the text is not JSON."""
    try:
        return _shallow(_DECODER.decode(text))
    except (ValueError, RecursionError):
        return None


def read_damaged_object(text: str) -> dict[str, Any]:
    """Return the fields of the outermost object that can be read."""
    fields: dict[str, Any] = {}
    if text.lstrip().startswith("{"):
        for depth, name, match in _scan(text):
            if depth == 1:
                with suppress(ValueError, RecursionError):
                    fields[name] = _shallow(_value_at(text, match), 0)
    return fields


def read_damaged_strings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and strings, at any depth, that can be read."""
    for _depth, name, match in _scan(text):
        if match[0][0] == '"':
            yield name, _string(match[0])


def compact(value: Any) -> str:
    """Return JSON without spaces and with readable characters."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:  # json.loads goes deeper than json.dumps
        return "…"


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


# strict=False accepts line breaks in strings. NaN and Infinity are not JSON, and are
# kept as text.
_DECODER = json.JSONDecoder(
    strict=False, parse_int=_integer, parse_float=_number, parse_constant=str
)

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)


def _scan(text: str) -> Iterator[tuple[int, str, re.Match[str]]]:
    """Yield the depth and name of each field, and where its value starts."""
    depth = 0
    string: str | None = None  # the token before this one, if it is a string
    name: str | None = None  # the string before a colon
    for match in _TOKEN.finditer(text):
        token = match[0]
        if name is not None:
            yield depth, name, match
            string = name = None
        else:
            name = _string(string) if token == ":" and string else None
            string = token if token[0] == '"' else None
        depth += (token in "{[") - (token in "}]")
        if depth == 0:
            return


def _value_at(text: str, match: re.Match[str]) -> Any:
    token = match[0]
    if token[0] == '"':
        return _string(token)
    if token in "{[":
        return _DECODER.raw_decode(text, match.start())[0]
    if match.end() == len(text):
        raise ValueError("The end is missing: this may be 42 of 429.")
    return _DECODER.decode(token)


def _string(token: str) -> str:
    """Decode a JSON string, whose end and last escape may be missing."""
    with suppress(ValueError):
        return str(_DECODER.decode(token))
    for cut in (token, re.sub(r"\\u[0-9a-fA-F]{0,3}\Z", "", token)):
        with suppress(ValueError):
            return str(_DECODER.decode(f'{cut}"'))
    return token.strip('"')


def _shallow(value: Any, depth: int = -1) -> Any:
    """Replace values that are nested too deeply by their JSON text."""
    if not isinstance(value, (dict, list)):
        return value
    if depth == MAX_DEPTH:
        return compact(value)
    if isinstance(value, dict):
        return {key: _shallow(field, depth + 1) for key, field in value.items()}
    return [_shallow(item, depth + 1) for item in value]
