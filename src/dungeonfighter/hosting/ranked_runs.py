"""The port of the store for ranked runs: their checks by execution, and the lists of those that passed.

A check is leased: `claim_runs` gives each pending run to one caller, until it puts a result, releases the
run, or the lease ends. A run whose lease ended so often without a result is set aside.

Source: docs/leaderboard.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from dungeonfighter.hosting.ports import EpisodeEnd, Store

PENDING: Final = 0
AS_STORED: Final = 1
FALSE: Final = 2
SET_ASIDE: Final = 3
"""The states of a ranked run: not executed again yet; as stored; not as stored; never executed, or not
counted for another reason."""
TRIES_MAX: Final = 3


class RankedRun(Struct, frozen=True):
    """An ended ranked run and its check.

    Attributes:
        key: `<fleet>/<botId>`.
        ended_at: When the store wrote its end, in seconds since 1970.
        checked: `PENDING`, `AS_STORED`, `FALSE` or `SET_ASIDE`.
        tries: How often it was claimed.
        attestation: See `replays.attestations`; empty unless it is as stored.
        inputs_digest: The digest of its inputs when they were executed.
    """

    key: str
    ended: EpisodeEnd
    ended_at: float
    checked: int = PENDING
    tries: int = 0
    attestation: bytes = b""
    inputs_digest: bytes = b""


class Check(Struct, frozen=True):
    """The result of a check; `run` is the run as it was claimed, the others are as in `RankedRun`."""

    run: RankedRun
    checked: int
    attestation: bytes = b""
    inputs_digest: bytes = b""


class Selection(Struct, frozen=True):
    """The ranked runs of one list.

    Attributes:
        mode, rules: Category and identity of the rules; only in `count_pending` they may be empty, for any.
        fleet: Empty for all fleets.
        seed: Only runs with this seed; -1 for any.
    """

    mode: str = ""
    rules: str = ""
    fleet: str = ""
    seed: int = -1


class RankedRuns(Protocol):
    """The ranked runs of a store. Every method may raise `StoreUnavailable`, and may then be repeated."""

    async def claim_runs(
        self, rules: Sequence[str], count: int, lease_seconds: float, *, retried: bool = False
    ) -> list[RankedRun]:
        """Claim pending runs that nobody has claimed now, and count the claim as a try.

        Args:
            rules: The identities of the rules that the caller can execute.
            count: Claim so many at most.
            lease_seconds: Nobody else claims these runs for so long.
            retried: Claim runs that were claimed before; by default only those that never were.
        """

    async def release_runs(self, runs: Sequence[RankedRun]) -> None:
        """Give claimed runs back; the claim does not count as a try."""

    async def put_checks(self, checks: Sequence[Check]) -> list[bool]:
        """Write results; return False for each run that was not written.

        A run is not written if anything of its row changed, or another caller claimed it.
        """

    async def set_runs_aside(self, rules: Sequence[str], unshipped_seconds: float) -> list[RankedRun]:
        """Set aside what nobody will check, and return it.

        These are the pending runs that were claimed `TRIES_MAX` times, and those that ended more than
        `unshipped_seconds` ago under rules that are not among `rules`.
        """

    async def doubt_runs(self, runs: Sequence[RankedRun]) -> int:
        """Make runs pending again whose attestation is still that of `runs`; return their number."""

    async def best(self, selection: Selection, count: int) -> list[RankedRun]:
        """List the runs that are as stored: by score, then by fewer turns, then by key and episode."""

    async def last(self, selection: Selection, count: int) -> list[RankedRun]:
        """List the runs of one fleet that are as stored, the last to end first; `seed` does not count."""

    async def count_pending(self, selection: Selection, most: int) -> int:
        """Count the pending runs, up to `most`."""

    async def ranked_run(self, key: str, episode: int) -> RankedRun | None:
        """Return one ranked run, or None."""

    async def first_daily_run(self, key: str, seed: int) -> int:
        """Return the episode of the first ended daily run of a bot with this seed; 0 for none."""

    async def name_fleet(self, fleet: str, public_name: str) -> bool:
        """Set the public name of a fleet, or take it away if it is empty; return False if it is taken.

        Upper and lower case of ASCII letters do not make another name.
        """

    async def fleet_names(self, fleets: Sequence[str]) -> Mapping[str, str]:
        """Return the public names of those of these fleets that have one."""


class RankingStore(Store, Protocol):
    """A store that also keeps the ranked runs; all stores of this release do."""

    @property
    def ranked(self) -> RankedRuns: ...
