"""The speed of the rules on one core: `python -m bench.engine [--beside OTHER/src] [--repeats N]`.

Every repeat runs in a process of its own (cold tables, no garbage of other repeats), and all play the same
corpus: turns of the heuristic and of a random bot, made once. With `--beside` the sources of an older tree
and these take turns, so that both meet the same load on the machine. The table shows the median and the least
of the repeats: on a shared machine the least is the cost of the code. The fingerprint is a digest over every
state, text and snapshot of a repeat: two trees with different fingerprints have different rules.

Source: docs/architecture.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.rules import GameOptions, Mode, Phase, Rules, State, load_rules
from dungeonfighter.rules.events import Event

_RESULTS = Path("bench-results")
_RANDOM_TURNS = 20_000
_HEURISTIC_RUNS = 30
_EVERY = 6
"""The corpus takes every sixth turn of a heuristic run: neighbours would share the items of their bags."""
_HOT_GAMES = 10_000
_PASSES = 3
_RECORDED = "random bot, recorded (us/turn)"
_WHOLE_FIGHT = "whole fight (us)"

Clock = Callable[[], float]
Figures = dict[str, float]


class Corpus(Struct):
    """The runs and turns that all repeats play.

    Attributes:
        runs: Runs of a random bot: seed and inputs.
        turns: Encoded states from all over the heuristic's runs, in random order, each with its input.
    """

    runs: list[tuple[int, list[str]]]
    turns: list[tuple[bytes, str]]


class Measured(Struct):
    """The result of one repeat; the names of the figures include their units."""

    fingerprint: str
    figures: Figures


def main() -> int:
    """Measure, print the table, write `bench-results/engine.json`."""
    arguments = _arguments()
    if arguments.corpus:
        corpus = msgspec.msgpack.decode(Path(arguments.corpus).read_bytes(), type=Corpus)
        sys.stdout.write(msgspec.json.encode(_measure(load_rules(), corpus, arguments.brief)).decode())
        return 0
    trees = [Path("src"), *([Path(arguments.beside)] if arguments.beside else [])]
    with tempfile.NamedTemporaryFile(suffix=".corpus") as file:
        file.write(msgspec.msgpack.encode(make_corpus(load_rules())))
        file.flush()
        found: dict[str, list[Measured]] = {str(tree): [] for tree in trees}
        for _ in range(arguments.repeats):
            for tree in trees:
                found[str(tree)].append(_in_a_process(tree, file.name))
    _print(found)
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "engine.json").write_text(json.dumps(msgspec.to_builtins(found), indent=1))
    return 0 if len({one.fingerprint for many in found.values() for one in many}) == 1 else 1


def headline(repeats: int) -> list[Figures]:
    """Measure the few figures of the overall table for these sources, each repeat in a process of its own.

    Returns:
        `random_bot_turns_per_second` (`legal_inputs` + `apply` of recorded runs), `plan_us` (decode, advance,
        encode, digest), `text_us`, `fights_per_second` (from `FightBegan` to its end, plain attacks).
    """
    with tempfile.NamedTemporaryFile(suffix=".corpus") as file:
        file.write(msgspec.msgpack.encode(make_corpus(load_rules())))
        file.flush()
        found = [_in_a_process(Path("src"), file.name, "--brief").figures for _ in range(repeats)]
    return [
        {
            "random_bot_turns_per_second": 1e6 / one[_RECORDED],
            "plan_us": one["plan: all four (us)"],
            "text_us": one["text: all (us)"],
            "fights_per_second": 1e6 / one[_WHOLE_FIGHT],
        }
        for one in found
    ]


def make_corpus(rules: Rules) -> Corpus:
    """Make the corpus; it is the same for every tree with the same rules."""
    dice = Random(1)
    runs: list[tuple[int, list[str]]] = []
    for seed in range(_RANDOM_TURNS):
        inputs: list[str] = []
        state = rules.new_game(GameOptions(seed=seed))
        while not state.over and len(inputs) < 2000:
            inputs.append(_picked(rules, state, dice))
            state = rules.advance(state, inputs[-1]).state
        runs.append((seed, inputs))
        if sum(len(inputs) for _, inputs in runs) >= _RANDOM_TURNS:
            break
    turns = []
    for seed in range(_HEURISTIC_RUNS):
        policy = make_policy("heuristic", seed)
        state = rules.new_game(GameOptions(seed=seed, mode=Mode.ironman, ranked=True))
        while not state.over:
            text = choose(rules, policy, state)
            if state.turn % _EVERY == seed % _EVERY:
                turns.append((rules.encode(state), text))
            state = rules.advance(state, text).state
    dice.shuffle(turns)
    return Corpus(runs, turns)


def _picked(rules: Rules, state: State, dice: Random) -> str:
    choices = [choice for choice in rules.legal_inputs(state) if not choice.pattern]
    return choices[int(dice.random() * len(choices))].input


def _measure(rules: Rules, corpus: Corpus, brief: bool) -> Measured:
    """Measure every figure once, in this process; `brief` measures those of the headline only.

    The times are CPU times of the process, so waiting for a core does not count.
    """
    fingerprint = blake2b(digest_size=8)
    figures: Figures = {}
    clock = time.process_time
    parts = (_text, _random_bot, _hot_path, _fights)
    for part in parts if brief else (_observe, *parts):
        part(rules, corpus, clock, figures, fingerprint.update)
        gc.collect()
    if not brief:
        _memory(rules, corpus, clock, figures)
    return Measured(fingerprint.hexdigest(), figures)


def _random_bot(
    rules: Rules, corpus: Corpus, clock: Clock, figures: Figures, note: Callable[[bytes], None]
) -> None:
    """Measure `legal_inputs` + `apply` for recorded inputs, and for a bot that draws its inputs itself."""
    count = sum(len(inputs) for _, inputs in corpus.runs)
    legal_inputs, apply = rules.legal_inputs, rules.apply
    for _ in range(_PASSES):
        begun = clock()
        for seed, inputs in corpus.runs:
            state = rules.new_game(GameOptions(seed=seed))
            for text in inputs:
                legal_inputs(state)
                state = apply(state, text).state
        _least(figures, _RECORDED, (clock() - begun) / count * 1e6)
        begun = clock()
        dice = Random(1)
        for seed, inputs in corpus.runs:
            state = rules.new_game(GameOptions(seed=seed))
            for _ in inputs:
                state = apply(state, _picked(rules, state, dice)).state
        _least(figures, "random bot, drawing (us/turn)", (clock() - begun) / count * 1e6)
    for seed, inputs in corpus.runs:
        state = rules.new_game(GameOptions(seed=seed))
        for text in inputs:
            state = apply(state, text).state
            note(rules.encode(state))


def _hot_path(
    rules: Rules, corpus: Corpus, clock: Clock, figures: Figures, note: Callable[[bytes], None]
) -> None:
    """Measure the calls of `Play.plan`: decode, advance, encode, digest."""
    for _ in range(_PASSES):
        begun = clock()
        states = [rules.decode(raw) for raw, _ in corpus.turns]
        decoded = clock()
        for state, (_, text) in zip(states, corpus.turns, strict=True):
            rules.advance(state, text)
        advanced = clock()
        raws = [rules.encode(state) for state in states]
        encoded = clock()
        for raw in raws:
            rules.digest(raw)
        digested = clock()
        times = (begun, decoded, advanced, encoded, digested)
        names = ("decode", "advance", "encode", "digest")
        for name, before, after in zip(names, times[:-1], times[1:], strict=True):
            _least(figures, f"plan: {name} (us)", (after - before) / len(states) * 1e6)
        del states
        begun = clock()
        for raw, text in corpus.turns:
            rules.digest(rules.encode(rules.advance(rules.decode(raw), text).state))
        _least(figures, "plan: all four (us)", (clock() - begun) / len(corpus.turns) * 1e6)
    for raw, text in corpus.turns:
        note(rules.encode(rules.advance(rules.decode(raw), text).state))


def _text(
    rules: Rules, corpus: Corpus, clock: Clock, figures: Figures, note: Callable[[bytes], None]
) -> None:
    def view(state: State) -> bytes:
        return rules.text(state, f"e1 t{state.turn}").encode()

    _by_phase("text", view, [rules.decode(raw) for raw, _ in corpus.turns], clock, figures, note)


def _observe(
    rules: Rules, corpus: Corpus, clock: Clock, figures: Figures, note: Callable[[bytes], None]
) -> None:
    """Measure the snapshot and its JSON, once for each state; the tables of the rules may be warm or cold."""
    encode = msgspec.json.Encoder().encode

    def view(state: State) -> bytes:
        return encode(rules.observe(state))

    _by_phase("observe", view, [rules.decode(raw) for raw, _ in corpus.turns], clock, figures, note)


def _by_phase(
    name: str,
    make_view: Callable[[State], bytes],
    states: Iterable[State],
    clock: Clock,
    figures: Figures,
    note: Callable[[bytes], None],
) -> None:
    """Measure a view of all states in order, and once more by phase with warm tables."""
    states = list(states)
    begun = clock()
    views = [make_view(state) for state in states]
    figures[f"{name}: all (us)"] = (clock() - begun) / len(states) * 1e6
    for view in views:
        note(view)
    phases: dict[int, list[State]] = {}
    for state in states:
        phases.setdefault(state.phase, []).append(state)
    for phase, some in sorted(phases.items()):
        begun = clock()
        for state in some:
            make_view(state)
        figures[f"{name}: {Phase(phase).name} x{len(some)} (us)"] = (clock() - begun) / len(some) * 1e6


def _fights(
    rules: Rules, corpus: Corpus, clock: Clock, figures: Figures, note: Callable[[bytes], None]
) -> None:
    """Measure plain attacks until the fight ends, from the middle of a fight and from its start."""
    raws = [raw for raw, _ in corpus.turns]
    states: list[State] = []
    for _ in range(_PASSES):
        states = [state for state in map(rules.decode, raws) if state.phase == Phase.Combat]
        begun = clock()
        turns = 0
        for state in states:
            while state.phase == Phase.Combat and not state.over:
                rules.advance(state, "1")
                turns += 1
        spent = clock() - begun
        _least(figures, "fight (us)", spent / len(states) * 1e6)
        _least(figures, "turn of a fight, advance only (us)", spent / turns * 1e6)
    for state in states:
        note(rules.encode(state))
    begun_raws = [raw for raw in raws if _has_begun(rules.decode(raw))]
    for _ in range(_PASSES):
        states = [rules.decode(raw) for raw in begun_raws]
        begun = clock()
        for state in states:
            while state.phase == Phase.Combat and not state.over:
                rules.advance(state, "1")
        _least(figures, _WHOLE_FIGHT, (clock() - begun) / len(states) * 1e6)


def _has_begun(state: State) -> bool:
    """Return True if the hero is in a fight that began with the last input."""
    fresh = state.log[state.turn_start :]
    return state.phase == Phase.Combat and any(event[0] == Event.FightBegan for event in fresh)


def _memory(rules: Rules, corpus: Corpus, clock: Clock, figures: Figures) -> None:
    """Measure the memory of a game, encoded and decoded, and the collector's time for decoded states."""
    raws = [corpus.turns[n % len(corpus.turns)][0] for n in range(_HOT_GAMES)]
    figures["memory: encoded bytes"] = sum(map(sys.getsizeof, raws)) / len(raws)
    gc.collect()
    before = len(gc.get_objects())
    tracemalloc.start()
    states = [rules.decode(raw) for raw in raws]
    figures["memory: decoded bytes"] = tracemalloc.get_traced_memory()[0] / len(states)
    tracemalloc.stop()
    figures["memory: objects the collector walks"] = (len(gc.get_objects()) - before) / len(states)
    gc.collect()
    begun = clock()
    gc.collect()
    figures["memory: full collection (us/game)"] = (clock() - begun) / len(states) * 1e6


def _least(figures: Figures, name: str, value: float) -> None:
    figures[name] = min(value, figures.get(name, value))


def _in_a_process(tree: Path, corpus: str, *more: str) -> Measured:
    command = [sys.executable, "-m", "bench.engine", "--corpus", corpus, *more]
    environment = os.environ | {"PYTHONPATH": str(tree.resolve()), "PYTHONHASHSEED": "0"}
    answer = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(answer.stdout, type=Measured)


def _print(found: dict[str, list[Measured]]) -> None:
    """Print a line for each figure: least and median of each tree, and the ratio of two trees."""
    trees = list(found)
    names = list(found[trees[0]][0].figures)
    sys.stdout.write(f"{'least (median)':44}" + "".join(f"{tree[-24:]:>26}" for tree in trees) + "\n")
    for name in names:
        line = f"{name:44}"
        leasts = []
        for tree in trees:
            values = [one.figures[name] for one in found[tree]]
            leasts.append(min(values))
            line += f"{min(values):>14,.2f} ({statistics.median(values):>8,.2f}) "
        sys.stdout.write(line + _ratio(leasts) + "\n")
    for tree, many in found.items():
        prints = ", ".join(sorted({one.fingerprint for one in many}))
        sys.stdout.write(f"fingerprint of {tree}: {prints}\n")
        rates = [1e6 / one.figures[_RECORDED] for one in many]
        sys.stdout.write(
            f"turns/s of {tree}: best {max(rates):,.0f}, median {statistics.median(rates):,.0f}\n"
        )
        fights = [1e6 / one.figures[_WHOLE_FIGHT] for one in many]
        sys.stdout.write(
            f"fights/s of {tree}: best {max(fights):,.0f}, median {statistics.median(fights):,.0f}\n"
        )


def _ratio(leasts: Sequence[float]) -> str:
    return f"  x{leasts[1] / leasts[0]:.2f}" if len(leasts) > 1 and leasts[0] else ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--beside", help="the src folder of another tree, measured in turns with this one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--corpus", help=argparse.SUPPRESS)
    parser.add_argument("--brief", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
