"""Errors that travel between processes, and sessions that live through a fork."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
import urllib3
from urllib3._collections import RecentlyUsedContainer

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    NotFoundError,
    RetryBudget,
    error_from_parts,
    patch_requests,
)

pytestmark = [
    # From Python 3.12 on, os.fork warns where there are threads, as here.
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no os.fork")
untraced = pytest.mark.skipif(
    sys.gettrace() is not None, reason="coverage's own lock does not survive a fork"
)


@pytest.fixture(
    scope="module",
    # A forkserver talks over a Unix socket, which the suite does not allow.
    params=[
        method
        for method in multiprocessing.get_all_start_methods()
        if method != "forkserver"
    ],
)
def context(request):
    """Give each of the ways to start a process."""
    return multiprocessing.get_context(request.param)


@pytest.fixture(scope="module")
def executor(context):
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        yield executor


@pytest.fixture(scope="module")
def pool(context):
    with context.Pool(1) as pool:
        yield pool


@pytest.fixture
def travelling():
    """Give a session that is sent to a process, to send a request from there."""
    policy = CloudElementsRetry(1, backoff_factor=0)
    with CloudElementsSession(max_retries=policy) as session:
        session.headers["Authorization"] = "User Zk3vQ9x1Lw=, Element 84hF0aYpQ2="
        yield session


def local_error(platform, session, answer):
    """Return the error that is raised here, and queue the same answers again."""
    for _ in range(2):
        platform.reply(**{"request_id": "5858a8e2", "times": 1, **answer})
    with pytest.raises(CloudElementsError) as caught:
        session.get(f"{platform.url}/bills?token=84hF0aYpQ2")
    return caught.value


def check_arrived(arrived, local):
    """Check that an error from another process is the one that is raised here."""
    assert type(arrived) is type(local)
    assert arrived.args == local.args
    assert arrived.to_dict() == local.to_dict()
    assert getattr(arrived, "__notes__", None) == getattr(local, "__notes__", None)
    assert arrived.response.status_code == local.response.status_code
    assert arrived.response.text == local.response.text
    assert arrived.response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert arrived.request.method == arrived.response.request.method == "GET"
    assert b"84hF0aYpQ2" not in pickle.dumps(arrived)


def test_process_pool_executor(platform, executor, travelling, answer):
    """An error raised in a worker is the same here, its response included."""
    times = 2 if answer["status"] in {500, 502} else 1
    local = local_error(platform, travelling, {"times": times, **answer})
    future = executor.submit(travelling.get, f"{platform.url}/bills?token=84hF0aYpQ2")
    arrived = future.exception()
    check_arrived(arrived, local)
    assert len(arrived.attempts) == times
    assert len(platform.requests) == 2 * times
    # What the worker's traceback said comes with it.
    assert str(local) in str(arrived.__cause__)


def test_multiprocessing_pool(platform, pool, travelling, answer):
    """It is through multiprocessing.Pool as well."""
    times = 2 if answer["status"] in {500, 502} else 1
    local = local_error(platform, travelling, {"times": times, **answer})
    with pytest.raises(CloudElementsError) as caught:
        pool.apply(travelling.get, (f"{platform.url}/bills?token=84hF0aYpQ2",))
    check_arrived(caught.value, local)


def test_too_long_to_travel_whole(platform, executor, travelling):
    """A long error is cut to below 128 KiB, says so, and its first words arrive."""
    words = "words " * 10_500
    platform.reply(409, message="Failed", provider_message=words)
    arrived = executor.submit(travelling.get, platform.url).exception()
    assert arrived.truncated
    assert arrived.message == "Failed"
    assert len(arrived.provider_message) > 10_000
    assert words.startswith(arrived.provider_message)
    assert len(pickle.dumps(arrived)) < 128 * 1024


class Child:
    """A forked process that calls a function, and what comes of that.

    It is killed after a time, so that a deadlock in it ends the test and not the
    patience.
    """

    def __init__(self, function):
        receive, send = os.pipe()
        self._receive = receive
        self._pid = os.fork()
        if self._pid == 0:
            signal.alarm(20)
            try:
                os.write(send, pickle.dumps(function()))
            finally:
                os._exit(0)
        os.close(send)

    def result(self):
        """Return what the function returned; EOFError if it raised, or hung."""
        with os.fdopen(self._receive, "rb") as pipe:
            sent = pipe.read()
        os.waitpid(self._pid, 0)
        return pickle.loads(sent)


@pytest.fixture
def peer(raw_server):
    """A server whose 404s name, as their request id, the connection they come on."""
    closed = []

    def answer(connection):
        name = str(connection.getpeername()[1])
        body = json.dumps({"requestId": name})
        head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {len(body)}\r\n\r\n"
        while True:
            connection.sendall((head + body).encode())
            if not connection.recv(65536):
                break
        with changed:
            closed.append(name)
            changed.notify_all()

    def wait_closed(names):
        """Say whether these connections were closed, which may take a moment."""
        names = set(names)
        with changed:
            return changed.wait_for(lambda: names <= set(closed), timeout=10)

    changed = threading.Condition()
    server = raw_server(answer)
    server.wait_closed = wait_closed
    return server


def connection_of(session, server):
    """Return the name of the connection that the session uses now."""
    return error_of(session, server).request_id


def error_of(session, server):
    with pytest.raises(NotFoundError) as caught:
        session.get(server.url, timeout=20)
    return caught.value


@needs_fork
def test_fork_takes_its_own_connection(make_session, peer):
    """A child does not write into its parent's connection, which the parent keeps."""
    session = make_session()
    before = connection_of(session, peer)

    def both():
        return connection_of(session, peer), connection_of(session, peer)

    first, second = Child(both).result()
    assert first != before
    assert second == first
    assert connection_of(session, peer) == before


@needs_fork
def test_fork_before_use(make_session, peer):
    """A session that was never used before the fork works in both."""
    session = make_session()
    child = Child(lambda: connection_of(session, peer))
    assert connection_of(session, peer) != child.result()


@needs_fork
def test_fork_of_a_fork(make_session, peer):
    """A grandchild has connections of its own, too."""
    session = make_session()

    def child():
        name = connection_of(session, peer)
        return name, Child(lambda: connection_of(session, peer)).result()

    names = {connection_of(session, peer), *Child(child).result()}
    assert len(names) == 3


@needs_fork
def test_close_in_the_child(make_session, peer):
    """A child that closes the session leaves the parent's connection open."""
    session = make_session()
    before = connection_of(session, peer)
    assert Child(session.close).result() is None
    assert connection_of(session, peer) == before


@needs_fork
def test_parent_and_child_at_once(make_session, platform):
    """Both at work on one session, each gets its own answers."""
    session = make_session(passthrough={404})
    for who in ("parent", "child"):
        for number in range(50):
            path = f"/{who}/{number}"
            platform.reply(404, path=path, request_id=path)

    def answer(path):
        return session.get(platform.url + path, timeout=20).json()["requestId"]

    def ask(who):
        paths = [f"/{who}/{number}" for number in range(50)]
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(answer, paths)) == paths

    session.get(platform.url)
    child = Child(lambda: ask("child"))
    assert ask("parent")
    assert child.result()
    assert len(platform.requests) == 101


@contextmanager
def busy(work):
    """Keep some threads busy with this."""
    over = threading.Event()

    def loop():
        while not over.is_set():
            work()

    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@needs_fork
@untraced
def test_fork_while_the_budget_is_in_use():
    """A budget works in a child, whatever other threads did to it at the fork."""
    budget = RetryBudget(ratio=1e-6)
    with busy(budget.deposit):
        children = [Child(budget.withdraw) for _ in range(20)]
        assert [child.result() for child in children] == [True] * 20


@needs_fork
@untraced
def test_fork_while_the_session_is_in_use(platform):
    """A session works in a child, whatever other threads did with it at the fork."""
    with CloudElementsSession(passthrough={404}, max_retries=0) as session:

        def ask():
            session.get(platform.url, timeout=20)
            return session.get(platform.url, timeout=20).status_code

        with busy(ask):
            children = [Child(ask) for _ in range(20)]
            assert [child.result() for child in children] == [200] * 20


@needs_fork
@untraced
@pytest.mark.parametrize("name", ["args", "__notes__"])
def test_fork_while_a_line_is_built(name):
    """Before Python 3.12, a cached property has a lock, of all errors."""
    started, over = threading.Event(), threading.Event()

    class SlowError(NotFoundError):
        @property
        def attempts(self):
            started.set()
            over.wait(20)
            return ()

    slow = error_from_parts(404)
    slow.__class__ = SlowError
    thread = threading.Thread(target=getattr, args=(slow, name))
    thread.start()
    try:
        assert started.wait(20)
        assert Child(lambda: list(getattr(error_from_parts(404), name))).result()
    finally:
        over.set()
        thread.join()


class Keeping(CloudElementsAdapter):
    """A host's adapter with pools of its own, and with settings for them."""

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=("127.0.0.2", 0), **kwargs)
        self.pools = RecentlyUsedContainer(3, dispose_func=lambda pool: pool.close())


@needs_fork
def test_settings_of_the_pools_stay(peer):
    """In the child the managers are the same, with their settings, and empty."""
    adapter = Keeping()
    manager, proxy = adapter.poolmanager, adapter.proxy_manager_for("http://proxy/")
    proxy.connection_from_url("http://elsewhere/")
    adapter.pools["socket"] = urllib3.HTTPConnectionPool("localhost")
    with requests.Session() as session:
        session.mount("http://", adapter)
        before = connection_of(session, peer)

        def child():
            empty = [len(one) for one in (manager.pools, proxy.pools, adapter.pools)]
            kept = adapter.poolmanager is manager
            source = manager.connection_pool_kw["source_address"]
            return empty, kept, source, connection_of(session, peer)

        empty, kept, source, name = Child(child).result()
        assert (empty, kept, source) == ([0, 0, 0], True, ("127.0.0.2", 0))
        assert name != before
        assert connection_of(session, peer) == before


@needs_fork
@untraced
def test_pools_are_dropped_before_any_thread_can_use_them(peer):
    """Threads of a child that start at once never send on the parent's connection."""
    with CloudElementsSession(max_retries=0) as session:
        before = connection_of(session, peer)

        def ask(_number):
            return connection_of(session, peer)

        def child():
            with ThreadPoolExecutor(8) as threads:
                return list(threads.map(ask, range(32)))

        for names in [one.result() for one in [Child(child) for _ in range(5)]]:
            assert len(names) == 32
            assert before not in names


@needs_fork
@untraced
def test_fork_while_a_thread_holds_the_locks_of_a_pool(platform):
    """The child has new locks: nobody there could release the old ones."""
    with CloudElementsSession() as session:
        session.get(platform.url)
        manager = session.get_adapter(platform.url).poolmanager
        queue = manager.connection_from_url(platform.url).pool
        held, done = threading.Event(), threading.Event()

        def hold():
            with manager.pools.lock, queue.mutex:
                held.set()
                done.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(30)
        child = Child(lambda: session.get(platform.url, timeout=10).status_code)
        try:
            assert child.result() == 200
        finally:
            done.set()
            thread.join()


@needs_fork
@untraced
def test_fork_while_sessions_are_patched(platform):
    """A patch works in a child, whatever other threads did with it at the fork."""

    def ask():
        return requests.get(platform.url, timeout=20).status_code

    with patch_requests(platform.url, max_retries=0), busy(ask):
        children = [Child(ask) for _ in range(10)]
        assert [child.result() for child in children] == [200] * 10


def copies():
    """Return the ways to copy a session."""
    return {
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "pickle": lambda session: pickle.loads(pickle.dumps(session)),
    }


@pytest.mark.parametrize("duplicate", copies().values(), ids=copies())
def test_close(make_session, peer, duplicate):
    """Closing a session and its copy closes their connections, errors kept or not.

    A response keeps its pool alive, and urllib3 leaves the closing to its end.
    """
    session = make_session()
    kept = [error_of(session, peer)]
    clone = duplicate(session)
    kept.append(error_of(clone, peer))
    clone.close()
    session.close()
    assert peer.wait_closed(error.request_id for error in kept)


def test_close_and_use_again(make_session, peer):
    """A closed session opens new connections when it is used again."""
    session = make_session()
    first = error_of(session, peer)
    session.close()
    second = error_of(session, peer)
    assert second.request_id != first.request_id
    session.close()
    assert peer.wait_closed([first.request_id, second.request_id])


def test_patch_closes(peer):
    """When a patch ends, the connections that it has opened are closed."""
    with patch_requests(peer.url), requests.Session() as session:
        error = error_of(session, peer)
    assert peer.wait_closed([error.request_id])
