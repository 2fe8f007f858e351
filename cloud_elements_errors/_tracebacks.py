"""The exceptions behind an exception, and who raised it."""

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


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "").partition(".")[0])


def raised_by_signal_handler(error: BaseException, *, in_host: bool = True) -> bool:
    """Say whether a signal handler or a green thread's hub raised this time limit.

    Python runs a handler inside whatever code the signal interrupts. So the exception
    comes out of that code, but does not belong to it. A handler is known by its
    arguments: Python passes it the frame that it has interrupted, which is its caller.
    A hub raises where it switches, and so it does for a socket that has timed out.
    With *in_host*, it counts only until it leaves the hosts: then somebody handles it.
    """
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    if not frames or (in_host and _package(frames[0]) not in _HOSTS):
        return False
    last = frames[-1]
    if _package(last) in {"eventlet", "gevent"} and "switch" in last.f_code.co_name:
        return getattr(error, "errno", None) is None and "timed out" not in str(error)
    # Before Python 3.13, f_locals keeps what it shows, here maybe the exception.
    for frame in [frame for frame in frames[1:] if _package(frame) not in _HOSTS]:
        code, caller = frame.f_code, frame.f_back
        # With *args, their name comes after those of the arguments.
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 1]:
            value = frame.f_locals.get(name)
            values = value if type(value) is tuple else (value,)
            if caller is not None and any(one is caller for one in values):
                return True
    return False


def pass_on_signal(error: Exception) -> None:
    """Raise what a signal handler has raised, even if a host takes it for a failure.

    A job's time limit is often a TimeoutError, as a socket's is. For http.client, a
    ValueError is a broken chunk.
    """
    for link in linked(error):
        if raised_by_signal_handler(link):
            raise link
