"""The figures of each fleet: the share of one process, and the sum over all workers.

Only servers that may have several fleets keep them (`BotHost(by_fleet=True)`). A worker reports the fleets
that changed, at most `FLEETS_REPORTED_MAX` at a time; the parent sends to a worker only the fleets that its
viewers watch. So the messages stay bounded with any number of fleets.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from dungeonfighter.hosting.fleets import FLEETS_MAX
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.live_runs import LIVE_RUNS_MAX, LiveRun
from dungeonfighter.hosting.ports import RunSummary

RUNS_REPORTED_MAX: Final = 10
FLEETS_REPORTED_MAX: Final = 200


class FleetFigures(Struct, frozen=True):
    """Turns, ended runs by result, and runs of one fleet: since the start, or since the last report.

    `top` are the best ended runs, `recent` the last ones, newest last, and `live` the best live runs.
    """

    turns: int
    results: dict[str, int]
    top: list[RunSummary]
    recent: list[RunSummary]
    live: list[LiveRun]


def of_host(host: BotHost, fleets: Iterable[str]) -> dict[str, FleetFigures]:
    """Return the figures of these fleets in this process, without those for which there is no room."""
    turns = host.metrics.fleet_turns
    if turns is None:
        return {}
    live = host.live_runs.best_of_fleets()
    figures = {}
    for fleet in fleets:
        ended = host.feed.fleets.get(fleet)
        if fleet in turns.counts or len(turns.counts) < FLEETS_MAX:
            figures[fleet] = FleetFigures(
                turns.counts.get(fleet, 0),
                {} if ended is None else dict(ended.results),
                [] if ended is None else ended.top_runs()[:RUNS_REPORTED_MAX],
                [] if ended is None else list(ended.recent_runs)[-RUNS_REPORTED_MAX:],
                live.get(fleet, []),
            )
    return figures


class FleetReporter:
    """Makes the reports of one process about the fleets of its host."""

    def __init__(self, host: BotHost) -> None:
        self._host = host
        self._reported: dict[str, FleetFigures] = {}
        """The last report of each fleet, with all its counts; the oldest report stands first."""

    def shares(self) -> dict[str, FleetFigures]:
        """Return what changed since the last call; the caller must send it, for no later call will."""
        turns = self._host.metrics.fleet_turns
        if turns is None:
            return {}
        known = [*(turns.counts.keys() - self._reported.keys()), *self._reported]
        changed = {
            fleet: now
            for fleet, now in of_host(self._host, known).items()
            if now != self._reported.get(fleet) or now.live
        }
        shares = {}
        for fleet in itertools.islice([one for one in known if one in changed], FLEETS_REPORTED_MAX):
            before, now = self._reported.pop(fleet, None), changed[fleet]
            self._reported[fleet] = now
            shares[fleet] = now if before is None else _since(before, now)
        return shares


def _since(before: FleetFigures, now: FleetFigures) -> FleetFigures:
    results = Counter(now.results)
    results.subtract(before.results)
    ended = min(results.total(), RUNS_REPORTED_MAX)
    return FleetFigures(
        now.turns - before.turns, dict(+results), now.top if ended else [],
        now.recent[-ended:] if ended else [], now.live,
    )  # fmt: skip


class _Sum:
    """The figures of one fleet, added up; the live runs by worker."""

    def __init__(self) -> None:
        self.turns = 0
        self.results: Counter[str] = Counter()
        self.top: list[RunSummary] = []
        self.recent: deque[RunSummary] = deque(maxlen=RUNS_REPORTED_MAX)
        self.live: dict[int, list[LiveRun]] = {}

    def add(self, worker: int, share: FleetFigures) -> None:
        self.turns += share.turns
        self.results.update(share.results)
        self.top = best_runs([*self.top, *share.top])
        self.recent.extend(share.recent)
        self.live[worker] = share.live

    def figures(self) -> FleetFigures:
        live = best_live_runs(itertools.chain.from_iterable(self.live.values()))
        return FleetFigures(self.turns, dict(self.results), self.top, list(self.recent), live)


class FleetLedger:
    """Adds up the shares of workers that come and go, of at most `FLEETS_MAX` fleets."""

    def __init__(self) -> None:
        self._fleets: dict[str, _Sum] = {}

    def note(self, worker: int, shares: Mapping[str, FleetFigures]) -> None:
        """Add a worker's newest shares to those it reported before."""
        for fleet, share in shares.items():
            if fleet not in self._fleets and len(self._fleets) < FLEETS_MAX:
                self._fleets[fleet] = _Sum()
            if fleet in self._fleets:
                self._fleets[fleet].add(worker, share)

    def retire(self, worker: int) -> None:
        """Forget the live runs of a worker that ended."""
        for one in self._fleets.values():
            one.live.pop(worker, None)

    def totals(self, fleets: Iterable[str]) -> dict[str, FleetFigures]:
        """Return the sums of these fleets, without those for which there is no room."""
        has_room = len(self._fleets) < FLEETS_MAX
        return {
            fleet: self._fleets.get(fleet, _NONE).figures()
            for fleet in fleets
            if fleet in self._fleets or has_room
        }


_NONE: Final = _Sum()


def best_runs(runs: Iterable[RunSummary]) -> list[RunSummary]:
    """Return the best of these runs, best first, each once."""
    return heapq.nlargest(RUNS_REPORTED_MAX, set(runs))


def best_live_runs(runs: Iterable[LiveRun]) -> list[LiveRun]:
    """Return the best of these runs, best first; of a bot that two workers know, only the newer position."""
    newest: dict[str, LiveRun] = {}
    for run in runs:
        other = newest.get(run.key)
        if other is None or (run.episode, run.turn) > (other.episode, other.turn):
            newest[run.key] = run
    return heapq.nlargest(LIVE_RUNS_MAX, newest.values())
