"""The logger of the package, and log calls that cannot break a request."""

import logging

from ._tracebacks import raised_by_signal_handler

logger = logging.getLogger("cloud_elements_errors")
logger.addHandler(logging.NullHandler())


def log(level: int, message: str, *args: object, exc_info: bool = False) -> None:
    """Log a message, whatever the application's filters, handlers or factory raise."""
    try:
        logger.log(level, message, *args, exc_info=exc_info, stacklevel=2)
    except Exception as failure:
        if raised_by_signal_handler(failure):
            raise
