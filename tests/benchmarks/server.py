"""The platform's answers as fast as they go: one packet each, from raw sockets.

It prints its port, and serves until it is killed. A head and a body in two packets
would cost 40 ms a call, which is what delayed acknowledgements wait.
"""

# ruff: noqa: T201 - it prints its port

from __future__ import annotations

import json
import socket
import threading

HUGE = 256 * 2**20
ID = "53dbca9430045c016b46566c"
CONFLICT = {
    "message": "Failed to upload file. File with the same name already exists. "
    "Change the name of the file you are uploading or set the overwrite query "
    "parameter to true.",
    "requestId": ID,
    "providerMessage": "Item with the same name already exists",
}
FAILED = {
    "message": "Something went wrong on the Provider or Endpoint's server",
    "requestId": ID,
    "providerMessage": "The service is unavailable",
}


def answer(status: str, body: bytes, length: int | None = None) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nServer: nginx\r\nDate: Mon, 01 Jun 2026 00:00:00 GMT\r\n"
        f"Content-Type: application/json;charset=UTF-8\r\nElements-Request-Id: {ID}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


OK = answer("200 OK", b'{"id": "1", "name": "contact", "email": "a@example.com"}')
ANSWERS = {
    b"ok": OK,
    b"conflict": answer("409 Conflict", json.dumps(CONFLICT, indent=3).encode()),
    b"failed": answer("502 Bad Gateway", json.dumps(FAILED, indent=3).encode()),
}
BEGIN, END = b'{"message": "', b'"}'
CHUNK = b"x" * 2**16


def send_huge(connection: socket.socket) -> None:
    length = len(BEGIN) + HUGE + len(END)
    connection.sendall(answer("409 Conflict", BEGIN, length))
    for _ in range(HUGE // len(CHUNK)):
        connection.sendall(CHUNK)
    connection.sendall(END)


def serve(connection: socket.socket, failed_once: set[bytes]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while request := connection.recv(65536):
            path = request.split(b" ", 2)[1]
            kind = path.split(b"/")[1]
            if kind == b"huge":
                send_huge(connection)
            elif kind != b"heals":
                connection.sendall(ANSWERS[kind])
            elif path in failed_once:  # each client has a path of its own
                failed_once.remove(path)
                connection.sendall(ANSWERS[b"ok"])
            else:
                failed_once.add(path)
                connection.sendall(ANSWERS[b"failed"])
    except OSError:  # the client has read enough
        connection.close()


def main() -> None:
    failed_once: set[bytes] = set()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _address = listener.accept()
            threading.Thread(
                target=serve, args=(connection, failed_once), daemon=True
            ).start()


if __name__ == "__main__":
    main()
