"""The bytes of a TCP connection that its client has acknowledged, as far as the kernel tells.

Source: tcp(7), `TCP_INFO` and `SIOCOUTQ`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Final

with contextlib.suppress(ImportError):  # absent on Windows
    import fcntl
    import termios

_BYTES_ACKED: Final = struct.Struct("B119xQ")
"""The first field of `struct tcp_info` (the state of the connection), and `tcpi_bytes_acked`."""
_IS_CLOSED: Final = 7
OUT_OF_REACH: Final = 1 << 63
"""A number of bytes that no client ever acknowledges."""
_NO_BYTES: Final = bytes(4)
_TELLS: Final = sys.platform == "linux"


def position_after_writes(transport: asyncio.Transport) -> int | None:
    """Return how many bytes the client will have acknowledged once it has everything that was written.

    Returns:
        `OUT_OF_REACH` if the connection is broken already; None if this system or transport does not tell.
    """
    end: socket.socket | None = transport.get_extra_info("socket") if _TELLS else None
    if end is None:
        return None
    try:
        state, acknowledged = _read(end)
        if state == _IS_CLOSED:
            return OUT_OF_REACH
        in_kernel = int.from_bytes(fcntl.ioctl(end.fileno(), termios.TIOCOUTQ, _NO_BYTES), sys.byteorder)
    except OSError:
        return None
    return acknowledged + in_kernel + transport.get_write_buffer_size()


def is_acknowledged(transport: asyncio.Transport, position: int) -> bool:
    """Return True if the client has acknowledged the bytes up to a position, or if nobody can tell."""
    end: socket.socket | None = transport.get_extra_info("socket")
    try:
        return end is None or _read(end)[1] >= position
    except OSError:
        return True


def _read(end: socket.socket) -> tuple[int, int]:
    raw = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
    if len(raw) < _BYTES_ACKED.size:
        raise OSError("this kernel does not count acknowledged bytes")
    state, acknowledged = _BYTES_ACKED.unpack(raw)
    return state, acknowledged
