"""The state of a store, as far as the store itself knows it without asking."""

from __future__ import annotations

from msgspec import Struct


class StoreHealth(Struct, frozen=True):
    """The last known state of a store, some seconds old where the store has to measure it.

    Attributes:
        log_bytes: Bytes of the write-ahead log that are not yet moved into the file; 0 for a server's store.
        hazards: Settings and facts under which acknowledged turns can be lost, one sentence each.
        wal_bytes, free_bytes, disk_bytes: The size of the file of the write-ahead log, the free space of its
            disk and the size of that; None for a store that keeps no file itself.
        pool_size, pool_in_use: Connections of this process, and those that work now.
        backup_at: When `db backup` last succeeded, in seconds since 1970; 0 if it never did.
        is_answering: False if a database server did not answer the last look at it, which takes place
            whether or not anybody plays.
        clock_skew_seconds: The time by which the clock of this machine is ahead of that of the database
            server, less the uncertainty of the measurement; 0 for a store on this machine.
        sync_waits: Sessions of this user whose statement has waited for a synchronous standby for over a
            second.
    """

    log_bytes: int = 0
    hazards: tuple[str, ...] = ()
    wal_bytes: int | None = None
    free_bytes: int | None = None
    disk_bytes: int | None = None
    pool_size: int = 0
    pool_in_use: int = 0
    backup_at: float = 0.0
    is_answering: bool = True
    clock_skew_seconds: float = 0.0
    sync_waits: int = 0
