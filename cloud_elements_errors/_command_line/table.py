"""The command ``table``: the normalized statuses."""

from __future__ import annotations

from argparse import Namespace

from .._table import NORMALIZED_ERRORS
from .explain import meaning, show
from .terminal import Printer


def table(arguments: Namespace, printer: Printer) -> None:
    """Show each status, what it means, and what to do."""
    if arguments.json:
        printer.json(
            [
                {**row._asdict(), "exception": meaning(status)["type"]}
                for status, row in NORMALIZED_ERRORS.items()
            ]
        )
        return
    for status in NORMALIZED_ERRORS:
        show(meaning(status), printer)
