"""Take secrets out of text, URLs and headers, and make text safe to print.

Two nets, since a provider may echo anything. The first knows the secrets: it
reads them from the request's own headers and URL. The second knows what secrets
look like: ``Bearer …``, ``apiSecret=…``, ``"password": "…"``.

The first net finds a secret also percent-encoded, escaped as JSON or HTML, and in
base64. To that end it does not guess how the secret might be written: it undoes
the escapes in the text, remembers for each byte where it came from, and looks for
the secret as it is. That takes time in proportion to the text, whatever the
length of the secret; a pattern of all its forms took seconds for a token of 4 KiB.
"""

from __future__ import annotations

import base64
import json
import re
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REDACTED = "[redacted]"

# Names of headers, parameters and JSON fields whose value is a secret.
_SECRET_NAME = re.compile(
    r"authoriz|cookie|secret|token|passw|pwd|passphrase|credential|session|signature"
    r"|assertion|jwt|(?:api|access|private|subscription)[-_]?key",
    re.IGNORECASE,
)
# Too common as field names of an error to be secrets anywhere but in a query.
_SECRET_PARAMETERS = frozenset({"auth", "code", "key", "otp", "pass", "pin", "sig"})
_SCHEME_NAME = r"(?:user|organization|element|bearer|basic|digest|token)"
_SCHEME = re.compile(rf"\b{_SCHEME_NAME}(?::\s*|\s+)", re.IGNORECASE)
# The word before credentials, as RFC 9110 has it: no secret, whatever it is.
_AUTH_SCHEME = re.compile(r"^\s*[A-Za-z][\w-]{0,19}\s+(?=\S)")
# Parts of a Digest header that say what the URL and the server say anyway.
_PUBLIC_DIGEST_PARTS = frozenset(
    {"algorithm", "nc", "opaque", "qop", "realm", "uri", "username"}
)
# A shorter secret is matched as a whole word, or every "pass" would vanish.
_SHORT = 8
_SHORTEST = 4

_NAMES = r"(?:passw(?:or)?d|secret|token|api_?key|jsessionid|credentials?)"
_LOOKS_SECRET = re.compile(
    # "User u, Organization o, Element e", at least two of them together.
    rf"\b{_SCHEME_NAME}:?[ ]+(?=[^\s,]{{0,99}}[\d=+/])[\w+/=.-]{{6,}}"
    rf"(?:[ ]*,[ ]*{_SCHEME_NAME}:?[ ]+[\w+/=.-]{{6,}})+"
    r"|\b(?:bearer|basic)[ ]+(?=[^\s,]{0,99}[\d=])[\w.~+/=-]{8,}"
    # "password": "…" and password=…; what stands before the value stays.
    rf"|({_NAMES}[\\\"']{{0,4}}[ ]{{0,2}}[:=][ ]{{0,2}}\\{{0,3}}\")[^\"\\]+"
    rf"|({_NAMES}[ ]{{0,2}}[:=][ ]{{0,2}})(?=[^\s,;&]{{0,99}}\d)"
    r"[^\s,;&\"'<>(){}\[\]\\]{6,}"
    # https://user:password@host
    r"|(?<=://)[^\s/:@]{1,99}:[^\s/@]{1,99}(?=@)",
    re.IGNORECASE,
)
# Each match holds one of these ("Element" comes with one of the others, and is in
# every URL); to look for them first is ten times faster.
_HINTS = (
    *("user", "organization", "bearer", "basic", "digest", "token"),
    *("passw", "secret", "key", "jsessionid", "credential", "@"),
)

_ESCAPE = re.compile(
    rb"%([0-9A-Fa-f]{2})"  # of a URL
    rb"|\\+(?:u((?:[Dd][89ABab][0-9A-Fa-f]{2}\\+u)?[0-9A-Fa-f]{4})"  # of JSON
    rb"|([^0-9A-Za-z])|[0-9A-Za-z])"
    rb"|&(#?[0-9A-Za-z]{1,8};)"  # of HTML
)
_HALF_ESCAPE = re.compile(
    rb"(?:%[0-9A-Fa-f]?|&[#0-9A-Za-z;]{0,12}"
    rb"|(?:\\u[Dd][89ABab][0-9A-Fa-f]{2})?(?:\\(?:u[0-9A-Fa-f]{0,3})?)?)\Z"
)
# What base64 has two alphabets for, and forms have two spaces for, is the same.
_FOLD = bytes.maketrans(b" -_", b"++/")
_REST_OF_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]*")
_PADDING = re.compile(rb"=*")
_ALPHANUMERIC = re.compile("[0-9A-Za-z]")


def is_secret_name(name: str) -> bool:
    """Say whether a header or field of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


class Redactor:
    """Takes the secrets of one request out of any text.

    It reads the request when it is first called, so that a request which
    succeeds costs nothing.
    """

    def __init__(
        self, headers: Mapping[Any, Any] | None = None, *urls: str | None
    ) -> None:
        """Remember the request's *headers*, and its *urls*: its own, its proxies'."""
        self._headers = headers
        self._urls = urls
        self._forms: tuple[_Form, ...] | None = None

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """Return *text* without secrets; *cut* says that its end is missing."""
        if self._forms is None:
            self._forms = _forms(
                tuple(_sensitive_headers(self._headers or {})),
                tuple(
                    secret for url in self._urls for secret in _url_secrets(url or "")
                ),
            )
        text = _remove(self._forms, text, cut=cut)
        lowered = text.lower()
        for hint in _HINTS:
            if hint in lowered:
                return _LOOKS_SECRET.sub(rf"\1\2{REDACTED}", text)
        return text

    def finds_nothing(self, *texts: str) -> bool:
        """Say whether none of the texts, which are whole, holds a secret."""
        together = "\n".join(texts)
        return self(together) == together

    def fields(self, fields: Mapping[str, Any], *, cut: bool) -> dict[str, Any]:
        """Return a JSON object's fields without secrets, by name and by value."""
        return {
            self(name, cut=cut): REDACTED
            if isinstance(value, str) and is_secret_name(name)
            else self._value(value, cut=cut)
            for name, value in fields.items()
        }

    def _value(self, value: Any, *, cut: bool) -> Any:
        if isinstance(value, str):
            return self(value, cut=cut)
        if isinstance(value, dict):
            return self.fields(value, cut=cut)
        if isinstance(value, list):
            return [self._value(item, cut=cut) for item in value]
        if isinstance(value, (int, float)) and self(str(value)) != str(value):
            return REDACTED
        return value

    def headers(self, headers: Mapping[str, str | bytes]) -> dict[str, str]:
        """Return a copy of *headers* without secrets."""
        return {
            self(name): REDACTED if is_secret_name(name) else self(as_text(value))
            for name, value in headers.items()
        }


def as_text(value: object) -> str:
    """Return a header's value as text: bytes as Latin-1, which HTTP's are."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Form(NamedTuple):
    """What to look for: a secret, or what base64 makes of it; folded."""

    content: str
    is_base64: bool


# A process has few sets of credentials: each is read once.
@lru_cache(maxsize=64)
def _forms(
    headers: tuple[tuple[str, str], ...], in_url: tuple[str, ...]
) -> tuple[_Form, ...]:
    secrets = set(in_url)
    for name, value in headers:
        secrets.update(_header_secrets(name.lower(), value))
    as_sent = {secret.encode("utf-8", "surrogatepass") for secret in secrets}
    unescaped = {_unescaped_secret(secret) for secret in as_sent}
    return tuple(_with_base64(as_sent | unescaped))


def _with_base64(secrets: Iterable[bytes]) -> Iterator[_Form]:
    for secret in secrets:
        yield _Form(_folded(secret), is_base64=False)
        # base64 has three alignments; a core is what depends on the secret alone.
        for offset, skipped in enumerate((0, 2, 3)):
            encoded = base64.b64encode(bytes(offset) + secret)
            core = encoded[skipped : (offset + len(secret)) * 8 // 6]
            if len(core) >= _SHORT:
                yield _Form(_folded(core), is_base64=True)


def _folded(data: bytes) -> str:
    """Return one character for each byte: str is searched faster than bytes."""
    return data.translate(_FOLD).decode("latin-1")


def _remove(forms: tuple[_Form, ...], text: str, *, cut: bool) -> str:
    data = text.encode("utf-8", "surrogatepass")
    spans = _spans(forms, data, cut=cut)
    if b"%" in data or b"\\" in data or b"&" in data:
        half = _HALF_ESCAPE.search(data) if cut else None
        plain, origins = _unescaped(data if half is None else data[: half.start()])
        origins.append(len(data))
        spans += [
            (origins[start], origins[end])
            for start, end in _spans(forms, plain, cut=cut)
        ]
    if not spans:
        return text
    kept = b""
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            kept += data[done:start] + REDACTED.encode()
        done = max(done, end)
    return (kept + data[done:]).decode("utf-8", "surrogatepass")


def _spans(
    forms: tuple[_Form, ...], data: bytes, *, cut: bool
) -> list[tuple[int, int]]:
    """Return where the data holds a secret, or at its end the beginning of one."""
    folded = _folded(data)
    spans: list[tuple[int, int]] = []
    for content, is_base64 in forms:
        if content in folded:
            spans += _hits(content, is_base64, data, folded)
        if cut:
            start = _begins_at_end(content, folded)
            if start is not None:
                spans.append((start, len(data)))
    return spans


def _hits(
    content: str, is_base64: bool, data: bytes, folded: str
) -> Iterator[tuple[int, int]]:
    start = folded.find(content)
    while start >= 0:
        end = start + len(content)
        around = folded[max(start - 1, 0) : start] + folded[end : end + 1]
        rest = (_REST_OF_BASE64 if is_base64 else _PADDING).match(data, end)
        end = rest.end() if rest else end
        if len(content) >= _SHORT or not _ALPHANUMERIC.search(around):
            yield start, end
        start = folded.find(content, end)


def _begins_at_end(secret: str, data: str) -> int | None:
    start = data.find(secret[:_SHORTEST], max(len(data) - len(secret), 0))
    while start >= 0 and not secret.startswith(data[start:]):
        start = data.find(secret[:_SHORTEST], start + 1)
    return None if start < 0 else start


def _unescaped(data: bytes) -> tuple[bytes, array[int]]:
    """Undo escapes, and those within them; say where each byte came from."""
    origins = array("I", range(len(data)))
    for _layer in range(2):
        plain, plain_origins, done = bytearray(), array("I"), 0
        for escape in _ESCAPE.finditer(data):
            start, end = escape.span()
            char = _meaning(escape)
            plain += data[done:start] + char
            plain_origins += origins[done:start]
            plain_origins += origins[start : start + 1] * len(char)
            done = end
        data, origins = bytes(plain + data[done:]), plain_origins + origins[done:]
    return data, origins


def _unescaped_secret(secret: bytes) -> bytes:
    plain, _origins = _unescaped(secret)
    try:
        plain.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # half a character could be found in half of one
        return secret
    return plain


def _meaning(escape: re.Match[bytes]) -> bytes:
    octet, code, char, entity = escape.groups()
    if octet is not None:
        return bytes.fromhex(octet.decode())
    if code is not None and b"u" not in code:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    if code is not None:  # a pair of surrogates
        text = re.sub(rb"\\+", rb"\\", escape[0])
        return str(json.loads(b'"%b"' % text)).encode("utf-8", "surrogatepass")
    if entity is not None:
        import html  # noqa: PLC0415 - two milliseconds for all the names of entities

        return html.unescape(f"&{entity.decode()}").encode()
    return char or b"\n"  # a line break, a tab: no part of a secret


def _sensitive_headers(
    headers: Mapping[Any, Any],
) -> Iterator[tuple[str, str]]:
    # Those of requests are read much faster so.
    for name, value in getattr(headers, "lower_items", headers.items)():
        text = as_text(name)
        if _is_secret_header(text):
            yield text, as_text(value)


# A process sends few headers, but one of them may be long.
_is_secret_header = lru_cache(maxsize=128)(is_secret_name)


def _header_secrets(name: str, value: str) -> Iterator[str]:
    if "cookie" in name:
        yield from _cookie_secrets(value)
        return
    if "authoriz" in name:
        value = _AUTH_SCHEME.sub("", value)
    for token in re.split(r"[\s,;]+", _SCHEME.sub(" ", value)):
        pair = re.fullmatch(r'([A-Za-z_-]+)="?([^"=].*?)"?', token)
        if pair is not None and pair[1].lower() in _PUBLIC_DIGEST_PARTS:
            continue
        for secret in {token, token if pair is None else pair[2]}:
            text = secret.strip('"=')
            if len(text) >= _SHORTEST:
                yield text
                yield from _basic_secrets(secret)


def _cookie_secrets(value: str) -> Iterator[str]:
    for pair in value.split(";"):
        text = pair.partition("=")[2].strip(' "')
        if len(text) >= _SHORT:
            yield text


def _basic_secrets(token: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(token, validate=True).decode()
    except ValueError:  # no base64, or no text
        return
    user, colon, password = decoded.partition(":")
    if colon and decoded.isprintable():
        yield from _long_enough(decoded, user, password)


def _url_secrets(url: str) -> Iterator[str]:
    if "?" not in url and "@" not in url:
        return
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
