"""The command line: ``python -m cloud_elements_errors``."""

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

from ._codes import NORMALIZED_ERRORS
from ._demo import demo
from ._explain import Headers, explain, read_curl, retried_methods
from ._rendering import printable, words_of_page
from ._terminal import Printer
from .exceptions import class_for

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = "cloud-elements-errors"

# The last two as shells report a program that a signal has ended.
_FAILED, _INTERRUPTED, _CLOSED_PIPE = 1, 130, 141

# More than any error has: its body counts up to 64 KiB.
_MAX_SAVED_BYTES = 1024 * 1024

# How much is shown of a body that is none of Cloud Elements'.
_PAGE = 500


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
    showing = commands.add_parser(
        "demo",
        help="start a Cloud Elements on loopback and show each error",
        description="Start a Cloud Elements on loopback, and show each error, a 502 "
        "that a retry heals, and one that none does.",
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
    """What the arguments ask for cannot be done."""


def _status(text: str) -> int:
    if re.fullmatch("[1-9][0-9]{2}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no status from 100 to 999")
    return int(text)


def _table(arguments: argparse.Namespace, printer: Printer) -> None:
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


def _explain(arguments: argparse.Namespace, printer: Printer) -> None:
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


if __name__ == "__main__":
    sys.exit(main())
