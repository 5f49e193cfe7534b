"""The sockets that a server listens on: one for one process, or one for each worker at the same address."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from dungeonfighter import limits
from dungeonfighter.errors import SettingsError

BACKLOG: Final = 4096


def listen(host: str, port: int, *, shared: bool = False, flag: str = "--port") -> socket.socket:
    """Bind a non-blocking socket to the address, before anything else of the server starts.

    Args:
        host: Name or address.
        port: 0 takes a free port.
        shared: True if other workers bind to the same address; the kernel spreads connections over the
            sockets that listen. A shared socket is only bound: `server.serve` lets it listen.
        flag: The flag that the text of an error names.

    Raises:
        SettingsError: The address cannot be bound; the text says what to do.
    """
    bound = _bind(host, port, shared=shared, flag=flag)
    if not shared:
        bound.listen(BACKLOG)
    return bound


def check_free(host: str, port: int, *, flag: str) -> None:
    """Bind the address for a moment, without listening.

    Raises:
        SettingsError: The address cannot be bound; see `listen`.
    """
    _bind(host, port, flag=flag).close()


def reserve(host: str, port: int, *, flag: str = "--port") -> socket.socket:
    """Bind a shared socket that never listens: it keeps the address for workers that listen there later.

    Raises:
        SettingsError: The address cannot be bound, or this system cannot share a port.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise SettingsError(["--workers: this system cannot share a port between processes; write 1"])
    check_free(host, port, flag=flag)  # a shared bind succeeds although another program shares the port
    return _bind(host, port, shared=True, flag=flag)


def _bind(host: str, port: int, *, shared: bool = False, flag: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        if os.name != "nt":  # on Windows the option would let two servers bind one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        why = f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}"
        free = ", or --port 0 for any free one" if flag == "--port" else ""
        if flag == "--prometheus-endpoint":
            free = f", or write http://{host}:{port} if that is your Prometheus"
        raise SettingsError([f"{flag}: {why}; choose another one{free}"]) from None
    bound.setblocking(False)
    _limit_unsent_bytes(bound)
    return bound


def _limit_unsent_bytes(listener: socket.socket) -> None:
    """Limit how many bytes of answers the kernel buffers before it sends them; its default is 4 MB.

    Accepted connections inherit the limit from the listener. Bytes in flight do not count, so the limit does
    not slow a distant client down.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limits.unsent_bytes_max)
