"""Take secrets out of texts, fields and headers.

There are two searches. The first one looks for the secrets of the request. The second
one looks for secrets of somebody else, by their names and looks: ``Bearer …``,
``apiSecret=…``, ``"password": "…"``. Both search a text as it is, and then without its
escapes of URLs, JSON and HTML, layer by layer.

No cache and no regular expression holds a secret of the request: `re` keeps the
expressions that it has compiled.
"""

import json
import re
from binascii import b2a_base64
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import unquote, unquote_plus

from .escapes import layers
from .secrets import NAME, PUBLIC, compiled, in_base64, is_one, kind_of, of_request

REDACTED = "[redacted]"

# In base64, these stand for each other. Only İ has two letters in lower case.
_SAME = str.maketrans("+/İ", "-_i")
# A secret of fewer characters needs a digit, and is one only as a whole word.
_SHORT = 8
# A secret with one of these has other spellings.
_ODD = re.compile(r"[^!-~]|[%+]")
# What is neither a word nor a number may come back in other letters: a GUID.
_MIXED = re.compile(r"\d\D|\D\d")
# The first letters of a secret: no escape changes them.
_START = re.compile(r"\A[^0-9A-Za-z]*([0-9A-Za-z]{0,4})")

# Each match of the patterns that follow has one of these in its lower case.
_HINT = r"""(?x)a(?:iza|ssert|tatt|uth)|b(?:asic|ear)|c(?:ook|red)|dop_v1|eyj|jwt|key
    |g(?:h[oprsu]_|l(?:p|rt|sa))|h(?:f_|mac|vs\.)|lin_|npm_|o(?:rga|tp)|rk[-_]|token|ya29
    |p(?:ass|at_|in|wd|ypi)|s(?:aml|e(?:cr|ss)|g\.|hp|ig|k[-_]|sws)|verifier|whsec
    |x(?:app|ox)|-(?:-|u\ )|@|%40|,\ ?(?:elem|user)"""
# A private key, a JSON web token, a token with a well-known beginning, and the password
# in https://user:password@host or curl -u user:password.
_KNOWN = r"""(?isx)-----BEGIN[A-Z\ ]*PRIVATE\ KEY[A-Z\ ]*-----(?:[^-"\\]|-(?!-))*
    (?:-----END[A-Z\ ]*-----)?|(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}(?<!\.)
    |\b(?:[rs]k[-_](?:live|proj|test)[-_]|sk-(?:ant|svcacct)-|gh[oprsu]_|github_pat_
    |gl(?:pat|ptt|rt|sa)[-_]|x(?:ox[a-z]|app)-|AIza|ya29\.|shp(?:at|ca|ss)_|npm_|dop_v1_|hvs\.
    |whsec_|hf_(?=\w{30})|(?-i:SG)\.[\w-]{8,}\.|ATATT3|pypi-AgE|dckr_pat_|lin_api_|xkeysib-)
    (?-i:(?![a-z]{1,30}(?:[-_](?:[a-z]{1,30}|\d{1,9})){1,9}(?![\w-])))[\w-]{10,}
    |(://[^\s/:@"'<>]*:)[^\s/"'<>]+(?=@)
    |((?<![\w-])(?:-u|--user)[\s=]\s?["']?[a-z][^\s:"']*:)(?!pass)[^\s"']*[^\s"'\\]"""
# The scheme of a header and its credentials; "Element e" alone is no header.
_SCHEME = r"""(?ix)\b(?:basic|bearer|apikey|geniekey|sharedkey|ssws|token(?=\ +\S{16})
    |authorization\W{,3}[:=]\W{,4}[\w-]+|(?:user|element|organization):?(?=\ +\S+,
    \ *(?:user|element|organization)\b)|(?P<part>(?:user|element|organization):?))
    \ +(?:\w+:)?(?P<word>[\w.~+/-]+={0,2})(?![\w=]|["'][\w/])"""
# What stands before a part of the header of the platform, and the part's first letter.
_BEFORE_PART = r"(?i:(?:user|element|organization):?(?:\s+\S+)?,\s?\w\Z)|,\s?[EOU]\Z"
# The name of an option, a tag, a field or a parameter, what stands between it and its
# value, and the value. It is searched in text of lower case, since that is much faster.
_NAMED = rf"""(?x)(?P<public>{PUBLIC}[-_ ]?token)|(?P<option>(?<![\w-])--
    [\w-]{{0,15}}?)?(?<!\d{{6}}:)(?P<name>{NAME})(?P<sign>["']?(?:\]?\s{{0,5}}
    (?::?=>?|:)\s{{0,5}}(?:string\(\d+\)\s)?|[\s,&]{{0,50}}["']?value["']?\s?[:=]
    \s{{0,2}}|(?:\s{{1,9}}(?!value=)[\w.:-]{{1,40}}=["'][^"'<>]{{0,200}}["']){{0,9}}
    (?:\s*>(?:\s|<!\[cdata\[)*|\s{{1,9}}value=))|\s(?=["'`])|(?(option)\s+|(?!)))
    (?:(?=(?P<open>["'`])(?![],}}]+\s?["{{[\d-])(?P<quoted>(?:(?!(?P=open)
    |"\s?[]:,}}])(?:[^\\]|\\.))*)|(?P<list>\[[^][]*\])|(?P<object>\{{[^{{}}]*\}}))
    |(?!(?:basic|bearer|token)\b|(?<=\w:)[^\s/@"'<>]{{1,200}}@[\w.-]+[/:])(?:(?<=:\ )
    [\w.-]+=(?=[\w/+]))?(?P<bare>(?:(?!%26|&[lg]t;)[^\s,;&"'<>(){{}}\[\]\\`])+))"""
# A string of JSON, or a number beside it.
_NUMBER = r"""(?sx)"[^"\\]*(?:\\.[^"\\]*)*"?|(?:(?<=":)|(?<=":\s)|(?<="\s:\s)
    |(?<=[,\[\n])|(?<=,\s)|(?<=\s[\s:]))(-?\d[\d.Ee+-]*|true|false|null)(?=\s*[],}])"""
_ITEM = r'(?<=")[^"]{4,}(?="\s*[],}])|(?<=[\s,:[])[\w+/=.-]{4,}(?=\s*[],}])'


class Redactor:
    """Takes the secrets of one request out of any text.

    It reads the headers and URLs at the first call, so a successful request costs
    nothing.
    """

    def __init__(self, headers: Any = None, *urls: str | None) -> None:
        """Keep the *headers* of the request, and its *urls*, with those of proxies."""
        self._sent = headers or {}, urls
        # Spellings of the secrets, and the first letters of each.
        self._known: dict[str, str] | None = None

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """Return *text* without secrets. *cut* means that its end is missing."""
        if self._known is None:
            known = set[str]().union(*map(_spellings, of_request(*self._sent)))
            letters = map(str.lower, chain(*map(_START.findall, known)))
            self._known = dict(zip(known, letters, strict=True))
        lower = text.lower()
        has_hint = compiled(_HINT).search(lower)
        if not (has_hint or any(map(lower.__contains__, self._known.values()))):
            return text
        forms = _forms([one for one, first in self._known.items() if first in lower])
        spans = list[tuple[int, int]]()
        for plain, places in layers(text):
            found = [*_known(plain, forms, cut), *(_others(plain) if has_hint else ())]
            spans += [(places[start], places[end]) for start, end in found]
        # A number of JSON becomes a string, so that the others can be read.
        bare = {token.start(1) for token in compiled(_NUMBER).finditer(text)}
        shown, done = "", 0
        for start, end in sorted(spans):
            if start >= done:
                hidden = f'"{REDACTED}"' if start in bare else REDACTED
                shown += text[done:start] + hidden
            done = max(done, end)
        return shown + text[done:]


def _spellings(secret: str) -> set[str]:
    """Return what a server may make of a secret, but for escapes."""
    if _ODD.search(secret) is None:
        return {secret, b2a_base64(secret.encode(), newline=False).decode()}
    found = {secret, unquote(secret), unquote_plus(secret)}
    charsets = ("utf-8", "latin-1")
    sent = {one.encode(charset, "replace") for one in found for charset in charsets}
    found |= {one.decode(charset, "replace") for one in sent for charset in charsets}
    return found.union(b2a_base64(one, newline=False).decode() for one in sent)


def _forms(known: list[str]) -> set[str]:
    """Return what these secrets look like in a layer of a text."""
    # In JSON, an emoji is two characters, or one. A form has + for a space.
    sent = (*known, *(json.dumps(one)[1:-1] for one in known))
    plain = {one.translate(_SAME) for secret in sent for one, _ in layers(secret)}
    forms = plain.union(*((one.rstrip("="), one.replace(" ", "-")) for one in plain))
    # Fewer than four characters are looked for nowhere.
    return {one.lower() if _MIXED.search(one) else one for one in forms if one[3:]}


def _known(text: str, forms: set[str], cut: bool) -> Iterator[tuple[int, int]]:
    """Yield where these forms start and end."""
    plain, end = text.translate(_SAME), len(text)
    lower = plain.lower()
    for form in forms:
        is_mixed = _MIXED.search(form) is not None
        where = lower if is_mixed else plain
        more = r"\w|\\*[\"']\s?:" if form.isalpha() else r"\w|\.\d"
        at = where.find(form)
        while at >= 0:
            after = at + len(form)
            # What is short, a word and a number have to stand alone.
            is_long = is_mixed and len(form) >= _SHORT
            before = compiled(r"(?<=\w)|(?<=\d\.)|(?<=[\s:,[]-)").match(text, at)
            if is_long or not (before or compiled(more).match(text, after)):
                yield at, after
            at = where.find(form, after)
        # A cut text may end with a part of it, and with half an escape.
        for at in range(max(0, end - len(form)) if cut else end, end):
            if where.startswith(form[:4], at) and form.startswith(where[at:]):
                yield at, -1


def _others(text: str) -> Iterator[tuple[int, int]]:
    """Yield where credentials, and values under the names of secrets, start and end."""
    for match in compiled(_KNOWN).finditer(text):
        yield max(match.start(), match.end(1), match.end(2)), match.end()
    for match in compiled(_SCHEME).finditer(text):
        word, start = match["word"].rstrip(".:!?"), match.start("word")
        is_login = len(word) % 4 == 0 and in_base64(word)
        likely = is_login or (len(word) >= _SHORT and is_one("sentence", word))
        before = text[max(0, match.start() - 200) : match.start() + 1]
        if likely and (not match["part"] or re.search(_BEFORE_PART, before)):
            yield start, start + len(word)
    for match in compiled(_NAMED).finditer(text.replace("İ", "i").lower()):
        yield from _values(text, match)


def _values(text: str, match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield where the values under the name of a secret start and end."""
    kind, sign = match.lastgroup or "", (match["sign"] or "").strip()
    spans = [match.span(kind)]
    if kind in {"list", "object"}:
        spans = [one.span() for one in compiled(_ITEM).finditer(text, *spans[0])]
    # After a colon or a tag like <a href="/password">, there may be a sentence.
    is_open = sign in {"", ":", '">'} or (kind == "bare" and sign.endswith(":"))
    # One word in <entry key="password" type="x"> is no sentence.
    has_attributes = sign[:1] in "\"'" and sign.endswith(('">', "'>"))
    is_open |= has_attributes and not text.startswith("<", match.end())
    looks = "shown" if kind_of(match["name"]) == "password" else "secret"
    for start, end in spans:
        word = text[start:end].rstrip(".:!?")
        # After '":' in JSON, a number is a value.
        likely = word.isdigit() and len(sign) > 1 if is_open else kind != "object"
        if (likely or is_one("sentence", word)) and is_one(looks, word):
            yield start, start + len(word)
