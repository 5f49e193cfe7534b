"""The ports of the host: store, clock, chance and meter. Tests implement them, too.

The store contract: one row per bot is the truth. A `Write` goes from (version, digest, tail) to version + 1.
The store compares all three, because after a fail-over another history of the row could have the same
version, and even the same state with another trail. Each row of a batch wins or conflicts by itself. If
`commit` raises `StoreUnavailable`, the outcome of every row is unknown; `settle` waits until no earlier write
of the row can happen any more, and then returns the row. If `commit` raises `NotWritten`, no row was written
and none will be.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.hosting.instruments import (
    LATENCY_SECONDS,
    Counter,
    Gauge,
    Histogram,
    Merge,
    Read,
    Snapshot,
)
from dungeonfighter.hosting.store_health import StoreHealth


class Row(Struct, frozen=True, gc=False):
    """One bot's row of `games`.

    `bot_id` is the stored key `<fleet>/<botId>`, `state` the encoded rules state (empty: no run), `trail` the
    encoded `Trail`; `updated_at` is seconds since 1970, set by the store.

    A store returns a text that is not UTF-8 with surrogate escapes. If it can read only the key of a row, it
    returns the row with version -1. The host judges each row that it loads (`hosting.rows.checked`).
    """

    bot_id: str
    version: int
    digest: bytes
    episode: int
    turn: int
    rules: str
    state: bytes
    trail: bytes
    directive: str = ""
    tokens_today: int = 0
    updated_at: float = 0.0

    @property
    def tail(self) -> bytes:
        """The last bytes of the trail, which end with the seal; they differ between histories of the row."""
        return self.trail[-limits.row_tail_bytes :]


class InputChunk(Struct, frozen=True, gc=False):
    """A record beside a write: up to 64 inputs of one run, joined by newlines, from `first_turn` on."""

    episode: int
    first_turn: int
    inputs: str


class EpisodeEnd(Struct, frozen=True, gc=False):
    """A record beside a write: the end of a run.

    Attributes:
        mode: The category of the run: its mode, and its ascension if it has one (`rules.modes`).
        options: For a run that began new: its hero's name and weapon as JSON text (`rules.GameOptions`).
            Otherwise a text that names what it began from.
        parent_episode: The run before this one, or the run that it was loaded from; 0 for none.
        result: won, died, turns or abandoned.
        score: In hundredths of a point.
        origin: The beginning of the run, as in `hosting.trail`.
        nonce: The random bytes that the dice of a ranked run depend on; empty for other runs.
    """

    episode: int
    rules: str
    seed: int
    mode: str
    options: str
    parent_episode: int
    first_turn: int
    last_turn: int
    result: str
    score: int
    digest: bytes
    ranked: bool
    origin: str = ""
    nonce: bytes = b""


class StoredRun(Struct, frozen=True):
    """The records of one run beside its bot's row.

    Attributes:
        ended: Its end; None while it lives.
        chunks: Its inputs, in order of `first_turn`; those after the last chunk are in the trail of the row.
        base: The encoded first state of a run that did not begin new; empty for others.
    """

    ended: EpisodeEnd | None
    chunks: tuple[InputChunk, ...]
    base: bytes


class Write(Struct, frozen=True, gc=False):
    """A new row, and the records that the store writes with it only if the row wins.

    Attributes:
        row: The new row; its version is `from_version + 1`.
        from_version, from_digest, from_tail: The values of the row from which the write was planned. Version
            0 with an empty digest and tail means that the store must have no row yet.
        chunks: Inputs of one run, each chunk with another `first_turn`.
        ended: The run that this write ends.
        base: The encoded first state of the run `row.episode`, which this write begins; empty for a run that
            begins new, and for other writes.
    """

    row: Row
    from_version: int
    from_digest: bytes
    from_tail: bytes = b""
    chunks: tuple[InputChunk, ...] = ()
    ended: EpisodeEnd | None = None
    base: bytes = b""


class Won(Struct, frozen=True):
    """The write is durable on the primary."""


class Conflict(Struct, frozen=True):
    """The row did not have the expected values; these are its present ones (version 0: no row)."""

    version: int
    digest: bytes


class Failed(Struct, frozen=True):
    """The store refuses this row because of its content, never its version; nothing was written for it."""

    reason: str


class Unsettled(Struct, frozen=True):
    """The outcome for this row of the batch is unknown until `settle` returns."""

    reason: str


Outcome = Won | Conflict | Failed | Unsettled


class Head(Struct, frozen=True):
    """The part of a row that shows whether a copy in memory is the newest."""

    version: int
    digest: bytes
    tail: bytes

    def is_of(self, row: Row) -> bool:
        """Return True if this is the head of exactly this row."""
        return (self.version, self.digest, self.tail) == (row.version, row.digest, row.tail)


class Save(Struct, frozen=True):
    """One save slot of a bot (table `character_saves`); `summary` is JSON text for people."""

    bot_id: str
    slot: str
    state: bytes
    digest: bytes
    rules: str
    episode: int
    turn: int
    summary: str
    version: int = 1
    updated_at: float = 0.0


class BotSummary(Struct, frozen=True):
    """One bot in a list of bots."""

    bot_id: str
    episode: int
    turn: int
    updated_at: float


class RunSummary(Struct, frozen=True, order=True):
    """One ended run; `score` is in hundredths of a point.

    Runs sort by their fields in this order: ranked runs above others, each category (`rules.modes`) by
    itself, then by score. So a list of the best runs compares no run with those of other conditions.
    """

    ranked: bool
    mode: str
    score: int
    key: str
    episode: int
    turns: int
    result: str


class PastRun(Struct, frozen=True):
    """One ended run in a list of the runs of a bot.

    Attributes:
        turn: Its last turn.
        result, score, mode, ranked: As in `EpisodeEnd`.
        ended_at: Seconds since 1970, set by the store.
    """

    episode: int
    first_turn: int
    turn: int
    result: str
    score: int
    mode: str
    ranked: bool
    ended_at: float


class AccessToken(Struct, frozen=True):
    """One access token; the store keeps a digest of its secret, never the secret.

    Attributes:
        digest: The BLAKE2b digest of the secret, 32 bytes; unique.
        prefix: The first characters of the secret, which name the token for people.
        fleet, bots: The fleet and the bot pattern that the token belongs to.
        scopes: The names of its scopes, joined by commas.
        turns_required: Calls with it must name turn and episode.
        limits: Its own limits as JSON text; "" for none.
        created_at, expires_at, revoked_at: Seconds since 1970; 0 for a token that never expires, or was not
            revoked.
        version: Grows with every change of any token; a store assigns it.
    """

    digest: bytes
    prefix: str
    fleet: str
    bots: str
    scopes: str
    turns_required: bool = False
    limits: str = ""
    created_at: float = 0.0
    expires_at: float = 0.0
    revoked_at: float = 0.0
    version: int = 0


class Store(Protocol):
    """A store of rows. One contract suite runs over every implementation (tests/contract).

    Attributes:
        lanes: The number of commits that it can carry out side by side.
    """

    lanes: int

    async def open(self) -> None:
        """Connect and migrate (or check) the schema.

        Raises:
            SchemaTooNew: The database belongs to a newer release.
            StoreNotReady: The store cannot be opened now; another instance may try again.
            StoreUnavailable: It cannot be reached.
        """

    async def read_ahead(self) -> None:
        """Read the data that every cold load needs into memory, for about a second at most.

        This method ignores a failure: the first load that needs the data reports it.

        Source: docs/decisions/015-a-store-reads-its-keys-ahead.md.
        """

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write one batch of turns: each row wins or conflicts by itself.

        Args:
            batch: 1 to `limits.batch_rows_max` writes, at most one per bot, sorted by bot id.

        Returns:
            One outcome per write, in order. `Conflict` has the present values of the row; `Unsettled` means
            that the outcome of this one row is unknown.

        Raises:
            NotWritten: No row was written, and none of this batch will be.
            StoreUnavailable: The outcome is unknown for every row until `settle`, which may be repeated.

        Source: docs/architecture.md, "Group commit".
        """

    async def heads(self, bot_ids: Sequence[str]) -> list[Head | None]:
        """Fetch the committed head of each bot as of a moment after this call began; None: no row."""

    async def load(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Load the committed rows as of a moment after this call began; None: no row."""

    async def settle(self, bot_ids: Sequence[str]) -> list[Row | None]:
        """Load the rows after every earlier write of them has happened or can no longer happen."""

    async def probe(self) -> None:
        """Check that the store works: read, and make a durable write that changes no data.

        Raises:
            StoreUnavailable: The store does not work.
        """

    async def put_save(self, save: Save) -> bool:
        """Insert or replace a save slot; return False if the bot has `limits.save_slots_max` other slots.

        Calls at the same moment never exceed this number together.

        Raises:
            StoreUnavailable: The outcome is unknown; the caller may repeat the call.
        """

    async def get_save(self, bot_id: str, slot: str) -> Save | None:
        """Return one save slot, or None."""

    async def list_saves(self, bot_id: str) -> list[Save]:
        """List the save slots of a bot by name (at most `limits.save_slots_max`), with empty `state`."""

    async def delete_save(self, bot_id: str, slot: str) -> bool:
        """Remove a slot; return False if there was none."""

    async def list_bots(self, prefix: str, after: str, count: int) -> list[BotSummary]:
        """List the bots with a run whose key starts with `prefix`, in key order, beyond the key `after`."""

    async def count_bots(self, prefix: str, most: int) -> int:
        """Count the bots whose key starts with `prefix`, up to `most`; the cost grows with the result."""

    async def best_runs(self, prefix: str, count: int) -> list[RunSummary]:
        """List the best ended runs of bots whose key starts with `prefix`, best first as `RunSummary` sorts.

        A run that is known to be false is left out. The list may come from a replica that lags, so it is for
        display only.
        """

    async def inputs(self, bot_id: str, episode: int) -> list[InputChunk]:
        """Return the stored chunks of one run, in order of `first_turn`."""

    async def episodes(self, bot_id: str) -> list[EpisodeEnd]:
        """Return the ended runs of a bot, in order."""

    async def past_runs(self, bot_id: str, before: int, count: int) -> list[PastRun]:
        """List the last `count` ended runs of a bot whose episode is below `before`, the last one first."""

    async def stored_run(self, bot_id: str, episode: int) -> StoredRun:
        """Return what is stored of one run; of a run that is not there nothing is stored."""

    async def shared_secret(self, name: str, fresh: bytes) -> bytes:
        """Return the secret of this name, the same on all servers of the store.

        Args:
            name: Names the secret.
            fresh: Becomes the secret if there is none yet.

        Raises:
            StoreUnavailable: The caller may repeat the call.
        """

    async def put_token(self, token: AccessToken) -> None:
        """Insert a token with the next version, or replace the one with this digest.

        Raises:
            StoreUnavailable: The outcome is unknown; the caller may repeat the call.
        """

    async def tokens_after(self, version: int) -> list[AccessToken]:
        """List the tokens whose version is above `version`, in order of their versions.

        Versions are committed in their order, so a caller that asks for those above the highest it has seen
        misses no change.
        """

    def health(self) -> StoreHealth:
        """Return the last known health, without I/O."""

    async def close(self) -> None:
        """Finish the accepted writes and release all resources."""


class Clock(Protocol):
    """Time as an object, so that a simulation can control it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> float:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""


class Chance(Protocol):
    """The source of operation ids and drawn seeds; the dice of the rules do not use it."""

    def op(self) -> bytes:
        """Return 8 random bytes that name one request."""

    def seed(self) -> int:
        """Return a seed for a new run, 0 to `limits.seed_max`."""

    def nonce(self) -> bytes:
        """Return `limits.nonce_bytes` random bytes that nobody can foresee."""

    def uniform(self) -> float:
        """Return 0.0 to 1.0, for the jitter of retries."""


class Meter(Protocol):
    """Creates the instruments of one process, each name once, and reads them all.

    `purpose` is one sentence that says what a metric counts, `advice` what to do when it moves;
    docs/metrics.md shows both.

    Raises (all but `collect`):
        ValueError: The name is taken, or Prometheus would refuse a name or the bounds.
    """

    def counter(self, name: str, purpose: str, advice: str = "") -> Counter:
        """Make a counter; its name ends in `_total`."""

    def counters(
        self, name: str, purpose: str, label: str, values: Sequence[str], advice: str = ""
    ) -> dict[str, Counter]:
        """Make one counter for each value that a label can have; return them by that value."""

    def read_counters(
        self, name: str, purpose: str, labels: Sequence[str], readers: Mapping[tuple[str, ...], Read],
        advice: str = "", *, divisor: int = 1,
    ) -> None:  # fmt: skip
        """Make counters whose values, which only grow, are read on demand.

        Args:
            labels: The names of their labels.
            readers: Return the values, as integers, by the values of the labels.
            divisor: The values are shown divided by this.
        """

    def gauge(
        self, name: str, purpose: str, advice: str = "", *, merge: Merge = "sum", read: Read | None = None
    ) -> Gauge:
        """Make a gauge; the caller sets its value, or `collect` gets it from `read`."""

    def read_gauges(
        self, name: str, purpose: str, labels: Sequence[str], readers: Mapping[tuple[str, ...], Read],
        advice: str = "", *, merge: Merge = "sum",
    ) -> None:  # fmt: skip
        """Make gauges whose values are read on demand; see `read_counters`."""

    def summary(self, name: str, purpose: str, advice: str = "") -> Histogram:
        """Make a histogram without buckets, which shows only the sum and the number of observations."""

    def histogram(
        self, name: str, purpose: str, advice: str = "", *, bounds: Sequence[float] = LATENCY_SECONDS
    ) -> Histogram:
        """Make a histogram with fixed buckets; the default bounds fit latencies in seconds."""

    def histograms(
        self, name: str, purpose: str, label: str, values: Sequence[str], advice: str = "",
        *, bounds: Sequence[float] = LATENCY_SECONDS,
    ) -> dict[str, Histogram]:  # fmt: skip
        """Make one histogram for each value that a label can have; return them by that value."""

    def collect(self) -> Snapshot:
        """Read all instruments at one moment."""
