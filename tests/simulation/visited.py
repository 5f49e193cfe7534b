"""The report of many simulations: which states they visited, how often, and which none of them did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tests.simulation.branches import Branch
from tests.simulation.many_results import SeedResult
from tests.simulation.sightings import FAULTS, PHASES, REQUESTS
from tests.simulation.unreached import UNREACHED

_RARE_SHOWN: Final = 12
_WIDTH: Final = 108


def packed(marks: bytes | bytearray) -> str:
    """Return marks of one byte each as one bit each, in hexadecimal digits."""
    bits = int("".join("1" if mark else "0" for mark in reversed(marks)) or "0", 2)
    return f"{bits:x}"


def seeds_of_branches(results: Sequence[SeedResult], count: int) -> list[int]:
    """Return for each of `count` branches the number of seeds that reached it."""
    seeds = [0] * count
    for result in results:
        bits = int(result.marks or "0", 16)
        while bits:
            lowest = bits & -bits
            seeds[lowest.bit_length() - 1] += 1
            bits ^= lowest
    return seeds


def reason_of(branch: Branch) -> str:
    """Return why no seed can reach a branch; "" if one should."""
    return next((why for name, why in UNREACHED.items() if branch.name.startswith(name)), "")


def report(results: Sequence[SeedResult], branches: Sequence[Branch]) -> str:
    """Return the report as text."""
    return "\n".join(
        [
            *_summary(results),
            "",
            *_faults(results),
            "",
            *_outcomes(results),
            "",
            *_branches(results, branches),
        ]
    )


def _summary(results: Sequence[SeedResult]) -> Iterator[str]:
    broken = [result for result in results if result.broken]
    seconds = sum(result.seconds for result in results)
    yield f"{len(results):,} seeds, {seconds / 60:,.0f} minutes of one core, {len(broken)} broken"
    sums: Counter[str] = Counter()
    for result in results:
        sums.update(result.figures)
    if sums:
        yield ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in sums.items())
    for result in broken:
        yield f"BROKEN seed {result.seed}: {result.broken}"
        yield f"  repeat it with: make sim SEED={result.seed}"


def _faults(results: Sequence[SeedResult]) -> Iterator[str]:
    met: Counter[str] = Counter()
    for result in results:
        met.update(result.faults)
    yield "Faults, by what the store was doing at that moment:"
    yield f"  {'':24}" + "".join(f"{phase:>14}" for phase in PHASES)
    for fault in FAULTS:
        counts = [met[f"{fault}: {phase}"] for phase in PHASES]
        yield f"  {fault:24}" + "".join(f"{count or '-':>14,}" if count else f"{'-':>14}" for count in counts)


def _outcomes(results: Sequence[SeedResult]) -> Iterator[str]:
    found: Counter[str] = Counter()
    for result in results:
        found.update(result.outcomes)
    yield "What became of the requests:"
    for request in REQUESTS:
        named = {
            name.partition(": ")[2]: count for name, count in found.items() if name.startswith(f"{request}: ")
        }
        parts = [f"{outcome} {count:,}" for outcome, count in sorted(named.items(), key=lambda one: -one[1])]
        yield f"  {request:10} {', '.join(parts) or 'never sent'}"


def _branches(results: Sequence[SeedResult], branches: Sequence[Branch]) -> Iterator[str]:
    seeds = seeds_of_branches(results, len(branches))
    never = [branch for branch, count in zip(branches, seeds, strict=True) if not count]
    unexplained = [branch for branch in never if not reason_of(branch)]
    reached = len(branches) - len(never)
    yield f"Branches from the queue of a request to the store: {reached} of {len(branches)} reached"
    by_file = Counter(branch.file for branch in branches)
    missed = Counter(branch.file for branch in never)
    for file, count in by_file.items():
        yield f"  {file:26} {count - missed[file]:4} of {count:4}"
    order = sorted(range(len(branches)), key=lambda at: seeds[at])
    rare = [at for at in order if seeds[at]][:_RARE_SHOWN]
    yield "The rarest, with the number of seeds that reached each:"
    yield from (f"  {seeds[at]:6,}  {_place(branches[at])}" for at in rare)
    yield f"Never reached, as expected: {len(never) - len(unexplained)} (unreached.py says why)"
    yield f"Never reached, and not expected: {len(unexplained)}"
    yield from (f"  {_place(branch)}" for branch in unexplained)


def _place(branch: Branch) -> str:
    return f"{branch.file}:{branch.line} {branch.function}: {branch.text}"[:_WIDTH]
