"""The lines of a trajectory: a run is executed again, and each of its states becomes one line.

A run of n inputs has n + 1 lines. Each has a state as the bot saw it, and the input that the bot sent then.
The last line has no input. So the state that an input led to is that of the next line.

Source: docs/trajectories.md; docs/trajectory.schema.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from dungeonfighter.errors import BadInput, Corrupt
from dungeonfighter.hosting.answers import Present
from dungeonfighter.mcp import views
from dungeonfighter.replays.execution import differences, first_state
from dungeonfighter.replays.replay import Replay
from dungeonfighter.rules import Mode, Observation, Rules, State

FORMAT: Final = "dungeonfighter-trajectory/1"
BLOCK_BYTES: Final = 256 * 1024
"""About the size of a block of lines."""
_HEARTBEAT_STATES: Final = 1000

_Hex = Annotated[str, Meta(pattern="^[0-9a-f]*$")]


class Form(Struct, frozen=True):
    """The observations in the lines: as text, as JSON, both or none."""

    has_text: bool
    has_json: bool


class Step(Struct, frozen=True, rename="camel", kw_only=True):
    """One state of a run, and the input that the bot sent in it.

    Attributes:
        fleet: The fleet of the bot; "" for a run from a file that does not name it.
        turn, digest, score: Of the state. The score is in points.
        ascension: Of the run, from 0.
        origin: The beginning of the run: new, reset, load, fork or import.
        text: The observation as text: what a model reads.
        observation: The observation as typed values; a policy sees these.
        legal_inputs: As the text lists them; of inputs that take numbers it has one example.
        input: What the bot sent; None in the last line of a run.
        reward: The score gained by the input, in points.
        terminated, truncated: The input ended the run, by the rules or by the limit of turns.
        result: Only in the last line: won, died, turns, abandoned or live.
    """

    format: str = FORMAT
    fleet: str
    bot: str
    episode: Annotated[int, Meta(ge=1)]
    turn: Annotated[int, Meta(ge=0)]
    rules: str
    mode: str
    ascension: int = 0
    origin: str
    ranked: bool
    digest: _Hex
    score: Annotated[float, Meta(ge=0, le=100)]
    text: str | UnsetType = UNSET
    observation: Observation | UnsetType = UNSET
    legal_inputs: list[str]
    input: str | None
    reward: float
    terminated: bool
    truncated: bool
    result: str | None


_encoder: Final = msgspec.json.Encoder()


def blocks(
    fleet: str, replay: Replay, rules: Rules, form: Form, *, is_trusted: bool = True
) -> Iterator[bytes]:
    """Yield the lines of a run in blocks of whole lines, after empty blocks while the run is checked.

    The run is executed twice, at first without observations, so that nothing of a damaged run is written.

    Args:
        fleet: The fleet of the bot.
        replay: The run.
        rules: Its rules.
        form: The observations to make.
        is_trusted: The first state is from a server. Of others the check makes the observations, too, because
            a made-up state may have values that no view can show.

    Raises:
        Corrupt: The execution is not as recorded; no line was yielded.
    """
    yield from _checked(fleet, replay, rules, None if is_trusted or replay.options is not None else form)
    block = bytearray()
    for line in _lines(fleet, replay, rules, form):
        block += line
        block += b"\n"
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _checked(fleet: str, replay: Replay, rules: Rules, form: Form | None) -> Iterator[bytes]:
    try:
        for number, difference in enumerate(differences(replay, rules)):
            if difference is not None:
                raise Corrupt(f"it differs at t{difference.turn}: {difference.what}")
            if number % _HEARTBEAT_STATES == 0:
                yield b""
        if form is not None:
            for number, _ in enumerate(_lines(fleet, replay, rules, form)):
                if number % _HEARTBEAT_STATES == 0:
                    yield b""
    except BadInput as error:
        raise Corrupt(str(error)) from error
    except Corrupt:
        raise
    except Exception as error:
        raise Corrupt(f"it cannot be executed: {error!r}") from error


def _lines(fleet: str, replay: Replay, rules: Rules, form: Form) -> Iterator[bytes]:
    state = first_state(replay, rules)
    shared = _Shared(fleet, replay, rules, form, Mode(state.mode).name, state.ascension)
    for text in replay.inputs:
        seen = _Seen(shared, state)
        step = rules.advance(state, text)
        yield seen.line(text, step.reward / 100, step.terminated, step.truncated, None)
    yield _Seen(shared, state).line(None, 0.0, False, False, replay.result.result)


class _Shared(Struct, frozen=True):
    """The facts of a run that all its lines have."""

    fleet: str
    replay: Replay
    rules: Rules
    form: Form
    mode: str
    ascension: int


class _Seen:
    """A state as the bot saw it, read before the next input changes it."""

    def __init__(self, shared: _Shared, state: State) -> None:
        replay, rules, form = shared.replay, shared.rules, shared.form
        self._shared = shared
        self._turn = state.turn
        self._digest = rules.digest(rules.encode(state)).hex()
        self._score = rules.score(state) / 100
        self._legal = [choice.input for choice in rules.legal_inputs(state)]
        self._observation = rules.observe(state) if form.has_json else UNSET
        self._text: str | UnsetType = UNSET
        if form.has_text:
            key = f"{shared.fleet}/{replay.bot}"
            self._text = views.text_view(Present(key, replay.episode, state.turn, 0, b"", rules, state, ""))

    def line(
        self, text: str | None, reward: float, terminated: bool, truncated: bool, result: str | None
    ) -> bytes:
        shared, replay = self._shared, self._shared.replay
        step = Step(
            fleet=shared.fleet, bot=replay.bot, episode=replay.episode, turn=self._turn, rules=replay.rules,
            mode=shared.mode, ascension=shared.ascension, origin=replay.origin, ranked=replay.ranked,
            digest=self._digest, score=self._score, text=self._text, observation=self._observation,
            legal_inputs=self._legal, input=text, reward=reward, terminated=terminated, truncated=truncated,
            result=result,
        )  # fmt: skip
        return _encoder.encode(step)
