"""The details of single bots, read from the store and shared by all who watch the same bot.

Any server may play for a bot, so a copy in memory says nothing: each detail is of a fresh head, and at most
`SECONDS` old. Many watchers of a bot cost one read.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.web import figures
from dungeonfighter.web.shared_work import SharedWork

SECONDS: Final = 0.5
KEPT_MAX: Final = 128


class _Kept(Struct, frozen=True):
    body: bytes
    version: int
    read_at: float


class Details:
    """Reads the details of bots for the page.

    Args:
        host: Reads the games.
        clock: Time.
    """

    def __init__(self, host: BotHost, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._reading: SharedWork[tuple[str, str], _Kept] = SharedWork()

    async def body(self, key: str, name: str, version: int = 0) -> bytes:
        """Return the detail of a bot as JSON.

        Args:
            key: `<fleet>/<botId>`.
            name: Its name on the page.
            version: A version that the store has: the detail is of this one or of a later one.

        Raises:
            BadInput: There is no such bot (`unknown_bot`).
            StoreError: The store does not answer.
        """
        kept = self._kept.get((key, name))
        if kept is None or kept.version < version or not 0 <= self._clock.now() - kept.read_at < SECONDS:
            kept = await self._reading.do((key, name), lambda: self._read(key, name))
            if kept.version < version:  # that read had begun before the bot changed
                kept = await self._reading.do((key, name), lambda: self._read(key, name))
        return kept.body

    async def _read(self, key: str, name: str) -> _Kept:
        began = self._clock.now()
        game = await self._host.read(key)
        found = _Kept(msgspec.json.encode(figures.detail(game, name)), game.version, began)
        if len(self._kept) >= KEPT_MAX:
            self._kept = {one: kept for one, kept in self._kept.items() if began - kept.read_at < SECONDS}
        if len(self._kept) < KEPT_MAX:
            self._kept[key, name] = found
        return found

    async def close(self) -> None:
        """End the reads under way."""
        await self._reading.close()
