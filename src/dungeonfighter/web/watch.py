"""The ticker behind the watch page: one for all viewers.

Once a second it computes the rates of turns from the counters, and looks for the best live runs among some of
the games in memory. If there are viewers, it also makes a `Summary` for each audience and the details of the
watched bots, encodes each of them once, and puts it into the queue of every viewer concerned. Queues are
short and drop their oldest frame if a viewer is slow: the next frame replaces it. A tick takes a few
milliseconds for the samples of games, and waits only `STORE_SECONDS` for the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Final

import msgspec

from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import Draining, DungeonFighterError, Overloaded, StoreError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.telemetry.totals import Totals, of_host
from dungeonfighter.web import figures
from dungeonfighter.web.audiences import ALL_FLEETS, Audience
from dungeonfighter.web.boards import RUNS_MAX, Board
from dungeonfighter.web.details import Details
from dungeonfighter.web.followed import Followed
from dungeonfighter.web.playbacks import Playbacks

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
BEST_SECONDS: Final = 5.0
"""The greatest age of the lists of the best runs."""
WALKED_GAMES: Final = 100
"""The number of games in which each tick looks for the best live runs: two milliseconds."""
STORE_SECONDS: Final = 0.5
"""The longest wait of a tick for the store; what comes later goes out when it comes."""
BEST_SECONDS_MAX: Final = 10.0
"""The longest time to read the best runs; then the next ticks try anew."""
LISTED_MAX: Final = 400
"""The number of listed games that a tick compares with the store."""
BEST_READ_MAX: Final = 100
"""The number of runs to read where some of them may be of other bots."""
VIEWERS_MAX: Final = 64
VIEWERS_OF_FLEET_MAX: Final = 16
"""The number of viewers of one fleet, where there may be several."""
FRAMES_WAITING_MAX: Final = 8
BOARDS_MAX: Final = 128
WANTED_SECONDS: Final = 60.0
"""A board without viewers is kept for so long after its last use."""


class Viewer:
    """One open page: its queue of frames, its board, and the name of the bot that it shows."""

    def __init__(self, board: Board, bot: str | None) -> None:
        self.board = board
        self.bot = bot
        self._frames: deque[bytes] = deque(maxlen=FRAMES_WAITING_MAX)
        self._wake = asyncio.Event()
        self._gone = False

    def put(self, frame: bytes) -> None:
        """Queue a frame; drop the oldest one if the queue is full."""
        self._frames.append(frame)
        self._wake.set()

    def put_first(self, frame: bytes) -> None:
        """Queue a frame before all others that wait."""
        self._frames.appendleft(frame)
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
        fleet: The one fleet of this server; None if there may be several.
        totals: Returns the counters of all workers of this server; by default those of `host` alone.
        viewers_of_fleet_max: The number of viewers that one fleet may have.
    """

    def __init__(
        self,
        host: BotHost,
        clock: Clock,
        fleet: str | None,
        *,
        totals: Callable[[], Totals] | None = None,
        viewers_of_fleet_max: int = VIEWERS_MAX,
    ) -> None:
        self._host = host
        self._clock = clock
        self._details = Details(host, clock)
        self.playbacks = Playbacks(host.runs, clock)
        self._has_one_fleet = fleet is not None
        self._whole = ALL_FLEETS if fleet is None else Audience(fleet)
        self._viewers_of_fleet_max = viewers_of_fleet_max
        self._boards: dict[Audience, Board] = {}
        began = clock.now()
        self.totals: Callable[[], Totals] = totals or (
            lambda: of_host(host, began, clock.now(), self.wanted_fleets())
        )
        first = self.totals()
        self._started = (first.began, self._wall_of(first.began))
        self.board(self._whole).begin(first)
        self._viewers: set[Viewer] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._asked_at: dict[str, float] = {}
        self._closed = False
        self.followed = Followed(clock, self._watched_bots, self._send_bot)
        self.failed_ticks = 0

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
        await self.followed.close()
        await self._details.close()
        await self.playbacks.close()

    def audience_of(self, principal: Principal) -> Audience:
        """Return what a caller may see; on a server for one fleet there are no further fleets to see."""
        if self._has_one_fleet:
            return Audience(principal.fleet, principal.bots)
        return Audience.of(principal)

    # Boards

    def board(self, audience: Audience) -> Board:
        """Return the board of an audience, a new one if there is none."""
        board = self._boards.get(audience)
        if board is None:
            if len(self._boards) >= BOARDS_MAX:
                self._drop_boards(0.0)
            board = Board(self._host, self._clock, audience, is_server=audience == self._whole)
            self._boards[audience] = board
        board.wanted_at = self._clock.now()
        return board

    def _drop_boards(self, seconds: float) -> None:
        """Drop the boards without viewers that nobody wanted for so long, except that of the server."""
        now = self._clock.now()
        used = {viewer.board.audience for viewer in self._viewers} | {self._whole}
        self._boards = {
            audience: board
            for audience, board in self._boards.items()
            if audience in used or now - board.wanted_at < seconds
        }

    def wanted_fleets(self) -> list[str]:
        """Return the fleets whose figures the boards show."""
        fleets = {audience.fleet for audience in self._boards if audience != self._whole}
        return sorted(fleet for fleet in fleets if fleet is not None)

    # Viewers

    def enter(self, audience: Audience, bot: str | None) -> Viewer:
        """Admit a viewer and queue its first frames; the caller must call `exit` at the end.

        Args:
            audience: The bots that it may see.
            bot: The name of the bot that it watches, if any.

        Raises:
            Overloaded: There are `VIEWERS_MAX` viewers already, or too many of this fleet, or the server
                stops.
        """
        if self._closed:
            raise Draining("this server is going down")
        of_fleet = sum(viewer.board.audience.fleet == audience.fleet for viewer in self._viewers)
        if len(self._viewers) >= VIEWERS_MAX or of_fleet >= self._viewers_of_fleet_max:
            most = min(VIEWERS_MAX, self._viewers_of_fleet_max)
            raise Overloaded(f"{most} pages are watching already", retry_after_seconds=10)
        viewer = Viewer(self.board(audience), bot)
        self._viewers.add(viewer)
        viewer.put(frame("history", list(viewer.board.history)))
        viewer.put(frame("summary", self.summary(audience)))
        return viewer

    def exit(self, viewer: Viewer) -> None:
        """Remove a viewer and end its stream."""
        viewer.leave()
        self._viewers.discard(viewer)

    def summary_body(self, audience: Audience) -> bytes:
        """Return the summary as JSON; it may be `SUMMARY_SECONDS` old: making it takes some milliseconds."""
        board = self.board(audience)
        return board.kept_body() or board.keep_body(self.summary(audience))

    def summary(self, audience: Audience) -> figures.Summary:
        """Return the summary of an audience."""
        board, totals = self.board(audience), self.totals()
        return board.summary(totals, self._started_at(totals.began), self._viewed_boards())

    def _viewed_boards(self) -> int:
        return max(1, len({viewer.board.audience for viewer in self._viewers}))

    def _started_at(self, began: float) -> int:
        """Return the wall clock of the start; computed once, so that it does not change with that clock."""
        if self._started[0] != began:
            self._started = (began, self._wall_of(began))
        return self._started[1]

    def _wall_of(self, moment: float) -> int:
        return round(self._clock.wall() - (self._clock.now() - moment))

    async def detail(self, audience: Audience, bot: str, version: int = 0) -> bytes:
        """Return the detail of one bot as JSON; `bot` is its name on the page. See `Details`.

        Raises:
            BadInput: There is no such bot (`unknown_bot`).
            StoreError: The store does not answer.
        """
        return await self._details.body(audience.key_of(bot), bot, version)

    async def tick(self) -> None:
        """Compute the rates and send frames to all viewers."""
        self._drop_boards(WANTED_SECONDS)
        totals = self.totals()
        for board in self._boards.values():
            board.tick(totals)
        self._host.live_runs.walk(WALKED_GAMES)
        await self._ask_store("live runs", self._refresh_live, BEST_SECONDS)
        if not self._viewers:
            return
        await self._ask_store("best runs", self._update_best, BEST_SECONDS)
        await self._ask_store("listed bots", self._refresh_listed, 0.0)
        for board in {viewer.board for viewer in self._viewers}:
            self._send(board, None, frame("summary", self.summary(board.audience)))
        await self._ask_store("watched bots", self.followed.send_due, 0.0)

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

    async def _refresh_listed(self) -> None:
        """Read the games of the lists anew that another server or worker has played on meanwhile."""
        boards = {viewer.board for viewer in self._viewers}
        keys = itertools.chain.from_iterable(board.listed_keys() for board in boards)
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(BEST_SECONDS_MAX):
                await self._host.live_runs.renew(list(dict.fromkeys(keys))[:LISTED_MAX])

    async def _update_best(self) -> None:
        for board in {viewer.board for viewer in self._viewers}:
            await self._update_best_of(board)

    async def _update_best_of(self, board: Board) -> None:
        # Without the store the summary falls back on the best runs since the start of this server.
        audience = board.audience
        count = RUNS_MAX if audience.bots.endswith("*") else BEST_READ_MAX
        try:
            async with asyncio.timeout(BEST_SECONDS_MAX):
                found = await self._host.best_runs(audience.prefix, count)
        except (StoreError, TimeoutError):
            board.best = None
        else:
            board.best = [run for run in found if audience.covers(run.key)]

    def _watched_bots(self) -> set[tuple[Board, str]]:
        return {(viewer.board, viewer.bot) for viewer in self._viewers if viewer.bot is not None}

    async def _send_bot(self, board: Board, bot: str, version: int) -> None:
        self._send(board, bot, await self.bot_frame(board.audience, bot, version))

    async def bot_frame(self, audience: Audience, bot: str, version: int = 0) -> bytes:
        """Make the frame of one bot; an error becomes a frame too, because it concerns only this bot."""
        try:
            return frame("bot", msgspec.Raw(await self.detail(audience, bot, version)))
        except DungeonFighterError as error:
            return trouble(bot, error)

    def _send(self, board: Board, bot: str | None, frame: bytes) -> None:
        """Queue a frame for the viewers of one board; with `bot` only for those that watch this bot."""
        for viewer in self._viewers:
            if viewer.board is board and (bot is None or viewer.bot == bot):
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


def trouble(bot: str | None, error: DungeonFighterError) -> bytes:
    """Make the frame of an error that concerns one bot."""
    return frame("trouble", {"botId": bot, "code": error.code, "message": str(error)})
