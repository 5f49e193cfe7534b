"""The port through which pruning and deletion change a database beside its servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import Row

RUN_TABLES: Final = ("run_inputs", "run_bases")
"""The tables whose rows belong to a run, by (bot_id, episode), as far as the schema has them."""
PAGE_ROWS: Final = 2000
FEW_ROWS: Final = 500
"""The number of rows that one transaction of a deletion removes."""


Run = tuple[str, int]
"""A run by the key of its bot and its episode."""


class Candidate(Struct, frozen=True):
    """One bot, as pruning sees it.

    Attributes:
        is_idle: It has a run, and nothing of its row has changed since the cutoff.
        has_old: It has an ended run that is not ranked, or a save, from before the cutoff.
    """

    key: str
    is_idle: bool
    has_old: bool


class Removed(Struct):
    """The number of rows that went, or that would go."""

    bots: int = 0
    runs: int = 0
    inputs: int = 0
    saves: int = 0

    def add(self, other: Removed) -> None:
        """Add the numbers of another one."""
        self.bots += other.bots
        self.runs += other.runs
        self.inputs += other.inputs
        self.saves += other.saves


class Step(Struct):
    """The result of one short transaction.

    Attributes:
        removed: What went.
        has_more: Some of these bots have more that may go.
        busy: The bots that another transaction held; nothing of them went.
    """

    removed: Removed
    has_more: bool = False
    busy: Sequence[str] = ()


class Removal(Protocol):
    """Short transactions beside servers.

    Raises (each method):
        StoreUnavailable: The database did not answer; nothing of this call was written, or all of it.
    """

    async def claim(self) -> None:
        """Claim to be the only pruner of the database until `close`.

        Raises:
            StoreUnavailable: Another one is at work.
        """

    async def candidates(self, after: str, cutoff: float, most: int) -> list[Candidate]:
        """Look at the bots beyond a key, in the order of their keys."""

    def forked(self) -> AsyncIterator[list[Run]]:
        """Read all bots and ended runs in pages; yield the runs from which the forks of each page go on."""

    async def load(self, keys: Sequence[str]) -> dict[str, Row | None]:
        """Load rows by key; None stands for a row that cannot be read. A bot without a row is left out."""

    async def empty(self, rows: Sequence[tuple[Row, Row]]) -> Removed:
        """Replace rows by the empty ones beside them, unless they have changed since they were loaded.

        With each goes what belongs to the bot and to no ended run: its saves and the inputs of its run.
        """

    async def trial(
        self, keys: Sequence[str], cutoff: float, emptied: Mapping[str, int], forked: Collection[Run]
    ) -> Step:
        """Count what `prune` would remove.

        Args:
            keys, cutoff, forked: As for `prune`.
            emptied: Those of the bots that `empty` would empty, with their present runs.
        """

    async def prune(self, keys: Sequence[str], cutoff: float, most: int, forked: Collection[Run]) -> Step:
        """Remove up to `most` ended runs of these bots, and saves, from before the cutoff.

        Ranked runs stay, and the runs from which a run or a save that stays goes on.

        Args:
            keys: At most a few hundred bots.
            cutoff: Seconds since 1970.
            most: The greatest number of runs.
            forked: The runs from which runs of other bots go on; they stay.
        """

    async def delete_up_to(self, key: str, episode: int) -> int:
        """Remove some ended runs of a bot up to an episode, ranked or not; return the number of rows."""

    async def give_back(self, most: int) -> bool:
        """Give up to `most` free pages back to the file system; return True if there may be more."""

    async def free_bytes(self) -> int:
        """Return the bytes of free pages inside the file; 0 for a server."""

    async def close(self) -> None: ...


def parent_of(key: str, options: str, parent_episode: int) -> Run | None:
    """Return the run from which a run goes on: the one that it was loaded or forked from.

    Every run notes the run before it. Only one that goes on from another has options that are no JSON object:
    those of a fork are `fork BOT EPISODE TURN`, with a bot of the same fleet.
    """
    if not parent_episode or options.startswith("{"):
        return None
    words = options.split(" ")
    if words[0] == "fork" and len(words) >= 4 and words[2].isdecimal():
        return f"{key.partition('/')[0]}/{words[1]}", int(words[2])
    return key, parent_episode


def kept_runs(
    trail_of: Mapping[str, bytes],
    continued: Collection[tuple[str, int, str, int, object]],
    others: Collection[tuple[str, int | None]],
) -> tuple[set[tuple[str, int]], set[str]]:
    """Return the runs, as (key, episode), from which a run or a save that stays goes on.

    Args:
        trail_of: The trail of the present run of each bot.
        continued: The ended runs that go on from another one: key, episode, options, parent, and true if it
            stays.
        others: The runs of the saves that stay, and those from which runs of other bots go on.

    Returns:
        These runs, and the bots whose trail is damaged: of these everything stays.
    """
    kept = {(key, episode) for key, episode in others if episode}
    damaged = set()
    for key, raw in trail_of.items():
        try:
            trail = trails.decode(raw)
        except Corrupt:
            damaged.add(key)
            continue
        parent = parent_of(key, trail.options, trail.parent_episode)
        if parent is not None:
            kept.add(parent)
    parents = {
        (key, episode): parent_of(key, options, before) for key, episode, options, before, _ in continued
    }
    pending = [(key, episode) for key, episode, _, _, stays in continued if stays]
    pending += kept
    while pending:
        parent = parents.get(pending.pop())
        if parent is not None and parent not in kept:
            kept.add(parent)
            pending.append(parent)
    return kept, damaged


def forked_by_trails(rows: Iterable[tuple[str, bytes | None]]) -> list[Run]:
    """Return the runs from which the present runs of bots were forked; a trail is None if it is no fork's."""
    runs = []
    for key, raw in rows:
        if raw is not None:
            trail = trails.readable(raw)
            runs.append(parent_of(key, trail.options, trail.parent_episode))
    return [run for run in runs if run is not None]


def forked_by_options(rows: Iterable[tuple[str, int, str | None]]) -> list[Run]:
    """Return the runs from which ended runs were forked; the options are None if they are no fork's."""
    runs = (parent_of(key, options, 1) for key, _, options in rows if options is not None)
    return [run for run in runs if run is not None]
