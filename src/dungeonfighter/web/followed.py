"""The bots that pages watch: when to send them anew.

Without notices each tick sends every watched bot. While notices of changed bots arrive from all processes
that play (`hears`), a bot is sent when a notice says that it has changed, and otherwise every
`QUIET_SECONDS`, because a notice may be lost. For the first `NEW_SECONDS` after somebody began to watch a bot
each tick sends it, because the other processes may not know yet that it is watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any, Final

from dungeonfighter.errors import BadInput
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.web.boards import Board

NEWS_SECONDS: Final = 0.25
"""The shortest time between two frames that notices cause."""
QUIET_SECONDS: Final = 5.0
NEW_SECONDS: Final = 3.0

Watched = tuple[Board, str]
"""The board of some viewers, and the name of the bot that they watch."""


class Followed:
    """Sends the watched bots of one process.

    Args:
        clock: Time.
        watched: Returns what the viewers watch now.
        send: Sends one bot as it is in the store; the number is a version that the store has.
    """

    def __init__(
        self,
        clock: Clock,
        watched: Callable[[], Iterable[Watched]],
        send: Callable[[Board, str, int], Coroutine[Any, Any, None]],
    ) -> None:
        self._clock = clock
        self._watched = watched
        self._send = send
        self._versions: dict[str, int] = {}
        self._changed: set[str] = set()
        self._sent_at: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._heard = False
        self._sending: asyncio.Task[None] | None = None
        self.hears: Callable[[], bool] = lambda: False
        """Returns True while the notices of other processes arrive."""

    def by_key(self) -> dict[str, list[Watched]]:
        """Return what is watched, by the key of the bot."""
        found: dict[str, list[Watched]] = {}
        for board, bot in self._watched():
            with contextlib.suppress(BadInput):  # its frame says so
                found.setdefault(board.audience.key_of(bot), []).append((board, bot))
        return found

    def note(self, key: str, version: int) -> None:
        """Take a notice: the store has this version of the bot, or a later one."""
        if version > self._versions.get(key, 0) and key in self.by_key():
            self._versions[key] = version
            self._changed.add(key)
            if self._sending is None or self._sending.done():
                self._sending = asyncio.create_task(self._send_changed(), name="watch: changed bots")

    async def send_due(self) -> None:
        """Send what no notice would cause to be sent."""
        watched = self.by_key()
        known = {one for found in watched.values() for one in found}
        misnamed = [one for one in self._watched() if one not in known]
        await asyncio.gather(
            *(self._send_key(key, watched[key]) for key in self._due(watched)),
            *(self._send(board, bot, 0) for board, bot in misnamed),
        )

    def _due(self, watched: Collection[str]) -> list[str]:
        now = self._clock.now()
        self._versions = {key: version for key, version in self._versions.items() if key in watched}
        self._sent_at = {key: self._sent_at.get(key, -math.inf) for key in watched}
        self._since = {key: self._since.get(key, now) for key in watched}
        # Once more after the notices began to arrive: one may have been lost just before.
        heard, self._heard = self._heard, self.hears()
        if not (heard and self._heard):
            return list(watched)
        return [
            key for key in watched
            if now - self._since[key] < NEW_SECONDS or now - self._sent_at[key] >= QUIET_SECONDS
        ]  # fmt: skip

    async def close(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})

    async def _send_changed(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, set()
            watched = self.by_key()
            await asyncio.gather(*(self._send_key(key, watched.get(key, [])) for key in changed))
            await self._clock.sleep(NEWS_SECONDS)

    async def _send_key(self, key: str, watched: Iterable[Watched]) -> None:
        self._sent_at[key] = self._clock.now()
        await asyncio.gather(*(self._send(board, bot, self._versions.get(key, 0)) for board, bot in watched))
