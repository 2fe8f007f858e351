"""The response hooks of a request in flight: the user's, then our check."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from requests.hooks import dispatch_hook

from .._errors.base import CloudElementsError
from .._lock import lock
from .checking import error_of, log_warning

if TYPE_CHECKING:
    import requests

OnError = Callable[[CloudElementsError], object]

logger = logging.getLogger("cloud_elements_errors")


class ResponseHooks(list[Any]):
    """The response hooks of a request in flight: the user's, then our check.

    requests runs the hooks that it finds on the request, so this list replaces the
    user's list there. requests sees one callable hook. It runs the user's hooks,
    checks the response they return, then removes itself. This also works if a
    user's hook raises, or removes itself from the list.

    Several threads may send one request at the same time, some of them without this
    library. Each thread has its own settings. The last one restores the request.
    """

    def __init__(self, home: dict[str, Any]) -> None:
        self._home = home
        self._was_there = "response" in home
        self._found = found = home.get("response")
        super().__init__([found] if callable(found) else found or ())
        self._settings: dict[int, tuple[Collection[int], OnError | None]] = {}

    @classmethod
    def install(
        cls,
        request: requests.PreparedRequest,
        passthrough: Collection[int],
        on_error: OnError | None,
    ) -> ResponseHooks:
        """Check the next response to this request in this thread, with these settings.

        An adapter installs after its session and overrides the session's settings.
        """
        with lock:
            hooks = request.hooks.get("response")
            if not isinstance(hooks, cls):
                hooks = request.hooks["response"] = cls(request.hooks)
            hooks._settings[threading.get_ident()] = (passthrough, on_error)
            return hooks

    def uninstall(self) -> None:
        """Restore the request's hooks, unless other threads are still sending it."""
        with lock:
            self._settings.pop(threading.get_ident(), None)
            if not self._settings and self._home.get("response") is self:
                if isinstance(self._found, list):
                    self._found[:] = self
                self._home["response"] = self._found
                if not self._was_there:
                    del self._home["response"]

    def __bool__(self) -> bool:
        """Return True even for an empty list, or requests would skip this hook."""
        return True

    def __call__(self, response: requests.Response, **kwargs: Any) -> Any:
        settings = self._settings.get(threading.get_ident())
        passthrough, on_error = settings or ((), None)
        error = None
        try:
            if len(self):
                hooks = {"response": list(self)}
                response = dispatch_hook("response", hooks, response, **kwargs)
            if settings is not None and response.status_code not in passthrough:
                error = error_of(response, (kwargs.get("proxies") or {}).values())
                if error is None:
                    log_warning(response)
                else:
                    raise error  # raised here to keep the traceback short
        except CloudElementsError as failure:  # maybe of raise_for_error, a hook
            _tell(failure, on_error)
            raise
        finally:
            del error  # or the error and this frame would refer to each other
            self.uninstall()
        return response


def _tell(error: CloudElementsError, on_error: OnError | None) -> None:
    if on_error is not None:
        try:
            on_error(error)
        except Exception:
            logger.exception("on_error failed, and is ignored")
