"""A real nginx in front: the pages that it answers with, and how often it is asked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
from urllib3.util.wait import wait_for_read

from cloud_elements_errors import (
    NORMALIZED_ERRORS,
    CloudElementsError,
    CloudElementsSession,
    ConflictError,
    FailedRequestError,
    UnlistedStatusError,
)
from cloud_elements_errors.testing import FakeCloudElements, no_wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Distributions install it where only root looks.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors crit;
events {{ worker_connections 64; }}
http {{
    log_format arrivals "$request_method $uri $status";
    access_log {folder}/arrivals arrivals;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    limit_req_zone $server_port zone=all:1m rate=1r/m;
    limit_req_status 429;
    server {{
        listen {address} reuseport;
        location /api {{ proxy_pass {platform}; }}
        location /dead {{ proxy_pass {dead}; }}
        location /zipped {{
            proxy_pass {dead};
            gzip on;
            gzip_min_length 1;
        }}
        location /slow {{
            proxy_pass {slow};
            proxy_read_timeout 100ms;
        }}
        location /limited {{
            limit_req zone=all;
            proxy_pass {platform};
        }}
        location /limited_with_date {{
            limit_req zone=all;
            proxy_pass {platform};
            add_header Retry-After 1 always;
        }}
        location /small {{
            client_max_body_size 1k;
            proxy_pass {platform};
        }}
        location /moved {{ return 308 /api/contacts; }}
        location /moved_to_dead {{ return 307 /dead; }}
        location /idle {{
            keepalive_timeout 1ms;
            proxy_pass {platform};
        }}
    }}
}}
"""


class Gateway(NamedTuple):
    """An nginx, and the platform behind it."""

    url: str
    platform: FakeCloudElements
    folder: Path
    process: subprocess.Popen[bytes]

    def arrivals(self, expected: int) -> list[str]:
        """Return what has arrived, once the log has at least that many requests."""
        last = "GET /last 404"
        log: list[str] = []
        while len(log) < expected and self.process.poll() is None:
            requests.get(self.url + "/last", timeout=30)
            lines = (self.folder / "arrivals").read_text().splitlines()
            log = [line for line in lines if line != last]
        return log


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Open a socket that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def wait_until_it_listens(process: subprocess.Popen[bytes], address: Any) -> None:
    """Try until a connection is taken, or the process has ended."""
    while process.poll() is None:
        with suppress(ConnectionRefusedError):
            socket.create_connection(address).close()
            return
    pytest.fail(f"nginx has ended with {process.returncode}")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """An nginx on loopback; retries do not wait."""
    with ExitStack() as stack:
        platform = stack.enter_context(FakeCloudElements())
        # It keeps the port for nginx, and takes no connection itself.
        reserved = stack.enter_context(socket.socket())
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        slow = stack.enter_context(listening())
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))  # it does not listen, so it refuses
        host, dead_host, slow_host = (
            f"127.0.0.1:{one.getsockname()[1]}" for one in (reserved, dead, slow)
        )
        (tmp_path / "nginx.conf").write_text(
            CONFIGURATION.format(
                folder=tmp_path,
                address=host,
                platform=platform.url,
                dead=f"http://{dead_host}",
                slow=f"http://{slow_host}",
            )
        )
        process = subprocess.Popen(
            [str(NGINX), "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_until_it_listens(process, reserved.getsockname())
        stack.enter_context(no_wait())
        yield Gateway(f"http://{host}", platform, tmp_path, process)


def failure(method: str, url: str, **settings: Any) -> CloudElementsError:
    """Return the error of one request, after a look at its line."""
    with (
        CloudElementsSession() as session,
        pytest.raises(CloudElementsError) as caught,
    ):
        session.request(method, url, timeout=30, **settings)
    error = caught.value
    line = str(error)
    assert line.startswith(f"{error.status_code} {error.title}")
    assert "nginx" in line
    assert "<" not in line
    assert error.origin == "unknown"
    assert error.remedy
    return error


@pytest.mark.parametrize("path", ["/dead", "/zipped"])
def test_a_dead_upstream(gateway: Gateway, path: str) -> None:
    """Its 502 is retried, and the line has the words of its page, zipped or not."""
    error = failure("GET", gateway.url + path)
    assert isinstance(error, FailedRequestError)
    assert error.remedy == NORMALIZED_ERRORS[502].remedy
    assert "502 Bad Gateway" in error.text
    assert error.stopped_by == "attempts"
    assert gateway.arrivals(4) == [f"GET {path} 502"] * 4


def test_a_dead_upstream_gets_no_second_post(gateway: Gateway) -> None:
    """A POST may have done its work, whoever answers."""
    error = failure("POST", gateway.url + "/dead", json={"name": "Ada"})
    assert error.stopped_by == "method"
    assert gateway.arrivals(1) == ["POST /dead 502"]


def test_a_slow_upstream(gateway: Gateway) -> None:
    """Its 504 is not in the list: the reason is the server's, and there is one try."""
    error = failure("GET", gateway.url + "/slow")
    assert isinstance(error, UnlistedStatusError)
    assert (error.status_code, error.title) == (504, "Gateway Time-out")
    assert error.stopped_by == "status"
    assert gateway.arrivals(1) == ["GET /slow 504"]


def test_a_limit_of_requests(gateway: Gateway) -> None:
    """Without a Retry-After, nobody knows when to come back."""
    with CloudElementsSession() as session:
        session.get(gateway.url + "/limited", timeout=30)
    error = failure("GET", gateway.url + "/limited")
    assert (error.status_code, error.title) == (429, "Too Many Requests")
    assert error.retry_after is None
    assert gateway.arrivals(2) == ["GET /limited 200", "GET /limited 429"]


def test_a_limit_of_requests_that_says_when(gateway: Gateway) -> None:
    """With one, the same request is sent again after the wait."""
    with CloudElementsSession() as session:
        session.get(gateway.url + "/limited", timeout=30)
    error = failure("GET", gateway.url + "/limited_with_date")
    assert (error.status_code, error.retry_after) == (429, 1)
    assert [attempt.waited >= 1 for attempt in error.attempts[:-1]] == [True] * 3
    assert gateway.arrivals(5)[1:] == ["GET /limited_with_date 429"] * 4


def test_a_body_that_is_too_large(gateway: Gateway) -> None:
    """It is told, although nginx does not read the body to its end."""
    error = failure("PUT", gateway.url + "/small", data=b"x" * 1_000_000)
    assert error.status_code == 413
    assert error.title == error.response.reason
    assert gateway.arrivals(1) == ["PUT /small 413"]
    assert gateway.platform.requests == []


def test_a_redirect(gateway: Gateway) -> None:
    """The error is that of the place where the redirect leads."""
    gateway.platform.reply(409, provider_message="Exists")
    with (
        CloudElementsSession() as session,
        pytest.raises(ConflictError, match="Exists") as caught,
    ):
        session.post(gateway.url + "/moved", json={"name": "Ada"}, timeout=30)
    assert caught.value.url == gateway.url + "/api/contacts"
    assert gateway.arrivals(2) == ["POST /moved 308", "POST /api/contacts 409"]


def test_a_redirect_to_a_dead_upstream(gateway: Gateway) -> None:
    """A POST that is redirected is sent once to each place."""
    failure("POST", gateway.url + "/moved_to_dead", json={"name": "Ada"})
    assert gateway.arrivals(2) == ["POST /moved_to_dead 307", "POST /dead 502"]


def test_an_idle_connection_that_is_closed_before_a_post(gateway: Gateway) -> None:
    """The POST goes over a new connection, and arrives once."""
    url = gateway.url + "/idle"
    with CloudElementsSession() as session:
        response = session.get(url, stream=True, timeout=30)
        sock = response.raw.connection.sock
        assert response.json() == {}
        assert wait_for_read(sock, 30)  # nginx has closed it
        assert session.post(url, json={"name": "Ada"}, timeout=30).json() == {}
    assert gateway.arrivals(2) == ["GET /idle 200", "POST /idle 200"]
    assert [one.method for one in gateway.platform.requests] == ["GET", "POST"]
