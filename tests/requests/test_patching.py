"""patch_requests: inside code that is not ours."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests
import requests_mock
from requests.adapters import HTTPAdapter

from cloud_elements_errors import (
    BadRequestError,
    CloudElementsAdapter,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
    patch_requests,
)

if TYPE_CHECKING:
    import socket

    from cloud_elements_errors.testing import FakeCloudElements

ORIGINAL = requests.Session.get_adapter
ORIGINAL_CLOSE = requests.Session.close

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def _no_trace():
    """Whatever a test did, requests is as it was."""
    yield
    assert requests.Session.get_adapter is ORIGINAL
    assert requests.Session.close is ORIGINAL_CLOSE


def adapter_of(url):
    """Return the adapter that requests uses for a URL, in a session of its own."""
    with requests.Session() as session:
        return session.get_adapter(url)


def is_served(url):
    return isinstance(adapter_of(url), CloudElementsAdapter)


# patch_requests serves whom


@pytest.mark.parametrize(
    "name", ["get", "options", "head", "post", "put", "patch", "delete"]
)
def test_module_level_functions_raise(platform, name):
    """`requests.get` and its like hold no session, and raise all the same."""
    platform.reply(409)
    with (
        patch_requests(platform.url),
        pytest.raises(ConflictError, match="409 Conflict"),
    ):
        getattr(requests, name)(f"{platform.url}/contacts")


def test_requests_request_raises_with_the_providers_words(platform):
    """The error that comes out is whole."""
    platform.reply(400, message="Invalid", provider_message="name is missing")
    with patch_requests(platform.url), pytest.raises(BadRequestError) as caught:
        requests.request("GET", f"{platform.url}/contacts")
    assert caught.value.provider_message == "name is missing"
    assert caught.value.stopped_by == "status"


def test_a_502_heals(platform):
    """Module-level calls are retried too."""
    platform.reply(502, times=2)
    with patch_requests(platform.url):
        assert requests.get(f"{platform.url}/contacts").json() == {}
    assert len(platform.requests) == 3


class Subclass(requests.Session):
    """A session as SDKs have them."""


class Mounted(requests.Session):
    """A session whose own mount is longer than any prefix."""

    def __init__(self):
        super().__init__()
        self.mount("http://127.0.0.1", HTTPAdapter())


class Overriding(requests.Session):
    """A session that chooses adapters itself, cooperatively."""

    def get_adapter(self, url):
        return super().get_adapter(url)


@pytest.mark.parametrize("kind", [requests.Session, Subclass, Mounted, Overriding])
@pytest.mark.parametrize("made", ["before", "inside"])
def test_sessions_are_served_whenever_they_were_made(platform, kind, made):
    """Sessions made before and inside the block raise in it, and not after it."""
    platform.reply(404, times=2)
    with ExitStack() as stack:
        if made == "before":
            session = stack.enter_context(kind())
        with patch_requests(platform.url):
            if made == "inside":
                session = stack.enter_context(kind())
            with pytest.raises(NotFoundError):
                session.get(f"{platform.url}/contacts/1")
        assert session.get(f"{platform.url}/contacts/1").status_code == 404


# patch_requests: which URLs


def test_other_hosts_are_untouched(platform, other):
    """Outside of the prefixes, requests is requests."""
    other.reply(502)
    with patch_requests(platform.url) as errors:
        assert requests.get(other.url).status_code == 502
    assert len(other.requests) == 1
    assert errors == []


def test_each_prefix_is_served(platform, other):
    """Several platforms, one block."""
    platform.reply(500, times=4)
    other.reply(401)
    with patch_requests(platform.url, other.url) as errors:
        with pytest.raises(ServerError):
            requests.get(platform.url)
        with pytest.raises(UnauthorizedError):
            requests.get(other.url)
    assert [error.status_code for error in errors] == [500, 401]


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://api.x.com", "https://api.x.com/"),
        ("https://api.x.com", "https://api.x.com"),
        ("https://api.x.com/", "https://api.x.com?page=1"),
        ("https://api.x.com/", "https://api.x.com/a#b"),
        ("https://API.x.com", "https://api.x.com/a"),
        ("HTTPS://api.x.com", "https://API.X.COM/a"),
        ("https://api.x.com:443", "https://api.x.com/a"),
        ("https://api.x.com", "https://api.x.com:443/a"),
        ("http://api.x.com:80", "http://api.x.com/a"),
        ("https://api.x.com/v2", "https://api.x.com/v2"),
        ("https://api.x.com/v2", "https://api.x.com/v2?where=a"),
        ("https://api.x.com/v2/", "https://api.x.com/v2"),
        ("https://api.x.com/v2//", "https://api.x.com/v2/contacts"),
        ("https://api.x.com/a b", "https://api.x.com/a%20b/c"),
        ("https://bücher.example", "https://xn--bcher-kva.example/a"),
        ("https://api.x.com", "https://user:secret@api.x.com/a"),
        ("http://[::1]:8080", "http://[::1]:8080/a"),
    ],
)
def test_what_is_under_a_prefix(prefix, url):
    """A prefix is a host and a path, however they are written."""
    with patch_requests(prefix):
        assert is_served(url)
    assert not is_served(url)


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://api.x.com", "https://api.x.com.evil.net/"),
        ("https://api.x.com", "https://api.x.com@evil.net/"),
        ("https://api.x.com", "https://evil.net/?https://api.x.com/"),
        ("https://api.x.com", "https://evil.api.x.com/"),
        ("https://api.x.com", "https://api.x.community/"),
        ("https://api.x.com", "http://api.x.com/"),
        ("https://api.x.com", "http://api.x.com:443/"),
        ("https://api.x.com", "https://api.x.com:8443/"),
        ("http://api.x.com:8", "http://api.x.com:80/"),
        ("https://api.x.com/v2", "https://api.x.com/v20/contacts"),
        ("https://api.x.com/v2", "https://api.x.com/v1/contacts"),
        ("https://api.x.com/v2", "https://api.x.com/"),
    ],
)
def test_urls_that_are_not_under_a_prefix(prefix, url):
    """No host that merely starts alike, and no path that goes on without a slash."""
    with patch_requests(prefix):
        assert not is_served(url)


def test_dots_do_not_lead_out_of_a_prefix(platform):
    """requests resolves dots before it sends, and so before it is asked."""
    platform.reply(404)
    with patch_requests(f"{platform.url}/v2"):
        assert requests.get(f"{platform.url}/v2/../v1").status_code == 404


@pytest.mark.parametrize(
    "url", ["mock://[half", "mock://host:port/", "mock://host:99999/", "no url"]
)
def test_urls_of_other_schemes(url):
    """Adapters of other schemes get URLs that nothing else could parse."""
    adapter = HTTPAdapter()
    with patch_requests("https://api.x.com"), requests.Session() as session:
        session.mount(url, adapter)
        assert session.get_adapter(url) is adapter


def test_a_redirect_is_followed_by_where_it_leads(platform, other):
    """Each hop is served by its own URL."""
    for target, host in [(other, platform), (platform, other)]:
        host.reply(302, headers={"Location": f"{target.url}/there"})
        target.reply(404, path="/there")
    with patch_requests(platform.url) as errors:
        assert requests.get(f"{platform.url}/here").status_code == 404
        with pytest.raises(NotFoundError):
            requests.get(f"{other.url}/here")
    assert len(errors) == 1


# patch_requests: its arguments


def test_without_prefixes_it_is_a_type_error():
    """All of requests is never patched by accident; the call itself says so."""
    with pytest.raises(TypeError, match="needs a prefix"):
        patch_requests()


@pytest.mark.parametrize(
    "prefix",
    [
        "api.x.com",
        "//api.x.com",
        "/elements",
        "",
        "https://",
        "https:///path",
        "ftp://api.x.com",
        "mailto:a@x.com",
        "httpx://api.x.com",
        "https://api.x.com:port",
        "https://api.x.com:99999",
        "https://[::1",
        "https://*.x.com",
    ],
)
def test_a_prefix_without_scheme_or_host_is_refused(prefix):
    """What could match too much, or nothing, is said at once."""
    with pytest.raises(ValueError, match="must be an http or https URL of one host"):
        patch_requests("https://api.x.com", prefix)


@pytest.mark.parametrize(
    "prefix",
    [
        "https://me:hunter2@api.x.com/v2",
        "https://api.x.com/v2?apiKey=hunter2",
        "https://api.x.com/v2#hunter2",
    ],
)
def test_a_prefix_with_a_password_query_or_fragment(prefix):
    """Userinfo, query and fragment are no part of a prefix, nor of the message."""
    with pytest.raises(ValueError, match=r"use 'https://api\.x\.com/v2'") as caught:
        patch_requests(prefix)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("prefix", "settings", "kind", "match"),
    [
        (b"https://api.x.com", {}, TypeError, "prefixes must be URLs"),
        (None, {}, TypeError, "prefixes must be URLs"),
        ("https://x.com", {"max_retries": "3"}, TypeError, "max_retries"),
        ("https://x.com", {"max_retries": -1}, ValueError, "max_retries"),
        ("https://x.com", {"passthrough": 404}, TypeError, "passthrough"),
        ("https://x.com", {"passthrough": [200]}, ValueError, "passthrough"),
        ("https://x.com", {"on_error": "print"}, TypeError, "on_error"),
        ("https://x.com", {"timeout": 3}, TypeError, "timeout"),
    ],
)
def test_wrong_arguments_are_said_by_the_call(prefix, settings, kind, match):
    """Not by the with statement, and not by a request much later."""
    with pytest.raises(kind, match=match):
        patch_requests(prefix, **settings)


@pytest.mark.parametrize(
    ("prefixes", "message"),
    [
        (
            (),
            "patch_requests() needs a prefix, such as https://api.cloud-elements.com/",
        ),
        (
            ("api.example/",),
            (
                "a prefix must be an http or https URL of one host, "
                "such as https://api.cloud-elements.com/, not 'api.example/'"
            ),
        ),
        (
            ("https://me:pw@api.example/?a=1",),
            (
                "a prefix must not have a userinfo, query or fragment: "
                "use 'https://api.example/'"
            ),
        ),
    ],
)
def test_messages_for_prefixes(prefixes, message):
    """A wrong prefix gets a message that shows a right one."""
    with pytest.raises((TypeError, ValueError)) as caught:
        patch_requests(*prefixes)
    assert str(caught.value) == message


def test_a_prefix_that_ends_in_a_letter(platform):
    """Only slashes at the end of a prefix are left out."""
    platform.reply(409)
    with patch_requests(platform.url + "/apiX"), pytest.raises(ConflictError):
        requests.get(platform.url + "/apiX/contacts", timeout=5)


async def coroutine(): ...
def generator():
    yield


async def asynchronous_generator():
    yield


@pytest.mark.parametrize("function", [coroutine, generator, asynchronous_generator])
def test_a_decorated_function_runs_in_the_block(function):
    """The block would be closed before the body of these runs."""
    with pytest.raises(TypeError, match="its body runs after the call"):
        patch_requests("https://api.test/")(function)


def test_a_decorated_class():
    """A function in its place would be no class any more."""
    with pytest.raises(TypeError, match="decorates functions, not"):
        patch_requests("https://api.test/")(dict)


def test_a_decorated_function_that_is_never_called(recwarn):
    """The decorator is used as it should be, so it does not warn."""
    patch_requests("https://api.test/")(print)
    gc.collect()
    assert not recwarn.list


def test_a_block_that_is_never_entered(platform: FakeCloudElements) -> None:
    """A call without a with statement patches nothing, and says so."""
    with pytest.warns(RuntimeWarning, match="nothing without a with statement"):
        patch_requests(platform.url)


def test_a_wrong_prefix_with_a_password() -> None:
    """The message does not show it."""
    with pytest.raises(ValueError, match=r"ftp://files\.example\.com/") as caught:
        patch_requests("ftp://ada:s3cret-pw@files.example.com/")
    assert "s3cret" not in str(caught.value)


def test_max_retries_is_the_adapters(platform):
    """0 is none; a policy may retry a POST."""
    platform.reply(502)
    with patch_requests(platform.url, max_retries=0), pytest.raises(FailedRequestError):
        requests.get(platform.url)
    platform.reply(502)
    policy = CloudElementsRetry(allowed_methods=["POST"])
    with patch_requests(platform.url, max_retries=policy):
        assert requests.post(platform.url).ok
    assert [request.method for request in platform.requests] == ["GET", "POST", "POST"]


def test_passthrough_comes_back_and_is_not_remembered(platform):
    """What the SDK handles itself is no error."""
    platform.reply(401)
    with patch_requests(platform.url, passthrough={401}) as errors:
        assert requests.get(platform.url).status_code == 401
    assert errors == []


def test_on_error_is_called_and_the_error_remembered(platform):
    """Also when on_error fails, which is logged."""
    platform.reply(404)
    called = []

    def on_error(error):
        called.append(error)
        raise RuntimeError

    with patch_requests(platform.url, on_error=on_error) as errors:
        with pytest.raises(NotFoundError):
            requests.get(platform.url)
        assert errors == called
    assert len(called) == 1


# patch_requests: the errors seen


def swallowing(url):
    """An SDK that tells nobody."""
    try:
        return requests.get(url)
    except Exception:  # noqa: BLE001 - such SDKs exist
        return None


def test_errors_that_are_swallowed_are_seen(platform):
    """Inside the block and after it, in order, the newest last."""
    platform.reply(404, message="first")
    platform.reply(409, message="second")
    with patch_requests(platform.url) as errors:
        assert swallowing(platform.url) is None
        assert [error.message for error in errors] == ["first"]
        assert swallowing(platform.url) is None
    assert [type(error) for error in errors] == [NotFoundError, ConflictError]
    assert errors[-1].message == "second"


def test_a_retried_failure_that_heals_is_none(platform):
    """Only what is raised is an error."""
    platform.reply(502)
    with patch_requests(platform.url) as errors:
        swallowing(platform.url)
    assert errors == []


def test_the_sequence_is_bounded(platform):
    """The newest hundred, so that a long block does not grow for ever."""
    for number in range(130):
        platform.reply(404, message=str(number))
    with patch_requests(platform.url) as errors:
        for _ in range(130):
            swallowing(platform.url)
    assert [error.message for error in errors] == [str(n) for n in range(30, 130)]
    assert [error.message for error in errors[-2:]] == ["128", "129"]


# patch_requests: nesting, bodies that raise, threads, connections


def test_nested_blocks_the_inner_one_first(platform):
    """For the same URL, the inner block alone decides; then the outer one again."""
    platform.reply(404, times=2)
    with patch_requests(platform.url) as outer:
        with patch_requests(platform.url, passthrough={404}) as inner:
            assert requests.get(platform.url).status_code == 404
        assert inner == []
        assert outer == []
        with pytest.raises(NotFoundError):
            requests.get(platform.url)
    assert len(outer) == 1


def test_nested_blocks_of_other_prefixes_add_up(platform, other):
    """What the inner block does not serve, the outer one does."""
    platform.reply(404)
    other.reply(409)
    with patch_requests(platform.url) as outer, patch_requests(other.url) as inner:
        swallowing(platform.url)
        swallowing(other.url)
    assert [error.status_code for error in outer] == [404]
    assert [error.status_code for error in inner] == [409]


def test_blocks_closed_out_of_order(platform, other):
    """Whichever of two closes first, the other one goes on."""
    first, second = patch_requests(platform.url), patch_requests(other.url)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not is_served(platform.url)
    assert is_served(other.url)
    second.__exit__(None, None, None)
    assert requests.Session.get_adapter is ORIGINAL


def test_a_body_that_raises_leaves_no_trace(platform):
    """The error comes out as it is, and requests is as it was."""

    def body():
        with patch_requests(platform.url), patch_requests(f"{platform.url}/v2"):
            assert is_served(platform.url)
            raise KeyError("body")

    with pytest.raises(KeyError, match="body"):
        body()
    assert requests.Session.get_adapter is ORIGINAL


def test_no_trace_on_sessions_either(platform):
    """No mount of a session was changed, and its own adapters are its own again."""
    with requests.Session() as session:
        before = dict(session.adapters)
        with patch_requests(platform.url):
            session.get(platform.url)
        assert dict(session.adapters) == before
        assert session.get_adapter(platform.url) is before["http://"]
        assert "get_adapter" not in vars(session)


def test_a_mock_inside_a_block_wins_and_ends(platform):
    """requests_mock patches the same place, and each is undone in its turn."""
    with patch_requests(platform.url):
        with requests_mock.Mocker() as mock:
            mock.get(platform.url, text="mocked")
            assert requests.get(platform.url).text == "mocked"
        assert is_served(platform.url)
    assert requests.Session.get_adapter is ORIGINAL


def test_a_mock_that_outlives_a_block_stays(platform):
    """What somebody put there later is not undone by the block."""
    patch = patch_requests(platform.url)
    patch.__enter__()
    underneath = requests.Session.get_adapter
    adapter = HTTPAdapter()
    requests.Session.get_adapter = lambda _session, _url: adapter
    try:
        patch.__exit__(None, None, None)
        assert adapter_of(platform.url) is adapter
        requests.Session.get_adapter = underneath
        assert not is_served(platform.url)
    finally:
        requests.Session.get_adapter = ORIGINAL


def test_threads_open_and_close_blocks_while_others_call(platform, other):
    """Each block serves its own prefix while it is open; in the end all is undone."""
    threads, rounds = 8, 25
    barrier = threading.Barrier(threads)

    def work(number):
        prefix = f"{platform.url}/{number}"
        barrier.wait()
        for _ in range(rounds):
            with patch_requests(prefix) as errors:
                platform.reply(404, path=f"/{number}/a", message=str(number))
                with pytest.raises(NotFoundError):
                    requests.get(f"{prefix}/a")
                assert [error.message for error in errors] == [str(number)]
            platform.reply(404, path=f"/{number}/a")
            assert requests.get(f"{prefix}/a").status_code == 404
        return True

    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(work, range(threads)))
    assert len(platform.requests) == threads * rounds * 2
    assert requests.Session.get_adapter is ORIGINAL


def test_a_request_in_flight_outlives_its_block(platform, raw_server):
    """A block that closes while another thread waits for its answer breaks nothing."""
    arrived, answer = threading.Event(), threading.Event()

    def respond(connection: socket.socket) -> None:
        arrived.set()
        answer.wait(30)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    server = raw_server(respond)
    with ThreadPoolExecutor(1) as pool:
        with patch_requests(server.url):
            call = pool.submit(requests.get, server.url)
            assert arrived.wait(30)
        answer.set()
        with pytest.raises(NotFoundError):
            call.result()


@dataclass
class KeepingAlive:
    """Answers every request of a connection, and tells when the client closes it."""

    answer: bytes = OK
    closed: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(self.answer)
        while b"\r\n\r\n" in connection.recv(65536):
            connection.sendall(self.answer)
        self.closed.set()


def test_connections_of_a_session_are_closed_at_the_end(raw_server):
    """The calls of one session share one connection; none is left behind."""
    respond = KeepingAlive()
    server = raw_server(respond)
    session = requests.Session()
    with patch_requests(server.url):
        for _ in range(20):
            assert session.get(server.url).json() == {}
        assert server.connections == 1
        adapter = session.get_adapter(server.url)  # kept, so that nobody else closes it
        assert not respond.closed.is_set()
    assert respond.closed.wait(30)
    assert not adapter.poolmanager.pools


def test_a_session_keeps_its_adapter_of_the_patch(platform: FakeCloudElements) -> None:
    """So its calls share a connection."""
    with patch_requests(platform.url), requests.Session() as session:
        first = session.get_adapter(platform.url)
        session.get(platform.url)
        session.get(platform.url)
        assert session.get_adapter(platform.url) is first
        pools = first.poolmanager.pools
        [pool] = map(pools.get, pools.keys())
        assert (pool.num_connections, pool.num_requests) == (1, 2)


def test_errors_that_are_kept_keep_no_connection(raw_server):
    """The errors seen outlive their block; what they came over does not."""
    respond = KeepingAlive(MISSING)
    server = raw_server(respond)
    with patch_requests(server.url) as errors:
        for _ in range(3):
            swallowing(server.url)
    assert respond.closed.wait(30)
    assert len(errors) == 3


def test_without_it_each_call_has_its_own(raw_server):
    """The control of the test before."""
    server = raw_server(KeepingAlive())
    for _ in range(3):
        requests.get(server.url)
    assert server.connections == 3


# patch_requests: what it does to each session


def test_each_session_has_connections_of_its_own(raw_server: Any) -> None:
    """A server that logs in a connection (NTLM) never takes one session for another."""

    def respond(connection: Any) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            if not connection.recv(65536):
                return

    server = raw_server(respond)
    with (
        patch_requests(server.url),
        requests.Session() as alice,
        requests.Session() as bob,
    ):
        for _ in range(3):
            alice.get(server.url)
            bob.get(server.url)
        assert server.connections == 2
        assert alice.get_adapter(server.url) is alice.get_adapter(server.url)
        assert alice.get_adapter(server.url) is not bob.get_adapter(server.url)


def test_sessions_share_policy_and_budget(platform: FakeCloudElements) -> None:
    """The settings of the block are one for all."""
    with (
        patch_requests(platform.url, max_retries=1) as errors,
        requests.Session() as one,
        requests.Session() as other,
    ):
        policies = [
            session.get_adapter(platform.url).max_retries  # type: ignore[attr-defined]
            for session in (one, other)
        ]
        assert policies[0] is policies[1]
        platform.reply(409, times=2)
        for session in (one, other):
            with pytest.raises(ConflictError):
                session.post(platform.url)
    assert len(errors) == 2


def test_a_session_is_held_weakly(platform: FakeCloudElements) -> None:
    """A session that nobody closes is freed, and its connections with it."""
    with patch_requests(platform.url):
        session = requests.Session()
        session.get(platform.url)
        adapter = session.get_adapter(platform.url)
        assert isinstance(adapter, CloudElementsAdapter)
        pool = weakref.ref(adapter.poolmanager.connection_from_url(platform.url))
        gone = weakref.ref(session)
        del session, adapter
        gc.collect()
        assert gone() is None
        assert pool() is None


def test_closing_a_session_closes_what_the_patch_gave_it(raw_server: Any) -> None:
    """``requests.get`` closes its session: a kept error keeps no connection open."""
    server = raw_server(b"HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\n{}")
    with patch_requests(server.url) as errors:
        with pytest.raises(NotFoundError):
            requests.get(server.url, timeout=30)
        [error] = errors
        assert error.response is not None
        pool = error.response.raw._pool
        assert not any(idle.sock for idle in pool.pool.queue if idle)


def test_a_session_with_an_equality_of_its_own(platform: FakeCloudElements) -> None:
    """A session may be unhashable, or equal to others: it keeps its own adapter."""

    class Equal(requests.Session):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    platform.reply(404)
    with patch_requests(platform.url), Equal() as one, Equal() as other:
        with pytest.raises(NotFoundError):
            one.get(platform.url)
        assert one.get_adapter(platform.url) is not other.get_adapter(platform.url)


def test_the_name_of_the_class_is_rebound(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests_cache puts a subclass there: all sessions are patched, and back."""
    early = requests.Session()

    class Cached(requests.Session):
        """As ``requests_cache.install_cache()`` makes one."""

    platform.reply(404, times=2)
    with patch_requests(platform.url):
        monkeypatch.setattr(requests, "Session", Cached)
        monkeypatch.setattr(requests.sessions, "Session", Cached)
        with early, Cached() as late:
            for session in (early, late):
                with pytest.raises(NotFoundError):
                    session.get(platform.url)
    assert "get_adapter" not in vars(Cached)
    monkeypatch.undo()


def test_the_session_of_ours_under_a_patch(platform: FakeCloudElements) -> None:
    """The list of the patch has the error, and so has on_error of the session."""
    told: list[object] = []
    platform.reply(404, headers={"Set-Cookie": "seen=1"})
    with (
        patch_requests(platform.url) as errors,
        CloudElementsSession(on_error=told.append) as session,
        pytest.raises(NotFoundError) as caught,
    ):
        session.get(platform.url)
    assert list(errors) == told == [caught.value]
    assert session.cookies["seen"] == "1"


def test_a_mock_of_get_adapter_inside_a_block(platform: FakeCloudElements) -> None:
    """What is patched over ours is removed by its owner; then ours is removed."""
    with patch_requests(platform.url):
        with mock.patch("requests.Session.get_adapter") as replaced:
            requests.Session().get_adapter(platform.url)
        assert replaced.called
        assert isinstance(
            requests.Session().get_adapter(platform.url), CloudElementsAdapter
        )


def test_blocks_that_overlap(platform: FakeCloudElements) -> None:
    """The block that began first may end first: the other goes on, no trace is left."""
    first, second = patch_requests(platform.url), patch_requests(platform.url)
    first.__enter__()
    errors = second.__enter__()
    first.__exit__(None, None, None)
    platform.reply(404)
    with pytest.raises(NotFoundError):
        requests.get(platform.url, timeout=30)
    assert len(errors) == 1
    second.__exit__(None, None, None)


class Reentrant:
    """An object whose end sends a request."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __del__(self) -> None:
        requests.get(self.url, timeout=30)


def test_a_request_that_is_sent_while_the_lock_is_held(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``__del__`` or a signal handler may send one anywhere: nothing hangs."""
    original = CloudElementsAdapter.__setstate__

    def set_state(self: CloudElementsAdapter, state: Any) -> None:
        monkeypatch.setattr(CloudElementsAdapter, "__setstate__", original)
        Reentrant(platform.url)  # freed at once
        original(self, state)

    with patch_requests(platform.url):
        monkeypatch.setattr(CloudElementsAdapter, "__setstate__", set_state)
        requests.get(platform.url, timeout=30)
    assert len(platform.requests) == 2


def test_errors_of_responses_that_a_hook_has_made(platform: FakeCloudElements) -> None:
    """The list of the patch has them, although no adapter has sent them."""

    def replace(response: requests.Response, **_: Any) -> requests.Response:
        new = requests.Response()
        new.status_code, new._content = 409, response.content
        return new

    platform.reply(404)
    with patch_requests(platform.url) as errors, pytest.raises(ConflictError) as caught:
        requests.get(platform.url, hooks={"response": replace}, timeout=30)
    assert list(errors) == [caught.value]


@pytest.mark.parametrize("close", [True, False], ids=["closed", "open"])
def test_an_error_is_freed_with_its_list(
    platform: FakeCloudElements, *, close: bool
) -> None:
    """Nothing waits for the garbage collector once nobody holds the errors."""
    platform.reply(404)
    session = requests.Session()
    gc.collect()
    gc.disable()
    try:
        with patch_requests(platform.url):
            with pytest.raises(NotFoundError) as caught:
                session.get(platform.url)
            gone = weakref.ref(caught.value)
            del caught
            if close:
                session.close()
        assert gone() is None
    finally:
        gc.enable()
        session.close()
