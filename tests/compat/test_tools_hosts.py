"""Tools that change requests or urllib3: mocks, caches, logins, TLS, adapters."""

from __future__ import annotations

import base64
import http.server
import json
import os
import ssl
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_cache
import spnego
import trustme
import urllib3
from httmock import HTTMock, all_requests
from requests_ntlm import HttpNtlmAuth
from requests_toolbelt.adapters.source import SourceAddressAdapter
from urllib3.contrib import pyopenssl

import cloud_elements_errors
from cloud_elements_errors import (
    CloudElementsAdapter,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    NotFoundError,
    UnauthorizedError,
    patch_requests,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloud_elements_errors.testing import FakeCloudElements


class Server(http.server.ThreadingHTTPServer):
    """An HTTP/1.1 server on loopback; its handler lives as long as a connection."""

    daemon_threads = True
    scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with JSON, in one piece."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet

    def answer(self, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None: ...


@contextmanager
def serving(handler: type[Handler]) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


# HTTMock: it replaces requests.Session.send


@all_requests
def missing(_url: Any, _request: Any) -> dict[str, Any]:
    return {"status_code": 404, "content": {"message": "No such contact"}}


@all_requests
def not_mine(_url: Any, _request: Any) -> None:
    return None


def test_httmock_raises_in_our_session():
    """What it answers is checked, although no adapter was asked."""
    with (
        HTTMock(missing),
        CloudElementsSession() as session,
        pytest.raises(NotFoundError, match="No such contact"),
    ):
        session.get("https://api.cloud-elements.com/elements/api-v2/contacts/17")


def test_httmock_lets_pass_what_is_not_its_own(platform: FakeCloudElements):
    """The request goes to the server, with errors and retries as ever."""
    platform.reply(502)
    platform.reply(409)
    seen = []
    with (
        HTTMock(not_mine),
        CloudElementsSession(on_error=seen.append) as session,
        pytest.raises(ConflictError) as caught,
    ):
        session.get(platform.url)
    assert [one.status_code for one in caught.value.attempts] == [502, 409]
    assert seen == [caught.value]


# requests-cache: it replaces the name requests.Session


@pytest.fixture
def cached() -> Iterator[None]:
    """A cache for every session that is made by this name."""
    requests_cache.install_cache(backend="memory")
    yield
    requests_cache.uninstall_cache()


@pytest.mark.usefixtures("cached")
def test_install_cache_and_a_patch(platform: FakeCloudElements):
    """Errors are typed and never cached; successes come from the cache."""
    platform.reply(404)
    platform.reply(200, body=[1])
    with patch_requests(platform.url):
        with pytest.raises(NotFoundError):
            requests.get(platform.url, timeout=5)
        for _ in range(3):
            assert requests.get(platform.url, timeout=5).json() == [1]
    assert len(platform.requests) == 2


@pytest.fixture
def _no_cache() -> Iterator[None]:
    """Whatever a test did, requests has its own sessions again."""
    yield
    requests_cache.uninstall_cache()


@pytest.mark.usefixtures("_no_cache")
@pytest.mark.parametrize("first", ["patch", "cache"])
def test_sessions_made_before_install_cache_are_patched(
    platform: FakeCloudElements, first: str
):
    """The patch is on the class, whatever the name says; and it leaves no trace."""
    platform.reply(404, times=9)
    original = requests.Session
    before = original.get_adapter
    with requests.Session() as session:
        if first == "cache":
            requests_cache.install_cache(backend="memory")
        with patch_requests(platform.url):
            if first == "patch":
                requests_cache.install_cache(backend="memory")
            with pytest.raises(NotFoundError):
                session.get(platform.url)
            with pytest.raises(NotFoundError):
                requests.get(platform.url, timeout=5)
            requests_cache.uninstall_cache()
        assert session.get(platform.url).status_code == 404
    assert requests.Session is original
    assert original.get_adapter is before


# requests-ntlm: a login belongs to a connection

USERS = {"alice": "pass-word-17", "bob": "pass-word-18"}


class Ntlm(Handler):
    """Logs each connection in, and says as whom."""

    user: str | None = None
    login: Any = None

    def do_GET(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if self.user is None and kind == "NTLM":
            self.log_in(base64.b64decode(token))
        elif self.user is None:
            self.answer(401, {"message": "Log in"}, WWW_Authenticate="NTLM")
        else:
            self.answer_logged_in()

    def log_in(self, token: bytes) -> None:
        if self.login is None:
            self.login = spnego.server(protocol="ntlm")
        try:
            reply = self.login.step(token)
        except spnego.exceptions.SpnegoError:
            self.login = None
            self.answer(401, {"message": "Wrong password"}, WWW_Authenticate="NTLM")
            return
        if self.login.complete:
            self.user = self.login.client_principal.rpartition("\\")[2].lower()
            self.answer_logged_in()
        else:
            challenge = base64.b64encode(reply).decode()
            self.answer(401, {}, WWW_Authenticate=f"NTLM {challenge}")

    def answer_logged_in(self) -> None:
        status = 409 if self.path == "/taken" else 200
        self.answer(status, {"message": f"for {self.user}", "user": self.user})


@pytest.fixture
def ntlm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server with two users."""
    lines = [f"HOME:{user}:{password}" for user, password in USERS.items()]
    (tmp_path / "users").write_text("\n".join(lines))
    monkeypatch.setenv("NTLM_USER_FILE", str(tmp_path / "users"))
    with serving(Ntlm) as server:
        yield server.url


def login(user: str, password: str | None = None) -> HttpNtlmAuth:
    return HttpNtlmAuth(f"HOME\\{user}", password or USERS[user])


@pytest.mark.parametrize("mounted", [False, True], ids=["session", "mounted"])
def test_ntlm_logs_in(ntlm: str, *, mounted: bool):
    """The 401s of its handshake raise nothing, and errors afterwards are typed."""
    with requests.Session() if mounted else CloudElementsSession() as session:
        if mounted:
            session.mount("http://", CloudElementsAdapter())
        session.auth = login("alice")
        assert session.get(ntlm).json()["user"] == "alice"
        with pytest.raises(ConflictError, match="for alice"):
            session.get(f"{ntlm}/taken")


def test_ntlm_with_a_wrong_password(ntlm: str):
    """The last 401 is the error, and the password is nowhere in it."""
    with (
        CloudElementsSession() as session,
        pytest.raises(UnauthorizedError, match="Wrong password") as caught,
    ):
        session.get(ntlm, auth=login("alice", "wrong-pass-99"))
    assert "wrong-pass-99" not in json.dumps(caught.value.to_dict())


def test_ntlm_keeps_the_sessions_of_a_patch_apart(ntlm: str):
    """Bob is never served on a connection that alice has logged in."""
    with patch_requests(ntlm), requests.Session() as alice, requests.Session() as bob:
        alice.auth, bob.auth = login("alice"), login("bob")
        for _ in range(2):
            assert alice.get(ntlm).json()["user"] == "alice"
            assert bob.get(ntlm).json()["user"] == "bob"


# pyOpenSSL under urllib3


class Failing(Handler):
    """Fails once with 502, then with 409; sends the body after the head."""

    wbufsize = 0
    statuses: tuple[int, ...] = (502, 409)
    arrived: list[str]

    def do_GET(self) -> None:
        self.arrived.append(self.path)
        status = self.statuses[min(len(self.arrived), len(self.statuses)) - 1]
        self.answer(status, {"message": "Exists", "requestId": "5a1"})


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with TLS; urllib3 uses pyOpenSSL meanwhile."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    handler = type("TlsHandler", (Failing,), {"arrived": []})
    with serving(handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
        pyopenssl.inject_into_urllib3()
        yield server
        pyopenssl.extract_from_urllib3()


def test_pyopenssl_loses_no_body(tls: Server):
    """Its sockets are not Python's; the words are there all the same."""
    assert urllib3.util.IS_PYOPENSSL
    with CloudElementsSession() as session, pytest.raises(ConflictError) as caught:
        session.get(tls.url, timeout=30)
    assert (caught.value.message, caught.value.request_id) == ("Exists", "5a1")
    assert not caught.value.truncated
    assert [one.request_id for one in caught.value.attempts] == ["5a1", "5a1"]


def test_pyopenssl_refuses_a_certificate_once(
    tls: Server, monkeypatch: pytest.MonkeyPatch
):
    """A certificate does not get better by trying again."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with (
        CloudElementsSession() as session,
        pytest.raises(requests.exceptions.SSLError) as caught,
    ):
        session.get(tls.url, timeout=30)
    retries = cloud_elements_errors.retries_of(caught.value)
    assert len(retries.attempts) == 1
    assert retries.stopped_by == "certificate"


# A host adapter, combined with ours, and forked


class BoundAdapter(SourceAddressAdapter, CloudElementsAdapter):
    """Does what both do; the host's class comes first."""


class Peers(Handler):
    """Tells from where a connection comes, after one 502 for each path."""

    failed: set[str]

    def do_GET(self) -> None:
        host, port = self.client_address[:2]
        failed = self.path in self.failed
        self.failed.add(self.path)
        self.answer(200 if failed else 502, {"host": host, "port": port})


@pytest.fixture
def peers() -> Iterator[str]:
    """The URL of a server that tells from where it is asked."""
    with serving(type("PeersHandler", (Peers,), {"failed": set()})) as server:
        yield server.url


@pytest.fixture
def bound() -> Iterator[requests.Session]:
    """A session whose connections come from another address of loopback."""
    with requests.Session() as session:
        session.mount("http://", BoundAdapter("127.0.0.2", max_retries=1))
        yield session


def test_a_host_adapter_combined_with_ours(peers: str, bound: requests.Session):
    """Its pools and our retries, over one connection."""
    answers = [bound.get(f"{peers}/{number}").json() for number in range(3)]
    assert {answer["host"] for answer in answers} == {"127.0.0.2"}
    assert len({answer["port"] for answer in answers}) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_host_adapter_keeps_its_settings_in_a_fork(
    peers: str, bound: requests.Session
):
    """The child has connections of its own, from the same address."""
    before = bound.get(f"{peers}/before").json()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - in the child
        try:
            os.write(writing, bound.get(f"{peers}/child").content)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        in_child = json.load(pipe)
    assert in_child["host"] == before["host"] == "127.0.0.2"
    assert in_child["port"] != before["port"]
    assert bound.get(f"{peers}/before").json() == before


def test_a_host_adapter_combined_with_ours_raises(
    platform: FakeCloudElements, bound: requests.Session
):
    """With the policy that it was given."""
    platform.reply(502, times=9)
    with pytest.raises(FailedRequestError) as caught:
        bound.get(platform.url)
    assert len(caught.value.attempts) == len(platform.requests) == 2
