"""The result of a check: counts, violations by kind, and the lines that show them."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

SHOWN_MAX: Final = 20
_CODES_MAX: Final = 8


class Kind(enum.StrEnum):
    """The kinds of violations. Each description follows its name."""

    LOST = "lost"
    """An acknowledged turn is not in the stored history."""
    DOUBLED = "doubled"
    """The store has one input more often than it was sent."""
    REORDERED = "reordered"
    """The store has the acknowledged inputs in another order."""
    OTHER_STATE = "other-state"
    """A state is not that of the seed and the inputs before it."""
    OTHER_EPISODE = "other-episode"
    """An answer is of another run than its call, or the stored run is not the one that was acknowledged."""
    OTHER_BOT = "other-bot"
    """An answer shows a state of another bot."""
    UNCOMMITTED = "uncommitted"
    """An answer shows a state that the store never had: it left before its commit."""
    WENT_BACK = "went-back"
    """An answer shows an earlier turn than an answer before it."""
    TWO_CALLS = "two-calls"
    """One turn was acknowledged for two calls."""
    REFUSED_EFFECT = "refused-effect"
    """A refused call had an effect."""
    BEGUN_TWICE = "begun-twice"
    """One call began two runs."""
    UNSENT = "unsent"
    """The store has an input or a run that no call asked for."""
    CHUNKS = "chunks"
    """The stored parts of a run are no sequence: a gap, an overlap, or two parts that differ."""
    VERSION = "version"
    """The version of a row is not the number of its writes."""
    RUN_END = "run-end"
    """The record of the end of a run is missing, or is not that of its inputs."""
    ILLEGAL = "illegal"
    """A stored input is not legal at its turn."""
    DAMAGED = "damaged"
    """A stored value cannot be read."""
    CAME_BACK = "came-back"
    """A turn that the promoted server lacked is in the store, and no call repeated it."""
    NOT_REFUSED = "not-refused"
    """A bot lost turns by a fail-over and was never answered `stale_turn` or `future_turn`."""
    STOPPED = "stopped"
    """A bot lost turns by a fail-over and did not play on."""


class Violation(Struct, frozen=True, order=True):
    """One broken promise to one bot."""

    kind: Kind
    bot: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} {self.bot}: {self.detail}"


class Findings(Struct):
    """All that a check found.

    Attributes:
        bots: Bots of the journal or of the store.
        events: Events of the journal.
        torn: The incomplete last line of the journal; "" without one.
        acknowledged: Calls that were answered with `ok`; of them `begun` began a run.
        open: Calls whose outcome their client never learned; of them `applied` had their effect.
        refused: Calls that the server refused.
        stored: Inputs of the stored history, all executed once more.
        lost: Acknowledged calls that the store does not have, also those that `lacking` explains.
        doubled: Inputs and runs that the store has once too often.
        lacking: Acknowledged calls that a promoted server lacked.
        unnoticed: Bots that lost some of them and began their next run first: a start names no turn, so no
            server could refuse it.
        first_errors: Errors of first attempts by code.
        repeated_errors: Errors that one repeat did not remove, by code.
        last_errors: Errors of the last attempts of calls by code.
        first_seconds, last_seconds: From the end of the last fault to the first answer `ok` of the first and
            of the last bot; None without a fault, or if no bot played.
        silent: Bots without an answer `ok` after the end of the last fault.
    """

    bots: int = 0
    events: int = 0
    torn: str = ""
    acknowledged: int = 0
    begun: int = 0
    open: int = 0
    applied: int = 0
    refused: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    lacking: int = 0
    unnoticed: int = 0
    first_errors: Counter[str] = field(default_factory=Counter)
    repeated_errors: Counter[str] = field(default_factory=Counter)
    last_errors: Counter[str] = field(default_factory=Counter)
    first_seconds: float | None = None
    last_seconds: float | None = None
    silent: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """True if no promise was broken."""
        return not self.violations

    @property
    def kinds(self) -> Counter[Kind]:
        """The number of violations by kind."""
        return Counter(violation.kind for violation in self.violations)

    def lines(self) -> Iterator[str]:
        """Yield the lines of a report; the last three are the sums."""
        yield f"{self.bots:,} bots, {self.events:,} events, {self.stored:,} stored inputs executed again"
        if self.torn:
            yield f"the last line of the journal is incomplete and was left out: {self.torn[:60]!r}"
        yield (
            f"of {self.open:,} calls with an unknown outcome {self.applied:,} had their effect; "
            f"{self.refused:,} calls were refused"
        )
        if self.lacking:
            yield (
                f"the promoted server lacked {self.lacking:,} acknowledged calls; {self.unnoticed:,} bots "
                "began their next run before they could be refused"
            )
        for kind, count in sorted(self.kinds.items()):
            yield f"violated: {count:,} {kind}"
        for violation in self.violations[:SHOWN_MAX]:
            yield f"  {violation}"
        if len(self.violations) > SHOWN_MAX:
            yield f"  and {len(self.violations) - SHOWN_MAX:,} more"
        yield (f"errors: {_by_code(self.first_errors)}; after one repeat: {_by_code(self.repeated_errors)}")
        yield self._playing()
        yield self.sums

    @property
    def sums(self) -> str:
        """The line that every scenario ends with."""
        return f"acknowledged {self.acknowledged:,}, lost {self.lost:,}, doubled {self.doubled:,}"

    def _playing(self) -> str:
        if self.first_seconds is None or self.last_seconds is None:
            return "no bot played after a fault"
        first, last = f"{self.first_seconds:.2f} s", f"{self.last_seconds:.2f} s"
        silent = f"; {len(self.silent):,} bots did not play any more" if self.silent else ""
        return f"after the end of the last fault the first bot played in {first}, the last in {last}{silent}"


def _by_code(errors: Counter[str]) -> str:
    """Return the most frequent codes with their numbers in one line."""
    if not errors:
        return "none"
    shown = [f"{count:,} {code}" for code, count in errors.most_common(_CODES_MAX)]
    more = len(errors) - len(shown)
    return ", ".join([*shown, f"{more} more codes"] if more else shown)
