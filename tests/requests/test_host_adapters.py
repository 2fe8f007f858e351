"""The adapter combined with adapters of others, and subclassed in odd ways."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import subprocess
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock
from weakref import WeakKeyDictionary

import pytest
import requests
from requests.adapters import HTTPAdapter

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    patch_requests,
)
from cloud_elements_errors._internals import drop_connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements


class WithOptions(HTTPAdapter):
    """A host's adapter with parameters of its own in front, as toolbelt has them."""

    def __init__(self, socket_options: Any = None, **kwargs: Any) -> None:
        self.socket_options = socket_options
        super().__init__(**kwargs)


class OnOurRight(CloudElementsAdapter, WithOptions):
    pass


class Frozen(CloudElementsAdapter):
    """Refuses changes once it is made."""

    def __setattr__(self, name: str, value: object) -> None:
        if "made" in self.__dict__:
            raise AttributeError(name)
        super().__setattr__(name, value)

    def __init__(self) -> None:
        super().__init__()
        self.made = True


class Answering(CloudElementsAdapter):
    """Has an attribute of every name."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: name


class ClosingItself(CloudElementsAdapter):
    """Closes its pools when it is gone, once."""

    closed = 0

    def __del__(self) -> None:
        type(self).closed += 1
        self.close()


class Registered(CloudElementsAdapter):
    """Finds what belongs to it by itself."""

    owners: ClassVar[WeakKeyDictionary[HTTPAdapter, str]] = WeakKeyDictionary()
    calls = 0

    @functools.cache  # noqa: B019 - as its author wrote it
    def name(self) -> str:
        type(self).calls += 1
        return self.owners[self]

    def add_headers(self, request: Any, **_: Any) -> None:
        request.headers["X-Owner"] = self.name()


class OwnPolicy(CloudElementsAdapter):
    """Gives its policy by a property of its own."""

    max_retries = property(  # type: ignore[assignment]
        lambda _: CloudElementsRetry(1, backoff_factor=0), lambda *_: None
    )


ADAPTERS = [OnOurRight, Frozen, Answering]


@pytest.mark.parametrize("make", ADAPTERS)
def test_an_adapter_of_somebody(
    platform: FakeCloudElements, make: Callable[[], CloudElementsAdapter]
) -> None:
    """It retries, and raises the error with its attempts."""
    platform.reply(502, times=4)
    with requests.Session() as session:
        session.mount("http://", make())
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert len(caught.value.attempts) == 4


def test_an_adapter_with_a_finalizer(platform: FakeCloudElements) -> None:
    """It runs at the end of the adapter, and not of a request."""
    with requests.Session() as session:
        session.mount("http://", ClosingItself())
        for status in (200, 502, 404):
            platform.reply(status)
            with suppress(CloudElementsError):
                session.get(platform.url)
        assert ClosingItself.closed == 0
    del session
    gc.collect()
    assert ClosingItself.closed == 1


def test_an_adapter_that_is_a_key(platform: FakeCloudElements) -> None:
    """While a request is sent, it is the same key as before."""
    adapters = [Registered(), Registered()]
    Registered.owners.update({adapters[0]: "ada", adapters[1]: "bob"})
    for adapter, owner in zip([*adapters, *adapters], ["ada", "bob"] * 2, strict=True):
        with requests.Session() as session:
            session.mount("http://", adapter)
            session.get(platform.url)
        assert platform.requests[-1].headers["X-Owner"] == owner
    assert Registered.calls == 2
    assert adapters[0] != adapters[1]
    assert adapters[0] != pickle.loads(pickle.dumps(adapters[0]))


def test_an_adapter_with_a_policy_of_its_own(platform: FakeCloudElements) -> None:
    """It is not bound to the request, but it is used."""
    platform.reply(502, times=2)
    with requests.Session() as session:
        session.mount("http://", OwnPolicy())
        with pytest.raises(FailedRequestError):
            session.get(platform.url)
    assert len(platform.requests) == 2


def test_arguments_by_position(platform: FakeCloudElements) -> None:
    """A subclass may pass the arguments of ``send()`` on by position."""

    class ByPosition(CloudElementsAdapter):
        def send(  # type: ignore[override] # noqa: PLR0917
            self,
            request: Any,
            stream: bool = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: Any = None,
        ) -> requests.Response:
            return super().send(request, stream, timeout, verify, cert, proxies)

    platform.reply(404)
    with CloudElementsSession(passthrough={404}) as session:
        session.mount("http://", ByPosition())
        assert session.get(platform.url).status_code == 404


@pytest.mark.parametrize("hooks", [None, {}], ids=["none", "empty"])
def test_a_request_without_hooks(platform: FakeCloudElements, hooks: Any) -> None:
    """requests accepts such a request; our session checks its response."""
    request = requests.Request("GET", platform.url).prepare()
    request.hooks = hooks
    platform.reply(404)
    with CloudElementsSession() as session, pytest.raises(NotFoundError):
        session.send(request)
    platform.reply(404)
    with requests.Session() as plain:
        plain.mount("http://", CloudElementsAdapter(passthrough={404}))
        assert plain.send(request).status_code == 404


def test_pickles_of_plain_objects_name_nothing_of_ours(
    platform: FakeCloudElements,
) -> None:
    """A response or request of requests unpickles where we are not installed."""
    platform.reply(409)
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter(passthrough={409}))
        response = session.get(platform.url)
    for thing in (response, response.request):
        assert b"cloud_elements_errors" not in pickle.dumps(thing)


class Raising:
    """A lazy proxy that is not bound to anything yet."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_what_an_adapter_holds_may_raise() -> None:
    """After a fork the connections are dropped, whatever else the adapter holds."""
    adapter = CloudElementsAdapter()
    adapter.user = Raising()  # type: ignore[attr-defined]
    pool = adapter.poolmanager.connection_from_url("http://example.com")
    drop_connections(adapter)
    assert adapter.poolmanager.connection_from_url("http://example.com") is not pool


FORKS = """
import gc, os, threading, time
import requests
from cloud_elements_errors import RetryBudget, patch_requests

over = threading.Event()
budget = RetryBudget()

def sessions():
    while not over.is_set():
        session = requests.Session()
        session.get_adapter("http://x/")
        session.me = session  # freed by the collector, wherever that runs

def use():
    while not over.is_set():
        budget.deposit()
        budget.withdraw()

gc.set_threshold(5)
with patch_requests("http://x/"):
    threads = [threading.Thread(target=work) for work in (sessions, use, use)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    over.set()
    for thread in threads:
        thread.join()
"""


@pytest.mark.skipif(not hasattr(sys, "getswitchinterval"), reason="CPython only")
@pytest.mark.skipif(sys.platform == "win32", reason="there is no os.fork")
def test_forks_wait_for_no_lock() -> None:
    """The collector may need a lock while its thread holds another: no fork hangs."""
    command = [sys.executable, "-W", "ignore", "-c", FORKS]
    subprocess.run(command, check=True, timeout=60)


def test_an_adapter_that_sends_other_proxies(platform: FakeCloudElements) -> None:
    """The session still checks: its settings count, and its cookies are stored."""

    class OwnProxies(CloudElementsAdapter):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Any:
            return super().send(request, **{**kwargs, "proxies": {}})

    seen: list[object] = []
    platform.reply(404, headers={"Set-Cookie": "a=1"})
    platform.reply(409, headers={"Set-Cookie": "b=2"})
    with CloudElementsSession(passthrough={404}, on_error=seen.append) as session:
        session.mount("http://", OwnProxies())
        assert session.get(platform.url).status_code == 404
        with pytest.raises(ConflictError) as caught:
            session.get(platform.url)
        assert seen == [caught.value]
        assert session.cookies.get_dict() == {"a": "1", "b": "2"}


def test_a_request_whose_hooks_are_replaced_on_the_way(
    platform: FakeCloudElements,
) -> None:
    """It is the same call: one count, all hops, no secret of the URL before."""

    class OwnHooks(CloudElementsSession):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Any:
            request.hooks = {"response": [*request.hooks["response"]]}
            return super().send(request, **kwargs)

    platform.reply(502)
    platform.reply(302, headers={"Location": "/b"})
    platform.reply(502, provider_message="bad q9secretZZ1", times=None)
    policy = CloudElementsRetry(1, budget=None, backoff_factor=0)
    session = OwnHooks(max_retries=policy)
    with session, pytest.raises(FailedRequestError) as caught:
        session.get(f"{platform.url}/a?token=q9secretZZ1")
    assert len(platform.requests) == 3
    assert len(caught.value.response.history) == 1
    assert "q9secretZZ1" not in str(caught.value)


def test_a_response_of_a_hook_and_the_secrets_of_the_call(
    platform: FakeCloudElements,
) -> None:
    """The new response knows no request; the call does."""

    def replace(response: requests.Response, **_: Any) -> requests.Response:
        new = requests.Response()
        new.status_code, new._content = 404, response.content
        new.url = platform.url
        return new

    platform.reply(404, message="bad q9secretZZ1")
    hooks, url = {"response": replace}, f"{platform.url}?token=q9secretZZ1"
    with CloudElementsSession() as session, pytest.raises(NotFoundError) as caught:
        session.get(url, hooks=hooks)
    assert str(caught.value).startswith("404 Not Found: bad [redacted]")


def test_close_with_a_manager_that_is_a_mock() -> None:
    """As in the tests of requests: it has no pools, and is cleared."""
    adapter, manager = CloudElementsAdapter(), mock.Mock()
    adapter.proxy_manager["http://proxy"] = manager
    adapter.close()
    manager.clear.assert_called_once_with()


class ClosingMeanwhile(CloudElementsRetry):
    """A policy during whose wait another thread closes the session."""

    close: Any

    def sleep(self, _response: Any = None) -> None:
        self.close()


@pytest.mark.parametrize("way", ["session", "mounted", "patched"])
def test_a_request_that_waits_for_its_retry_outlives_its_session(
    platform: FakeCloudElements, way: str
) -> None:
    """As with requests."""
    platform.reply(502)
    policy = ClosingMeanwhile()
    session = CloudElementsSession(max_retries=policy)
    if way != "session":
        session = requests.Session()
    if way == "mounted":
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
    policy.close = session.close
    block = nullcontext()
    if way == "patched":
        block = patch_requests(platform.url, max_retries=policy)
        policy.close = lambda: block.__exit__(None, None, None)
    block.__enter__()
    assert session.get(f"{platform.url}/a").status_code == 200
    assert len(platform.requests) == 2


@pytest.mark.parametrize("is_ours", [True, False], ids=["session", "mounted"])
@pytest.mark.parametrize("how", ["status", "other response"])
def test_a_hook_that_makes_a_failure_of_a_success(
    platform: FakeCloudElements, is_ours: bool, how: str
) -> None:
    """Some providers answer 200 with an error in the body."""
    platform.reply(200, body={"status": 409, "message": "Contact exists"})

    def real_status(response: requests.Response, **_: Any) -> requests.Response:
        if how == "other response":
            response = copy.copy(response)
        response.status_code = response.json()["status"]
        return response

    session = CloudElementsSession() if is_ours else requests.Session()
    if not is_ours:
        session.mount("http://", CloudElementsAdapter())
    with session, pytest.raises(ConflictError, match="Contact exists"):
        session.get(platform.url, hooks={"response": real_status})


def test_a_session_that_passes_redirects_on_by_position(raw_server: Any) -> None:
    """The body of its error is read within our limits, too."""

    class ByPosition(CloudElementsSession):
        def resolve_redirects(  # noqa: PLR0917 - as in requests
            self,
            resp: requests.Response,
            req: requests.PreparedRequest,
            stream: bool = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: Any = None,
            yield_requests: bool = False,
            **kwargs: Any,
        ) -> Any:
            options = stream, timeout, verify, cert, proxies, yield_requests
            return super().resolve_redirects(resp, req, *options, **kwargs)

    body = b'{"message": "No such contact"}'
    head = b"HTTP/1.1 404 X\r\nContent-Length: %d\r\n\r\n" % (len(body) + 9)
    server = raw_server(head + body)
    with ByPosition() as session, pytest.raises(NotFoundError) as caught:
        session.get(server.url)
    assert caught.value.message == "No such contact"
