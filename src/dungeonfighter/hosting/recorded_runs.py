"""Puts a stored run together as a replay, from the row of its bot and the records beside the row."""

from __future__ import annotations

import msgspec

from dungeonfighter.errors import BadArgument, Corrupt
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import EpisodeEnd, Row, StoredRun
from dungeonfighter.hosting.rows import unknown_bot
from dungeonfighter.hosting.run_ends import end_of
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.replay import Options, Proof, Replay, Result
from dungeonfighter.replays.results import LIVE
from dungeonfighter.rules import CATEGORIES


class _Chosen(msgspec.Struct):
    """The options of a run that began new, as `EpisodeEnd.options` has them."""

    name: str = "Hero"
    weapon: int = -1


def recorded_run(row: Row, stored: StoredRun, episode: int, book: ShippedRules) -> Replay:
    """Return a run as it is stored, without the digests of its states.

    Args:
        row: The checked row of the bot.
        stored: What the store has of run `episode`, read after the row.
        episode: The number of the run.
        book: The rules of this release.

    Raises:
        BadInput: unknown_bot (it never had a run), bad_argument (there is no such run, or its inputs were
            pruned).
        NewerRules: The run is live, and this release does not ship its rules.
        Corrupt: A record of the run is damaged.
    """
    fleet, _, bot = row.bot_id.partition("/")
    ended, inputs = stored.ended, _inputs_of(stored)
    is_live = ended is None and episode == row.episode and bool(row.state)
    if is_live:
        trail, rules = trails.decode(row.trail), book.of(row.rules)
        ended = end_of(row, trail, rules, rules.decode(row.state), LIVE)
        inputs = _with_tail(inputs[: row.turn - trail.first_turn], row, trail)
    if ended is None:
        if not row.episode:
            raise unknown_bot(row.bot_id)
        raise BadArgument(f"the bot {bot} has no run {episode}; its last run is {row.episode}")
    count, began_new = ended.last_turn - ended.first_turn, ended.origin in trails.ORIGINS_WITH_OPTIONS
    if len(inputs) != count or not (began_new or stored.base):
        raise BadArgument(f"the inputs of run {episode} of {bot} are not kept any more")
    return Replay(
        bot=bot, episode=episode, rules=ended.rules, origin=ended.origin,
        parent_episode=ended.parent_episode, ranked=ended.ranked,
        options=options_of(ended) if began_new else None, base=b"" if began_new else stored.base,
        first_turn=ended.first_turn, inputs=inputs,
        result=Result(ended.last_turn, ended.digest.hex(), ended.score / 100, ended.result),
        proof=_proof_of(ended, fleet, bot) if ended.nonce and not is_live else None,
    )  # fmt: skip


def _inputs_of(stored: StoredRun) -> list[str]:
    """Return the inputs of the chunks up to the first gap."""
    inputs: list[str] = []
    first = stored.chunks[0].first_turn if stored.chunks else 0
    for chunk in stored.chunks:
        if chunk.first_turn != first + len(inputs):
            break
        inputs.extend(chunk.inputs.split("\n"))
    return inputs


def _with_tail(inputs: list[str], row: Row, trail: trails.Trail) -> list[str]:
    """Return the inputs of a live run: those of its chunks, and those that only the trail has."""
    missing = row.turn - trail.first_turn - len(inputs)
    tail = trails.last_inputs(trail)
    return [*inputs, *tail[len(tail) - missing :]] if 0 < missing <= len(tail) else inputs


def options_of(ended: EpisodeEnd) -> Options:
    """Return the options of an ended run that began new.

    Raises:
        Corrupt: They are damaged.
    """
    try:
        chosen = msgspec.json.decode(ended.options, type=_Chosen)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the stored options of run {ended.episode} are damaged") from error
    mode, ascension = CATEGORIES.get(ended.mode, (None, 0))
    name = ended.mode if mode is None else mode.name
    return Options(ended.seed, name, chosen.name, chosen.weapon, ended.nonce.hex(), ascension)


def _proof_of(ended: EpisodeEnd, fleet: str, bot: str) -> Proof:
    return Proof(fleet, commitment(ended.seed, ended.nonce, bot, ended.episode))
