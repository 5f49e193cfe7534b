"""Counts the requests and steps that the server refuses, by reason (`mcp_rejected_total`).

A tool result with an error of the game is no rejection, except for `quota_exceeded`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_types import HEADER_MISMATCH

from dungeonfighter.hosting.instruments import Counter
from dungeonfighter.mcp.answers import INTERNAL_ERROR, ProtocolError

_BY_STATUS = {401: "unauthorized", 403: "bad_origin", 413: "body_too_large", 421: "bad_host"}


class Rejections:
    """The counters of one server.

    Args:
        counters: The counters by reason; a reason without a counter is not counted.
    """

    def __init__(self, counters: Mapping[str, Counter]) -> None:
        self._counters = counters

    def count(self, reason: object) -> None:
        """Count one rejection; a code that is no reason is ignored."""
        counter = self._counters.get(reason) if isinstance(reason, str) else None
        if counter is not None:
            counter.add()

    def count_fault(self, fault: ProtocolError) -> None:
        """Count the answer to a request, if it is a rejection."""
        code = (fault.data or {}).get("code")
        self.count(code if code in self._counters else reason_of(fault.status, fault.code))


def reason_of(status: int, code: int) -> str | None:
    """Return the reason of an answer by its status and the code of its JSON-RPC error; None if it is none."""
    if code == HEADER_MISMATCH:
        return "header_mismatch"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "malformed" if 400 <= status < 500 and code != INTERNAL_ERROR else None
