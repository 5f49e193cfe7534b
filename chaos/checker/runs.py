"""Puts the stored runs of a bot together from the row, the chunks, and the records of ended runs.

A chunk ends at each multiple of 64 turns and at the end of a run. The inputs of a live run after its last
chunk are in the trail of the row, which has the last 64 inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from chaos.checker.calls import RunOptions
from chaos.checker.findings import Kind
from chaos.checker.stored import INPUTS_MAX, OPS_MAX, Chunk, GameRow, RunEnd, StoredBot, Trail, trail_of
from dungeonfighter.errors import BadInput, Corrupt
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State
from dungeonfighter.rules.state import Ending

Report = Callable[[Kind, str], None]
"""Receives each violation of the bot at hand."""

NEW: Final = "new"
_WITH_OPTIONS: Final = frozenset({NEW, "reset"})
_BOSSES: Final = 3


class Run(Struct):
    """One stored run.

    Attributes:
        options: The options that its first state follows from; None for a run with a stored base.
        weapon, ranked, nonce: Further options, which no client of a journal chooses.
        inputs: Its inputs from `first_turn` on, as far as they are stored.
        digest: The stored digest of its last state.
        end: Its record in `episodes`; None while it lives.
        digests: After `executed`: the digest of the first state and of the state after each input, in
            hexadecimal digits.
    """

    episode: int
    rules: str
    origin: str
    options: RunOptions | None
    base: bytes
    first_turn: int
    last_turn: int
    inputs: list[str]
    digest: bytes
    end: RunEnd | None = None
    weapon: int = -1
    ranked: bool = False
    nonce: bytes = b""
    digests: list[str] = msgspec.field(default_factory=list)

    def input_at(self, turn: int) -> str | None:
        """Return the stored input that was played at a turn."""
        index = turn - self.first_turn
        return self.inputs[index] if 0 <= index < len(self.inputs) else None

    def digest_at(self, turn: int) -> str | None:
        """Return the digest of the state at a turn."""
        index = turn - self.first_turn
        return self.digests[index] if 0 <= index < len(self.digests) else None


class _NewGame(Struct):
    """The options of a live run, in its trail; a field that the caller did not give is null."""

    name: str | None = None
    weapon: int | None = None
    seed: int | None = None
    mode: int | None = None


class _Chosen(Struct):
    """The options of an ended run."""

    name: str = ""
    weapon: int = -1


def runs_of(bot: StoredBot, report: Report) -> dict[int, Run]:
    """Return the stored runs of a bot by their numbers, as far as they can be read; report what is broken."""
    row = bot.row
    if row is None:
        report(Kind.DAMAGED, "the bot has records, but no row")
        return {}
    trail = trail_of(row.trail)
    if trail is None:
        report(Kind.DAMAGED, "its trail cannot be read")
        return {}
    ops = trail.op_list
    if len(set(ops)) != len(ops):
        report(Kind.DOUBLED, f"one operation wrote two of the last {len(ops)} versions")
    if len(ops) != min(row.version, OPS_MAX):
        report(Kind.VERSION, f"version {row.version} has a trail of {len(ops)} operations")
    runs: dict[int, Run] = {}
    for episode in range(1, row.episode + 1):
        run = _run(bot, row, trail, episode, report)
        if run is not None:
            runs[episode] = run
    for episode in {chunk.episode for chunk in bot.chunks} | set(bot.ends) | set(bot.bases):
        if not 1 <= episode <= row.episode:
            report(
                Kind.CHUNKS, f"there are records of run {episode}, and the row stands at run {row.episode}"
            )
    return runs


def _run(bot: StoredBot, row: GameRow, trail: Trail, episode: int, report: Report) -> Run | None:
    end, is_present = bot.ends.get(episode), episode == row.episode
    if end is None and not is_present:
        report(Kind.RUN_END, f"run {episode} ended without a record")
        return None
    base = bot.bases.get(episode, b"")
    chunks = [chunk for chunk in bot.chunks if chunk.episode == episode]
    try:
        run = _live(row, trail, base) if end is None else _ended(end, base)
    except (msgspec.MsgspecError, ValueError) as error:
        report(Kind.DAMAGED, f"the options of run {episode} cannot be read: {error}")
        return None
    run.inputs = _inputs(chunks, run, report)
    if is_present:
        _add_trail(run, row, trail, report)
        if (run.first_turn, run.last_turn, run.digest) != (trail.first_turn, row.turn, row.digest):
            report(
                Kind.RUN_END, f"the record of run {episode} is not of the row's e{row.episode} t{row.turn}"
            )
    if len(run.inputs) != run.last_turn - run.first_turn:
        report(
            Kind.CHUNKS,
            f"run {episode} has {len(run.inputs)} stored inputs for {run.last_turn - run.first_turn} turns",
        )
    return run


def _live(row: GameRow, trail: Trail, base: bytes) -> Run:
    options, weapon = None, None
    if trail.origin in _WITH_OPTIONS:
        asked = msgspec.json.decode(trail.options, type=_NewGame)
        mode = Mode(asked.mode if asked.mode is not None else Mode.casual).name
        options = RunOptions(-1 if asked.seed is None else asked.seed, asked.name or "", mode)
        weapon = asked.weapon
    return Run(
        row.episode, row.rules, trail.origin, options, base, trail.first_turn, row.turn, [], row.digest,
        weapon=-1 if weapon is None else weapon,
    )  # fmt: skip


def _ended(end: RunEnd, base: bytes) -> Run:
    options, weapon = None, -1
    if end.origin in _WITH_OPTIONS:
        chosen = msgspec.json.decode(end.options, type=_Chosen)
        options, weapon = RunOptions(end.seed, chosen.name, end.mode), chosen.weapon
    return Run(
        end.episode, end.rules, end.origin, options, base, end.first_turn, end.last_turn, [], end.digest, end,
        weapon, bool(end.ranked), end.nonce,
    )  # fmt: skip


def _inputs(chunks: Sequence[Chunk], run: Run, report: Report) -> list[str]:
    """Return the inputs of the chunks up to the first one that does not follow the others."""
    inputs: list[str] = []
    for chunk in chunks:
        texts, expected = chunk.inputs.split("\n"), run.first_turn + len(inputs)
        end = chunk.first_turn + len(texts)
        where = f"the chunk of run {run.episode} from t{chunk.first_turn} to t{end}"
        if chunk.first_turn != expected:
            report(Kind.CHUNKS, f"{where} does not begin at t{expected}")
            break
        if end > run.last_turn:
            report(Kind.CHUNKS, f"{where} goes beyond t{run.last_turn}")
            break
        if end % INPUTS_MAX and end != run.last_turn:
            report(Kind.CHUNKS, f"{where} ends neither at a multiple of {INPUTS_MAX} nor with the run")
        if chunk.first_turn // INPUTS_MAX != (end - 1) // INPUTS_MAX:
            report(Kind.CHUNKS, f"{where} is longer than a chunk can be")
        inputs.extend(texts)
    return inputs


def _add_trail(run: Run, row: GameRow, trail: Trail, report: Report) -> None:
    """Compare the trail with the chunks, and add the inputs that only the trail has."""
    turns, texts = row.turn - trail.first_turn, trail.texts
    if len(texts) != min(turns, INPUTS_MAX):
        report(Kind.CHUNKS, f"the trail of run {run.episode} has {len(texts)} inputs after {turns} turns")
        return
    in_chunks = row.turn // INPUTS_MAX * INPUTS_MAX - trail.first_turn if run.end is None else turns
    if len(run.inputs) < in_chunks:
        report(Kind.CHUNKS, f"run {run.episode} has {len(run.inputs)} inputs in chunks, not {in_chunks}")
        return
    begin = turns - len(texts)
    both = len(run.inputs) - begin
    if run.inputs[begin:] != texts[: max(both, 0)]:
        report(Kind.CHUNKS, f"the trail and the chunks of run {run.episode} have different inputs")
        return
    run.inputs.extend(texts[both:])


def executed(run: Run, rules: Rules, report: Report) -> None:
    """Execute a run; fill in `Run.digests`, and report what its inputs do not lead to."""
    state = first_state(run, rules, report)
    if state is None:
        return
    advance, encode, digest, add = rules.advance, rules.encode, rules.digest, run.digests.append
    add(digest(encode(state)).hex())
    for text in run.inputs:
        try:
            advance(state, text)
        except BadInput as error:
            report(Kind.ILLEGAL, f"run {run.episode} t{state.turn}: {error.code} for {text!r}")
            return
        add(digest(encode(state)).hex())
    if len(run.inputs) == run.last_turn - run.first_turn and run.digests[-1] != run.digest.hex():
        report(
            Kind.OTHER_STATE,
            f"run {run.episode} t{run.last_turn}: the store has {run.digest.hex()}, its inputs lead to "
            f"{run.digests[-1]}",
        )
        return
    for wrong in _wrong_end(run, rules, state):
        report(Kind.RUN_END, f"run {run.episode}: {wrong}")


def first_state(run: Run, rules: Rules, report: Report) -> State | None:
    try:
        state = rules.decode(run.base) if run.options is None else rules.new_game(_game_options(run))
    except (BadInput, Corrupt, KeyError) as error:
        report(Kind.DAMAGED, f"run {run.episode} cannot begin: {error}")
        return None
    if state.turn != run.first_turn:
        report(Kind.DAMAGED, f"run {run.episode} begins at t{state.turn}, not at t{run.first_turn}")
        return None
    return state


def _game_options(run: Run) -> GameOptions:
    options = run.options
    assert options is not None
    mode = int(Mode[options.mode])
    return GameOptions(options.seed, mode, options.name, run.weapon, run.ranked, run.nonce)


def _wrong_end(run: Run, rules: Rules, state: State) -> Iterator[str]:
    """Compare the record of an ended run with its last state."""
    if run.end is None:
        if state.over:
            yield f"it is over at t{run.last_turn}, and has no record of its end"
        return
    if run.end.score != rules.score(state):
        yield f"its record has the score {run.end.score}, its state {rules.score(state)}"
    if run.end.result != _result(state):
        yield f"its record says {run.end.result}, its state {_result(state)}"


def _result(state: State) -> str:
    if state.ending == Ending.turns:
        return "turns"
    if state.phase == Phase.Victory or state.world.bosses >= _BOSSES:
        return "won"
    return "died" if state.over or state.phase == Phase.Death else "abandoned"
