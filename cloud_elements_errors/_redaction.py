"""Take secrets out of text, URLs and headers, and make text safe to print.

Two nets, since a provider may echo anything. The first knows the secrets: it
reads them from the request's own headers and URL, and finds them literally,
percent-encoded, escaped as JSON or HTML, and in base64. The second knows what
secrets look like: ``Bearer …``, ``apiSecret=…``, ``"password": "…"``.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from html.entities import codepoint2name
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REDACTED = "[redacted]"

# Names of headers, parameters and JSON fields whose value is a secret.
_SECRET_NAME = re.compile(
    r"authoriz|cookie|secret|token|passw|pwd|passphrase|credential|session|signature"
    r"|assertion|jwt|(?:api|access|private)[-_]?key",
    re.IGNORECASE,
)
# Too common as field names of an error to be secrets anywhere but in a query.
_SECRET_PARAMETERS = frozenset({"auth", "code", "key", "pass", "pin", "sig"})
_SCHEMES = r"(?:user|organization|element|bearer|basic|digest|token)"
# Parts of a Digest header that say what the URL and the server say anyway.
_PUBLIC_DIGEST_PARTS = frozenset(
    {"algorithm", "nc", "opaque", "qop", "realm", "uri", "username"}
)
# A shorter secret is matched as a whole word, or every "pass" would vanish.
_SHORT = 8
_SHORTEST = 4

_LOOKS_SECRET = re.compile(
    # "User u, Organization o, Element e", at least two of them together.
    rf"\b{_SCHEMES}:?[ ]+(?=[^\s,]{{0,99}}[\d=+/])[\w+/=.-]{{6,}}"
    rf"(?:[ ]*,[ ]*{_SCHEMES}:?[ ]+[\w+/=.-]{{6,}})+"
    r"|\b(?:bearer|basic)[ ]+(?=[^\s,]{0,99}[\d=])[\w.~+/=-]{8,}"
    r"|(?:passw(?:or)?d|secret|token|api_?key|jsessionid|credentials?)[\\\"']{0,4}"
    r"[ ]{0,2}[:=][ ]{0,2}"
    r"(?:\\?\"[^\"\\]+|(?=[^\s,;&]{0,99}\d)[^\s,;&\"'<>(){}\[\]]{6,})",
    re.IGNORECASE,
)


def printable(text: str, limit: int | None = None) -> str:
    """Escape what could move a cursor, start a line or reverse the reading."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def clean_url(url: str) -> str:
    """Return the URL without userinfo, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def is_secret_name(name: str) -> bool:
    """Say whether a header or field of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


class Redactor:
    """Takes the secrets of one request out of any text.

    It reads the request when it is first called, so that a request which
    succeeds costs nothing.
    """

    def __init__(
        self, headers: Mapping[str, str | bytes] | None = None, url: str | None = None
    ) -> None:
        """Remember the request's *headers* and *url*, either of them optional."""
        self._headers = headers
        self._url = url
        self._forms: _Forms | None = None

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """Return *text* without secrets; *cut* says that its end is missing."""
        if self._forms is None:
            self._forms = _forms(
                tuple(_sensitive_headers(self._headers or {})), self._url or ""
            )
        text = self._forms.remove(text, cut=cut)
        return _LOOKS_SECRET.sub(REDACTED, text)

    def field(self, name: str, value: object) -> object:
        """Return the value of a JSON field, nothing of it if its name says secret."""
        if is_secret_name(name) and isinstance(value, str):
            return REDACTED
        return self.value(value)

    def value(self, value: object) -> object:
        """Return a parsed JSON value without secrets."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(key): self.field(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def headers(self, headers: Mapping[str, str | bytes]) -> dict[str, str]:
        """Return a copy of *headers* without secrets."""
        return {
            name: REDACTED if is_secret_name(name) else self(as_text(value))
            for name, value in headers.items()
        }


def as_text(value: object) -> str:
    """Return a header's value as text: bytes as Latin-1, which HTTP's are."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _sensitive_headers(
    headers: Mapping[str, str | bytes],
) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        text = as_text(name)
        if is_secret_name(text):
            yield text.lower(), as_text(value)


class _Forms:
    """The forms in which some secrets may come back, and how to remove them."""

    def __init__(self, secrets: frozenset[str]) -> None:
        longest_first = sorted(secrets, key=len, reverse=True)
        cores = [core for secret in longest_first for core in _base64_cores(secret)]
        literal = [
            f"(?<![A-Za-z0-9]){_escaped(secret)}(?![A-Za-z0-9])"
            if len(secret) < _SHORT
            else _escaped(secret)
            for secret in longest_first
        ]
        in_base64 = [f"{_escaped(core)}[A-Za-z0-9+/=_-]*" for core in cores]
        self._pattern = re.compile("|".join(literal + in_base64))
        # A run of letters and digits is in every form of its secret as it is,
        # so a text without one of these, and without an escape, holds none.
        self._needles = [
            max(re.findall("[A-Za-z0-9]*", form), key=len)
            for form in longest_first + cores
        ]
        self._prefixes = [
            *longest_first,
            *(quote(secret, safe="") for secret in longest_first),
            *cores,
        ]

    def remove(self, text: str, *, cut: bool) -> str:
        escapes = "%" in text or "\\u" in text or "&#" in text
        if self._needles and (escapes or any(n in text for n in self._needles)):
            text = self._pattern.sub(REDACTED, text)
        if cut:
            for prefix in self._prefixes:
                for length in range(len(prefix), _SHORTEST - 1, -1):
                    if text.endswith(prefix[:length]):
                        return text[:-length] + REDACTED
        return text


# A process has few sets of credentials: each is read and compiled once.
@lru_cache(maxsize=64)
def _forms(headers: tuple[tuple[str, str], ...], url: str) -> _Forms:
    secrets: set[str] = set()
    for name, value in headers:
        if "cookie" in name:
            secrets.update(_cookie_secrets(value))
        else:
            secrets.update(_header_secrets(value))
    secrets.update(_url_secrets(url))
    return _Forms(frozenset(secrets))


def _cookie_secrets(value: str) -> Iterator[str]:
    for pair in value.split(";"):
        text = pair.partition("=")[2].strip(' "')
        if len(text) >= _SHORT:
            yield text


def _header_secrets(value: str) -> Iterator[str]:
    without_schemes = re.sub(
        rf"\b{_SCHEMES}(?::\s*|\s+)", " ", value, flags=re.IGNORECASE
    )
    for token in re.split(r"[\s,;]+", without_schemes):
        pair = re.fullmatch(r'([A-Za-z_-]+)="?([^"=].*?)"?', token)
        if pair is not None and pair[1].lower() in _PUBLIC_DIGEST_PARTS:
            continue
        text = pair[2] if pair is not None else token.strip('"')
        if len(text) > _SHORTEST:
            yield text
            yield from _basic_secrets(text)


def _basic_secrets(token: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    user, colon, password = decoded.partition(":")
    if colon and decoded.isprintable():
        yield from _long_enough(decoded, user, password)


def _url_secrets(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query)
    except ValueError:
        return
    userinfo = parts.netloc.rpartition("@")[0]
    for name, value in parameters:
        if name.lower() in _SECRET_PARAMETERS or is_secret_name(name):
            yield from _long_enough(value)
    yield from _long_enough(*(unquote(part) for part in userinfo.split(":", 1)))


def _long_enough(*secrets: str) -> Iterator[str]:
    return (secret for secret in secrets if len(secret) >= _SHORTEST)


def _base64_cores(secret: str) -> Iterator[str]:
    """Yield what base64 makes of the secret at each of the three alignments."""
    data = secret.encode("utf-8", "surrogatepass")
    for offset, skipped in enumerate((0, 2, 3)):
        encoded = base64.b64encode(bytes(offset) + data).decode()
        core = encoded[skipped : (offset + len(data)) * 8 // 6]
        if len(core) >= _SHORT:
            yield core


@lru_cache(maxsize=256)
def _escaped_char(char: str) -> str:
    octets = char.encode("utf-8", "surrogatepass")
    percent = "".join(f"%(?:25){{0,3}}(?i:{octet:02x})" for octet in octets)
    code = ord(char)
    # Bounded repeats: a page of backslashes must not cost a square of its length.
    forms = [
        rf"\\{{0,4}}{re.escape(char)}",
        percent,
        rf"\\{{1,4}}u(?i:{code:04x})",
        rf"&#0{{0,4}}{code};",
        rf"&#[xX]0{{0,4}}(?i:{code:x});",
    ]
    if code in codepoint2name:
        forms.append(f"&{codepoint2name[code]};")
    # base64 for URLs, and a space in a form
    forms += {"+": ["-"], "/": ["_"], " ": [r"\+"]}.get(char, [])
    return f"(?:{'|'.join(forms)})"


def _escaped(text: str) -> str:
    return "".join(map(_escaped_char, text))
