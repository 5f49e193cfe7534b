"""The times from the end of each fault until bots play, from a journal.

The checker measures the last one; a scenario may have several faults, and play must go on after each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from chaos.journal import BEGIN, OK, Answer, Event, Fault


class Recovery(Struct):
    """A moment at which no fault was left.

    Attributes:
        fault: The one that ended last.
        at: Seconds since the journal began.
        first_seconds: The time until the first acknowledged answer; None if none came before `end_seconds`.
        end_seconds: The time until the next fault begins, or until the last event of the journal.
    """

    fault: str
    at: float
    first_seconds: float | None = None
    end_seconds: float = 0.0


def recoveries(events: Iterable[Event]) -> list[Recovery]:
    """Return all moments at which the last fault ended, in order."""
    found: list[Recovery] = []
    current: Recovery | None = None
    faults = 0
    for event in events:
        if current is not None:
            current.end_seconds = event.at - current.at
        if isinstance(event, Fault):
            faults += 1 if event.phase == BEGIN else -1
            current = None if faults else Recovery(event.name, event.at)
            if current is not None:
                found.append(current)
        elif current is not None and current.first_seconds is None and is_acknowledged(event):
            current.first_seconds = event.at - current.at
    return found


def is_acknowledged(event: Event) -> bool:
    return isinstance(event, Answer) and event.outcome == OK


def late(found: Iterable[Recovery], seconds_max: float) -> Iterator[str]:
    """Yield a sentence for each moment after which the first bot played too late."""
    for one in found:
        if one.first_seconds is None and one.end_seconds > seconds_max:
            yield f"no bot played within {one.end_seconds:.2f} s after the end of {one.fault}"
        elif one.first_seconds is not None and one.first_seconds > seconds_max:
            yield (
                f"the first bot played {one.first_seconds:.2f} s after the end of {one.fault}, "
                f"not within {seconds_max:g} s"
            )
