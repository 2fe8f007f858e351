"""What a huge error body costs: the peak of memory over that of a small one.

Each line of the table is two processes of their own, one to ask the system
(``ru_maxrss``), one to ask Python (``tracemalloc``), both after a small error. The
server is another process. It takes half a minute::

    python tests/measure/memory.py

It exits with 1 if a growth is 4 MiB or more.
"""

# ruff: noqa: T201 - it prints a table

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import tracemalloc
import zlib
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

GIB = 2**30
ZEROS = bytes(2**16)
LIMIT = 4 * 2**20

BODIES = {
    "zeros": "1 GiB of zeros",
    "endless": "chunks without end",
    "bomb": "gzip, 1 GiB from 1 MiB",
}
WAYS = ["session", "mounted", "hook"]


@cache
def bomb() -> bytes:
    """Pack 1 GiB of zeros into 1 MiB."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(ZEROS) for _ in range(GIB // len(ZEROS))]
    return b"".join([*packed, packer.flush()])


class Handler(BaseHTTPRequestHandler):
    """Fails with 502, and the body that the path names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body: Iterable[bytes]
        if self.path == "/zeros":
            header, body = f"Content-Length: {GIB}", [ZEROS] * (GIB // len(ZEROS))
        elif self.path == "/endless":
            chunk = b"%x\r\n%b\r\n" % (len(ZEROS), ZEROS)
            header, body = "Transfer-Encoding: chunked", iter(lambda: chunk, None)
        elif self.path == "/bomb":
            header = f"Content-Length: {len(bomb())}\r\nContent-Encoding: gzip"
            body = [bomb()]
        else:
            header, body = "Content-Length: 2", [b"{}"]
        with suppress(OSError):
            self.wfile.write(f"HTTP/1.1 502 Bad Gateway\r\n{header}\r\n\r\n".encode())
            self.wfile.writelines(body)
        self.close_connection = self.path != "/small"

    def log_message(self, *_args: Any) -> None:
        """Stay quiet."""


def serve() -> None:
    """Be the server's process, until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bomb()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


def measure(url: str, body: str, way: str, *, stream: bool, traced: bool) -> int:
    """Return by how many bytes the peak grows over that of a small error."""
    # Here, since what the measuring process imports counts in its children's peak.
    import requests  # noqa: PLC0415

    import cloud_elements_errors as ours  # noqa: PLC0415
    from cloud_elements_errors.testing import no_wait  # noqa: PLC0415

    session = requests.Session()
    if way == "session":
        session = ours.CloudElementsSession()
    elif way == "mounted":
        session.mount("http://", ours.CloudElementsAdapter())
    else:
        session.hooks["response"].append(ours.raise_for_error)

    def fail(path: str) -> None:
        try:
            session.get(f"{url}/{path}", stream=stream, timeout=60)
        except ours.FailedRequestError as error:
            if len(error.text) > 2**16:
                raise AssertionError("the body is not bounded") from error

    def peak() -> int:
        if traced:
            return tracemalloc.get_traced_memory()[1]
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return kib if sys.platform == "darwin" else kib * 1024

    if traced:
        tracemalloc.start()
    with no_wait():
        fail("small")
        before = peak()
        fail(body)
    return peak() - before


def main() -> None:
    """Measure all of them, each in processes of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if options.measure:
        print(measure(**json.loads(options.measure)))
        return
    me = [sys.executable, __file__]
    largest = 0
    with subprocess.Popen(
        [*me, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        print("growth of the peak over a small error, in KiB\n")
        print(f"{'body':24}{'way in':10}{'stream':8}{'resident':>10}{'traced':>10}")
        for body, title in BODIES.items():
            for way in WAYS:
                for stream in (False, True):
                    case = {"url": url, "body": body, "way": way, "stream": stream}
                    grown = [
                        int(
                            subprocess.run(
                                [*me, "--measure", json.dumps(case | {"traced": on})],
                                check=True,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL,
                            ).stdout
                        )
                        for on in (False, True)
                    ]
                    largest = max(largest, *grown)
                    print(
                        f"{title:24}{way:10}{stream!s:8}"
                        f"{grown[0] // 1024:10,}{grown[1] // 1024:10,}",
                        flush=True,
                    )
        server.kill()
    print(f"\nlargest: {largest / 1024:,.0f} KiB, allowed: below {LIMIT // 1024:,} KiB")
    sys.exit(largest >= LIMIT)


if __name__ == "__main__":
    main()
