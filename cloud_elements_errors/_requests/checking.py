"""Turn a failed `requests.Response` into an exception, or log the warning in it."""

import logging
from collections.abc import Iterable
from typing import Any

import requests
from urllib3.util.retry import Retry

from .._errors.base import CloudElementsError
from .._errors.build import error_from_payload
from .._errors.line import printable
from .._errors.payload import WARNING_HEADER, Attempt, as_text, parse_payload
from .._errors.redaction import Redactor
from .._retries.body import read_body
from .._retries.policy import CloudElementsRetry
from .._table import FIRST_ERROR
from .._urls import clean_url

logger = logging.getLogger("cloud_elements_errors")

_SUCCESSES = range(200, 300)


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
    error = error_of(response, (kwargs.get("proxies") or {}).values())
    if error is not None:
        try:
            raise error
        finally:
            # The traceback refers to this frame. If the frame also referred to the
            # error, only the garbage collector could free the two.
            del error
    log_warning(response)
    return response


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
    return error_of(response)


def error_of(
    response: requests.Response, proxies: Iterable[str | None] = ()
) -> CloudElementsError | None:
    if not isinstance(response, requests.Response):
        raise TypeError(
            f"response must be a requests.Response, not {type(response).__name__}: "
            "use error_from_parts() for the responses of other libraries"
        )
    status_code = response.status_code
    if status_code is None or status_code < FIRST_ERROR:
        return None
    request = response.request
    url = response.url if request is None else request.url
    method = None if request is None else request.method
    body, whole = _read_content(response)
    policy, stopped_by = policy_of(response), None
    if isinstance(policy, CloudElementsRetry):
        stopped_by = policy.why_stopped(method or "", status_code, response.headers)
        # Only the policy still knows the proxies if the error is built later.
        proxies = (*proxies, *policy.urls)
    redact = Redactor(None if request is None else request.headers, url, *proxies)
    return error_from_payload(
        status_code,
        parse_payload(response.headers, body, truncated=not whole),
        redact,
        reason=None if response.reason is None else as_text(response.reason),
        method=method,
        url=url,
        earlier=_earlier_attempts(policy, redact),
        stopped_by=stopped_by,
        response=response,
    )


def policy_of(response: requests.Response) -> Retry | None:
    """Return the policy that urllib3 has left on the response of the last attempt."""
    policy = getattr(response.raw, "retries", None)
    return policy if isinstance(policy, Retry) else None


def _read_content(response: requests.Response) -> tuple[bytes, bool]:
    """Read the body within the limits, and store it where requests looks for it.

    `requests.Response` has no public way to set its content.
    """
    body, whole = b"", True
    if response._content is not False:
        body = response._content or b""
    elif response.raw is not None and not response._content_consumed:
        body, whole = read_body(response.raw)
    response._content = body
    response._content_consumed = True
    return body, whole


def _earlier_attempts(policy: Retry | None, redact: Redactor) -> tuple[Attempt, ...]:
    """Return the attempts before the last one, if the policy has recorded them."""
    if isinstance(policy, CloudElementsRetry):
        return tuple([_redacted(attempt, redact) for attempt in policy.attempts])
    if policy is None:
        return ()
    failed = [past for past in policy.history if past.redirect_location is None]
    return tuple(
        Attempt(
            number,
            past.status,
            error=None if past.error is None else redact(str(past.error)),
        )
        for number, past in enumerate(failed, 1)
    )


def _redacted(attempt: Attempt, redact: Redactor) -> Attempt:
    """Take out secrets that the policy could not know without the request."""
    request_id, provider_message, error, *said = redact.texts(
        attempt.request_id, attempt.provider_message, attempt.error, *attempt.said
    )
    redacted = attempt._replace(
        request_id=request_id, provider_message=provider_message, error=error
    )
    redacted.said = (said[0] or "", said[1] or "")
    return redacted


def log_warning(response: requests.Response) -> None:
    """Log the Elements-Error header of a successful response: it is a warning."""
    warning = response.headers.get(WARNING_HEADER)
    if not warning or response.status_code not in _SUCCESSES:
        return
    # A response that was built by hand may have no request.
    request = response.request or requests.PreparedRequest()
    redact = Redactor(request.headers, request.url)
    logger.warning(
        "Cloud Elements warns, with status %d of %s %s: %s",
        response.status_code,
        request.method,
        printable(redact(clean_url(request.url or ""))),
        printable(redact(as_text(warning)), 500),
    )
