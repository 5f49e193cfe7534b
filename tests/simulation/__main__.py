"""`make sim SEED=n`: run one or more simulations and print their summaries and the seeds that broke."""

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
    options = parser.parse_args()
    logging.disable()  # the simulation provokes thousands of errors
    rules = load_rules()
    broken = []
    for seed in range(options.seed, options.seed + options.seeds):
        try:
            summary = simulate(rules, seed, acts=options.acts)
        except Exception:  # noqa: BLE001 (any error breaks the seed)
            traceback.print_exc()
            broken.append(seed)
            if options.until_broken:
                break
            continue
        print(msgspec.json.encode(summary).decode())
    if broken:
        print(f"broken: seeds {broken}; repeat one with: make sim SEED={broken[0]}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
