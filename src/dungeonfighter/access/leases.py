"""Divides the rates of fleets and tokens among processes, in proportion to their demand.

Each process reports the calls that it was asked for. A process with half of the demand for a name gets half
of the rate of this name. A process without demand keeps a small part, its floor, so that its first calls need
not wait for a new share. A name without demand is forgotten: then all processes have equal parts.

The floors let all processes together exceed a rate by at most `FLOORS`.

Source: docs/operations.md, "Limits"; docs/decisions/029-limits.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REPORTS_AFTER: Final = 16
"""After so many reports without calls any demand has ended."""
FLOORS: Final = 0.05
"""The sum of the floors of all processes."""
_NEWEST_WEIGHT: Final = 0.6
_DEMAND_MIN: Final = 0.5
"""A smaller demand, in calls a second, has ended."""
_CHANGE_MIN: Final = 0.02
"""A process is not informed of a smaller relative change of its share."""


class Leases:
    """The demand of some processes, and the shares that follow from it.

    Args:
        count: The number of processes; they are numbered from 0.
        whole: The part of each rate that these processes may use together.
    """

    def __init__(self, count: int, whole: float = 1.0) -> None:
        self._count = count
        self._whole = whole
        self._wholes: dict[str, float] = {}
        self._demand: dict[str, dict[int, float]] = {}
        self._by_process: dict[int, set[str]] = {}
        self._given: dict[int, dict[str, float]] = {}
        self._changed: set[str] = set()
        self.calls: dict[str, float] | None = None
        """The calls asked for since the owner last emptied this dict, by name; None if nobody does."""

    def note(self, process: int, calls: Mapping[str, float], seconds: float) -> None:
        """Note the calls that a process was asked for in the last `seconds`.

        A process reports until it has no more demand, and then some more times (`REPORTS_AFTER`).
        """
        known = self._by_process.setdefault(process, set())
        if self.calls is not None:
            for name, count in calls.items():
                self.calls[name] = self.calls.get(name, 0.0) + count
        for name in known | calls.keys():
            demands = self._demand.setdefault(name, {})
            newest = calls.get(name, 0.0) / seconds
            demand = demands.get(process, 0.0) * (1 - _NEWEST_WEIGHT) + newest * _NEWEST_WEIGHT
            if demand >= _DEMAND_MIN:
                demands[process] = demand
                known.add(name)
            else:
                self._end(process, name)
        self._changed |= known

    def retire(self, process: int) -> None:
        """Forget a process that ended; a later process may have its number."""
        for name in list(self._by_process.get(process, ())):
            self._end(process, name)
        self._given.pop(process, None)

    def learn(self, wholes: Mapping[str, float]) -> None:
        """Learn the parts of some rates that these processes may use together; others have the default."""
        self._changed |= {
            name for name in self._demand if wholes.get(name, self._whole) != self._whole_of(name)
        }
        self._wholes = dict(wholes)

    def changes(self) -> dict[int, dict[str, float]]:
        """Return the shares that changed, by process and name; a share of 0 is that of a forgotten name.

        A process that does not get its changes must be named to `missed`.
        """
        changed: dict[int, dict[str, float]] = {}
        names, self._changed = self._changed, set()
        for name in names:
            demands = self._demand.get(name, {})
            total = sum(demands.values())
            for process in range(self._count):
                part = max(demands.get(process, 0.0) / total, FLOORS / self._count) if total else 0.0
                share = part * self._whole_of(name)
                given = self._given.setdefault(process, {})
                if abs(share - given.get(name, 0.0)) > _CHANGE_MIN * share or (not share and name in given):
                    changed.setdefault(process, {})[name] = share
                    if share:
                        given[name] = share
                    else:
                        del given[name]
        return changed

    def missed(self, process: int, shares: Mapping[str, float]) -> None:
        """Note that a process did not get these changes; the next ones contain them."""
        given = self._given.setdefault(process, {})
        for name in shares:
            given[name] = -1.0
        self._changed |= shares.keys()

    def _whole_of(self, name: str) -> float:
        return self._wholes.get(name, self._whole)

    def _end(self, process: int, name: str) -> None:
        self._by_process[process].discard(name)
        self._changed.add(name)
        demands = self._demand[name]
        demands.pop(process, None)
        if not demands:
            del self._demand[name]
