"""The command ``demo``: each status of the table, from a fake server on localhost."""

from __future__ import annotations

import logging
from argparse import Namespace

from .._errors.base import CloudElementsError
from .._errors.line import why_stopped
from .._log import logger
from .._requests.session import CloudElementsSession
from .._retries.policy import CloudElementsRetry
from .._table import FIRST_ERROR, NORMALIZED_ERRORS
from .._testing.fake import FakeCloudElements
from .._urls import path_of
from .terminal import GREEN, RED, Printer

# Messages of real providers, one for each row of the table.
_PROVIDER_WORDS = {
    400: "3100 - message=AuthorizationFailed; errorCode=003100; statusCode=403 - null",
    401: "Session expired or invalid",
    403: "error - {code=403, message=The caller does not have permission}",
    404: "ERROR: NOT_FOUND - The requested resource does not exist",
    405: "HTTP Method 'DELETE' not allowed. Allowed are HEAD,GET,PATCH",
    406: "Only application/json is available for this resource",
    409: "Item with the same name already exists",
    415: "Unsupported Media Type: text/plain",
    500: "Errors - [{Code=UNKNOWN_ERROR, Message=An unexpected error occurred}]",
    502: "Connection reset by peer",
}


def demo(_: Namespace, printer: Printer) -> None:
    """Show each status, a GET that succeeds after retries, and one that fails."""

    def show(record: logging.LogRecord) -> bool:
        printer.field("log", record.getMessage())
        return False  # no handler gets it

    logger.addFilter(show)
    # No budget, because these failures would empty it.
    policy = CloudElementsRetry(backoff_factor=0.1, budget=None)
    try:
        with (
            FakeCloudElements() as platform,
            CloudElementsSession(max_retries=policy) as session,
        ):
            printer.title(f"A fake Cloud Elements server: {platform.url}")
            for status, row in NORMALIZED_ERRORS.items():
                colour = RED if status >= FIRST_ERROR else GREEN
                printer.title(f"{status} {row.title}", colour)
                platform.reply(status, provider_message=_PROVIDER_WORDS.get(status))
                # A POST is not retried, so it shows each response.
                _call(printer, session, "POST", f"{platform.url}/contacts")
            printer.title(
                "502 twice, then 200: a GET that succeeds after retries", GREEN
            )
            platform.reply(502, provider_message=_PROVIDER_WORDS[502], times=2)
            _call(printer, session, "GET", f"{platform.url}/contacts/17")
            printer.title("502 every time: a GET that fails after retries", RED)
            platform.reply(502, provider_message=_PROVIDER_WORDS[502], times=4)
            _call(printer, session, "GET", f"{platform.url}/contacts/18")
    finally:
        logger.removeFilter(show)


def _call(
    printer: Printer, session: CloudElementsSession, method: str, url: str
) -> None:
    printer.field("sent", f"{method} {path_of(url)}")
    try:
        response = session.request(method, url)
    except CloudElementsError as error:
        printer.field("exception", type(error).__name__)
        printer.field("provider", error.provider_message)
        printer.field("request id", error.request_id)
        printer.field("what to do", error.remedy)
        if error.retryable:
            why = why_stopped(error.attempts, error.stopped_by, error.method)
            printer.field("retries", why)
    else:
        printer.field("response", f"{response.status_code} {response.text}")
