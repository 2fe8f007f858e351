"""The command line: ``python -m cloud_elements_errors``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import textwrap
from typing import TYPE_CHECKING, NoReturn, TextIO

from ._codes import FIRST_ERROR, NORMALIZED_ERRORS
from ._retry import CloudElementsRetry
from ._session import CloudElementsSession
from .exceptions import CloudElementsError, class_for, why_stopped
from .testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Sequence

# As shells report a program that a signal has ended.
_INTERRUPTED, _CLOSED_PIPE = 130, 141

_WIDTH = 80
_INDENT = 14

# SGR codes of a terminal.
_BOLD, _RED, _GREEN = 1, 31, 32

# What providers really said, one for each row of the table.
_PROVIDER_WORDS = {
    400: "3100 - message=AuthorizationFailed; errorCode=003100; statusCode=403 - null",
    401: "Session expired or invalid",
    403: "error - {code=403, message=The caller does not have permission}",
    404: "ERROR: NOT_FOUND - The requested resource does not exist",
    405: "HTTP Method 'DELETE' not allowed. Allowed are HEAD,GET,PATCH",
    406: "Only application/json is available for this resource",
    409: "Item with the same name already exists",
    415: "Unsupported Media Type: text/plain",
    500: "Errors - [{Code=UNKNOWN_ERROR, Message=An unexpected error occurred}]",
    502: "Connection reset by peer",
}


class _Printer:
    """Prints in columns, with colour where a person will see it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR")

    def title(self, text: str, code: int = _BOLD) -> None:
        """Print a line of its own, set apart."""
        marked = f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
        print(f"\n{marked}", file=self._stream)

    def field(self, label: str, text: object) -> None:
        """Print a label and its text, wrapped and aligned."""
        print(
            textwrap.fill(
                str(text),
                _WIDTH,
                initial_indent=f"  {label}".ljust(_INDENT),
                subsequent_indent=" " * _INDENT,
                break_on_hyphens=False,
            ),
            file=self._stream,
        )


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; ``--help`` says the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; None for those of the process.

    Returns:
        The exit status.

    """
    try:
        _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader, head or a pager, has seen enough. Python flushes stdout once
        # more at exit, so that has to go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    return 0


def _run(argv: Sequence[str] | None) -> None:
    parser = _Parser(
        prog="cloud-elements-errors",
        description="The normalized errors of Cloud Elements, and what they mean.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("table", help="print the list of normalized statuses")
    commands.add_parser(
        "demo", help="start a Cloud Elements on loopback and show each error"
    )
    arguments = parser.parse_args(argv)
    printer = _Printer(sys.stdout)
    {"table": _table, "demo": _demo}[arguments.command](printer)


def _table(printer: _Printer) -> None:
    for row in NORMALIZED_ERRORS.values():
        exception = class_for(row.status_code)
        printer.title(f"{row.status_code} {row.title}")
        printer.field("exception", exception.__name__ if exception else "none")
        printer.field("meaning", row.description)
        printer.field("what to do", row.remedy)
        if row.retried:
            printer.field("retried", "GET HEAD PUT DELETE OPTIONS TRACE")


class _LogLines(logging.Handler):
    """Shows each retry where it happens."""

    def __init__(self, printer: _Printer) -> None:
        super().__init__()
        self._printer = printer

    def emit(self, record: logging.LogRecord) -> None:
        self._printer.field("log", record.getMessage())


def _demo(printer: _Printer) -> None:
    logger = logging.getLogger("cloud_elements_errors")
    handler = _LogLines(printer)
    logger.addHandler(handler)
    logger.propagate = False
    policy = CloudElementsRetry(backoff_factor=0.1)
    try:
        with (
            FakeCloudElements() as platform,
            CloudElementsSession(max_retries=policy) as session,
        ):
            session.trust_env = False  # loopback is not behind anybody's proxy
            print(f"A Cloud Elements on loopback: {platform.url}")
            for status, row in NORMALIZED_ERRORS.items():
                colour = _RED if status >= FIRST_ERROR else _GREEN
                printer.title(f"{status} {row.title}", colour)
                _queue(platform, status)
                # POST is never retried, so each answer is seen as it is.
                _call(printer, platform, session, "POST", "/contacts")
            printer.title("502 twice, then 200: a GET that heals", _GREEN)
            _queue(platform, 502, times=2)
            _call(printer, platform, session, "GET", "/contacts/17")
            printer.title("502 for ever: a GET that does not heal", _RED)
            _queue(platform, 502, times=4)
            _call(printer, platform, session, "GET", "/contacts/18")
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


def _queue(platform: FakeCloudElements, status: int, times: int = 1) -> None:
    words = _PROVIDER_WORDS.get(status)
    message = NORMALIZED_ERRORS[status].description if words else None
    platform.reply(status, message=message, provider_message=words, times=times)


def _call(
    printer: _Printer,
    platform: FakeCloudElements,
    session: CloudElementsSession,
    method: str,
    path: str,
) -> None:
    printer.field("sent", f"{method} {path}")
    try:
        response = session.request(method, platform.url + path)
    except CloudElementsError as error:
        printer.field("exception", type(error).__name__)
        printer.field("provider", error.provider_message)
        printer.field("request id", error.request_id)
        printer.field("what to do", error.remedy)
        if error.retryable:
            printer.field("retries", why_stopped(error))
    else:
        printer.field("response", f"{response.status_code} {response.text}")


if __name__ == "__main__":
    sys.exit(main())
