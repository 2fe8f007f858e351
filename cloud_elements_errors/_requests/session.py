"""A drop-in `requests.Session` for Cloud Elements."""

from collections.abc import Collection, Generator
from typing import Any

from requests import HTTPError, PreparedRequest, RequestException, Response, Session
from requests.utils import resolve_proxies
from urllib3.util.retry import Retry

from .._arguments import TimeoutTypes, check_callable, checked_statuses, checked_timeout
from .._tracebacks import pass_on_signal
from .adapter import CloudElementsAdapter, refuse_to_resend_stream
from .checking import Call, OnError, call_of, check, now, tell


class CloudElementsSession(Session):
    """A `requests.Session` that retries requests and raises errors.

    It raises for each status of 400 or more, with every adapter, including those of
    mocks and caches. Everything else works as in `requests.Session`.

    Example::

        with CloudElementsSession(timeout=10) as session:
            contacts = session.get(url).json()
    """

    __module__ = "cloud_elements_errors"

    __attrs__: list[str] = [*Session.__attrs__, "passthrough", "on_error", "timeout"]  # noqa: RUF012

    #: The timeout for requests that set none. It can be changed at any time.
    timeout: TimeoutTypes = None

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
        if timeout is not None:
            self.timeout = checked_timeout(timeout)
        check_callable("on_error", on_error)
        self.passthrough: frozenset[int] = checked_statuses("passthrough", passthrough)
        self.on_error = on_error
        adapter = CloudElementsAdapter(max_retries=max_retries)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def request(self, method: str, url: Any, *args: Any, **kwargs: Any) -> Response:
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
            requests.RequestException: If no response arrived, or a redirect cannot be
                followed.

        """
        if not args[6:]:  # the timeout is the seventh
            kwargs.setdefault("timeout", self.timeout)
        began = now()
        response = super().request(method, url, *args, **kwargs)
        replaced = (CloudElementsSession.send, Session.request) != _METHODS
        if replaced or "send" in vars(self):
            check(response, self, began, kwargs.get("proxies"))
        return response

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a prepared request, as `requests.Session.send` does.

        Args:
            request: The request. It is unchanged afterwards.
            kwargs: See requests.

        Returns:
            A response whose status is below 400, or in *passthrough*.

        Raises:
            CloudElementsError: If its status is 400 or more.
            requests.RequestException: If no response arrived, or a redirect cannot be
                followed.

        """
        kwargs.setdefault("timeout", self.timeout)
        chain: Any = []
        if "proxies" in kwargs:  # as after a redirect
            chain = getattr(request, "__dict__", {}).pop("_chain", [])
        else:
            kwargs["proxies"] = resolve_proxies(request, self.proxies, self.trust_env)
        call = call_of(request, kwargs["proxies"])
        if call is None:
            call = kwargs["proxies"] = Call(kwargs["proxies"], request, chain)
        try:
            response = super().send(request, **kwargs)
            if call.chain == call.hops:  # a mock has replaced requests.Session.send
                check(response, self, call.began, call)
        except HTTPError as error:  # maybe of a hook
            tell(error, self, call)
            raise
        except RequestException as error:
            pass_on_signal(error)  # while requests read the body of a success
            raise
        return response

    def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> Call:
        """Return the proxies for a redirect, as requests does, and what came before."""
        chain = getattr(proxies, "chain", [])
        # A subclass may pass other proxies to send().
        vars(prepared_request)["_chain"] = chain
        rebuilt = super().rebuild_proxies(prepared_request, proxies)
        return Call(rebuilt, prepared_request, chain)

    def resolve_redirects(
        self, resp: Response, req: PreparedRequest, *args: Any, **kwargs: Any
    ) -> Generator[Response, None, None]:
        """Follow redirects, as `requests.Session.resolve_redirects` does.

        An error after redirects has them in ``error.response.history``. With
        ``allow_redirects=False``, ``response.next`` is None for a redirect that
        cannot be followed because the body is a used-up stream.

        Raises:
            requests.exceptions.UnrewindableBodyError: If a 307 or 308 asks to send
                a one-shot body a second time.

        """
        # requests calls this for each response, after its hooks, with its cookies
        # stored, and before it reads the body.
        call = call_of(req, kwargs.get("proxies", args[4] if args[4:] else None))
        if call is not None:
            call.chain[:] = [*call.hops, resp]
            if call.hops:
                resp.history = [*call.hops]
            check(resp, self, call.began, call)
        hops = super().resolve_redirects(resp, req, *args, **kwargs)
        only_next = kwargs.get("yield_requests", *args[5:6])
        if refuse_to_resend_stream(req, resp) and only_next:
            hops.close()
        return hops


# What mocks replace.
_METHODS = CloudElementsSession.send, Session.request
