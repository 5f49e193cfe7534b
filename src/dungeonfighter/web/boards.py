"""The figures of one audience of the watch page, and the lists that it sees."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import msgspec

from dungeonfighter import __version__
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.live_runs import LiveRun
from dungeonfighter.hosting.ports import Clock, RunSummary
from dungeonfighter.telemetry.fleet_totals import FleetFigures
from dungeonfighter.telemetry.totals import Totals
from dungeonfighter.web import figures
from dungeonfighter.web.audiences import Audience

SUMMARY_SECONDS: Final = 0.5
"""The greatest age of the numbers in an answer of `/api/summary`."""
HISTORY_TICKS: Final = 180
SAMPLE_MAX: Final = 200
CARDS_MAX: Final = 40
RUNS_MAX: Final = 10
LOOKED_AT_MAX: Final = 20_000
"""The number of games among which a sample of one of several fleets is taken."""


class Board:
    """The summaries of one audience.

    Args:
        host: Its games are the sample, and the list of bots that play.
        clock: Time.
        audience: The bots that are shown.
        is_server: Show the figures of the whole server.
    """

    def __init__(self, host: BotHost, clock: Clock, audience: Audience, *, is_server: bool) -> None:
        self._host = host
        self._clock = clock
        self.audience = audience
        self._is_server = is_server
        self.best: list[RunSummary] | None = None
        """The best ended runs in the store; None while it does not answer."""
        self.history: deque[float] = deque(maxlen=HISTORY_TICKS)
        self.wanted_at = -math.inf
        """The last moment at which a caller wanted a summary."""
        self._last: tuple[float, int] | None = None
        self._rate: float | None = None
        self._listed: set[str] = set()
        self._body: bytes | None = None
        self._body_at = -math.inf

    def listed_keys(self) -> list[str]:
        """Return the keys of the bots in the last list of those that play."""
        return [self.audience.key_of(name) for name in self._listed]

    def begin(self, totals: Totals) -> None:
        """Compute rates from these totals on."""
        turns = self._turns(totals)
        if turns is not None:
            self._last, self._rate = (totals.at, turns), 0.0

    def tick(self, totals: Totals) -> None:
        """Compute the rate of turns since the last tick."""
        turns = self._turns(totals)
        if self._last is None or turns is None:
            self.begin(totals)
            return
        before, turns_before = self._last
        if totals.at > before:
            self._rate = (turns - turns_before) / (totals.at - before)
            self._last = (totals.at, turns)
            self.history.append(round(self._rate, 1))
            self._body = None

    def kept_body(self) -> bytes | None:
        """Return the JSON of the last summary if it is at most `SUMMARY_SECONDS` old."""
        is_new = 0 <= self._clock.now() - self._body_at < SUMMARY_SECONDS
        return self._body if is_new else None

    def keep_body(self, summary: figures.Summary) -> bytes:
        """Return the JSON of a summary, and keep it for `kept_body`."""
        self._body, self._body_at = msgspec.json.encode(summary), self._clock.now()
        return self._body

    def summary(self, totals: Totals, started_at: int, boards: int = 1) -> figures.Summary:
        """Return the summary of this moment.

        Args:
            totals: The figures of all workers.
            started_at: The start of the counting, in seconds since 1970.
            boards: The number of boards that share the time for samples.
        """
        sample = self._sample(boards)
        top, recent, live = self._runs(totals)
        best = top if self.best is None else self.best
        over = {(run.key, run.episode) for run in (*best, *recent)}
        name, results = self.audience.name_of, self._results(totals)
        return figures.Summary(
            turns=self._turns(totals),
            turns_per_second=None if self._rate is None else round(self._rate, 1),
            hot_games=totals.hot_games if self._is_server else None,
            runs_ended=None if results is None else sum(results.values()),
            results=results or {},
            conflicts=totals.conflicts if self._is_server else None,
            rows_per_batch=round(totals.rows_per_batch, 1) if self._is_server else None,
            store_up=totals.store_up,
            hazards=self._host.store_health().hazards,
            started_at=started_at,
            uptime_seconds=int(self._clock.now() - totals.began),
            version=__version__,
            sampled=len(sample),
            scores=figures.score_buckets(sample),
            playing=self._keep_listed(sample),
            live=[figures.live_run(run, name(run.key)) for run in live
                  if (run.key, run.episode) not in over][:RUNS_MAX],
            top=[figures.run(run, name(run.key)) for run in best[:RUNS_MAX]],
            recent=[figures.run(run, name(run.key)) for run in recent[-RUNS_MAX:][::-1]],
        )  # fmt: skip

    def _figures(self, totals: Totals) -> Totals | FleetFigures | None:
        """Return the figures that concern this audience; None if nobody keeps them."""
        return totals if self._is_server else totals.fleets.get(self.audience.fleet or "")

    def _counts(self, totals: Totals) -> Totals | FleetFigures | None:
        """Return the figures whose counts this audience may see; some bots of a fleet have no counts."""
        return self._figures(totals) if self._is_server or self.audience.is_whole_fleet else None

    def _turns(self, totals: Totals) -> int | None:
        counts = self._counts(totals)
        return None if counts is None else counts.turns

    def _results(self, totals: Totals) -> dict[str, int] | None:
        counts = self._counts(totals)
        return None if counts is None else counts.results

    def _runs(self, totals: Totals) -> tuple[list[RunSummary], list[RunSummary], list[LiveRun]]:
        """Return the best, the last and the live runs of this audience."""
        found, covers = self._figures(totals), self.audience.covers
        if found is None:
            return [], [], []
        return (
            [run for run in found.top if covers(run.key)],
            [run for run in found.recent if covers(run.key)],
            [run for run in found.live if covers(run.key)],
        )

    def _sample(self, boards: int) -> list[figures.Card]:
        """Return the cards of the games that played last."""
        audience = self.audience
        count = max(CARDS_MAX, SAMPLE_MAX // boards)
        covers = None if audience.fleet is None else audience.covers
        games = self._host.recent(count, covers, max(1000, LOOKED_AT_MAX // boards))
        return [figures.card(game, audience.name_of(game.key)) for game in games]

    def _keep_listed(self, cards: list[figures.Card]) -> list[figures.Card]:
        """Choose `CARDS_MAX` cards, first those of the last list, so that the list stays readable."""
        cards = sorted(cards, key=lambda one: one.bot_id not in self._listed)[:CARDS_MAX]
        self._listed = {one.bot_id for one in cards}
        return cards
