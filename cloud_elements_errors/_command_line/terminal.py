"""Print in columns, and in colour if the output is a terminal."""

from __future__ import annotations

import os
import textwrap
from typing import TextIO

_WIDTH = 80
_INDENT = 14

# SGR codes of a terminal.
BOLD, RED, GREEN = 1, 31, 32


class Printer:
    """Prints in columns, and in colour if the stream is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before_title = ""
        self._colour = (
            stream.isatty()
            and os.environ.get("TERM") != "dumb"
            and not os.environ.get("NO_COLOR")
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
