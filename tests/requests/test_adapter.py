"""The adapter, mounted on a session that is not ours."""

from __future__ import annotations

import copy
import gc
import io
import logging
import pickle
import socket
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    retries_of,
)
from cloud_elements_errors.testing import no_wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_elements_errors.testing import FakeCloudElements

heard: list[CloudElementsError] = []


def see(error: CloudElementsError) -> None:
    heard.append(error)


@pytest.fixture(autouse=True)
def _forget() -> None:
    heard.clear()


def test_is_an_http_adapter() -> None:
    """It goes wherever requests takes an adapter."""
    assert isinstance(CloudElementsAdapter(), HTTPAdapter)


def test_other_prefixes_are_left_alone(platform: FakeCloudElements) -> None:
    """Mounted on a prefix, it says nothing about what is not under it (trap 5)."""
    platform.reply(404, times=3)
    with requests.Session() as session:
        session.mount(platform.url + "/elements/", CloudElementsAdapter())
        assert session.get(platform.url + "/other").status_code == 404
        assert session.get(platform.url + "/elements").status_code == 404
        with pytest.raises(NotFoundError):
            session.get(platform.url + "/elements/api-v2")


def test_longer_prefix_wins(platform: FakeCloudElements) -> None:
    """requests picks the longest prefix: a plain adapter there hides ours."""
    platform.reply(404, times=2)
    with requests.Session() as session:
        session.mount(platform.url + "/", CloudElementsAdapter())
        session.mount(platform.url + "/plain/", HTTPAdapter())
        assert session.get(platform.url + "/plain/x").status_code == 404
        with pytest.raises(NotFoundError):
            session.get(platform.url + "/x")


@pytest.mark.parametrize(
    ("passthrough", "raised"),
    [
        ((), [404, 429, 500, 502]),
        ([404, 429], [500, 502]),
        (range(400, 600), []),
        (frozenset({502}), [404, 429, 500]),
    ],
    ids=["none", "list", "range", "frozenset"],
)
def test_passthrough(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    passthrough: Any,
    raised: list[int],
) -> None:
    """These statuses come back as plain responses, unread; on_error hears nothing."""
    session = make_session(max_retries=0, passthrough=passthrough, on_error=see)
    errors = []
    for status in (404, 429, 500, 502):
        platform.reply(status, message="m")
        try:
            response = session.get(platform.url, stream=True)
        except CloudElementsError as error:
            errors.append(error)
        else:
            assert response.status_code == status
            assert response._content is False
            assert response.json()["message"] == "m"
    assert [error.status_code for error in errors] == raised
    assert heard == errors


def test_passthrough_leaves_the_retries(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """Passing all is retries only: the last answer comes back, readable."""
    session = make_session(max_retries=2, passthrough=range(400, 600))
    platform.reply(502, message="first", times=2)
    platform.reply(502, message="last")
    assert session.get(platform.url).json()["message"] == "last"
    assert len(platform.requests) == 3
    platform.reply(500)
    assert session.get(platform.url).status_code == 200


def test_on_error_is_called_before_the_error_is_raised(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """Once for each error that is raised, not for those that a retry healed."""
    session = make_session(on_error=see)
    platform.reply(502)
    assert session.get(platform.url).ok
    assert heard == []
    platform.reply(404)
    with pytest.raises(NotFoundError) as caught:
        session.get(platform.url)
    assert heard == [caught.value]


def test_on_error_that_raises(
    make_session: Callable[..., requests.Session],
    platform: FakeCloudElements,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged with its traceback, and the error is raised all the same."""

    def broken(error: CloudElementsError) -> None:
        raise LookupError("mine")

    platform.reply(404)
    with pytest.raises(NotFoundError) as caught:
        make_session(on_error=broken).get(platform.url)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("cloud_elements_errors", logging.ERROR)
    assert record.getMessage() == "on_error failed, and is ignored"
    assert isinstance(record.exc_info[1], LookupError)
    assert caught.value.__cause__ is None


def test_on_error_may_stop_the_program(
    make_session: Callable[..., requests.Session], platform: FakeCloudElements
) -> None:
    """Ctrl-C in it is no failure of it."""

    def interrupted(error: CloudElementsError) -> None:
        raise KeyboardInterrupt

    platform.reply(404)
    with pytest.raises(KeyboardInterrupt):
        make_session(on_error=interrupted).get(platform.url)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"max_retries": -1}, ValueError, "max_retries must be 0 or more, not -1"),
    ({"max_retries": 1.5}, TypeError, "max_retries must be an integer, a urllib3"),
    ({"max_retries": True}, TypeError, "max_retries must be an integer, a urllib3"),
    ({"passthrough": 404}, TypeError, "passthrough must be a collection of statuses"),
    ({"passthrough": 404}, TypeError, "passthrough must be a collection of statuses"),
    ({"passthrough": "404"}, TypeError, "passthrough must be a collection of statuses"),
    ({"passthrough": b"404"}, TypeError, "passthrough must be a collection"),
    ({"passthrough": iter([404])}, TypeError, "passthrough must be a collection"),
    (
        {"passthrough": ["404"]},
        TypeError,
        "a status in passthrough must be an integer, not '404'",
    ),
    (
        {"passthrough": [True]},
        TypeError,
        "a status in passthrough must be an integer, not True",
    ),
    (
        {"passthrough": [404.0]},
        TypeError,
        "a status in passthrough must be an integer, not 404.0",
    ),
    (
        {"passthrough": [399]},
        ValueError,
        "a status in passthrough must be from 400 to 999",
    ),
    (
        {"passthrough": [1000]},
        ValueError,
        "a status in passthrough must be from 400 to 999",
    ),
    ({"on_error": 5}, TypeError, "on_error must be callable or None, not 5"),
    ({"pool_connections": "9"}, TypeError, "pool_connections must be an integer"),
    ({"pool_connections": 0}, ValueError, "pool_connections must be 1 or more"),
    ({"pool_maxsize": True}, TypeError, "pool_maxsize must be an integer, not True"),
    ({"pool_maxsize": -1}, ValueError, "pool_maxsize must be 1 or more, not -1"),
    ({"pool_block": "no"}, TypeError, "pool_block must be True or False, not 'no'"),
    ({"pool_size": 5}, TypeError, "unexpected keyword argument 'pool_size'"),
]


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    WRONG,
)
def test_wrong_argument(
    settings: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """A setting that makes no sense is refused by name when the adapter is made."""
    with pytest.raises(kind, match=message):
        CloudElementsAdapter(**settings)


def test_all_statuses_of_errors_can_be_passed_through() -> None:
    """HTTP's statuses have three digits, so 999 is the last."""
    assert CloudElementsAdapter(passthrough=[400, 999]).passthrough == {400, 999}


def test_max_retries_makes_the_policy() -> None:
    """None is our policy, n is n further attempts under it, a Retry is itself."""
    assert type(CloudElementsAdapter().max_retries) is CloudElementsRetry
    assert CloudElementsAdapter().max_retries.total == 3
    assert CloudElementsAdapter(max_retries=5).max_retries.total == 5
    assert CloudElementsAdapter(max_retries=0).max_retries.total == 0
    ours = CloudElementsRetry(7)
    assert CloudElementsAdapter(max_retries=ours).max_retries is ours
    theirs = Retry(7, raise_on_status=False)
    assert CloudElementsAdapter(max_retries=theirs).max_retries is theirs


@pytest.mark.parametrize("cls", [Retry, CloudElementsRetry])
def test_policy_that_would_lose_the_answer(cls: Any, platform: FakeCloudElements):
    """raise_on_status is false, so no RetryError hides the last answer (trap 6)."""
    policy = cls(1, status_forcelist=[502], raise_on_status=True)
    adapter = CloudElementsAdapter(max_retries=policy)
    assert type(adapter.max_retries) is cls
    platform.reply(502, provider_message="p", times=2)
    with requests.Session() as session:
        session.mount("http://", adapter)
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert [attempt.status_code for attempt in caught.value.attempts] == [502, 502]
    assert caught.value.provider_message == "p"
    assert policy.raise_on_status


def test_attempts_of_a_plain_retry(platform: FakeCloudElements) -> None:
    """Under a plain urllib3 Retry the attempts are those of its history (trap 7)."""
    policy = Retry(3, status_forcelist=[500, 502], backoff_factor=0)
    for status in (502, 500, 404):
        platform.reply(status)
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
        with pytest.raises(NotFoundError) as caught:
            session.get(platform.url)
    attempts = caught.value.attempts
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert [attempt.status_code for attempt in attempts] == [502, 500, 404]
    assert caught.value.stopped_by is None


def test_parameters_are_those_of_the_http_adapter() -> None:
    """Code that made an HTTPAdapter by position makes ours in the same way."""
    adapter = CloudElementsAdapter(20, 30, 5, True)
    assert (adapter._pool_connections, adapter._pool_maxsize) == (20, 30)
    assert (adapter.max_retries.total, adapter._pool_block) == (5, True)


class Custom(Retry):
    """A policy of somebody else, that its constructor does not rebuild."""

    def __init__(self, account: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account = account

    def new(self, **kwargs: Any) -> Retry:
        return Custom(self.account, **{"total": self.total, **kwargs})


def test_a_foreign_policy_is_copied_and_not_rebuilt(
    platform: FakeCloudElements,
) -> None:
    """What its constructor wants beside urllib3's parameters is no business of ours."""
    policy = Custom("ada", total=1, status_forcelist={502}, backoff_factor=0)
    adapter = CloudElementsAdapter(max_retries=policy)
    assert policy.raise_on_status
    assert not adapter.max_retries.raise_on_status
    assert vars(adapter.max_retries)["account"] == "ada"
    with requests.Session() as session:
        session.mount("http://", adapter)
        platform.reply(502, times=2)
        with pytest.raises(FailedRequestError):
            session.get(platform.url)


FOREIGN: dict[str, tuple[Retry, int]] = {
    "no retries": (Retry(0, read=False), 1),
    "retries": (Retry(2, backoff_factor=0), 3),
    "connect is False": (Retry(2, connect=False), 1),
    "ours, False": (CloudElementsRetry(False), 1),
    "ours, connect is False": (CloudElementsRetry(connect=False), 1),
    "ours": (CloudElementsRetry(2, backoff_factor=0), 3),
}


@pytest.mark.parametrize(("policy", "count"), FOREIGN.values(), ids=FOREIGN)
def test_attempts_of_a_network_failure(policy: Retry, count: int) -> None:
    """With any policy, requests' own exception comes with its attempts."""
    with socket.socket() as taken, requests.Session() as session:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    retries = retries_of(caught.value)
    assert [attempt.number for attempt in retries.attempts] == [*range(1, count + 1)]
    assert all("refused" in (attempt.error or "") for attempt in retries.attempts)
    ours = isinstance(policy, CloudElementsRetry)
    assert retries.stopped_by == ("attempts" if ours else None)


def test_connect_timeout_with_a_false_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that takes too long is requests' ConnectionError."""

    def slow(*_: object, **__: object) -> None:
        raise urllib3.exceptions.ConnectTimeoutError("too slow")

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "_make_request", slow)
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter(max_retries=Retry(connect=False)))
        with pytest.raises(requests.ConnectionError) as caught:
            session.get("http://127.0.0.1/")
    assert caught.value.request.url == "http://127.0.0.1/"


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("foreign", [False, True], ids=["ours", "theirs"])
def test_a_network_failure_is_freed_at_once(retries: int, *, foreign: bool) -> None:
    """No cycle of ours keeps it for the collector, nor the frames that it holds."""
    policy = Retry(retries) if foreign else CloudElementsRetry(retries)
    with socket.socket() as taken, requests.Session() as session, no_wait():
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
        gc.collect()
        gc.disable()
        try:
            try:
                session.get(url)
            except requests.ConnectionError as error:
                gone = weakref.ref(error)
            assert gone() is None
        finally:
            gc.enable()


def test_failed_attempt_before_an_answer_under_a_plain_retry(raw_server: Any) -> None:
    """A broken connection is an attempt with its text, and no status."""
    server = raw_server(
        lambda connection: (
            connection.sendall(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")
            if len(server.heads) > 1
            else None
        )
    )
    with requests.Session() as session:
        policy = Retry(3, backoff_factor=0)
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
        with pytest.raises(NotFoundError) as caught:
            session.get(server.url)
    first, last = caught.value.attempts
    assert (first.number, first.status_code) == (1, None)
    assert "Connection" in first.error
    assert (last.number, last.status_code, last.error) == (2, 404, None)


def notes_of(error: Exception) -> list[str] | None:
    """Return the notes of an exception; None on Python 3.10, which has none."""
    return getattr(error, "__notes__", [] if hasattr(error, "add_note") else None)


def test_network_failure_after_an_answer(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """The ConnectionError passes, with the attempts on it and in a note (trap 15)."""
    body = b'{"providerMessage": "down"}'
    server = raw_server(
        lambda connection: (
            connection.sendall(
                b"HTTP/1.1 502 x\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            if len(server.heads) == 1
            else None
        )
    )
    policy = CloudElementsRetry(1, backoff_factor=0)
    with pytest.raises(requests.ConnectionError) as caught:
        make_session(max_retries=policy).get(server.url)
    first, last = caught.value.attempts
    assert (first.status_code, first.provider_message) == (502, "down")
    assert last.status_code is None
    assert last.error
    assert caught.value.stopped_by == "attempts"
    notes = notes_of(caught.value)
    if notes is not None:
        [note] = notes
        title, *lines = note.split("\n")
        assert title == "Gave up after 2 attempts: no retries left."
        assert lines[0].startswith("  attempt 1: 502 | provider: down")
        assert lines[1].startswith("  attempt 2: ")


def test_network_failure_of_a_post(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """It says why there was no retry: the server may have done the work."""
    with pytest.raises(requests.ConnectionError) as caught:
        make_session().post(raw_server(b"").url)
    assert caught.value.stopped_by == "method"
    why = "Not retried: a repeated POST could do its work twice."
    assert notes_of(caught.value) in ([why], None)


def test_network_failure_before_the_first_attempt(
    make_session: Callable[..., requests.Session],
) -> None:
    """A request that cannot be sent has no attempts, and nothing stopped them."""
    with pytest.raises(requests.exceptions.InvalidProxyURL) as caught:
        make_session().get("http://127.0.0.1/", proxies={"http": "http:///"})
    assert caught.value.attempts == ()
    assert caught.value.stopped_by is None
    assert not hasattr(caught.value, "__notes__")


def test_failure_that_urllib3_does_not_show_to_the_policy(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """urllib3 raises for a success with two lengths; the note has what came before."""
    bad = b"HTTP/1.1 200 x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc"
    failed = b"HTTP/1.1 502 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    server = raw_server(
        lambda connection: connection.sendall(failed if len(server.heads) < 2 else bad)
    )
    policy = CloudElementsRetry(backoff_factor=0)
    with pytest.raises(requests.RequestException) as caught:
        make_session(max_retries=policy).get(server.url)
    assert [attempt.status_code for attempt in caught.value.attempts] == [502]
    assert caught.value.stopped_by is None
    note = "Earlier attempts:\n  attempt 1: 502: x"
    assert notes_of(caught.value) in ([note], None)


def test_read_timeout_stays_a_timeout(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """After retries too a read timeout is requests' ReadTimeout, not another error."""
    server = raw_server(lambda connection: connection.recv(1))
    policy = CloudElementsRetry(1, backoff_factor=0)
    with pytest.raises(requests.ReadTimeout) as caught:
        make_session(max_retries=policy).get(server.url, timeout=0.05)
    assert [attempt.status_code for attempt in caught.value.attempts] == [None, None]
    assert caught.value.request.url == server.url
    assert len(server.heads) == 2


def test_network_failure_without_a_retry(
    make_session: Callable[..., requests.Session], raw_server: Any
) -> None:
    """With one attempt there is nothing to note."""
    with pytest.raises(requests.ConnectionError) as caught:
        make_session(max_retries=0).get(raw_server(b"").url)
    assert len(caught.value.attempts) <= 1
    assert not hasattr(caught.value, "__notes__")


def test_error_without_a_cause_from_urllib3(
    make_session: Callable[..., requests.Session],
) -> None:
    """What requests refuses before it connects passes as it is."""
    with pytest.raises(requests.exceptions.InvalidURL):
        make_session().get("http://127.0.0.1:99999/")


COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies_keep_their_settings(
    platform: FakeCloudElements, duplicate: Callable[[Any], Any]
) -> None:
    """An adapter that was pickled or copied works, with every setting it had."""
    original = CloudElementsAdapter(
        max_retries=2, passthrough={404}, on_error=see, pool_maxsize=1, pool_block=True
    )
    adapter = duplicate(original)
    original.close()
    assert adapter.passthrough == {404}
    assert (adapter._pool_maxsize, adapter._pool_block) == (1, True)
    with requests.Session() as session:
        session.mount("http://", adapter)
        platform.reply(404)
        assert session.get(platform.url, stream=True).json()
        platform.reply(502, times=3)
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert len(caught.value.attempts) == 3
    assert heard == [caught.value]


def test_policy_while_a_request_is_sent(platform: FakeCloudElements) -> None:
    """A request has its own policy; that of the adapter does not change meanwhile."""
    platform.reply(502, method="GET", times=2)
    platform.reply(502, method="PUT")
    adapter = CloudElementsAdapter()
    policy = adapter.max_retries
    other_adapter = CloudElementsAdapter()
    other = CloudElementsRetry()
    answers: list[urllib3.BaseHTTPResponse] = []
    inside: list[Retry] = []

    def body() -> Any:
        inside.append(adapter.max_retries)
        inside.append(other_adapter.max_retries)
        with urllib3.PoolManager() as pool:
            answers.append(pool.request("GET", platform.url, retries=other))
        yield b"body"

    with requests.Session() as session:
        session.mount("http://", adapter)
        with pytest.raises(FailedRequestError) as caught:
            session.put(platform.url, data=body())
    assert caught.value.stopped_by == "body"
    assert len(caught.value.attempts) == 1
    assert answers[0].status == 200
    assert isinstance(answers[0].retries, CloudElementsRetry)
    assert len(answers[0].retries.attempts) == 2
    assert isinstance(policy, CloudElementsRetry)
    assert policy.attempts == other.attempts == ()
    assert adapter.max_retries is policy
    assert inside[0] is policy
    assert inside[1] is other_adapter.max_retries


def test_a_policy_that_is_set_while_a_request_is_on_its_way(
    platform: FakeCloudElements,
) -> None:
    """The request goes on with the policy that it began with, which knows its body."""

    class Changing(CloudElementsAdapter):
        def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
            self.max_retries = CloudElementsRetry(5)  # as another thread might

    platform.reply(502)
    with requests.Session() as session:
        session.mount("http://", Changing())
        with pytest.raises(FailedRequestError) as caught:
            session.put(platform.url, data=iter([b"payload"]))
    assert caught.value.stopped_by == "body"
    assert [request.body for request in platform.requests] == [b"payload"]


def test_pools_of_somebodys_own(platform: FakeCloudElements) -> None:
    """requests documents how a subclass makes its pools: without ours."""

    class Own(CloudElementsAdapter):
        def init_poolmanager(self, *_: Any, **__: Any) -> None:
            self.poolmanager = urllib3.PoolManager()

    platform.reply(409)
    with requests.Session() as session:
        session.mount("http://", Own())
        with pytest.raises(ConflictError):
            session.get(platform.url)


def test_a_policy_that_was_made_for_another_request(
    platform: FakeCloudElements,
) -> None:
    """An adapter knows its requests better than who made the policy."""
    platform.reply(502, times=4)
    policy = CloudElementsRetry(1, backoff_factor=0).for_request(iter("x"))
    with requests.Session() as session:
        session.mount("http://", CloudElementsAdapter(max_retries=policy))
        for _ in range(2):
            with pytest.raises(FailedRequestError) as caught:
                session.get(platform.url)
            assert caught.value.stopped_by == "attempts"
            assert len(caught.value.attempts) == 2
    assert policy.attempts == ()


def test_settings_that_change_later(platform: FakeCloudElements) -> None:
    """The policy can be replaced, as on any HTTPAdapter."""
    adapter = CloudElementsAdapter()
    adapter.max_retries = CloudElementsRetry(0)
    platform.reply(502)
    with requests.Session() as session:
        session.mount("http://", adapter)
        with pytest.raises(FailedRequestError) as caught:
            session.get(platform.url)
    assert len(caught.value.attempts) == 1


def test_a_policy_that_is_set_later_is_taken_like_one_given_at_first():
    """As with requests' own adapter, but the last answer is never lost."""
    adapter = CloudElementsAdapter()
    adapter.max_retries = Retry(5)
    assert adapter.max_retries.raise_on_status is False
    with pytest.raises(TypeError, match="max_retries must be an integer"):
        adapter.max_retries = "5"


@pytest.fixture
def silent_server():
    """A server that accepts connections, and never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_the_adapter_takes_positional_arguments(platform):
    """As HTTPAdapter.send does: stream, then the timeout."""
    request = requests.Request("GET", platform.url).prepare()
    with pytest.raises(ValueError, match=r"[Tt]imeout"):
        CloudElementsAdapter().send(request, False, "soon")


def test_an_adapter_whose_responses_are_made_by_hand():
    """A transport below ours may never touch the network."""

    class Local(HTTPAdapter):
        def send(self, request, *args, **kwargs):
            made = requests.Response()
            made.status_code = 409
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


def test_a_new_adapter_keeps_its_pools(platform):
    """Sending does not make them again."""
    adapter = CloudElementsAdapter()
    pools = adapter.poolmanager
    adapter.send(requests.Request("GET", platform.url).prepare())
    assert adapter.poolmanager is pools


def test_the_number_of_pools_is_the_one_of_the_setting():
    """As for HTTPAdapter, the oldest pool goes first."""
    adapter = CloudElementsAdapter(pool_connections=2)
    for host in "abc":
        adapter.poolmanager.connection_from_host(host)
    assert len(adapter.poolmanager.pools) == 2


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
        assert title == "Gave up after 2 attempts: no retries left."
        assert [line[:11] for line in lines] == ["  attempt 1", "  attempt 2"]


def test_attempts_of_a_plain_retry_have_no_failure(platform):
    """An attempt that was answered has no network failure."""
    platform.reply(502, times=2)
    retry = Retry(total=1, status_forcelist=[502], backoff_factor=0)
    session = CloudElementsSession(max_retries=retry)
    with session, pytest.raises(FailedRequestError) as caught:
        session.get(platform.url)
    assert [attempt.error for attempt in caught.value.attempts] == [None, None]
