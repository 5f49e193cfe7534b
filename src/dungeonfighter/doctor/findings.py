"""The findings of the doctor: one sentence about a fault, and the way out."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

PLACES_SHOWN_MAX: Final = 8
FINDINGS_MAX: Final = 200


class Finding(Struct, frozen=True):
    """One finding.

    Attributes:
        severity: A problem makes the exit code 1; a note may be as it should be.
        places: The things that it is about, for example servers or workers.
        text: One sentence.
        remedy: The way out; empty for a note that needs none.
    """

    severity: Literal["problem", "note"]
    places: tuple[str, ...]
    text: str
    remedy: str = ""


class Findings:
    """Collects findings; equal ones about several places become one, and those beyond a limit are dropped."""

    def __init__(self) -> None:
        self._places: dict[tuple[Literal["problem", "note"], str, str], list[str]] = {}

    def problem(self, place: str, text: str, remedy: str) -> None:
        self._add("problem", place, text, remedy)

    def note(self, place: str, text: str, remedy: str = "") -> None:
        self._add("note", place, text, remedy)

    def problems(self) -> list[Finding]:
        return [one for one in self._all() if one.severity == "problem"]

    def notes(self) -> list[Finding]:
        return [one for one in self._all() if one.severity == "note"]

    def _add(self, severity: Literal["problem", "note"], place: str, text: str, remedy: str) -> None:
        key = (severity, text, remedy)
        if key not in self._places and len(self._places) >= FINDINGS_MAX:
            return  # a server may send any number of them
        places = self._places.setdefault(key, [])
        if place not in places and len(places) < FINDINGS_MAX:
            places.append(place)

    def _all(self) -> list[Finding]:
        return [
            Finding(severity, tuple(places), text, remedy)
            for (severity, text, remedy), places in self._places.items()
        ]
