"""The parts of a URL that are shown, and those that are compared."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

Origin = tuple[str, str, "int | None"]

_BEFORE_PATH = re.compile(r"[^/?#]*//[^/?#]*")
_USERINFO = re.compile(r"^([^/?#]*//)[^/?#]*@")
# urlsplit() caches its argument, so it gets no secrets. It ignores these controls.
_NOT_SHOWN = re.compile(r"(?s)[?#].*|[\t\r\n]")


def clean_url(url: str) -> str:
    """Return the URL without userinfo, query and fragment; "" if it is invalid."""
    shown = _NOT_SHOWN.sub("", url)
    try:
        return urlsplit(_USERINFO.sub(r"\1", shown) if "@" in url else shown).geturl()
    except ValueError:
        return ""


def path_of(url: str) -> str:
    """Return the path of a URL, or of the target in a request line."""
    # In a request line, "//a" is a path.
    return re.sub(r"^[^/?#]*://[^/?#]*|[?#].*", "", url, flags=re.DOTALL)


def origin_of(url: str) -> Origin | None:
    """Return the scheme, host and port of a URL; None if it has no host."""
    match = _BEFORE_PATH.match(url)
    return match and _origin(_USERINFO.sub(r"\1", match[0]) if "@" in url else match[0])


# Most programs talk to few hosts, each of them often. There is no secret in these.
@lru_cache(maxsize=256)
def _origin(url: str) -> Origin | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # an invalid port or IPv6 address
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
