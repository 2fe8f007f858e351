"""Find the words of a body: what a browser or a JSON viewer would show of it.

`words_of` takes any text, never raises, and takes time in proportion to the text. It
returns one line for each sentence, heading or field. `unsaid` joins the lines that the
reader has not read yet.

JSON, XML and form-encoded bodies give names to their texts. Texts under names such as
``message`` or ``error_description`` come first, at any depth. Texts under other names
count if those say little: ``{"error": "E17", "info": "The table is locked"}``.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from functools import lru_cache
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .json_text import MAX_DEPTH, compact, read_damaged_strings, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The name before a text, its path of names in lower case, and the text.
_Leaf = tuple[str, str, str]

_TELLING = re.compile(
    r"(?:message|msg|err|error|desc|description|detail|title|reason|(?<!de)fault"
    r"|faultstring|exception|explanation|violation|diagnostic|cause|problem|issue"
    r"|failure|warning|summary|hint|(?:\A|\.|status|error)text|invalidparam)s?"
    r"(?:\.(?:value|text|content))?\Z"
)
_CODE = re.compile(r"(?:(?:\A|\.|err|error|fault|exception|sub)code|errornumber)\Z")
# An object under such a name may map fields to what is wrong with them.
_IN_FIELDS = re.compile(r"(?:errors|messages|details|violations|failures|modelstate)\.")
_LIST_OF_A_FIELD = re.compile(r"(?:\A|.*\.)(?:message|error|detail)\.([a-z]+)\Z")
_NO_FIELD = re.compile(
    r"(?:message|msg|error|description|detail|reason|\.text|\.base)s?\Z"
)
_UNSEEN = re.compile(r"(?:trace|stack|debug)\Z")
_LINK = re.compile(r"(?:url|uri|href|link|path|type)\Z")
_LONGEST_NAME = 40  # letters
_LONGEST_PATH = 100

_PHRASES = {*map(str.lower, responses.values()), "request failed", "failed request"}
_ENOUGH = 500  # characters, since a line shows no more
# "HTTP Status 404" says nothing beside the status.
_FILLERS = frozenset(("http", "status", "error", "errors", "code"))

_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<(?P<unseen>script|style)\b(?![^<>]*/>)[^<>]*>.*?(?:</(?P=unseen)\s*>|\Z)"
    r"|<(?P<tag>/?[a-z][^<>]*)>"
    r"|<[!?][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
# A body that begins so is a page, whatever its type is.
_PAGE = re.compile(r"<(?:!doctype|html|\?xml|(?:[\w-]+:)?envelope)[\s>]", re.IGNORECASE)
_XML = re.compile(r"<(?:\?xml|(?:[\w-]+:)?envelope)[\s>]", re.IGNORECASE)
_HTML = re.compile(
    r"<(?:!doctype html|html|head|title|body|h[1-6]|p|br|hr|b|div|center|pre)[\s/>]",
    re.IGNORECASE,
)
_ROOT = re.compile(r"<([a-z][\w:.-]*)[\s>]", re.IGNORECASE)
_TAG = re.compile(rf"</[a-z]|<[a-z][^<>]*/>|{_HTML.pattern}", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(?<![\w:.-])([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_INLINE = re.compile(
    r"(?:a|abbr|b|big|cite|code|em|font|i|kbd|mark|q|s|small|span|strong|su[bp]|tt|u)\Z"
)
_REFERENCE = re.compile(r"&(?:#\w{1,8}|\w{1,32});", re.ASCII)
_FORM = re.compile(r"[^=&\s]+=[^&\s]*(?:&[^=&\s]+=[^&\s]*)+&?")


def words_of(text: str, content_type: str = "") -> str:
    """Return the words of a body, one line for each sentence or field.

    Args:
        text: The decoded body.
        content_type: The value of its Content-Type; empty if it has none.

    """
    text = text.strip("\ufeff \t\r\n")
    content_type = content_type.lower()
    if text.startswith(("{", "[", '"')):
        value = read_json(text)
        if value is not None:
            return words_in(value)
        words = _chosen(_named(read_damaged_strings(text)))
        if words:
            return words
    if _is_markup(text, content_type):
        return _words_of_markup(text, content_type)
    if "form-urlencoded" in content_type or _FORM.fullmatch(text):
        words = _chosen(_named(parse_qsl(text, errors="replace")))
        if words:
            return words
    if "html" in content_type:
        text = _unescaped(text)
    return _lines(re.split(r"\n\s*\n", text))


def words_in(value: Any, *, or_json: bool = True) -> str:
    """Return the words of a decoded JSON value, or else the value as compact JSON."""
    leaves: list[_Leaf] = []
    _add(leaves, value, "" if isinstance(value, dict) else "error", "", 0)
    words = _chosen(leaves)
    return words or _lines([compact(value)] if value and or_json else [])


def says_nothing(message: str) -> bool:
    """Say whether a message only repeats a title of HTTP or of the platform."""
    return message.strip(" .!").lower() in _PHRASES


def readable(text: str) -> str:
    """Return a provider's text without the tags of a page or the escapes of JSON."""
    if _is_page(text):
        return unsaid(_words_of_markup(text)) or text
    value = read_json(text) if "\\u" in text else None
    shown = text if value is None else compact(value)
    # Without its semicolon, "&copy=" is a parameter.
    reference = r"&(?:#\w{1,7}|[A-Za-z]{2,8});"
    return re.sub(reference, lambda match: html.unescape(match[0]), shown)


def unsaid(words: str, status: str = "", *said: str, provider: str | None = "") -> str:
    """Join the lines of *words* that say more than what stands before and after them.

    Args:
        words: What `words_of` has returned.
        status: The status, which stands before them.
        said: Other texts that stand before them.
        provider: The provider's text, which follows them.

    """
    known = f" {' '.join(map(_tokens, said))} "
    # "Gateway Time-out" is "Gateway Timeout".
    joined = {_tokens(one).replace(" ", "") for one in said}
    fillers = {status, *_FILLERS}
    kept = ""
    for line in words.split("\n"):
        tokens = [one for one in _tokens(line).split() if one not in fillers]
        new = " ".join(tokens)
        if not new or f" {new} " in known or "".join(tokens) in joined:
            continue
        if line in (provider or "") and f" {new} " in f" {_tokens(provider or '')} ":
            continue
        known += f"{new} "
        if kept:
            kept += " " if kept[-1] in ".:;!?…" else "; "
        kept += line if kept else _without_start(line, status, *said)
        if len(kept) > _ENOUGH:
            break
    return kept


def _without_start(line: str, status: str, title: str = "", *_: str) -> str:
    """Remove "404" and "Not Found:", which stand before the line."""
    start = rf"(?:{status}[\s:.-]+)?(?:{re.escape(title)}:\s*)?(?=\S)"
    return re.sub(rf"\A{start}", "", line, flags=re.IGNORECASE)


def _tokens(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _lines(texts: Iterable[str]) -> str:
    """Return each text once, in a line of its own."""
    lines = dict.fromkeys(" ".join(text.split()) for text in texts)
    return "\n".join(filter(None, lines))


def _unescaped(text: str) -> str:
    # html.unescape() raises for a number of 5,000 digits.
    if "&" not in text:
        return text
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), text)


def _chosen(leaves: Iterable[_Leaf]) -> str:
    """Return the texts that a person needs; nothing if no name promises one."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, path, text in leaves:
        kind = _kind(path)
        if kind == "other" and (" " in text or not text.isascii()):
            kind = "phrase"
        found[kind].append(text if kind == "telling" else f"{name}: {text}")
    lines = found["telling"] + found["field"]
    if not lines:
        return ""
    if not any(map(_is_sentence, lines)):
        lines += found["phrase"]
    if _PHRASES.issuperset(map(str.lower, lines)):
        lines += found["other"]
    return _lines(lines + found["code"])


# Most bodies have few names, and a hostile one may have one of them often.
@lru_cache(maxsize=256)
def _kind(path: str) -> str:
    """Sort a text by its path: what it may say to a person."""
    if _UNSEEN.search(path):
        return "unseen"
    if _CODE.search(path):
        return "code"
    if _IN_FIELDS.search(path):
        return "telling" if _NO_FIELD.search(path) else "field"
    if _TELLING.search(path):
        return "telling"
    return "unseen" if _LINK.search(path) else "other"


def _is_sentence(text: str) -> bool:
    """Say whether a text is more than a code, a name or a phrase of HTTP."""
    return len(text.split(None, 2)) > 2 and text.lower() not in _PHRASES  # noqa: PLR2004


def _named(pairs: Iterable[tuple[str, str]], depth: int = 0) -> list[_Leaf]:
    leaves: list[_Leaf] = []
    for name, text in pairs:
        _add_string(leaves, text, _letters(name), name, depth)
    return leaves


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name[-_LONGEST_NAME:].lower())


def _add(leaves: list[_Leaf], value: Any, path: str, name: str, depth: int) -> None:
    """Add the texts of a JSON value, also of JSON and pages within its strings."""
    if depth > 2 * MAX_DEPTH:
        return
    if isinstance(value, dict):
        # Texts come before lists of more of them.
        for key, item in sorted(value.items(), key=_is_container):
            inner = f"{path}.{_letters(key)}"[-_LONGEST_PATH:]
            _add(leaves, item, inner, key, depth + 1)
    elif isinstance(value, list):
        # Rails has "message": {"email": ["is taken"]}.
        if all(isinstance(item, str) for item in value):
            path = _LIST_OF_A_FIELD.sub(r"errors.\1", path)
        for item in value:
            _add(leaves, item, path, name, depth + 1)
    elif isinstance(value, str):
        _add_string(leaves, value, path, name, depth)
    elif value and value is not True and _CODE.search(path):
        leaves.append((name, path, str(value)))


def _add_string(
    leaves: list[_Leaf], text: str, path: str, name: str, depth: int
) -> None:
    text = text.strip()
    value = read_json(text) if text.startswith(("{", "[")) else None
    if value is not None:
        _add(leaves, value, path, name, depth + MAX_DEPTH)
    elif _is_page(text) and depth <= MAX_DEPTH:
        words = _words_of_markup(text, depth=depth + MAX_DEPTH)
        leaves += [(name, "message", line) for line in words.split("\n")]
    elif text:
        leaves.append((name, path, " ".join(_unescaped(text).split())))


def _is_container(pair: tuple[str, Any]) -> bool:
    return isinstance(pair[1], (dict, list))


def _is_page(text: str) -> bool:
    """Say whether the whole text is HTML or XML, whatever its type is."""
    if _PAGE.match(text):
        return _TAG.search(text) is not None
    root = _ROOT.match(text)
    return root is not None and text.endswith(f"</{root[1]}>")


def _is_markup(text: str, content_type: str) -> bool:
    if "html" in content_type or "xml" in content_type:
        return _TAG.search(text) is not None
    # "expected <id>" is no markup.
    return _is_page(text) or (
        not content_type and text.startswith("<") and _TAG.search(text) is not None
    )


def _words_of_markup(text: str, content_type: str = "", depth: int = 0) -> str:
    is_html = "<html" in text.lower() or "html" in content_type
    if not is_html and not _XML.match(text) and "xml" not in content_type:
        is_html = _HTML.match(text) is not None
    texts = list(_texts_of_markup(text, is_html=is_html))
    # The title comes first, as most pages have it.
    texts.sort(key=lambda pair: pair[0] != "title")
    words = "" if is_html else _chosen(_named(texts, depth))
    return words or _lines(text for _name, text in texts)


def _texts_of_markup(text: str, *, is_html: bool) -> Iterator[tuple[str, str]]:
    """Yield the texts between tags, each with the name of the tag before it."""
    name, shown, done = "", "", 0
    for match in _MARKUP.finditer(text):
        shown += _unescaped(text[done : match.start()]) + (match["cdata"] or "")
        done = match.end()
        if match["tag"] is None:
            continue
        tag = match["tag"].split(None, 1)[0].strip("/").lower()
        if is_html and (tag == "br" or _INLINE.match(tag)):
            shown += " " * (tag == "br")
            continue
        if shown:
            yield name, shown
        name, shown = tag.rpartition(":")[2], ""
        if not is_html:
            for key, *said in _ATTRIBUTE.findall(match["tag"]):
                if _TELLING.search(_letters(key)):
                    yield key, _unescaped("".join(said))
    yield name, shown + _unescaped(text[done:])
