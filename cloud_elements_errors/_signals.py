"""Who has raised an exception: the code that was running, or a signal handler?"""

from __future__ import annotations

import functools
import signal
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType


def raised_by_signal_handler(error: BaseException) -> bool:
    """Say whether a signal handler raised this, such as a job's time limit.

    Python runs a handler inside whatever code the signal interrupts. So the exception
    of a handler comes out of that code, but does not belong to it.
    """
    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_code in codes for frame in frames)


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not hasattr(handler, "__code__"):  # an object that can be called
        handler = getattr(handler, "__call__", None)  # noqa: B004
    return getattr(handler, "__code__", None)
