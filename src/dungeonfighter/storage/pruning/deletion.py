"""Deletes one bot while servers play."""

from __future__ import annotations

from typing import Final

from dungeonfighter.errors import Corrupt, StoreUnavailable
from dungeonfighter.hosting.deleted_rows import emptied
from dungeonfighter.hosting.ports import Chance
from dungeonfighter.storage.pruning.removal import Removal

_ATTEMPTS: Final = 100


async def delete_bot(removal: Removal, chance: Chance, key: str) -> bool:
    """Replace the row of a bot by an empty one, and remove its runs, inputs and saves.

    A bot that plays meanwhile is deleted as it is then. A repeat after an interruption removes what is left;
    runs that the bot has begun since stay.

    Returns:
        False if there is no such bot, or nothing is left of it.

    Raises:
        Corrupt: The row cannot be read, or has no usable version.
        StoreUnavailable: The database did not answer, or the bot plays so fast that no attempt won.
    """
    for _ in range(_ATTEMPTS):
        found = await removal.load([key])
        if key not in found:
            return False
        row = found[key]
        if row is None:
            raise Corrupt("the stored row of this bot has a text that is not UTF-8; a new run replaces it")
        has_game = bool(row.state)
        if not has_game or (await removal.empty([(row, emptied(row, chance.op()))])).bots:
            deleted = 0
            while rows := await removal.delete_up_to(key, row.episode):
                deleted += rows
            return has_game or deleted > 0
    raise StoreUnavailable(f"{key} is played too fast to delete it", hint="try again")
