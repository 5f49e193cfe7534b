"""Executes a replay: the same inputs under the same rules give the same digests on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from dungeonfighter.errors import BadArgument, BadInput, Corrupt
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.replay import DIGEST_CHARS, Options, Replay
from dungeonfighter.replays.results import LIVE, run_result
from dungeonfighter.rules import GameOptions, Mode, Rules, State


class Difference(Struct, frozen=True):
    """The first difference between a replay and its execution.

    Attributes:
        turn: The turn of the first state that differs; the last turn if only the result differs.
        what: One sentence.
    """

    turn: int
    what: str


def first_state(replay: Replay, rules: Rules) -> State:
    """Return the state from which a run began.

    Raises:
        BadArgument: The options or the base are not those of a run.
    """
    if replay.options is None:
        try:
            state = rules.decode(replay.base)
        except Corrupt as error:
            raise BadArgument(f"the base of this replay is damaged: {error}") from None
    else:
        state = rules.new_game(_game_options(replay))
    if state.turn != replay.first_turn:
        raise BadArgument(f"its first state stands at t{state.turn}, not at t{replay.first_turn}")
    return state


def _game_options(replay: Replay) -> GameOptions:
    options = replay.options
    assert options is not None
    if options.mode not in Mode.__members__:
        raise BadArgument(f"there is no mode {options.mode[:20]!r}")
    mode, nonce = int(Mode[options.mode]), _nonce_of(options)
    return GameOptions(
        options.seed, mode, options.name, options.weapon, replay.ranked, nonce, options.ascension
    )  # fmt: skip


def _nonce_of(options: Options) -> bytes:
    try:
        return bytes.fromhex(options.nonce)
    except ValueError:
        raise BadArgument("its nonce is not hexadecimal") from None


def execute(replay: Replay, rules: Rules) -> Iterator[State]:
    """Yield the first state and the state after each input; each is the same object, changed in place.

    Raises:
        BadArgument: The run cannot begin.
        BadInput: An input is not legal; the state is that before it.
    """
    state = first_state(replay, rules)
    yield state
    for text in replay.inputs:
        rules.advance(state, text)
        yield state


def differences(
    replay: Replay, rules: Rules, note: Callable[[str], object] = lambda digest: None
) -> Iterator[Difference | None]:
    """Execute a replay; yield None for each state that is as recorded, and the first difference at last.

    Args:
        replay: The run.
        rules: Its rules.
        note: Called with the whole digest of each state.

    Raises:
        BadArgument: The run cannot begin.
    """
    if what := _other_commitment(replay):
        yield Difference(replay.first_turn, what)
        return
    state = first_state(replay, rules)
    digest, recorded = rules.digest(rules.encode(state)).hex(), replay.digests
    place, turn = 0, state.turn
    for text in [*replay.inputs, None]:
        note(digest)
        if recorded and digest[:DIGEST_CHARS] != recorded[place : place + DIGEST_CHARS]:
            yield Difference(turn, f"the state has the digest {digest}, which is not the recorded one")
            return
        yield None
        place += DIGEST_CHARS
        if text is None:
            break
        try:
            rules.advance(state, text)
            digest = rules.digest(rules.encode(state)).hex()
        except BadInput as error:
            yield Difference(turn, f"the input {text!r} is not legal: {error}")
            return
        except Exception as error:  # noqa: BLE001 (a base from any source may hold values that no run has)
            yield Difference(turn, f"the input {text!r} cannot be applied to this state: {error!r}")
            return
        turn += 1
    if what := other_result(replay, rules, state, digest):
        yield Difference(turn, what)


def _other_commitment(replay: Replay) -> str:
    options, proof = replay.options, replay.proof
    if options is None or proof is None:
        return ""
    made = commitment(options.seed, _nonce_of(options), replay.bot, replay.episode)
    return "" if made == proof.commitment else "seed, nonce, bot and episode are not those of the commitment"


def other_result(replay: Replay, rules: Rules, state: State, digest: str) -> str:
    """Return one sentence about the last state if it is not the recorded result, else an empty text.

    Args:
        replay, rules: As executed.
        state, digest: The last state and its digest in hexadecimal digits.
    """
    recorded = replay.result
    if digest != recorded.digest:
        return f"the last state has the digest {digest}, not {recorded.digest[:64]}"
    try:
        score = rules.score(state) / 100
    except Exception as error:  # noqa: BLE001 (as for inputs)
        return f"the last state has no score: {error!r}"
    if score != recorded.score:
        return f"the score is {score:g}, not {recorded.score:g}"
    result = LIVE if recorded.result == LIVE and not state.over else run_result(state)
    return "" if result == recorded.result else f"the run is {result}, not {recorded.result[:20]}"
