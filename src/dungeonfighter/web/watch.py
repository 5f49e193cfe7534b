"""The one ticker behind all viewers of the watch page.

Once a second the host's counters become a rate; if somebody is watching, also a `Summary` and the details of
the bots being watched. Each is encoded once and put into the queue of every viewer concerned. Queues are
short and lose their oldest frame when a viewer is slow: the next frame tells the same anew. A tick costs the
sample's few milliseconds; without viewers it is one look at the counters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from dungeonfighter import __version__
from dungeonfighter.errors import DungeonFighterError, Overloaded, StoreError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Clock, RunSummary
from dungeonfighter.telemetry.totals import Totals, of_host
from dungeonfighter.web import figures

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
SUMMARY_SECONDS: Final = 0.5
"""How old the numbers may be that `/api/summary` answers."""
HISTORY_TICKS: Final = 180
BEST_SECONDS: Final = 5.0
"""How old the list of the best runs may be."""
SAMPLE_MAX: Final = 200
CARDS_MAX: Final = 40
RUNS_MAX: Final = 10
VIEWERS_MAX: Final = 64
FRAMES_WAITING_MAX: Final = 8


class Viewer:
    """One open page: what is waiting to be sent to it, and which bot it looks at."""

    def __init__(self, bot_id: str | None) -> None:
        self.bot_id = bot_id
        self._frames: deque[bytes] = deque(maxlen=FRAMES_WAITING_MAX)
        self._wake = asyncio.Event()
        self._gone = False

    def put(self, frame: bytes) -> None:
        """Queue a frame; the oldest is lost when the viewer does not keep up."""
        self._frames.append(frame)
        self._wake.set()

    def leave(self) -> None:
        """No more frames: the viewer went away, or the server is going to."""
        self._gone = True
        self._wake.set()

    async def next(self) -> bytes | None:
        """Wait for what is to be sent now; None: nothing ever again."""
        while not self._frames and not self._gone:
            self._wake.clear()
            await self._wake.wait()
        if self._gone:
            return None
        frames = b"".join(self._frames)
        self._frames.clear()
        return frames


class Watch:
    """Samples one host for any number of viewers up to `VIEWERS_MAX`.

    Args:
        host: What is watched.
        clock: Time.
        fleet: Whose bots are shown.
        totals: What all workers of this server counted; by default this host's own counters. The bots
            listed as playing are this host's.
    """

    def __init__(
        self,
        host: BotHost,
        clock: Clock,
        fleet: str = "local",
        *,
        totals: Callable[[], Totals] | None = None,
    ) -> None:
        self._host = host
        self.totals: Callable[[], Totals] = totals or (lambda: of_host(host, clock.now()))
        self._clock = clock
        self._fleet = fleet
        self._began = clock.now()
        first = self.totals()
        self._last = (first.at, first.turns)
        self._rate = 0.0
        self._viewers: set[Viewer] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._closed = False
        self.failed_ticks = 0
        self._listed: set[str] = set()
        self._best: list[RunSummary] | None = None
        self._best_at = -math.inf
        self._body: bytes | None = None
        self._body_at = -math.inf
        self.history: deque[float] = deque(maxlen=HISTORY_TICKS)

    def start(self) -> None:
        """Begin to tick; needs a running event loop."""
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._run(), name="watch ticker")

    async def close(self) -> None:
        """Stop ticking and let every viewer go."""
        self._closed = True
        for viewer in self._viewers:
            viewer.leave()
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker

    def enter(self, bot_id: str | None) -> Viewer:
        """Admit a viewer and queue its first frames; `leave` it afterwards.

        Raises:
            Overloaded: There are `VIEWERS_MAX` already, or the server is going down.
        """
        if self._closed:
            raise Overloaded("this server is going down", code="draining")
        if len(self._viewers) >= VIEWERS_MAX:
            raise Overloaded(f"{VIEWERS_MAX} pages are watching already", retry_after_seconds=10)
        viewer = Viewer(bot_id)
        self._viewers.add(viewer)
        viewer.put(frame("history", list(self.history)))
        viewer.put(frame("summary", self.summary()))
        return viewer

    def exit(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        viewer.leave()
        self._viewers.discard(viewer)

    def summary_body(self) -> bytes:
        """Encode the numbers once for all who ask within `SUMMARY_SECONDS`: they cost some milliseconds."""
        now = self._clock.now()
        if self._body is None or not 0 <= now - self._body_at < SUMMARY_SECONDS:
            self._body, self._body_at = msgspec.json.encode(self.summary()), now
        return self._body

    def summary(self) -> figures.Summary:
        """The numbers of this moment."""
        totals = self.totals()
        cards = [figures.card(game) for game in self._host.recent(SAMPLE_MAX)]
        return figures.Summary(
            turns=totals.turns,
            turns_per_second=round(self._rate, 1),
            hot_games=totals.hot_games,
            runs_ended=sum(totals.results.values()),
            results=totals.results,
            conflicts=totals.conflicts,
            rows_per_batch=round(totals.rows_per_batch, 1),
            store_up=totals.store_up,
            hazards=self._host.store_health().hazards,
            uptime_seconds=int(self._clock.now() - self._began),
            version=__version__,
            sampled=len(cards),
            scores=figures.score_buckets(cards),
            playing=self._steady(cards),
            top=[figures.run(line) for line in (self._best or totals.top)[:RUNS_MAX]],
            recent=[figures.run(line) for line in totals.recent[-RUNS_MAX:][::-1]],
        )

    def _steady(self, cards: list[figures.Card]) -> list[figures.Card]:
        """`CARDS_MAX` of them, first those listed before: a list that jumps about cannot be read."""
        cards = sorted(cards, key=lambda one: one.bot_id not in self._listed)[:CARDS_MAX]
        self._listed = {one.bot_id for one in cards}
        return cards

    async def detail(self, bot_id: str) -> figures.Detail:
        """One bot as it is in the store now.

        Raises:
            BadInput: unknown_bot.
            StoreError: The store cannot be asked.
        """
        return figures.detail(await self._host.read(f"{self._fleet}/{bot_id}"))

    async def tick(self) -> None:
        """Sample once and tell everybody."""
        totals = self.totals()
        now, turns = totals.at, totals.turns
        before, turns_before = self._last
        if now > before:
            self._rate = (turns - turns_before) / (now - before)
            self._last = (now, turns)
            self.history.append(round(self._rate, 1))
            self._body = None
        if not self._viewers:
            return
        await self._look_for_best(now)
        self._send(None, frame("summary", self.summary()))
        for bot_id in sorted({viewer.bot_id for viewer in self._viewers if viewer.bot_id}):
            self._send(bot_id, await self.bot_frame(bot_id))

    async def _look_for_best(self, now: float) -> None:
        """The best runs of all time, from the store; while it is away those of this server's own time."""
        if now - self._best_at < BEST_SECONDS:
            return
        self._best_at = now
        try:
            self._best = await self._host.best_runs(self._fleet, RUNS_MAX)
        except StoreError:
            self._best = None

    async def bot_frame(self, bot_id: str) -> bytes:
        """The frame about one bot; a failure is told in the frame, it concerns this bot's viewers only."""
        try:
            return frame("bot", await self.detail(bot_id))
        except DungeonFighterError as error:
            return frame("trouble", {"botId": bot_id, "code": error.code, "message": str(error)})

    def _send(self, bot_id: str | None, what: bytes) -> None:
        """To the viewers of one bot, or to all."""
        for viewer in self._viewers:
            if bot_id is None or viewer.bot_id == bot_id:
                viewer.put(what)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(TICK_SECONDS)
            try:
                await self.tick()
            except Exception:
                self.failed_ticks += 1
                logger.exception("a tick of the watch page broke; the next ones go on")


def frame(event: str, value: object) -> bytes:
    """One server-sent event. JSON text has no line breaks, so one data line is enough.

    Source: the HTML standard, "Server-sent events".
    """
    return b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(value))
