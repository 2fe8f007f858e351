"""The retry policy and the check of the response, for the URLs under a mount prefix.

A `CloudElementsSession` checks its responses itself, after it has stored the cookies.
In a plain session, a GET that meets 502, 502 and 409 goes this way::

    Session.send            asks get_adapter() for the adapter of this URL
    CloudElementsAdapter    binds its policy to the request, in a view of the adapter
    HTTPAdapter.send        gives the view's max_retries to urllib3's urlopen()
    urlopen, 502            is_retry(): yes. increment() takes a token and reads the
                            body into an Attempt. sleep(), and the same once more
    urlopen, 409            is_retry(): no. The response keeps the policy
    CloudElementsAdapter    marks the response with its settings
    Session.send            calls the request's hooks: the user's, then our check. It
                            reads the body and the attempts, and raises ConflictError
"""

import copy
import os
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

import requests
from requests import PreparedRequest, RequestException, Response
from requests.adapters import DEFAULT_POOLBLOCK, DEFAULT_POOLSIZE, HTTPAdapter
from urllib3 import Retry, exceptions

from .. import _arguments, _internals
from .._retries.policy import CloudElementsRetry
from .._retries.state import RequestState, can_send_again
from . import checking


class CloudElementsAdapter(HTTPAdapter):
    """A transport adapter that retries requests and raises errors.

    Mount it on a session that you have. The prefix must end with a slash. Without it,
    the prefix also matches other hosts, such as ``api.cloud-elements.com.evil.net``::

        session.mount("https://api.cloud-elements.com/", CloudElementsAdapter())
    """

    __module__ = "cloud_elements_errors"

    __attrs__: list[str] = [*HTTPAdapter.__attrs__, "passthrough", "on_error"]  # noqa: RUF012

    # The policy of the one request that is sent by this view of an adapter.
    __slots__ = ("_bound",)
    # The list of patch_requests, if this is an adapter of its.
    _errors_of_patch: list[Any] | None = None

    def __init__(
        self,
        pool_connections: int = DEFAULT_POOLSIZE,
        pool_maxsize: int = DEFAULT_POOLSIZE,
        max_retries: int | Retry | None = None,
        pool_block: bool = DEFAULT_POOLBLOCK,
        *,
        passthrough: Collection[int] | None = None,
        on_error: checking.OnError | None = None,
    ) -> None:
        """Make an adapter with its own connection pools.

        Args:
            pool_connections: As for `requests.adapters.HTTPAdapter`.
            pool_maxsize: As for `requests.adapters.HTTPAdapter`.
            max_retries: None for the default `CloudElementsRetry`, an integer n for
                ``CloudElementsRetry(total=n)``, or any `urllib3.Retry`. If its
                *raise_on_status* is true, the adapter uses a copy with false, so that
                the last response is not lost.
            pool_block: As for `requests.adapters.HTTPAdapter`.
            passthrough: Statuses that are returned as plain responses, for example
                ``{404}``. With ``range(400, 600)`` the adapter retries, but raises
                none of these. None for those of the `CloudElementsSession` that
                sends, ``()`` for none.
            on_error: A function that is called once with each error, before it is
                raised. If it raises, its exception is logged and the error is still
                raised. None for that of the `CloudElementsSession` that sends.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If *max_retries* is negative, *passthrough* holds a number
                that is not a status from 400 to 999, or a pool size is below 1.

        """
        _arguments.check_integer("pool_connections", pool_connections, 1)
        _arguments.check_integer("pool_maxsize", pool_maxsize, 1)
        _arguments.check_type("pool_block", pool_block, "True or False", bool)
        _arguments.check_callable("on_error", on_error)
        self._bound: Retry | None = None
        self.passthrough: frozenset[int] | None = None
        if passthrough is not None:
            self.passthrough = _arguments.checked_statuses("passthrough", passthrough)
        self.on_error = on_error
        # By keyword: a host's adapter may come next, with parameters of its own.
        sizes = {"pool_connections": pool_connections, "pool_maxsize": pool_maxsize}
        super().__init__(pool_block=pool_block, **sizes)
        self._max_retries = _policy(max_retries)
        _adapters[id(self)] = self

    def __eq__(self, other: object) -> bool:
        """Say whether the two are one adapter, or a view of it."""
        return getattr(other, "__dict__", None) is self.__dict__

    def __hash__(self) -> int:
        """Return the hash of the adapter, also for its views."""
        return id(self.__dict__)

    @property
    def max_retries(self) -> Retry:
        """The retry policy."""
        return self._bound or self._max_retries

    @max_retries.setter
    def max_retries(self, policy: Retry) -> None:
        self._max_retries = _policy(policy)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the adapter in another process, with new pools."""
        self._bound = None
        super().__setstate__(state)
        _adapters[id(self)] = self

    def close(self) -> None:
        """Close all idle connections, even if a response still refers to its pool."""
        # urllib3 only drops the pools, and closes each when nothing refers to it.
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            # A host's manager may have none; another thread may have dropped one.
            pools = vars(manager).get("pools", {})
            for pool in filter(None, map(pools.get, list(pools.keys()))):
                _internals.close_idle(pool)
        super().close()

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send a prepared request, as `requests.adapters.HTTPAdapter.send` does.

        Args:
            request: The request. If it fails or has hooks, a check stays among them,
                which does nothing for the responses of other adapters.
            args: See requests.
            kwargs: See requests.

        Returns:
            The response. `requests.Session.send` then runs the hooks of the request,
            and after them ours, which raises. Without a session, no hook runs.

        Raises:
            requests.RequestException: If no response arrived. `retries_of` returns
                its attempts. A note says why they stopped.
            requests.exceptions.UnrewindableBodyError: Raised by the session if a 307
                or 308 asks to send a one-shot body a second time.

        """
        proxies = kwargs.get("proxies", args[4] if args[4:] else None)
        call = checking.call_of(request, proxies)
        # This is the adapter, but for the policy: each request has its own, since a
        # policy cannot tell which request has failed. A subclass may refuse changes.
        view = object.__new__(type(self))
        object.__setattr__(view, "__dict__", self.__dict__)
        object.__setattr__(view, "_bound", self._policy_for(request, proxies, call))
        try:
            response = view._submit(request, *args, **kwargs)
        except RequestException as error:
            checking.note_attempts(error, request, view.max_retries, proxies)
            raise
        finally:
            if hasattr(view, "__del__"):  # it would close what the view shares
                with suppress(TypeError):  # unless it has slots
                    object.__setattr__(view, "__class__", CloudElementsAdapter)
        response.connection = self
        if call is not None:
            call.latest = response
        refuse_to_resend_stream(request, response)
        hooks: Any = request.hooks if isinstance(request.hooks, dict) else {}
        # A hook may make a failure of a success.
        if checking.needs_check(response) or hooks.get("response"):
            raw: Any = getattr(response, "raw", None)
            if getattr(raw, "retries", view) is None:
                # `responses` makes this response without urllib3's urlopen().
                raw.retries = view._bound
            getattr(response, "__dict__", {})["_sent_by"] = self
            if call is None:
                hooks["response"] = checking.CheckingHooks(hooks.get("response"))
        return response

    def _submit(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send as `HTTPAdapter` does, but raise only exceptions of requests."""
        try:
            return super().send(request, *args, **kwargs)
        except requests.ConnectionError as error:
            # requests raises this also for a timeout, if that was retried.
            reason = getattr(next(iter(error.args), None), "reason", None)
            if isinstance(reason, exceptions.ReadTimeoutError):
                raise requests.ReadTimeout(*error.args, request=request) from error
            raise
        except exceptions.HTTPError as error:
            # A count of False makes urllib3 raise its own exceptions.
            raise requests.ConnectionError(error, request=request) from error

    def _policy_for(self, request: PreparedRequest, proxies: Any, call: Any) -> Retry:
        """Return the policy, bound to a request: its body, headers, URLs, proxies.

        After a redirect or a login, the attempts, the time and the count of the call go
        on. The adapter of another host has a count of its own.
        """
        policy = self.max_retries
        latest: Any = None if call is None else call.latest
        earlier = None if latest is None else getattr(latest.raw, "retries", None)
        if isinstance(earlier, Retry) and latest.connection is self:
            policy = earlier
        if not isinstance(policy, CloudElementsRetry):
            return policy
        urls = checking.urls_of(proxies)
        state = RequestState(request.body, request.headers, request.url, *urls)
        if isinstance(earlier, CloudElementsRetry):
            state.attempts, state.deadline = earlier.attempts, earlier.state.deadline
        return policy.for_call(state)


# The adapters of the process, to drop their connections after a fork. By id, because a
# subclass may have an __eq__ of its own.
_adapters: WeakValueDictionary[int, CloudElementsAdapter] = WeakValueDictionary()


def _after_fork() -> None:  # pragma: no cover - runs in the child
    for adapter in list(_adapters.values()):
        _internals.drop_connections(adapter)


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def refuse_to_resend_stream(request: PreparedRequest, response: Response) -> bool:
    """Make requests refuse to follow a redirect with a used-up body; say if it will.

    requests rewinds a file, and raises if the file cannot be rewound. It does not
    notice that a generator is used up, and would send an empty body to the new URL.
    """
    # After these redirects, requests sends the body a second time.
    refused = response.status_code in {307, 308} and not can_send_again(request.body)
    if refused:
        _internals.refuse_to_send_body_again(request)
    return refused


def _policy(given: int | Retry | None) -> Retry:
    if given is None:
        return CloudElementsRetry()
    if not isinstance(given, Retry):
        wanted = "an integer, a urllib3 Retry or None"
        _arguments.check_type("max_retries", given, wanted, int)
        _arguments.check_range("max_retries", given, 0)
        return CloudElementsRetry(given)
    if given.raise_on_status:
        # A subclass of somebody else may not be built again by its constructor.
        given = copy.copy(given)
        given.raise_on_status = False
    return given
