"""The ticker behind the watch page: one for all viewers.

Once a second it computes the rate of turns from the counters, and looks for the best live runs among some of
the games in memory. If there are viewers, it also makes a `Summary` and the details of the watched bots,
encodes each of them once, and puts it into the queue of every viewer concerned. Queues are short and drop
their oldest frame if a viewer is slow: the next frame replaces it. A tick takes a few milliseconds for the
samples of games, and waits only `STORE_SECONDS` for the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Final

import msgspec

from dungeonfighter import __version__
from dungeonfighter.errors import Draining, DungeonFighterError, Overloaded, StoreError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Clock, RunSummary
from dungeonfighter.telemetry.totals import Totals, of_host
from dungeonfighter.web import figures

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
SUMMARY_SECONDS: Final = 0.5
"""The greatest age of the numbers in an answer of `/api/summary`."""
HISTORY_TICKS: Final = 180
BEST_SECONDS: Final = 5.0
"""The greatest age of the lists of the best runs."""
WALKED_GAMES: Final = 100
"""The number of games in which each tick looks for the best live runs: two milliseconds."""
STORE_SECONDS: Final = 0.5
"""The longest wait of a tick for the store; what comes later goes out when it comes."""
BEST_SECONDS_MAX: Final = 10.0
"""The longest time to read the best runs; then the next ticks try anew."""
SAMPLE_MAX: Final = 200
CARDS_MAX: Final = 40
RUNS_MAX: Final = 10
VIEWERS_MAX: Final = 64
FRAMES_WAITING_MAX: Final = 8


class Viewer:
    """One open page: its queue of frames, and the bot that it shows."""

    def __init__(self, bot_id: str | None) -> None:
        self.bot_id = bot_id
        self._frames: deque[bytes] = deque(maxlen=FRAMES_WAITING_MAX)
        self._wake = asyncio.Event()
        self._gone = False

    def put(self, frame: bytes) -> None:
        """Queue a frame; drop the oldest one if the queue is full."""
        self._frames.append(frame)
        self._wake.set()

    def leave(self) -> None:
        """End the stream, because the viewer went away or the server stops."""
        self._gone = True
        self._wake.set()

    async def next(self) -> bytes | None:
        """Wait for frames and return all that are queued, joined; return None at the end of the stream."""
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
        host: Its games are the sample, and the list of bots that play.
        clock: Time.
        fleet: The fleet that the page shows.
        totals: Returns the counters of all workers of this server; by default those of `host` alone.
    """

    def __init__(
        self,
        host: BotHost,
        clock: Clock,
        fleet: str,
        *,
        totals: Callable[[], Totals] | None = None,
    ) -> None:
        self._host = host
        self._clock = clock
        self.fleet = fleet
        began = clock.now()
        self.totals: Callable[[], Totals] = totals or (lambda: of_host(host, began, clock.now()))
        first = self.totals()
        self._started = (first.began, self._wall_of(first.began))
        self._last = (first.at, first.turns)
        self._rate = 0.0
        self._viewers: set[Viewer] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._asked_at: dict[str, float] = {}
        self._closed = False
        self.failed_ticks = 0
        self._listed: set[str] = set()
        self._best: list[RunSummary] | None = None
        self._body: bytes | None = None
        self._body_at = -math.inf
        self.history: deque[float] = deque(maxlen=HISTORY_TICKS)

    def start(self) -> None:
        """Begin to tick; needs a running event loop."""
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._run(), name="watch ticker")

    async def close(self) -> None:
        """Stop ticking and end the stream of every viewer."""
        self._closed = True
        for viewer in self._viewers:
            viewer.leave()
        for task in (self._ticker, *self._asking.values()):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def enter(self, bot_id: str | None) -> Viewer:
        """Admit a viewer and queue its first frames; the caller must call `exit` at the end.

        Raises:
            Overloaded: There are `VIEWERS_MAX` viewers already, or the server stops.
        """
        if self._closed:
            raise Draining("this server is going down")
        if len(self._viewers) >= VIEWERS_MAX:
            raise Overloaded(f"{VIEWERS_MAX} pages are watching already", retry_after_seconds=10)
        viewer = Viewer(bot_id)
        self._viewers.add(viewer)
        viewer.put(frame("history", list(self.history)))
        viewer.put(frame("summary", self.summary()))
        return viewer

    def exit(self, viewer: Viewer) -> None:
        """Remove a viewer and end its stream."""
        viewer.leave()
        self._viewers.discard(viewer)

    def summary_body(self) -> bytes:
        """Return the summary as JSON, cached for `SUMMARY_SECONDS`: making it takes some milliseconds."""
        now = self._clock.now()
        if self._body is None or not 0 <= now - self._body_at < SUMMARY_SECONDS:
            self._body, self._body_at = msgspec.json.encode(self.summary()), now
        return self._body

    def summary(self) -> figures.Summary:
        totals = self.totals()
        cards = [figures.card(game) for game in self._host.recent(SAMPLE_MAX)]
        best = self._best or totals.top
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
            started_at=self._started_at(totals.began),
            uptime_seconds=int(self._clock.now() - totals.began),
            version=__version__,
            sampled=len(cards),
            scores=figures.score_buckets(cards),
            playing=self._keep_listed(cards),
            live=self._live(totals, best),
            top=[figures.run(one) for one in best[:RUNS_MAX]],
            recent=[figures.run(one) for one in totals.recent[-RUNS_MAX:][::-1]],
        )

    def _live(self, totals: Totals, best: list[RunSummary]) -> list[figures.LiveRun]:
        """List the best live runs of the fleet; a run that is listed as ended is not live any more."""
        ended = {(run.key, run.episode) for run in (*best, *totals.recent)}
        runs = [
            run
            for run in totals.live
            if run.key.startswith(f"{self.fleet}/") and (run.key, run.episode) not in ended
        ]
        return [figures.live_run(run) for run in runs[:RUNS_MAX]]

    def _started_at(self, began: float) -> int:
        """Return the wall clock of the start; computed once, so that it does not change with that clock."""
        if self._started[0] != began:
            self._started = (began, self._wall_of(began))
        return self._started[1]

    def _wall_of(self, moment: float) -> int:
        return round(self._clock.wall() - (self._clock.now() - moment))

    def _keep_listed(self, cards: list[figures.Card]) -> list[figures.Card]:
        """Choose `CARDS_MAX` cards, first those of the last list, so that the list stays readable."""
        cards = sorted(cards, key=lambda one: one.bot_id not in self._listed)[:CARDS_MAX]
        self._listed = {one.bot_id for one in cards}
        return cards

    async def detail(self, bot_id: str) -> figures.Detail:
        """Return the detail of one bot as the store holds it now.

        Raises:
            BadInput: There is no such bot (`unknown_bot`).
            StoreError: The store does not answer.
        """
        return figures.detail(await self._host.read(f"{self.fleet}/{bot_id}"))

    async def tick(self) -> None:
        """Compute the rate and send frames to all viewers."""
        totals = self.totals()
        now, turns = totals.at, totals.turns
        before, turns_before = self._last
        if now > before:
            self._rate = (turns - turns_before) / (now - before)
            self._last = (now, turns)
            self.history.append(round(self._rate, 1))
            self._body = None
        self._host.live_runs.walk(WALKED_GAMES)
        await self._ask_store("live runs", self._refresh_live, BEST_SECONDS)
        if not self._viewers:
            return
        await self._ask_store("best runs", self._update_best, BEST_SECONDS)
        self._send(None, frame("summary", self.summary()))
        await self._ask_store("watched bots", self._send_bots, 0.0)

    async def _ask_store(
        self, name: str, ask: Callable[[], Coroutine[None, None, None]], every_seconds: float
    ) -> None:
        """Ask the store if the last time has ended and began long enough ago; wait `STORE_SECONDS` at most.

        A store that hangs must not stop the summaries: they say that it does not answer.
        """
        now = self._clock.now()
        if name in self._asking and not self._asking[name].done():
            return
        if now - self._asked_at.get(name, -math.inf) < every_seconds:
            return
        self._asked_at[name] = now
        self._asking[name] = task = asyncio.create_task(self._logged(name, ask), name=f"watch: {name}")
        await asyncio.wait({task}, timeout=STORE_SECONDS)

    async def _logged(self, name: str, ask: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await ask()
        except Exception:
            logger.exception("the watch page cannot read the %s; the next ticks try again", name)

    async def _refresh_live(self) -> None:
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(BEST_SECONDS_MAX):
                await self._host.live_runs.refresh()

    async def _update_best(self) -> None:
        # Without the store the summary falls back on the best runs since the start of this server.
        try:
            async with asyncio.timeout(BEST_SECONDS_MAX):
                self._best = await self._host.best_runs(self.fleet, RUNS_MAX)
        except (StoreError, TimeoutError):
            self._best = None

    async def _send_bots(self) -> None:
        async def send(bot_id: str) -> None:
            self._send(bot_id, await self.bot_frame(bot_id))

        await asyncio.gather(*map(send, {viewer.bot_id for viewer in self._viewers if viewer.bot_id}))

    async def bot_frame(self, bot_id: str) -> bytes:
        """Make the frame of one bot; an error becomes a frame too, because it concerns only this bot."""
        try:
            return frame("bot", await self.detail(bot_id))
        except DungeonFighterError as error:
            return frame("trouble", {"botId": bot_id, "code": error.code, "message": str(error)})

    def _send(self, bot_id: str | None, frame: bytes) -> None:
        """Queue a frame for the viewers of one bot; None means all viewers."""
        for viewer in self._viewers:
            if bot_id is None or viewer.bot_id == bot_id:
                viewer.put(frame)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(TICK_SECONDS)
            try:
                await self.tick()
            except Exception:
                self.failed_ticks += 1
                logger.exception("a tick of the watch page broke; the next ones go on")


def frame(event: str, value: object) -> bytes:
    """Encode one server-sent event. JSON text has no line breaks, so one data line is enough.

    Source: the HTML standard, "Server-sent events".
    """
    return b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(value))
