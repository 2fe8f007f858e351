"""A queued response: what is refused, which requests it matches, and what is sent."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict

from .._arguments import check_integer, check_number, check_optional, check_type
from .._errors.payload import REQUEST_ID_HEADER
from .._table import FIRST_ERROR
from .loopback import NO_BODY, Response

# The path of a request, and the names and values of its query.
Target: TypeAlias = "tuple[str, list[tuple[str, str]]]"

# RFC 9110: the name of a method or a header, and the value of a header. Other control
# characters in a value do no harm, and hostile servers send them.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
VALUE = r"[^\0\r\n\u0100-\U0010ffff]*"
# Replies have a Content-Length, and with both, clients wait for chunks.
_NAME = rf"(?!(?i:transfer-encoding)$){_TOKEN}"


@dataclass
class Queued:
    """A response, or a broken connection if *status* is None."""

    status: int | None
    content: bytes | dict[str, Any]
    headers: Mapping[str, list[str]]
    times: int | None
    method: str | None
    path: str | None
    delay: float
    sent: int = 0

    def __post_init__(self) -> None:
        if self.times is not None:
            check_integer("times", self.times, 1)
        check_number("delay", self.delay)
        check_text("method", self.method, _TOKEN, "one word, such as GET")
        wanted = "a path such as /contacts, without host and fragment"
        check_text("path", self.path, "/[^#]*", wanted)
        self._target = None if self.path is None else target_of(self.path)

    def __str__(self) -> str:
        call = "drop(" if self.status is None else f"reply({self.status}, "
        return f"{call}method={self.method!r}, path={self.path!r})"

    def matches(self, method: str, target: Target) -> bool:
        path, query = self._target or target
        return (
            (self.method or method).upper() == method.upper()
            and path == target[0]
            and query in ([], target[1])
        )

    def response(self) -> Response | None:
        """Return what is sent; an error without a request id gets a new one."""
        if self.status is None:
            return None
        headers = CaseInsensitiveDict(
            {"Content-Type": ["application/json;charset=UTF-8"]}
        )
        content = self.content
        if isinstance(content, dict):
            if self.status >= FIRST_ERROR:
                content = {"requestId": _object_id(), **content}
            if "requestId" in content:
                headers[REQUEST_ID_HEADER] = [content["requestId"]]
            content = json.dumps(content).encode()
        headers["Content-Length"] = [str(len(content))]
        headers.update(self.headers)
        if self.status in NO_BODY:
            del headers["Content-Length"]
        return Response(self.status, headers, content)


def target_of(path: str) -> Target:
    """Split the path of a request; however it is quoted, the result is the same."""
    if path.startswith("/"):
        prepared = PreparedRequest()
        prepared.prepare_url(f"http://localhost{path}", None)
        path = prepared.path_url
    path, _, query = path.partition("?")
    return path, parse_qsl(query, keep_blank_values=True)


def checked_headers(
    headers: Mapping[str, str | list[str]] | None,
) -> CaseInsensitiveDict[list[str]]:
    """Return the headers, with a list of values for each name."""
    check_optional("headers", headers, "a mapping", Mapping)
    checked = CaseInsensitiveDict[list[str]]()
    for name, given in (headers or {}).items():
        check_type("a name in headers", name, "a str", str)
        wanted = "one word without a colon, and not Transfer-Encoding"
        check_text("a name in headers", name, _NAME, wanted)
        values = [*given] if isinstance(given, (list, tuple)) else [given]
        for value in values:
            check_type(f"headers[{name!r}]", value, "a str or a list of them", str)
            check_text(f"headers[{name!r}]", value, VALUE, "Latin-1 in one line")
        checked[name] = [*checked.get(name, []), *values]
    return checked


def check_text(name: str, value: str | None, pattern: str, wanted: str) -> None:
    """Raise unless the value matches the pattern, or is None."""
    check_optional(name, value, "a str", str)
    if value is not None and not re.fullmatch(pattern, value):
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _object_id() -> str:
    """Make a request id like the platform's: 8 hex digits of time, 16 random ones."""
    return f"{int(time.time()) % 2**32:08x}{secrets.token_hex(8)}"
