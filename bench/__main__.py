"""`make bench`: how fast, how small, how many tokens; measured here and now, one table and one JSON file.

The comparison with other servers side by side is not part of this first form. The HTTP row shares the cores
between server and load, so it is a lower bound.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.rulebook import RuleBook
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.rules import GameOptions, Mode, Rules, State, load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.tokens import count_tokens
from tests.integration.server import ServerProcess

_RULES_TURNS = 20_000
_RULES_REPEATS = 5
_HEURISTIC_RUNS = 6
_HTTP_CONNECTIONS = 32
_HTTP_SECONDS = 8
_RESULTS = Path("bench-results")


class Measured(Struct):
    """One row: what, how much, in which unit, and how it was taken."""

    what: str
    value: float
    unit: str
    how: str


def main() -> int:
    """Measure everything, print the table, write `bench-results/first.json`."""
    rules = load_rules()
    rows: list[Measured] = []
    for measure in (_rules_speed, _state_and_text, _toolsets, _over_http):
        for row in measure(rules):
            rows.append(row)
            print(f"{row.what:44} {row.value:>12,.1f} {row.unit:10} {row.how}", flush=True)
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
    _RESULTS.mkdir(exist_ok=True)
    rows_json = msgspec.to_builtins(rows)
    (_RESULTS / "first.json").write_text(json.dumps({"machine": machine, "rows": rows_json}, indent=1))
    return 0


def _rules_speed(rules: Rules) -> Iterator[Measured]:
    rates = []
    for repeat in range(_RULES_REPEATS):
        dice = Random(repeat)
        state = rules.new_game(GameOptions(seed=repeat))
        begun = time.perf_counter()
        for turn in range(_RULES_TURNS):
            if state.over:
                state = rules.new_game(GameOptions(seed=turn))
            choices = [choice for choice in rules.legal_inputs(state) if not choice.pattern]
            state = rules.apply(state, choices[int(dice.random() * len(choices))].input).state
        rates.append(_RULES_TURNS / (time.perf_counter() - begun))
    how = f"median of {_RULES_REPEATS} x {_RULES_TURNS} turns, the random choice included"
    yield Measured("rules: legal_inputs + apply, random bot", statistics.median(rates), "turns/s", how)


def _state_and_text(rules: Rules) -> Iterator[Measured]:
    sizes, tokens = [], []
    for state in _heuristic_states(rules):
        sizes.append(len(rules.encode(state)))
        tokens.append(count_tokens(rules.text(state, f"e1 t{state.turn}")))
    how = f"{len(sizes)} turns of the heuristic in {_HEURISTIC_RUNS} runs"
    for what, values, unit in (("state", sizes, "bytes"), ("text view", tokens, "tokens")):
        yield Measured(f"{what}, median", statistics.median(values), unit, how)
        yield Measured(f"{what}, p95", statistics.quantiles(values, n=20)[-1], unit, how)
        yield Measured(f"{what}, largest", max(values), unit, how)


def _heuristic_states(rules: Rules) -> Iterator[State]:
    for seed in range(_HEURISTIC_RUNS):
        policy = make_policy("heuristic", seed)
        state = rules.new_game(GameOptions(seed=seed, mode=Mode.ironman, ranked=True))
        while not state.over:
            state = rules.advance(state, choose(rules, policy, state)).state
            yield state


def _toolsets(rules: Rules) -> Iterator[Measured]:
    store = MemoryStore()
    host = BotHost(store=store, rules=RuleBook([rules]), clock=SystemClock(), chance=SystemChance())
    registry = Registry(host)
    for toolset in ("core", "play"):
        text = json.dumps(registry.listed(toolset, bound=False), separators=(",", ":"))
        yield Measured(f"definitions of {toolset}", count_tokens(text), "tokens", "as listed at /mcp")


def _over_http(_: Rules) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder)) as server:
        report_file = Path(folder) / "report.json"
        asked = ["--bots", _HTTP_CONNECTIONS, "--policy", "attack", "--seconds", _HTTP_SECONDS]
        command = [sys.executable, "-m", "dungeonfighter", "fleet", f"{server.url}/mcp", *map(str, asked)]
        quiet = subprocess.DEVNULL
        subprocess.run([*command, "--report", str(report_file)], check=True, stdout=quiet, stderr=quiet)
        report = json.loads(report_file.read_text())
    how = f"{_HTTP_CONNECTIONS} connections, SQLite, server and load share the cores, all turns verified"
    yield Measured("durable handle_input over HTTP", report["turns_per_second"], "turns/s", how)
    for part in ("p50", "p99"):
        yield Measured(f"durable handle_input over HTTP, {part}", report["latency_ms"][part], "ms", how)


if __name__ == "__main__":
    sys.exit(main())
