"""What counts as a secret: the name says where to look, the value decides.

A name counts if it ends with a secret word, such as ``access_token`` or ``X-Auth-Key``.
A value under such a name counts if it has 8 characters, or 4 with a digit, and is no
sentence and no word such as ``expired``. A value beside others, for instance in a
cookie or an ``Authorization``, counts under any name if it looks random. A password of
4 characters always counts. A user name does not.
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote_plus

from .decoding import as_text

# Few failures need all patterns; `re` may drop them from its cache.
compiled = cache(re.compile)

# The ends of names, for (?ix).
_PASS = r"""(?:(?:\b|[_r]|\bdb)pass|pass[-_\ ]?(?:wo?r?d|phrase|code)|pwd)s?
    (?:digest|[-_]?confirm(?:ation)?)?[-_]?\d*"""
NAME = rf"""(?:{_PASS}|(?:(?:assertion|authentication|authorization|cookie
    |credential|hmac(?:[-_]?sha)?|jwt|saml[-_]?response|secret|signature|(?:access|account|admin
    |api|app|application|auth|client|consumer|deploy|encryption|license|master|private
    |secret|security|session|shared|signing|subscription)[-_\ ]?key|api\.key)s?|session
    |sess(?:ion)?[-_ ]?id|token|(?:access|auth|refresh)[-_ ]?tokens
    |(?:\b|_)(?:otp|pin|sig|totp|verifier))[-_]?\d*)"""
# Places in a list, and words of parsers.
PUBLIC = r"""(?:continuation|cursor|delta|expected|filter|illegal|\bnear|next|\bon|page
    |recognized|resume|skip|sync)"""
# A request sends secrets under more names, and under the weak ones other values, too.
_NAMES = rf"""(?ix)(?:(?P<public>user(?:name)?|{PUBLIC}[-_ ]?token|(?:cache
    |foreign|idempotency|issue|object|partition|primary|project|public|row|socket|sort
    |surrogate)[-_]?key)|(?P<password>{_PASS})|(?P<secret>{NAME}|[-_](?:auth
    |proof|ticket|wsse)|-key|\bpw)|(?P<weak>^(?:auth|code|key|ticket)|(?:app|auth|device|mfa)_code
    |_key|(?-i:[a-z]Key)|\b(?:appid|sid|sign)))$"""
# Words about a secret, in lower case.
_NO_SECRET = r"""(?x)(?:4_request|activ|already|bad[-_]|bla(?:ck|nk)|breach|compromis
    |confirm|denied|disabled|duplicate|empty|expired|fail|false|forbidden|length|malformed
    |in(?:correct|secure|valid)|match|missing|no-?check|not[-_fml]|null|numeric|oauth2|pwned
    |previous|re(?:dact|ject|quired|vok)|string|suspend|too[-_]|true|un(?:auth|defin|known|recog
    |support|verif)|(?:low|upp)ercase|weak|wrong)\D*\Z"""
# Words and numbers, like "eu-west-1", "HMAC-SHA1", "AADSTS500011" and "lastModified".
_WORD, _SIGN = r"(?:[A-Za-z]*|[Vv]\d|\d+[A-Za-z]?\d*)", r"(?:[-_./:;+@]|=\b)"
_PLAIN = rf"""(?:(?=.{{,64}}\Z)(?=.*{_SIGN})(?:{_WORD}{_SIGN})*[A-Za-z]*\d*
    (?:{_SIGN}{_WORD})*|[A-Z]+\d+|\w+-HMAC-\w+|[A-Za-z][a-z]+(?:[A-Z][a-z]+)+)\Z"""
# No secret is a sentence, an endpoint, a code, or what a service has masked itself.
_ONE_WORD = r"(?sx)(?!https?://|.*\*{3}|[A-Z]{2,}(?:_[A-Z\d]+)+\Z)(?=\S+\Z)"
_MIXED = rf"{_ONE_WORD}(?!{_PLAIN})(?:.{{16}}|(?=.*\d)(?=.*[^\W\d_])"
# What a secret looks like, by the kind of its name. A "shown" password is one that the
# request does not hold; what stands in a "sentence" has to look more like a secret.
_LOOKS = {
    "public": "(?!)",
    # With these fixed words, the user name is the token (GitHub, Toggl).
    "password": r"(?s)(?!(?:x-oauth-basic|api_token)\Z).{4}",
    "shown": _ONE_WORD + ".{4}",
    "secret": _ONE_WORD + r"(?:(?=.*\d).{4}|.{8})",
    "weak": _MIXED + ".{4})",
    "other": _MIXED + ".{8})",
    "sentence": _MIXED + r"(?=.*\d|.*=).{6})",
}
# What stands between the parts of a value that follows a comma: the brackets of JSON,
# and the scheme before credentials (RFC 9110), which is never secret.
_BETWEEN = r"""(?x)[],;&}](?:(?<=\A,)[{\[]+|(?<=[^]}][]}])[]}]*\Z|(?<=;)\s
    |(?<=[;&])(?=[\w.-]+=)|(?<=,)\s*[A-Za-z][\w-]{0,29}:?\s+(?=[^\s,]))"""
_PART = r'(?:"?([\w.-]+)(?:=|":\s*)(?=[^\s=]))?("[^"]*"|[^\s,]+)'
_LOGIN = re.compile(r"(?m)^[^/?#\n]*//([^/?#\n]*)@")
# Parameters of the query, the fragment and the path: /a;jsessionid=x?b=1&c[]=2
_PAIR = re.compile(r"""(?xi)[?;&\#]([^=?;&\#\n]+?)(?:]|%5D)?(?:(?:\[|%5B)\d*(?:]|%5D))?=
    ((?:[^?;&\#\n]|[?;](?![\w.-]+=))+)""")


def is_one(kind: str, value: str) -> bool:
    """Say whether a value is a secret under a name of this kind."""
    may_be = kind == "password" or not compiled(_NO_SECRET).search(value[-99:].lower())
    return may_be and compiled(_LOOKS[kind]).match(value) is not None


def kind_of(name: str | bytes) -> str | None:
    """Return the kind of a name of secrets; None of any other name."""
    found = compiled(_NAMES).search(as_text(name))
    return found and found.lastgroup


# Most requests have the same few headers.
_header_kind = lru_cache(maxsize=256)(kind_of)


def of_request(headers: Mapping[Any, Any], urls: Iterable[str | None]) -> set[str]:
    """Return the secrets in the headers and the URLs of a request."""
    joined = "\n".join(filter(None, urls))
    named = [(_header_kind(key), headers[key]) for key in filter(_header_kind, headers)]
    named += [(kind_of(unquote_plus(key)), one) for key, one in _PAIR.findall(joined)]
    values = [_in_value(kind, as_text(one)) for kind, one in named if kind]
    return set[str]().union(*map(_in_login, _LOGIN.findall(joined)), *values)


def _in_value(kind: str, value: str) -> Iterator[str]:
    """Yield the secrets in the value of a header or a parameter."""
    for key, part in compiled(_PART).findall(compiled(_BETWEEN).sub(" ", f",{value}")):
        word = part.strip("\"':")
        if is_one((kind_of(key) or "other") if key else kind, word):
            yield word
        if ":" in word and not key:
            user, *rest = word.split(":")
            named = [(kind, one) for one in (":".join(rest), *rest)]
            yield from _likely(("other", user), *named)
        yield from in_base64(word)


def in_base64(word: str) -> list[str]:
    """Return the secrets in "user:password" in base64."""
    try:
        login = binascii.a2b_base64(word + "==").decode("latin-1")
    except ValueError:
        return []
    # a2b_base64() skips what is no base64.
    if ":" not in login or len(login) != len(word.rstrip("=")) * 3 // 4:
        return []
    login = login.rstrip("\r\n")  # of echo
    return _in_login(login) if min(login) >= " " else []


def _in_login(login: str) -> list[str]:
    """Return the secrets in "user:password"."""
    user, _, password = login.partition(":")
    return _likely(("password", password), ("other", user))[:1]


def _likely(*named: tuple[str, str]) -> list[str]:
    """Return the values that look like a secret of their kind."""
    return [one for kind, one in named if is_one(kind, one)]
