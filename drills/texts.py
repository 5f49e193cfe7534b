"""The texts of a drill: the list, the alert, the variables of the operator's shell, progress, the result."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from drills.fault import RANDOM, Fault, fault_class, names


class Moment(NamedTuple):
    """The bots at one moment of a drill.

    Attributes:
        seconds: The time since the fault.
        turns_per_second: Acknowledged turns of all bots since the last line.
        waiting: Bots without an acknowledged turn since the last line.
        failed_attempts: Calls without a good answer since the bots began; each is repeated.
    """

    seconds: float
    turns_per_second: float
    bots: int
    waiting: int
    failed_attempts: int


def list_of_drills() -> str:
    """Return the drills with a sentence about each, and how to start one."""
    rows = [(name, fault_class(name)) for name in names()]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {one.summary}{_obstacle(one)}" for name, one in rows]
    lines.append(f"  {RANDOM:<{width}}  one of them, without its name")
    return "\n".join(["make drill FAULT=NAME stages one, in another terminal you repair it:", *lines])


def _obstacle(one: type[Fault]) -> str:
    reason = one.obstacle()
    return f" (not here: {reason})" if reason else ""


def alert(fault: Fault) -> str:
    """Return the alert as it would reach the operator."""
    return (
        f"  {fault.severity.upper()}  {fault.alert}\n"
        f"  {fault.message}\n"
        f"  runbook: docs/runbook.md#{fault.alert.lower()}"
    )


def environment(variables: Mapping[str, str], path: Sequence[str]) -> str:
    """Return the file that the operator's shell reads: the variables, and programs at the end of PATH.

    `psql` shall not open a pager: it would take the next commands of the runbook for its keys.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append("export PSQL_PAGER=cat")
    return "\n".join([*lines, f'export PATH="$PATH":{shlex.quote(":".join(path))}', ""])


def instructions(file: Path, variables: Mapping[str, str], minutes: float, hints: Sequence[str]) -> str:
    """Return what the operator does next, with the addresses; each hint is a sentence or empty."""
    notes = "".join(f"{one}\n" for one in hints if one)
    shown = "\n".join(f"    {name:<12} {value}" for name, value in variables.items())
    return (
        f"In another terminal, in this folder:  . {shlex.quote(str(file))}\n"
        f"The variables of the runbook are then set:\n{shown}\n{notes}"
        f"Repair it within {minutes:g} minutes; Ctrl-C gives up."
    )


def progress(moment: Moment) -> str:
    """Return one line about the bots."""
    return (
        f"{clock(moment.seconds)}  {moment.turns_per_second:.0f} turns/s  "
        f"{moment.bots - moment.waiting} of {moment.bots} bots play  "
        f"{moment.failed_attempts} failed attempts"
    )


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def span(seconds: float) -> str:
    """Return a time in words, such as `1 min 5 s`."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s"


def still_wrong(wrong: Sequence[str], waiting: int, bots: int) -> str:
    """Return what keeps a drill from counting as repaired; empty if it is."""
    everything = [*wrong, *([f"{waiting} of {bots} bots wait for an answer"] if waiting else [])]
    return "; ".join(everything)
