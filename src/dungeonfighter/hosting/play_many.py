"""Several inputs for one game in one commit.

The inputs are one write with one version and one operation id, whatever their number. So conflicts and
unknown outcomes follow the rules of a single input. The request stops before the first input that is not
legal, and at the end of the run.

Source: docs/architecture.md, "The retry table"; docs/decisions/010-batches.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument, BadInput
from dungeonfighter.hosting import retry_table
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer, Present, Stop
from dungeonfighter.hosting.game_errors import with_game
from dungeonfighter.hosting.ports import InputChunk, Row, Write
from dungeonfighter.hosting.requests import Planned, Request
from dungeonfighter.hosting.rows import present, shown, unknown_bot
from dungeonfighter.hosting.run_ends import chunks_of, end_of
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verdicts import Verdict
from dungeonfighter.replays.results import run_result
from dungeonfighter.rules import Rules, State, Step, canonical


class PlayMany(Request):
    """A request to play up to `limits.inputs_at_once_max` inputs, in canonical spelling."""

    kind = "play_many"
    is_replayable = True

    def __init__(self, op: bytes, texts: Sequence[str], turn: int | None, episode: int | None) -> None:
        super().__init__(op)
        self.texts = list(texts)
        self.turn = turn
        self.episode = episode

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Plan one write that applies the inputs in order, as far as they are legal."""
        if not row.state:
            return Verdict(error=unknown_bot(row.bot_id))
        rules = book.of(row.rules)
        trail = trails.decode(row.trail)
        if not _is_now(row, self.turn, self.episode):
            return self._judge(row, trail, present(row, book))
        state = rules.open_state(row.state)
        steps, refusal = _advance(rules, state, self.texts)
        if not steps:
            assert refusal is not None
            return Verdict(error=with_game(refusal, present(row, book)))
        last, applied = steps[-1], len(steps)
        over = last.terminated or last.truncated
        after, chunks = _trailed(row, trail, self.texts[:applied], over=over)
        after = trails.marked(after, self.op)
        raw = rules.encode(state)
        new = sealed_row(
            row.bot_id, row.version + 1, rules.digest(raw), row.episode, row.turn + applied, row.rules, raw,
            trails.encode(after), row.directive, row.tokens_today,
        )  # fmt: skip
        ended = end_of(new, after, rules, state, run_result(state)) if over else None
        answer = Answer(
            shown(new, rules, state), reward=sum(step.reward for step in steps), applied=applied,
            stopped=self._stop(applied, refusal),
        )  # fmt: skip
        return Planned(Write(new, row.version, row.digest, row.tail, chunks, ended), answer)

    def repeated(self, row: Row, book: ShippedRules) -> Answer:
        """See `Request`; the inputs of the write are the longest beginning that the trail ends with."""
        standing, trail, given = present(row, book), trails.decode(row.trail), self.texts
        for applied in range(len(given), 0, -1):
            if trails.ends_with(trail, given[:applied]):
                refusal = _refusal(standing, given[applied]) if applied < len(given) else None
                if applied == len(given) or refusal is not None:
                    return Answer(
                        standing, repeated=True, applied=applied, stopped=self._stop(applied, refusal)
                    )
        return Answer(standing, repeated=True)

    def _judge(self, row: Row, trail: trails.Trail, standing: Present) -> Verdict:
        """Return the verdict of the retry table on several inputs.

        The trail has only the last `limits.trail_inputs_max` inputs, so the method compares no more than
        these. That is safe, because the verdict changes nothing and shows the present game.
        """
        refused = retry_table.refuse_other_run_or_future(row, standing, self.turn, self.episode)
        if refused is not None or self.turn is None:
            return refused or retry_table.refuse_stale(row, standing, self.turn)
        since, given = row.turn - self.turn, self.texts
        if since > len(given):
            if trails.inputs_from(trail, row.turn, self.turn, len(given)) == given:
                return Verdict(answer=Answer(standing, repeated=True, applied=len(given)))
        elif self.turn >= trail.first_turn and trails.ends_with(trail, given[:since]):
            refusal = _refusal(standing, given[since]) if since < len(given) else None
            if since == len(given) or refusal is not None:
                stopped = self._stop(since, refusal)
                return Verdict(answer=Answer(standing, repeated=True, applied=since, stopped=stopped))
        return retry_table.refuse_stale(row, standing, self.turn)

    def _stop(self, applied: int, refusal: BadInput | None) -> Stop | None:
        return None if refusal is None else Stop(applied + 1, self.texts[applied], refusal.code)


def _is_now(row: Row, turn: int | None, episode: int | None) -> bool:
    """Return True if a caller who names this turn and episode (None: not named) sees the present game."""
    return (turn is None or turn == row.turn) and (episode is None or episode == row.episode)


def canonical_inputs(texts: Sequence[str]) -> list[str]:
    """Return the inputs in canonical spelling.

    Raises:
        BadArgument: There are too many inputs, or none, or a text is no input; the message has its number.
    """
    most = limits.inputs_at_once_max
    if not 1 <= len(texts) <= most:
        raise BadArgument(f"1 to {most} inputs can be played at once, these are {len(texts)}")
    canonical_texts = []
    for number, text in enumerate(texts, 1):
        try:
            canonical_texts.append(canonical(text))
        except BadInput as error:
            raise BadArgument(f"input {number}: {error}") from None
    return canonical_texts


def _advance(rules: Rules, state: State, texts: Sequence[str]) -> tuple[list[Step], BadInput | None]:
    """Apply inputs to `state` until one is refused; return the steps and the refusal."""
    steps: list[Step] = []
    for text in texts:
        try:
            steps.append(rules.advance(state, text))
        except BadInput as error:
            return steps, error
    return steps, None


def _refusal(standing: Present, text: str) -> BadInput | None:
    """Return the refusal of this input by the present game; None if the input is legal."""
    try:
        standing.rules.apply(standing.state, text)
    except BadInput as error:
        return error
    return None


def _trailed(
    row: Row, trail: trails.Trail, texts: Sequence[str], *, over: bool
) -> tuple[trails.Trail, tuple[InputChunk, ...]]:
    """Return the trail after these inputs, and the chunks that they complete.

    A chunk ends at each multiple of 64 turns, and at the end of a run.
    """
    turn, end = row.turn, row.turn + len(texts)
    chunks: tuple[InputChunk, ...] = ()
    while turn < end:
        begin = turn - row.turn
        turn = min(end, turn - turn % limits.trail_inputs_max + limits.trail_inputs_max)
        trail = trails.extended(trail, texts[begin : turn - row.turn])
        if turn % limits.trail_inputs_max == 0 or (over and turn == end):
            chunks += chunks_of(row.episode, turn, trail)
    return trail, chunks
