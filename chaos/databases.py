"""The PostgreSQL servers of a stage: a primary, and a standby that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from chaos.hosts import Host
from testkit.postgres_server import PostgresServer

DATABASE: Final = "dungeonfighter"
PORT: Final = 5432
_TRUST: Final = "local all all trust\nhost all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n"
_SETTINGS: Final = {"wal_log_hints": "on", "wal_keep_size": "64MB", "max_connections": "80"}


def connection_string(places: Sequence[str]) -> str:
    """Return the string that servers of the game get: the primary, whichever of these places has it."""
    return (
        f"Host={','.join(places)};Port={PORT};Database={DATABASE};Username=postgres;"
        "Target Session Attributes=read-write"
    )


def make(
    host: Host,
    copy_of: str = "",
    folders: tuple[Path | None, Path | None] = (None, None),
    settings: Mapping[str, str] | None = None,
) -> PostgresServer:
    """Make a server on a host, which does not run yet.

    Args:
        host: The host.
        copy_of: Connection words of a primary, or empty.
        folders: Where its folder and that of its log (pg_wal) are made; None leaves it to the server.
        settings: Further settings.
    """
    with host.entered():
        return PostgresServer(
            in_memory=True, host=host.address, port=PORT, access=_TRUST, copy_of=copy_of,
            parent=str(folders[0] or ""), wal_folder=str(folders[1] or ""),
            **{**_SETTINGS, **(settings or {})},
        )  # fmt: skip


def order(host: Host, server: PostgresServer, *orders: str) -> None:
    """Execute statements on a host as the administrator."""
    with host.entered():
        server.order(*orders)


def set_standby(host: Host, server: PostgresServer, standby: Host | None) -> None:
    """Let commits wait for a standby from now on, or for none."""
    names = f"'\"{standby.name}\"'" if standby is not None else "''"
    order(host, server, f"alter system set synchronous_standby_names = {names}", "select pg_reload_conf()")


def promote(host: Host, server: PostgresServer) -> None:
    """Make a standby the primary; return when it accepts writes, which wait for no standby."""
    with host.entered():
        server.run_as_owner("pg_ctl", "promote", "-w", "-D", str(server.folder / "data"))
    set_standby(host, server, None)


def pid(server: PostgresServer) -> int:
    """Return the process of a server that runs."""
    return int((server.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
