"""Runs a verification for a command: findings on standard output, progress on the error output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from dungeonfighter.commands.outcomes import CommandInterrupted
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.storage.verification.findings import Finding, Source
from dungeonfighter.storage.verification.verification import Verification, Verified

FINDINGS_SHOWN: Final = 1000


def verify(
    open_source: Callable[[], Awaitable[Source]], catalog: str, *, after: str = "", go_on: str = ""
) -> Verified:
    """Verify a store and print the findings.

    Args:
        open_source: Opens the store.
        catalog: The folder of a designer's content; "" for the packaged one.
        after: Begin after this key, as an earlier verification has printed it.
        go_on: The advice after Ctrl-C, with `{after}` in place of the key.

    Raises:
        StoreError: The store cannot be read.
        CommandInterrupted: Ctrl-C; the text has the way to go on.
    """
    seen = Verified(after=unquote_to_bytes(after).decode(errors="surrogateescape"))
    try:
        asyncio.run(_verify(open_source, catalog, seen))
    except KeyboardInterrupt:
        raise CommandInterrupted(f"interrupted{go_on.format(after=_quoted(seen.after))}") from None
    return seen


def summary(seen: Verified) -> str:
    """Describe a finished verification in one line, and rules that could not be checked in further ones."""
    counts = seen.counts
    what = (
        f"{counts.bots} bots, {counts.saves} saves, {counts.runs} ended runs and {counts.inputs} records of "
        f"inputs read: {f'{seen.findings} findings' if seen.findings else 'all are sound'}"
    )
    if counts.runs_without_inputs:
        what += f"\nnot kept: the inputs of {counts.runs_without_inputs} ended runs (pruned, or lost)"
    for rules, number in seen.unchecked.items():
        what += f"\nnot checked: {number} states under rules {rules!a}, which this release does not have"
    return what


async def _verify(open_source: Callable[[], Awaitable[Source]], catalog: str, seen: Verified) -> None:
    from dungeonfighter.hosting.shipped_rules import ShippedRules
    from dungeonfighter.rules.releases import shipped_rules

    book = ShippedRules(shipped_rules(Path(catalog) if catalog else None))
    output = ProgressOutput(sys.stderr)
    paced = PacedProgress(output)
    first = seen.after

    def show(now: Verified) -> None:
        of = f" of {now.total}" if not first else f" after {_quoted(first)}"
        paced(f"verifying: {now.counts.bots}{of} bots, {now.findings} findings")

    def report(finding: Finding) -> None:
        if seen.findings <= FINDINGS_SHOWN:
            print(finding, flush=True)

    source = await open_source()
    try:
        await Verification(source, book, report, show, seen).run()
    finally:
        await source.close()


def _quoted(key: str) -> str:
    return quote(key.encode(errors="surrogateescape"), safe="/") or "''"
