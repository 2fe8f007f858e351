"""How many bytecodes of Python a request takes, beside plain requests.

The count is the same in every run, whatever else the machine does, so it is fit to
compare two versions of this package. It says nothing about time spent in C::

    python tests/benchmarks/bytecodes.py
"""

# ruff: noqa: T201 - it prints a table

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import (
    our_adapter,
    our_hook,
    our_session,
    plain,
    recipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ROWS = {
    "plain requests": plain,
    "the recipe: hook and Retry": recipe,
    "CloudElementsAdapter": our_adapter,
    "CloudElementsSession": our_session,
    "raise_for_error": our_hook,
}
KINDS = ("ok", "conflict", "heals")
# Python adapts its bytecode in the first calls.
WARM_UP = 20


def bytecodes(call: Callable[[], Any]) -> int:
    """Count the bytecodes of a call, in all its frames."""
    count = 0

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return trace

    found = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(found)
    return count


def main() -> None:
    server = Path(__file__).with_name("server.py")
    with subprocess.Popen(
        [sys.executable, server], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        counts: dict[str, dict[str, int]] = {}
        for number, (name, make) in enumerate(ROWS.items()):
            ask = make()
            for kind in KINDS:
                url = f"{base}/{kind}/{number}"
                for _ in range(2 * WARM_UP):
                    ask(url)
                counts.setdefault(kind, {})[name] = bytecodes(lambda: ask(url))  # noqa: B023
        process.kill()
    print("| bytecodes | 200 | 409 | healed, to the recipe |\n|---|---|---|---|")
    for name in ROWS:
        columns = []
        for kind, to in zip(KINDS, [*["plain requests"] * 2, ROWS_RECIPE], strict=True):
            count = counts[kind][name]
            columns.append(f"{count:,} ({count / counts[kind][to]:.3f})")
        print(f"| {name} | {' | '.join(columns)} |")


ROWS_RECIPE = "the recipe: hook and Retry"

if __name__ == "__main__":
    main()
