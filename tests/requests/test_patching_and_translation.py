"""patch_requests and translate_errors: inside code that is not ours."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import inspect
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
import urllib3
from requests.adapters import HTTPAdapter

from cloud_elements_errors import (
    BadRequestError,
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
    UnlistedStatusError,
    error_from_parts,
    patch_requests,
    translate_errors,
)

if TYPE_CHECKING:
    import socket

ORIGINAL = requests.Session.get_adapter

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def _no_trace():
    """Whatever a test did, requests is as it was."""
    yield
    assert requests.Session.get_adapter is ORIGINAL


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


def test_a_session_of_ours_keeps_its_checks(platform):
    """A CloudElementsSession raises once: the settings of the block count."""
    platform.reply(404)
    with patch_requests(platform.url) as errors, CloudElementsSession() as session:
        with pytest.raises(NotFoundError) as caught:
            session.get(platform.url)
        assert errors == [caught.value]


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
def test_what_only_looks_like_it(prefix, url):
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
def test_what_is_no_url_goes_where_it_went(url):
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
def test_what_belongs_to_one_request_is_refused_without_its_secret(prefix):
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


# translate_errors: what it understands


class SdkError(Exception):
    """Whatever an SDK raises."""

    def __init__(self, text="", **attributes):
        super().__init__(text)
        self.__dict__.update(attributes)


BODY = {"message": "Failed", "requestId": "abc", "providerMessage": "No such field"}
CONTENT = json.dumps(BODY).encode()


class HttpxResponse:
    """Looks like `httpx.Response`."""

    status_code = 502
    headers = {"Content-Type": "application/json"}  # noqa: RUF012

    def __init__(self, content: bytes | None = CONTENT):
        self._content = content
        self.request = SimpleNamespace(method="PUT", url=HttpxUrl())

    @property
    def content(self):
        if self._content is None:
            raise RuntimeError("ResponseNotRead")
        return self._content

    text = content


class HttpxUrl:
    """Looks like `httpx.URL`: no string, but one can be made of it."""

    def __str__(self):
        return "https://api.x.com/contacts/1?token=hunter2"


def requests_response():
    response = requests.Response()
    response.status_code = 502
    response._content = CONTENT
    response.request = requests.Request("PUT", "https://api.x.com/contacts/1").prepare()
    return response


def api_exception(**attributes):
    """Look like the ApiException of openapi-generator and swagger-codegen."""
    return SdkError(status=502, reason="Bad Gateway", **attributes)


def urllib3_response():
    return urllib3.HTTPResponse(CONTENT, status=502, headers={"X": "y"})


ANSWERS = {
    "requests": lambda: requests.HTTPError(response=requests_response()),
    "any with a requests response": lambda: SdkError(response=requests_response()),
    "httpx": lambda: SdkError(response=HttpxResponse()),
    "openapi str": lambda: api_exception(body=CONTENT.decode(), headers={}),
    "openapi bytes": lambda: api_exception(body=CONTENT, headers={}),
    "openapi pairs": lambda: api_exception(body=CONTENT, headers=[("A", "b")]),
    "openapi urllib3 headers": lambda: api_exception(
        body=CONTENT, headers=urllib3.HTTPHeaderDict({"A": "b"})
    ),
    "no headers": lambda: api_exception(body=CONTENT, headers=None),
    "parsed": lambda: api_exception(data=BODY, headers={}),
    "an enum": lambda: SdkError(status=HTTPStatus.BAD_GATEWAY, body=CONTENT),
    "bravado": lambda: SdkError(
        response=SimpleNamespace(
            status_code=502, raw_bytes=CONTENT, text=CONTENT.decode(), headers={}
        )
    ),
    "urllib3": lambda: SdkError(response=urllib3_response()),
    "text alone": lambda: SdkError(
        response=SimpleNamespace(status_code=502, text=CONTENT.decode())
    ),
    "no answer in response": lambda: SdkError(
        response=None, status=502, body=CONTENT, headers={}
    ),
}


@pytest.mark.parametrize("make", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("way", ["with", "decorator", "async"])
def test_a_failed_answer_is_translated(make, way):
    """Each kind of exception, each way in: ours, from the original."""
    original = make()
    translated = translate_errors()

    def fail():
        raise original

    def inside():
        with translate_errors():
            fail()

    async def fail_async():
        await asyncio.sleep(0)
        raise original

    call = {
        "with": inside,
        "decorator": translated(fail),
        "async": lambda: asyncio.run(translated(fail_async)()),
    }[way]
    with pytest.raises(FailedRequestError, match="No such field") as caught:
        call()
    assert caught.value.__cause__ is original
    assert caught.value.message == "Failed"
    assert caught.value.request_id == "abc"


def test_httpx_requests_are_known_but_for_their_secrets():
    """Method and URL come from the request that the answer knows."""
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise SdkError(response=HttpxResponse())
    assert caught.value.method == "PUT"
    assert caught.value.url == "https://api.x.com/contacts/1"


def test_requests_responses_stay_at_hand():
    """The error is the same as if the hook had made it."""
    response = requests_response()
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise SdkError(response=response)
    assert caught.value.response is response
    assert caught.value.request is response.request


def test_a_real_answer_of_requests(platform):
    """`raise_for_status` in other people's code says what the platform said."""
    platform.reply(409, provider_message="Ada exists")
    with (
        pytest.raises(ConflictError, match="provider: Ada exists") as caught,
        translate_errors(),
    ):
        requests.get(f"{platform.url}/contacts").raise_for_status()
    assert type(caught.value.__cause__) is requests.HTTPError


def test_a_stream_of_httpx_that_nobody_read():
    """Its content raises; the status is told all the same."""
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise SdkError(response=HttpxResponse(content=None))
    assert caught.value.text == ""
    assert caught.value.origin == "unknown"


def test_any_status_of_400_or_more():
    """Those that are not in the table too."""
    with (
        pytest.raises(UnlistedStatusError, match="429 Too Many") as caught,
        translate_errors(),
    ):
        raise api_exception_of(429)
    assert caught.value.status_code == 429


def api_exception_of(status):
    return SdkError(status=status, body=b"", headers={})


recursive: dict[str, Any] = {}
recursive["self"] = recursive

PASSING = {
    "no answer": lambda: ValueError("nothing"),
    "requests, nothing arrived": lambda: requests.ConnectionError("refused"),
    "a success": lambda: api_exception_of(200),
    "a redirect": lambda: SdkError(response=SimpleNamespace(status_code=302, text="")),
    "a status alone": lambda: SdkError(status=502),
    "a status in words": lambda: SdkError(status="failed", body=b"", headers={}),
    "a truth": lambda: SdkError(status=True, body=b"", headers={}),
    "a body of another kind": lambda: SdkError(status=502, body=object()),
    "headers of another kind": lambda: SdkError(status=502, headers=7),
    "parsed, no JSON": lambda: SdkError(status=502, data={"a": object()}),
    "parsed, endless": lambda: SdkError(status=502, data=recursive),
    "a dict for a response": lambda: SdkError(response={"status_code": 502}),
    "a success of requests": lambda: SdkError(response=requests.Response()),
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(502),
}


@pytest.mark.parametrize("make", PASSING.values(), ids=PASSING)
def test_all_others_pass(make):
    """What carries no failed answer comes out as it is, with no cause added."""
    original = make()

    def fail():
        raise original

    with pytest.raises(type(original)) as caught:
        translate_errors()(fail)()
    assert caught.value is original
    assert caught.value.__cause__ is None


def test_ours_pass_as_they_are():
    """There is nothing to translate, whatever led to it."""
    ours = NotFoundError("404")
    with pytest.raises(NotFoundError) as caught, translate_errors():
        raise ours
    assert caught.value is ours


def test_no_error_no_translation():
    """A block that ends well, and a function's result, are left alone."""
    with translate_errors() as entered:
        assert isinstance(entered, translate_errors)
    assert translate_errors()(lambda value: value + 1)(1) == 2


# translate_errors: wrapped errors


def ours():
    error = FailedRequestError(
        "502 Failed Request", provider_message="No such field", request_id="abc"
    )
    error.marker = object()
    return error


def wrapped_from():
    try:
        raise ours()
    except CloudElementsError as error:
        raise SdkError("network error") from error


def wrapped_while():
    try:
        raise ours()
    except CloudElementsError:
        raise SdkError("network error")  # noqa: B904 - as SDKs do


def wrapped_from_none():
    try:
        raise ours()
    except CloudElementsError:
        raise SdkError("network error") from None


def wrapped_twice():
    try:
        wrapped_while()
    except SdkError as error:
        raise RuntimeError("cannot connect") from error


@pytest.mark.parametrize(
    "function", [wrapped_from, wrapped_while, wrapped_from_none, wrapped_twice]
)
def test_an_error_of_ours_that_was_wrapped_comes_out(function):
    """A copy of it, from the SDK's exception, so that no chain is a circle."""
    with pytest.raises(FailedRequestError) as caught:
        translate_errors()(function)()
    error = caught.value
    assert error.provider_message == "No such field"
    assert error.request_id == "abc"
    assert isinstance(error.__cause__, (SdkError, RuntimeError))
    chain = [error]
    while (following := chain[-1].__cause__ or chain[-1].__context__) is not None:
        assert following not in chain
        chain.append(following)
    assert chain[-1].marker is error.marker


def test_an_interrupt_while_ours_is_handled_stays_one():
    """What is no Exception is never made one."""

    def fail():
        try:
            raise ours()
        except CloudElementsError:
            raise KeyboardInterrupt  # noqa: B904 - somebody pressed Ctrl-C

    with pytest.raises(KeyboardInterrupt):
        translate_errors()(fail)()


def test_the_answer_itself_comes_before_what_led_to_it():
    """An exception that carries its own answer is not about the earlier one."""

    def fail():
        try:
            raise ours()
        except CloudElementsError as error:
            raise api_exception_of(404) from error

    with pytest.raises(NotFoundError):
        translate_errors()(fail)()


def test_a_chain_without_end_is_not_followed_for_ever():
    """A circle of causes, which Python allows, and no error of ours in it."""
    first, second = SdkError("first"), SdkError("second")
    first.__cause__, second.__cause__ = second, first

    def fail():
        raise first

    with pytest.raises(SdkError, match="first"):
        translate_errors()(fail)()


# translate_errors: as a decorator


def test_a_decorated_function_keeps_its_face():
    """Name, docstring, arguments and result."""

    @translate_errors()
    def contacts(*names, limit=1):
        """Find contacts."""
        return names, limit

    assert contacts("Ada", limit=2) == (("Ada",), 2)
    assert contacts.__name__ == "contacts"
    assert contacts.__doc__ == "Find contacts."


def test_a_decorated_coroutine_function_is_one():
    """It is awaited inside the block, and not merely made there."""

    @translate_errors()
    async def contact(name):
        """Find one."""
        await asyncio.sleep(0)
        return name

    assert inspect.iscoroutinefunction(contact)
    assert asyncio.run(contact("Ada")) == "Ada"
    assert contact.__doc__ == "Find one."


def test_tasks_translate_side_by_side():
    """One decorator holds no state between the calls that it wraps."""

    @translate_errors()
    async def fail(status):
        await asyncio.sleep(0)
        raise api_exception_of(status)

    async def main():
        return await asyncio.gather(fail(404), fail(409), return_exceptions=True)

    assert list(map(type, asyncio.run(main()))) == [NotFoundError, ConflictError]


def test_methods_are_decorated_too():
    """As SDKs' own classes would be."""

    class Client:
        status = 404

        @translate_errors()
        def get(self):
            raise api_exception_of(self.status)

    with pytest.raises(NotFoundError):
        Client().get()


def generator():
    yield


async def async_generator():
    yield


@pytest.mark.parametrize("function", [generator, async_generator])
def test_generators_are_refused(function):
    """They run after they have returned: nothing would be translated."""
    with pytest.raises(TypeError, match="Use a with block inside the function"):
        translate_errors()(function)


def test_what_is_no_function_is_refused():
    """At once, and not when it is called."""
    with pytest.raises(TypeError, match="decorates functions, not 502"):
        translate_errors()(502)


def test_a_class_is_refused():
    """A function in its place would be no class any more, and translate nothing."""
    with pytest.raises(TypeError, match="decorates functions, not <class 'dict'>"):
        translate_errors()(dict)


def test_the_parentheses_are_needed():
    """`@translate_errors` alone is an error at once."""
    with pytest.raises(TypeError, match="takes no arguments"):
        translate_errors(generator)


def test_the_translation_copies_and_travels():
    """It is an error like any other."""
    with pytest.raises(FailedRequestError) as caught, translate_errors():
        raise api_exception(body=CONTENT, headers={})
    assert copy.copy(caught.value).to_dict() == caught.value.to_dict()


def test_an_error_that_was_handled_before_the_block_is_not_to_blame():
    """Only what one of ours has caused within the block is translated."""
    ours = error_from_parts(409)
    with pytest.raises(ValueError, match="unrelated"):  # noqa: PT012
        try:
            raise ours
        except CloudElementsError:
            with translate_errors():
                raise ValueError("unrelated")  # noqa: B904 - as a client may


def test_a_block_may_be_left_in_another_context_than_it_was_entered():
    """Web frameworks run the two halves of a fixture in threads of their own."""
    block = translate_errors()
    contextvars.copy_context().run(block.__enter__)
    error = api_exception(body=CONTENT, headers={})
    with pytest.raises(FailedRequestError):
        block.__exit__(type(error), error, None)
    assert block.__exit__(None, None, None) is None


def test_secrets_of_any_clients_request_are_redacted():
    """The request that an exception's response carries tells its secrets."""
    request = SimpleNamespace(
        method="GET", url="https://h/x", headers={"Authorization": "Bearer t0k3n-t0k3n"}
    )
    failure = Exception("failed")
    failure.response = SimpleNamespace(
        status_code=502,
        headers={},
        content=b'{"message": "t0k3n-t0k3n is wrong"}',
        request=request,
    )
    with (
        pytest.raises(FailedRequestError, match=r"\[redacted\] is wrong"),
        translate_errors(),
    ):
        raise failure


def test_a_client_whose_exception_cannot_be_read_keeps_it():
    """Whatever its attributes do, its own exception is what comes out."""

    class OddError(Exception):
        @property
        def response(self):
            raise RuntimeError("not yet")

    with pytest.raises(OddError), translate_errors():
        raise OddError
