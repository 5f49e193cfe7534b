"""The recorded runs: `runs/<name>.inputs` has the seed and the inputs, `runs/<name>.txt` the text views.

A run may begin to be shown late: the turns before are played without their texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from dungeonfighter.bots.policy import Policy
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State
from tests.golden.contents import things_of

SEEDS: Final = 200
"""The seeds that are tried for a run with the things that it must show."""
FOLDER: Final = Path(__file__).parent / "runs"


class Recorded(NamedTuple):
    """One run: its options with the first seed to try, the policy that records it, and the inputs shown.

    Attributes:
        must: The things of `contents.THINGS` that it shows.
        begins: True in the state from which on it is shown; the default shows it from the start.
    """

    name: str
    options: GameOptions
    policy: str
    inputs: int
    must: frozenset[str] = frozenset()
    begins: Callable[[State], bool] = lambda state: True


class Turn(NamedTuple):
    """One shown turn: its input ("" for the first view) and the state after it, or the refusal."""

    text: str
    state: State
    refusal: BadInput | None = None


class Recording(NamedTuple):
    seed: int
    inputs: list[str]


def _travels(state: State) -> bool:
    return state.phase == Phase.RegionTravel


RUNS: Final = (
    Recorded(
        "thoughtful-warrior",
        GameOptions(seed=11, name="Tarn", weapon=1),
        "heuristic",
        160,
        frozenset({"spoils", "merchant"}),
    ),
    Recorded(
        "thoughtful-wizard",
        GameOptions(seed=12, name="Ilse", mode=Mode.ironman),
        "heuristic",
        160,
        frozenset({"event with a die"}),
    ),
    Recorded("wandering-rogue", GameOptions(seed=13, name="Moth", weapon=2), "random", 120),
    Recorded("hasty-barbarian", GameOptions(seed=14, name="Brom", weapon=0), "auto", 90, frozenset({"camp"})),
    Recorded(
        "travelled-warrior",
        GameOptions(seed=15, name="Hale", weapon=1),
        "heuristic",
        120,
        frozenset({"region 2", "road", "roadside option"}),
        _travels,
    ),
)


def record(rules: Rules, run: Recorded) -> Recording:
    """Let the policy choose the inputs, and mix in some that it never chooses.

    The first seed is taken whose run shows what it must.
    """
    for seed in range(run.options.seed, run.options.seed + SEEDS):
        recording = _record(rules, run, seed)
        if recording is not None and run.must <= things(rules, run, recording):
            return recording
    raise RuntimeError(f"no run of {run.name} shows {sorted(run.must)}: change its policy or its inputs")


def _record(rules: Rules, run: Recorded, seed: int) -> Recording | None:
    """Return None if the run is over before it is to be shown."""
    player = make_policy(run.policy, seed)
    state = rules.new_game(_options(run, seed))
    inputs: list[str] = []
    shown = -1
    while not state.over and shown < run.inputs:
        if shown >= 0 or run.begins(state):
            shown += 1
        text = _chore(rules, state, inputs) or _choice(rules, player, state)
        state = rules.advance(state, text).state
        inputs.append(text)
    return Recording(seed, inputs) if shown >= 0 else None


def _options(run: Recorded, seed: int) -> GameOptions:
    return msgspec.structs.replace(run.options, seed=seed)


def turns(rules: Rules, run: Recorded, recording: Recording) -> Iterator[Turn]:
    """Yield the shown turns of a recording."""
    state = rules.new_game(_options(run, recording.seed))
    shown = run.begins(state)
    if shown:
        yield Turn("", state)
    for text in recording.inputs:
        refusal = None
        try:
            state = rules.advance(state, text).state
        except BadInput as error:
            refusal = error
        if shown or run.begins(state):
            shown = True
            yield Turn(text, state, refusal)


def things(rules: Rules, run: Recorded, recording: Recording) -> set[str]:
    """Return the things that a recording shows."""
    return {thing for turn in turns(rules, run, recording) for thing in things_of(turn.state)}


def narrate(rules: Rules, run: Recorded, recording: Recording) -> str:
    """Return the run as prose: each input, and the view or the error that followed."""
    parts: list[str] = []
    for text, state, refusal in turns(rules, run, recording):
        if refusal is not None:
            parts.append(f"> {text}\nerror {refusal.code}: {refusal}")
            continue
        view = rules.text(state, f"e1 t{state.turn}")
        parts.append(f"> {text}\n{view}" if text else view)
    last = _last(rules, run, recording)
    parts.append(f"digest {rules.digest(rules.encode(last)).hex()}, score {rules.score(last) / 100:g}")
    return "\n\n".join(parts) + "\n"


def _last(rules: Rules, run: Recorded, recording: Recording) -> State:
    *_, last = turns(rules, run, recording)
    return last.state


def recorded(run: Recorded) -> Recording:
    """Return the recording of a run: its file has `seed 11` in the first line, then an input a line."""
    seed, *inputs = (FOLDER / f"{run.name}.inputs").read_text().split("\n")[:-1]
    return Recording(int(seed.removeprefix("seed ")), inputs)


def text_file(run: Recorded) -> Path:
    return FOLDER / f"{run.name}.txt"


def write(rules: Rules, *, anew: bool) -> None:
    """Write all playthroughs; with `anew`, record new inputs first."""
    FOLDER.mkdir(exist_ok=True)
    for run in RUNS:
        if anew:
            seed, inputs = record(rules, run)
            lines = "".join(f"{line}\n" for line in (f"seed {seed}", *inputs))
            (FOLDER / f"{run.name}.inputs").write_text(lines)
        text_file(run).write_text(narrate(rules, run, recorded(run)))


def _choice(rules: Rules, player: Policy, state: State) -> str:
    return choose(rules, player, state)


def _chore(rules: Rules, state: State, inputs: list[str]) -> str:
    """Return sometimes an input that the policies never choose, otherwise ""."""
    for chore in _CHORES:
        text = chore(state)
        if text and text not in inputs[-3:] and len(inputs) % 17 == 0:
            return text
    return ""


def _open_inventory(state: State) -> str:
    return "2" if state.phase == Phase.GameLoop else ""


def _camp(state: State) -> str:
    camps = not state.world.camped and state.hero.health < state.hero.figures.health_max
    return "4" if state.phase == Phase.GameLoop and camps else ""


def _order_strip(state: State) -> str:
    known = len(state.hero.figures.known)
    if state.phase == Phase.Inventory and state.hero.figures.slots > 1 and known > 1:
        return "strip 1,0"
    return ""


def _take_off(state: State) -> str:
    return "unequip head" if state.phase == Phase.Inventory and state.hero.worn[1] is not None else ""


_CHORES: Final[tuple[Callable[[State], str], ...]] = (_order_strip, _take_off, _camp, _open_inventory)
