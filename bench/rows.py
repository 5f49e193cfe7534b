"""The rows of the table, in its order. The bounds are those of docs/architecture.md and nowhere else.

The parts of the bench measure figures by these names; a row without a measured figure says "not measured".
"""

from __future__ import annotations

from typing import Final

from bench.table import Row

OURS: Final = "ours"
OURS_OLDER: Final = "ours, older era"
LONG_WAY: Final = "ours through the SDK"
LONG_WAY_OLDER: Final = "ours through the SDK, older era"
OFFICIAL: Final = "official SDK"
OFFICIAL_OLDER: Final = "official SDK, older era"
FASTMCP: Final = "FastMCP"
BARE: Final = "bare ASGI"
STEP_MANY: Final = "step_many"
FORKS: Final = "forks"
INGRESS: Final = "ingress"
INGRESS_P99: Final = "ingress p99"
SQLITE_BYTES: Final = "SQLite bytes"
NO_TRACE: Final = "ours, without traceparent"
VARYING_TRACE: Final = "ours, a new traceparent in each call"
TRACES_OFF: Final = "CPU time of a turn, no traces"
TRACES_ON: Final = "CPU time of a turn, 1 % of the calls traced"
TRACES_ANSWERED: Final = "ours, 1 % of the calls traced"
TRACES_FROZEN: Final = "ours, 1 % of the calls traced, the collector frozen"

RANDOM_BOT: Final = "random bot"
PLAN: Final = "plan"
TEXT: Final = "text"
FIGHTS: Final = "fights"
STATE_BYTES: Final = "state"
TEXT_TOKENS: Final = "text tokens"
CORE_TOKENS: Final = "core tokens"
PLAY_TOKENS: Final = "play tokens"

SQLITE_COLD_P50: Final = "SQLite cold p50"
SQLITE_COLD_P99: Final = "SQLite cold p99"
POSTGRES_COLD_P50: Final = "PostgreSQL cold p50"
POSTGRES_COLD_P99: Final = "PostgreSQL cold p99"
SQLITE_BYTES_LARGE: Final = "SQLite bytes, large"
POSTGRES_BYTES_LARGE: Final = "PostgreSQL bytes, large"

HOT_BOT: Final = "hot bot"
EIGHTY_ERRORS: Final = "80k errors"
EIGHTY_LOST: Final = "80k lost"
EIGHTY_P99: Final = "80k p99"
EIGHTY_PSS: Final = "80k PSS"

QUIET_ALONE: Final = "quiet fleet, alone"
QUIET_BESIDE: Final = "quiet fleet, beside a loud one"

HOSTILE_WRONG: Final = "hostile, wrong answers"
HOSTILE_GROWTH: Final = "hostile, memory"
HOSTILE_RATE: Final = "hostile, requests"

ROWS: Final = (
    Row("durable handle_input, 2026-07-28", OURS, unit="turns/s"),
    Row("durable handle_input, 2025-11-25", OURS_OLDER, unit="turns/s"),
    Row("our server, every call through the SDK, 2026-07-28", LONG_WAY, unit="turns/s"),
    Row("our server, every call through the SDK, 2025-11-25", LONG_WAY_OLDER, unit="turns/s"),
    Row("official SDK, trivial tool, 2026-07-28", OFFICIAL, unit="calls/s"),
    Row("official SDK, trivial tool, 2025-11-25, stateless", OFFICIAL_OLDER, unit="calls/s"),
    Row("FastMCP, trivial tool, 2026-07-28", FASTMCP, unit="calls/s"),
    Row("bare ASGI on uvicorn, a constant", BARE, unit="calls/s"),
    Row("durable handle_input / official SDK, 2026-07-28", OURS, OFFICIAL, "x", 2, 3, digits=2),
    Row("durable handle_input / official SDK, both 2025-11-25", OURS_OLDER, OFFICIAL_OLDER, "x", 6, 8,
        digits=2),
    Row("durable handle_input / FastMCP", OURS, FASTMCP, "x", 12, 15, digits=2),
    Row("durable handle_input / bare ASGI", OURS, BARE, "x", 0.2, 0.25, digits=2),
    Row("our server's short way / its SDK way, 2026-07-28", OURS, LONG_WAY, "x", digits=2),
    Row("a new traceparent in each call / none", VARYING_TRACE, NO_TRACE, "x", 0.9, 0.95, digits=2),
    Row("CPU time of a turn with 1 % of the calls traced / without", TRACES_ON, TRACES_OFF, "x", 1.05, 1.02,
        less=True, digits=3),
    Row("turns with a frozen collector of traces / with one that answers", TRACES_FROZEN, TRACES_ANSWERED,
        "x", 0.95, 0.98, digits=3),
    Row("step_many, 500 per call", STEP_MANY, unit="turns/s", must=15_000, goal=22_000),
    Row("ingress: turns through Redis Streams, its Redis on the same core", INGRESS, unit="turns/s",
        must=5_000, goal=8_000),
    Row("ingress: p99 from XADD to reply at 5,000 turns/s", INGRESS_P99, unit="ms", less=True, digits=1),
    Row("fork_game, 64 a call, durable on SQLite", FORKS, unit="forks/s", must=5_000, goal=10_000),
    Row("80,000 bots on 2 cores: errors", EIGHTY_ERRORS, must=0, goal=0, less=True),
    Row("80,000 bots on 2 cores: lost turns", EIGHTY_LOST, must=0, goal=0, less=True),
    Row("80,000 bots on 2 cores: p99", EIGHTY_P99, unit="ms", must=250, goal=50, less=True, digits=1),
    Row("memory (PSS) of all servers, 80,000 hot bots", EIGHTY_PSS, unit="GB", must=2.5, goal=1.6, less=True,
        digits=2),
    Row("memory (PSS) of the server per connected hot bot", HOT_BOT, unit="KB", less=True, digits=1),
    Row("p99 of a fleet beside one at 10 times its rate / alone", QUIET_BESIDE, QUIET_ALONE, "x", 1.2, 1.1,
        less=True, digits=2),
    Row("20,000 hostile requests: answers that are no refusal", HOSTILE_WRONG, must=0, goal=0, less=True),
    Row("20,000 hostile requests: memory (PSS) grown by the last 15,000", HOSTILE_GROWTH, unit="MB", must=8,
        goal=4, less=True, digits=1),
    Row("20,000 hostile requests: refused", HOSTILE_RATE, unit="/s"),
    Row("engine, legal_inputs + apply, random bot", RANDOM_BOT, unit="turns/s", must=60_000, goal=100_000),
    Row("engine, a turn of the host: decode, advance, encode, digest", PLAN, unit="us", less=True, digits=1),
    Row("engine, the text view", TEXT, unit="us", less=True, digits=1),
    Row("engine, fights with plain attacks", FIGHTS, unit="fights/s"),
    Row("cold load of a hibernated bot, SQLite: p50", SQLITE_COLD_P50, unit="ms", less=True, digits=2),
    Row("cold load of a hibernated bot, SQLite: p99", SQLITE_COLD_P99, unit="ms", must=10, goal=5, less=True,
        digits=2),
    Row("cold load of a hibernated bot, PostgreSQL: p50", POSTGRES_COLD_P50, unit="ms", less=True, digits=2),
    Row("cold load of a hibernated bot, PostgreSQL: p99", POSTGRES_COLD_P99, unit="ms", must=10, goal=5,
        less=True, digits=2),
    Row("bytes written per turn, SQLite, the load of the first row", SQLITE_BYTES, unit="KB", goal=3,
        less=True, digits=2),
    Row("bytes written per turn, SQLite, large table", SQLITE_BYTES_LARGE, unit="KB", goal=3, less=True,
        digits=2),
    Row("bytes written per turn, PostgreSQL, large table", POSTGRES_BYTES_LARGE, unit="KB", goal=3,
        less=True, digits=2),
    Row("state of a bot, median", STATE_BYTES, unit="bytes", less=True),
    Row("text turn, median", TEXT_TOKENS, unit="tokens", must=120, less=True),
    Row("definitions of core", CORE_TOKENS, unit="tokens", must=900, less=True),
    Row("definitions of play", PLAY_TOKENS, unit="tokens", must=2500, less=True),
)  # fmt: skip
