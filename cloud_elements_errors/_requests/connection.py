"""Connections that keep the status of a response with two Content-Lengths."""

from __future__ import annotations

import http.client
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._table import FIRST_ERROR

if TYPE_CHECKING:
    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPConnectionPool


class _Response(http.client.HTTPResponse):
    """A response that keeps its status if its Content-Length headers disagree.

    urllib3 raises for such a response, and its status is lost. For a status of 400
    or more, this class takes the longest of the lengths.
    """

    def begin(self) -> None:
        super().begin()
        if self.status < FIRST_ERROR:
            return
        try:
            lines = self.headers.get_all("Content-Length", [])
            lengths = {int(length) for length in ",".join(lines).split(",")}
        except ValueError:  # no length, or one that urllib3 ignores
            return
        if len(lengths) > 1:
            self.length = max(0, *lengths)
            del self.headers["Content-Length"]
            self.headers["Content-Length"] = str(self.length)
            self.will_close = True  # do not reuse a connection in an unknown state


class _KeepsStatus:
    """A mixin for urllib3's pools: their connections use `_Response`."""

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        connection.response_class = _Response
        return connection


@lru_cache
def _keeping_status(cls: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    if issubclass(cls, _KeepsStatus):
        return cls
    return type(cls.__name__, (_KeepsStatus, cls), {})


def keep_status(manager: PoolManager) -> PoolManager:
    """Make all future pools of the manager keep the status of a failure."""
    # urllib3 has this attribute "so other PoolManagers can override them".
    manager.pool_classes_by_scheme = {
        scheme: _keeping_status(cls)
        for scheme, cls in manager.pool_classes_by_scheme.items()
    }
    return manager
