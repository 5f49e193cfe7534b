"""The rules without hosting: speed, bytes of a state, tokens of a text view and of the definitions."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Final, Literal

from bench import rows
from bench.engine import headline
from bench.options import Options, Progress
from bench.table import Figure
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.rules import GameOptions, Mode, Rules, State, load_rules
from dungeonfighter.serving.composition import make_admission
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.tokens import count_tokens

_SPEEDS: Final = {rows.RANDOM_BOT, rows.PLAN, rows.TEXT, rows.FIGHTS}
_SIZES: Final = {rows.STATE_BYTES, rows.TEXT_TOKENS}
_DEFINITIONS: Final[dict[str, Literal["core", "play"]]] = {rows.CORE_TOKENS: "core", rows.PLAY_TOKENS: "play"}
_HEURISTIC_RUNS: Final = 6
_CORPUS_SECONDS: Final = 8.0
_REPEAT_SECONDS: Final = 3.0


def seconds(options: Options) -> float:
    return (_CORPUS_SECONDS + options.repeats * _REPEAT_SECONDS if options.figures & _SPEEDS else 0.0) + (
        2 * _REPEAT_SECONDS if options.figures & _SIZES else 0.0
    )


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    rules = load_rules()
    if options.figures & (_SPEEDS | _SIZES):
        if options.figures & _SIZES:
            progress.step("rules: runs to measure with", 2 * _REPEAT_SECONDS)
            figures |= _sizes(rules, [state for state, _ in heuristic_states(rules)])
        if options.figures & _SPEEDS:
            figures |= _speeds(options.repeats, progress)
    if options.figures & set(_DEFINITIONS):
        figures |= _definitions(rules)
    return {name: figure for name, figure in figures.items() if name in options.figures}


def heuristic_states(rules: Rules, runs: int = _HEURISTIC_RUNS) -> Iterator[tuple[State, str]]:
    """Yield the states of whole runs of the heuristic, in order, each with the input given next."""
    for seed in range(runs):
        policy = make_policy("heuristic", seed)
        state = rules.new_game(GameOptions(seed=seed, mode=Mode.ironman, ranked=True))
        while not state.over:
            text = choose(rules, policy, state)
            before = rules.decode(rules.encode(state))
            state = rules.advance(state, text).state
            yield before, text


def _speeds(repeats: int, progress: Progress) -> dict[str, Figure]:
    names = {
        rows.RANDOM_BOT: "random_bot_turns_per_second",
        rows.PLAN: "plan_us",
        rows.TEXT: "text_us",
        rows.FIGHTS: "fights_per_second",
    }
    figures = {name: Figure(note="CPU time of one core, nothing else beside the rules") for name in names}
    progress.step(f"rules, {repeats} times", _CORPUS_SECONDS + repeats * _REPEAT_SECONDS)
    for repeat_figures in headline(repeats):
        for name, key in names.items():
            figures[name].repeats.append(repeat_figures[key])
    return figures


def _sizes(rules: Rules, states: list[State]) -> dict[str, Figure]:
    sizes = [len(rules.encode(state)) for state in states]
    tokens = [count_tokens(rules.text(state, f"e1 t{state.turn}")) for state in states]
    figures = {}
    for name, values in ((rows.STATE_BYTES, sizes), (rows.TEXT_TOKENS, tokens)):
        p95 = statistics.quantiles(values, n=20)[-1]
        note = f"{len(values)} turns of {_HEURISTIC_RUNS} runs, p95 {p95:.0f}, largest {max(values)}"
        figures[name] = Figure([statistics.median(values)], note)
    return figures


def _definitions(rules: Rules) -> dict[str, Figure]:
    host = BotHost(
        store=MemoryStore(), rules=ShippedRules([rules]), clock=SystemClock(), chance=SystemChance()
    )
    registry = Registry(host, make_admission())
    return {
        name: Figure(
            [count_tokens(json.dumps(registry.listed(toolset, bound=False), separators=(",", ":")))],
            "tokens estimated, as listed at /mcp",
        )
        for name, toolset in _DEFINITIONS.items()
    }
