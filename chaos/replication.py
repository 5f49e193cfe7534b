"""What happens between the two databases of a stage: how far one is, what it lacks, and how it follows."""

from __future__ import annotations

from typing import Final

from chaos import databases
from chaos.hosts import Host
from chaos.stage import Stage

SECONDS_MAX: Final = 30.0
_APPLIED: Final = "select pg_last_wal_receive_lsn() is not distinct from pg_last_wal_replay_lsn()"
_RECEIVING: Final = "select count(*) from pg_stat_wal_receiver"
_STATES: Final = "select sync_state from pg_stat_replication where state = 'streaming'"
_WAITING: Final = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
_WRITES: Final = "select coalesce(sum(version), 0)::bigint from games"
"""Each write of a game raises its version by one."""


def value(stage: Stage, host: Host, query: str) -> object:
    """Return the only value that a query has."""
    ((found,),) = stage.query(host, query)
    return found


def writes(stage: Stage, host: Host) -> int:
    """Return how many writes of games a database has."""
    return int(str(value(stage, host, _WRITES)))


def waiting_commits(stage: Stage, host: Host, address: str = "") -> int:
    """Return how many commits of a primary wait for its standby: all, or those of one client."""
    query = _WAITING + (f" and client_addr = '{address}'" if address else "")
    return int(str(value(stage, host, query)))


def stop_receiving(stage: Stage, standby: Host) -> None:
    """Cut a standby off from its primary, as if the line between them were lost."""
    databases.order(
        standby,
        stage.databases[standby.name],
        "alter system set primary_conninfo = ''",
        "select pg_reload_conf()",
    )
    stage.until(lambda: value(stage, standby, _RECEIVING) == 0, SECONDS_MAX, f"{standby} goes on receiving")


def wait_until_applied(stage: Stage, standby: Host) -> None:
    """Return when a standby, which receives nothing more, has applied all that it received."""
    stage.until(
        lambda: value(stage, standby, _APPLIED) is True, SECONDS_MAX, f"{standby} does not apply what it has"
    )


def wait_until_followed(stage: Stage, *, synchronously: bool) -> None:
    """Return when the standby of the primary receives everything as it is written."""
    states = {"sync", "quorum"} if synchronously else {"sync", "quorum", "async"}
    stage.until(
        lambda: any(row[0] in states for row in stage.query(stage.primary_host, _STATES)), SECONDS_MAX,
        f"no standby follows {stage.primary_host}",
    )  # fmt: skip


def recover(stage: Stage, host: Host) -> None:
    """Let a killed database recover, and stop it in good order; no client can reach it meanwhile.

    `pg_rewind` would do it with the settings of the file, without `wal_keep_size`, and then miss the log.
    """
    with host.entered():
        stage.databases[host.name].start(listens=False)
        stage.databases[host.name].stop()


def follow(stage: Stage, host: Host, *, synchronously: bool) -> None:
    """Let a former primary, which is stopped in good order, follow the present one."""
    server, primary = stage.databases[host.name], stage.primary
    with host.entered():
        server.run_as_owner(
            server.program("pg_rewind"), f"--target-pgdata={server.folder / 'data'}",
            f"--source-server={primary.words(host.name)} dbname=postgres", "--write-recovery-conf",
        )  # fmt: skip
        server.start()
    if synchronously:
        databases.set_standby(stage.primary_host, primary, host)
    wait_until_followed(stage, synchronously=synchronously)
