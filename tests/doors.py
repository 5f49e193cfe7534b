"""Helpers for tests of the admission: an admission that a test can change, a store that records its calls."""

from __future__ import annotations

from typing import Any, Final

from dungeonfighter.access.principals import LOCAL, Principal, Scope
from dungeonfighter.errors import NotAllowed, RateLimited
from dungeonfighter.hosting.ports import Store
from dungeonfighter.storage.memory import MemoryStore

NOT_ALLOWED: Final = NotAllowed("the caller may do nothing")
TOO_MANY: Final = RateLimited("too many turns", retry_after_seconds=7)
_QUIET: Final = {"open", "close", "health", "read_ahead"}
_CALLS: Final = {name for name in vars(Store) if not name.startswith("_")} - _QUIET


class Doorkeeper:
    """An admission that refuses with `refusal` if there is one; knows callers by their credentials."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.callers: dict[bytes | None, Principal] = {None: LOCAL}
        self.admitted: list[tuple[str, Scope, str | None, int]] = []
        self.refused = 0

    async def prepare(self, authorization: bytes | None) -> None:
        del authorization

    def identify(self, authorization: bytes | None) -> Principal:
        if authorization not in self.callers:
            raise NotAllowed("these credentials are unknown")
        return self.callers[authorization]

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        if self.refusal is not None:
            self.refused += 1
            raise self.refusal
        if bot is not None and not principal.covers(bot):
            raise NotAllowed(f"the caller may not act for the bot {bot}")
        self.admitted.append((principal.fleet, scope, bot, turns))


class CountedStore(MemoryStore):
    """Records the names of its calls."""

    def __init__(self) -> None:
        super().__init__(lambda: 1_800_000_000.0)
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in _CALLS:
            object.__getattribute__(self, "calls").append(name)
        return super().__getattribute__(name)
