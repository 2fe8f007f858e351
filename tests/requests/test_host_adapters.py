"""The adapter combined with adapters of others, and subclassed in odd ways."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    FailedRequestError,
    NotFoundError,
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
