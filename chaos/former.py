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
_ROWS: Final = "select bot_id, episode, turn, encode(digest, 'hex') from games order by bot_id"

Positions = dict[str, tuple[int, int, str]]
"""Episode, turn and digest (in hexadecimal digits) of each bot, by its key in the store."""


class Lacking(Struct, frozen=True):
    """The games of two databases when one took over from the other.

    Attributes:
        promoted: The games of the promoted server at its promotion.
        former: The games of the former primary at its end.
    """

    promoted: Positions
    former: Positions

    def bots(self) -> list[str]:
        """Return the bots whose games differ."""
        return [bot for bot, row in self.former.items() if self.promoted.get(bot) != row]

    def turns(self) -> int:
        """Return how many turns the promoted server lacks; a run that it lacks counts with all its turns."""
        missing = 0
        for bot in self.bots():
            episode, turn, _ = self.former[bot]
            had = self.promoted.get(bot, (0, 0, ""))
            missing += turn - had[1] if had[0] == episode else max(turn, 1)
        return missing


def positions(stage: Stage, host: Host) -> Positions:
    """Return the games of a database that runs."""
    return _by_bot(stage.query(host, _ROWS))


def last_positions(stage: Stage, host: Host) -> Positions:
    """Return the games of a former primary, which is started for this without an address for clients."""
    server = stage.databases[host.name]
    with host.entered():
        server.start(listens=False)
    try:
        return asyncio.run(_read(server.socket_url(databases.DATABASE)))
    finally:
        with host.entered():
            server.stop()


def keep(stage: Stage, lacking: Lacking) -> None:
    """Write the file for the checker."""
    (stage.folder / FILE).write_bytes(msgspec.json.encode(lacking))


async def _read(words: str) -> Positions:
    connection = await asyncpg.connect(parse_database(words).url)
    try:
        return _by_bot(await connection.fetch(_ROWS))
    finally:
        await connection.close()


def _by_bot(rows: Iterable[Sequence[Any]]) -> Positions:
    return {bot: (episode, turn, digest) for bot, episode, turn, digest in rows}
