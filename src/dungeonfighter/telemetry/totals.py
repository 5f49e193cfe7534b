"""The metrics of a server: the share of one process, and the sum over all workers.

Counters never fall: the sum keeps the reports of a worker that ended. The counts after its last report (those
of a second at most, if it was killed) are missing from the sum; the turns themselves are in the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import reduce

from msgspec import Struct
from msgspec.structs import replace

from dungeonfighter.hosting import metrics as names
from dungeonfighter.hosting.active_bots import ActiveSample, count_distinct
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.instruments import Snapshot
from dungeonfighter.hosting.live_runs import LiveRun
from dungeonfighter.hosting.ports import Clock, RunSummary
from dungeonfighter.telemetry import fleet_totals
from dungeonfighter.telemetry.fleet_totals import (
    RUNS_REPORTED_MAX,
    FleetFigures,
    FleetLedger,
    FleetReporter,
    best_live_runs,
    best_runs,
)
from dungeonfighter.telemetry.meter import (
    MeterRegistry,
    advance,
    delta,
    label_text,
    merge,
    without_gauges,
)


class Totals(Struct, frozen=True):
    """All metrics, the ended runs and the best live runs of one process or of all, at one moment.

    `at` and `began`, when counting began, are of the monotonic clock, which all processes of a machine share.
    `top` are the best of the ended runs, best first, and `recent` the last, newest last: `RUNS_REPORTED_MAX`
    each at most. `live` are the best of the live runs, best first: `LIVE_RUNS_MAX` at most. `fleets` are the
    same by fleet, of the fleets that were asked for and that have any.
    """

    began: float
    at: float
    counted: Snapshot
    top: list[RunSummary]
    recent: list[RunSummary]
    live: list[LiveRun]
    fleets: dict[str, FleetFigures] = {}

    @property
    def turns(self) -> int:
        return int(self.counted.value(names.TURNS))

    @property
    def hot_games(self) -> int:
        return int(self.counted.value(names.HOT_GAMES))

    @property
    def conflicts(self) -> int:
        return int(self.counted.value(names.CONFLICTS))

    @property
    def store_up(self) -> bool:
        return bool(self.counted.value(names.STORE_UP))

    @property
    def results(self) -> dict[str, int]:
        """The number of ended runs by result; only of results that occurred."""
        counts = {
            result: int(self.counted.value(names.EPISODES, label_text("result", result)))
            for result in names.RESULTS
        }
        return {result: count for result, count in counts.items() if count}

    @property
    def rows_per_batch(self) -> float:
        """The mean number of rows of a commit; 0 before the first."""
        batches = self.counted.distribution(names.BATCH_SIZE)
        return batches.mean if sum(batches.counts) else 0.0


class Share(Struct, frozen=True):
    """The report of a worker: its metrics since its last report, and runs.

    `counted` is a delta. `top` are the best runs since the worker began, `ended` the last ones that ended
    since its last report: `RUNS_REPORTED_MAX` each at most. `live` are the best live runs that it knows now.
    `fleets` are the same of the fleets that changed. `active` is a sample of the bots that are active now.
    """

    counted: Snapshot
    top: list[RunSummary]
    ended: list[RunSummary]
    live: list[LiveRun]
    fleets: dict[str, FleetFigures] = {}
    active: ActiveSample = ActiveSample()


class Reporter:
    """Makes the reports of one process about its host.

    Args:
        host: The reports cover the meter and the ended runs of this host.
        clock: Time.
    """

    def __init__(self, host: BotHost, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._began = clock.now()
        self._reported = Snapshot()
        self._fleets = FleetReporter(host)

    def totals(self) -> Totals:
        """Return all that this process has counted."""
        return of_host(self._host, self._began, self._clock.now())

    def share(self) -> Share:
        """Return the counts since the last call; the caller must send them, for no later call will."""
        now = self._host.meter.collect()
        counted, self._reported = delta(now, self._reported), now
        ended = sum(int(counted.value(names.EPISODES, labels)) for labels in counted.values(names.EPISODES))
        feed = self._host.feed
        return Share(
            counted=counted,
            top=feed.top_runs()[:RUNS_REPORTED_MAX],
            ended=list(feed.recent_runs)[-min(ended, RUNS_REPORTED_MAX) :] if ended else [],
            live=self._host.live_runs.best(),
            fleets=self._fleets.shares(),
            active=self._host.metrics.active_bots.sample(),
        )


def of_host(host: BotHost, began: float, now: float, fleets: Iterable[str] = ()) -> Totals:
    """Return the metrics and runs of this process, which began to count at `began`.

    Args:
        host, began, now: See `Totals`.
        fleets: Also return the figures of these fleets.
    """
    feed = host.feed
    return Totals(
        began=began, at=now, counted=host.meter.collect(),
        top=feed.top_runs()[:RUNS_REPORTED_MAX], recent=list(feed.recent_runs)[-RUNS_REPORTED_MAX:],
        live=host.live_runs.best(), fleets=fleet_totals.of_host(host, fleets),
    )  # fmt: skip


class Ledger:
    """Adds up the shares of workers that come and go.

    Args:
        began: When counting began, in seconds of the monotonic clock.
        own: The metrics of the process that adds up.
    """

    def __init__(self, began: float, own: MeterRegistry | None = None) -> None:
        self._began = began
        self._own = MeterRegistry() if own is None else own
        self._active: dict[int, ActiveSample] = {}
        self._live: dict[int, Snapshot] = {}
        self._live_runs: dict[int, list[LiveRun]] = {}
        self._former = Snapshot()
        self._top: list[RunSummary] = []
        self._recent: deque[RunSummary] = deque(maxlen=RUNS_REPORTED_MAX)
        self._fleets = FleetLedger()

    def note(self, worker: int, share: Share) -> None:
        """Add a worker's newest share to those it reported before.

        Raises:
            ValueError: The share declares a metric differently from earlier shares; nothing was added.
        """
        self._live[worker] = advance(self._live.get(worker, Snapshot()), share.counted)
        self._top = best_runs([*self._top, *share.top])
        self._recent.extend(share.ended)
        self._live_runs[worker] = share.live
        self._active[worker] = share.active
        self._fleets.note(worker, share.fleets)

    def retire(self, worker: int) -> None:
        """Keep the counters of a worker that ended, and drop its gauges."""
        self._live_runs.pop(worker, None)
        self._active.pop(worker, None)
        self._fleets.retire(worker)
        ended = self._live.pop(worker, None)
        if ended is not None:
            self._former = merge(self._former, without_gauges(ended))

    def totals(self, now: float) -> Totals:
        """Return the sum over all workers, those that ended included."""
        counted = reduce(merge, self._live.values(), merge(self._former, self._own.collect()))
        active = counted.families.get(names.ACTIVE_BOTS)
        if active is not None:
            distinct = replace(active, values={"": count_distinct(self._active.values())})
            counted = Snapshot({**counted.families, names.ACTIVE_BOTS: distinct})
        return Totals(
            began=self._began,
            at=now,
            counted=counted,
            top=list(self._top),
            recent=list(self._recent),
            live=best_live_runs(run for runs in self._live_runs.values() for run in runs),
        )

    def fleets(self, fleets: Iterable[str]) -> dict[str, FleetFigures]:
        """Return the figures of these fleets, for `Totals.fleets`."""
        return self._fleets.totals(fleets)
