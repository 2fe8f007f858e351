"""The check of a response: raise its error, once, with the settings of its adapter.

A `CloudElementsAdapter` notes itself, and so its settings, on each failed response, and
puts a `CheckingHooks` in the place of the request's hooks. requests calls it; it runs
the user's hooks, and then the check. A `CloudElementsSession` checks by itself, since
it stores the cookies first; it says so to the adapter by a `Call`.
"""

import itertools
import logging
from collections import UserList
from collections.abc import Callable, Mapping
from typing import Any

import urllib3
from requests import HTTPError, PreparedRequest, RequestException, Response, structures
from requests.hooks import dispatch_hook
from urllib3.util.retry import RequestHistory, Retry

from .. import _internals, _log, _tracebacks, _urls
from .._errors import build, decoding, line
from .._errors.base import CloudElementsError
from .._errors.payload import WARNING_HEADER, Attempt, ErrorPayload
from .._errors.redaction import Redactor
from .._retries.body import body_of
from .._retries.policy import CloudElementsRetry
from .._retries.state import RequestState
from .._table import FIRST_ERROR

OnError = Callable[[CloudElementsError], object]
Proxies = Mapping[str, str] | None


def raise_for_error(response: Response, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG001 - as for hooks
    """Raise an error if the response failed: a hook for ``session.hooks["response"]``.

    Args:
        response: Any response. If its status is 400 or more, its body is read: at
            most 64 KiB, for at most 5 seconds.
        args: Ignored.
        kwargs: The keywords that requests passes to hooks. The error does not show
            the passwords of *proxies*.

    Returns:
        The same response, if its status is below 400. If a 2xx response carries an
        ``Elements-Error`` header (a warning), the header is logged.

    Raises:
        CloudElementsError: If the status is 400 or more.
        TypeError: If *response* is not a `requests.Response`.

    Example::

        session.hooks["response"].append(raise_for_error)

    """
    if has_failed(response):
        raise error_of(response, kwargs.get("proxies"))
    _log_warning(response, kwargs.get("proxies"))
    return response


raise_for_error.__module__ = "cloud_elements_errors"  # for pickles of sessions


def error_from_response(response: Response) -> CloudElementsError | None:
    """Build the error for a failed response, without raising it.

    Args:
        response: Any response. If its status is 400 or more, its body is read: at
            most 64 KiB, for at most 5 seconds. Its ``text`` and ``json()`` work
            afterwards.

    Returns:
        The error, or None if the status is below 400.

    Raises:
        TypeError: If *response* is not a `requests.Response`.

    Example::

        response = requests.get(url, timeout=10)
        error = error_from_response(response)
        if error is not None:
            print(error.provider_message)

    """
    return error_of(response) if has_failed(response) else None


def has_failed(response: Response) -> bool:
    """Say whether a response has a status of 400 or more."""
    if not issubclass(type(response), Response):  # a mock may look like one
        other = f"{type(response).__name__}: use error_from_parts() for other libraries"
        raise TypeError(f"response must be a requests.Response, not {other}")
    return (response.status_code or 0) >= FIRST_ERROR


def error_of(response: Response, proxies: Proxies = None) -> CloudElementsError:
    """Build the error of a failed response, without secrets."""
    # A response that was built by hand may have no request.
    request = response.request or PreparedRequest()
    body, whole = _internals.content_of(response) or body_of(response.raw)[:2]
    # So that text and json() of the response work.
    _internals.set_content(response, body)
    url = request.url or response.url
    policy: Any = getattr(response.raw, "retries", None)
    is_ours = isinstance(policy, CloudElementsRetry)
    # Only the policy still knows the proxies if the error is built later.
    urls = {url, *urls_of(proxies), *(policy.state.urls if is_ours else ())}
    redact = Redactor(request.headers, *urls)
    method, status, headers = request.method, response.status_code, response.headers
    if isinstance(headers, dict):  # of a response that was built by hand
        headers = structures.CaseInsensitiveDict(headers)
    stopped_by = policy.why_stopped(method or "", status, headers) if is_ours else None
    history = policy.history if isinstance(policy, Retry) else ()
    return build.error_from_payload(
        status,
        ErrorPayload(headers, body, redact, cut=not whole and method != "HEAD"),
        reason=response.reason and decoding.as_text(response.reason),
        method=method,
        url=url,
        earlier=_attempts_of(policy, history, redact) if is_ours or history else (),
        stopped_by=stopped_by,
        response=response,
    )


def note_attempts(
    error: RequestException, request: PreparedRequest, policy: Retry, proxies: Proxies
) -> None:
    """Note the attempts on the exception of a request that got no response."""
    if "attempts" in vars(error):  # of a request sent meanwhile
        return
    _tracebacks.pass_on_signal(error)
    cause: Any = next(iter(error.args), None)
    history: Any = ()
    if isinstance(cause, urllib3.exceptions.HTTPError):
        last = RequestHistory(request.method, request.url, cause, None, None)
        history = (*_internals.history_of(cause), last)
    redact = Redactor(request.headers, request.url, *urls_of(proxies))
    attempts = _attempts_of(policy, history, redact)
    stopped_by = getattr(policy, "stopped_by", None)
    vars(error).update(attempts=attempts, stopped_by=stopped_by)
    note = line.network_note(attempts, stopped_by, request.method)
    if note is not None and hasattr(error, "add_note"):  # not in Python 3.10
        error.add_note(note)


def _attempts_of(policy: Any, history: Any, redact: Redactor) -> tuple[Attempt, ...]:
    """Return the attempts of a policy of ours, else those that urllib3 has recorded.

    urllib3 has not recorded any redirects: requests follows them.
    """
    if isinstance(policy, CloudElementsRetry):
        return tuple(_redacted(attempt, redact) for attempt in policy.attempts)
    state = RequestState()
    state.redact = redact
    for past in history:
        state.attempts += (state.attempt(past if past.status else past.error),)
    return state.attempts


def _redacted(attempt: Attempt, redact: Redactor) -> Attempt:
    """Take out secrets that the policy could not know without the request."""
    number, status, *texts, waited = attempt
    shown = [text and redact(text) for text in texts]
    redacted = Attempt._make([number, status, *shown, waited])
    vars(redacted).update(vars(attempt), _said=redact(attempt._said))
    return redacted


def _log_warning(response: Response, proxies: Proxies) -> None:
    """Log the Elements-Error header of a successful response: it is a warning."""
    warning = response.headers.get(WARNING_HEADER)
    is_success = response.status_code in range(200, 300)
    if not warning or not is_success or noted(response, "_warned"):
        return
    vars(response)["_warned"] = True
    # A response that was built by hand may have no request.
    request = response.request or PreparedRequest()
    redact = Redactor(request.headers, request.url, *urls_of(proxies))
    url = line.printable(redact(_urls.clean_url(request.url or "")))
    text = line.printable(redact(decoding.as_text(warning)), 500)
    message = "Cloud Elements warns, with status %d of %s %s: %s"
    _log.log(logging.WARNING, message, response.status_code, request.method, url, text)


# A counter in the place of a clock: each value is larger than all before.
now = itertools.count(1).__next__


class Call(dict[str, str]):
    """The proxies of a request that a `CloudElementsSession` sends, and checks.

    Of the arguments of a call, requests hands only these to adapter, hooks and
    redirects. So they carry what those need to know of the call.
    """

    def __init__(self, proxies: Any, request: PreparedRequest, chain: Any) -> None:
        super().__init__(proxies or {})
        self.began: int = now()
        # All redirects of a call share this list: the responses, after the hooks.
        self.chain: list[Response] = chain
        # The responses that have redirected to this request, in order.
        self.hops: list[Response] = [*chain]
        # The latest response of an adapter of ours, maybe one that asks to log in.
        self.latest: Response | None = chain[-1] if chain else None
        self.request = request
        self.urls: list[str | None] = [request.url, *[hop.url for hop in chain]]

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        """Copy and pickle as the proxies alone: mocks keep the arguments of calls."""
        return dict, (dict(self),)


def call_of(request: Any, proxies: Proxies) -> Call | None:
    """Return the call of a request, or of one that a host has copied, if it has one.

    A hook or an adapter may use the arguments of a call for requests of its own.
    """
    if not isinstance(proxies, Call):
        return None
    return proxies if proxies.request.hooks is getattr(request, "hooks", 0) else None


def urls_of(proxies: Proxies) -> list[str | None]:
    """Return the URLs of a call that may hold secrets."""
    return [*(proxies or {}).values(), *getattr(proxies, "urls", ())]


def noted(response: object, name: str) -> Any:
    """Return what we have noted on a response; None if there is nothing.

    On each failed response, an adapter of ours notes itself as ``_sent_by``. The check
    then notes ``now()`` as ``_checked_at``, and ``_warned`` if it has logged a warning.
    """
    return getattr(response, "__dict__", {}).get(name)


def _setting(adapter: object, name: str, sender: object) -> Any:
    """Return a setting of a response's adapter, else of the sender, else None."""
    value = getattr(adapter, name, None)
    return getattr(sender, name, None) if value is None else value


def needs_check(response: Response) -> bool:
    """Say whether this is a response, and no mock, that has failed or has a warning."""
    return issubclass(type(response), Response) and (
        (response.status_code or 0) >= FIRST_ERROR or WARNING_HEADER in response.headers
    )


def check(response: Response, sender: object, began: int, proxies: Proxies) -> None:
    """Raise the error of a response if it has failed, or log the warning in it.

    The settings are those of the response's adapter. Those that were not given to it
    are the sender's: of a session, or of another adapter. The response of a mock, which
    only looks like one, is left alone, and so is one that was checked since the call
    began: a hook may have replaced the response.
    """
    # Error trackers show the variables of this frame: no URL with its query is here.
    if not needs_check(response) or (noted(response, "_checked_at") or 0) > began:
        return
    adapter = noted(response, "_sent_by")
    if adapter is not None:  # else a mock may return it once more
        vars(response)["_checked_at"] = now()
    if not has_failed(response):
        _log_warning(response, proxies)
    elif response.status_code not in (_setting(adapter, "passthrough", sender) or ()):
        raise tell(error_of(response, proxies), sender)


def tell(error: HTTPError, sender: object, proxies: Proxies = None) -> HTTPError:
    """Call *on_error* with an error, and remember it, unless somebody has done so.

    A hook may call ``raise_for_status()``: then this tells of our error.
    """
    if "_told" in vars(error):
        return error
    vars(error)["_told"] = True
    ours, adapter = error, noted(error.response, "_sent_by")
    if not isinstance(error, CloudElementsError):
        if error.response is None or adapter is None:
            return error
        ours = error_of(error.response, proxies)
    errors = _setting(adapter, "_errors_of_patch", sender)
    if errors is not None:
        errors.append(ours)
        del errors[:-100]  # each may hold 64 KiB
    on_error = _setting(adapter, "on_error", sender)
    if on_error is not None:
        try:
            on_error(ours)
        except Exception as failure:
            if _tracebacks.raised_by_signal_handler(failure):
                raise
            _log.log(logging.ERROR, "on_error failed, and is ignored", exc_info=True)
    return error


class CheckingHooks(UserList[Any]):
    """The response hooks of a request: the user's, then our check.

    requests sees one callable hook, which runs a copy of the user's list. So a hook may
    raise, or remove itself. It shares the user's own list, so that whatever is
    registered on the request stays, also if several threads send it at the same time.
    It does nothing for responses of other adapters, so it may stay on the request.
    """

    def __init__(self, hooks: Any) -> None:
        hooks = hooks.data if isinstance(hooks, CheckingHooks) else hooks
        if not isinstance(hooks, list):
            hooks = [hooks] if callable(hooks) else list(hooks or ())
        self.data = hooks

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        """Copy and pickle as the user's hooks alone: the check is ours."""
        return list, (self.data,)

    def __bool__(self) -> bool:
        """Return True even for an empty list, or requests would skip this hook."""
        return True

    def __call__(self, response: Response, **kwargs: Any) -> Any:
        began, hooks = now(), {"response": [*self]}
        proxies, adapter = kwargs.get("proxies"), noted(response, "_sent_by")
        if call_of(getattr(response, "request", None), proxies) is not None:
            adapter = None  # the session checks
        try:
            response = dispatch_hook("response", hooks, response, **kwargs)
            if adapter is not None:
                check(response, adapter, began, proxies)
        except HTTPError as error:
            if adapter is not None:
                tell(error, adapter, proxies)
            raise
        return response
