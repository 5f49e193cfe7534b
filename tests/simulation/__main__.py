"""`make sim SEED=n`: run one simulation, or several, and say what it did; a broken promise names its seed."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback

import msgspec

from dungeonfighter.rules import load_rules
from tests.simulation.world import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds from there (default 1)")
    parser.add_argument("--acts", type=int, default=60, help="what each bot does under faults (default 60)")
    parser.add_argument("--until-broken", action="store_true", help="stop at the first broken seed")
    asked = parser.parse_args()
    logging.disable()  # thousands of troubles, all of them meant
    rules = load_rules()
    broken = []
    for seed in range(asked.seed, asked.seed + asked.seeds):
        try:
            summary = simulate(rules, seed, acts=asked.acts)
        except Exception:  # noqa: BLE001 (whatever it is, its seed is told)
            traceback.print_exc()
            broken.append(seed)
            if asked.until_broken:
                break
            continue
        print(msgspec.json.encode(summary).decode())
    if broken:
        print(f"broken: seeds {broken}; repeat one with: make sim SEED={broken[0]}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
