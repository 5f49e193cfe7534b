"""The tools about whole runs: replays and forks.

Source: docs/replays.md.
"""

from __future__ import annotations

import logging

from dungeonfighter.errors import Corrupt, DungeonFighterError, StoreError
from dungeonfighter.hosting.runs import Forked
from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import INTERNAL_WAY_OUT, ToolAnswer, bad_argument, in_both_forms
from dungeonfighter.mcp.bot_ids import checked_bot_id
from dungeonfighter.mcp.tool import Seat, tool

logger = logging.getLogger(__name__)


@tool("fleet", arguments.GetReplay, reads=True)
async def get_replay(seat: Seat, args: arguments.GetReplay) -> ToolAnswer:
    replay = await seat.host.runs.replay(seat.key, args.episode)
    replay = await seat.host.leaderboard.with_proof(seat.key, replay)
    count, result = len(replay.inputs), replay.result
    text = (
        f"replay of {replay.bot} e{replay.episode}: {count} inputs, t{replay.first_turn} to t{result.turn}, "
        f"{result.result}, score {result.score:g}, rules {replay.rules}; structuredContent is the file"
    )
    return ToolAnswer(text, replay)


@tool("fleet", arguments.ForkGame, turns=lambda args: len(args.new_bot_ids), unbound_only=True)
async def fork_game(seat: Seat, args: arguments.ForkGame) -> ToolAnswer:
    bots = [checked_bot_id(bot) for bot in args.new_bot_ids]
    if len(set(bots)) < len(bots):
        raise bad_argument("argument `newBotIds` names a bot twice")
    for bot in bots:
        seat.admission.admit(seat.principal, "fleet", bot, 0)
    forks = await seat.host.runs.fork(
        seat.key, bots, turn=args.turn, episode=args.episode, is_exact=bool(args.exact)
    )
    rows = [_row(fork) for fork in forks]
    made = sum(fork.error is None for fork in forks)
    first = f"{made} of {len(forks)} forks of {seat.bot} stand"
    lines = [f"{row['botId']} {_place(row)}" for row in rows]
    is_repeat = all(fork.repeated for fork in forks)
    return in_both_forms("\n".join([first, *lines]), {"forks": rows}, repeated=is_repeat)


def _row(fork: Forked) -> dict[str, object]:
    error = fork.error
    if error is None:
        row: dict[str, object] = {
            "botId": fork.bot, "episode": fork.episode, "turn": fork.turn, "digest": fork.digest.hex(),
        }  # fmt: skip
        return row | {"repeated": True} if fork.repeated else row
    if not isinstance(error, DungeonFighterError):
        logger.error("a fork broke", exc_info=error)
        return {"botId": fork.bot, "code": "internal", "message": INTERNAL_WAY_OUT}
    if isinstance(error, StoreError | Corrupt):
        logger.warning("fork_game for %s: %s", fork.bot, error)
    return {"botId": fork.bot, "code": error.code, "message": str(error)}


def _place(row: dict[str, object]) -> str:
    if "code" in row:
        return f"error {row['code']}: {row['message']}"
    return f"e{row['episode']} t{row['turn']}{' (repeated)' if 'repeated' in row else ''}"
