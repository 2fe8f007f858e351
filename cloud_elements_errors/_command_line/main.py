"""The command line: arguments in, exit status out."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .._errors.line import printable
from .._table import NORMALIZED_ERRORS
from .demo import demo
from .explain import Headers, explain, read_curl
from .terminal import Printer

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = "cloud-elements-errors"

# Shells report a program that a signal has ended by the last two.
_FAILED, _INTERRUPTED, _CLOSED_PIPE = 1, 130, 141

# The most bytes to read of a file. An error has at most 64 KiB of body.
_MAX_SAVED_BYTES = 1024 * 1024


class _Parser(argparse.ArgumentParser):
    """Prints a usage error in one line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _Version(argparse.Action):
    """Prints the version. Reads the package metadata only when needed."""

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
    if sys.stdout is None:  # after >&- in a shell
        print(f"{_NAME}: standard output is closed", file=sys.stderr)
        return _FAILED
    # A provider's message may have characters that the terminal cannot encode.
    getattr(sys.stdout, "reconfigure", dict)(errors="backslashreplace")
    try:
        try:
            _run(argv)
        finally:  # --help ends in SystemExit
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        # Python flushes stdout again at exit, which must not fail.
        with suppress(OSError):  # a StringIO of a test has no descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # head or a pager has stopped reading
            return _CLOSED_PIPE
        print(f"{_NAME}: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _run(argv: Sequence[str] | None) -> None:
    parser = _Parser(
        prog=_NAME,
        description="Explain the errors of Cloud Elements.",
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
        help="print the table of normalized statuses",
        description="Print each normalized status, what it means, and what to do.",
        epilog=f"""examples:
  {_NAME} table | less
  {_NAME} table --json | jq '.[] | select(.retried)'
""",
    )
    table.set_defaults(run=_table)
    explaining = commands.add_parser(
        "explain",
        help="explain a status or a saved response",
        description="Explain what a status or a saved response means, who wrote it, "
        "and what to do.",
        epilog=f"""examples:
  {_NAME} explain 502
  {_NAME} explain --status 409 body.json
  curl -si https://api.cloud-elements.com/... | {_NAME} explain --curl -
""",
    )
    explaining.add_argument(
        "what",
        metavar="STATUS|FILE",
        help="a status, or a file with a response body (- for standard input)",
    )
    form = explaining.add_mutually_exclusive_group()
    form.add_argument(
        "--status", type=_status, help="the status of the response in the file"
    )
    form.add_argument(
        "--curl", action="store_true", help="the file is the output of 'curl -i'"
    )
    explaining.set_defaults(run=_explain)
    for command in (table, explaining):
        command.add_argument("--json", action="store_true", help="print JSON")
    showing = commands.add_parser(
        "demo",
        help="show each status of the table, from a fake server on localhost",
        description="Start a fake Cloud Elements server on localhost. Show each status "
        "of the table, a request that succeeds after retries, and one that fails.",
        epilog=f"""examples:
  {_NAME} demo
  NO_COLOR=1 {_NAME} demo
""",
    )
    showing.set_defaults(run=lambda _, printer: demo(printer))
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments, Printer(sys.stdout))
    except _UsageError as error:
        parser.error(str(error))


class _UsageError(Exception):
    """What to explain is not a status, or cannot be read."""


def _status(text: str) -> int:
    if re.fullmatch("[1-9][0-9]{2}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a status from 100 to 999")
    return int(text)


def _table(arguments: argparse.Namespace, printer: Printer) -> None:
    if arguments.json:
        rows = [
            {**row._asdict(), "exception": explain(status)["type"]}
            for status, row in NORMALIZED_ERRORS.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        for status in NORMALIZED_ERRORS:
            _show(explain(status), printer)


def _explain(arguments: argparse.Namespace, printer: Printer) -> None:
    said = explain(*_parts(arguments))
    if arguments.json:
        print(json.dumps(said, indent=2))
    else:
        _show(said, printer)


def _show(said: dict[str, Any], printer: Printer) -> None:
    """Print what `explain` says."""
    printer.title(f"{said['status_code']} {printable(said['title'])}")
    for label, key in (
        ("exception", "type"),
        ("meaning", "description"),
        ("message", "message"),
        ("provider", "provider_message"),
        ("code", "provider_code"),
        ("written by", "origin"),
        ("request id", "request_id"),
        ("requested", "requested_at"),
        ("log at", "log"),
        ("retry after", "retry_after"),
    ):
        if said.get(key):
            printer.field(label, printable(str(said[key])))
    if said.get("details"):
        details = json.dumps(said["details"], ensure_ascii=False)
        printer.field("details", printable(details))
    if said.get("words") and not said["message"]:
        # Without a body, the status line or a header has words.
        printer.field("body" if said["text"] else "head", said["words"])
    if "retried_methods" in said:
        retried = " ".join(said["retried_methods"]) or "no method"
        if said["needs_retry_after"]:
            retried += " without a valid Retry-After header"
        printer.field("retried", f"{retried}, by default")
    printer.field("what to do", said["remedy"])


def _parts(arguments: argparse.Namespace) -> tuple[int, bytes, Headers, str | None]:
    """Return the status, body, headers and reason that the arguments name."""
    if not arguments.curl and arguments.status is None:
        try:
            return _status(arguments.what), b"", [], None
        except argparse.ArgumentTypeError as error:
            raise _UsageError(f"{error}. For a file, add --status or --curl") from None
    try:
        content = _saved(arguments.what)
        if arguments.curl:
            return read_curl(content)
    except (OSError, ValueError) as error:
        raise _UsageError(printable(f"cannot read {arguments.what}: {error}")) from None
    return arguments.status, content, [], None


def _saved(what: str) -> bytes:
    if what != "-":
        with Path(what).open("rb") as file:
            return file.read(_MAX_SAVED_BYTES)
    if sys.stdin is None:  # after <&- in a shell
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read(_MAX_SAVED_BYTES)
