"""A store over dictionaries, for tests, simulations and throw-away servers; its rows end with the process."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.hosting.ports import (
    AccessToken,
    BotSummary,
    Conflict,
    EpisodeEnd,
    Head,
    InputChunk,
    Outcome,
    PastRun,
    Row,
    RunSummary,
    Save,
    StoredRun,
    Won,
    Write,
)
from dungeonfighter.hosting.run_ends import summary_of
from dungeonfighter.hosting.store_health import StoreHealth
from dungeonfighter.storage.memory_ranked_runs import MemoryRankedRuns

_ABSENT: Final = (0, b"", b"")
_TAIL: Final = slice(-limits.row_tail_bytes, None)


class MemoryStore:
    """Rows in memory, with the same compare-and-set as the durable stores.

    Args:
        wall: Returns the time for `updated_at`, in seconds since 1970.
    """

    lanes = 1

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._rows: dict[str, Row] = {}
        self._inputs: dict[tuple[str, int], dict[int, InputChunk]] = {}
        self._episodes: dict[str, dict[int, EpisodeEnd]] = {}
        self._ended_at: dict[tuple[str, int], float] = {}
        self._bases: dict[tuple[str, int], bytes] = {}
        self._secrets: dict[str, bytes] = {}
        self._saves: dict[str, dict[str, Save]] = {}
        self._tokens: dict[bytes, AccessToken] = {}
        self._token_version = 0
        self.ranked = MemoryRankedRuns(self._episodes, wall)

    async def open(self) -> None:
        """Return at once: there is no connection to open."""

    async def read_ahead(self) -> None:
        """Return at once: every row is in memory."""

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        return [self._write(write) for write in batch]

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        rows = (self._rows.get(bot_id) for bot_id in bot_ids)
        return [_head(row) if row is not None else None for row in rows]

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        return [self._rows.get(bot_id) for bot_id in bot_ids]

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        return await self.load(bot_ids)

    async def probe(self) -> None:
        """Return at once: memory never fails."""

    async def put_save(self, save: Save) -> bool:
        slots = self._saves.setdefault(save.bot_id, {})
        if save.slot not in slots and len(slots) >= limits.save_slots_max:
            return False
        version = slots[save.slot].version + 1 if save.slot in slots else 1
        slots[save.slot] = msgspec.structs.replace(save, version=version, updated_at=self._wall())
        return True

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        return self._saves.get(bot_id, {}).get(slot)

    async def list_saves(self, bot_id: str) -> list[Save]:
        slots = self._saves.get(bot_id, {})
        return [msgspec.structs.replace(slots[slot], state=b"") for slot in sorted(slots)]

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        return self._saves.get(bot_id, {}).pop(slot, None) is not None

    async def put_token(self, token: AccessToken) -> None:
        self._token_version += 1
        self._tokens[token.digest] = msgspec.structs.replace(token, version=self._token_version)

    async def tokens_after(self, version: int) -> list[AccessToken]:
        newer = [token for token in self._tokens.values() if token.version > version]
        return sorted(newer, key=lambda token: token.version)

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        keys = sorted(key for key, row in self._rows.items() if key.startswith(prefix) and row.state)
        rows = [self._rows[key] for key in keys[bisect.bisect_right(keys, after) :][:count]]
        return [BotSummary(row.bot_id, row.episode, row.turn, row.updated_at) for row in rows]

    async def count_bots(self, prefix: str, most: int) -> int:
        return min(sum(key.startswith(prefix) for key in self._rows), most)

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        runs = [
            summary_of(key, end)
            for key, ended in self._episodes.items()
            if key.startswith(prefix)
            for end in ended.values()
            if not self.ranked.is_false(key, end.episode)
        ]
        runs.sort(key=lambda run: (run.key, run.episode))
        return sorted(runs, key=lambda run: (run.ranked, run.mode, run.score), reverse=True)[:count]

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        chunks = self._inputs.get((bot_id, episode), {})
        return [chunks[first_turn] for first_turn in sorted(chunks)]

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        ended = self._episodes.get(bot_id, {})
        return [ended[episode] for episode in sorted(ended)]

    async def past_runs(self, bot_id: str, before: int, count: int) -> list[PastRun]:
        ended = self._episodes.get(bot_id, {})
        earlier = sorted((episode for episode in ended if episode < before), reverse=True)
        return [_past_run(ended[episode], self._ended_at[bot_id, episode]) for episode in earlier[:count]]

    async def stored_run(self, bot_id: str, episode: int) -> StoredRun:
        ended = self._episodes.get(bot_id, {}).get(episode)
        chunks = tuple(await self.inputs(bot_id, episode))
        return StoredRun(ended, chunks, self._bases.get((bot_id, episode), b""))

    async def shared_secret(self, name: str, fresh: bytes) -> bytes:
        return self._secrets.setdefault(name, fresh)

    def copy(self) -> MemoryStore:
        """Return another store with the same rows, as a backup or a standby holds them."""
        twin = MemoryStore(self._wall)
        twin._rows = self._rows.copy()
        twin._inputs = {run: chunks.copy() for run, chunks in self._inputs.items()}
        twin._episodes.update({bot: ended.copy() for bot, ended in self._episodes.items()})
        twin._ended_at = self._ended_at.copy()
        self.ranked.copy_to(twin.ranked)
        twin._bases, twin._secrets = self._bases.copy(), self._secrets.copy()
        twin._tokens, twin._token_version = self._tokens.copy(), self._token_version
        twin._saves = {bot: slots.copy() for bot, slots in self._saves.items()}
        return twin

    def health(self) -> StoreHealth:
        return StoreHealth()

    async def close(self) -> None:
        """Return at once: there is no connection to close."""

    def _write(self, write: Write) -> Outcome:
        row = write.row
        stored = self._rows.get(row.bot_id)
        version, digest, tail = _ABSENT
        if stored is not None:
            version, digest, tail = stored.version, stored.digest, stored.trail[_TAIL]
        if version != write.from_version or digest != write.from_digest or tail != write.from_tail:
            return Conflict(version, digest)
        self._rows[row.bot_id] = msgspec.structs.replace(row, updated_at=self._wall())
        for chunk in write.chunks:
            self._inputs.setdefault((row.bot_id, chunk.episode), {})[chunk.first_turn] = chunk
        if write.base:
            self._bases[row.bot_id, row.episode] = write.base
        if write.ended is not None:
            self._episodes.setdefault(row.bot_id, {})[write.ended.episode] = write.ended
            self._ended_at[row.bot_id, write.ended.episode] = self._wall()
            self.ranked.note(row.bot_id, write.ended)
        return Won()


def _head(row: Row) -> Head:
    return Head(row.version, row.digest, row.tail)


def _past_run(end: EpisodeEnd, ended_at: float) -> PastRun:
    return PastRun(
        end.episode, end.first_turn, end.last_turn, end.result, end.score, end.mode, end.ranked, ended_at
    )
