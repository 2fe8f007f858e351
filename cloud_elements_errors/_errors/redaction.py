"""Take secrets out of texts, fields and headers.

There are two searches. The first one looks for the secrets of the request: it lists the
forms that a server may give them, and looks for each. The second one looks for secrets
of somebody else, by their names and looks: ``Bearer …``, ``apiSecret=…``,
``"password": "…"``.

No cache and no regular expression holds a secret of the request: `re` keeps the
expressions that it has compiled.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import product
from typing import Any
from urllib.parse import unquote, unquote_plus

from . import secrets
from .decoding import as_text

REDACTED = "[redacted]"

Headers = Mapping[Any, Any] | None

_TOGETHER = 4096  # characters of texts that are searched at once

# How escapers of HTML write an apostrophe, a quote and, some of them, + or / and =.
_APOSTROPHES = ("'", "&#39;", "&#039;", "&#x27;", "&apos;")
_MORE_OF_HTML = (dict[int, str](), {43: "&#43;"}, {47: "&#x2F;", 61: "&#x3D;"})
# How URLs, JSON and HTML write characters by their numbers, and which.
_NUMBERS = ("%{:02X}", "%{:02x}", "\\u{:04x}", "\\u{:04X}", "&#{};", "&#x{:X};")
_RESERVED = re.sub(r"(?a)[\w.~-]", "", bytes(range(256)).decode("latin-1"))
_CHARS = (_RESERVED, _RESERVED.replace("/", ""), "<>&", "<>&'=", "<>&'\"+", "<>&'\"+=")
_ESCAPES = [
    {38: "&amp;", 60: "&lt;", 62: "&gt;", 39: apostrophe, 34: quote} | more
    for apostrophe, quote, more in product(
        _APOSTROPHES, ('"', "&quot;", "&#34;"), _MORE_OF_HTML
    )
] + [
    {ord(char): number.format(ord(char)) for char in chars}
    for number, chars in product(_NUMBERS, _CHARS)
]
_LETTERS = re.compile(r"[0-9A-Za-z]{1,4}|\Z")
# A short secret stays within a longer word, and a word is also the name of a field. The
# letter before it may belong to an escape.
_LETTER_BEFORE = re.compile(r"(?<!\\)(?<!%.)(?<!\\u...)\w\Z")

# Each match of the patterns that follow has one of these in its lower case.
_HINT = re.compile(r"""(?x)auth|cook|secr|pass|pwd|cred|sess|sig|jwt|assert|saml|hmac
    |token|key|bear|basic|orga|,\ elem|,\ user|ssws|pin|otp|//[^/]*@|-u\ |--|eyj|_pat
    |shpat|gh[opsu]_|glp|[rs]k[-_]|xox|xapp|aiza|ya29|npm_|dop_v1|hvs\.|verifier""")
# A private key, a JSON web token, a token with a well-known beginning, and the password
# in https://user:password@host or curl -u user:password.
_KNOWN = re.compile(r"""(?isx)-----BEGIN[A-Z\ ]*PRIVATE\ KEY-----[^-"]*
    (?:-----END[A-Z\ ]*-----)?|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?
    |\b(?:[rs]k[-_](?:live|proj|test)[-_]|gh[opsu]_|github_pat_|glp(?:at|tt)-|x(?:ox[a-z]|app)-|AIza
    |ya29\.|shpat_|npm_|dop_v1_|hvs\.|sk-ant-)[\w-]{10,}|(://[^\s/:@"'<>]*:)[^\s/"'<>]+(?=@)
    |((?<![\w-])(?:-u|--user)[\s=]\s?["']?[a-z][^\s:"']*:)(?!pass)[^\s"']+""")
# The scheme of a header and its credentials; "Element e" alone is no header.
_SCHEME = re.compile(r"""(?ix)\b(?:basic|bearer|apikey|geniekey|sharedkey|ssws
    |token(?=\ +\S{16})|authorization\W{1,8}[\w-]+|(?:(?<=,)|(?<=,\ ))(?:element:?
    |organization:?|user:?(?=\ +\S{16}))|(?:user|element|organization):?(?=\ +\S+,\ *
    (?:user|element|organization)\b))\ +(?:\w+:)?([\w.~+/-]+=*)(?!\w|=*["'][\w/])""")
# The name of an option, a tag, a field or a parameter, and what stands between it and
# its value. It is searched in text of lower case, since that is much faster.
_NAME = re.compile(rf"""(?x)(?P<public>{secrets.PUBLIC}[-_ ]?token)
    |(?P<option>(?<![\w-])--[\w-]{{0,15}}?)?(?P<name>{secrets.NAME})
    (?P<sign>(?:\\{{0,7}}["']|&quot;|&[#]34;)?(?:\]?\s{{0,5}}(?::?=>?|:|%3d|%3a)\s{{0,5}}
    |[\s,&]{{0,3}}\\{{0,7}}["']?value\\{{0,7}}["']?\s?[:=]\s{{0,2}}
    |(?:\s{{1,9}}[\w.:-]{{1,40}}=\\*["'][^"'<>]{{0,200}}["']){{0,9}}\s*>
    (?:\s|\\[nrt]|<!\[cdata\[)*)|\s(?=\\{{0,7}}["'`])|(?(option)\s+|(?!)))""")
_VALUE = re.compile(r"""(?isx)(?P<open>\\{0,7}["'`]|&quot;|&[#]34;)
    (?P<quoted>(?:(?!(?P=open))(?:[^\\]|\\.))*)|(?P<inside>\[[^][]*\]|\{[^{}]*\})
    |(?!(?:basic|bearer|token)\b)(?:(?<=:\ )[\w.-]+=(?=[\w/+]))?
    (?P<bare>(?:(?!%26)[^\s,;&"'<>(){}\[\]\\`])+)""")
_ITEM = re.compile(r'(?<=")[^"\\]{4,}(?=\\*"\s*[],}])|(?<=[\s,:[])\d{4,}(?=\s*[],}])')
# A number in JSON that was a secret; it becomes a string.
_NUMBER = re.compile(r'(?:(?<=[^\\]":)|(?<=[^\\]":\s))\[redacted]')


class Redactor:
    """Takes the secrets of one request out of any text.

    It reads the headers and URLs at the first call, so a successful request costs
    nothing.
    """

    def __init__(self, headers: Headers = None, *urls: str | None) -> None:
        """Keep the *headers* of the request, and its *urls*, with those of proxies."""
        self._headers = headers or {}
        self._urls = urls
        self._forms: dict[str, set[str]] = {}

    @cached_property
    def _spellings(self) -> dict[str, set[str]]:
        """What a server may make of each secret, by letters that no escape changes."""
        found: dict[str, set[str]] = {}
        for secret in secrets.of_request(self._headers, self._urls):
            for one in _spellings(secret):
                found.setdefault(_LETTERS.findall(one)[0], set()).add(one)
        return found

    def __call__(self, text: str, *, cut: bool = False) -> str:
        """Return *text* without secrets. *cut* means that its end is missing."""
        found: list[str] = []
        for key in filter(text.__contains__, self._spellings):
            if key not in self._forms:
                self._forms[key] = set().union(*map(_forms, self._spellings[key]))
            for form in self._forms[key]:
                found += [form] if form in text else []
                found += [_start_at_end(form, text)] if cut else []
        for form in sorted(filter(None, found), key=len, reverse=True):
            text = _without(form, text)
        return _NUMBER.sub(f'"{REDACTED}"', _without_others(text))

    def texts(self, *texts: str | None, cut: bool = False) -> tuple[str | None, ...]:
        """Return the texts without secrets; search short ones all at once first."""
        together = "\n".join(filter(None, texts))
        if not cut and len(together) < _TOGETHER and self(together) == together:
            return texts
        return tuple([text and self(text, cut=cut) for text in texts])

    def fields(self, fields: Mapping[str, Any], *, cut: bool = False) -> dict[str, Any]:
        """Return a JSON object's fields without secrets, as in the text of the JSON."""
        if not fields:
            return {}
        text = json.dumps(fields, ensure_ascii=False)
        shown = self(text, cut=cut)
        with suppress(ValueError):
            return dict(fields if shown == text else json.loads(shown))
        return dict.fromkeys(map(self, fields), REDACTED)

    def headers(self, headers: Mapping[str, str | bytes]) -> dict[str, str]:
        """Return a copy of *headers* without secrets."""
        shown = {}
        for name, value in headers.items():
            is_secret = secrets.of_request({name: value}, ())
            shown[self(name)] = REDACTED if is_secret else self(as_text(value))
        return shown


def _spellings(secret: str) -> set[str]:
    """Return what a server may make of the bytes of a secret, but for escapes."""
    found = {secret}
    if "%" in secret or "+" in secret:
        found |= {unquote(secret), unquote_plus(secret)}
    for one in tuple(found):
        for charset in ("utf-8",) if one.isascii() else ("utf-8", "latin-1"):
            sent = one.encode(charset, "replace")
            found |= {sent.decode("utf-8", "replace"), sent.decode("latin-1")}
            found.add(base64.b64encode(sent).decode())
    return found


def _forms(spelling: str) -> set[str]:
    """Return the ways to write it in a URL, in JSON (also twice) and in HTML."""
    if re.fullmatch(r"(?a)[\w.~-]+", spelling):
        return {spelling}  # nothing to escape
    url_safe = spelling.replace("+", "-").replace("/", "_")
    found = {spelling, url_safe, spelling.rstrip("="), url_safe.rstrip("=")} - {""}
    found |= {json.dumps(one, ensure_ascii=False)[1:-1] for one in found}
    for _ in range(2):
        found |= {json.dumps(one)[1:-1] for one in found}
    found |= {one.translate(escapes) for one in found for escapes in _ESCAPES}
    others = ("/", r"\/"), ("/", r"\\/"), ("\\u", r"\\u"), ("%20", "+"), ("%", "%25")
    return found | {one.replace(*pair) for one in found for pair in others}


def _start_at_end(form: str, text: str) -> str:
    """Return the start of a form with which a text ends, maybe before brackets."""
    text = text.rstrip('"]}')
    lengths = range(min(len(form), len(text)), 3, -1)
    return next((form[:one] for one in lengths if text.endswith(form[:one])), "")


def _without(form: str, text: str) -> str:
    """Take out a form of a secret; a short one or a word has to be a whole word."""
    if len(form) >= secrets.SHORT and not form.isalpha():
        return text.replace(form, REDACTED)
    kept, *others = text.split(form)
    for after in others:
        is_name = form.isalpha() and re.match(r"\\*[\"']\s?:", after)
        is_within = _LETTER_BEFORE.search(kept[-6:]) or re.match(r"\w", after)
        kept += (form if is_within or is_name else REDACTED) + after
    return kept


def _without_others(text: str) -> str:
    """Take out what looks like a secret that the request does not hold."""
    if _HINT.search(text.lower()) is None:
        return text
    text = _KNOWN.sub(lambda match: f"{match[1] or match[2] or ''}{REDACTED}", text)
    shown, done = "", 0
    for start, end in sorted(_others(text)):
        if start >= done:
            shown += text[done:start] + REDACTED
            done = end
    return shown + text[done:]


def _others(text: str) -> Iterator[tuple[int, int]]:
    """Yield where credentials, and values under the names of secrets, start and end."""
    for match in _SCHEME.finditer(text):
        word = match[1].rstrip(".:!?")
        if _looks_random(word, secrets.SHORT) or any(secrets.in_base64(word)):
            yield match.start(1), match.start(1) + len(word)
    seen = 0
    # Only İ has two letters in lower case.
    for name in _NAME.finditer(text.replace("İ", "i").lower()):
        is_new = name.start() >= seen and not name["public"]
        value = _VALUE.match(text, name.end()) if is_new else None
        if value is None:
            continue
        kind, sign = value.lastgroup or "", name["sign"].strip()
        spans = [value.span(kind)]
        if kind == "bare":
            seen = value.end()  # or "otp:otp:otp:" would take quadratic time
        elif kind == "inside":
            spans = [item.span() for item in _ITEM.finditer(text, *spans[0])]
        # After a colon, a word may go on with a sentence.
        is_open = sign in {"", ":"} or (kind == "bare" and sign.endswith(":"))
        for start, end in spans:
            word = text[start:end].rstrip(".:!?")
            # After '":' in JSON, a number is a value.
            likely = word.isdigit() and len(sign) > 1 if is_open else value[0][0] != "{"
            likely = likely or _looks_random(word, 6)
            if likely and secrets.is_one(name["name"], word):
                yield start, start + len(word)


def _looks_random(word: str, least: int) -> bool:
    return bool(re.search(r"[\d=]", word)) and secrets.looks_random(word, least)
