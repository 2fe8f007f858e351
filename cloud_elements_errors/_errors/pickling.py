"""Pack errors for pickle: no secrets, no request body, less than 128 KiB."""

from __future__ import annotations

from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from .._urls import clean_url
from .payload import as_text
from .redaction import Redactor

# Small enough for message brokers and process pools.
_MAX_PICKLE_BYTES = 120 * 1024


def pack(args: tuple[Any, ...], attributes: dict[str, Any], protocol: int) -> Any:
    """Return an error's attributes for pickle, without secrets.

    Texts are cut in steps until the pickle is at most 120 KiB.
    """
    import pickle  # noqa: PLC0415 - it takes two milliseconds; few programs need it

    request, response = attributes["request"], attributes["response"]
    state = attributes.copy()
    # It knows the proxies and earlier URLs, too. An error made by hand has none.
    redact = state.pop("_redact", None)
    if request is not None:
        redact = redact or Redactor(request.headers, as_text(request.url or ""))
        state["request"] = _pack_request(request, redact)
    if response is not None:
        state["response"] = _pack_response(response, redact or Redactor())
    for longest in (64 * 1024, 16 * 1024, 1024, 100, 40):
        if len(pickle.dumps((args, state), protocol)) <= _MAX_PICKLE_BYTES:
            break
        # The text contains the details too.
        state |= {"_details": {}, "truncated": True}
        state = _shortened(state, longest) | {"_args": args}
    return state


def unpack(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that `pack` has packed."""
    request, response = state["request"], state["response"]
    if request is not None:
        request = _unpack_request(request)
    if response is not None:
        response = _unpack_response(response, state["text"], request)
    return state | {"request": request, "response": response}


def _pack_request(
    request: requests.Request | requests.PreparedRequest, redact: Redactor
) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": redact(clean_url(as_text(request.url or ""))),
        "headers": redact.headers(request.headers),
    }


def _unpack_request(state: dict[str, Any]) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.method = state["method"]
    request.url = state["url"]
    request.headers = CaseInsensitiveDict(state["headers"])
    return request


def _pack_response(response: requests.Response, redact: Redactor) -> dict[str, Any]:
    return {
        "status_code": response.status_code,
        "reason": redact(as_text(response.reason or "")),
        "url": redact(clean_url(response.url or "")),
        "headers": redact.headers(response.headers),
        "elapsed": response.elapsed,
    }


def _unpack_response(
    state: dict[str, Any], text: str, request: requests.PreparedRequest | None
) -> requests.Response:
    response = requests.Response()
    # The only public way to set a Response's content: the redacted text.
    response.__setstate__({"_content": text.encode("utf-8", "replace"), **state})
    response.headers = CaseInsensitiveDict(state["headers"])
    response.encoding = "utf-8"
    if request is not None:
        response.request = request
    return response


def _shortened(value: Any, longest: int) -> Any:
    """Return a copy of the value in which every longer string is cut."""
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, dict):
        return {
            _shortened(key, longest): _shortened(item, longest)
            for key, item in value.items()
        }
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_shortened(item, longest) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_shortened(item, longest) for item in value)
    return value
