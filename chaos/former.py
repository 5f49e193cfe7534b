"""What a former primary has and the promoted server lacks: the turns that a fail-over loses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from chaos import databases
from chaos.hosts import Host
from chaos.stage import Stage
from dungeonfighter.connection_strings import parse_database

FILE: Final = "lacking.json"
"""The file in the folder of a stage that the checker gets, an encoded `Lacking`."""
_ROWS: Final = "select bot_id, episode, turn, encode(digest, 'hex') from games"
_ENDS: Final = "select bot_id, episode, last_turn from episodes"

_Rows = Iterable[Sequence[Any]]
Positions = dict[str, tuple[int, int, str]]
"""Episode, turn and digest (in hexadecimal digits) of each bot, by its key in the store."""


class Lacking(Struct, frozen=True):
    """The games of two databases when one took over from the other.

    Attributes:
        promoted: The games of the promoted server at its promotion.
        former: The games of the former primary at its end.
        former_ends: There, the last turns of the ended runs of each bot, by their numbers.
    """

    promoted: Positions
    former: Positions
    former_ends: dict[str, dict[int, int]]

    def bots(self) -> list[str]:
        """Return the bots whose games differ."""
        return [bot for bot, row in self.former.items() if self.promoted.get(bot) != row]

    def turns(self) -> int:
        """Return how many turns the promoted server lacks, without those of runs that ended meanwhile."""
        missing = 0
        for bot in self.bots():
            episode, turn, _ = self.former[bot]
            had = self.promoted.get(bot, (0, 0, ""))
            missing += turn - had[1] if had[0] == episode else turn
        return missing


def positions(stage: Stage, host: Host) -> Positions:
    """Return the games of a database that runs."""
    return _by_bot(stage.query(host, _ROWS))


def lacking(stage: Stage, host: Host, promoted: Positions) -> Lacking:
    """Compare with a former primary, and write the file for the checker.

    The former primary is started for this without an address, so no client can reach it.

    Args:
        stage: Its folder gets the file.
        host: The host of the former primary, which does not run.
        promoted: The games of the promoted server at its promotion.
    """
    server = stage.databases[host.name]
    with host.entered():
        server.start(listens=False)
    try:
        rows, ends = asyncio.run(_read(server.socket_url(databases.DATABASE)))
    finally:
        with host.entered():
            server.stop()
    found = Lacking(promoted, _by_bot(rows), {})
    for bot, episode, turn in ends:
        found.former_ends.setdefault(bot, {})[episode] = turn
    (stage.folder / FILE).write_bytes(msgspec.json.encode(found))
    return found


async def _read(words: str) -> tuple[_Rows, _Rows]:
    connection = await asyncpg.connect(parse_database(words).url)
    try:
        return await connection.fetch(_ROWS), await connection.fetch(_ENDS)
    finally:
        await connection.close()


def _by_bot(rows: _Rows) -> Positions:
    return {bot: (episode, turn, digest) for bot, episode, turn, digest in rows}
