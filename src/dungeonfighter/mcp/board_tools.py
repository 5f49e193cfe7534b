"""The tool about the leaderboard.

Source: docs/leaderboard.md.
"""

from __future__ import annotations

from typing import Final

from msgspec import to_builtins

from dungeonfighter.hosting.leaderboard import Asked, Board, BoardRow, FleetRow
from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import ToolAnswer, in_both_forms
from dungeonfighter.mcp.tool import Seat, tool

ROWS_DEFAULT: Final = 10
LAST_DEFAULT: Final = 10
RUN_KEYS_URI: Final = "dungeonfighter://run-keys.pem"
NO_RUN_KEYS: Final = "# this server has no SIGNING_KEY, so it does not sign replays\n"


@tool("fleet", arguments.GetLeaderboard, reads=True, takes_bot=False)
async def get_leaderboard(seat: Seat, args: arguments.GetLeaderboard) -> ToolAnswer:
    principal = seat.principal
    asked = Asked(
        principal.fleet, principal.covers, args.mode or "ironman", args.ascension or 0, args.rules or "",
        args.day or "", args.scope == "deployment", args.count or ROWS_DEFAULT, args.last or LAST_DEFAULT,
    )  # fmt: skip
    board = await seat.host.leaderboard.board(asked)
    parts: dict[str, object] = to_builtins(board)
    return in_both_forms("\n".join(_lines(board, asked)), parts)


def _lines(board: Board, asked: Asked) -> list[str]:
    of = "all fleets" if asked.is_deployment else "your fleet"
    day = f" {board.day}" if board.day else ""
    ascension = f" ascension {board.ascension}" if board.ascension else ""
    first = f"{board.mode}{ascension}{day}, rules {board.rules}, {of}: {len(board.rows)} runs"
    rows = [f"{place}. {_run(row)}" for place, row in enumerate(board.rows, 1)]
    waiting = f"{board.pending} runs wait to be executed again" if board.pending else ""
    return [line for line in (first, *rows, *map(_fleet, board.fleets), waiting) if line]


def _run(row: BoardRow) -> str:
    who = f"{row.bot_id} e{row.episode}" if row.bot_id else row.fleet
    return f"{row.score:g} in {row.turns} turns, {row.result}: {who}"


def _fleet(row: FleetRow) -> str:
    whose = f"{row.fleet} (yours)" if row.own else row.fleet
    interval = "" if row.low is None else f", 95 % {row.low:g} to {row.high:g}"
    return f"{whose}: mean {row.mean:g} of the last {row.runs} runs{interval}"
