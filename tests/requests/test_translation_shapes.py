"""Where clients keep the parts of a failed response, and what is none."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import io
import json
import signal
import time
import urllib.error
import urllib.request
import weakref
import zlib
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import SkipTest, mock

import pytest
import requests
import urllib3

from cloud_elements_errors import (
    CloudElementsError,
    ConflictError,
    NotFoundError,
    UnauthorizedError,
    translate_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements
    from tests.conftest import RawServer

FIELDS = {"message": "No", "providerMessage": "Exists"}
BODY = json.dumps(FIELDS).encode()
HEADERS = {"Elements-Request-Id": "r17", "Retry-After": "7"}
URL = "https://api.x.com/contacts/1"


class SdkError(Exception):
    """A client's own exception, which holds what it is given."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args)
        vars(self).update(attributes)


def translated(exception: BaseException) -> CloudElementsError:
    """Return what a block makes of an exception."""
    with pytest.raises(CloudElementsError) as caught, translate_errors():
        raise exception
    assert caught.value.__cause__ is exception
    return caught.value


def passes(exception: BaseException) -> None:
    """Check that a block leaves an exception alone."""
    with pytest.raises(type(exception)) as caught, translate_errors():
        raise exception
    assert caught.value is exception
    assert caught.value.__cause__ is None


# Parts in several places


class Mapped(dict[str, str]):
    """A response as of httplib2: its items are the headers."""

    status = 409


class Fields(dict[str, str]):
    """A response whose items are the fields of its body."""

    status_code = 409

    def __init__(self, fields: dict[str, str], **attributes: object) -> None:
        super().__init__(fields)
        vars(self).update(attributes)


class Slotted:
    """A response without a `__dict__`."""

    __slots__ = ("content", "headers", "status_code")

    def __init__(self) -> None:
        self.status_code, self.headers, self.content = 409, HEADERS, BODY


class SlottedCall:
    """A response without a `__dict__` that knows its request, which has none."""

    __slots__ = ("content", "headers", "request", "status_code")

    def __init__(self, request: object) -> None:
        self.status_code, self.headers, self.request = 409, HEADERS, request
        self.content = b'{"message": "no entry for a1b2c3d4e5"}'


class SlottedRequest:
    """A request without a `__dict__`."""

    __slots__ = ("headers", "method", "url")

    def __init__(self) -> None:
        self.headers = {"Authorization": "Bearer a1b2c3d4e5"}
        self.method, self.url = "PUT", URL


class StatusOfMetaError(SdkError):
    """An exception as of elasticsearch: its status is another object's."""

    @property
    def status_code(self) -> int:
        return vars(self)["meta"].status


def of(**parts: object) -> SimpleNamespace:
    return SimpleNamespace(**parts)


GATHERED: dict[str, Callable[[], Exception]] = {
    "headers on the exception": lambda: SdkError(
        headers=HEADERS, response=of(status=409, data=BODY)
    ),
    "body on the exception": lambda: SdkError(
        body=BODY, response=of(status_code=409, headers=HEADERS)
    ),
    "status on the exception": lambda: SdkError(
        status=409, response=of(headers=HEADERS, content=BODY)
    ),
    "an empty body on the response": lambda: SdkError(
        body=BODY, response=of(status=409, headers=HEADERS, content=b"")
    ),
    "status and headers elsewhere": lambda: StatusOfMetaError(
        meta=of(status=409, headers=HEADERS), body=FIELDS
    ),
    "any name": lambda: SdkError(answer=of(status=409, headers=HEADERS, body=BODY)),
    "an argument": lambda: SdkError(of(status=409, headers=HEADERS, body=BODY)),
    "held by the response": lambda: SdkError(
        response=of(raw=of(status=409, headers=HEADERS, content=BODY))
    ),
    "a mapping of headers": lambda: SdkError(resp=Mapped(HEADERS), content=BODY),
    "a mapping of fields": lambda: SdkError(
        response=Fields(FIELDS, headers=HEADERS, text=BODY.decode())
    ),
    "a status as text": lambda: SdkError(status="409", body=BODY, headers=HEADERS),
    "slots": lambda: SdkError(response=Slotted()),
    "another client's code": lambda: SdkError(
        response=of(code=409, headers=HEADERS, body=BODY)
    ),
    "names that begin with http": lambda: SdkError(
        http_status=409, http_body=BODY.decode(), headers=HEADERS
    ),
    "an unusable body first": lambda: SdkError(
        status=409, headers=HEADERS, data=object(), text=BODY.decode()
    ),
    "a method where others have the body": lambda: SdkError(
        response=of(status=409, headers=HEADERS, content=BODY, body=repr, text=repr)
    ),
    "headers in two places": lambda: SdkError(
        headers={"Elements-Request-Id": "r17"},
        response=of(status=409, headers={"retry-after": "7"}, content=BODY),
    ),
    "names that begin with response": lambda: SdkError(
        response_status_code=409, response_headers=HEADERS, response_body=BODY
    ),
    "suds": lambda: SdkError(httpcode=409, fp=io.BytesIO(BODY), headers=HEADERS),
    "pairs of bytes": lambda: SdkError(
        status=409,
        body=bytearray(BODY),
        headers=[(b"elements-request-id", b"r17"), (b"retry-after", b"7")],
    ),
}


@pytest.mark.parametrize("make", GATHERED.values(), ids=GATHERED)
def test_the_parts_are_gathered(make: Callable[[], Exception]) -> None:
    """Status, body and headers may be on the exception, its response, or both."""
    error = translated(make())
    assert isinstance(error, ConflictError)
    assert error.provider_message == "Exists"
    assert (error.request_id, error.retry_after) == ("r17", 7)
    assert not error.truncated


def test_the_response_counts_before_the_exception() -> None:
    """Where both know a part, the response has it as it was sent."""
    error = translated(
        SdkError(
            status=400,
            body={"message": "in our words"},
            headers={"Elements-Request-Id": "another"},
            response=of(status_code=409, headers=HEADERS, content=BODY),
        )
    )
    assert (error.status_code, error.message) == (409, "No")
    assert error.request_id == "r17"


def test_parts_of_two_responses_are_not_mixed() -> None:
    """A response with another status says nothing about this one."""
    error = translated(
        SdkError(
            response=of(status_code=401, headers={}, content=b""),
            earlier=of(status_code=409, headers=HEADERS, content=BODY),
        )
    )
    assert isinstance(error, UnauthorizedError)
    assert (error.text, error.request_id) == ("", None)


def test_a_requests_response_is_used_whole() -> None:
    """Also one that another response holds, as azure's do."""
    response = requests.Response()
    response.status_code, response._content = 409, BODY
    outer = of(status_code=409, headers={}, internal_response=response)
    assert translated(SdkError(response=outer)).response is response


@pytest.mark.parametrize(
    "parts",
    [
        {"headers": HEADERS, "request_info": of(method="GET", url=URL, headers={})},
        {"headers": HEADERS, "body": None},
        {"response_headers": HEADERS},
        {"headers": HEADERS, "response": of(status=409, headers={}, content=None)},
    ],
    ids=["aiohttp", "no body", "kiota", "nobody has read it"],
)
def test_a_body_that_is_not_at_hand(parts: dict[str, Any]) -> None:
    """The error is typed, has the headers, and says that there is more."""
    error = translated(SdkError(status=409, **parts))
    assert (error.text, error.request_id) == ("", "r17")
    assert error.truncated


def test_a_body_that_is_empty_is_whole() -> None:
    """`truncated` is true only if something may be missing."""
    assert not translated(SdkError(status=409, body=b"", headers={})).truncated


# The request


TOKEN = "tok-17-abcdef"
SENT = {"Authorization": f"Bearer {TOKEN}"}
ECHO = json.dumps({"message": f"{TOKEN} is expired"}).encode()
REQUESTS: dict[str, Callable[[], Exception]] = {
    "of the response": lambda: SdkError(
        response=of(
            status=401, content=ECHO, request=of(method="GET", url=URL, headers=SENT)
        )
    ),
    "of the exception": lambda: SdkError(
        response=of(status=401, content=ECHO),
        request=of(method="GET", url=URL, headers=list(SENT.items())),
    ),
    "under another name": lambda: SdkError(
        status=401, body=ECHO, sent=of(method="GET", url=URL, headers=SENT)
    ),
    "headers alone": lambda: SdkError(
        status=401, body=ECHO, request_headers=SENT, method="GET", url=URL
    ),
    "as aiohttp names it": lambda: SdkError(
        status=401, body=ECHO, request_info=of(method="GET", url=URL, headers=SENT)
    ),
}


@pytest.mark.parametrize("make", REQUESTS.values(), ids=REQUESTS)
def test_the_request_tells_its_secrets(make: Callable[[], Exception]) -> None:
    """Where a client knows the request, a token that the server repeats is hidden."""
    error = translated(make())
    assert TOKEN not in f"{error} {error.to_dict()}"
    assert error.message == "[redacted] is expired"
    assert (error.method, error.url) == ("GET", URL)


def test_what_is_no_text_is_no_method_nor_url() -> None:
    """Some clients have methods of these names."""
    error = translated(SdkError(status=409, body=BODY, method=repr, url=None))
    assert (error.method, error.url) == (None, None)


# urllib and http.client


def open_url(url: str) -> None:
    urllib.request.urlopen(url)


def http_error(body: Any, headers: Any) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(URL, 409, "Conflict", headers, body)


def answer_of(*lines: str, body: bytes) -> bytes:
    return "\r\n".join(["HTTP/1.1 409 Conflict", *lines, "", ""]).encode() + body


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
SENT_BODIES = {
    "length": answer_of(f"Content-Length: {len(BODY)}", body=BODY),
    "chunked": answer_of("Transfer-Encoding: chunked", body=CHUNKED),
    "until the end": answer_of("Connection: close", body=BODY),
    "gzip": answer_of(
        "Content-Encoding: gzip", "Connection: close", body=gzip.compress(BODY)
    ),
}


@pytest.mark.parametrize("answer", SENT_BODIES.values(), ids=SENT_BODIES)
def test_urllibs_body_is_read(
    answer: bytes, raw_server: Callable[[bytes], RawServer]
) -> None:
    """`HTTPError` is the response itself, and nobody has read it yet."""
    server = raw_server(answer)
    with pytest.raises(ConflictError) as caught, translate_errors():
        open_url(server.url + "?token=tok-17-abcdef")
    assert caught.value.provider_message == "Exists"
    assert caught.value.url == server.url
    assert not caught.value.truncated


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (answer_of("Content-Length: 999", body=BODY), BODY.decode()),
        (answer_of("Transfer-Encoding: chunked", body=CHUNKED[:-9]), None),
        (answer_of("Content-Length: 0", body=b""), ""),
    ],
    ids=["length", "chunked", "empty"],
)
def test_urllibs_body_that_breaks_off(
    answer: bytes, text: str | None, raw_server: Callable[[bytes], RawServer]
) -> None:
    """What has arrived is what there is; an empty body is whole."""
    server = raw_server(answer)
    with pytest.raises(ConflictError) as caught, translate_errors():
        open_url(server.url)
    assert text in {None, caught.value.text}
    assert caught.value.truncated is (text != "")


@pytest.mark.parametrize("use", ["read", "close"])
def test_urllibs_body_that_is_gone(use: str, platform: FakeCloudElements) -> None:
    """A client that has read or closed it leaves status and headers."""
    platform.reply(409, headers=HEADERS)

    def call() -> None:
        try:
            open_url(platform.url + "/contacts")
        except urllib.error.HTTPError as error:
            getattr(error, use)()
            raise

    with pytest.raises(ConflictError) as caught, translate_errors():
        call()
    assert (caught.value.text, caught.value.request_id) == ("", "r17")
    assert caught.value.truncated


@pytest.mark.parametrize("encoding", ["deflate", "gzip"])
def test_urllibs_body_that_is_compressed(
    platform: FakeCloudElements, encoding: str
) -> None:
    """urllib does not decode it; we do."""
    compress = {"deflate": zlib.compress, "gzip": gzip.compress}[encoding]
    platform.reply(409, body=compress(BODY), headers={"Content-Encoding": encoding})
    with pytest.raises(ConflictError) as caught, translate_errors():
        open_url(platform.url + "/contacts")
    assert (caught.value.message, caught.value.provider_message) == ("No", "Exists")
    assert not caught.value.truncated


@pytest.mark.parametrize("name", ["request", "request_info"])
def test_a_request_without_a_dict(name: str) -> None:
    """Only the response knows it, under one of its usual names."""
    call = SlottedCall(SlottedRequest())
    if name == "request_info":
        call = of(
            status=409, headers=HEADERS, body=call.content, request_info=call.request
        )
    error = translated(SdkError(response=call))
    assert (error.method, error.url) == ("PUT", URL)
    assert error.message == "no entry for [redacted]"


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        (BODY, HEADERS, BODY.decode()),
        (BODY, {"Content-Length": "1, 2"}, BODY.decode()),
        (BODY, {"Content-Length": 7, 8: None}, BODY.decode()),
        (BODY, None, BODY.decode()),
        (None, HEADERS, ""),
    ],
    ids=["headers", "two lengths", "no texts", "no headers", "no file"],
)
def test_an_error_of_urllib_that_a_mock_has_made(
    body: bytes | None, headers: Any, text: str
) -> None:
    """Whatever was put into it, the status is told."""
    file = None if body is None else io.BytesIO(body)
    error = translated(SdkError(cause=http_error(file, headers)))
    assert isinstance(error, ConflictError)
    assert error.text == text


def test_a_response_of_http_client(platform: FakeCloudElements) -> None:
    """It is read, also under a name of the client's own."""
    platform.reply(409, provider_message="Exists")
    connection = http.client.HTTPConnection(platform.url.removeprefix("http://"))
    connection.request("GET", "/contacts")
    error = translated(SdkError(answer=connection.getresponse()))
    connection.close()
    assert error.provider_message == "Exists"


class Endless(io.RawIOBase):
    """A file without end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


def test_urllibs_body_is_read_within_bounds() -> None:
    """64 KiB, as of every other failed response."""
    error = translated(http_error(io.BufferedReader(Endless()), HEADERS))
    assert len(error.text) == 64 * 1024
    assert error.truncated


# What is no failed answer


class Stream(io.BytesIO):
    """A file that tells whether it was used."""

    used = False

    def read(self, *_args: Any) -> bytes:
        self.used = True
        return super().read(*_args)

    def close(self) -> None:
        self.used = True


@pytest.mark.parametrize("status", [200, 206, 302, 304])
@pytest.mark.parametrize("name", ["response", "download"])
def test_a_response_that_has_not_failed_is_left_alone(status: int, name: str) -> None:
    """It is neither read nor closed, wherever the exception keeps it."""
    stream = Stream(b"gigabytes")
    response = urllib3.HTTPResponse(stream, status=status, preload_content=False)
    passes(SdkError("the third part is missing", **{name: response}))
    failed = SdkError(status=409, headers={}, body=BODY, **{name: response})
    assert translated(failed).provider_message == "Exists"
    assert not stream.used
    assert response.read() == b"gigabytes"


class Sent(SimpleNamespace):
    """A response that a web application sends."""

    def set_cookie(self, name: str) -> None: ...


class DetailError(SdkError):
    """An `HTTPException` as of Starlette and FastAPI."""


class ResponseError(SdkError):
    """An exception that is a response, as of aiohttp's server and of Bottle."""

    set_cookie = Sent.set_cookie


class WerkzeugError(SdkError):
    """An `HTTPException` as of Werkzeug, with the data that extensions add."""

    code = 401
    response = None
    description = "log in"


OWN: dict[str, Callable[[], Exception]] = {
    "Starlette": lambda: DetailError(
        status_code=401, detail="log in", headers={"WWW-Authenticate": "Bearer"}
    ),
    "Werkzeug": lambda: WerkzeugError(data={"message": "log in"}),
    "Werkzeug, with a response": lambda: WerkzeugError(
        response=Sent(status_code=401, headers={}, data=b"log in")
    ),
    "an exception that is a response": lambda: ResponseError(
        status=401, headers={}, body=b"log in", text="log in"
    ),
    "held by another": lambda: SdkError(
        inner=DetailError(status_code=401, headers={"WWW-Authenticate": "Bearer"})
    ),
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
def test_what_a_web_application_answers_is_left_alone(
    make: Callable[[], Exception],
) -> None:
    """It is on its way out, and no answer of somebody else."""
    passes(make())


def fail() -> None:
    raise SdkError(status=409, headers={}, body=BODY)


def answered_by(own: Exception) -> None:
    """Be an application that makes something else of a client's error."""
    try:
        fail()
    except SdkError as error:
        raise own from error


FRAMEWORKS = [
    "aiohttp.web_exceptions",
    "bottle",
    "celery.exceptions",
    "django.http",
    "flask.app",
    "rest_framework.exceptions",
    "starlette.exceptions",
    "tornado.web",
    "werkzeug.exceptions",
]


@pytest.mark.parametrize("module", FRAMEWORKS)
def test_what_an_application_makes_of_an_error_is_left_alone(module: str) -> None:
    """It answers with a status of its own, or tells its task queue to retry."""
    theirs = type("TheirError", (Exception,), {"__module__": module})
    own = type("OwnError", (theirs,), {"__module__": __name__})
    for kind in (theirs, own):
        decided = kind("later")
        with pytest.raises(kind) as caught, translate_errors():
            answered_by(decided)
        assert caught.value is decided


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, SkipTest])
def test_what_ends_an_iteration_or_a_test_is_left_alone(kind: type[Exception]) -> None:
    with pytest.raises(kind), translate_errors():
        answered_by(kind())


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no alarm")
def test_a_time_limit_while_an_error_is_handled() -> None:
    """A signal handler has raised it, which knows nothing of the client's error."""

    class TimeLimitError(Exception):
        """A job has run for too long."""

    def end(_number: int, _frame: object) -> None:
        raise TimeLimitError

    def wait() -> None:
        try:
            fail()
        except SdkError:
            time.sleep(5)

    before = signal.signal(signal.SIGALRM, end)
    try:
        for translated_wait in (wait, translate_errors()(wait)):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(TimeLimitError), translate_errors():
                translated_wait()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_variables_of_the_block_are_not_kept() -> None:
    """Before Python 3.13, a look at the locals of a frame keeps a copy of them."""

    class Big:
        """What a job is done with."""

    def job() -> bool:
        big = Big()
        gone = weakref.ref(big)
        with suppress(CloudElementsError), translate_errors():
            fail()
        del big
        return gone() is None

    assert job()


def test_an_error_of_a_coroutine_that_has_ended() -> None:
    """Its frames have no caller any more, and None is no frame of a signal handler."""

    async def client(_options: object = None) -> None:
        fail()

    with pytest.raises(ConflictError), translate_errors():
        asyncio.run(client())


@pytest.mark.parametrize(
    "module", ["tornado.httpclient", "tornado.websocket", "flaskr.api", "falconpy"]
)
def test_a_client_may_be_named_like_a_framework(module: str) -> None:
    kind = type("ClientError", (SdkError,), {"__module__": module})
    assert translated(kind(status=409, headers={}, body=BODY)).status_code == 409


OTHERS: dict[str, Callable[[], Exception]] = {
    "a status in the arguments": lambda: SdkError("409", 409, "409 Conflict"),
    "a status alone on a response": lambda: SdkError(response=of(status_code=409)),
    "a code of something else": lambda: SdkError(code=409, body="locked"),
    "a status of something else": lambda: SdkError(status=10061, body=b"", headers={}),
    "a job": lambda: SdkError(job=of(status=500, name="import")),
    "headers that are none": lambda: SdkError(status=409, headers="A: b", body=None),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_what_is_no_answer_is_left_alone(make: Callable[[], Exception]) -> None:
    """A number is not enough."""
    passes(make())


class Group(Exception):  # noqa: N818 - as Python's
    """What Python 3.11 has, and a backport for Python 3.10."""

    def __init__(self, message: str, exceptions: list[Exception]) -> None:
        super().__init__(message, exceptions)

    derive = split = None


@pytest.mark.parametrize("cause", [None, SdkError(status=404, body=b"", headers={})])
def test_a_group_stays_one(cause: Exception | None) -> None:
    """A caller with `except*` expects it, whatever is in it or led to it."""
    group = Group("two", [SdkError(status=409, body=BODY, headers={}), SdkError()])
    group.__cause__ = cause
    with pytest.raises(Group) as caught, translate_errors():
        raise group
    assert caught.value.__cause__ is cause


def test_no_member_of_a_group_is_picked() -> None:
    """Nobody knows which of them made the client fail."""
    passes(SdkError(errors=Group("two", [SdkError(status=409, body=b"", headers={})])))


class Lazy:
    """A proxy that loads when it is looked at."""

    loaded = False

    def __getattr__(self, name: str) -> Any:
        type(self).loaded = True
        raise AttributeError(name)


class LazyJob:
    """An object whose status is asked for when it is looked at."""

    asked = False

    @property
    def status(self) -> int:
        type(self).asked = True
        return 409


def test_objects_that_load_are_not_touched() -> None:
    """Only what looks like a response is asked for its parts."""
    passes(SdkError(Lazy(), LazyJob(), proxy=Lazy(), jobs=[LazyJob()]))
    assert not Lazy.loaded
    assert not LazyJob.asked


@pytest.mark.parametrize("name", ["response", "status", "headers", "body", "args"])
def test_a_property_that_raises(name: str) -> None:
    """The client's own exception is what comes out."""

    def refuse(_self: object) -> None:
        raise RuntimeError("not yet")

    kind = type("OddError", (SdkError,), {name: property(refuse)})
    with pytest.raises(kind), translate_errors():
        raise kind


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_passes(kind: type[BaseException]) -> None:
    """Also with a failed response in hand."""
    ending = kind()
    ending.response = of(status=409, headers={}, content=BODY)  # type: ignore[union-attr]
    passes(ending)


def test_a_list_of_very_many_results() -> None:
    """Only objects are looked at: a bulk call keeps a dict for each of its items."""
    rows = [{"index": {"status": 409}} for _ in range(100_000)]
    answer = of(status=409, headers=HEADERS, content=BODY)
    assert translated(SdkError("some failed", rows, answer)).message == "No"


class JobTimeoutError(Exception):
    """What a signal handler raises."""


class Stalled(io.RawIOBase):
    """A file whose reader is interrupted."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise JobTimeoutError


@pytest.mark.parametrize(
    "make",
    [
        lambda file: http_error(file, HEADERS),
        lambda file: SdkError(
            answer=urllib3.HTTPResponse(file, status=409, preload_content=False)
        ),
    ],
    ids=["urllib", "urllib3"],
)
def test_a_time_limit_of_a_job_passes(make: Callable[[Any], Exception]) -> None:
    """An exception of a signal handler, raised while the body is read, comes out."""
    original = make(io.BufferedReader(Stalled()))
    with pytest.raises(JobTimeoutError) as caught, translate_errors():
        raise original
    assert caught.value.__context__ is not None


class Unreadable:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("not ready")


class NoDict:
    __dict__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("thing", [Unreadable, NoDict])
def test_an_attribute_that_cannot_be_looked_at(thing: Any) -> None:
    """The exception of the client comes out, and not that of the attribute."""
    error = ValueError("mine")
    error.thing = thing()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="mine"), translate_errors():
        raise error


def test_a_mock_of_a_response() -> None:
    """It claims to be a Response, and has what its test has set."""
    response = mock.Mock(spec=requests.Response, status_code=404, headers={})
    response.content = b'{"message": "gone"}'
    with pytest.raises(NotFoundError, match="404 Not Found: gone"), translate_errors():
        raise requests.HTTPError("boom", response=response)


def test_an_empty_body_is_not_cut() -> None:
    """Nobody has read it, and there is nothing to read."""
    with pytest.raises(NotFoundError) as caught, translate_errors():
        raise urllib.error.HTTPError("http://a/", 404, "Not Found", {}, io.BytesIO(b""))
    assert not caught.value.truncated
