"""What counts as a secret, by the name of a header, parameter or field."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .payload import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Names of headers, parameters and JSON fields whose value is a secret.
_SECRET_NAME = re.compile(
    r"authoriz|cookie|secret|token|passw|pwd|passphrase|credential|session|signature"
    r"|assertion|jwt|(?:api|access|private|subscription)[-_]?key",
    re.IGNORECASE,
)
# Secrets in a query only: errors often have fields with these names.
_SECRET_PARAMETERS = frozenset({"auth", "code", "key", "otp", "pass", "pin", "sig"})
SCHEME_NAME = r"(?:user|organization|element|bearer|basic|digest|token)"
_SCHEME = re.compile(rf"\b{SCHEME_NAME}(?::\s*|\s+)", re.IGNORECASE)
# The scheme before credentials (RFC 9110), which is never secret.
_AUTH_SCHEME = re.compile(r"^\s*[A-Za-z][\w-]{0,19}\s+(?=\S)")
# Parts of a Digest header that are not secret.
_PUBLIC_DIGEST_PARTS = frozenset(
    {"algorithm", "nc", "opaque", "qop", "realm", "uri", "username"}
)
# A shorter secret is matched only as a whole word.
SHORT = 8
SHORTEST = 4


def is_secret_name(name: str) -> bool:
    """Say whether a header or field of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def sensitive_headers(
    headers: Mapping[Any, Any],
) -> Iterator[tuple[str, str]]:
    # lower_items() of requests' headers is much faster than items().
    for name, value in getattr(headers, "lower_items", headers.items)():
        if _is_secret_header(name):
            yield as_text(name), as_text(value)
            if isinstance(value, bytes):
                with suppress(UnicodeDecodeError):  # the server may read it as UTF-8
                    yield as_text(name), value.decode()


# Most programs send few different headers.
@lru_cache(maxsize=128)
def _is_secret_header(name: str | bytes) -> bool:
    return is_secret_name(as_text(name))


def header_secrets(name: str, value: str) -> Iterator[str]:
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
            if len(text) >= SHORTEST:
                yield text
                yield from _basic_secrets(secret)


def _cookie_secrets(value: str) -> Iterator[str]:
    for pair in value.split(";"):
        text = pair.partition("=")[2].strip(' "')
        if len(text) >= SHORT:
            yield text


def _basic_secrets(token: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(token, validate=True).decode()
    except ValueError:  # not base64, or not text
        return
    user, colon, password = decoded.partition(":")
    if colon and decoded.isprintable():
        yield from _long_enough(decoded, user, password)


def url_secrets(url: str) -> Iterator[str]:
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
    return (secret for secret in secrets if len(secret) >= SHORTEST)
