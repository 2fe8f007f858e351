"""Small promises, each of which a mutant has broken without any other test noticing."""

from __future__ import annotations

import copy
import gzip
import io
import pickle
import random
import socket
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, ProtocolError
from urllib3.util import Retry
from urllib3.util.retry import RequestHistory

from cloud_elements_errors import (
    Attempt,
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    RetryBudget,
    UnlistedStatusError,
    error_from_parts,
    error_from_response,
    patch_requests,
    raise_for_error,
    translate_errors,
)
from cloud_elements_errors._errors.line import (
    attempt_line,
    error_line,
    printable,
    why_stopped,
)
from cloud_elements_errors._errors.payload import parse_payload
from cloud_elements_errors._errors.pickling import _shortened
from cloud_elements_errors._errors.redaction import Redactor
from cloud_elements_errors._requests.checking import _redacted
from cloud_elements_errors._retries.body import _LimitedSocket, body_of, read_body
from cloud_elements_errors._retries.log import log_retry
from cloud_elements_errors._retries.state import RequestState
from cloud_elements_errors._urls import path_of

LIMIT = 64 * 1024


def response(status_code=409, **headers):
    made = requests.Response()
    made.status_code = status_code
    made.headers.update(headers)
    made._content = b'{"message": "exists"}'
    made.request = requests.Request(
        "GET", "https://api.example/contacts?apiKey=urlsecret17"
    ).prepare()
    return made


@pytest.fixture
def silent_server():
    """A server that accepts connections, and never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


# Errors made by hand, and what they show


def test_every_attribute_can_be_given():
    """The constructor keeps each argument, and shows what str() and notes need."""
    request = requests.Request("PUT", "https://api.example/x").prepare()
    given = {
        "message": "m",
        "request_id": "r",
        "provider_message": "p",
        "provider_code": "c",
        "origin": "provider",
        "details": {"d": 1},
        "text": "t",
        "truncated": True,
        "reason": "Full Disk",
        "method": "PUT",
        "url": "https://api.example/x",
        "attempts": (Attempt(1, 507),),
        "stopped_by": "status",
        "retry_after": 2.5,
        "request": request,
    }
    error = UnlistedStatusError("line", status_code=507, title="Full", **given)
    assert {name: getattr(error, name) for name in given} == given
    assert (error.status_code, error.title) == (507, "Full")
    assert (str(error), error.args, error.__notes__) == ("line", ("line",), [])


@pytest.mark.parametrize("part", ["title", "request_id", "url"])
def test_a_long_part_is_cut_in_the_line(part):
    error = UnlistedStatusError(status_code=507, **{part: "x" * 2_000})
    assert "x" * 499 + "…" in error_line(error) + " "
    assert "x" * 500 not in error_line(error)


def test_two_attempts_are_counted_in_the_line():
    past = (Attempt(1, 502), Attempt(2, 507))
    assert "attempts: 2" in error_line(UnlistedStatusError(attempts=past))
    assert "attempts" not in error_line(UnlistedStatusError(attempts=past[:1]))


def test_a_wait_that_nobody_asked_for():
    """An error made by hand may lack what its reason says."""
    error = UnlistedStatusError(stopped_by="retry_after", attempts=(Attempt(1, 503),))
    assert why_stopped(error) == (
        "Not retried: the server asks for a longer wait than the policy allows."
    )


# Sending


def test_the_log_of_a_retry_has_no_secret_of_a_header(platform, caplog):
    platform.reply(502, provider_message="bad key swordfishes")
    policy = CloudElementsRetry(backoff_factor=0)
    with CloudElementsSession(max_retries=policy) as session:
        session.get(platform.url, headers={"X-Api-Key": "swordfishes"})
    [record] = caplog.records
    assert "bad key [redacted]" in record.getMessage()
    assert "swordfishes" not in str(record.__dict__)


def test_the_adapter_takes_positional_arguments(platform):
    """As HTTPAdapter.send does: stream, then the timeout."""
    request = requests.Request("GET", platform.url).prepare()
    with pytest.raises(ValueError, match=r"[Tt]imeout"):
        CloudElementsAdapter().send(request, False, "soon")


def test_an_adapter_whose_responses_are_made_by_hand():
    class Local(HTTPAdapter):
        def send(self, request, *args, **kwargs):
            made = response(409)
            made._content = False
            made._content_consumed = False
            made.raw = io.BytesIO(b'{"message": "exists"}')
            made.request = request
            return made

    class Both(CloudElementsAdapter, Local):
        pass

    session = requests.Session()
    session.mount("local://", Both())
    with pytest.raises(ConflictError, match="exists") as caught:
        session.get("local://x")
    assert caught.value.stopped_by is None  # the policy has not seen the response


@pytest.mark.parametrize(
    ("url", "path"),
    [("http://x/a#b", "/a"), ("http://x/a://b", "/a://b"), ("//a?b", "//a")],
)
def test_the_path_of_a_url(url, path):
    assert path_of(url) == path


def test_what_is_no_response_is_named():
    with pytest.raises(TypeError) as caught:
        error_from_response(3)
    assert str(caught.value) == (
        "response must be a requests.Response, not int: "
        "use error_from_parts() for the responses of other libraries"
    )


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


def test_the_wait_after_a_network_failure_is_kept():
    state = RequestState()
    assert state.add_attempt(None, None, OSError("refused"), 1.5).waited == 1.5
    assert state.attempts[0].error == "refused"


@pytest.mark.parametrize(
    ("end", "said"), [("", "x [redacted]"), ('"}', "x abcdef1")], ids=["cut", "whole"]
)
def test_the_text_of_an_earlier_attempt_may_be_cut(end, said):
    state = RequestState(None, {"Authorization": "Bearer abcdef123456"})
    body = f'{{"providerMessage": "x abcdef1{end}'.encode()
    raw = urllib3.HTTPResponse(
        io.BytesIO(body),
        {"Content-Length": str(len(body) + (not end))},
        preload_content=False,
        request_method="GET",
    )
    assert state.add_attempt(raw, body_of(raw)).provider_message == said


def test_only_what_cannot_be_printed_is_escaped():
    assert printable("é\x1b") == r"é\x1b"


def test_a_hundred_retries_are_the_most():
    policy = CloudElementsRetry(total=300, budget=None)
    policy.history = (None,) * 100
    assert policy._pay_or_refuse(RequestState(), None, 0.0) == "attempts"
    policy.history = (None,) * 99
    assert policy._pay_or_refuse(RequestState(), None, 0.0) is None


def test_a_new_adapter_keeps_its_pools(platform):
    adapter = CloudElementsAdapter()
    pools = adapter.poolmanager
    adapter.send(requests.Request("GET", platform.url).prepare())
    assert adapter.poolmanager is pools


def test_the_number_of_pools_is_the_one_of_the_setting():
    adapter = CloudElementsAdapter(pool_connections=2)
    for host in "abc":
        adapter.poolmanager.connection_from_host(host)
    assert len(adapter.poolmanager.pools) == 2


def test_what_a_redirect_leaves():
    """The history of urllib3, and the pool and URL of its exception."""
    moved = urllib3.HTTPResponse(status=302, headers={"Location": "/b"})
    pool = urllib3.HTTPConnectionPool("x")
    policy = CloudElementsRetry(redirect=1).increment("GET", "/a", moved, None, pool)
    assert policy.history == (RequestHistory("GET", "/a", None, 302, "/b"),)
    with pytest.raises(MaxRetryError) as caught:
        policy.increment("GET", "/b", moved, None, pool)
    assert (caught.value.pool, caught.value.url) == (pool, "/b")


def test_a_policy_without_an_attempt_does_not_wait():
    CloudElementsRetry().sleep()


def test_the_exception_of_the_last_attempt_names_the_pool():
    pool = urllib3.HTTPConnectionPool("x")
    failed = urllib3.HTTPResponse(status=502)
    with pytest.raises(MaxRetryError) as caught:
        CloudElementsRetry(total=0).increment("GET", "/b", failed, None, pool)
    assert (caught.value.pool, caught.value.url) == (pool, "/b")


def test_the_exception_of_a_refused_retry_says_what_urllib3_says():
    pool = urllib3.HTTPConnectionPool("x")
    failed = urllib3.HTTPResponse(status=502)
    policy = CloudElementsRetry(budget=RetryBudget(0))
    with pytest.raises(MaxRetryError, match="too many error responses") as caught:
        policy.increment("GET", "/b", failed, None, pool)
    assert (caught.value.pool, caught.value.url) == (pool, "/b")


def test_a_failure_that_is_raised_at_once_keeps_its_traceback():
    """With total=False, urllib3 raises the failure itself, with the given traceback."""

    def fail():
        raise ProtocolError("broken")

    with pytest.raises(ProtocolError) as failed:
        fail()
    policy = CloudElementsRetry(total=False)
    with pytest.raises(ProtocolError) as caught:
        policy.increment("GET", "/", None, failed.value, None, failed.tb)
    assert caught.traceback[-1].name == "fail"


def test_a_retry_of_no_url_has_no_path(caplog):
    failed = urllib3.HTTPResponse(status=502)
    CloudElementsRetry().increment("GET", response=failed)
    assert caplog.records[0].path == ""


# Reading the body


def test_one_byte_more_than_the_limit_is_read():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000))

    raw = Slow(b"x" * 2 * LIMIT)
    raw.close = lambda: None
    assert read_body(raw) == (b"x" * LIMIT, False)
    assert raw.tell() == LIMIT + 1


def test_a_body_of_a_known_length_is_read_once(platform, monkeypatch):
    sizes = []
    read1 = urllib3.HTTPResponse.read1

    def counted(response, *args, **kwargs):
        chunk = read1(response, *args, **kwargs)
        sizes.append(len(chunk))
        return chunk

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", counted)
    platform.reply(409, body="exists")
    with CloudElementsSession() as session, pytest.raises(ConflictError):
        session.get(platform.url)
    assert sizes == [6]


def test_a_body_that_can_only_be_read():
    chunks = [b"one ", b"two", b""]
    raw = SimpleNamespace(read=lambda _size: chunks.pop(0), closed=True)
    assert read_body(raw) == (b"one two", True)


def test_a_body_of_a_mock():
    """A mock has every attribute, and none of them is what it says."""
    made = requests.Response()
    made.status_code = 409
    made.raw = Mock()
    made.raw.read.side_effect = [b'{"message": ', b'"exists"}', b""]
    assert error_from_response(made).message == "exists"


@pytest.mark.parametrize(("length", "whole"), [(LIMIT, True), (LIMIT + 1, False)])
def test_a_body_that_urllib3_has_read_at_the_limit(length, whole):
    raw = urllib3.HTTPResponse(b"x" * length)
    assert read_body(raw) == (b"x" * LIMIT, whole)


def test_a_fault_in_gzip_loses_little():
    """Also with plain urllib3, whose responses decode the body by themselves."""
    text = random.Random(7).randbytes(20_000).hex().encode()
    damaged = bytearray(gzip.compress(text))
    damaged[len(damaged) // 2] ^= 0xFF
    raw = urllib3.HTTPResponse(
        io.BytesIO(damaged), {"Content-Encoding": "gzip"}, preload_content=False
    )
    body, whole = read_body(raw)
    assert not whole
    assert body[:10_000] == text[:10_000]


def test_the_body_can_be_read_again_in_chunks(platform):
    """Also in a stream, whose raw response is used up."""
    platform.reply(409, body=b"exists", headers={"Content-Type": "text/x; charset=q"})
    with CloudElementsSession() as session, pytest.raises(ConflictError) as caught:
        session.get(platform.url, stream=True)
    again = caught.value.response
    assert b"".join(again.iter_content(4)) == b"exists"
    assert (again.text, again.encoding) == ("exists", "q")


def test_attempts_of_a_plain_retry_have_no_failure(platform):
    platform.reply(502, times=2)
    retry = Retry(total=1, status_forcelist=[502], backoff_factor=0)
    session = CloudElementsSession(max_retries=retry)
    with session, pytest.raises(FailedRequestError) as caught:
        session.get(platform.url)
    assert [attempt.error for attempt in caught.value.attempts] == [None, None]


# What a server sends


@pytest.mark.parametrize("token", ["X", "XX"])
def test_a_word_without_quotes_is_no_bracket(token):
    body = f'{{"a": {token}, "message": "hi", "b'.encode()
    assert parse_payload({}, body).message == "hi"


# Redaction


def test_a_secret_in_the_path_of_the_url():
    """The URL is searched for the secrets of the headers, even if the body is clean."""
    error = error_from_parts(
        409,
        b"{}",
        url="https://api.example/keys/swordfishes",
        request_headers={"X-Api-Key": "swordfishes"},
    )
    assert error.url == "https://api.example/keys/[redacted]"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("s3cretlong", "s3cret", "[redacted]"),
        ("abcdabcdwxyz", "key abcdabcd", "key [redacted]"),
        ("abcdabcdwxyz1234", "abcdQ abcdabcd", "abcdQ [redacted]"),
    ],
    ids=["whole text", "longest", "after a false start"],
)
def test_the_beginning_of_a_secret_where_a_text_is_cut(secret, text, shown):
    """The longest beginning of a secret at the end of a cut text is taken out."""
    redact = Redactor({"Authorization": f"Bearer {secret}"})
    assert redact(text, cut=True) == shown


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("pa55", "xpa55", "xpa55"),
        ("pa55", "pa55 word", "[redacted] word"),
        ("abcd1234", "xabcd1234y", "x[redacted]y"),
        ("abcd1234", "abcd1234abcd1234", "[redacted][redacted]"),
        ("abcd1234", "ends in abcd1234", "ends in [redacted]"),
    ],
    ids=["in a word", "short word", "eight characters", "twice", "at the end"],
)
def test_where_a_secret_stands(secret, text, shown):
    """Only a secret of less than eight characters has to be a word of its own."""
    assert Redactor({"X-Secret": secret})(text) == shown


def test_a_cut_text_may_hold_a_cut_secret_at_any_depth():
    redact = Redactor({"Authorization": "Bearer abcdef123456"})
    fields = {"a": {"b": ["x abcdef1"]}}
    assert redact.fields(fields, cut=True) == {"a": {"b": ["x [redacted]"]}}
    assert redact.fields(fields, cut=False) == fields


def test_a_lone_surrogate_beside_a_secret():
    redact = Redactor({"Authorization": "Bearer s3cretlong"})
    assert redact("\ud800 s3cretlong") == "\ud800 [redacted]"


def test_a_header_in_utf_8():
    """requests sends bytes as they are; the server may read them in either way."""
    redact = Redactor({"X-Api-Key": "pässword1".encode()})
    assert redact("a pässword1") == "a [redacted]"
    assert redact("a pässword1".encode().decode("latin-1")) == "a [redacted]"
    assert Redactor({"X-Api-Key": b"p\xe4ssword1"})("a pässword1") == "a [redacted]"


def test_what_is_no_base64_has_no_user_and_password():
    redact = Redactor({"Authorization": "Basic dXNlcjpw!YXNzd29yZA=="})
    assert redact("user unknown") == "user unknown"


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        ('a="quoted12"', "quoted12"),
        ("sid=abc12345=def67890", "abc12345=def67890"),
        ("session=Xabcdefgh", "Xabcdefgh"),
        ("a=exactly8", "exactly8"),
    ],
)
def test_values_of_cookies(cookie, value):
    """A cookie's value is taken out whole, without its quotes."""
    assert Redactor({"Cookie": cookie})(f"<{value}>") == "<[redacted]>"


@pytest.mark.parametrize("part", ["reason", "request id"])
def test_a_secret_outside_of_a_clean_body(part):
    """A body without secrets says nothing of the headers and the reason."""
    made = response(418)
    made.request.headers["Authorization"] = "Bearer s3cret-token"
    if part == "reason":
        made.reason = "s3cret-token"
    else:
        made.headers["Elements-Request-Id"] = "s3cret-token"
    error = error_from_response(made)
    assert "[redacted]" in str(error)
    assert "s3cret" not in str(error) + str(error.to_dict())


def test_two_lines_of_cookies():
    """urllib3 joins lines of one name, so each is looked at alone."""
    headers = urllib3.HTTPHeaderDict(
        [("Cookie", "a=s3cret-one"), ("Cookie", "b=s3cret-two")]
    )
    redact = Redactor(headers)
    assert redact("s3cret-one, s3cret-two") == "[redacted], [redacted]"


@pytest.mark.parametrize(
    ("header", "value", "text"),
    [
        ("X-Secret", "ApiKey=abcdefgh1", "abcdefgh1"),
        ("Authorization", "Basic dTpwdw==", "dTpwdw=="),
        ("Authorization", "Basic YWRtaW51c2VyOnB3MTI=", "pw12"),
    ],
)
def test_parts_of_a_header(header, value, text):
    """The parts of a pair, and of a user and password in base64, are secrets."""
    assert Redactor({header: value})(f"<{text}>") == "<[redacted]>"


def test_attempts_of_a_policy_that_did_not_know_the_request():
    """Each text of an attempt is redacted once the request is known."""
    attempt = Attempt(1, 502, "id s3cretlong", "says s3cretlong", "got s3cretlong", 0.5)
    assert _redacted(attempt, Redactor({"X-Token": "s3cretlong"})) == (
        Attempt(1, 502, "id [redacted]", "says [redacted]", "got [redacted]", 0.5)
    )


def test_a_policy_knows_the_headers_that_it_was_told():
    """for_request() keeps the secrets of the headers out of the log."""
    policy = CloudElementsRetry().for_request(None, {"X-Token": "s3cretlong"})
    assert policy.state is not None
    assert policy.state.redact("s3cretlong") == "[redacted]"


# The body, as text


def test_half_a_character_in_a_str():
    """A str with half of a surrogate pair is no reason to raise."""
    error = error_from_parts(502, "\ud800 hello")
    assert error is not None
    assert error.text == "? hello"


@pytest.mark.parametrize(("length", "truncated"), [(LIMIT, False), (LIMIT + 1, True)])
def test_a_str_at_the_limit(length, truncated):
    """64 KiB of str are kept whole, and one character more is cut."""
    error = error_from_parts(502, "x" * length)
    assert error is not None
    assert (len(error.text), error.truncated) == (LIMIT, truncated)


@pytest.mark.parametrize(
    ("body", "message", "details"),
    [
        (b' {"message": "m", "x', "m", {}),
        (b'{"message", "requestId": "17", "x', None, {}),
        (b'{"message", : "x", "requestId": "17"', None, {}),
        (b'{: "x", "message": "m"', "m", {}),
        (b'{"a": 1, : 2, "message": "m"', "m", {"a": 1}),
        (rb'{"message": "X\qX", "x', r"X\qX", {}),
        (rb'{"message": "Gr\u00F', "Gr", {}),
    ],
    ids=[
        *("indented", "no value", "a lone colon", "no name"),
        *("no second name", "no escape", "cut in an escape"),
    ],
)
def test_broken_json(body, message, details):
    """Fields that can be read are read, and nothing is made up."""
    payload = parse_payload({}, body)
    assert (payload.message, payload.details) == (message, details)


class CountingSocket:
    """A socket that gives one byte per read, and remembers its timeout."""

    timeout: float | None = 7.0

    def gettimeout(self):
        return self.timeout

    def settimeout(self, timeout):
        self.timeout = timeout

    def recv_into(self, _buffer):
        assert self.timeout is not None
        return 1


def test_limits_of_a_socket():
    """Reads end with the last byte or second that is allowed, and not before."""
    inner = CountingSocket()
    limited = _LimitedSocket(inner, time.monotonic() + 0.9)
    limited._bytes_left = 1
    assert limited.recv_into(bytearray(1)) == 1
    assert inner.timeout == 7.0
    with pytest.raises(TimeoutError, match=r"^The body takes too long, or is too long"):
        limited.recv_into(bytearray(1))


# Lines for people


def test_lines_are_bounded(caplog):
    """Each text has at most 500 characters in a note, and in a line of the log."""
    attempt = Attempt(1, None, "i" * 600, "p" * 600, "e" * 600)
    line = attempt_line(attempt)
    assert [line.count(letter * 499 + "…") for letter in "ipe"] == [1, 1, 1]
    log_retry(attempt, "GET", "/" + "a" * 600, 4, 0.5)
    message = caplog.records[0].getMessage()
    assert [message.count(letter * 498 + "…") for letter in "ape"] == [1, 1, 1]
    assert [message.count(letter * 500) for letter in "ape"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("attempts", "sent", "kept"),
    [
        (1, 60_000, 60_000),
        (1, 130_000, 64 * 1024),
        (7, 20_000, 16 * 1024),
        (100, 2_000, 1024),
        (900, 2_000, 100),
        (1_700, 2_000, 40),
    ],
)
def test_how_long_a_text_in_a_pickle_is(attempts, sent, kept):
    """Each step keeps as much of each text as fits into 120 KiB."""
    past = [Attempt(1, 502, provider_message="x" * sent) for _ in range(attempts)]
    pickled = pickle.dumps(UnlistedStatusError("line", attempts=past))
    assert len(pickled) < 121 * 1024
    for attempt in pickle.loads(pickled).attempts:
        assert attempt.provider_message == "x" * kept


def test_a_response_made_by_hand_in_a_pickle():
    """It may have no URL, and its text what no encoding allows."""
    made = requests.Response()
    made.request = requests.PreparedRequest()
    made.request.headers = {}
    error = UnlistedStatusError(text="\ud800", response=made)
    assert str(error) == ""
    again = pickle.loads(pickle.dumps(error))
    assert (again.response.url, again.request.url) == ("", "")
    assert (again.response.text, again.response.encoding) == ("?", "utf-8")


def test_what_is_cut_for_a_pickle():
    """Texts are cut, also within tuples, and nothing else is lost."""
    attempt = Attempt(1, 502, "id", "long text", None, 0.5)
    cut = _shortened({"attempts": (attempt,), "args": ["text", 5]}, 2)
    short = Attempt(1, 502, "id", "lo", None, 0.5)
    assert cut == {"at": (short,), "ar": ["te", 5]}


# The warning of a success


def test_a_warning_is_bounded_and_redacted(caplog):
    """The log line shows 500 characters of a warning, and no secret of the URL."""
    raise_for_error(response(200, **{"Elements-Error": "urlsecret17 " + "x" * 600}))
    shown = caplog.records[0].args[-1]
    assert len(shown) == 500
    assert shown.startswith("[redacted] xxx")
    assert shown.endswith("x…")


# The error itself


def test_repr_of_an_error():
    """The repr is what the class was called with, as for any exception."""
    error = error_from_parts(409)
    assert repr(error) == "ConflictError('409 Conflict')"
    changed = copy.copy(error)
    changed.args = ("one", 2)
    assert repr(changed) == "ConflictError('one', 2)"


# The adapter


def test_an_unpickled_adapter_keeps_its_pools(platform):
    """It makes its pools when unpickled, and not again with each request."""
    adapter = pickle.loads(pickle.dumps(CloudElementsAdapter()))
    pools = adapter.poolmanager
    session = requests.Session()
    session.mount("http://", adapter)
    assert session.get(platform.url).ok
    assert adapter.poolmanager is pools


def test_settings_of_a_proxy_reach_its_pools():
    """proxy_manager_for() takes the keywords that HTTPAdapter's takes."""
    manager = CloudElementsAdapter().proxy_manager_for("http://127.0.0.1:9", timeout=3)
    assert manager.connection_pool_kw["timeout"] == 3


def test_a_failure_without_arguments(monkeypatch):
    """An exception that says nothing is raised as it is, and has its attempts."""

    def send(*_args, **_kwargs):
        raise requests.ConnectionError

    monkeypatch.setattr(HTTPAdapter, "send", send)
    with pytest.raises(requests.ConnectionError) as caught:
        CloudElementsSession().get("http://127.0.0.1:9/")
    assert caught.value.attempts == ()


def test_a_read_timeout_after_retries(silent_server):
    """It keeps the argument of requests' exception, and lists the attempts."""
    policy = CloudElementsRetry(total=1, backoff_factor=0)
    session = CloudElementsSession(max_retries=policy, timeout=0.05)
    with pytest.raises(requests.ReadTimeout) as caught:
        session.get(silent_server)
    assert isinstance(caught.value.args[0], MaxRetryError)
    if hasattr(caught.value, "add_note"):  # not on Python 3.10
        title, *lines = caught.value.__notes__[0].split("\n")
        assert title == "Gave up after 2 attempts."
        assert [line[:11] for line in lines] == ["  attempt 1", "  attempt 2"]


def test_hooks_get_the_keywords_of_requests(platform):
    """A hook of the user's sees what requests gives to hooks."""
    seen = []
    session = CloudElementsSession()
    session.hooks["response"].append(lambda _response, **kwargs: seen.append(kwargs))
    platform.reply(409)
    with pytest.raises(ConflictError):
        session.get(platform.url, timeout=9)
    assert seen[0]["timeout"] == 9


def test_the_password_of_a_proxy(platform):
    """It stays out of the error, also with a policy of urllib3's."""
    session = requests.Session()
    session.mount("http://", CloudElementsAdapter(max_retries=Retry(0)))
    platform.reply(409, provider_message="seen: pr0xypass")
    proxy = platform.url.replace("//", "//me:pr0xypass@")
    with pytest.raises(ConflictError) as caught:
        session.get("http://api.example/contacts", proxies={"http": proxy})
    assert caught.value.provider_message == "seen: [redacted]"


def test_on_error_where_a_mock_replaces_send():
    """A session whose send() was replaced still calls on_error."""
    seen = []
    session = CloudElementsSession(on_error=seen.append)
    session.send = lambda *_args, **_kwargs: response(409)
    with pytest.raises(ConflictError) as caught:
        session.get("https://api.example/contacts")
    assert seen == [caught.value]


def test_positional_arguments_of_resolve_redirects(monkeypatch):
    """resolve_redirects() passes all on to requests."""
    seen = []
    monkeypatch.setattr(
        requests.Session,
        "resolve_redirects",
        lambda _self, *args, **kwargs: seen.append((args, kwargs)),
    )
    plain = response(200)
    CloudElementsSession().resolve_redirects(plain, plain.request, True, timeout=5)
    assert seen == [((plain, plain.request, True), {"timeout": 5})]


# patch_requests


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
                "a prefix must be an http or https URL of one host (* is no pattern), "
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


# translate_errors


class ClientError(Exception):
    """What somebody's client raises."""


def test_an_exception_that_cannot_be_looked_at():
    """A client's exception whose attributes raise reaches the caller as it is."""

    class OddError(ClientError):
        @property
        def args(self):
            raise RuntimeError

    with pytest.raises(OddError), translate_errors():
        raise OddError


def test_a_carrier_that_only_looks_like_a_response():
    """What cannot be read is passed over, and the next one counts."""

    class Fake:
        status = 409
        headers = 5

    error = ClientError(response(502))
    error.response = Fake()
    with pytest.raises(FailedRequestError), translate_errors():
        raise error


def test_a_body_under_the_name_of_kiota():
    """Some clients call the body raw_bytes."""
    error = ClientError()
    error.status_code = 409
    error.raw_bytes = b'{"message": "exists", "requestId": "17"}'
    with pytest.raises(ConflictError) as caught, translate_errors():
        raise error
    assert caught.value.request_id == "17"
    assert (caught.value.method, caught.value.url) == (None, None)


def test_a_generator_is_refused():
    """The message says what is wrong, and what to do."""

    def generator():
        yield

    with pytest.raises(TypeError) as caught:
        translate_errors()(generator)
    assert str(caught.value) == (
        "translate_errors() cannot decorate a generator: its body runs later. Use a "
        "with block inside the function"
    )


def test_a_translation_is_an_error_of_ours():
    """The error of a copy has its own class."""
    original = error_from_parts(409)
    assert original is not None
    error = ClientError()
    error.__cause__ = original
    with pytest.raises(CloudElementsError) as caught, translate_errors():
        raise error
    assert caught.value is not original
    assert caught.value.__cause__ is error
