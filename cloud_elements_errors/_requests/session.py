"""A drop-in `requests.Session` for Cloud Elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.cookies import extract_cookies_to_jar
from requests.models import REDIRECT_STATI

from .._arguments import TimeoutTypes, checked_timeout
from .._errors.base import CloudElementsError
from .adapter import CloudElementsAdapter, refuse_to_resend_stream
from .response_hooks import OnError, ResponseHooks

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from urllib3.util.retry import Retry

# How many positional arguments of requests.Session.request() are between the URL
# and the timeout.
_BEFORE_TIMEOUT = 6

_SEND = requests.Session.send


class CloudElementsSession(requests.Session):
    """A `requests.Session` that retries requests and raises errors.

    It raises for each status of 400 or more, with every adapter, including those of
    mocks and caches. Everything else works as in `requests.Session`.

    Example::

        with CloudElementsSession(timeout=10) as session:
            contacts = session.get(url).json()
    """

    __attrs__: list[str] = [  # noqa: RUF012
        *requests.Session.__attrs__,
        "_passthrough",
        "_on_error",
        "_timeout",
    ]

    def __init__(
        self,
        *,
        max_retries: int | Retry | None = None,
        passthrough: Collection[int] = (),
        on_error: OnError | None = None,
        timeout: TimeoutTypes = None,
    ) -> None:
        """Make a session. `CloudElementsAdapter` explains the first three parameters.

        Args:
            max_retries: The retry policy.
            passthrough: Statuses that are returned as plain responses.
            on_error: Called with each error before it is raised.
            timeout: The timeout in seconds for requests that set none: a number
                above 0, a pair of numbers (connect, read), a `urllib3.Timeout`, or
                None for no timeout, as in requests.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If a value is out of range.

        """
        super().__init__()
        self.timeout = timeout
        # Two adapters, as requests has them, and one policy with one budget.
        policy: int | Retry | None = max_retries
        for prefix in ("https://", "http://"):
            adapter = CloudElementsAdapter(
                policy, passthrough=passthrough, on_error=on_error
            )
            policy = adapter.max_retries
            self.mount(prefix, adapter)
        self._passthrough = adapter.passthrough
        self._on_error = adapter.on_error

    @property
    def passthrough(self) -> frozenset[int]:
        """The statuses that are returned as plain responses."""
        return self._passthrough

    @property
    def on_error(self) -> OnError | None:
        """The function that is called with each error before it is raised."""
        return self._on_error

    @property
    def timeout(self) -> TimeoutTypes:
        """The timeout for requests that set none. It can be changed at any time."""
        return self._timeout

    @timeout.setter
    def timeout(self, timeout: TimeoutTypes) -> None:
        self._timeout = checked_timeout(timeout)

    def request(
        self, method: str, url: str | bytes, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request, as `requests.Session.request` does.

        Args:
            method: See requests.
            url: See requests.
            args: See requests.
            kwargs: See requests. ``timeout=None`` means no timeout.

        Returns:
            A response whose status is below 400, or in *passthrough*.

        Raises:
            CloudElementsError: If its status is 400 or more.
            requests.RequestException: If no response arrived.

        """
        if len(args) <= _BEFORE_TIMEOUT:
            kwargs.setdefault("timeout", self._timeout)
        response = super().request(method, url, *args, **kwargs)
        if "send" in self.__dict__:  # requests_mock has replaced our send()
            request = requests.PreparedRequest()
            hooks = ResponseHooks.install(request, self._passthrough, self._on_error)
            hooks(response)
        return response

    def send(
        self, request: requests.PreparedRequest, **kwargs: Any
    ) -> requests.Response:
        """Send a prepared request, as `requests.Session.send` does.

        Args:
            request: The request. It is unchanged afterwards.
            kwargs: See requests.

        Returns:
            A response whose status is below 400, or in *passthrough*.

        Raises:
            CloudElementsError: If its status is 400 or more.
            requests.RequestException: If no response arrived.

        """
        kwargs.setdefault("timeout", self._timeout)
        hooks = None
        if self._is_foreign(request):
            hooks = ResponseHooks.install(request, self._passthrough, self._on_error)
        try:
            return super().send(request, **kwargs)
        except CloudElementsError as error:
            # requests stores cookies after the hooks, but a hook has raised.
            if error.response is not None:
                for hop in (*error.response.history, error.response):
                    if _may_set_cookies(hop.raw):
                        extract_cookies_to_jar(self.cookies, hop.request, hop.raw)
            raise
        finally:
            if hooks is not None:
                hooks.uninstall()

    def _is_foreign(self, request: requests.PreparedRequest) -> bool:
        """Say whether the response may come from an adapter that does not raise."""
        if not isinstance(request, requests.PreparedRequest):
            return False  # requests raises for it
        # A mock that replaces Session.send may choose an adapter of its own.
        return requests.Session.send is not _SEND or not isinstance(
            self.get_adapter(request.url or ""), CloudElementsAdapter
        )

    def resolve_redirects(
        self,
        resp: requests.Response,
        req: requests.PreparedRequest,
        *args: Any,
        **kwargs: Any,
    ) -> Generator[requests.Response, None, None]:
        """Follow redirects, as `requests.Session.resolve_redirects` does.

        An error after redirects has them in ``error.response.history``. With
        ``allow_redirects=False``, ``response.next`` is None for a redirect that
        cannot be followed because the body is a used-up stream.

        Raises:
            requests.exceptions.UnrewindableBodyError: If a 307 or 308 asks to send
                a one-shot body a second time.

        """
        hops = super().resolve_redirects(resp, req, *args, **kwargs)
        if resp.status_code not in REDIRECT_STATI:
            return hops
        if refuse_to_resend_stream(req, resp) and kwargs.get("yield_requests"):
            hops.close()
        return _with_history(resp, hops)


def _may_set_cookies(raw: object) -> bool:
    """Look for the headers of cookies, eight times faster than http.cookiejar."""
    return (
        not isinstance(raw, urllib3.HTTPResponse)
        or "Set-Cookie" in raw.headers
        or "Set-Cookie2" in raw.headers
    )


def _with_history(
    response: requests.Response, hops: Generator[requests.Response, None, None]
) -> Generator[requests.Response, None, None]:
    history = [response]
    try:
        for hop in hops:
            history.append(hop)
            yield hop
    except CloudElementsError as error:
        if error.response is not None:
            error.response.history = history
        raise
