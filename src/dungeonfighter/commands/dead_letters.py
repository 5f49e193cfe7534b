"""`dungeonfighter ingress dead-letters list | resend | delete`: messages that could not be played."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from dungeonfighter.commands import queue_flags
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import SettingsError
from dungeonfighter.ingress import options
from dungeonfighter.ingress.messages import REASONS
from dungeonfighter.ingress.ports import DeadLetter, DeadLetters, QueueRefused, QueueUnavailable
from dungeonfighter.ingress.queues import make_dead_letters

_AT_ONCE: Final = 100
_SHOWN_CHARS_MAX: Final = 60

_Act = Callable[[argparse.Namespace, DeadLetters], Awaitable[int]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    chosen = parser.add_subparsers(metavar="ACTION", required=True)
    listing = chosen.add_parser(
        "list",
        help="show them, oldest first",
        description="Show dead letters, oldest first: entry, reason, stream and fields, cut and without\n"
        "control characters. Nothing is changed.",
        epilog="Example: dungeonfighter ingress dead-letters list --reason malformed",
    )
    listing.add_argument("--count", type=int, default=20, metavar="N", help="the most letters (default: 20)")
    listing.set_defaults(act=_list)
    resend = chosen.add_parser(
        "resend",
        help="put messages back into the streams of their bots",
        description="Put messages at the ends of their streams, and remove the letters. A turn\n"
        "that was played meanwhile is not played twice.",
        epilog="Example: dungeonfighter ingress dead-letters resend 1764000000000-0",
    )
    resend.set_defaults(act=_resend)
    delete = chosen.add_parser(
        "delete",
        help="remove letters for good",
        description="Remove letters for good.",
        epilog="Example: dungeonfighter ingress dead-letters delete --all --reason malformed",
    )
    delete.set_defaults(act=_delete)
    for each in (resend, delete):
        each.add_argument("entries", nargs="*", metavar="ENTRY", help="letters, as `list` names them")
        each.add_argument("--all", action="store_true", help="all letters, or all of one --reason")
    for each in (listing, resend, delete):
        each.add_argument("--reason", choices=REASONS, metavar="R", help=f"only: {', '.join(REASONS)}")
        queue_flags.add_arguments(each, options.QUEUE_FIELDS, is_inner=True)


def run(arguments: argparse.Namespace) -> int:
    """Carry out the subcommand; return the exit code.

    Raises:
        SettingsError: A word is wrong.
        CommandFailed: The queue does not answer.
    """
    given = options.read_options(vars(arguments), os.environ, options.QUEUE_FIELDS)
    act: _Act = arguments.act
    if act is not _list and bool(arguments.entries) == arguments.all:
        raise SettingsError(["name entries (`dead-letters list` shows them), or write --all; not both"])

    async def do() -> int:
        letters = make_dead_letters(given)
        try:
            return await act(arguments, letters)
        finally:
            await letters.close()

    try:
        return asyncio.run(do())
    except (QueueUnavailable, QueueRefused) as error:
        raise CommandFailed(str(error)) from None


async def _list(arguments: argparse.Namespace, letters: DeadLetters) -> int:
    shown = 0
    async for letter in _chosen(arguments, letters):
        print(_line(letter))
        shown += 1
        if shown >= arguments.count:
            break
    print(f"{shown} of {await letters.count()} dead letters", file=sys.stderr)
    return 0


async def _resend(arguments: argparse.Namespace, letters: DeadLetters) -> int:
    skipped = 0

    async def send(batch: list[DeadLetter]) -> int:
        nonlocal skipped
        whole = [letter for letter in batch if letter.is_whole]
        skipped += len(batch) - len(whole)
        await letters.resend(whole)
        return len(whole)

    count = await _in_batches(arguments, letters, send, "sent")
    print(f"{count} messages sent once more", file=sys.stderr)
    if skipped:
        raise CommandFailed(f"{skipped} letters are not complete, because the message was too large to keep")
    return 0


async def _delete(arguments: argparse.Namespace, letters: DeadLetters) -> int:
    async def remove(batch: list[DeadLetter]) -> int:
        await letters.delete(batch)
        return len(batch)

    count = await _in_batches(arguments, letters, remove, "removed")
    print(f"{count} dead letters removed", file=sys.stderr)
    return 0


async def _in_batches(
    arguments: argparse.Namespace, letters: DeadLetters, act: Callable[[list[DeadLetter]], Awaitable[int]],
    done: str,
) -> int:  # fmt: skip
    """Act on all chosen letters, many at a time; return how many were acted on."""
    progress = PacedProgress(ProgressOutput(sys.stderr))
    missing = set(arguments.entries)
    batch: list[DeadLetter] = []
    count = 0
    async for letter in _chosen(arguments, letters):
        missing.discard(letter.handle)
        batch.append(letter)
        if len(batch) >= _AT_ONCE:
            count += await act(batch)
            progress(f"{count} {done}")
            batch = []
    if batch:
        count += await act(batch)
    if missing:
        raise CommandFailed(f"no dead letter is called {', '.join(sorted(missing)[:5])}; {count} {done}")
    return count


async def _chosen(arguments: argparse.Namespace, letters: DeadLetters) -> AsyncIterator[DeadLetter]:
    """Read the letters once that were there at the beginning, and yield those that the words name."""
    entries = frozenset(getattr(arguments, "entries", ()))
    left, after = await letters.count(), ""
    while left > 0 and (found := await letters.read(after, min(left, _AT_ONCE))):
        left -= len(found)
        after = found[-1].handle
        for letter in found:
            if arguments.reason in {None, letter.reason} and (not entries or letter.handle in entries):
                yield letter


def _line(letter: DeadLetter) -> str:
    fields = " ".join(f"{_plain(name)}={_plain(value)}" for name, value in letter.fields.items())
    note = "" if letter.is_whole else " (cut)"
    return f"{letter.handle}  {_plain(letter.reason)}  stream {letter.stream}  {fields}{note}"


def _plain(value: str | bytes) -> str:
    """Return a text from anybody as one that a terminal can show."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    text = text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
