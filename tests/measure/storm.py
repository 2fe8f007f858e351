"""A storm on one session: 32 threads, nested requests, forks and signals at once.

Each request says which process sends it and what the server is to answer. The server,
a process of its own, notes a connection that two processes use. The main thread sends
requests too, under a time limit that a signal raises every few milliseconds, and forks
in between; each child sends requests from some threads::

    python tests/measure/storm.py             # 10,000 requests, half a minute
    python tests/measure/storm.py -n 1000
"""

# ruff: noqa: T201 - it prints what came of it

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    raise_for_error,
)

THREADS = 32
SCRIPTS = [[200], [502, 200], [404], [409], [200], [500, 200], [401, 200]]
CHILD_THREADS, CHILD_REQUESTS = 8, 24
LIMIT = 0.004  # seconds between two signals


class Server(ThreadingHTTPServer):
    """Answers ``/PID/17/502/200`` with 502, then with 200, in the name of 17."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.attempts: Counter[str] = Counter()
        self.shared = 0

    def handle_error(self, *_args: Any) -> None:
        """Stay quiet: an interrupted request breaks its connection."""

    def server_bind(self) -> None:
        """Bind without asking a resolver for the name of this machine."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    sender: str | None = None

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        _, sender, number, *script = self.path.split("/")
        with self.server.lock:
            self.server.shared += self.sender not in {None, sender}
            attempt = self.server.attempts[self.path]
            self.server.attempts[self.path] += 1
        self.sender = sender
        body = json.dumps({"requestId": f"{sender}-{number}"})
        status = script[min(attempt, len(script) - 1)]
        head = f"HTTP/1.1 {status} Why\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write((head + body).encode())

    def log_message(self, *_args: Any) -> None:
        """Stay quiet."""


def serve() -> None:
    """Be the server's process: print the port, and at a line the shared connections."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    for _line in sys.stdin:
        print(server.shared, flush=True)


class TimeLimitError(Exception):
    """The time limit of the main thread's request."""


class Storm:
    """The session, and what its requests brought."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.wrong: list[str] = []
        self.limits = 0
        policy = CloudElementsRetry(backoff_factor=0, budget=None)
        self.session = CloudElementsSession(max_retries=policy, timeout=20)
        self.session.hooks["response"].append(self.renew)

    def renew(self, response: Any, **_kwargs: Any) -> Any:
        """Send the request again after a 401, by the session that is being used."""
        if response.status_code != 401:
            return None
        response.close()
        return self.session.get(response.url)

    def ask(self, number: int) -> None:
        script = SCRIPTS[number % len(SCRIPTS)]
        path = "/".join(map(str, script))
        try:
            response = self.session.get(f"{self.url}/{os.getpid()}/{number}/{path}")
            got = (response.status_code, response.json()["requestId"])
        except CloudElementsError as error:
            got = (error.status_code, error.request_id)
        expected = (script[-1], f"{os.getpid()}-{number}")
        if got != expected:
            self.wrong.append(f"{got}, not {expected}")

    def ask_under_a_limit(self, number: int) -> None:
        """Send a request that a signal may end at any point."""
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        try:
            self.ask(number)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeLimitError:
            self.limits += 1

    def child(self, number: int) -> int:
        """Fork, send requests there from some threads; return the child's status."""
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            self.wrong.clear()
            with ThreadPoolExecutor(CHILD_THREADS) as threads:
                list(threads.map(self.ask, range(number, number + CHILD_REQUESTS)))
            os._exit(min(len(self.wrong), 100))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def over(_number: int, _frame: object) -> None:
    raise TimeLimitError


def run(requests: int, url: str) -> tuple[Storm, list[int]]:
    """Send so many requests from the threads; fork and interrupt meanwhile."""
    storm = Storm(url)
    signal.signal(signal.SIGALRM, over)
    statuses, number = [], requests
    with storm.session, ThreadPoolExecutor(THREADS) as threads:
        others = [threads.submit(storm.ask, one) for one in range(requests)]
        while not all(one.done() for one in others):
            for _ in range(20):
                storm.ask_under_a_limit(number)
                number += 1
            statuses.append(storm.child(number))
            number += CHILD_REQUESTS
        for one in others:
            one.result()
    return storm, statuses


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--requests", type=int, default=10_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    assert callable(raise_for_error)  # imports all of the package before the first fork
    logging.disable()
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        storm, statuses = run(options.requests, f"http://127.0.0.1:{port}")
        print(file=process.stdin, flush=True)
        shared = int(process.stdout.readline())
        process.kill()
    print(
        f"{options.requests:,} requests of {THREADS} threads, {len(statuses)} forks, "
        f"{storm.limits} requests ended by a signal\n"
        f"wrong answers: {len(storm.wrong)}, in children: {sum(map(abs, statuses))}\n"
        f"connections used by two processes: {shared}"
    )
    for text in storm.wrong[:10]:
        print(text)
    if storm.wrong or any(statuses) or shared:
        sys.exit(1)


if __name__ == "__main__":
    main()
