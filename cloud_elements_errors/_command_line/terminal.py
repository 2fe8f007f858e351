"""Print in columns or as JSON, and in colour if the output is a terminal."""

from __future__ import annotations

import json
import os
import textwrap
from typing import Any, TextIO

_WIDTH = 80
_INDENT = 14

# SGR codes of a terminal.
BOLD, RED, GREEN = 1, 31, 32


class Printer:
    """Prints in columns, and in colour if the stream is a terminal.

    The variables ``NO_COLOR`` and ``FORCE_COLOR`` decide, in this order, if they are
    not empty: as for Python's own tracebacks.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before_title = ""
        self._colour = not os.environ.get("NO_COLOR") and (
            bool(os.environ.get("FORCE_COLOR"))
            or (stream.isatty() and os.environ.get("TERM") != "dumb")
        )

    def title(self, text: str, code: int = BOLD) -> None:
        """Print a title after an empty line."""
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

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        print(json.dumps(value, indent=2), file=self._stream)
