"""The claim of a stored ranked run, and the check of the run by execution.

Source: docs/leaderboard.md.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from dungeonfighter.errors import BadInput, Corrupt, NewerRules
from dungeonfighter.hosting.daily_seeds import DailySeeds, Seed
from dungeonfighter.hosting.ports import Row, StoredRun
from dungeonfighter.hosting.ranked_runs import AS_STORED, FALSE, SET_ASIDE, RankedRun
from dungeonfighter.hosting.recorded_runs import options_of, recorded_run
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.execution import first_state, other_result
from dungeonfighter.replays.replay import Replay
from dungeonfighter.replays.run_claims import Claim, inputs_digest
from dungeonfighter.rules import RANKED_CATEGORIES, Mode, Rules

_NO_ROW = (0, b"", 0, 0, "", b"", b"")


class Finding(Struct, frozen=True):
    """The result of the check of a run.

    Attributes:
        checked: `AS_STORED`, `FALSE` or `SET_ASIDE`.
        reason: One sentence, unless the run is as stored.
        inputs_digest: The digest of the executed inputs.
    """

    checked: int
    reason: str = ""
    inputs_digest: bytes = b""


class Stopped(Exception):
    """The execution was stopped, because the process ends."""


def claim_of_run(run: RankedRun) -> Claim:
    """Return what a stored ranked run says.

    Raises:
        Corrupt: Its options are damaged.
    """
    ended = run.ended
    options = options_of(ended)
    fleet, _, bot = run.key.partition("/")
    return Claim(
        fleet=fleet, bot=bot, episode=ended.episode, rules=ended.rules, mode=ended.mode, origin=ended.origin,
        seed=ended.seed, nonce=ended.nonce.hex(), name=options.name, weapon=options.weapon,
        first_turn=ended.first_turn, last_turn=ended.last_turn, result=ended.result, score=ended.score,
        digest=ended.digest.hex(), inputs_digest=run.inputs_digest.hex(),
    )  # fmt: skip


def check_run(
    run: RankedRun, stored: StoredRun, book: ShippedRules, daily_seeds: DailySeeds, first_daily: int,
    is_stopped: Callable[[], bool],
) -> Finding:  # fmt: skip
    """Execute a ranked run again and compare it with its row.

    Args:
        run: The claimed run.
        stored: What the store has of it.
        book: The rules of this release.
        daily_seeds: Those of the store.
        first_daily: The first daily run of the bot with the seed of this run.
        is_stopped: Called between the turns.

    Raises:
        Stopped: `is_stopped` returned True.
    """
    ended = run.ended
    if stored.ended != ended:
        return Finding(FALSE, "its row changed while it was checked")
    if ended.mode not in RANKED_CATEGORIES or not ended.nonce:
        return Finding(FALSE, "its row has a mode or a nonce that no ranked run has")
    try:
        replay = recorded_run(Row(run.key, *_NO_ROW), stored, ended.episode, book)
        rules = book.of(ended.rules)
    except NewerRules:
        return Finding(SET_ASIDE, f"this release does not ship its rules {ended.rules}")
    except BadInput as error:
        # Without any input the run was pruned: nothing is proven, and nothing is refuted.
        return Finding(FALSE if stored.chunks else SET_ASIDE, str(error))
    except Corrupt as error:
        return Finding(FALSE, str(error))
    if what := _difference(replay, rules, is_stopped):
        return Finding(FALSE, what)
    if ended.mode == Mode.daily.name and (what := _uncounted(run, daily_seeds, first_daily)):
        return Finding(SET_ASIDE, what)
    return Finding(AS_STORED, "", inputs_digest(replay.inputs))


def _difference(replay: Replay, rules: Rules, is_stopped: Callable[[], bool]) -> str:
    """Return what differs between a run and its execution, or an empty text."""
    try:
        state = first_state(replay, rules)
        for text in replay.inputs:
            rules.advance(state, text)
            if is_stopped():
                raise Stopped
        digest = rules.digest(rules.encode(state)).hex()
    except (BadInput, Corrupt) as error:
        return f"it cannot be executed: {error}"
    return other_result(replay, rules, state, digest)


def _uncounted(run: RankedRun, daily_seeds: DailySeeds, first_daily: int) -> str:
    """Return why a daily run does not count, or an empty text."""
    ended = run.ended
    if Seed(ended.seed, ended.nonce) != daily_seeds.at(run.ended_at):
        return "it did not end on the day of its seed"
    if first_daily != ended.episode:
        return f"it is not the first run of its bot on this day, which was run {first_daily}"
    return ""


def shown_run(run: RankedRun) -> str:
    """Return the name of a run for the log."""
    return f"run {run.ended.episode} of {run.key}"
