"""What errors and retries cost, beside every other way to have them.

Each client has a process of its own, as in the program of a user: CPython adapts its
bytecode to the classes that it meets, and clients in one process would spoil it for
each other. All ask one server on loopback, which sends one packet per answer. Clients
take turns in rounds, in random order. A ratio is that of a client to plain requests in
the same round, and the table has their medians. So it holds on a busy machine, too,
where the times themselves are worth little. Where the objects of a process lie in
memory can change a ratio by three percent, so all processes are started several times.
Plain requests is in each round twice; how far the two are apart is the noise::

    python tests/benchmarks/side_by_side.py
    python tests/benchmarks/side_by_side.py --quick
    python tests/benchmarks/side_by_side.py --markdown speed.md

The columns:

* 200: an answer, read.
* 409: the documented body, raised where the client raises, and the provider's
  message read from it.
* healed: a 502, then a 200, without waits. Plain requests is asked twice by hand.
* threads: how many answers of 200 sixteen threads on one client get, together.
* import: milliseconds over ``import requests``.
* memory: by how much 256 MiB of error body raise the peak of a process.

No row is tuned, but that none waits before a retry, that each keeps sixteen
connections, and that log lines are made and written nowhere.
"""

# ruff: noqa: T201 - it prints a table
# ruff: noqa: PLC0415 - each client is imported alone, where that is measured

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import math
import os
import random
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

THREADS = 16
MIB = 2**20
CHUNK = 128  # of the stack, in small frames
WARM_UP = 2  # rounds of each process
HEADERS = {
    "Authorization": "User aGVsbG93b3JsZA1=, Organization b3JnYW5pemF0aW9uc2VjcmV0, "
    "Element ZWxlbWVudHRva2Vu1="
}
PROVIDER_MESSAGE = "Item with the same name already exists"

# Takes a URL; returns the body of a 200, or what the provider says in a failure.
Ask: TypeAlias = "Callable[[str], Any]"


def _plain_session() -> Any:
    import requests

    return _prepared(requests.Session())


def _prepared(session: Any) -> Any:
    session.headers.update(HEADERS)
    for adapter in session.adapters.values():
        adapter.init_poolmanager(THREADS, THREADS)
    return session


def plain() -> Ask:
    session = _plain_session()

    def ask(url: str) -> Any:
        response = session.get(url)
        if response.status_code >= 400:
            return response.json().get("providerMessage")
        return response.content

    return ask


def _raising(session: Any) -> Ask:
    def ask(url: str) -> bytes:
        response = session.get(url)
        response.raise_for_status()
        return response.content

    return ask


def _reading(ask: Ask) -> Ask:
    """Read the provider's message from the error, as its user would."""
    import requests

    def read(url: str) -> Any:
        try:
            return ask(url)
        except requests.HTTPError as error:
            return error.response.json().get("providerMessage")

    return read


def by_hand() -> Ask:
    return _reading(_raising(_plain_session()))


def recipe() -> Ask:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    session.hooks["response"].append(
        lambda response, *_args, **_kwargs: response.raise_for_status()
    )
    retry = Retry(total=3, backoff_factor=0, status_forcelist=[500, 502, 503, 504])
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    _prepared(session)

    def ask(url: str) -> bytes:
        return session.get(url).content

    return _reading(ask)


def _is_transient(error: BaseException) -> bool:
    import requests

    return isinstance(error, requests.HTTPError) and error.response.status_code >= 500


def with_stamina() -> Ask:
    import stamina

    retry = stamina.retry(
        on=_is_transient, attempts=4, wait_initial=0, wait_max=0, wait_jitter=0
    )
    return _reading(retry(_raising(_plain_session())))


def with_tenacity() -> Ask:
    import tenacity

    retry = tenacity.retry(
        retry=tenacity.retry_if_exception(_is_transient),
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_none(),
        reraise=True,
    )
    return _reading(retry(_raising(_plain_session())))


def azure_core() -> Ask:
    from azure.core import PipelineClient
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest

    client = PipelineClient(
        "",
        policies=[RetryPolicy(retry_total=3, retry_backoff_factor=0)],
        transport=RequestsTransport(session=_plain_session(), session_owner=False),
    )

    def ask(url: str) -> Any:
        response = client.send_request(HttpRequest("GET", url))
        try:
            response.raise_for_status()
        except HttpResponseError as error:
            return error.response.json().get("providerMessage")
        return response.content

    return ask


def with_httpx() -> Ask:
    import httpx
    from httpx_retries import Retry, RetryTransport

    client = httpx.Client(
        headers=HEADERS,
        transport=RetryTransport(retry=Retry(total=3, backoff_factor=0)),
    )

    def ask(url: str) -> Any:
        response = client.get(url)
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            return error.response.json().get("providerMessage")
        return response.content

    return ask


def _ours(session: Any) -> Ask:
    from cloud_elements_errors import CloudElementsError

    _prepared(session)

    def ask(url: str) -> Any:
        try:
            return session.get(url).content
        except CloudElementsError as error:
            return error.provider_message

    return ask


def our_session() -> Ask:
    from cloud_elements_errors import CloudElementsRetry, CloudElementsSession

    retry = CloudElementsRetry(backoff_factor=0)
    return _ours(CloudElementsSession(max_retries=retry))


def our_adapter() -> Ask:
    import requests

    from cloud_elements_errors import CloudElementsAdapter, CloudElementsRetry

    retry = CloudElementsRetry(backoff_factor=0)
    session = requests.Session()
    session.mount("http://", CloudElementsAdapter(max_retries=retry))
    return _ours(session)


def our_hook() -> Ask:
    import requests

    from cloud_elements_errors import raise_for_error

    session = requests.Session()
    session.hooks["response"].append(raise_for_error)
    return _ours(session)


class Client(NamedTuple):
    """A row: its name, how to make it, what it imports, and whether it retries."""

    name: str
    make: Callable[[], Ask]
    imports: str
    retries: bool = True


# The package imports its modules when a name is first used.
OURS = "cloud_elements_errors; cloud_elements_errors.CloudElementsSession"
PLAIN = Client("plain requests", plain, "requests", retries=False)
CLIENTS = [
    PLAIN,
    Client("raise_for_status() by hand", by_hand, "requests", retries=False),
    Client("the recipe: hook and Retry", recipe, "requests"),
    Client("stamina", with_stamina, "requests, stamina"),
    Client("tenacity", with_tenacity, "requests, tenacity"),
    Client(
        "azure-core",
        azure_core,
        "requests, azure.core.rest, azure.core.pipeline.transport._requests_basic",
    ),
    Client("httpx, httpx-retries", with_httpx, "httpx, httpx_retries"),
    Client("CloudElementsSession", our_session, OURS),
    Client("CloudElementsAdapter", our_adapter, OURS),
    Client("raise_for_error", our_hook, OURS, retries=False),
]
# Named like no other row: the second session of plain requests.
CONTROL = "plain requests again"


class Measured(NamedTuple):
    """A column: what each client costs, as a ratio to plain requests, or more."""

    title: str
    plain: str
    values: dict[str, str]
    control: float | None = None


class Kind(NamedTuple):
    """A column about requests: what a client asks for, and how."""

    title: str
    path: str
    rounds: int = 8
    calls: int = 10
    threads: int = 1


KINDS = [
    Kind("200", "ok"),
    Kind("409", "conflict"),
    Kind("healed", "heals"),
    Kind(f"{THREADS} threads", "ok", 3, 5 * THREADS, THREADS),
]


class Process:
    """A client in a process of its own, which says how long it takes."""

    def __init__(self, name: str, base: str) -> None:
        command = [sys.executable, "-I", __file__, "--client", name, base]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self, kind: Kind) -> float:
        """Return the seconds that all calls take; infinity if it cannot do that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(kind), file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


def client_process(name: str, base: str) -> None:
    """Be a client: read what to do, a line each, and print how long it took."""
    client = next((client for client in CLIENTS if client.name == name), PLAIN)
    ask = client.make()
    seen_to_be_right(name, ask, base, heals=client.retries)
    for line in sys.stdin:
        kind = Kind(*json.loads(line))
        url, calls = f"{base}/{kind.path}", kind.calls
        if kind.path == "heals":
            url += f"/{os.getpid()}"  # the first call to it fails, and then each second
            calls *= 1 if client.retries else 2
        if kind.path == "heals" and not (client.retries or client is PLAIN):
            print("inf", flush=True)
            continue
        # Since the last time, the other processes have emptied the caches.
        repeated(ask, url, 10)()
        if kind.threads == 1:
            print(at_some_depth(repeated(ask, url, calls)), flush=True)
        else:
            with ThreadPoolExecutor(kind.threads) as pool:
                work = in_threads(ask, url, calls, pool)
                work()  # to open the connections
                print(at_some_depth(work), flush=True)


def measure_requests(base: str, *, quick: bool) -> Iterator[Measured]:
    """Measure the columns that are about requests."""
    names = [*(client.name for client in CLIENTS), CONTROL]
    times: dict[Kind, dict[str, list[float]]]
    times = {kind: {name: [] for name in names} for kind in KINDS}
    for _ in range(4 if quick else 30):
        processes = {name: Process(name, base) for name in names}
        for kind in KINDS:
            for turn in range(kind.rounds):
                for name in random.sample(names, len(names)):
                    seconds = processes[name].seconds(kind)
                    if turn >= WARM_UP:
                        times[kind][name].append(seconds)
        for process in processes.values():
            process.end()
    for kind in KINDS:
        yield compared(kind, times[kind])


def compared(kind: Kind, times: dict[str, list[float]]) -> Measured:
    """Compare each client to plain requests in the same round."""
    bases = times[PLAIN.name]
    many = kind.threads > 1  # then more is better
    medians = {
        name: median(
            base / seconds if many else seconds / base
            for base, seconds in zip(bases, taken, strict=True)
        )
        for name, taken in times.items()
    }
    control = medians.pop(CONTROL)
    base = median(bases) / kind.calls
    return Measured(
        kind.title,
        f"{1 / base:,.0f}/s" if many else f"{base * 1e6:,.0f} µs",
        {
            name: f"{ratio:.3f}"
            for name, ratio in medians.items()
            if math.isfinite(ratio)
        },
        control,
    )


def at_some_depth(work: Callable[[], Any], depth: int | None = None) -> float:
    """Return how long it takes, when called from anywhere on the stack.

    CPython has its stack of frames in chunks, and a loop that goes over the end of
    one again and again is up to four times slower there. Where that is depends on
    how deep a client was called, and no client is to be lucky.
    """
    if depth is None:
        depth = random.randrange(CHUNK)
    if depth:
        return at_some_depth(work, depth - 1)
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def repeated(ask: Ask, url: str, calls: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(calls):
            ask(url)

    return work


def in_threads(
    ask: Ask, url: str, calls: int, pool: ThreadPoolExecutor
) -> Callable[[], None]:
    def work() -> None:
        for _ in pool.map(ask, itertools.repeat(url, calls)):
            pass

    return work


def seen_to_be_right(name: str, ask: Ask, base: str, *, heals: bool) -> None:
    """Stop where a client does not do what its row is about to claim."""
    ok = ask(f"{base}/ok")
    said = ask(f"{base}/conflict")
    if b"contact" not in ok or said != PROVIDER_MESSAGE:
        raise RuntimeError(f"{name} returns {ok!r}, and {said!r} for the 409")
    if heals and ask(f"{base}/heals/check-{name.replace(' ', '-')}") != ok:
        raise RuntimeError(f"{name} does not heal a 502")


def in_new_process(*code_and_args: str) -> float:
    command = [sys.executable, "-I", *code_and_args]
    return float(subprocess.check_output(command, text=True))


def measure_import(*, quick: bool) -> Measured:
    """Measure what each client adds to the import of requests."""
    code = (
        "import time; start = time.perf_counter(); import {}; "
        "print(time.perf_counter() - start)"
    )
    statements = sorted({client.imports for client in CLIENTS})
    added: dict[str, list[float]] = {imports: [] for imports in statements}
    bases = []
    for turn in range(5 if quick else 16):
        times = {
            imports: in_new_process("-c", code.format(imports))
            for imports in random.sample(statements, len(statements))
        }
        if turn == 0:  # to fill the caches
            continue
        bases.append(times[PLAIN.imports])
        for imports, taken in times.items():
            added[imports].append(taken - times[PLAIN.imports])
    return Measured(
        "import",
        f"{median(bases) * 1e3:.0f} ms",
        {
            client.name: f"{median(added[client.imports]) * 1e3:+.1f} ms"
            for client in CLIENTS
        },
    )


def measure_memory(base: str) -> Measured:
    """Measure the memory that a huge error body takes, in processes of their own."""
    growths = {
        client.name: in_new_process(__file__, "--memory-of", client.name, base)
        for client in CLIENTS
    }
    values = {name: f"+{growth:.0f} MiB" for name, growth in growths.items()}
    return Measured("memory", values[PLAIN.name], values)


def memory_of(name: str, base: str) -> float:
    """Return by how many MiB a huge error raises the peak over a small one."""
    ask = next(client for client in CLIENTS if client.name == name).make()
    ask(f"{base}/conflict")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ask(f"{base}/huge")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (after - before) * unit / MIB


def table(columns: list[Measured]) -> list[list[str]]:
    head = ["", *(column.title for column in columns)]
    first = [PLAIN.name, *(column.plain for column in columns)]
    rest = [
        [client.name, *(column.values.get(client.name, "n/a") for column in columns)]
        for client in CLIENTS[1:]
    ]
    return [head, first, *rest]


def rendered(rows: list[list[str]], *, markdown: bool) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        [
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@contextlib.contextmanager
def running_server() -> Iterator[str]:
    server = Path(__file__).with_name("server.py")
    command = [sys.executable, "-I", str(server)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table there"
    )
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    logging.getLogger().addHandler(logging.NullHandler())
    if options.client:
        client_process(*options.client)
        return
    if options.memory_of:
        print(memory_of(*options.memory_of))
        return
    start = time.monotonic()
    with running_server() as base:
        columns = list(measure_requests(base, quick=options.quick))
        columns.append(measure_import(quick=options.quick))
        columns.append(measure_memory(base))
    rows = table(columns)
    print(rendered(rows, markdown=False))
    noise = [f"{column.control:.3f}" for column in columns if column.control]
    print(f"\nPlain requests against itself: {', '.join(noise)}.")
    print(f"It took {time.monotonic() - start:.0f} s.")
    if options.markdown:
        text = rendered(rows, markdown=True) + "\n"
        options.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
