"""The fake server as a server: connections, proxies, threads, processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from cloud_elements_errors import CloudElementsSession
from cloud_elements_errors.testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no os.fork")


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """Give a session that knows nothing of us."""
    with requests.Session() as session:
        yield session


def talk(platform: FakeCloudElements, *sent: bytes) -> bytes:
    """Send bytes on one connection, and return all that comes until it is closed."""
    port = int(platform.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"".join(sent))
        with connection.makefile("rb") as file:
            return file.read()


GET = b"GET / HTTP/1.1\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n"


def test_start_without_a_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose resolver hangs starts the server at once."""

    def refused(*_: Any) -> None:
        raise AssertionError("nobody may ask the resolver")

    for name in ("getfqdn", "gethostbyaddr", "gethostbyname", "getnameinfo"):
        monkeypatch.setattr(socket, name, refused)
    with FakeCloudElements() as platform:
        assert talk(platform, LAST).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "target", ["//a", "///a//b?c=//d", "/a%7eb", "*", "http://b/c"]
)
def test_target_as_it_was_sent(platform: FakeCloudElements, target: str) -> None:
    """What is recorded is what is in the request line."""
    head = f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert talk(platform, head.encode()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert [one.path for one in platform.requests] == [target]


@pytest.mark.parametrize(
    ("request_head", "headers"),
    [
        (LAST, {}),
        (b"GET / HTTP/1.0\r\n\r\n", {}),
        (GET, {"Connection": "close"}),
        (GET, {"connection": ["x", "Close"]}),
    ],
    ids=["asked for", "HTTP/1.0", "told", "told among others"],
)
def test_connection_that_is_closed(
    platform: FakeCloudElements, request_head: bytes, headers: dict[str, Any]
) -> None:
    """As the client asks, or as the reply says; the next request is not read."""
    platform.reply(404, headers=headers)
    assert talk(platform, request_head, GET).count(b"HTTP/1.1") == 1
    assert len(platform.requests) == 1


def test_connection_that_is_kept(platform: FakeCloudElements) -> None:
    """Otherwise all requests may come on one connection."""
    platform.reply(404, headers={"Connection": "keep-alive"})
    assert talk(platform, GET, GET, LAST).count(b"HTTP/1.1") == 3


@pytest.mark.parametrize("length", ["6", "4", "many", ["5", "6"], []])
def test_length_that_is_not_the_bodys(
    platform: FakeCloudElements, length: str | list[str]
) -> None:
    """The connection is closed, and the client is told: nobody waits for the rest."""
    platform.reply(200, body="12345", headers={"content-length": length})
    answer = talk(platform, GET, GET)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\n12345")


def test_body_that_ends_too_early(
    platform: FakeCloudElements, client: requests.Session
) -> None:
    """A client sees a body that was cut, as from a server that breaks off."""
    platform.reply(200, body="12345", headers={"Content-Length": "6"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="1 more"):
        client.get(platform.url)
    assert client.get(platform.url).json() == {}


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body(platform: FakeCloudElements, status: int) -> None:
    """It has no Content-Length, and leaves nothing for the next response."""
    platform.reply(status, body="12345")
    platform.reply(status, headers={"content-length": "5"})
    first, second, third = talk(platform, GET, GET, LAST).split(b"\r\n\r\n", 2)
    assert b"content-length" not in (first + second).lower()
    assert third.startswith(b"HTTP/1.1 200 OK\r\n")


def test_head_has_the_length_and_no_body(platform: FakeCloudElements) -> None:
    """Also if the reply names another length."""
    platform.reply(200, body="12345", times=2)
    platform.reply(200, headers={"Content-Length": "99"})
    head = GET.replace(b"GET", b"HEAD")
    answer = talk(platform, head, GET, head, LAST)
    assert answer.count(b"Content-Length: 5") == 2
    assert b"Content-Length: 99\r\n\r\nHTTP/1.1" in answer
    assert answer.count(b"12345") == 1


def test_chunked_body_with_trailers(platform: FakeCloudElements) -> None:
    """The trailers are read, and are no part of the body, nor of the next request."""
    chunked = GET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    body = b"3;a=b\r\nabc\r\n0\r\nX: 1\r\nY: 2\r\n\r\n"
    assert talk(platform, chunked, body, LAST).count(b"HTTP/1.1 200") == 2
    assert [one.body for one in platform.requests] == [b"abc", b""]


# Of the environment: names, values, and whether the proxy is asked for another host.
PROXIES = {
    "HTTP_PROXY": ({"HTTP_PROXY": "http://127.0.0.1:9"}, True),
    "http_proxy": ({"http_proxy": "http://127.0.0.1:9"}, True),
    "ALL_PROXY": ({"ALL_PROXY": "http://127.0.0.1:9"}, True),
    "others without": (
        {"http_proxy": "http://127.0.0.1:9", "no_proxy": "a.example, b.example"},
        True,
    ),
    "one without": (
        {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": "localhost,c.example"},
        False,
    ),
    "both": (
        {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": "a", "no_proxy": "c.example"},
        False,
    ),
    "empty": (
        {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": "c.example", "no_proxy": ""},
        False,
    ),
    "all": ({"http_proxy": "http://127.0.0.1:9", "no_proxy": "*"}, False),
    "none": ({}, False),
}


@pytest.mark.parametrize(("variables", "asked"), PROXIES.values(), ids=PROXIES)
def test_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: bool
) -> None:
    """It is not asked for the fake server, is for others, and all is restored."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with requests.Session() as old, FakeCloudElements() as one:
        with FakeCloudElements() as two:
            assert old.get(two.url).ok
        assert old.get(one.url).ok
        assert requests.get(one.url).ok
        with CloudElementsSession() as new, ThreadPoolExecutor(1) as pool:
            assert pool.submit(new.get, one.url).result().ok
        found = requests.utils.get_environ_proxies("http://c.example/")
        assert bool(found.get("http") or found.get("all")) is asked
        assert len(one.requests) == 3
    assert dict(os.environ) == before


def test_proxy_of_the_environment_with_servers_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first to open may be the first to close."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "a.example")
    one, two = FakeCloudElements(), FakeCloudElements()
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert requests.get(two.url).ok
    monkeypatch.delenv("no_proxy")
    two.__exit__(None, None, None)
    assert os.environ["no_proxy"] == "a.example"


def test_threads_that_open_and_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads, 208 servers: each request is answered, and nothing is left."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    before = dict(os.environ), set(threading.enumerate())

    def use(number: int) -> int:
        with FakeCloudElements() as platform, requests.Session() as session:
            platform.reply(400 + number)
            status = session.get(platform.url).status_code
            platform.assert_all_sent()
            return status

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(use, range(208))) == list(range(400, 608))
    assert (dict(os.environ), set(threading.enumerate())) == before


def test_opened_and_closed_often() -> None:
    """Two hundred times: no descriptor, no thread and no warning is left."""
    assert (
        run_program("""
        import os, threading, requests
        from cloud_elements_errors.testing import FakeCloudElements

        def descriptors():
            is_linux = os.path.isdir("/proc/self/fd")
            return len(os.listdir("/proc/self/fd")) if is_linux else 0

        with requests.Session() as session:
            for number in range(201):
                with FakeCloudElements() as platform:
                    platform.reply(404, delay=0, times=None)
                    assert session.get(platform.url).status_code == 404
                if number == 0:
                    before = descriptors()
                session.close()
            print(descriptors() - before <= 1, threading.active_count())
    """)
        == "True 1\n"
    )


FORKING = """
    import os, requests
    from cloud_elements_errors.testing import FakeCloudElements

    ready, set_ready = os.pipe()
    done, set_done = os.pipe()
    with FakeCloudElements() as platform, requests.Session() as session:
        platform.reply(404, times=None)
        url = platform.url
        session.get(url)
        child = os.fork()
        if child:
            os.read(ready, 1)
        else:
            assert requests.get(url).status_code == 404
            platform.reset()
            assert platform.requests == []
            os.write(set_ready, b"x")
            {in_child}
    if not child:
        assert "no_proxy" not in os.environ
        with FakeCloudElements() as own:
            assert requests.get(own.url).status_code == 200
        os._exit(7)
    try:
        requests.get(url, timeout=10)
    except requests.ConnectionError as error:
        assert "refused" in str(error), error
        print(len(platform.requests))
    os.write(set_done, b"x")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def run_program(program: str) -> str:
    """Run a program in which each warning is an error, and return what it prints."""
    ignored = "ignore:This process (pid:DeprecationWarning"  # of a fork with threads
    options = ["-X", "dev", "-W", "error", "-W", ignored, "-c"]
    run = subprocess.run(
        [sys.executable, *options, textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.stderr == ""
    return run.stdout


@needs_fork
@pytest.mark.parametrize(
    "in_child", ["pass", "os.read(done, 1)"], ids=["leaves", "stays"]
)
def test_fork_of_an_open_server(in_child: str) -> None:
    """A child that leaves the block ends; after the parent's block the port refuses."""
    assert run_program(FORKING.replace("{in_child}", in_child)) == "2\n7\n"


def test_end_of_the_block_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """It closes the descriptors, and neither waits for threads nor breaks connections.

    This is what the tests with a real fork show, where coverage sees it.
    """
    with FakeCloudElements() as platform, requests.Session() as session:
        server, url = platform._server, platform.url
        session.get(url)
        while not server._open:  # noted after the thread has started
            time.sleep(0.001)
        [(connection, thread)] = server._open
        copies = connection.dup(), server.socket.dup()
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: 0)
            platform.__exit__(None, None, None)
        assert connection._closed
        assert server.socket._closed
        assert thread.is_alive()
        copies[0].shutdown(socket.SHUT_RDWR)
        for copy in copies:
            copy.close()
        server.shutdown()


@needs_fork
def test_fork_in_which_the_child_ends_first() -> None:
    """The parent's server and its connections stay open."""
    assert (
        run_program("""
        import os, requests
        from cloud_elements_errors.testing import FakeCloudElements

        with FakeCloudElements() as platform, requests.Session() as session:
            session.get(platform.url)
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                platform.reply(404)
                assert session.get(platform.url).status_code == 404
                assert requests.get(platform.url).status_code == 200
        if child:
            print(len(platform.requests), os.environ.get("no_proxy"))
    """)
        == "3 None\n"
    )


@needs_fork
def test_fork_while_a_thread_holds_the_lock() -> None:
    """The child can still queue and check."""
    assert (
        run_program("""
        import os, threading
        from cloud_elements_errors.testing import FakeCloudElements

        platform = FakeCloudElements()
        stop = threading.Event()
        def work():
            while not stop.is_set():
                platform.reset()
        thread = threading.Thread(target=work)
        thread.start()
        children = []
        for number in range(20):
            children.append(os.fork())
            if not children[-1]:
                thread = threading.Thread(target=platform.reset)
                thread.start()
                thread.join(10)
                os._exit(thread.is_alive())
        codes = [os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in children]
        stop.set()
        thread.join()
        print(set(codes))
    """)
        == "{0}\n"
    )


@pytest.mark.parametrize("sent", [b"abc", b""], ids=["a part", "nothing"])
def test_a_request_that_breaks_off_is_none(sent: bytes) -> None:
    """It uses up no reply, and is not among the requests."""
    with FakeCloudElements() as server:
        server.reply(404)
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n" + sent)
        assert requests.get(server.url, timeout=10).status_code == 404
    assert [request.method for request in server.requests] == ["GET"]
