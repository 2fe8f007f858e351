"""32 threads on one session: nobody gets the answer of another, nothing piles up.

Half of the requests end in an error or need a retry. Every request says in its
path what the server is to answer, attempt by attempt, so both ends know what has
to come. The server is a process of its own, so that its memory does not count::

    python tests/measure/threads.py            # 20,000 requests, a minute
    python tests/measure/threads.py -n 2000

The test suite runs the same with fewer (``tests/requests/test_threads.py``).
"""

# ruff: noqa: T201 - it prints a table

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import Mock, patch

from cloud_elements_errors import (
    CloudElementsError,
    CloudElementsRetry,
    CloudElementsSession,
    RetryBudget,
)
from cloud_elements_errors.testing import no_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 32
POOL_SIZE = 10  # requests' default, which the session has
ROUND = 1000  # requests between two looks at the memory
# The answers to a request, attempt by attempt: half of them are just a 200.
SCRIPTS = [
    [200],
    [502, 200],
    [200],
    [409],
    [200],
    [500, 502, 404],
    [200],
    [502, 502, 502, 502],
]
RESERVE = 1_000_000
RATIO = 0.25  # a float has it exactly


class Record(NamedTuple):
    """What the server has seen."""

    requests: int
    attempts: int
    sound: int  # answers that are no sign of trouble
    healed: int  # of these, after a retry
    most_open: int  # connections at the same time
    still_open: int


class Round(NamedTuple):
    """So many requests, and the memory after them."""

    requests: int
    traced: int  # bytes that Python's objects hold
    resident: int  # bytes that the process holds


class Outcome(NamedTuple):
    """What came of it."""

    wrong: list[str]  # answers that were another request's, or not as they must be
    rounds: list[Round]
    before_close: Record
    after_close: Record
    tokens: float
    expected_tokens: float  # from the server's record


class Server(ThreadingHTTPServer):
    """Answers ``/17/502/200`` with 502, then with 200, in the name of 17."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.changed = threading.Condition()
        self.attempts: Counter[str] = Counter()
        self.sound = self.healed = 0
        self.open = self.most_open = 0

    def record(self, at_most_open: int) -> Record:
        """Give a connection that was closed there the time to be seen here."""
        with self.changed:
            self.changed.wait_for(lambda: self.open <= at_most_open, timeout=10)
            return Record(
                len(self.attempts),
                sum(self.attempts.values()),
                self.sound,
                self.healed,
                self.most_open,
                self.open,
            )


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def handle(self) -> None:
        with self.server.changed:
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
        try:
            super().handle()
        finally:
            with self.server.changed:
                self.server.open -= 1
                self.server.changed.notify_all()

    def do_GET(self) -> None:
        number, *script = map(int, self.path.strip("/").split("/"))
        with self.server.changed:
            self.server.attempts[self.path] += 1
            attempt = self.server.attempts[self.path]
            status = script[attempt - 1]
            self.server.sound += status < 500
            self.server.healed += status < 500 and attempt > 1
        body = json.dumps({"requestId": request_id(number, attempt)})
        head = f"HTTP/1.1 {status} Why\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write((head + body).encode())

    def log_message(self, *_args: Any) -> None:
        """Stay quiet."""


def serve() -> None:
    """Be the server's process: print the port, and a record for every line read."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    for line in sys.stdin:
        print(json.dumps(server.record(int(line))), flush=True)


@contextmanager
def peer() -> Iterator[tuple[str, Callable[[int], Record]]]:
    """Start the server's process; give its URL, and a way to ask for the record."""
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        send, receive = process.stdin, process.stdout
        assert send is not None
        assert receive is not None

        def record(at_most_open: int) -> Record:
            send.write(f"{at_most_open}\n")
            return Record(*json.loads(receive.readline()))

        try:
            yield f"http://127.0.0.1:{receive.readline().strip()}", record
        finally:
            process.kill()


def request_id(number: int, attempt: int) -> str:
    """Name an attempt, alike at both ends."""
    return f"{number:08x}{attempt:016x}"


def ask(session: CloudElementsSession, url: str, number: int) -> str | None:
    """Send one request; say what is wrong with what came, if anything is."""
    script = SCRIPTS[number % len(SCRIPTS)]
    expected = [
        (status, request_id(number, attempt))
        for attempt, status in enumerate(script, 1)
    ]
    try:
        response = session.get(f"{url}/{number}/{'/'.join(map(str, script))}")
        got = [(response.status_code, response.json()["requestId"])]
        expected = expected[-1:]
    except CloudElementsError as error:
        got = [(past.status_code, past.request_id) for past in error.attempts]
        if (error.status_code, error.request_id) != got[-1]:
            return f"{number}: {error.request_id} is not the last of {got}"
    return None if got == expected else f"{number}: {got}, not {expected}"


def resident() -> int:
    """Return the bytes that the process holds; 0 where that cannot be told."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def filled_budget(tokens: int) -> Iterator[RetryBudget]:
    """Give a budget with so many tokens added, from which nothing fades."""
    with patch("cloud_elements_errors._retries.budget.time", Mock(monotonic=lambda: 0)):
        budget = RetryBudget(RESERVE, RATIO)
        for _ in range(tokens):
            budget.refund()
        yield budget


def run(requests: int, seen: Callable[[Round], object] = bool) -> Outcome:
    """Send the requests from all threads, and compare with what the server says."""
    wrong: list[str] = []
    rounds = []
    with (
        peer() as (url, record),
        no_wait(),
        filled_budget(requests) as budget,
        CloudElementsSession(max_retries=CloudElementsRetry(budget=budget)) as session,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        for first in range(0, requests, ROUND):
            numbers = range(first, min(first + ROUND, requests))
            answers = threads.map(lambda number: ask(session, url, number), numbers)
            wrong += filter(None, answers)
            gc.collect()
            traced = tracemalloc.get_traced_memory()[0]
            rounds.append(Round(len(numbers), traced, resident()))
            seen(rounds[-1])
        before_close = record(POOL_SIZE)
        session.close()
        after_close = record(0)
        tokens = budget.tokens
    retries = after_close.attempts - after_close.requests
    expected = 4 + requests - retries + after_close.healed + RATIO * after_close.sound
    return Outcome(wrong, rounds, before_close, after_close, tokens, expected)


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--requests", type=int, default=20_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    logging.disable()  # a line for each of many thousand retries
    tracemalloc.start()
    print("requests  traced KiB  resident KiB")

    def show(one: Round) -> None:
        print(f"{one.requests:8}{one.traced // 1024:12,}{one.resident // 1024:14,}")

    outcome = run(options.requests, show)
    record = outcome.after_close
    first, last = outcome.rounds[0], outcome.rounds[-1]
    print(
        f"\n{record.requests:,} requests in {record.attempts:,} attempts, "
        f"{THREADS} threads, one session\n"
        f"wrong answers: {len(outcome.wrong)}\n"
        f"connections: {record.most_open} at most, "
        f"{outcome.before_close.still_open} stay open (pool of {POOL_SIZE}), "
        f"{record.still_open} after close\n"
        f"budget: {outcome.tokens:,} tokens left, "
        f"{outcome.expected_tokens:,} by the server's record\n"
        f"growth from the first to the last round: "
        f"{(last.traced - first.traced) / 1024:+,.0f} KiB traced, "
        f"{(last.resident - first.resident) / 1024:+,.0f} KiB resident"
    )
    for text in outcome.wrong[:10]:
        print(text)


if __name__ == "__main__":
    main()
