"""What counts as a secret: the name says where to look, the value decides.

A name counts if it ends with a secret word, such as ``access_token`` or ``X-Auth-Key``.
A value under such a name counts if it has 8 characters, or 4 with a digit, and is no
sentence and no word such as ``expired``. A value beside others, for instance in a
cookie or an ``Authorization``, counts under any name if it looks random. A password of
4 characters always counts. A user name does not.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_WITHOUT_DIGIT = 8

# The ends of names, for (?ix).
NAME = r"""(?:(?:pass[-_\ ]?(?:word|wd|phrase|code)|pwd|\bpass|assertion|authentication
    |authorization|cookie|credential|hmac(?:[-_]?sha)?|jwt|saml[-_]?response|secret
    |signature|(?:access|account|admin|api|app|application|auth|client|consumer
    |encryption|master|private|secret|security|session|shared|subscription)[-_\ ]?key)s?
    |session|sess(?:ion)?[-_\ ]?id|token|(?:access|auth|refresh)[-_\ ]?tokens
    |(?:\b|_)(?:otp|pin|sig|totp|verifier))[-_]?\d*"""
_NAME = re.compile(f"(?ix){NAME}$")
# In a request only: errors have fields with these names, too.
_SENT_NAME = re.compile(rf"(?ix)(?:{NAME}|[-_](?:auth|key|ticket)|(?-i:[a-z]Key))$")
# Requests have other values under these names, too: the value has to look random.
_WEAK_NAME = re.compile(
    r"(?i)(?:^(?:auth|code|key|ticket)|(?:auth|device)_code|\b(?:sid|sign))$"
)
_PUBLIC_NAME = re.compile(r"""(?ix)(?:user(?:name)?|(?:continuation|cursor|delta
    |expected|next|page|recognized|resume|skip|sync)[-_\ ]?token|(?:cache|foreign
    |idempotency|issue|object|partition|primary|project|public|row|socket|sort|surrogate)[-_]?key)$""")
# Words about a secret, endpoints, and values that a service has masked itself.
_NO_SECRET = re.compile(r"""(?ix)(?:blank|denied|disabled|empty|expired|fail|false
    |forbidden|null|in(?:correct|valid)|mis(?:match|sing)|not[-_m]|redacted|required|revoked|string
    |too[-_]|true|un(?:author|defin|known|support))\D*$|\*{3}|4_request$|^https?://|\s""")
_PASSWORD, _DIGIT = re.compile("(?i)pass|pwd"), re.compile(r"\d")
# Words and numbers, like "eu-west-1", "HMAC-SHA1", "AADSTS500011" and "lastModified".
_WORD, _SIGN = r"(?:[A-Za-z]*|\d+[A-Za-z]?\d*)", r"(?:[-_./:;+@]|=\b)"
_PLAIN = rf"""(?x)(?=.{{,64}}\Z)(?=.*{_SIGN})(?:{_WORD}{_SIGN})*[A-Za-z]*\d*
    (?:{_SIGN}{_WORD})*|[A-Z]+\d+|[A-Za-z][a-z]+(?:[A-Z][a-z]+)+"""
# The scheme before credentials (RFC 9110), which is never secret.
_SCHEME = re.compile(r"(?:^|(?<=,))\s*[A-Za-z][\w-]{0,29}:?\s+(?=[^\s,])")
_PART = re.compile(r'(?:([\w.-]+)=(?=[^\s=]))?("[^"]*"|[^\s,]+)')


def is_one(name: str, value: str, *, sent: bool = False, inside: bool = False) -> bool:
    """Say whether the value is a secret under this name.

    *sent*: in a request. *inside*: beside others, in the value of a secret name.
    """
    if _PUBLIC_NAME.search(name):
        return False
    if not (_SENT_NAME if sent else _NAME).search(name):
        is_weak = bool(sent and _WEAK_NAME.search(name))
        return (inside or is_weak) and looks_random(value, 4 if is_weak else 8)
    is_password = _PASSWORD.search(name)
    least = 4 if is_password or _DIGIT.search(value) else LEAST_WITHOUT_DIGIT
    is_no_secret = _NO_SECRET.search(value) and not (is_password and sent)
    return len(value) >= least and not is_no_secret


def looks_random(value: str, least: int = LEAST_WITHOUT_DIGIT) -> bool:
    """Say whether the value is a secret under any name."""
    if not (_DIGIT.search(value) and re.search("[A-Za-z]", value)):
        least = 16
    is_plain = re.fullmatch(_PLAIN, value) or _NO_SECRET.search(value)
    return len(value) >= least and not is_plain


def in_header(name: str, value: str) -> Iterator[str]:
    """Yield the secrets in a header or a parameter of a request."""
    if not (_SENT_NAME.search(name) or _WEAK_NAME.search(name)):
        return
    for key, part in _PART.findall(_SCHEME.sub(" ", value.replace("; ", " "))):
        word = part.strip("\"'{}[]:")
        user, _, password = ("", "", "") if key else word.partition(":")
        for one in filter(None, (word, password)):
            if is_one(key or name, one, sent=True, inside=bool(key)):
                yield one
        yield from filter(looks_random, [user] if password else [])
        yield from in_base64(word)


def in_base64(word: str) -> Iterator[str]:
    """Yield the secrets in "user:password" in base64."""
    with suppress(ValueError):  # requests sends Latin-1
        login = base64.b64decode(word, validate=True).decode("latin-1")
        if ":" in login and not re.search(r"[\0-\x1f\x7f]", login):
            yield from _in_login(*login.split(":", 1))


def in_url(url: str) -> Iterator[str]:
    """Yield the secrets in the userinfo and the parameters of a URL."""
    for user, password in re.findall(r"^[^/?#]*//([^/?#:]*):?([^/?#]*)@", url):
        yield from _in_login(unquote(user), unquote(password))
    for name, value in re.findall(r"[?&#]([^=&#]+)=([^&#]+)", url):
        yield from in_header(unquote_plus(name), value)


def _in_login(user: str, password: str) -> Iterator[str]:
    # With these fixed words, the user name is the token (GitHub, Toggl).
    words = {"x-oauth-basic", "api_token"}
    if password not in words and is_one("password", password, sent=True):
        yield password
    elif looks_random(user):
        yield user


def spellings(secret: str) -> set[str]:
    """Return what a server may make of the bytes of a secret, but for escapes."""
    found = {secret}
    if "%" in secret or "+" in secret:
        found |= {unquote(secret), unquote_plus(secret)}
    for one in tuple(found):
        if one.isascii():
            found.add(base64.b64encode(one.encode()).decode())
            continue
        utf_8, latin_1 = (one.encode(code, "replace") for code in ("utf-8", "latin-1"))
        found |= {utf_8.decode("latin-1"), latin_1.decode("utf-8", "replace")}
        found |= {base64.b64encode(sent).decode() for sent in (utf_8, latin_1)}
    return found
