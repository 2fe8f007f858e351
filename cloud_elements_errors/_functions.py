"""What can be told of the function that raised an exception."""

import traceback

# The packages of what a signal interrupts.
_NO_HANDLERS = {"cloud_elements_errors", "http", "requests", "socket", "ssl", "urllib3"}


def raised_by_signal_handler(error: BaseException) -> bool:
    """Say whether a signal handler raised this, such as a job's time limit.

    Python runs a handler inside whatever code the signal interrupts. So the exception
    comes out of that code, but does not belong to it. A handler is known by its
    arguments: Python passes it the frame that it has interrupted, which is its caller.
    """
    for frame, _line in traceback.walk_tb(error.__traceback__):
        # Before Python 3.13, f_locals keeps what it shows, here maybe the exception.
        if frame.f_globals.get("__name__", "").partition(".")[0] in _NO_HANDLERS:
            continue
        code, caller = frame.f_code, frame.f_back
        # With *args, their name comes after those of the arguments.
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 1]:
            value = frame.f_locals.get(name)
            values = value if type(value) is tuple else (value,)
            if any(one is caller for one in values):
                return True
    return False
