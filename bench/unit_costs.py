"""The unit costs of this machine, for `dungeonfighter plan`: `python -m bench --unit-costs FILE`.

A server with one process plays on a PostgreSQL of its own with `fsync` on: first one connection alone, then
many, each with its next call when the last one is answered. Processor time comes from /proc, bytes from
PostgreSQL's own figures. Memory of a connected bot is that of `bench.hot`. About two minutes; Linux only.

Source: docs/capacity.md, "The file of unit costs".
"""

from __future__ import annotations

import asyncio
import http.client
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import msgspec

from bench import hot, rows
from bench.load import GOOD, LEGACY, MODERN, Connection, bot_name, tool_call
from bench.machine import machine
from bench.options import Options, Progress
from bench.processes import family, usage_of
from bench.servers import Failed, Server, load, ours, running
from bench.table import Figure
from dungeonfighter import __version__
from dungeonfighter.planning import unit_costs as planning
from dungeonfighter.telemetry.tokens import count_tokens
from testkit.postgres_server import PostgresServer

SHIPPED: Final = Path("src/dungeonfighter/planning") / planning.SHIPPED
_CONNECTIONS: Final = 64
_BOTS: Final = 2000
_QUICK_BOTS: Final = 200
_WIRE_BOTS: Final = 20
_WIRE_TURNS: Final = 60
_QUICK_WIRE_TURNS: Final = 10
_TABLES: Final = ("run_inputs", "episodes", "run_bases", "character_saves")
_SIZES: Final = """
select coalesce(sum(version), 0)::bigint, count(*), pg_total_relation_size('games')::bigint,
       (select sum(pg_total_relation_size(name::regclass)) from unnest($1::text[]) as name)::bigint,
       pg_current_wal_lsn()::text
from games
"""


class _State(NamedTuple):
    """The state of the database and the processor times at one moment."""

    turns: int
    bots: int
    games_bytes: int
    history_bytes: int
    wal: str
    server_seconds: float
    database_seconds: float


def measure_to(file: Path, *, quick: bool) -> int:
    """Measure, write the file, and print what was measured.

    Returns:
        0 after a measurement, 1 if one failed, 2 on a system without /proc.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        sys.stderr.write("the unit costs are read from /proc: this needs Linux\n")
        return 2
    progress = Progress(30.0 if quick else 120.0)
    try:
        costs = _measured(progress, quick=quick)
    except Failed as error:
        sys.stderr.write(f"nothing was written: {error}\n")
        return 1
    text = msgspec.json.format(msgspec.json.encode(costs), indent=2) + b"\n"
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_bytes(text)
    planning.read_unit_costs(unfinished)  # checks every number
    unfinished.replace(file)
    sys.stdout.write(f"{text.decode()}written to {file}\n")
    return 0


def _measured(progress: Progress, *, quick: bool) -> planning.UnitCosts:
    this = machine()
    if this.load_average > this.cores / 4:
        progress.say(f"this machine is busy (load {this.load_average:.1f}): measure again when it is idle")
    server = PostgresServer(fsync="on", shared_buffers="512MB", max_wal_size="4GB")
    try:
        server.start()
        played, p99_alone, wire = _played(server, progress, quick=quick)
    finally:
        server.close()
    database, server_us = played
    progress.step("memory of connected bots", 15.0)
    asked = Options(1 if quick else 5, 0.0, 0, frozenset({rows.HOT_BOT}))
    memory = hot.measure(asked, progress)[rows.HOT_BOT]
    per_bot, per_worker = _memory(memory)
    return planning.UnitCosts(
        format=planning.FORMAT, version=planning.VERSION,
        measured=planning.Measured(
            at=this.at, release=__version__, build=this.version, processor=this.processor or this.machine,
            cores=this.cores, memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            python=this.python, system=this.system, load_average=round(this.load_average, 2), quick=quick,
        ),
        server=planning.ServerCosts(server_us, per_bot, per_worker, p99_alone),
        database=database, wire=wire,
    )  # fmt: skip


def _played(
    postgres: PostgresServer, progress: Progress, *, quick: bool
) -> tuple[tuple[planning.DatabaseCosts, float], float, planning.WireCosts]:
    """Play on a database of this server; return the costs of database and server, the p99 alone, the wire."""
    url = postgres.empty_database("unit_costs")
    bots, seconds = (_QUICK_BOTS, 2.0) if quick else (_BOTS, 20.0)
    with tempfile.TemporaryDirectory() as folder, running(ours, Path(folder), url) as server:
        progress.step(f"{bots} bots begin", 10.0)
        load(server.port, [0, _CONNECTIONS, bots, "begin"])
        progress.step("one connection alone", seconds)
        alone = load(server.port, [seconds, 1, bots, MODERN], seconds)
        progress.step(f"{_CONNECTIONS} connections", seconds)
        before = asyncio.run(_state(url, server, postgres))
        rows_before = _commits(server.port)
        full = load(server.port, [seconds, _CONNECTIONS, bots, MODERN], seconds)
        rows_after = _commits(server.port)
        after = asyncio.run(_state(url, server, postgres))
        if not full.good or full.good < 0.95 * full.answers or not alone.good:
            raise Failed(f"too few good answers: {full.example or alone.example}")
        progress.step("bytes of calls and answers", 5.0)
        wire = _wire(server.port, _QUICK_WIRE_TURNS if quick else _WIRE_TURNS)
    turns = after.turns - before.turns
    commits = max(1.0, rows_after - rows_before)
    database = planning.DatabaseCosts(
        cpu_us_per_turn=_rounded(1e6 * (after.database_seconds - before.database_seconds) / turns),
        bytes_per_bot=_rounded(after.games_bytes / after.bots),
        history_bytes_per_turn=_rounded(after.history_bytes / max(1, after.turns - after.bots)),
        wal_bytes_per_turn=_rounded(asyncio.run(_wal_between(url, before.wal, after.wal)) / turns),
        turns_per_commit=_rounded(turns / commits),
    )
    server_us = _rounded(1e6 * (after.server_seconds - before.server_seconds) / turns)
    return (database, server_us), _rounded(alone.p99_ms), wire


async def _state(url: str, server: Server, postgres: PostgresServer) -> _State:
    connection = await asyncpg.connect(url)
    try:
        turns, bots, games, history, wal = await connection.fetchrow(_SIZES, list(_TABLES))
    finally:
        await connection.close()
    postmaster = int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
    spent = sum(usage_of(one).cpu_seconds for one in family(postmaster))
    return _State(turns, bots, games, history, wal, server.cpu_seconds(), spent)


async def _wal_between(url: str, begin: str, end: str) -> float:
    connection = await asyncpg.connect(url)
    try:
        return float(await connection.fetchval("select pg_wal_lsn_diff($1::text::pg_lsn, $2::text::pg_lsn)",
                                               end, begin))  # fmt: skip
    finally:
        await connection.close()


def _commits(port: int) -> float:
    """Return the number of commits that the server has made, from its own metric."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = [line for line in text.splitlines() if line.startswith("mcp_commit_seconds_count")]
    if not found:
        raise Failed("/metrics has no mcp_commit_seconds_count")
    return sum(float(line.rpartition(" ")[2]) for line in found)


def _wire(port: int, turns: int) -> planning.WireCosts:
    """Play some runs call by call, as an agent does; return the medians of requests and answers."""
    requests, replies, texts, tokens = [], [], [], []
    for number in range(_WIRE_BOTS):
        bot = f"wire-{bot_name(number)}"
        connection = Connection(port)
        try:
            connection.send(
                tool_call("start_new_game", bot, f'"weapon":"mace","seed":{number},"mode":"casual"', LEGACY)
            )
            connection.answer()
            for turn in range(turns):
                request = tool_call("handle_input", bot, f'"input":"1","turn":{turn}', MODERN)
                connection.send(request)
                answer = connection.answer()
                if GOOD not in answer:
                    raise Failed(answer[-300:].decode(errors="replace"))
                text = _text_of(answer)
                requests.append(len(request))
                replies.append(len(answer))
                texts.append(len(text.encode()))
                tokens.append(count_tokens(text))
        finally:
            connection.socket.close()
    return planning.WireCosts(
        *(_rounded(statistics.mean(each)) for each in (requests, replies, texts, tokens))
    )


def _text_of(answer: bytes) -> str:
    body = msgspec.json.decode(answer[answer.index(b"\r\n\r\n") + 4 :])
    return str(body["result"]["content"][0]["text"])


def _memory(figure: Figure) -> tuple[float, float]:
    if not figure.repeats:
        raise Failed(f"the memory of a bot was not measured: {figure.missing or figure.void}")
    return _rounded(1000 * statistics.median(figure.repeats)), figure.detail["before_bytes"][0]


def _rounded(value: float) -> float:
    return round(value, 2)
