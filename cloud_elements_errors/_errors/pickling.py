"""Pack errors for pickle: no secrets, no request body, less than 128 KiB."""

from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from .._urls import clean_url
from .payload import as_text
from .redaction import Redactor

# Small enough for message brokers and process pools.
_MAX_PICKLE_BYTES = 120 * 1024


def pack(attributes: dict[str, Any], protocol: int) -> Any:
    """Return an error's attributes for pickle, without secrets.

    Texts are cut in steps until the pickle is at most 120 KiB.
    """
    import pickle  # noqa: PLC0415 - it takes two milliseconds; few programs need it

    request, response = attributes["request"], attributes["response"]
    state = attributes.copy()
    # It knows the proxies and earlier URLs, too. An error made by hand has none.
    redact = state.pop("_redact", None) or Redactor(
        getattr(request, "headers", None), as_text(getattr(request, "url", None) or "")
    )
    if request is not None:
        state["request"] = {"method": request.method, **_head(request, redact)}
    if response is not None:
        state["response"] = {
            "status_code": response.status_code,
            "reason": redact(as_text(response.reason or "")),
            "elapsed": response.elapsed,
            **_head(response, redact),
        }
    for longest in (64 * 1024, 16 * 1024, 1024, 100, 40):
        if len(pickle.dumps(state, protocol)) <= _MAX_PICKLE_BYTES:
            break
        # The text contains the details too.
        state |= {"_details": {}, "truncated": True}
        state = _shortened(state, longest) | {"args": attributes["args"]}
    return state


def _head(message: Any, redact: Redactor) -> dict[str, Any]:
    return {
        "url": redact(clean_url(as_text(message.url or ""))),
        "headers": redact.headers(message.headers),
    }


def unpack(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that `pack` has packed."""
    request = response = None
    if state["request"] is not None:
        request = requests.PreparedRequest()
        vars(request).update(state["request"])
        request.headers = CaseInsensitiveDict(request.headers)
    if state["response"] is not None:
        response = requests.Response()
        # The only public way to set a Response's content: the redacted text.
        content = {"_content": state["text"].encode("utf-8", "replace")}
        response.__setstate__(content | state["response"])
        response.headers = CaseInsensitiveDict(response.headers)
        response.encoding = "utf-8"
        response.request = request  # type: ignore[assignment]
    return state | {"request": request, "response": response}


def _shortened(value: Any, longest: int) -> Any:
    """Return a copy of the value in which every longer string is cut."""
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, dict):
        return {
            _shortened(key, longest): _shortened(item, longest)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        make = getattr(value, "_make", type(value))  # of a named tuple, or of any other
        return make(_shortened(item, longest) for item in value)
    return value
