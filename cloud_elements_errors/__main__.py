"""The command line: ``python -m cloud_elements_errors``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import textwrap
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from ._codes import FIRST_ERROR, NORMALIZED_ERRORS
from ._explain import Headers, explain, read_curl, retried_methods
from ._redaction import printable
from ._retry import CloudElementsRetry
from ._session import CloudElementsSession
from .exceptions import CloudElementsError, class_for, why_stopped, words_of_page
from .testing import FakeCloudElements

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = "cloud-elements-errors"

# The last two as shells report a program that a signal has ended.
_FAILED, _INTERRUPTED, _CLOSED_PIPE = 1, 130, 141

# More than any error has: its body counts up to 64 KiB.
_MAX_SAVED_BYTES = 1024 * 1024

# How much is shown of a body that is none of Cloud Elements'.
_PAGE = 500

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
        self._before_title = ""
        self._colour = (
            stream.isatty()
            and os.environ.get("TERM") != "dumb"
            and not os.environ.get("NO_COLOR")
        )

    def title(self, text: str, code: int = _BOLD) -> None:
        """Print a line of its own, set apart."""
        marked = f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
        print(self._before_title + marked, file=self._stream)
        self._before_title = "\n"

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

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _Version(argparse.Action):
    """Reads the metadata where the version is asked for, and for no other command."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(nargs=0, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"{_NAME} {metadata.version(_NAME)}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; None for those of the process.

    Returns:
        The exit status.

    """
    if sys.stdout is None:  # as >&- leaves it
        print(f"{_NAME}: standard output is closed", file=sys.stderr)
        return _FAILED
    # A provider's words may be in any script; the terminal's encoding may not.
    getattr(sys.stdout, "reconfigure", dict)(errors="backslashreplace")
    try:
        try:
            _run(argv)
        finally:  # --help ends in SystemExit
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        # Python flushes stdout once more at exit, so that has to go somewhere.
        with suppress(OSError):  # as a test's StringIO, which has no descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # head, or a pager, has seen enough
            return _CLOSED_PIPE
        print(f"{_NAME}: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _run(argv: Sequence[str] | None) -> None:
    parser = _Parser(
        prog=_NAME,
        description="The normalized errors of Cloud Elements, and what they mean.",
        epilog=f"""examples:
  {_NAME} table
  {_NAME} explain 502
  {_NAME} demo
""",
    )
    parser.add_argument(
        "--version", action=_Version, help="show program's version number and exit"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    table = commands.add_parser(
        "table",
        help="print the list of normalized statuses",
        description="Print each normalized status, what it means, and what to do.",
        epilog=f"""examples:
  {_NAME} table | less
  {_NAME} table --json | jq '.[] | select(.retried)'
""",
    )
    table.set_defaults(run=_table)
    explaining = commands.add_parser(
        "explain",
        help="say what an answer means, and what to do",
        description="Say what an answer means, whose fault it is, and what to do.",
        epilog=f"""examples:
  {_NAME} explain 502
  {_NAME} explain --status 409 body.json
  curl -si https://api.cloud-elements.com/... | {_NAME} explain --curl -
""",
    )
    explaining.add_argument(
        "what",
        metavar="STATUS|FILE",
        help="a status; or a file with an answer's body, - for standard input",
    )
    explaining.add_argument(
        "--status", type=_status, help="the status of the answer in the file"
    )
    explaining.add_argument(
        "--curl", action="store_true", help="the file is what 'curl -i' printed"
    )
    explaining.set_defaults(run=_explain)
    for command in (table, explaining):
        command.add_argument("--json", action="store_true", help="print JSON")
    demo = commands.add_parser(
        "demo",
        help="start a Cloud Elements on loopback and show each error",
        description="Start a Cloud Elements on loopback, and show each error, a 502 "
        "that a retry heals, and one that none does.",
        epilog=f"""examples:
  {_NAME} demo
  NO_COLOR=1 {_NAME} demo
""",
    )
    demo.set_defaults(run=_demo)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments, _Printer(sys.stdout))
    except _UsageError as error:
        parser.error(str(error))


class _UsageError(Exception):
    """What the arguments ask for cannot be done."""


def _status(text: str) -> int:
    if re.fullmatch("[1-9][0-9]{2}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no status from 100 to 999")
    return int(text)


def _table(arguments: argparse.Namespace, printer: _Printer) -> None:
    if arguments.json:
        rows = [
            {**row._asdict(), "exception": _exception_name(row.status_code)}
            for row in NORMALIZED_ERRORS.values()
        ]
        print(json.dumps(rows, indent=2))
        return
    for row in NORMALIZED_ERRORS.values():
        printer.title(f"{row.status_code} {row.title}")
        printer.field("exception", _exception_name(row.status_code) or "none")
        printer.field("meaning", row.description)
        printer.field("what to do", row.remedy)
        if row.retried:
            printer.field("retried", " ".join(retried_methods(row.status_code)))


def _exception_name(status_code: int) -> str | None:
    exception = class_for(status_code)
    return None if exception is None else exception.__name__


def _explain(arguments: argparse.Namespace, printer: _Printer) -> None:
    said = explain(*_answer(arguments))
    if arguments.json:
        print(json.dumps(said, indent=2))
        return
    printer.title(f"{said['status_code']} {printable(said['title'])}")
    for label, key in (
        ("exception", "type"),
        ("meaning", "description"),
        ("message", "message"),
        ("provider", "provider_message"),
        ("its code", "provider_code"),
        ("said by", "origin"),
        ("request id", "request_id"),
        ("requested", "requested_at"),
        ("its log", "log"),
        ("wait, in s", "retry_after"),
    ):
        if said.get(key):
            printer.field(label, printable(str(said[key])))
    if said.get("details"):
        details = json.dumps(said["details"], ensure_ascii=False)
        printer.field("details", printable(details))
    if said.get("origin") == "unknown":
        printer.field("body", printable(words_of_page(said["text"]), _PAGE))
    if "retried_methods" in said:
        retried = " ".join(said["retried_methods"]) or "no method"
        printer.field("retried", f"{retried}, by default")
    printer.field("what to do", said["remedy"])


def _answer(arguments: argparse.Namespace) -> tuple[int, bytes, Headers]:
    """Read the answer that the arguments name: its status, body and headers."""
    if not arguments.curl and arguments.status is None:
        try:
            return _status(arguments.what), b"", []
        except argparse.ArgumentTypeError as error:
            raise _UsageError(f"{error}; a file needs --status or --curl") from None
    if arguments.curl and arguments.status is not None:
        raise _UsageError("--curl has the status in it: leave out --status")
    try:
        content = _saved(arguments.what)
        if arguments.curl:
            status, headers, body = read_curl(content)
            return status, body, headers
    except (OSError, ValueError) as error:
        raise _UsageError(printable(f"cannot read {arguments.what}: {error}")) from None
    return arguments.status, content, []


def _saved(what: str) -> bytes:
    if what != "-":
        with Path(what).open("rb") as file:
            return file.read(_MAX_SAVED_BYTES)
    if sys.stdin is None:  # as <&- leaves it
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read(_MAX_SAVED_BYTES)


class _LogLines(logging.Handler):
    """Shows each retry where it happens."""

    def __init__(self, printer: _Printer) -> None:
        super().__init__()
        self._printer = printer

    def emit(self, record: logging.LogRecord) -> None:
        self._printer.field("log", record.getMessage())


def _demo(_arguments: argparse.Namespace, printer: _Printer) -> None:
    logger = logging.getLogger("cloud_elements_errors")
    handler = _LogLines(printer)
    logger.addHandler(handler)
    logger.propagate = False
    # No budget: all these failures, which are meant to be shown, would empty it.
    policy = CloudElementsRetry(backoff_factor=0.1, budget=None)
    try:
        with (
            FakeCloudElements() as platform,
            CloudElementsSession(max_retries=policy) as session,
        ):
            session.trust_env = False  # loopback is not behind anybody's proxy
            printer.title(f"A Cloud Elements on loopback: {platform.url}")
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
