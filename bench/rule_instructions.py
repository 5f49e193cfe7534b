"""The number of instructions of a random bot's turn by phase: `legal_inputs` and `apply`, without a server.

`python -m bench.rule_instructions [--turns N] [--seed S] [--tree DIR]`

A process under valgrind plays runs of a random bot and then repeats the recorded turns: once in one child and
twice in another, so the difference is the count of one pass. It does so for all turns and for those of each
phase. With `--tree` the same driver counts another checkout, too. Trees with other rules play other turns, so
compare the phases as well as the whole.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from bench.instructions import Counted, Failed, checkout, refs
from dungeonfighter.rules import GameOptions, Phase, Rules, State, load_rules

_ROOT: Final = Path(__file__).resolve().parent.parent
_ALL: Final = "all"
_INPUTS_MAX: Final = 2000
Turns = list[tuple[State, str]]
Figures = dict[str, tuple[int, float]]
"""The number of turns and the instructions of one, by phase."""


def main() -> int:
    arguments = _arguments()
    if arguments.drive:
        drive(load_rules(), arguments.turns, arguments.seed)
        return 0
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.stderr.write("valgrind is not installed, so no instructions can be counted (Debian: valgrind)\n")
        return 1
    words = ["bench.rule_instructions", "--drive", f"--turns={arguments.turns}", f"--seed={arguments.seed}"]
    trees = [_ROOT, *([arguments.tree] if arguments.tree else [])]
    try:
        with tempfile.TemporaryDirectory() as folder:
            started = [Counted(valgrind, tree, Path(folder, str(n)), words) for n, tree in enumerate(trees)]
            counted = [figures(*one.result()) for one in started]
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"instructions a turn (turns), seed {arguments.seed}: {', '.join(map(str, trees))}\n")
    for phase in counted[0]:
        cells = [f"{one[phase][1]:12,.0f} ({one[phase][0]:6})" for one in counted if phase in one]
        ratio = f"{counted[0][phase][1] / counted[1][phase][1]:8.3f}" if len(cells) > 1 else ""
        sys.stdout.write(f"{phase:20}{''.join(cells)}{ratio}\n")
    return 0


def drive(rules: Rules, turns: int, seed: int) -> None:
    """Play and fork; print phase, passes, number of turns and process id of each child."""
    gc.disable()
    played = _played(rules, turns, seed)
    groups = {_ALL: played} | {
        phase.name: [turn for turn in played if turn[0].phase == phase] for phase in Phase
    }
    for name, some in groups.items():
        for passes in (1, 2) if some else ():
            child = os.fork()
            if not child:
                _play(rules, some * passes)
                os._exit(0)
            os.waitpid(child, 0)
            sys.stdout.write(f"{name} {passes} {len(some)} {child}\n")
            sys.stdout.flush()


def figures(output: str, logs: dict[str, str]) -> Figures:
    """Return the figures of a driver's output and of the logs of its children.

    Raises:
        Failed: The output or the logs are incomplete.
    """
    lines = [line.split() for line in output.splitlines()]
    found: Figures = {}
    try:
        for (name, _, turns, once), (_, _, _, twice) in zip(lines[::2], lines[1::2], strict=True):
            found[name] = int(turns), (refs(logs[twice]) - refs(logs[once])) / int(turns)
    except (ValueError, KeyError) as error:
        raise Failed(f"the driver wrote {output!r}, and there are logs of {sorted(logs)}: {error}") from None
    if _ALL not in found:
        raise Failed(f"the driver wrote {output!r}")
    return found


def _played(rules: Rules, turns: int, seed: int) -> Turns:
    chance = Random(seed)
    played: Turns = []
    run = 0
    while len(played) < turns:
        state = rules.new_game(GameOptions(seed=1000 * seed + run))
        run += 1
        for _ in range(min(_INPUTS_MAX, turns - len(played))):
            if state.over:
                break
            choices = [choice for choice in rules.legal_inputs(state) if not choice.pattern]
            played.append((state, choices[int(chance.random() * len(choices))].input))
            state = rules.apply(*played[-1]).state
    return played


def _play(rules: Rules, turns: Sequence[tuple[State, str]]) -> None:
    legal_inputs, apply = rules.legal_inputs, rules.apply
    for state, text in turns:
        legal_inputs(state)
        apply(state, text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.rule_instructions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--turns", type=int, default=4000, help="turns of the random bot")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws and the runs")
    parser.add_argument(
        "--tree", type=checkout, metavar="DIR", help="another checkout, counted beside this one"
    )
    parser.add_argument("--drive", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
