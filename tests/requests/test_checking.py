"""The hook: every way into a response ends in the same error, and leaves no trace."""

from __future__ import annotations

import gc
import logging
import threading
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from cloud_elements_errors import (
    Attempt,
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    NotFoundError,
    ServerError,
    UnauthorizedError,
    error_from_parts,
    error_from_response,
    raise_for_error,
)
from cloud_elements_errors._errors.redaction import Redactor
from cloud_elements_errors._requests.checking import _redacted
from cloud_elements_errors.testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Callable


def error_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> CloudElementsError:
    """Return the error that a call raises."""
    with pytest.raises(requests.HTTPError) as caught:
        call(*args, **kwargs)
    return caught.value


def prepared(url: str, **parts: Any) -> requests.PreparedRequest:
    return requests.Request("GET", url, **parts).prepare()


ANSWERS = {
    "provider": {"message": "m", "provider_message": "p — ü", "request_id": "r"},
    "platform": {"message": "m", "request_id": "r"},
    "html": {"body": "<html>502</html>", "headers": {"Content-Type": "text/html"}},
    "fields": {"body": {"error": "no", "detail": [1, {"a": None}]}},
    "empty": {"body": b""},
    "broken": {"body": b'{"message": "half'},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", [400, 404, 429, 502, 599])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_all_ways_in_agree(
    platform: FakeCloudElements, answer: dict[str, Any], status: int, stream: bool
) -> None:
    """The same answer is the same error by hook, adapter, session, and by hand."""
    url = platform.url + "/contacts"
    platform.reply(status, times=4, **{"request_id": "r", **answer})
    hooked = requests.Session()
    hooked.hooks["response"].append(raise_for_error)
    mounted = requests.Session()
    mounted.mount("http://", CloudElementsAdapter(max_retries=0))
    dropped_in = CloudElementsSession(max_retries=0)
    with hooked, mounted, dropped_in:
        errors = [
            error_of(one.post, url, stream=stream)
            for one in (hooked, mounted, dropped_in)
        ]
    with requests.post(url, stream=stream, timeout=9) as response:
        errors.append(error_from_response(response))
    last = errors[-1].response
    errors.append(
        error_from_parts(status, last.content, last.headers, method="POST", url=url)
    )
    dicts = [error.to_dict() for error in errors]
    assert [one.pop("stopped_by") is None for one in dicts] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert {one.pop("reason") for one in dicts[:-1]} == {errors[0].reason}
    assert dicts[-1].pop("reason") is None  # the parts have no status line
    titles = {one.pop("title") for one in dicts}
    assert len(titles - {"Unlisted Status"}) <= 1
    assert all(one == dicts[0] for one in dicts)
    assert len({type(error) for error in errors}) == 1


def test_raise_for_error_returns_the_success() -> None:
    """What has not failed comes back, so that the hook also works as a function."""
    response = requests.Response()
    response.status_code = 302
    assert raise_for_error(response, timeout=1) is response


def test_no_status_is_no_error() -> None:
    """A Response that was never filled is not raised."""
    assert error_from_response(requests.Response()) is None


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        ("Retry-After", 5, "retry_after", 5.0),
        ("Elements-Request-Id", b"5858a8e2", "request_id", "5858a8e2"),
        ("Content-Type", b"text/plain; charset=latin-1", "text", "M\xfcll"),
    ],
)
def test_headers_that_were_made_by_hand(
    name: str, value: Any, attribute: str, expected: object
) -> None:
    """A response of somebody's unit test may hold what no server can send."""
    response = requests.Response()
    response.status_code = 502
    response._content = "M\xfcll".encode("latin-1")
    response.headers[name] = value
    assert getattr(error_from_response(response), attribute) == expected


@pytest.mark.parametrize("wrong", [None, 404, b"response", "response"], ids=repr)
def test_error_from_response_wants_a_response(wrong: Any) -> None:
    """Anything but a requests.Response is refused by name."""
    with pytest.raises(TypeError, match=r"^response must be a requests\.Response"):
        error_from_response(wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"status_code": "404"}, "status_code must be an integer, not '404'"),
        ({"status_code": True}, "status_code must be an integer, not True"),
        ({"body": 5}, "body must be bytes, a str or None, not 5"),
        ({"headers": 5}, "headers must be a mapping, pairs of name and value, or None"),
        ({"headers": ["ab", "c"]}, "headers must be a mapping, pairs"),
        ({"method": b"GET"}, "method must be a str or None, not b'GET'"),
        ({"url": 5}, "url must be a str or None, not 5"),
        ({"reason": b"No"}, "reason must be a str or None, not b'No'"),
    ],
)
def test_error_from_parts_names_what_is_wrong(
    arguments: dict[str, Any], message: str
) -> None:
    """A wrong type is refused by the argument's name, for a success too."""
    for status in (404, 200):
        with pytest.raises(TypeError, match=message):
            error_from_parts(**{"status_code": status, **arguments})


@pytest.mark.parametrize(
    "headers",
    [
        {b"retry-after": b"7"},
        [("Retry-After", "7")],
        {"RETRY-AFTER": 7},
    ],
    ids=["bytes", "pairs", "int"],
)
def test_error_from_parts_takes_headers_of_any_library(headers: Any) -> None:
    """Names and values may be bytes, in any case, as a mapping or as pairs."""
    assert error_from_parts(503, "busy", headers).retry_after == 7


def test_error_from_parts_of_success_is_none() -> None:
    """Nothing below 400 is an error."""
    assert error_from_parts(399, b"{}") is None


def test_error_from_parts_takes_any_buffer() -> None:
    """Str, bytes, bytearray and memoryview are the same body; None is an empty one."""
    body = b'{"message": "m"}'
    for one in (body, body.decode(), bytearray(body), memoryview(body)):
        assert error_from_parts(400, one).message == "m"
    assert error_from_parts(400, None).text == ""


def test_per_request_hooks_do_not_drop_ours(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """``hooks=`` replaces the session's hooks, but not the check (trap 1)."""
    seen: list[int] = []
    platform.reply(404, message="gone")
    with pytest.raises(NotFoundError, match="gone"):
        make_session().get(
            platform.url, hooks={"response": lambda r, **_: seen.append(r.status_code)}
        )
    assert seen == [404]


HOOKS = {
    "none": dict,
    "empty": lambda: {"response": []},
    "list": lambda: {"response": [lambda *_, **__: None]},
    "tuple": lambda: {"response": (lambda *_, **__: None,)},
    "callable": lambda: {"response": lambda *_, **__: None},
    "null": lambda: {"response": None},
}


@pytest.mark.parametrize("hooks", HOOKS.values(), ids=HOOKS)
def test_prepared_request_is_sent_again_and_again(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    hooks: Callable[[], dict[str, Any]],
) -> None:
    """Whatever stands where the hooks belong runs each time; each failure is raised."""
    request = prepared(platform.url)
    request.hooks = hooks()
    session = make_session(passthrough={418})
    for _ in range(2):
        platform.reply(404)
        platform.reply(418)
        assert error_of(session.send, request).request is request
        assert session.send(request).status_code == 418
        assert session.send(request).status_code == 200


def test_a_check_that_stays_does_not_grow(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """However often a request fails, it has the user's hooks, and one check."""
    request, session = prepared(platform.url), make_session()
    ours = request.hooks["response"][:]
    platform.reply(404, times=3)
    for _ in range(3):
        error_of(session.send, request)
    assert [*request.hooks["response"]] == ours


def test_check_that_stays_does_nothing_for_others(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A request that has failed with us can be sent by a plain session afterwards."""
    request = prepared(platform.url)
    platform.reply(404, times=2)
    error_of(make_session().send, request)
    with requests.Session() as plain:
        assert plain.send(request).status_code == 404


def test_prepared_request_is_left_as_found_after_a_hook_raised(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A user's hook that raises comes first, and nothing of ours stays behind."""

    def refuse(response: requests.Response, **_: Any) -> None:
        raise LookupError("mine")

    platform.reply(404)
    request = prepared(platform.url, hooks={"response": refuse})
    with pytest.raises(LookupError, match="mine"):
        make_session().send(request)
    assert list(request.hooks["response"]) == [refuse]


def test_prepared_request_is_left_as_found_after_no_answer(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """A network failure leaves nothing behind either."""
    request = prepared(raw_server(b"").url)
    with pytest.raises(requests.ConnectionError):
        make_session(max_retries=0).send(request)
    assert type(request.hooks["response"]) is list
    assert request.hooks == {"response": []}


def test_hook_that_takes_itself_off(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A hook may leave the request, as Kerberos's does; the check still runs."""

    def once(response: requests.Response, **_: Any) -> None:
        assert response.request.deregister_hook("response", once)

    platform.reply(404)
    request = prepared(platform.url, hooks={"response": once})
    assert isinstance(error_of(make_session().send, request), NotFoundError)
    assert list(request.hooks["response"]) == []


def test_hook_that_a_transport_adds() -> None:
    """What registers on the request in flight runs before the check, and stays."""
    seen: list[int] = []

    class Registering(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *_args: Any, **_kwargs: Any) -> requests.Response:
            request.register_hook("response", lambda r, **_: seen.append(1))
            response = requests.Response()
            response.status_code, response.request = 404, request
            return response

    request = prepared("http://127.0.0.1/")
    with CloudElementsSession() as session:
        session.mount("http://", Registering())
        error_of(session.send, request)
    assert seen == [1]
    assert len(request.hooks["response"]) == 1


def test_one_request_sent_by_many_threads(platform: FakeCloudElements) -> None:
    """Each sender gets its own check at the same time, and a plain one gets none."""
    senders = 8
    inside = threading.Barrier(senders)

    def wait_for_all(*_: Any, **__: Any) -> None:
        inside.wait(30)

    request = prepared(platform.url, hooks={"response": wait_for_all})
    found = request.hooks["response"]

    def send(number: int) -> object:
        passthrough = {404} if number % 4 == 1 else ()
        with (
            CloudElementsSession(passthrough=passthrough) as ours,
            requests.Session() as mounted,
            requests.Session() as plain,
        ):
            mounted.mount("http://", CloudElementsAdapter(passthrough=passthrough))
            session = (ours, ours, mounted, plain)[number % 4]
            try:
                return session.send(request).status_code
            except NotFoundError as error:
                return error

    for _ in range(5):
        platform.reply(404, times=senders)
        with ThreadPoolExecutor(senders) as pool:
            results = list(pool.map(send, range(senders)))
        kinds = [getattr(one, "status_code", one) for one in results]
        assert kinds == [404] * senders
        assert [isinstance(one, NotFoundError) for one in results] == [
            True,
            False,
            True,
            False,
        ] * 2
        assert found == [wait_for_all]


@pytest.mark.parametrize("with_adapter", [True, False], ids=["adapter", "session"])
def test_two_threads_have_their_answers_before_either_checks_its_own(
    platform: FakeCloudElements, *, with_adapter: bool
) -> None:
    """The first to run the hooks of a shared request leaves the second its check."""
    both_have_theirs = threading.Barrier(2)
    first_is_done = threading.Event()

    class Gate(CloudElementsAdapter if with_adapter else HTTPAdapter):  # type: ignore[misc]
        def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
            response: requests.Response = super().send(request, *args, **kwargs)
            if both_have_theirs.wait(30) == 1:
                assert first_is_done.wait(30)
            return response

    request = prepared(platform.url)

    def send(_number: int) -> object:
        with requests.Session() if with_adapter else CloudElementsSession() as session:
            session.mount("http://", Gate())
            try:
                return session.send(request)
            except CloudElementsError as error:
                return type(error)
            finally:
                first_is_done.set()

    platform.reply(409, times=2)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(send, range(2))) == [ConflictError] * 2


def test_a_body_that_was_read_in_pieces_is_not_read_again(
    platform: FakeCloudElements,
) -> None:
    """Whoever has consumed a stream has the words; the error says that it has none."""
    platform.reply(409, provider_message="Exists")
    with requests.Session() as session:
        response = session.get(platform.url, stream=True)
        assert b"Exists" in b"".join(response.iter_content(10))
        response.raw = None  # nothing may be read from it any more
        error = error_from_response(response)
    assert isinstance(error, ConflictError)
    assert (error.text, error.truncated) == ("", True)


def test_a_consumed_stream_is_left_alone() -> None:
    """Also where its file would still answer."""

    class Never:
        def read(self, *_args: object) -> bytes:
            raise AssertionError("read again")

    response = requests.Response()
    response.status_code, response.raw = 409, Never()
    response._content_consumed = True
    error = error_from_response(response)
    assert error is not None
    assert error.truncated


def close(response: requests.Response) -> None:
    response.close()


def read_a_part(response: requests.Response) -> None:
    response.raw.read(5)


def read_a_part_and_close(response: requests.Response) -> None:
    response.raw.read(5)
    response.close()


def read_all_of_it(response: requests.Response) -> None:
    response.raw.read()


def leave(_response: requests.Response) -> None:
    """Leave it as it is."""


GONE = [close, read_a_part, read_a_part_and_close, read_all_of_it]
WORDS = b"All the words."
FRAMES = {
    "length": b"Content-Length: 14\r\n\r\n" + WORDS,
    "chunks": b"Transfer-Encoding: chunked\r\n\r\ne\r\n" + WORDS + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize(
    ("method", "use", "is_cut"),
    [
        *[("GET", use, True) for use in GONE],
        ("GET", leave, False),
        ("HEAD", leave, False),
        ("HEAD", close, False),
    ],
)
def test_a_body_that_somebody_has_read_or_closed(
    raw_server: Any, method: str, use: Any, *, is_cut: bool, frame: bytes
) -> None:
    """`truncated` says that words are missing, however the body was sent."""
    if method == "HEAD":
        frame = frame.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    server = raw_server(b"HTTP/1.1 404 Not Found\r\n" + frame)
    with requests.Session() as session:
        response = session.request(method, server.url, stream=True)
        use(response)
        error = error_from_response(response)
    assert error is not None
    assert error.truncated is is_cut
    assert (error.text == WORDS.decode()) is (method == "GET" and use is leave)


def test_an_empty_body_that_is_closed(platform: FakeCloudElements) -> None:
    """Nothing is missing."""
    platform.reply(404, body=b"")
    with requests.get(platform.url, stream=True, timeout=5) as response:
        pass
    error = error_from_response(response)
    assert error is not None
    assert not error.truncated


def test_hook_that_sends_the_request_again(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A hook that ignores what its own second try brought does not hide the first."""
    session = make_session()
    tried: list[int] = []

    def again(response: requests.Response, **_: Any) -> None:
        if not tried:
            tried.append(response.status_code)
            session.send(response.request)

    platform.reply(401)
    request = prepared(platform.url, hooks={"response": again})
    with pytest.raises(UnauthorizedError):
        session.send(request)
    assert len(platform.requests) == 2
    assert request.hooks == {"response": [again]}


def test_hook_that_heals(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """A hook that returns another response decides what is checked."""
    session = make_session()

    def refresh(response: requests.Response, **_: Any) -> requests.Response | None:
        if response.status_code == 401:
            return session.get(platform.url + "/new")
        return None

    platform.reply(401)
    response = session.get(platform.url, hooks={"response": refresh})
    assert response.status_code == 200
    assert response.request.path_url == "/new"


@pytest.mark.parametrize(
    "read",
    [
        lambda r: r.content,
        lambda r: r.json(),
        lambda r: r.raw.data,
    ],
    ids=["content", "json", "raw"],
)
def test_body_that_an_earlier_hook_has_read(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    read: Callable[[requests.Response], object],
) -> None:
    """The error has the body that a hook before ours has read."""
    platform.reply(404, message="gone")
    error = error_of(
        make_session().get,
        platform.url,
        stream=True,
        hooks={"response": lambda r, **_: read(r) and None},
    )
    assert error.message == "gone"
    assert error.response.json()["message"] == "gone"


@pytest.mark.parametrize(
    "consume",
    [lambda r: list(r.iter_content(9)), lambda r: r.raw.read(), lambda r: r.close()],
    ids=["iter_content", "raw.read", "close"],
)
def test_body_that_an_earlier_hook_has_thrown_away(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    consume: Callable[[requests.Response], object],
) -> None:
    """A body that is gone is an empty one; the status and the header are still told."""
    platform.reply(404, message="gone", request_id="4e1f")
    error = error_of(
        make_session().get,
        platform.url,
        stream=True,
        hooks={"response": lambda r, **_: consume(r) and None},
    )
    assert (error.message, error.request_id) == (None, "4e1f")
    assert error.response.text == ""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_code_that_catches_http_error(
    session: requests.Session, platform: FakeCloudElements, stream: bool
) -> None:
    """``except requests.HTTPError`` gets a response whose text and JSON work."""
    platform.reply(409, message="exists", provider_message="ü")
    with pytest.raises(requests.HTTPError) as caught:
        session.post(platform.url, stream=stream)
    response = caught.value.response
    assert response is not None
    assert response.status_code == 409
    assert response.json()["providerMessage"] == "ü"
    assert '"message": "exists"' in response.text
    assert b"".join(response.iter_content(5)) == response.content
    assert caught.value.request is response.request
    assert response.request.method == "POST"


def test_response_made_by_hand() -> None:
    """A Response with neither request nor body gives an error all the same."""
    response = requests.Response()
    response.status_code = 502
    response.url = "http://127.0.0.1/contacts?apiKey=s3cr3t-s3cr3t"
    response.reason = b"Bad Gateway"
    error = error_from_response(response)
    assert error.url == "http://127.0.0.1/contacts"
    assert (error.method, error.text) == (None, "")


def test_reason_of_an_unlisted_status_may_be_bytes() -> None:
    """Some transports give the reason as bytes, as requests allows."""
    response = requests.Response()
    response.status_code, response.reason = 499, b"Client Gone"
    assert error_from_response(response).title == "Client Gone"


@pytest.mark.parametrize("status", [200, 201, 299])
def test_warning_header_is_logged(
    session: requests.Session,
    platform: FakeCloudElements,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    """``Elements-Error`` on a success is one WARNING without secrets, no error."""
    secret = "S3cr3tT0ken="
    platform.reply(
        status, headers={"Elements-Error": f"deprecated for {secret}\x1b[31m"}
    )
    response = session.get(
        f"{platform.url}/contacts?apiKey=k3yk3yk3y",
        headers={"Authorization": f"Element {secret}"},
    )
    assert response.status_code == status
    [record] = caplog.records
    assert (record.name, record.levelno) == ("cloud_elements_errors", logging.WARNING)
    line = record.getMessage()
    assert line.startswith(
        f"Cloud Elements warns, with status {status} of GET {platform.url}/contacts: "
        "deprecated for [redacted]"
    )
    assert secret not in line
    assert "k3y" not in line
    assert "\x1b" not in line


def test_warning_header_of_an_error_is_not_logged(
    session: requests.Session,
    platform: FakeCloudElements,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On an error the header is nothing special: the error is raised."""
    platform.reply(404, headers={"Elements-Error": "deprecated"})
    with pytest.raises(NotFoundError):
        session.get(platform.url)
    assert caplog.records == []


@pytest.mark.parametrize("status", [300, 304])
def test_warning_header_of_a_redirect_is_not_logged(
    session: requests.Session,
    platform: FakeCloudElements,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    """It is no success yet."""
    platform.reply(status, headers={"Elements-Error": "deprecated"})
    assert session.get(platform.url).status_code == status
    assert caplog.records == []


def test_warning_header_without_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """A response made by hand, with no request, is warned about too."""
    response = requests.Response()
    response.status_code = 200
    response.headers["Elements-Error"] = "old"
    assert raise_for_error(response) is response
    assert caplog.messages == ["Cloud Elements warns, with status 200 of None : old"]


def test_no_warning_is_logged_for_a_success(
    session: requests.Session,
    platform: FakeCloudElements,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All well is silence."""
    assert session.get(platform.url).ok
    assert caplog.records == []


def test_a_handled_error_is_freed_at_once(session, platform):
    """No cycle keeps the error, its response and their frames for the collector."""
    platform.reply(409)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(CloudElementsError) as caught:
            session.get(platform.url)
        freed = weakref.ref(caught.value.response)
        del caught
        assert freed() is None
    finally:
        gc.enable()


def test_on_error_hears_of_what_raise_for_error_raises(make_session, platform):
    """A hook of the user's that raises first does not leave the dashboard at zero."""
    seen = []
    session = make_session(on_error=seen.append)
    session.hooks["response"].append(raise_for_error)
    platform.reply(404)
    with pytest.raises(NotFoundError) as caught:
        session.get(platform.url)
    assert seen == [caught.value]


def test_secrets_of_a_plain_retrys_failures(raw_server):
    """What broke under urllib3's own policy is told without secrets, too."""
    answers = iter([b"GARBAGE t0k3n-t0k3n\r\n\r\n", b"HTTP/1.1 500 X\r\n\r\n"])

    def respond(connection):
        connection.sendall(next(answers))

    server = raw_server(respond)
    session = requests.Session()
    session.mount("http://", CloudElementsAdapter(max_retries=Retry(total=2, read=2)))
    with session, pytest.raises(ServerError) as caught:
        session.get(server.url, headers={"Authorization": "Bearer t0k3n-t0k3n"})
    assert "GARBAGE [redacted]" in caught.value.attempts[0].error


def test_request_headers_that_are_none():
    """The one argument that only keeps secrets out is checked like the others."""
    with pytest.raises(TypeError, match="request_headers must be a mapping or None"):
        error_from_parts(500, request_headers=5)


def test_secrets_after_retries_under_the_plain_adapter(platform):
    """The policy does not know the request there, but the hook does."""
    words = "no entry for t0k3n-t0k3n"
    platform.reply(502, message=words, provider_message=words, times=4)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=CloudElementsRetry()))
        session.hooks["response"].append(raise_for_error)
        error = error_of(
            session.get, platform.url, headers={"Authorization": "Bearer t0k3n-t0k3n"}
        )
    told = [attempt.provider_message for attempt in error.attempts]
    assert told == ["no entry for [redacted]"] * 4
    assert error.message == "no entry for [redacted]"


def response(status_code=409, **headers):
    made = requests.Response()
    made.status_code = status_code
    made.headers.update(headers)
    made._content = b'{"message": "exists"}'
    made.request = requests.Request(
        "GET", "https://api.example/contacts?apiKey=urlsecret17"
    ).prepare()
    return made


def test_what_is_no_response_is_named():
    """The message says what it got, and which function to use instead."""
    with pytest.raises(TypeError) as caught:
        error_from_response(3)
    assert str(caught.value) == (
        "response must be a requests.Response, not int: "
        "use error_from_parts() for other libraries"
    )


@pytest.mark.parametrize("check", [raise_for_error, error_from_response])
def test_a_mock_of_a_response_is_named(check):
    """It has no body and no headers, so the error would have none of the words."""
    stand_in = mock.Mock(spec=requests.Response, status_code=404)
    with pytest.raises(TypeError, match=r"must be a requests\.Response, not Mock"):
        check(stand_in)


def test_a_response_by_hand_with_a_plain_dict_of_headers():
    """The names of its headers are in any case, as those of every response."""
    response = requests.Response()
    response.status_code = 401
    response.headers = {"elements-request-id": "r17", "retry-after": "7"}
    error = error_from_response(response)
    assert (error.request_id, error.retry_after) == ("r17", 7)


def test_the_url_is_the_one_of_the_request():
    """A response made by hand often has none."""
    error = error_from_response(response())
    assert error.url == "https://api.example/contacts"


def test_retries_that_are_no_policy():
    """Other libraries may keep a number there."""
    made = response()
    made.raw = SimpleNamespace(retries=3)
    error = error_from_response(made)
    assert (error.stopped_by, len(error.attempts)) == (None, 1)


def test_the_body_can_be_read_again_in_chunks(platform):
    """Also in a stream, whose raw response is used up."""
    platform.reply(409, body=b"exists", headers={"Content-Type": "text/x; charset=q"})
    with CloudElementsSession() as session, pytest.raises(ConflictError) as caught:
        session.get(platform.url, stream=True)
    again = caught.value.response
    assert b"".join(again.iter_content(4)) == b"exists"
    assert (again.text, again.encoding) == ("exists", "q")


def test_attempts_of_a_policy_that_did_not_know_the_request():
    """Each text of an attempt is redacted once the request is known."""
    attempt = Attempt(1, 502, "id s3cretlong", "says s3cretlong", "got s3cretlong", 0.5)
    assert _redacted(attempt, Redactor({"X-Token": "s3cretlong"})) == (
        Attempt(1, 502, "id [redacted]", "says [redacted]", "got [redacted]", 0.5)
    )


def test_a_warning_is_bounded_and_redacted(caplog):
    """The log line shows 500 characters of a warning, and no secret of the URL."""
    raise_for_error(response(200, **{"Elements-Error": "urlsecret17 " + "x" * 600}))
    shown = caplog.records[0].args[-1]
    assert len(shown) == 500
    assert shown.startswith("[redacted] xxx")
    assert shown.endswith("x…")


def test_hooks_get_the_keywords_of_requests(platform, make_session):
    """A hook of the user's sees what requests gives to hooks."""
    seen = []
    session = make_session()
    session.hooks["response"].append(lambda _response, **kwargs: seen.append(kwargs))
    platform.reply(409)
    with pytest.raises(ConflictError):
        session.get(platform.url, timeout=9)
    assert seen[0]["timeout"] == 9


@pytest.mark.parametrize("way", ["session", "adapter", "hook"])
def test_at_most_four_frames_are_ours(way: str) -> None:
    """Between the user's line and the error are requests' frames, and few of ours."""
    with FakeCloudElements() as platform:
        platform.reply(409)
        session = CloudElementsSession() if way == "session" else requests.Session()
        if way == "adapter":
            session.mount("http://", CloudElementsAdapter())
        elif way == "hook":
            session.hooks["response"].append(raise_for_error)
        with session, pytest.raises(ConflictError) as caught:
            session.post(platform.url)
    modules = [
        frame.f_globals["__name__"]
        for frame, _line in traceback.walk_tb(caught.value.__traceback__)
    ]
    ours = [name for name in modules if name.startswith("cloud_elements_errors")]
    assert len(ours) <= 4
    assert set(modules) - set(ours) <= {__name__, "requests.sessions", "requests.hooks"}


def test_a_success_builds_nothing_that_a_failure_needs(
    platform: FakeCloudElements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret is looked for, no hook is installed, no body is read by us."""

    def never(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("done for a 200")

    for name in (
        "_errors.redaction.Redactor.__call__",
        "_requests.checking.body_of",
        "_requests.checking.CheckingHooks",
    ):
        monkeypatch.setattr(f"cloud_elements_errors.{name}", never)
    with CloudElementsSession() as session:
        assert session.get(platform.url).json() == {}
        platform.reply(502)
        with pytest.raises(AssertionError, match="done for a 200"):
            session.post(platform.url)


def test_a_response_by_hand_has_no_more_body():
    """Without `raw`, nothing is missing."""
    response = requests.Response()
    response.status_code = 409
    error = error_from_response(response)
    assert (error.text, error.truncated, error.status_code) == ("", False, 409)
