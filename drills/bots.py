"""The bots of a drill: they play during the whole drill, and every turn is verified at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import Load, LoadOptions, play_load
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.report import make_report
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules

_EVERY_SECONDS: Final = 0.5
_RUN_INPUTS_MAX: Final = 60


class Bots:
    """A load that goes on until `finish`.

    Args:
        url: The address to play at.
        count: The number of bots.
        patience_seconds: How long a bot repeats a call; longer than the drill, so that no bot gives up.
    """

    def __init__(self, url: str, count: int, patience_seconds: float) -> None:
        self.count = count
        self._options = LoadOptions(
            url, count, every=_EVERY_SECONDS, prefix="drill",
            habits=Habits(run_inputs_max=_RUN_INPUTS_MAX, patience_seconds=patience_seconds),
        )  # fmt: skip
        self._tally = Tally()
        self._stop = asyncio.Event()
        self._players: list[Player] = []
        self._loading: asyncio.Task[Load] | None = None

    def begin(self) -> None:
        watch: Callable[[object], None] = lambda _: None  # noqa: E731 (the drill has a progress of its own)
        self._loading = asyncio.create_task(
            play_load(self._options, watch, stop=self._stop, tally=self._tally, meet=self._players.extend)
        )

    @property
    def turns(self) -> int:
        """All acknowledged turns."""
        return self._tally.turns

    @property
    def failed_attempts(self) -> int:
        return self._tally.troubles.total()

    def turns_of_each(self) -> list[int]:
        """Return the acknowledged turns of each bot."""
        return [player.journal.turns for player in self._players]

    def check(self) -> None:
        """Raise the exception that ended the load, if one did."""
        if self._loading is not None and self._loading.done():
            self._loading.result()
            raise RuntimeError("the bots have stopped playing")

    async def finish(self) -> str:
        """Stop the bots and verify all their turns.

        Returns:
            The failure of the load in words; empty if no error remained and no turn was lost or doubled.
        """
        load = await self._stopped()
        verdict = await verify_load(load, load_rules(), lambda _: None)
        report = make_report(load, verdict)
        examples = [*report.finding_examples, *report.error_examples.values()][:3]
        return "; ".join([report.failure, *examples]) if report.failure else ""

    async def abandon(self) -> None:
        """Stop the bots without a verification."""
        if self._loading is not None:
            await self._stopped()

    async def _stopped(self) -> Load:
        assert self._loading is not None
        self._stop.set()
        return await self._loading
