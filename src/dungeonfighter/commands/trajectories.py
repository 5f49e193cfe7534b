"""The command `trajectories`: runs of a database or of replays as data for training.

Progress and the summary go to stderr. The exit code is 0; or 1 if nothing could be written, and with
`--strict` if a run was damaged or pruned; or 2 for wrong words; or 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dungeonfighter import settings
from dungeonfighter.commands.bot_keys import DEFAULT_FLEET, checked_fleet, key_of
from dungeonfighter.commands.numbers import count
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import BadArgument, StoreError

if TYPE_CHECKING:
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.trajectories.candidates import Candidate
    from dungeonfighter.trajectories.outputs import Output
    from dungeonfighter.trajectories.steps import Form
    from dungeonfighter.trajectories.writing import Tally

SETTINGS: Final = (*settings.DATABASE_SETTINGS, "catalog")
PROCESSES: Final = 2
PROCESSES_MAX: Final = 256
OBSERVATIONS: Final = ("text", "json", "both", "none")
_STDOUT: Final = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs, the output, and the settings of the database."""
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="replays; without them the runs of the database")
    add("--bot", metavar="B", help=f"only this bot: its id, or FLEET/ID (without a fleet: {DEFAULT_FLEET})")
    add("--fleet", metavar="F", help="only this fleet (default: all fleets)")
    add("--episode", type=count, metavar="N", help="only runs of this number (default: all runs)")
    add("-o", dest="output", required=True, metavar="FILE",
        help="the file to write; FILE.parquet is Parquet, - is standard output")  # fmt: skip
    add("--format", choices=("jsonl", "parquet"), help="JSON Lines or Parquet (default: by the name of FILE)")
    add("--observation", choices=OBSERVATIONS, default="both",
        help="what the lines have of each state (default: %(default)s)")  # fmt: skip
    add("--resume", action="store_true", help="continue the file after its last whole run")
    add("--processes", type=count, metavar="N", default=min(PROCESSES, os.cpu_count() or 1),
        help="processes that execute runs (default: %(default)s)")  # fmt: skip
    add("--strict", action="store_true", help="exit with 1 if a run was damaged or pruned")
    settings.add_arguments(parser, SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Write the runs and return the exit code.

    Raises:
        BadInput, SettingsError: A word is wrong, or the output is there already.
        CommandFailed: Nothing could be written, or the writing broke off.
        StoreError: The database cannot be read.
    """
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.rules.releases import shipped_rules
    from dungeonfighter.trajectories.steps import Form
    from dungeonfighter.trajectories.writing import Tally

    _check_words(arguments)
    given = _settings_of(arguments)
    catalog = Path(given.catalog) if given.catalog else None
    book = ShippedRules(shipped_rules(catalog))
    form = Form(arguments.observation in {"text", "both"}, arguments.observation in {"json", "both"})
    output = _output(arguments, form)
    tally, shown = Tally(), ProgressOutput(sys.stderr)
    try:
        with _candidates(arguments, given, book, output) as candidates:
            _write(arguments, candidates, output, tally, shown, book=book, form=form, catalog=catalog)
        output.finish()
    except BaseException as error:  # noqa: BLE001 (`_raise_with_way_out` raises it)
        output.cut()
        _raise_with_way_out(error, arguments.output, tally)
    shown.say(f"{tally.text}; written to {_name_of(arguments.output)}")
    return _exit_code(arguments, output, tally)


def _check_words(arguments: argparse.Namespace) -> None:
    if arguments.files and (arguments.bot is not None or arguments.fleet is not None):
        raise BadArgument("give either files, or a bot or a fleet of the database")
    if arguments.output == _STDOUT and arguments.resume:
        raise BadArgument("--resume continues a file; standard output cannot be continued")
    if arguments.output == _STDOUT and arguments.format == "parquet":
        raise BadArgument("--format parquet needs a file; name one with -o")
    if arguments.processes > PROCESSES_MAX:
        raise BadArgument(f"--processes: at most {PROCESSES_MAX}; got {arguments.processes}")


def _settings_of(arguments: argparse.Namespace) -> settings.Settings:
    from dungeonfighter.commands.inspecting import settings_of

    return settings.read_settings(vars(arguments), os.environ) if arguments.files else settings_of(arguments)


def _output(arguments: argparse.Namespace, form: Form) -> Output:
    from dungeonfighter.trajectories.outputs import Stream, TrajectoryFile

    if arguments.output == _STDOUT:
        return Stream(sys.stdout.buffer)
    path = Path(arguments.output)
    try:
        if arguments.format == "parquet" or (arguments.format is None and path.suffix == ".parquet"):
            from dungeonfighter.trajectories.parquet import ParquetFile

            return ParquetFile(path, form, resumes=arguments.resume)
        return TrajectoryFile(path, form, resumes=arguments.resume)
    except OSError as error:
        raise CommandFailed(f"-o: {path}: {(error.strerror or str(error)).lower()}") from None


@contextlib.contextmanager
def _candidates(
    arguments: argparse.Namespace, given: settings.Settings, book: ShippedRules, output: Output
) -> Iterator[Iterator[Candidate]]:
    from dungeonfighter.trajectories.candidates import from_files

    if arguments.files:
        yield from_files(list(map(Path, arguments.files)), output.last, arguments.episode)
        return
    from dungeonfighter.commands.inspecting import open_inspection
    from dungeonfighter.trajectories.stored_runs import StoredRuns

    fleet = checked_fleet(arguments.fleet)
    prefix = f"{fleet}/" if fleet else ""
    if arguments.bot is not None:
        prefix = key_of(arguments.bot, arguments.fleet)
    last = output.last
    key = f"{last.fleet}/{last.bot}" if last is not None else ""
    if last is not None and (key != prefix if arguments.bot is not None else not key.startswith(prefix)):
        raise BadArgument(f"--resume: the file ends with the run {last.name}, which is none of these runs")
    with StoredRuns(lambda: open_inspection(given), book, time.time) as runs:
        yield runs.each(prefix, arguments.episode, last)


def _write(
    arguments: argparse.Namespace, candidates: Iterator[Candidate], output: Output, tally: Tally,
    shown: ProgressOutput, *, book: ShippedRules, form: Form, catalog: Path | None,
) -> None:  # fmt: skip
    from dungeonfighter.trajectories.execution import execute_apart, execute_here
    from dungeonfighter.trajectories.writing import write_runs

    write_runs(
        candidates,
        output,
        tally,
        execute=lambda jobs: (
            execute_here(jobs, book, form)
            if arguments.processes == 1
            else execute_apart(jobs, form, catalog=catalog, processes=arguments.processes)
        ),
        report=lambda problem: shown.say(f"left out: {problem}"),
        tick=_ticker(shown, tally, output),
    )


def _ticker(shown: ProgressOutput, tally: Tally, output: Output) -> Callable[[], None]:
    """Return a function that writes progress, a line a second."""
    show = PacedProgress(shown)

    def tick() -> None:
        done = f"{tally.runs:,} runs, {tally.steps:,} inputs, {output.size / 1e6:,.0f} MB"
        show(f"{done}; now {tally.place}")

    return tick


def _raise_with_way_out(error: BaseException, place: str, tally: Tally) -> None:
    """Raise an error that says how to go on."""
    from dungeonfighter.trajectories.execution import ProcessDied

    way_out = f"{tally.text}; the same command with --resume goes on"
    if place == _STDOUT:
        way_out = f"{tally.text}; the last run is cut off"
    if isinstance(error, KeyboardInterrupt):
        raise CommandInterrupted(f"interrupted after {way_out}") from None
    if isinstance(error, BrokenPipeError) and place == _STDOUT:
        raise error
    if isinstance(error, OSError):
        why = (error.strerror or str(error)).lower()
        raise CommandFailed(f"-o: cannot write {_name_of(place)}: {why}; {way_out}") from None
    if isinstance(error, ProcessDied | StoreError):
        raise CommandFailed(f"{error}; {way_out}") from None
    raise error


def _exit_code(arguments: argparse.Namespace, output: Output, tally: Tally) -> int:
    if not tally.runs and output.last is None:
        raise CommandFailed("no run was written: none of those that were asked for is there and whole")
    return 1 if arguments.strict and tally.faults else 0


def _name_of(place: str) -> str:
    return "standard output" if place == _STDOUT else place
