"""What can be told of an exception: those behind it, and who raised or caught it."""

import traceback
from collections.abc import Iterator
from types import FrameType

# The packages of what a signal interrupts.
_HOSTS = {"cloud_elements_errors", "http", "requests", "socket", "ssl", "urllib3"}


def linked(exception: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those in its arguments, causes and contexts, once."""
    seen: set[int] = set()
    links: list[object] = [exception]
    for link in links:  # it grows
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            links += (*link.args, link.__cause__, link.__context__)


def _is_host(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] in _HOSTS


def raised_by_signal_handler(error: BaseException) -> bool:
    """Say whether a signal handler raised this, such as a job's time limit.

    Python runs a handler inside whatever code the signal interrupts. So the exception
    comes out of that code, but does not belong to it. A handler is known by its
    arguments: Python passes it the frame that it has interrupted, which is its caller.
    """
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    if not any(map(_is_host, frames[:1])):  # the application is handling it
        return False
    # Before Python 3.13, f_locals keeps what it shows, here maybe the exception.
    for frame in [frame for frame in frames if not _is_host(frame)]:
        code, caller = frame.f_code, frame.f_back
        # With *args, their name comes after those of the arguments.
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 1]:
            value = frame.f_locals.get(name)
            values = value if type(value) is tuple else (value,)
            if any(one is caller for one in values):
                return True
    return False
