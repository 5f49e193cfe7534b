"""Compares the journal of a scenario with its store and with what the scenario expects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chaos import databases
from chaos.checker import StoreError, check, load, read_promotions
from chaos.checker.findings import Findings
from chaos.checker.promotions import Promotion
from chaos.checker.stored import Rows
from chaos.journal import JournalReader
from chaos.players import is_open
from chaos.recoveries import late, recoveries
from chaos.result import Verdict
from chaos.scenario import LACKING, Expect, Scenario
from chaos.stage import Stage

LACKING_FILE: Final = "lacking.json"
"""A fault whose promoted server lacks commits writes this file into the folder of the stage."""
_SHOWN_MAX: Final = 5


def judge(scenario: Scenario, stage: Stage, journal: Path) -> Verdict:
    """Check what was played; the store is read where the primary is now.

    Raises:
        OSError: The journal cannot be read.
    """
    try:
        rows = _rows(stage)
        promotions = _promotions(scenario.expect, stage.folder / LACKING_FILE)
        findings = check(JournalReader(journal), rows, promotions)
    except (StoreError, ValueError) as error:
        return Verdict((f"the history cannot be checked: {error}",), (), 0, 0, 0, None, None)
    late_bots = late(recoveries(JournalReader(journal)), scenario.expect.plays_within)
    return Verdict(
        (*problems(findings, scenario.expect), *late_bots),
        tuple(findings.lines()),
        findings.acknowledged,
        findings.lost,
        findings.doubled,
        findings.first_seconds,
        findings.last_seconds,
    )


def problems(findings: Findings, expect: Expect) -> Iterator[str]:
    """Yield what does not hold, in sentences."""
    for violation in findings.violations[:_SHOWN_MAX]:
        yield str(violation)
    if len(findings.violations) > _SHOWN_MAX:
        yield f"and {len(findings.violations) - _SHOWN_MAX} more violations"
    if expect.lost == LACKING and not findings.lacking:
        yield "the promoted server lacked no acknowledged call, so this proves nothing"
    if findings.first_seconds is None or findings.last_seconds is None:
        yield "no bot played after the last fault"
        return
    if findings.silent:
        example = findings.silent[0]
        yield f"{len(findings.silent)} bots did not play after the last fault, {example} for example"
    if findings.last_seconds > expect.all_play_within:
        yield (
            f"the last bot played {findings.last_seconds:.2f} s after the last fault, "
            f"not within {expect.all_play_within:g} s"
        )
    for code, count in sorted(findings.last_errors.items()):
        most = expect.errors.get(code, 0)
        if not is_open(code) and most is not None and count > most:
            yield f"{count} calls were refused as {code}; {most} may be"


def _rows(stage: Stage) -> Rows:
    if not stage.databases:
        return load(str(stage.sqlite_file))
    url = stage.primary.url(databases.DATABASE)
    return stage.primary_host.call(lambda: load(url))


def _promotions(expect: Expect, lacking: Path) -> list[Promotion]:
    if expect.lost != LACKING:
        return []
    if not lacking.exists():
        raise ValueError("no fault wrote down what the promoted server lacks")
    return read_promotions(lacking)
