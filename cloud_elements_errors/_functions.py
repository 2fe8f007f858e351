"""The code behind a function: is it a coroutine's, is it a signal handler's?"""

from __future__ import annotations

import functools
import signal
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

# inspect.CO_COROUTINE. Importing inspect takes seven milliseconds.
_COROUTINE = 0x80


def is_async(function: object) -> bool:
    """Say whether this is an ``async def``, which does nothing if it is called."""
    code = _code_of(function)
    return code is not None and bool(code.co_flags & _COROUTINE)


def raised_by_signal_handler(error: BaseException) -> bool:
    """Say whether a signal handler raised this, such as a job's time limit.

    Python runs a handler inside whatever code the signal interrupts. So the exception
    of a handler comes out of that code, but does not belong to it.
    """
    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_code in codes for frame in frames)


def _code_of(function: Any) -> CodeType | None:
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__code__"):  # an object that can be called
        function = getattr(function, "__call__", None)  # noqa: B004
    return getattr(function, "__code__", None)
