"""Puts the tools and the server some milliseconds apart, as bots on the Internet are from a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from testkit.namespaces import Namespace
from testkit.packet_holding import PacketHolding, holding_obstacle


def distance_obstacle() -> str:
    """Return the reason why packets cannot be held here; empty if they can."""
    if os.geteuid() != 0:
        return "packets can be held by root only"
    return holding_obstacle()


@contextlib.contextmanager
def far_apart(milliseconds: float) -> Iterator[None]:
    """Move this thread into a network namespace whose loopback holds each packet for so long, one way.

    Everything that is started in the block talks through that loopback, a server and its PostgreSQL too.
    """
    with Namespace("load") as namespace, namespace.entered():
        holding = PacketHolding(namespace, "lo", milliseconds / 1000)
        holding.begin()
        try:
            yield
        finally:
            holding.end()
