"""Connections whose failed answers keep their status, whatever their head says."""

from __future__ import annotations

import http.client
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._codes import FIRST_ERROR

if TYPE_CHECKING:
    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPConnectionPool


class _Response(http.client.HTTPResponse):
    """An answer that keeps its status where its Content-Length lines disagree.

    urllib3 refuses such an answer, and nobody learns its status. A failure is told
    by that alone, so its body may be as long as the longest of them says.
    """

    def begin(self) -> None:
        super().begin()
        if self.status < FIRST_ERROR:
            return
        try:
            lines = self.headers.get_all("Content-Length", [])
            lengths = {int(length) for length in ",".join(lines).split(",")}
        except ValueError:  # none, or one that urllib3 ignores
            return
        if len(lengths) > 1:
            self.length = max(0, *lengths)
            del self.headers["Content-Length"]
            self.headers["Content-Length"] = str(self.length)
            self.will_close = True  # who knows what else is coming


class _KeepsStatus:
    """Mixed into urllib3's pools, whose connections then answer so."""

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
    """Have all pools that the manager will make keep the status of a failure."""
    # The attribute is there "so other PoolManagers can override them".
    manager.pool_classes_by_scheme = {
        scheme: _keeping_status(cls)
        for scheme, cls in manager.pool_classes_by_scheme.items()
    }
    return manager
