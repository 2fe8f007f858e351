"""What all tests share: a clean environment, the three ways in, hostile peers."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import requests

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsSession,
    raise_for_error,
)
from cloud_elements_errors._retries import budget
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# The same examples in each run, so that a failure belongs to a change and not to the
# day. ``tox -e fuzz`` looks further.
hypothesis.settings.register_profile("fixed", derandomize=True)
hypothesis.settings.load_profile("fixed")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Show dicts, and no backslashes: mutmut cannot run a test with one in its name."""
    if isinstance(val, dict) or (isinstance(val, (str, bytes)) and "\\" in ascii(val)):
        return ascii(val)[:30].replace("\\", "")
    return None


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is not to be reached through anybody's proxy, nor with a netrc."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", os.devnull)


@pytest.fixture(autouse=True)
def _new_budgets() -> None:
    """Each test begins as a process does: no host has been asked yet.

    `no_wait()` would do the same, but most tests of the budget must see it count. A
    server of a test may listen on the port that an earlier one had.
    """
    budget.budget_at.cache_clear()


class Clock:
    """The time that retry budgets see; it stands still until a test moves it."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def budget_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the time for retry budgets, so that nothing fades by itself."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def platform() -> Iterator[FakeCloudElements]:
    """A fake server on localhost; retries do not wait."""
    with FakeCloudElements() as platform, no_wait():
        yield platform


@pytest.fixture
def other() -> Iterator[FakeCloudElements]:
    """A second fake server: another port, and so another host."""
    with FakeCloudElements() as other:
        yield other


def _session(**settings: Any) -> requests.Session:
    return CloudElementsSession(**settings)


def _mounted(**settings: Any) -> requests.Session:
    session = requests.Session()
    adapter = CloudElementsAdapter(**settings)
    session.mount("http://", adapter)
    return session


def _hooked() -> requests.Session:
    session = requests.Session()
    session.hooks["response"].append(raise_for_error)
    return session


@pytest.fixture(params=[_session, _mounted], ids=["session", "mounted"])
def make_session(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Make a session with settings: the drop-in one, or a plain one with a mount."""
    made = []

    def make(**settings: Any) -> requests.Session:
        made.append(request.param(**settings))
        return made[-1]

    yield make
    for session in made:
        session.close()


@pytest.fixture(
    params=[_session, _mounted, _hooked], ids=["session", "mounted", "hook"]
)
def session(request: pytest.FixtureRequest) -> Iterator[requests.Session]:
    """Give a session that raises, by each of the three ways in."""
    with request.param() as session:
        yield session


# Every exception, one that was retried, one full of details, a gateway's page.
ANSWERS: dict[str, dict[str, Any]] = {
    **{
        cls.__name__: {"status": cls.status_code or 503}
        for cls in CloudElementsError.__subclasses__()
    },
    "retried": {"status": 502, "provider_message": {"code": 3100}},
    "details": {
        "status": 400,
        "body": {"MESSAGE": "No", "providerErrorCode": 7, "more": [None, {"a": 1.5}]},
    },
    "page": {
        "status": 504,
        "body": "<html>nginx</html>",
        "headers": {"Retry-After": "9"},
    },
}


@pytest.fixture(params=ANSWERS.values(), ids=ANSWERS)
def answer(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give what `FakeCloudElements.reply` makes a failure of, one of each kind."""
    return dict(request.param)


@dataclass
class RawServer:
    """A peer that answers each connection with what a function does to its socket."""

    respond: Callable[[socket.socket], None]
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    _listener: socket.socket = field(default_factory=socket.socket)
    _open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/path"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(
                    target=self._serve, args=(connection,), daemon=True
                ).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            self.heads.append(head)
            self.respond(connection)

    def close(self) -> None:
        for one in [self._listener, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def raw_server() -> Iterator[Callable[[Any], RawServer]]:
    """Start peers that answer with raw bytes, or with what a function sends."""
    started: list[RawServer] = []

    def start(answer: bytes | Callable[[socket.socket], None]) -> RawServer:
        if isinstance(answer, bytes):
            sent = answer

            def respond(connection: socket.socket) -> None:
                connection.sendall(sent)

        else:
            respond = answer
        started.append(RawServer(respond))
        return started[-1]

    yield start
    for server in started:
        server.close()
