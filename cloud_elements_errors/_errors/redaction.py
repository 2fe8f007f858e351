"""Take secrets out of texts, fields and headers.

There are two searches. The first one looks for the secrets of the request: it lists the
forms that a server may give them, and looks for each. The second one looks for secrets
of somebody else, by their names and looks: ``Bearer …``, ``apiSecret=…``,
``"password": "…"``.

No cache and no regular expression holds a secret of the request: `re` keeps the
expressions that it has compiled.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cached_property, partial
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import secrets
from .payload import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REDACTED = "[redacted]"

_SHORT = 4096

# How the escapers of HTML write a quote, an apostrophe and, some of them, + or / and =.
_QUOTES = ('"', "&quot;", "&#34;")
_APOSTROPHES = ("'", "&#39;", "&#039;", "&#x27;", "&apos;")
_MORE_OF_HTML = (dict[int, str](), {43: "&#43;"}, {47: "&#x2F;", 61: "&#x3D;"})
# The characters that the escapers of JSON for HTML write as \\uXXXX.
_JSON_FOR_HTML = ("<>&", "<>&'=", "<>&'\"+", "<>&'\"+=")
# A short secret within a longer word, or equal to the name of a field. The letter
# before it may belong to an escape.
_MARKS = {0: " ", 1: " "}  # they stand around the secret there
_WITHIN = r"(?<!\\)(?<!%.)(?<!\\u...)\w\0|\x01\w|\0[A-Za-z]+\x01\\*[\"']\s?:"
# Each match of the second search contains one of these words.
_HINTS = (
    *("auth", "cook", "secr", "pass", "pwd", "cred", "sess", "sig", "jwt", "assert"),
    *("saml", "hmac", "token", "key", "bear", "basic", "orga", ", elem", "ssws", "pin"),
    *("://", "eyj", "_live", "gho_", "ghp_", "ghs_", "ghu_", "github_pat_", "xox"),
    *("xapp-", "glp", "shpat_", "npm_", "hvs.", "sk-ant-", "dop_v1_", "aiza", "ya29"),
    "otp",
)
_PLAIN_PARTS = re.compile("[0-9A-Za-z]+").findall
_ITEM = re.compile(r'(?<=")[^"]{4,}(?="\s*[\],}])|(?<=[\[\s,:])\d{4,}(?=\s*[\],}])')
# In this order: private keys, JSON web tokens, and tokens with well-known beginnings;
# https://user:password@host; the scheme of a header and its credentials ("Element e"
# alone is no header); a name and its value, which may be in quotes, a list or an
# object. re compiles the long pattern when it is needed first, and keeps it.
_OTHERS = rf"""(?isx)
    (?P<known>-----BEGIN[A-Z\ ]*PRIVATE\ KEY-----[^-"]*(?:-----END[A-Z\ ]*-----)?
    |\beyJ[\w-]{{8,}}\.[\w-]+(?:\.[\w-]*)?|\b(?:[rs]k[-_](?:live|proj|test)[-_]
    |gh[opsu]_|github_pat_|glpat-|glptt-|xox[a-z]-|xapp-|AIza|ya29\.|shpat_|npm_|hvs\.|sk-ant-
    |dop_v1_)[\w-]{{10,}})
    |://[^\s/:@"'<>]*:(?P<password>[^\s/"'<>]+)(?=@)
    |\b(?:basic|bearer|apikey|geniekey|sharedkey|ssws|token(?=\ +\S{{16}})
    |authorization\W{{1,8}}[\w-]+|(?:(?<=,)|(?<=,\ )|(?=\w+:?\ +\S+,\ *(?:user
    |organization|element)\b))(?:user|organization|element):?)\ +(?:\w+:)?
    (?P<word>[\w.~+/-]+=*)(?!\w|=*["'][\w/])
    |(?<![\w-])(?P<name>(?:[A-Z]{{2,20}}\ )?[\w-]{{0,50}}?{secrets.NAME})
    (?P<sign>(?:\\{{0,7}}["']|&quot;|&[#]34;)?\]?\s{{0,2}}(?:=>?|:|%3D|%3A)\s{{0,2}}
    |>|\s(?=["'`]))(?:(?P<open>\\{{0,7}}["'`]|&quot;|&[#]34;)
    (?P<quoted>(?:(?!(?P=open))(?:[^\\]|\\.))*)|(?P<inside>\[[^][]*\]|\{{[^{{}}]*\}})
    |(?!(?:basic|bearer|token)\b)(?P<bare>(?:(?!%26)[^\s,;&"'<>(){{}}\[\]\\`=])+=*)
    (?=%26|[\s,;&"'<>(){{}}\[\]\\`]|\Z))"""


class Redactor:
    """Takes the secrets of one request out of any text.

    It reads the headers and URLs at the first call, so a successful request costs
    nothing.
    """

    def __init__(
        self, headers: Mapping[Any, Any] | None = None, *urls: str | None
    ) -> None:
        """Keep the *headers* of the request, and its *urls*, with those of proxies."""
        self._headers = headers or {}
        self._urls = urls

    @cached_property
    def _spellings(self) -> tuple[str, ...]:
        """The secrets as a server may read them, but for escapes."""
        found = {one for url in self._urls if url for one in secrets.in_url(url)}
        # lower_items() of requests' headers is much faster than items().
        items = getattr(self._headers, "lower_items", self._headers.items)
        for name, value in items():
            found.update(secrets.in_header(as_text(name), as_text(value)))
        return tuple(set().union(*map(secrets.spellings, found)))

    @cached_property
    def _plain_parts(self) -> list[str]:
        """What each of them has in every form: a search for these comes first."""
        return [max(_PLAIN_PARTS(one), key=len, default="") for one in self._spellings]

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """Return *text* without secrets. *cut* means that its end is missing."""
        found: set[str] = set()
        end = text.rstrip('"]}') if cut else ""
        if end or any(map(text.__contains__, self._plain_parts)):
            for one, part in zip(self._spellings, self._plain_parts, strict=True):
                if part in text:
                    found.update(filter(text.__contains__, _forms(one)))
                if end:
                    found.update(_start_at_end(form, end) for form in _forms(one))
        for form in sorted(found - {""}, key=len, reverse=True):
            text = _without(form, text)
        return _without_others(text)

    def texts(self, *texts: str | None, cut: bool = False) -> tuple[str | None, ...]:
        """Return the texts without secrets; search short ones all at once first."""
        together = "\n".join(filter(None, texts))
        if not cut and len(together) < _SHORT and self(together) == together:
            return texts
        return tuple([text and self(text, cut=cut) for text in texts])

    def fields(self, fields: Mapping[str, Any], *, cut: bool = False) -> dict[str, Any]:
        """Return a JSON object's fields without secrets, as in the text of the JSON."""
        if not fields:
            return {}
        text = json.dumps(fields, ensure_ascii=False)
        # A number that is a secret becomes a string.
        shown = re.sub(r'(?<=[^\\]": )\[redacted]', r'"\g<0>"', self(text, cut=cut))
        with suppress(ValueError):
            return dict(fields if shown == text else json.loads(shown))
        return dict.fromkeys(map(self, fields), REDACTED)

    def headers(self, headers: Mapping[str, str | bytes]) -> dict[str, str]:
        """Return a copy of *headers* without secrets."""
        shown = {}
        for name, value in headers.items():
            is_secret = any(secrets.in_header(name, as_text(value)))
            shown[self(name)] = REDACTED if is_secret else self(as_text(value))
        return shown


def _forms(spelling: str) -> Iterator[str]:
    """Yield the ways to write a secret in a URL, in JSON (also twice) and in HTML."""
    url_safe = spelling.replace("+", "-").replace("/", "_")
    for one in {spelling, url_safe, spelling.rstrip("="), url_safe.rstrip("=")} - {""}:
        yield from _escaped(one)


def _escaped(one: str) -> Iterator[str]:
    for encoding, safe in product(("utf-8", "latin-1"), ("", "/")):
        quoted = quote(one, safe, encoding, "replace")
        yield from (quoted, quoted.replace("%20", "+"), quote(quoted))
        yield re.sub("%..", lambda code: code[0].lower(), quoted)
    yield one
    for quote_, apostrophe, more in product(_QUOTES, _APOSTROPHES, _MORE_OF_HTML):
        html = {38: "&amp;", 60: "&lt;", 62: "&gt;", 34: quote_, 39: apostrophe}
        yield one.translate(html | more)
    for is_ascii in (True, False):
        once = json.dumps(one, ensure_ascii=is_ascii)[1:-1]
        yield from (once, once.replace("/", "\\/"), json.dumps(once)[1:-1])
    forms = ("\\u{:04x}", "\\u{:04X}", "&#{};", "&#x{:X};")
    for form, chars in product(forms, _JSON_FOR_HTML):
        escaped = one.translate({ord(char): form.format(ord(char)) for char in chars})
        yield from (escaped, escaped.replace("/", "\\/"))


def _start_at_end(form: str, text: str) -> str:
    """Return the start of a form that stands at the end of a text, if any."""
    start = text.find(form[:4], -len(form))
    while start >= 0 and not form.startswith(text[start:]):
        start = text.find(form[:4], start + 1)
    return "" if start < 0 else text[start:]


def _without(form: str, text: str) -> str:
    """Take out a form of a secret; a short one or a word has to be a whole word."""
    is_word = len(form) < secrets.LEAST_WITHOUT_DIGIT or form.isalpha()
    kept, *others = text.split(form)
    for after in others:
        left, right = (one.translate(_MARKS) for one in (kept[-6:], after[:9]))
        is_kept = is_word and re.search(_WITHIN, f"{left}\0{form}\x01{right}")
        kept += (form if is_kept else REDACTED) + after
    return kept


def _without_others(text: str) -> str:
    """Take out what looks like a secret that the request does not hold."""
    if not any(map(text.lower().__contains__, _HINTS)):
        return text
    return re.sub(_OTHERS, _shown, text)


def _shown(match: re.Match[str]) -> str:
    """Return what is shown of a match of _OTHERS."""
    kind, name, sign = match.lastgroup or "", match["name"] or "", match["sign"] or ""
    value = match[kind]
    before = match[0][: len(match[0]) - len(value)]
    word = value.rstrip(".:!?")
    is_secret = kind in {"known", "password"}
    is_prose = kind == "bare" and ":" in sign and not word.isdigit()
    is_assigned = not is_prose and sign.strip() not in {"", ":"}
    is_random = re.search(r"[\d=]", word) and secrets.looks_random(
        word, 6 if name else 8
    )
    if kind == "inside":
        test = partial(secrets.is_one, name) if word[0] == "[" else secrets.looks_random
        value = _ITEM.sub(lambda item: REDACTED if test(item[0]) else item[0], value)
    elif kind == "word":
        is_secret = is_random or any(secrets.in_base64(word))
    elif name and (is_random or is_assigned):
        is_secret = secrets.is_one(name, word)
    if not is_secret:
        return before + _without_others(value)
    quote = '"' if kind == "bare" and '"' in sign else ""
    return f"{before}{quote}{REDACTED}{quote}{value[len(word) :]}"
