"""The command line: arguments in, exit status out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any, NoReturn

from .demo import demo
from .explain import UsageError, explain, status_code
from .table import table
from .terminal import Printer

_NAME = "cloud-elements-errors"

# Shells report a program that a signal has ended by the last two.
_FAILED, _INTERRUPTED, _CLOSED_PIPE = 1, 130, 141


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
    listing = commands.add_parser(
        "table",
        help="print the table of normalized statuses",
        description="Print each normalized status, what it means, and what to do.",
        epilog=f"""examples:
  {_NAME} table | less
  {_NAME} table --json | jq '.[] | select(.retried)'
""",
    )
    listing.set_defaults(run=table)
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
        "--status", type=status_code, help="the status of the response in the file"
    )
    form.add_argument(
        "--curl", action="store_true", help="the file is the output of 'curl -i'"
    )
    explaining.set_defaults(run=explain)
    for command in (listing, explaining):
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
    showing.set_defaults(run=demo)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments, Printer(sys.stdout))
    except UsageError as error:
        parser.error(str(error))
