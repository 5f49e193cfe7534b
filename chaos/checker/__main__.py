"""`python -m chaos.checker JOURNAL STORE`: checks the history of a scenario.

Exit codes: 0 every promise was kept, 1 at least one was broken, 2 the check could not be made, 130
interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from chaos.checker import StoreError, check, load, read_promotions
from chaos.journal import JournalError, JournalReader
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput

HELD, VIOLATED, NOT_CHECKED, INTERRUPTED = 0, 1, 2, 130
_DEFAULT_FLEET: Final = "local"


def main() -> int:
    arguments = _arguments()
    output = ProgressOutput(sys.stderr)
    progress = PacedProgress(output)
    try:
        promotions = read_promotions(arguments.promoted_lacks) if arguments.promoted_lacks else []
        output.progress("reading the store")
        rows = load(arguments.store, arguments.fleet)
        findings = check(JournalReader(arguments.journal), rows, promotions, show=progress.progress)
    except (JournalError, StoreError, ValueError, OSError) as error:
        output.say(f"checker: {error}")
        return NOT_CHECKED
    except KeyboardInterrupt:
        output.say("checker: interrupted; the store and the journal are as they were")
        return INTERRUPTED
    output.clear()
    for line in findings.lines():
        print(line)
    return HELD if findings.holds else VIOLATED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos.checker",
        description="Checks that a store holds exactly what the clients of a journal were answered.",
        epilog="Exit codes: 0 it does, 1 it does not, 2 the check could not be made, 130 interrupted.",
    )
    add = parser.add_argument
    add("journal", type=Path, help="the journal of the clients, JSON Lines (chaos/journal.py)")
    add("store", help="postgresql://..., sqlite:///FILE, or the path of a SQLite file; it is only read")
    add(
        "--promoted-lacks",
        type=Path,
        metavar="FILE",
        help="a fail-over that lost commits: JSON with the positions of the bots on the promoted server "
        '("promoted") and on the former primary ("former"), each {BOT: [EPISODE, TURN, "DIGEST"]}; '
        'with "former_ends", {BOT: {EPISODE: LAST_TURN}}, the check is exact for ended runs, too',
    )
    add("--fleet", default=_DEFAULT_FLEET, metavar="NAME", help="the fleet of the bots (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
