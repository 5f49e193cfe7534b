"""The recorded runs: `runs/<name>.inputs` has the inputs of one, `runs/<name>.txt` its text views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from dungeonfighter.bots.policy import Policy
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State

FOLDER: Final = Path(__file__).parent / "runs"


class Recorded(NamedTuple):
    """One run: its options, the policy that records it, and the number of inputs."""

    name: str
    options: GameOptions
    policy: str
    inputs: int


RUNS: Final = (
    Recorded("thoughtful-warrior", GameOptions(seed=11, name="Tarn", weapon=1), "heuristic", 160),
    Recorded("thoughtful-wizard", GameOptions(seed=12, name="Ilse", mode=Mode.ironman), "heuristic", 160),
    Recorded("wandering-rogue", GameOptions(seed=13, name="Moth", weapon=2), "random", 120),
    Recorded("hasty-barbarian", GameOptions(seed=14, name="Brom", weapon=0), "auto", 90),
)


def record(rules: Rules, run: Recorded) -> list[str]:
    """Let the policy choose the inputs, and mix in some that it never chooses."""
    player = make_policy(run.policy, run.options.seed)
    state = rules.new_game(run.options)
    inputs: list[str] = []
    while len(inputs) < run.inputs and not state.over:
        text = _chore(rules, state, inputs) or _choice(rules, player, state)
        state = rules.advance(state, text).state
        inputs.append(text)
    return inputs


def narrate(rules: Rules, run: Recorded, inputs: list[str]) -> str:
    """Return the run as prose: each input, and the view or the error that followed."""
    state = rules.new_game(run.options)
    parts = [rules.text(state, "e1 t0")]
    for text in inputs:
        try:
            state = rules.advance(state, text).state
        except BadInput as error:
            parts.append(f"> {text}\nerror {error.code}: {error}")
            continue
        parts.append(f"> {text}\n{rules.text(state, f'e1 t{state.turn}')}")
    parts.append(f"digest {rules.digest(rules.encode(state)).hex()}, score {rules.score(state) / 100:g}")
    return "\n\n".join(parts) + "\n"


def recorded_inputs(run: Recorded) -> list[str]:
    return (FOLDER / f"{run.name}.inputs").read_text().split("\n")[:-1]


def text_file(run: Recorded) -> Path:
    return FOLDER / f"{run.name}.txt"


def write(rules: Rules, *, anew: bool) -> None:
    """Write all playthroughs; with `anew`, record new inputs first."""
    FOLDER.mkdir(exist_ok=True)
    for run in RUNS:
        if anew:
            (FOLDER / f"{run.name}.inputs").write_text("".join(f"{text}\n" for text in record(rules, run)))
        text_file(run).write_text(narrate(rules, run, recorded_inputs(run)))


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


def _order_strip(state: State) -> str:
    known = len(state.hero.figures.known)
    if state.phase == Phase.Inventory and state.hero.figures.slots > 1 and known > 1:
        return "strip 1,0"
    return ""


def _take_off(state: State) -> str:
    return "unequip head" if state.phase == Phase.Inventory and state.hero.worn[1] is not None else ""


_CHORES: Final[tuple[Callable[[State], str], ...]] = (_order_strip, _take_off, _open_inventory)
