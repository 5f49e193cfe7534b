"""The command `replay FILE | --bot B`: executes a run again and says if it is as recorded.

The verdict goes to stdout, progress to stderr. The exit code is 0 if the run is as recorded, 1 if it differs
or cannot be executed, 2 for wrong words or a file that is no replay.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from dungeonfighter import settings
from dungeonfighter.commands.bot_keys import DEFAULT_FLEET, key_of
from dungeonfighter.commands.numbers import count
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import BadArgument, BadInput, Corrupt, NewerRules

if TYPE_CHECKING:
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.replays.replay import Replay
    from dungeonfighter.rules import Rules

SETTINGS: Final = (*settings.DATABASE_SETTINGS, "catalog")
_STDOUT: Final = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the file to write, and the settings of the database."""
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the replay: the structuredContent of get_replay as a file"
    )
    parser.add_argument(
        "--bot", metavar="B", help=f"a bot of the database: its id, or FLEET/ID (fleet: {DEFAULT_FLEET})"
    )
    parser.add_argument("--fleet", metavar="F", help=f"its fleet (default: {DEFAULT_FLEET})")
    parser.add_argument(
        "--episode", type=count, metavar="N", help="the number of the run (default: its last one)"
    )
    parser.add_argument(
        "-o", dest="output", metavar="FILE",
        help="with --bot: write the replay to this file, with the digest of each state; - is stdout",
    )  # fmt: skip
    settings.add_arguments(parser, SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Execute the run, print the verdict and return the exit code.

    Raises:
        BadInput, SettingsError: A word is wrong, or the file is no replay.
        CommandFailed: The run cannot be executed, or the file cannot be written.
        StoreError: The database cannot be read.
    """
    if (arguments.file is None) == (arguments.bot is None):
        raise BadArgument("give either the FILE of a replay, or a bot of the database with --bot")
    if arguments.file is not None and (given := _given(arguments, "fleet", "episode", "output")):
        raise BadArgument(f"--{given} goes with --bot, not with a file".replace("--output", "-o"))
    shown = sys.stderr if arguments.output == _STDOUT else sys.stdout
    replay, book = _from_file(arguments) if arguments.bot is None else _from_database(arguments)
    name = f"{replay.bot} e{replay.episode}"
    compared = _Execution(name, replay, _rules_of(replay, book))
    if compared.difference:
        print(f"{name} {compared.difference}", file=shown)
        return 1
    last, result = replay.result.turn, replay.result
    count_text = f"{len(replay.inputs):,} inputs from t{replay.first_turn} to t{last}"
    print(f"{name} is as recorded: {count_text}, {result.result}, score {result.score:g}", file=shown)
    if arguments.output is not None:
        _write(arguments.output, msgspec.structs.replace(replay, digests=compared.digests))
    return 0


def _given(arguments: argparse.Namespace, *names: str) -> str:
    return next((name for name in names if getattr(arguments, name) is not None), "")


def _from_file(arguments: argparse.Namespace) -> tuple[Replay, ShippedRules]:
    from dungeonfighter.trajectories.replay_files import read_replay

    given = settings.read_settings(vars(arguments), os.environ)
    return read_replay(Path(arguments.file)), _book(given)


def _from_database(arguments: argparse.Namespace) -> tuple[Replay, ShippedRules]:
    from dungeonfighter.commands.inspecting import open_inspection, settings_of
    from dungeonfighter.trajectories.stored_runs import StoredRuns

    key = key_of(arguments.bot, arguments.fleet)
    given = settings_of(arguments)
    book = _book(given)
    with StoredRuns(lambda: open_inspection(given), book, time.time) as runs:
        try:
            replay = runs.one(key, arguments.episode)
        except (BadInput, Corrupt, NewerRules) as error:
            raise CommandFailed(f"{key}: {error}") from None
        hidden = runs.reason_to_hide(replay)
    if hidden is not None and arguments.output is not None:
        what = f"this run is {hidden.value}: its file would show a seed that no player may know yet"
        raise CommandFailed(f"-o: {what}; without -o it is executed and not written")
    return replay, book


def _book(given: settings.Settings) -> ShippedRules:
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.rules.releases import shipped_rules

    return ShippedRules(shipped_rules(Path(given.catalog) if given.catalog else None))


def _rules_of(replay: Replay, book: ShippedRules) -> Rules:
    from dungeonfighter.trajectories.execution import unknown_rules

    try:
        return book.of(replay.rules)
    except NewerRules:
        raise CommandFailed(unknown_rules(replay.rules, book)) from None


class _Execution:
    """Executes a run to its end or its first difference, and shows the progress.

    Attributes:
        difference: What differs, and where; "" if nothing does.
        digests: Those of all states, as a replay has them.
    """

    def __init__(self, name: str, replay: Replay, rules: Rules) -> None:
        from dungeonfighter.replays.execution import differences
        from dungeonfighter.replays.replay import DIGEST_CHARS

        self.difference = ""
        show, total = PacedProgress(ProgressOutput(sys.stderr)), len(replay.inputs)
        digests: list[str] = []

        def note(digest: str) -> None:
            digests.append(digest[:DIGEST_CHARS])

        try:
            for number, difference in enumerate(differences(replay, rules, note)):
                if difference is not None:
                    self.difference = f"differs at t{difference.turn}: {difference.what}"
                elif number % 256 == 0:
                    show(f"{name}: {number:,} of {total:,} inputs")
        except BadInput as error:
            self.difference = f"cannot begin: {error}"
        self.digests = "".join(digests)


def _write(place: str, replay: Replay) -> None:
    from dungeonfighter.replays.replay import encode
    from dungeonfighter.trajectories.replay_files import write_replay

    if place == _STDOUT:
        sys.stdout.buffer.write(encode(replay))
        sys.stdout.buffer.flush()
        return
    try:
        write_replay(Path(place), replay)
    except OSError as error:
        raise CommandFailed(f"-o: cannot write {place}: {(error.strerror or str(error)).lower()}") from None
    print(f"written to {place}", file=sys.stderr)
