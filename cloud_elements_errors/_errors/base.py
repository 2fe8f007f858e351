"""The base class of all errors: its attributes, and how it is copied and pickled."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import requests

from .. import _lock, _table
from .line import error_line, error_notes
from .payload import Attempt, Origin, StopReason
from .pickling import pack, unpack

# The keys of to_dict() after "type", in order.
_IN_DICT = (
    *("status_code", "title", "description", "remedy", "message", "request_id"),
    *("provider_message", "provider_code", "origin", "details", "text", "truncated"),
    *("reason", "method", "url", "attempts", "stopped_by", "retry_after", "retryable"),
)


class CloudElementsError(requests.HTTPError):
    """A request to Cloud Elements failed with a status of 400 or more.

    Catch this class for every failed response, or a subclass for one status. Network
    failures raise the exceptions of requests. The attributes hold the content of the
    response, without the secrets of the request. *response* and *request* still
    contain them.

    Example::

        try:
            session.get(url)
        except CloudElementsError as error:
            print(error.provider_message, error.request_id, error.stopped_by)

    Attributes:
        status_code: The HTTP status.
        message: The body's ``message``, else None.
        request_id: The body's ``requestId``, else the ``Elements-Request-Id``
            header, else None. Quote it to support.
        provider_message: The exact text of the API provider: a string as it was
            sent, an object or a list as compact JSON, else None.
        provider_code: The body's ``providerErrorCode`` as a string, else None.
        origin: ``"provider"`` if the body has words of the provider,
            ``"platform"`` if it only has words of Cloud Elements, ``"unknown"`` if
            it comes from neither (an HTML page of a gateway, or no body).
        text: The body as text, at most 64 KiB.
        truncated: Whether a part of the body is known to be missing: it was too long,
            or did not arrive.
        reason: The words of the status line, else None. HTTP/2 has none.
        method: The request's method; None if unknown.
        url: The request's URL without userinfo, query and fragment, or None.
        attempts: All attempts of the call in order; the last one is the failure. In a
            session that is not ours, only those after the last redirect.
        stopped_by: Why no further attempt was made: ``"status"``, ``"method"``,
            ``"body"``, ``"attempts"``, ``"certificate"``, ``"deadline"``,
            ``"budget"`` or ``"retry_after"``; None without a `CloudElementsRetry`.
        retry_after: The seconds that the server asked to wait, else None.
        response: The `requests.Response`. Its ``text`` is the body, at most 64 KiB;
            its ``json()`` works if that is JSON. None if the error was not built
            from a response.
        request: Its `requests.PreparedRequest`, or None.

    """

    status_code: int = 0
    _title: str | None = None
    _said: str = ""

    def __init__(
        self,
        line: str = "",
        /,
        *,
        status_code: int | None = None,
        title: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        provider_message: str | None = None,
        provider_code: str | None = None,
        origin: Origin = "unknown",
        details: Mapping[str, Any] | None = None,
        text: str = "",
        truncated: bool = False,
        reason: str | None = None,
        method: str | None = None,
        url: str | None = None,
        attempts: Sequence[Attempt] = (),
        stopped_by: StopReason | None = None,
        retry_after: float | None = None,
        response: requests.Response | None = None,
        request: requests.PreparedRequest | None = None,
    ) -> None:
        """Build an error from its attributes; `error_from_parts` parses a body.

        *line* is the text that ``str()`` returns. `CloudElementsError` and
        `UnlistedStatusError` take any *status_code* and *title*; the other classes
        have theirs. The class describes the other parameters. Their types are not
        checked.

        """
        super().__init__(line, response=response, request=request)
        self.args = (line,)
        self.__notes__ = []
        self.status_code = self.status_code if status_code is None else status_code
        self._title = title
        self.message = message
        self.request_id = request_id
        self.provider_message = provider_message
        self.provider_code = provider_code
        self.origin = origin
        # The property of this name shows it read-only.
        vars(self)["details"] = dict(details or {})
        self.text = text
        self.truncated = truncated
        self.reason = reason
        self.method = method
        self.url = url
        self.attempts: tuple[Attempt, ...] = tuple(attempts)
        self.stopped_by = stopped_by
        self.retry_after = retry_after

    # The line and the notes are built when they are read: most errors are caught, and
    # never shown. mypy does not know that a cached property can be set.
    @cached_property
    def args(self) -> tuple[Any, ...]:  # type: ignore[override]
        """The one argument of the exception, the line that ``str()`` returns."""
        return (error_line(self),)

    def __str__(self) -> str:
        """Return the line; if *args* was changed, what any exception would return."""
        return str(Exception(*self.args))

    def __repr__(self) -> str:
        """Return the class and its line."""
        return f"{type(self).__name__}({', '.join(map(repr, self.args))})"

    @cached_property
    def __notes__(self) -> list[str]:  # type: ignore[override,unused-ignore]
        """The lines that the traceback shows after the error (PEP 678)."""
        return error_notes(self)

    @property
    def title(self) -> str:
        """The title in the table, else the server's reason, else the standard one."""
        return self._title or _table.title_of(self.status_code, self.reason)

    @property
    def description(self) -> str:
        """The description of the status in the table; empty if it is not listed."""
        return _table.DESCRIPTIONS.get(self.status_code, "")

    @property
    def remedy(self) -> str:
        """What to do next, in one sentence."""
        return _table.remedy_of(self.status_code, self.retry_after)

    @property
    def retryable(self) -> bool:
        """Whether the table marks the status as retried (500 and 502)."""
        return self.status_code in _table.RETRIED_STATUSES

    @property
    def details(self) -> Mapping[str, Any]:
        """The other top-level fields of the JSON body, read-only."""
        return MappingProxyType(vars(self)["details"])

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes but *response* and *request*, ready for JSON."""
        return {
            "type": type(self).__name__,
            **{name: getattr(self, name) for name in _IN_DICT},
            "details": copy.deepcopy(vars(self)["details"]),
            "attempts": [attempt._asdict() for attempt in self.attempts],
        }

    def __copy__(self) -> "CloudElementsError":
        """Return a shallow copy, with the same *response* and *request*."""
        clone = type(self).__new__(type(self))
        clone.__dict__.update(self.__dict__)
        return clone

    def __reduce_ex__(self, protocol: Any = 4, /) -> tuple[Any, ...]:
        """Pickle without secrets and without the request body, in less than 128 KiB."""
        # The class takes one of the args; the state has all.
        return type(self), self.args[:1], pack(self.__dict__, protocol)

    __reduce__ = __reduce_ex__

    def __setstate__(self, state: Any) -> None:
        """Restore the attributes that `__reduce__` has packed."""
        self.__dict__ = unpack(state)


# Before Python 3.12, a cached property has a lock, which all objects share.
for _name in ("args", "__notes__"):
    vars(CloudElementsError)[_name].lock = _lock.fork_safe_lock()
