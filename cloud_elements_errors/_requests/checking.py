"""The check of a response: raise its error, once, with the settings of its adapter.

A `CloudElementsAdapter` marks each failed response with its settings, and puts a
`CheckingHooks` in the place of the request's hooks. requests calls it; it runs the
user's hooks, and then the check. A `CloudElementsSession` checks by itself, since it
stores the cookies first; it says so to the hooks by a `Call`.
"""

from __future__ import annotations

import itertools
import logging
from collections import UserList
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import requests
from requests.hooks import dispatch_hook
from urllib3.util.retry import Retry

from .._errors.base import CloudElementsError
from .._errors.build import error_from_payload
from .._errors.line import printable
from .._errors.payload import WARNING_HEADER, Attempt, ErrorPayload, as_text
from .._errors.redaction import Redactor
from .._functions import raised_by_signal_handler
from .._internals import content_of, set_content
from .._log import log
from .._retries.body import read_body
from .._retries.policy import CloudElementsRetry
from .._table import FIRST_ERROR
from .._urls import clean_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.util.retry import RequestHistory

OnError = Callable[[CloudElementsError], object]

_SUCCESSES = range(200, 300)

# The number of errors that a patch keeps, since each may hold 64 KiB.
_REMEMBERED = 100


def raise_for_error(
    response: requests.Response,
    *args: Any,  # noqa: ARG001 - hooks of requests take them
    **kwargs: Any,
) -> requests.Response:
    """Raise an error if the response failed: a hook for ``session.hooks["response"]``.

    Args:
        response: Any response. If its status is 400 or more, its body is read: at
            most 64 KiB, for at most 5 seconds.
        args: Ignored.
        kwargs: The keywords that requests passes to hooks. The error does not show
            the passwords of *proxies*.

    Returns:
        The same response, if its status is below 400. If it carries an
        ``Elements-Error`` header (a warning), the header is logged.

    Raises:
        CloudElementsError: If the status is 400 or more.

    Example::

        session.hooks["response"].append(raise_for_error)

    """
    _check_response(response)
    if not has_failed(response):
        log_warning(response, kwargs.get("proxies"))
        return response
    error = error_of(response, kwargs.get("proxies"))
    try:
        raise error
    finally:
        # The traceback refers to this frame. If the frame also referred to the
        # error, only the garbage collector could free the two.
        del error


def error_from_response(response: requests.Response) -> CloudElementsError | None:
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
    _check_response(response)
    return error_of(response) if has_failed(response) else None


def _check_response(response: object) -> None:
    if not isinstance(response, requests.Response):
        raise TypeError(
            f"response must be a requests.Response, not {type(response).__name__}: "
            "use error_from_parts() for the responses of other libraries"
        )


def has_failed(response: requests.Response) -> bool:
    """Say whether a response has a status of 400 or more."""
    return (response.status_code or 0) >= FIRST_ERROR


def error_of(
    response: requests.Response, proxies: Mapping[str, str] | None = None
) -> CloudElementsError:
    """Build the error of a failed response, without secrets."""
    # A response that was built by hand may have no request.
    request = response.request or requests.PreparedRequest()
    url = request.url or response.url
    body, whole = content_of(response), True
    if body is None:
        body = b""
        if response.raw is not None:
            body, whole = read_body(response.raw)
    # requests finds it there.
    set_content(response, body)
    urls, policy, stopped_by = urls_of(proxies), policy_of(response), None
    if isinstance(policy, CloudElementsRetry):
        stopped_by = policy.why_stopped(
            request.method or "", response.status_code, response.headers
        )
        # Only the policy still knows the proxies if the error is built later.
        urls += policy.state.urls
    redact = Redactor(request.headers, url, *urls)
    return error_from_payload(
        response.status_code,
        ErrorPayload(response.headers, body, truncated=not whole),
        redact,
        reason=None if response.reason is None else as_text(response.reason),
        method=request.method,
        url=url,
        earlier=_earlier_attempts(policy, redact),
        stopped_by=stopped_by,
        response=response,
    )


def policy_of(response: requests.Response) -> Retry | None:
    """Return the policy that urllib3 has left on the response of the last attempt."""
    policy = getattr(response.raw, "retries", None)
    return policy if isinstance(policy, Retry) else None


def _earlier_attempts(policy: Retry | None, redact: Redactor) -> tuple[Attempt, ...]:
    """Return the attempts before the last one, if the policy has recorded them."""
    if isinstance(policy, CloudElementsRetry):
        return tuple([_redacted(attempt, redact) for attempt in policy.attempts])
    return () if policy is None else attempts_in(policy.history, redact)


def attempts_in(
    history: Iterable[RequestHistory], redact: Redactor
) -> tuple[Attempt, ...]:
    """Return the attempts that urllib3 has recorded; requests follows redirects."""
    return tuple(
        Attempt(number, past.status, error=redact(str(past.error or "")) or None)
        for number, past in enumerate(history, 1)
    )


def _redacted(attempt: Attempt, redact: Redactor) -> Attempt:
    """Take out secrets that the policy could not know without the request."""
    number, status, *texts, waited = attempt
    redacted = Attempt._make([number, status, *redact.texts(*texts), waited])
    redacted._said = redact(attempt._said)
    return redacted


def log_warning(response: requests.Response, proxies: Mapping[str, str] | None) -> None:
    """Log the Elements-Error header of a successful response: it is a warning."""
    warning = response.headers.get(WARNING_HEADER)
    if not warning or response.status_code not in _SUCCESSES:
        return
    # A response that was built by hand may have no request.
    request = response.request or requests.PreparedRequest()
    redact = Redactor(request.headers, request.url, *urls_of(proxies))
    log(
        logging.WARNING,
        "Cloud Elements warns, with status %d of %s %s: %s",
        response.status_code,
        request.method,
        printable(redact(clean_url(request.url or ""))),
        printable(redact(as_text(warning)), 500),
    )


def is_response(response: object) -> bool:
    """Say whether this is a real response: a mock may claim to be one."""
    return issubclass(type(response), requests.Response)


def mark(response: requests.Response, adapter: object) -> None:
    """Note on a response that this adapter of ours has just received it."""
    vars(response).update(_cloud_elements=adapter, _cloud_elements_at=0)


def adapter_of(response: requests.Response | None) -> Any:
    """Return the adapter of ours that has marked a response, if any."""
    return vars(response).get("_cloud_elements") if is_response(response) else None


def checked_at(response: requests.Response) -> Any:
    """Return now() of the check of a marked response; 0 if there was none."""
    return vars(response).get("_cloud_elements_at", 0) if is_response(response) else 0


# Returns a number that is larger than all before: was a check made since?
now = itertools.count(1).__next__


class Call(dict[str, str]):
    """The proxies of a request that a `CloudElementsSession` sends, and checks.

    Of the arguments of a call, requests hands only these to adapter, hooks and
    redirects. So they carry what those need to know of the call.
    """

    response: requests.Response | None = None
    """The response, before and after the hooks."""
    is_sent: bool = False
    is_checked: bool = False

    def __init__(
        self,
        proxies: Mapping[str, str] | None,
        request: requests.PreparedRequest,
        before: Call | None = None,
    ) -> None:
        super().__init__(proxies or {})
        self.request = request
        self.began: int = now()
        self.earlier: list[Call] = [] if before is None else [before, *before.earlier]
        """The calls whose responses have redirected to this one, the latest first."""

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        """Copy and pickle as the proxies alone: mocks keep the arguments of calls."""
        return dict, (dict(self),)

    def is_of(self, request: requests.PreparedRequest | None) -> bool:
        """Say whether this is the call of a request, or of one that a host has copied.

        A hook or an adapter may use the arguments of a call for requests of its own.
        """
        return getattr(request, "hooks", None) is self.request.hooks

    def arrive(self, response: requests.Response) -> bool:
        """Note the response after the hooks; say if it is the one that came before."""
        is_own = response is self.response
        self.response, self.is_checked = response, True
        if self.earlier:
            hops = [one.response for one in reversed(self.earlier)]
            response.history = [hop for hop in hops if hop is not None]
        return is_own

    @property
    def redirect(self) -> requests.Response | None:
        """The response that has redirected to this call."""
        return self.earlier[0].response if self.earlier else None


def urls_of(proxies: Mapping[str, str] | None) -> list[str | None]:
    """Return the URLs of a call that may hold secrets."""
    if not isinstance(proxies, Call):
        return [*(proxies or {}).values()]
    calls = [proxies, *proxies.earlier]
    return [*proxies.values(), *[call.request.url for call in calls]]


def check(
    response: requests.Response,
    sender: object,
    proxies: Mapping[str, str] | None = None,
) -> None:
    """Raise the error of a response if it has failed, or log the warning in it.

    The settings are those of the response's adapter. Those that were not given to it
    are the sender's: of a session, or of another adapter. The response of a mock, which
    only looks like one, is left alone.
    """
    # Error trackers show the variables of this frame: no URL with its query is here.
    if not is_response(response):
        return
    failed = has_failed(response)
    if not failed and WARNING_HEADER not in response.headers:
        return
    adapter = vars(response).get("_cloud_elements")
    if adapter is not None:
        vars(response)["_cloud_elements_at"] = now()
    if not failed:
        log_warning(response, proxies)
    elif response.status_code not in (_given("passthrough", adapter, sender) or ()):
        error = error_of(response, proxies)
        tell(error, sender)
        try:
            raise error
        finally:
            del error  # or the error and this frame would refer to each other


def _given(setting: str, adapter: object, sender: object) -> Any:
    """Return a setting of the response's adapter, else of the sender, else None."""
    value = getattr(adapter, setting, None)
    return getattr(sender, setting, None) if value is None else value


def tell(
    error: requests.HTTPError,
    sender: object,
    proxies: Mapping[str, str] | None = None,
) -> None:
    """Call *on_error* with an error, and remember it, unless somebody has done so.

    A hook may call ``raise_for_status()``: then this tells of our error.
    """
    if "_told" in vars(error):
        return
    vars(error)["_told"] = True
    adapter = adapter_of(error.response)
    if isinstance(error, CloudElementsError):
        ours = error
    elif error.response is not None and adapter is not None:
        ours = error_of(error.response, proxies)
    else:
        return
    errors = _given("_errors_of_patch", adapter, sender)
    if errors is not None:
        errors.append(ours)
        del errors[:-_REMEMBERED]
    on_error = _given("on_error", adapter, sender)
    if on_error is not None:
        try:
            on_error(ours)
        except Exception as failure:
            if raised_by_signal_handler(failure):
                raise
            log(logging.ERROR, "on_error failed, and is ignored", exc_info=True)


class CheckingHooks(UserList[Any]):
    """The response hooks of a request: the user's, then our check.

    requests sees one callable hook, which runs a copy of the user's list. So a hook may
    raise, or remove itself. It shares the user's own list, so that whatever is
    registered on the request stays, also if several threads send it at the same time.
    It does nothing for responses that have no mark, so it may stay on the request.
    """

    def __init__(self, hooks: Any) -> None:
        if not isinstance(hooks, list):
            hooks = [hooks] if callable(hooks) else list(hooks or ())
        self.data = hooks

    @classmethod
    def install(cls, request: requests.PreparedRequest) -> None:
        """Put the check after the hooks of a request, if it is not there."""
        hooks = request.hooks.get("response")
        if not isinstance(hooks, cls):
            request.hooks["response"] = cls(hooks)  # type: ignore[assignment]

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        """Copy and pickle as the user's hooks alone: the check is ours."""
        return list, (self.data,)

    def __bool__(self) -> bool:
        """Return True even for an empty list, or requests would skip this hook."""
        return True

    def __call__(self, response: requests.Response, **kwargs: Any) -> Any:
        arrived, proxies = response, kwargs.get("proxies")
        adapter = adapter_of(arrived)
        if isinstance(proxies, Call) and proxies.is_of(arrived.request):
            adapter = None  # the session checks
        try:
            response = dispatch_hook(
                "response", {"response": [*self]}, response, **kwargs
            )
            # A hook may have replaced the response by one that was checked elsewhere.
            if adapter is not None and (
                response is arrived or not checked_at(response)
            ):
                check(response, adapter, proxies)
        except requests.HTTPError as error:
            if adapter is not None:
                tell(error, adapter, proxies)
            raise
        return response
