"""The work of `db export` and `bots export`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from dungeonfighter import settings
from dungeonfighter.commands.bot_keys import key_of
from dungeonfighter.commands.database.copy import open_to_read
from dungeonfighter.commands.inspecting import no_bot, settings_of, with_inspection
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.storage.copying.export import Exported, Exporter
from dungeonfighter.storage.copying.tables import Bounds
from dungeonfighter.storage.inspection import Inspection


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where an export goes, and its database."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="the file to make; - is standard output"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with FILE.part, which a stopped export left"
    )
    settings.add_arguments(parser, settings.DATABASE_SETTINGS)


def export(arguments: argparse.Namespace, selection: str, bounds: Bounds | None) -> Exported:
    """Export; print the counts unless the rows went to standard output.

    Raises:
        CommandFailed: The file cannot be written, or there are rows that cannot be read.
    """
    given = settings_of(arguments)
    output = ProgressOutput(sys.stderr)

    async def work() -> Exported:
        from dungeonfighter.serving.signals import let_second_interrupt_end

        let_second_interrupt_end()
        source = await open_to_read(given.database)
        try:
            exporter = Exporter(source, selection, bounds, PacedProgress(output))
            if arguments.output == "-":
                return await exporter.to_stream(sys.stdout.buffer)
            return await exporter.to_file(Path(arguments.output), resume=arguments.resume)
        finally:
            await source.close()

    try:
        done = asyncio.run(work())
    except KeyboardInterrupt:
        way = "" if arguments.output == "-" else "; the same command with --resume goes on"
        raise CommandInterrupted(f"stopped{way}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailed(f"{arguments.output} cannot be written: {error.strerror or error}") from error
    if arguments.output != "-":
        print(f"exported {', '.join(f'{count} {name}' for name, count in done.rows.items()) or 'nothing'}")
    if done.broken_count:
        for line in done.broken:
            output.say(line)
        raise CommandFailed(f"{done.broken_count} rows cannot be read, and are not in the export")
    return done


def export_bot(arguments: argparse.Namespace) -> int:
    """Export one bot; return the exit code.

    Raises:
        CommandFailed: There is no such bot; nothing is written.
    """
    key = key_of(arguments.bot, arguments.fleet)
    with_inspection(settings_of(arguments), lambda inspection: _check_bot(inspection, key))
    # No id has a "!" or a character below it, so these bounds hold this key alone.
    export(arguments, f"bot {key}", Bounds(key, f"{key}!"))
    return 0


async def _check_bot(inspection: Inspection, key: str) -> None:
    if await inspection.row(key) is None:
        raise no_bot(key)
