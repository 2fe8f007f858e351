"""Pack errors for pickle: no secrets, no request body, less than 128 KiB."""

from typing import Any

from requests import PreparedRequest, Response, structures

from .._urls import clean_url
from .decoding import as_text
from .redaction import REDACTED, Redactor
from .secrets import of_request


def pack(attributes: dict[str, Any], protocol: int) -> Any:
    """Return an error's attributes for pickle, without secrets.

    Texts are cut in steps until the pickle is at most 120 KiB: small enough for message
    brokers and process pools.
    """
    import pickle  # noqa: PLC0415 - it takes two milliseconds; few programs need it

    state = attributes.copy()
    request, response = state["request"], state["response"]
    sent = request or PreparedRequest()
    # It knows the proxies and earlier URLs, too. An error made by hand has none.
    redact = state.pop("_redact", None) or Redactor(sent.headers, as_text(sent.url))
    state["request"] = _without_secrets(request, redact, "method")
    state["response"] = _without_secrets(response, redact, "status_code", "elapsed")
    if response is not None:
        state["response"]["reason"] = redact(as_text(response.reason or ""))
    for longest in (64 * 1024, 16 * 1024, 1024, 100, 40):
        if len(pickle.dumps(state, protocol)) <= 120 * 1024:
            break
        # The text contains the details too.
        state |= {"details": {}, "truncated": True}
        state = _shortened(state, longest) | {"args": attributes["args"]}
    return state


def unpack(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that `pack` has packed."""
    request = response = None
    if state["request"] is not None:
        request = PreparedRequest()
        vars(request).update(state["request"])
    if state["response"] is not None:
        response = Response()
        # The only public way to set a Response's content: the redacted text.
        content = state["text"].encode("utf-8", "replace")
        known = {"_content": content, "encoding": "utf-8", "request": request}
        response.__setstate__(known | state["response"])
    return state | {"request": request, "response": response}


def _without_secrets(message: Any, redact: Redactor, *names: str) -> Any:
    """Return these attributes of a request or a response, its URL and its headers."""
    if message is None:
        return None
    known = {name: getattr(message, name) for name in names}
    url = redact(clean_url(as_text(message.url or "")))
    headers = {
        redact(name): REDACTED if of_request({name: one}, ()) else redact(as_text(one))
        for name, one in message.headers.items()
    }
    return known | {"url": url, "headers": structures.CaseInsensitiveDict(headers)}


def _shortened(value: Any, longest: int) -> Any:
    """Return a copy of the value in which every longer string is cut."""
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, (dict, structures.CaseInsensitiveDict)):
        return type(value)(_shortened([*value.items()], longest))
    if isinstance(value, (list, tuple)):
        make = getattr(value, "_make", type(value))  # of a named tuple, or of any other
        return make(_shortened(item, longest) for item in value)
    return value
