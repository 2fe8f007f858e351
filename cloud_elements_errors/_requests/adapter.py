"""The retry policy and the error hook, for the URLs under a mount prefix.

This is the way of a GET that meets 502, 502 and 409, from `requests.Session.send`
down to urllib3 and back::

    Session.send            asks get_adapter() for the adapter of this URL
    CloudElementsAdapter    makes a RequestState and binds the policy to it; until
                            the response arrives, max_retries is that policy
    HTTPAdapter.send        gives max_retries to urllib3's urlopen()
    urlopen, 502            is_retry(): yes. increment(): takes a token, reads the
                            body into state.attempts. sleep(), and once more
    urlopen, 502            the same
    urlopen, 409            is_retry(): no. The response keeps the policy: raw.retries
    CloudElementsAdapter    replaces the request's hooks by ResponseHooks
    Session.send            calls them: first the user's, then error_of(), which
                            reads the body and policy_of(response): ConflictError
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import DEFAULT_POOLBLOCK, DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from .._arguments import check_callable, check_flag, check_integer, checked_statuses
from .._errors.line import network_note
from .._errors.payload import WARNING_HEADER
from .._retries.policy import CloudElementsRetry
from .._retries.state import RequestState, can_send_again
from .._table import FIRST_ERROR
from .connection import keep_status
from .response_hooks import OnError, ResponseHooks

if TYPE_CHECKING:
    from collections.abc import Collection

    from urllib3 import PoolManager

# The adapter that is sending, and its policy for this request. urllib3 shows a policy
# neither the body nor the headers of a request. HTTPAdapter.send, and its replacement
# in `responses`, read max_retries without saying for which request.
_in_flight: ContextVar[tuple[HTTPAdapter, Retry] | None] = ContextVar(
    "cloud_elements_errors_in_flight", default=None
)


class CloudElementsAdapter(HTTPAdapter):
    """A transport adapter that retries requests and raises errors.

    Mount it on a session that you have. End the prefix with a slash, or it also
    matches other hosts::

        session.mount("https://api.cloud-elements.com/", CloudElementsAdapter())
    """

    __attrs__: list[str] = [*HTTPAdapter.__attrs__, "passthrough", "on_error"]  # noqa: RUF012

    def __init__(
        self,
        max_retries: int | Retry | None = None,
        *,
        passthrough: Collection[int] = (),
        on_error: OnError | None = None,
        pool_connections: int = DEFAULT_POOLSIZE,
        pool_maxsize: int = DEFAULT_POOLSIZE,
        pool_block: bool = DEFAULT_POOLBLOCK,
    ) -> None:
        """Make an adapter with its own connection pools.

        Args:
            max_retries: None for the default `CloudElementsRetry`, an integer n for
                ``CloudElementsRetry(total=n)``, or any `urllib3.Retry`. The adapter
                sets its *raise_on_status* to false, so that the last response is
                not lost.
            passthrough: Statuses that are returned as plain responses, for example
                ``{404}``. With ``range(400, 600)`` the adapter retries and raises
                none of these.
            on_error: A function that is called with each error before it is raised.
                If it raises, its exception is logged and the error is still raised.
            pool_connections: As for `requests.adapters.HTTPAdapter`.
            pool_maxsize: As for `requests.adapters.HTTPAdapter`.
            pool_block: As for `requests.adapters.HTTPAdapter`.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If *max_retries* is negative, *passthrough* holds a number
                that is not a status from 400 to 999, or a pool size is below 1.

        """
        check_integer("pool_connections", pool_connections, 1)
        check_integer("pool_maxsize", pool_maxsize, 1)
        check_flag("pool_block", pool_block)
        check_callable("on_error", on_error)
        self.passthrough: frozenset[int] = checked_statuses("passthrough", passthrough)
        self.on_error: OnError | None = on_error
        self._process = os.getpid()
        super().__init__(
            pool_connections=pool_connections,
            pool_maxsize=pool_maxsize,
            max_retries=_policy(max_retries),
            pool_block=pool_block,
        )

    @property
    def max_retries(self) -> Retry:
        """The retry policy; while a request is sent, the one for this request."""
        in_flight = _in_flight.get()
        if in_flight is not None and in_flight[0] is self:
            return in_flight[1]
        return self._max_retries

    @max_retries.setter
    def max_retries(self, policy: Retry) -> None:
        self._max_retries = _policy(policy)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the adapter in another process, with new pools."""
        self._process = os.getpid()
        super().__setstate__(state)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection pools, as `HTTPAdapter` does."""
        super().init_poolmanager(*args, **kwargs)
        keep_status(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        """Create the connection pools of a proxy, as `HTTPAdapter` does."""
        return keep_status(super().proxy_manager_for(*args, **kwargs))

    def close(self) -> None:
        """Close all connections, even if a response still refers to its pool."""
        managers = (self.poolmanager, *self.proxy_manager.values())
        # urllib3 only drops the pools, and closes each when nothing refers to it.
        for manager in managers:
            manager.pools.dispose_func = HTTPConnectionPool.close
        super().close()
        for manager in managers:
            manager.pools.dispose_func = None

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a prepared request, as `requests.adapters.HTTPAdapter.send` does.

        Args:
            request: The request. It is unchanged after its hooks have run.
            args: See requests.
            kwargs: See requests.

        Returns:
            The response. `requests.Session.send` then runs the hooks of the request,
            and after them ours, which raises. Without a session, no hook runs.

        Raises:
            requests.RequestException: If no response arrived. With a
                `CloudElementsRetry`, it has ``attempts`` and ``stopped_by``, and a
                note if they say more than its text.
            requests.exceptions.UnrewindableBodyError: Raised by the session if a 307
                or 308 asks to send a one-shot body a second time.

        """
        if self._process != os.getpid():
            # After a fork, the open connections belong to the parent process.
            self.__setstate__(self.__getstate__())
        policy = self._max_retries
        if isinstance(policy, CloudElementsRetry):
            # Bound now, since a shared policy cannot tell which request has failed.
            urls = (request.url, *(kwargs.get("proxies") or {}).values())
            state = RequestState(request.body, request.headers, *urls)
            state.keeps_response = True
            policy = policy.for_call(state)
        token = _in_flight.set((self, policy))
        try:
            response = super().send(request, *args, **kwargs)
        except requests.RequestException as error:
            if not isinstance(policy, CloudElementsRetry):
                raise
            late = getattr(error.args[0], "response", None) if error.args else None
            if late is None:
                failure = _read_timeout(error) or error
                _say_why(failure, policy, request.method)
                if failure is error:
                    raise
                raise failure from error
            # The retry was too late after its wait, and urllib3 cannot return this.
            response = self.build_response(request, late)
        finally:
            _in_flight.reset(token)
        refuse_to_resend_stream(request, response)
        if response.status_code >= FIRST_ERROR or WARNING_HEADER in response.headers:
            if getattr(response.raw, "retries", policy) is None:
                # `responses` makes this response without urllib3's urlopen().
                response.raw.retries = policy
            ResponseHooks.install(request, self.passthrough, self.on_error)
        return response


# The redirects after which requests sends the body a second time.
_SENDS_BODY_AGAIN = frozenset({307, 308})


def refuse_to_resend_stream(
    request: requests.PreparedRequest, response: requests.Response
) -> bool:
    """Make requests refuse to follow a redirect with a used-up body; say if it will.

    requests rewinds a file, and raises if the file cannot be rewound. It does not
    notice that a generator is used up, and would send an empty body to the new URL.
    """
    refused = response.status_code in _SENDS_BODY_AGAIN and not can_send_again(
        request.body
    )
    if refused:
        # requests sets this if tell() fails, and rewind_body() raises for it.
        request._body_position = object()
    return refused


def _policy(max_retries: int | Retry | None) -> Retry:
    if max_retries is None:
        return CloudElementsRetry()
    if isinstance(max_retries, Retry):
        if not max_retries.raise_on_status:
            return max_retries
        return max_retries.new(raise_on_status=False)
    wanted = "an integer, a urllib3 Retry or None"
    check_integer("max_retries", max_retries, 0, wanted=wanted)
    return CloudElementsRetry(total=max_retries)


def _read_timeout(error: requests.RequestException) -> requests.ReadTimeout | None:
    """Return a ReadTimeout if retries ended with one.

    requests raises ConnectionError then, which ``except Timeout`` does not catch.
    """
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if not isinstance(reason, ReadTimeoutError):
        return None
    return requests.ReadTimeout(error.args[0], request=error.request)


def _say_why(
    error: requests.RequestException, policy: CloudElementsRetry, method: str | None
) -> None:
    """Add the attempts and why they stopped to a network failure, and as a note."""
    error.attempts = policy.attempts  # type: ignore[attr-defined]
    error.stopped_by = policy.stopped_by  # type: ignore[attr-defined]
    note = network_note(policy.attempts, policy.stopped_by, method)
    if note is not None:
        # Python 3.10 has no notes.
        getattr(error, "add_note", bool)(note)
