"""Judges the findings about a database: the limits beyond which something is a problem, and the way out."""

from __future__ import annotations

from typing import Final

from dungeonfighter.doctor.findings import Findings
from dungeonfighter.doctor.units import size, span
from dungeonfighter.storage.examination import DatabaseReport, PostgresFacts, Schema, SqliteFacts

SLOW_SECONDS: Final = 0.05
"""A median round trip above this makes every turn slow."""
CLOCK_SECONDS: Final = 2.0
FREE_BYTES_MIN: Final = 1 << 30
LOG_BYTES_MAX: Final = 256 << 20
LAG_BYTES_MAX: Final = 256 << 20
TRANSACTION_SECONDS_MAX: Final = 600.0
_NETWORK_FILE_SYSTEMS: Final = frozenset({
    "9p", "afs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs",
    "nfs", "nfs4", "smb3", "smbfs", "vboxsf",
})  # fmt: skip
_IN_MEMORY: Final = frozenset({"ramfs", "tmpfs"})
_FILE: Final = "check the path, and who may read the file and its folder; a server makes a missing file"
_REACH: Final = "check that the database runs, that it can be reached from there, and who may sign in"
_MIGRATE: Final = "start a server of this release, or run `dungeonfighter db migrate`"


def judge_database(report: DatabaseReport, place: str, findings: Findings) -> None:
    """Add the findings about one database; `place` is its name in them."""
    for trouble in report.troubles:
        findings.problem(place, trouble, _FILE if report.kind == "sqlite" else _REACH)
    if report.schema is not None:
        _judge_schema(report.schema, place, findings)
    trips = report.round_trips
    if trips is not None and trips.median_seconds > SLOW_SECONDS:
        findings.problem(
            place,
            f"a round trip takes {span(trips.median_seconds)} (median)",
            "bring server and database closer together, and look for load on the database",
        )
    clock = report.clock
    if clock is not None and abs(clock.seconds) - clock.error_seconds > CLOCK_SECONDS:
        findings.problem(
            place,
            f"the database's clock differs by {span(abs(clock.seconds))} from that of the machine that asked",
            "let both machines follow the same time servers (NTP)",
        )
    if report.sqlite is not None:
        _judge_sqlite(report.sqlite, place, findings)
    if report.postgres is not None:
        _judge_postgres(report.postgres, place, findings)


def _judge_schema(schema: Schema, place: str, findings: Findings) -> None:
    if schema.trouble:
        findings.problem(place, schema.trouble, "use the release that migrated the database, or a newer one")
    elif not schema.found:
        findings.problem(place, "there is no schema of DungeonFighter in it", _MIGRATE)
    elif schema.missing:
        findings.problem(
            place,
            f"the schema lacks {', '.join(schema.missing)} (it has {schema.found} of {schema.known})",
            _MIGRATE,
        )
    if schema.found and schema.missing_indexes:
        findings.note(
            place,
            f"the index of {', '.join(schema.missing_indexes)} is not built yet, so some answers are slow",
            "run `dungeonfighter db migrate`; servers may play on meanwhile",
        )


def _judge_sqlite(facts: SqliteFacts, place: str, findings: Findings) -> None:
    if facts.file_system in _NETWORK_FILE_SYSTEMS:
        findings.problem(
            place,
            f"it is on a network file system ({facts.file_system}), where locks and the log do not hold",
            "move it to a local disk, or use PostgreSQL",
        )
    elif facts.file_system in _IN_MEMORY:
        findings.problem(
            place, f"it is in memory ({facts.file_system}) and gone with the machine", "move it to a disk"
        )
    elif facts.file_system.startswith("fuse"):
        findings.note(
            place,
            f"it is on a file system in user space ({facts.file_system}), whose locks may not hold",
            "keep it on a disk of the machine",
        )
    elif facts.file_system == "overlay":
        findings.note(
            place, "it is in the layer of a container and goes with the container", "keep it in a volume"
        )
    if facts.is_read_only:
        findings.problem(
            place, "its file system can only be read", "remount it, and look for errors of the disk"
        )
    if facts.total_bytes and facts.free_bytes < FREE_BYTES_MIN:
        findings.problem(
            place,
            f"its file system has {size(facts.free_bytes)} left",
            "free some room, or move the database",
        )
    if facts.log_bytes > LOG_BYTES_MAX:
        findings.problem(
            place,
            f"its log has grown to {size(facts.log_bytes)}",
            "end the program that holds an old transaction open, such as a shell or a backup",
        )
    if facts.has_wal_reset_bug:
        findings.problem(
            place, f"SQLite {facts.library} can lose commits (WAL-reset bug)", "install apsw 3.51.3 or newer"
        )
    if facts.journal_mode not in {"", "wal"}:
        findings.note(
            place, f"its journal mode is {facts.journal_mode}", "a server switches it to wal at its start"
        )
    if not facts.is_log_read:
        findings.note(
            place, "its log was not read, so the newest changes are not seen here",
            "the file -shm beside it is missing: a server makes it at its start",
        )  # fmt: skip


def _judge_postgres(facts: PostgresFacts, place: str, findings: Findings) -> None:
    settings = facts.settings
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if settings.get(name) == "off":
            findings.problem(
                place,
                f"{name} = off: a crash of its machine loses acknowledged turns",
                f"alter system set {name} = on; select pg_reload_conf();",
            )
    if facts.is_in_recovery:
        findings.problem(
            place,
            "the connection leads to a standby, which takes no turns",
            "let the connection string lead to the primary, for example with target_session_attrs=read-write",
        )
    elif settings.get("default_transaction_read_only") == "on":
        findings.problem(
            place, "default_transaction_read_only = on: it takes no turns", "set it to off there"
        )
    if settings.get("server_encoding") not in {"UTF8", "SQL_ASCII", None}:
        findings.problem(
            place,
            f"its encoding is {settings['server_encoding']}, which cannot hold every text",
            "make it anew with: create database ... encoding 'UTF8' template template0",
        )
    if not facts.connections_free:
        findings.problem(
            place, "it has no room for another connection", "raise max_connections, or lower DB_POOL_SIZE"
        )
    if settings.get("autovacuum") == "off":
        findings.note(place, "autovacuum = off: its tables grow without bound", "set it to on there")
    if facts.oldest_transaction_seconds > TRANSACTION_SECONDS_MAX:
        findings.problem(
            place,
            f"a transaction is open for {span(facts.oldest_transaction_seconds)}, so tables grow",
            "find it in pg_stat_activity by xact_start, and end its program",
        )
    if facts.waiting_for_locks:
        findings.note(place, f"statements that wait for locks of others: {facts.waiting_for_locks}")
    _judge_standbys(facts, place, findings)


def _judge_standbys(facts: PostgresFacts, place: str, findings: Findings) -> None:
    may_see = all(one.state != "not shown to this role" for one in facts.standbys)
    is_synchronous = any(one.sync_state in {"sync", "quorum"} for one in facts.standbys)
    names = facts.settings.get("synchronous_standby_names", "")
    if names and may_see and not is_synchronous and not facts.is_in_recovery:
        findings.problem(
            place,
            "commits wait for a standby (synchronous_standby_names), and none is connected",
            "bring the standby back; only if it is lost, take it out of synchronous_standby_names",
        )
    for one in facts.standbys:
        if one.lag_bytes > LAG_BYTES_MAX:
            findings.problem(
                place,
                f"the standby {one.name} is {size(one.lag_bytes)} behind",
                "look at the load and the network of the standby",
            )
