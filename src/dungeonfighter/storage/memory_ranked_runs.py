"""The ranked runs of a store in memory; see `hosting.ranked_runs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from dungeonfighter.hosting.ports import EpisodeEnd
from dungeonfighter.hosting.ranked_runs import (
    AS_STORED,
    FALSE,
    PENDING,
    SET_ASIDE,
    TRIES_MAX,
    Check,
    RankedRun,
    Selection,
)


class MemoryRankedRuns:
    """The ranked runs of one store.

    Args:
        episodes: The ended runs by bot and episode; `note` must be called for each that is written.
        wall: Returns the time in seconds since 1970.
    """

    def __init__(self, episodes: dict[str, dict[int, EpisodeEnd]], wall: Callable[[], float]) -> None:
        self._episodes = episodes
        self._wall = wall
        self._runs: dict[tuple[str, int], RankedRun] = {}
        self._leased_until: dict[tuple[str, int], float] = {}
        self._names: dict[str, str] = {}

    def note(self, key: str, ended: EpisodeEnd) -> None:
        """Take an ended run that was written just now."""
        place = (key, ended.episode)
        self._leased_until.pop(place, None)
        self._runs.pop(place, None)
        if ended.ranked:
            self._runs[place] = RankedRun(key, ended, self._wall())

    def copy_to(self, other: MemoryRankedRuns) -> None:
        """Let another object have the same content."""
        other._runs, other._leased_until = self._runs.copy(), self._leased_until.copy()
        other._names = self._names.copy()

    def is_false(self, key: str, episode: int) -> bool:
        """Return True if this is a run that is not as stored."""
        run = self._runs.get((key, episode))
        return run is not None and run.checked == FALSE

    async def claim_runs(
        self, rules: Sequence[str], count: int, lease_seconds: float, *, retried: bool = False
    ) -> list[RankedRun]:
        free = [
            run
            for run in self._free()
            if run.ended.rules in rules and run.tries < TRIES_MAX and (run.tries > 0) == retried
        ]
        claimed = [replace(run, tries=run.tries + 1) for run in free[:count]]
        for run in claimed:
            self._put(run)
            self._leased_until[run.key, run.ended.episode] = self._wall() + lease_seconds
        return claimed

    async def release_runs(self, runs: Sequence[RankedRun]) -> None:
        for run in runs:
            if self._is_as_claimed(run):
                self._put(replace(run, tries=run.tries - 1))
                del self._leased_until[run.key, run.ended.episode]

    async def put_checks(self, checks: Sequence[Check]) -> list[bool]:
        done = []
        for check in checks:
            done.append(self._is_as_claimed(check.run))
            if done[-1]:
                self._put(
                    replace(
                        check.run, checked=check.checked, attestation=check.attestation,
                        inputs_digest=check.inputs_digest,
                    )
                )  # fmt: skip
        return done

    async def set_runs_aside(self, rules: Sequence[str], unshipped_seconds: float) -> list[RankedRun]:
        before = self._wall() - unshipped_seconds
        found = [
            replace(run, checked=SET_ASIDE)
            for run in self._free()
            if run.tries >= TRIES_MAX or (run.ended_at < before and run.ended.rules not in rules)
        ]
        for run in found:
            self._put(run)
        return found

    async def doubt_runs(self, runs: Sequence[RankedRun]) -> int:
        doubted = 0
        for run in runs:
            now = self._runs.get((run.key, run.ended.episode))
            if now is not None and (now.checked, now.attestation) == (AS_STORED, run.attestation):
                self._put(RankedRun(now.key, now.ended, now.ended_at))
                self._leased_until.pop((run.key, run.ended.episode), None)
                doubted += 1
        return doubted

    async def best(self, selection: Selection, count: int) -> list[RankedRun]:
        found = self._selected(selection, AS_STORED)
        return sorted(
            found, key=lambda run: (-run.ended.score, run.ended.last_turn, run.key, run.ended.episode)
        )[:count]

    async def last(self, selection: Selection, count: int) -> list[RankedRun]:
        found = self._selected(replace(selection, seed=-1), AS_STORED)
        return sorted(found, key=lambda run: (-run.ended_at, run.key, run.ended.episode))[:count]

    async def count_pending(self, selection: Selection, most: int) -> int:
        return min(most, sum(1 for _ in self._selected(selection, PENDING)))

    async def ranked_run(self, key: str, episode: int) -> RankedRun | None:
        return self._runs.get((key, episode))

    async def first_daily_run(self, key: str, seed: int) -> int:
        ended = self._episodes.get(key, {}).values()
        return min((one.episode for one in ended if (one.mode, one.seed) == ("daily", seed)), default=0)

    async def name_fleet(self, fleet: str, public_name: str) -> bool:
        others = {name.lower() for other, name in self._names.items() if other != fleet}
        if public_name.lower() in others:
            return False
        self._names.pop(fleet, None)
        if public_name:
            self._names[fleet] = public_name
        return True

    async def fleet_names(self, fleets: Sequence[str]) -> Mapping[str, str]:
        return {fleet: self._names[fleet] for fleet in fleets if fleet in self._names}

    def _free(self) -> list[RankedRun]:
        """Return the pending runs that nobody has claimed now, those with the oldest lease first."""
        now = self._wall()
        leases = self._leased_until
        free = [
            (leases.get(place, 0.0), place)
            for place, run in self._runs.items()
            if run.checked == PENDING and leases.get(place, 0.0) <= now
        ]
        return [self._runs[place] for _, place in sorted(free)]

    def _selected(self, selection: Selection, checked: int) -> Iterator[RankedRun]:
        for run in self._runs.values():
            ended = run.ended
            if (
                run.checked == checked
                and selection.mode in ("", ended.mode)
                and selection.rules in ("", ended.rules)
                and selection.fleet in ("", run.key.partition("/")[0])
                and selection.seed in (-1, ended.seed)
            ):
                yield run

    def _is_as_claimed(self, run: RankedRun) -> bool:
        return self._runs.get((run.key, run.ended.episode)) == run and run.checked == PENDING

    def _put(self, run: RankedRun) -> None:
        self._runs[run.key, run.ended.episode] = run
