"""Find the words of a body: what a browser or a JSON viewer would show of it.

`words_of` takes any text, never raises, and takes time in proportion to the text. It
returns one line for each sentence, heading or field. `unsaid` joins the lines that the
reader has not read yet.

JSON, XML and form-encoded bodies give names to their texts. Texts under names such as
``message`` or ``error_description`` come first, at any depth. Texts under other names
count if those say little: ``{"error": "E17", "info": "The table is locked"}``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl

from .escapes import without_entities
from .json_text import MAX_DEPTH, compact, read_damaged_strings, read_json, string

# The name before a text, its path of names in lower case, and the text.
_Leaf = tuple[str, str, str]

# What a text may say to a person, by its path: the first pattern that fits counts. An
# object under a name such as "errors" may map fields to what is wrong with them. What
# is "unseen" or a "link" is for programs.
_KINDS = {
    "unseen": r"(?:trace|stack|debug)\Z|\bxmlns",
    "code": r"""(?x)(?:(?:\A|\.|err|error|fault|exception|sub|decline|reason|result)code
        |error(?:number|id|key|no|type)|exceptiontype)\Z""",
    "field": r"""(?x)(?:(?:error|message|detail|violation|failure|parameter|issue|field
        |constraint|data\.param)s|children|modelstate|validation|invalid\w*)\.
        (?!.*(?:message|msg|error|description|detail|reason|string|\btext|\bbase
        |(?:fault|issue|problem|violation)s)s?\Z)|\b(?:error\.data|attribute
        |field(?:name)?|loc|missing(?:\w+s)?|param|parameters?|property|target)\Z""",
    "telling": r"""(?x)(?:message|msg|err|error|desc|description|detail|title|reason
        |(?<!de)fault|(?:fault|error)string|exception|explanation|violation|diagnostic
        |cause|problem|issue|failure|warning|summary|hint|(?:\A|\.|status|error)text
        |invalidparam|errors\.base)s?(?:\.(?:value|text|content))?\Z""",
    "link": r"(?:url|uri|href|link|path|type|timestamp|traceid|instance)\Z",
}
# The longest text within a line. Attributes and log records have the whole text.
LINE_TEXT = 500
MOST_WORDS = 4000  # characters that are searched for words

# These are compiled when they are first used: most failures are JSON with a message.
_MARKUP = r"""(?isx)<!--.*?(?:-->|\Z)|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)
    |<(?P<unseen>script|style|template)\b(?![^<>]*/>)[^<>]*>.*?(?:</(?P=unseen)\s*>|\Z)
    |<(?P<tag>/?(?P<name>[a-z][\w:.-]*)(?![\w:.-])(?:[^<>"=]|"[^"]*"
    |=(?:\s*'[^'<]*'|(?!\s*'[^'<]*')))*)>|<[!?][^<>]*>"""
# A text that begins so, maybe after some words, or ends with its first tag, is a page.
_PAGE = r"""(?isx)(?:(?=.*</\w).{0,200}?)?<(?:!doctype|html|\?xml|(?:\w+:)?envelope)
    [\s>]|<([a-z][\w:.-]*)[\s>].*</\1>\Z"""
_HTML = r"(?i:<(?:!doctype|h(?:tml|ead|[1-6r])|title|body|p|br?|div|center|pre)[\s/>])"
_TAG = rf"(?i:</[a-z]|<[a-z][^<>]*/>)|{_HTML}"
_ATTRIBUTE = r"(?<![\w:.-])([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')"
_INLINE = r"(?:a|b|big|code|em|font|i|s|small|span|strong|su[bp]|tt|u)\Z"
# What says nothing beside a status: "HTTP Error 504: Gateway Time-out" is a phrase.
_NOTHING = re.compile(r"\b(?:http|status|errors?|code|nginx|openresty|\d+)\b|\W+")
_PHRASES = {_NOTHING.sub("", phrase.lower()) for phrase in responses.values()}
_PHRASES |= {"", "requestfailed", "failedrequest", "authorizationrequired"}
_FORM = r"[^=&\s]+=[^&\s]*(?:&[^=&\s]+=[^&\s]*)+&?"


def words_of(text: str, content_type: str = "") -> str:
    """Return the words of a body, one line for each sentence or field.

    Args:
        text: The decoded body.
        content_type: The value of its Content-Type; empty if it has none.

    """
    text = text.strip("\ufeff \t\r\n")
    content_type = content_type.lower()
    named: list[dict[str, str]] = []
    if text.startswith(("{", "[", '"')):
        if (value := read_json(text)) is not None:
            path = "" if isinstance(value, dict) else "errors"
            return words_in(value, path) or compact(value)
        named = read_damaged_strings(text)
    elif "form-urlencoded" in content_type or re.fullmatch(_FORM, text):
        pairs = parse_qsl(text)
        named = [{name: said} for name, said in pairs]
        if pairs and "form-urlencoded" in content_type and re.search("[+%]", text):
            return words_in(named) or _lines(": ".join(pair) for pair in pairs)
    if words := words_in(named):
        return words
    if _is_markup(text, content_type):
        return _words_of_markup(text, content_type)
    if "html" in content_type:
        text = without_entities(text)
    # The text may have JSON after some words.
    text = re.sub(r"(?:\\u[\da-fA-F]{4})+", lambda match: string(f'"{match[0]}"'), text)
    return _lines(re.split(r"\n\s*\n", text))


def words_in(value: Any, path: str = "", depth: int = 0) -> str:
    """Return the words of a decoded JSON value; empty if no name promises one."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, inner, text in _leaves(value, path, "", depth):
        kind = _kind(inner)
        if kind == "other" and (" " in text or not text.isascii()):
            kind = "phrase"
        found[kind].append(text if kind == "telling" else f"{name}: {text}")
    lines = found["telling"] + found["field"]
    if not lines:
        return ""
    # Neither a code nor a name nor a phrase of HTTP is a sentence.
    if not any(line.count(" ") > 1 and not says_nothing(line) for line in lines):
        lines += found["phrase"] or found["other"]
    if all(map(says_nothing, lines)):
        lines += found["other"]
    return _lines(lines + found["code"])


def says_nothing(text: str) -> bool:
    """Say whether a text is empty, or only repeats a title of HTTP or the platform."""
    # No phrase is as long as that.
    return not text[100:] and _NOTHING.sub("", text.lower()) in _PHRASES


def readable(text: str) -> str:
    """Return a provider's text without the tags of a page or the escapes of JSON."""
    if _is_markup(text, "text") or re.search(r"[\\=]", text) or len(text) > LINE_TEXT:
        text = unsaid(words_of(text)) or text
    return " ".join(without_entities(text).split())


def unsaid(words: str, status: Any = None, title: str = "", provider: str = "") -> str:
    """Join the lines of *words* that say more than what stands beside them.

    Args:
        words: What `words_of` has returned.
        status: The status, which stands before them, if there is one.
        title: The title, which stands before them.
        provider: The provider's text, which follows them.

    """
    said, shown = f" {_tokens(title)} | {_tokens(provider)} | ", []
    # "HTTP Status 404" says nothing beside the status.
    fillers = rf"\A(?:(?:http|status|errors?|code) )*{status}\b|\A(?:http|errors?)\b"
    for line in words[:MOST_WORDS].split("\n"):
        new = re.sub(fillers, "", _tokens(line)).strip()
        if new and f" {new} " not in said:
            said += f"{new} | "
            shown.append(" ".join(line.split()))
    joined = re.sub(r"(?<=[.:;!?…]); ", " ", "; ".join(shown))
    start = rf"\A(?:{status or '(?!)'}[\s:.-]+)?(?:{re.escape(title)}:\s*)?(?=\S)"
    return re.sub(start, "", joined, flags=re.IGNORECASE)


def _tokens(text: str) -> str:
    # "Gateway Time-out" is "Gateway Timeout".
    return " ".join(re.findall(r"\w+", text.lower().replace("-", "")))


def _lines(texts: Iterable[str]) -> str:
    """Return each text once, in a line of its own."""
    lines = dict.fromkeys(" ".join(text.split()) for text in texts)
    return "\n".join(filter(None, lines))


# Most bodies have few names, and a hostile one may have one of them often.
@lru_cache(maxsize=256)
def _kind(path: str) -> str:
    """Sort a text by its path: what it may say to a person."""
    return next((kind for kind, one in _KINDS.items() if re.search(one, path)), "other")


def _inner(path: str, name: str) -> str:
    """Return the path of a name under a path, at most its last 100 letters."""
    return f"{path}.{''.join(filter(str.isalpha, name.lower()))}"[-100:]


def _leaves(value: Any, path: str, name: str, depth: int) -> Iterator[_Leaf]:
    """Yield the texts of a JSON value, also of JSON and pages within its strings."""
    if isinstance(value, dict):
        yield from _leaves_of_object(value, path, name, depth)
    elif isinstance(value, list):
        # A field of Rails may have such a name, and a sentence.
        if path.endswith((".loc", ".path")) and " " not in str(value[:1]):
            value = [".".join(map(str, value))]
        # Rails has "message": {"email": ["is taken"]}.
        if all(isinstance(item, str) for item in value):
            path = re.sub(r".*\b(?:message|error|detail)\.(\w+)$", r"errors.\1", path)
        for item in value:
            yield from _leaves(item, path, name, depth + 1)
    elif isinstance(value, str):
        yield from _leaves_of_text(value.strip(), path, name, depth)
    elif value and value is not True and _kind(path) == "code":
        yield name, path, str(value)


def _leaves_of_object(value: Any, path: str, name: str, depth: int) -> Iterator[_Leaf]:
    # All texts are in lists: {"title": ["Is missing."], "user": {"id": ["Bad."]}}
    if not path:
        is_list = all(not item or isinstance(item, list) for item in value.values())
        if is_list or not re.search(r'(?<!\\)":(?!"")[^[{]', compact(value)):
            path = "errors"
    for key, item in value.items():
        inner, label = _inner(path, key), key
        # The field has its name further out: {"errors": {"id": [{"message": "Bad."}]}}
        if _kind(path) == "field" and _kind(inner) == "telling":
            inner, label = path, name
        yield from _leaves(item, inner, label, depth + 1)


def _leaves_of_text(text: str, path: str, name: str, depth: int) -> Iterator[_Leaf]:
    is_open = depth <= MAX_DEPTH
    value = read_json(text) if is_open and text.startswith(("{", "[")) else None
    if value is not None:
        yield from _leaves(value, path, name, depth + MAX_DEPTH // 2)
    elif is_open and _is_markup(text, "text"):
        for line in _words_of_markup(text, "", depth + MAX_DEPTH // 2).split("\n"):
            yield name, "message", line
    elif text:
        yield name, path, " ".join(without_entities(text).split())


def _is_markup(text: str, content_type: str) -> bool:
    """Say whether a text is HTML or XML: "expected <id>" is neither."""
    is_declared = "html" in content_type or "xml" in content_type
    is_page = is_declared or (text[:1] == "<" and not content_type)
    return bool((is_page or re.match(_PAGE, text)) and re.search(_TAG, text))


def _words_of_markup(text: str, content_type: str = "", depth: int = 0) -> str:
    is_html = "html" in content_type or "<html" in text.lower() or re.match(_HTML, text)
    texts = list(_texts_of_markup(text, is_html=bool(is_html)))
    words = "" if is_html else words_in(texts, "", depth)
    # The title comes first, as most pages have it.
    texts.sort(key=lambda named: "title" not in named)
    shown = _lines(shown for named in texts for shown in named.values())
    # Words may be in attributes of other names.
    return words or shown or ("" if is_html else _lines([text]))


def _texts_of_markup(text: str, *, is_html: bool) -> Iterator[dict[str, str]]:
    """Yield the texts between tags, each with the name of the tag before it."""
    name, shown, done = "", "", 0
    for match in re.finditer(_MARKUP, text):
        shown += without_entities(text[done : match.start()]) + (match["cdata"] or "")
        done = match.end()
        tag = (match["name"] or "").lower()
        if not tag or (is_html and re.match(_INLINE, tag)):
            continue
        yield {name: shown}
        name, shown = tag.rpartition(":")[2], ""
        for key, *said in re.findall(_ATTRIBUTE, "" if is_html else match["tag"]):
            if _kind(_inner("", key)) in {"telling", "field", "code"}:
                yield {key: without_entities("".join(said))}
    yield {name: shown + without_entities(text[done:])}
