"""What counts as a secret: the name says where to look, the value decides.

A name counts if it ends with a secret word, such as ``access_token`` or ``X-Auth-Key``.
A value under such a name counts if it has 8 characters, or 4 with a digit, and is no
sentence and no word such as ``expired``. A value beside others, for instance in a
cookie or an ``Authorization``, counts under any name if it looks random. A password of
4 characters always counts. A user name does not.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus

from .decoding import as_text

# A secret of fewer characters needs a digit, and is one only as a whole word.
SHORT = 8

# The ends of names, for (?ix).
_PASSWORD = r"(?:pass[-_ ]?(?:word|wd|phrase|code)|pwd|\bpass)s?[-_]?\d*"
NAME = rf"""(?:{_PASSWORD}|(?:(?:assertion|authentication|authorization|cookie
    |credential|hmac(?:[-_]?sha)?|jwt|saml[-_]?response|secret|signature|(?:access|account|admin
    |api|app|application|auth|client|consumer|encryption|master|private|secret|security
    |session|shared|subscription)[-_ ]?key)s?|session|sess(?:ion)?[-_ ]?id|token
    |(?:access|auth|refresh)[-_ ]?tokens|(?:\b|_)(?:otp|pin|sig|totp|verifier))
    [-_]?\d*)"""
# Places in a list, and words of parsers.
PUBLIC = "(?:continuation|cursor|delta|expected|next|page|recognized|resume|skip|sync)"
# A request sends secrets under more names, and under the weak ones other values, too.
_NAMES = re.compile(rf"""(?ix)(?:(?P<public>user(?:name)?|{PUBLIC}[-_ ]?token|(?:cache
    |foreign|idempotency|issue|object|partition|primary|project|public|row|socket|sort
    |surrogate)[-_]?key)|(?P<password>{_PASSWORD})|(?P<secret>{NAME}|[-_](?:auth|key
    |ticket)|(?-i:[a-z]Key))|(?P<weak>^(?:auth|code|key|ticket)|(?:auth|device)_code
    |\b(?:sid|sign)))$""")
# Words about a secret, endpoints, and values that a service has masked itself.
_NO_SECRET = re.compile(r"""(?ix)(?:blank|denied|disabled|empty|expired|fail|false
    |forbidden|null|in(?:correct|valid)|mis(?:match|sing)|not[-_m]|redacted|required|revoked|string
    |too[-_]|true|un(?:author|defin|known|support))\D*$|\*{3}|4_request$|^https?://|\s""")
# Words and numbers, like "eu-west-1", "HMAC-SHA1", "AADSTS500011" and "lastModified".
_WORD, _SIGN = r"(?:[A-Za-z]*|\d+[A-Za-z]?\d*)", r"(?:[-_./:;+@]|=\b)"
_PLAIN = rf"""(?x)(?=.{{,64}}\Z)(?=.*{_SIGN})(?:{_WORD}{_SIGN})*[A-Za-z]*\d*
    (?:{_SIGN}{_WORD})*|[A-Z]+\d+|[A-Za-z][a-z]+(?:[A-Z][a-z]+)+"""
# With these fixed words, the user name is the token (GitHub, Toggl).
_NO_PASSWORDS = {"x-oauth-basic", "api_token"}
# What stands between the parts of a value: the brackets of JSON, and the scheme before
# credentials (RFC 9110), which is never secret.
_BETWEEN = re.compile(r"""(?x)^[{\[]+|[}\]]+$|;\s|[;&](?=[\w.-]+=)
    |(?:^|(?<=,))\s*[A-Za-z][\w-]{0,29}:?\s+(?=[^\s,])""")
_PART = re.compile(r'(?:"?([\w.-]+)(?:=|":\s*)(?=[^\s=]))?("[^"]*"|[^\s,]+)')


def is_one(name: str, value: str, *, sent: bool = False, inside: bool = False) -> bool:
    """Say whether the value is a secret under this name.

    *sent*: in a request, where any password counts. *inside*: beside others, in the
    value of a secret name.
    """
    found = _NAMES.search(name)
    kind = found.lastgroup if found else None
    if kind in {"password", "secret"}:
        may_be_short = kind == "password" or any(map(str.isdigit, value))
        is_word = (kind == "secret" or not sent) and _NO_SECRET.search(value)
        return len(value) >= (4 if may_be_short else SHORT) and not is_word
    if kind == "weak":
        return looks_random(value, 4)
    return inside and kind != "public" and looks_random(value)


def looks_random(value: str, least: int = SHORT) -> bool:
    """Say whether the value is a secret under any name."""
    if not (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        least = 16
    is_plain = re.fullmatch(_PLAIN, value) or _NO_SECRET.search(value)
    return len(value) >= least and not is_plain


def of_request(headers: Mapping[Any, Any], urls: Iterable[str | None]) -> set[str]:
    """Return the secrets in the headers and the URLs of a request."""
    found = set[str]()
    for key in headers:
        name = as_text(key)
        if _NAMES.search(name):
            found.update(_in_value(name, as_text(headers[key])))
    for url in filter(None, urls):
        found.update(*map(in_login, re.findall(r"^[^/?#]*//([^/?#]*)@", url)))
        for name, value in re.findall(r"(?i)[?&#]([^=&#]+?)(?:]|%5D)?=([^&#]+)", url):
            if _NAMES.search(unquote_plus(name)):
                found.update(_in_value(unquote_plus(name), value))
    return found


def _in_value(name: str, value: str) -> Iterator[str]:
    """Yield the secrets in the value of a header or a parameter."""
    for key, part in _PART.findall(_BETWEEN.sub(" ", value)):
        word = part.strip("\"':")
        if is_one(key or name, word, sent=True, inside=bool(key)):
            yield word
        if ":" in word and not key:
            user, _, password = word.partition(":")
            if is_one(name, password, sent=True):
                yield password
            if looks_random(user):
                yield user
        yield from in_base64(word)


def in_base64(word: str) -> Iterator[str]:
    """Yield the secrets in "user:password" in base64."""
    with suppress(ValueError):
        login = base64.b64decode(word, validate=True).decode("latin-1")
        if ":" in login and not re.search(r"[\0-\x1f\x7f]", login):
            yield from in_login(login)


def in_login(login: str) -> Iterator[str]:
    """Yield the secrets in "user:password"."""
    user, _, password = login.partition(":")
    if is_one("password", password, sent=True) and password not in _NO_PASSWORDS:
        yield password
    elif looks_random(user):
        yield user
