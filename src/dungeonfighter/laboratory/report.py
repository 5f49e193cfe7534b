"""The report on the balance of the rules: all bars on two sets of seeds, as Markdown.

`docs/balance.md` holds it between two marks; the text around them is written by hand and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from dungeonfighter.errors import SettingsError
from dungeonfighter.laboratory.bars import HEURISTIC, SEARCH, Measured, Reading, readings
from dungeonfighter.laboratory.exploits import EXPLOITS
from dungeonfighter.laboratory.measuring import jobs_of, series_of
from dungeonfighter.laboratory.players import LADDER, Player, variants
from dungeonfighter.laboratory.result_files import Origin
from dungeonfighter.laboratory.runs import Run, RunJob
from dungeonfighter.laboratory.standings import Standing, standings

BEGIN: Final = "<!-- measured: begin -->"
END: Final = "<!-- measured: end -->"
_VERDICTS: Final = {True: "yes", False: "**no**", None: "open"}


class SeedSet(Struct, frozen=True):
    """One set of seeds: all of them play the ladder and the decisions, the first `fewer` the rest.

    Only the first `searched` seeds are played by the search, whose run takes as long as twenty others.
    """

    name: str
    seeds: tuple[int, ...]
    fewer: int
    searched: int = 100

    def jobs(self, inputs_max: int) -> list[RunJob]:
        searches = [player for player in LADDER if player.policy == SEARCH]
        others = [player for player in main_players() if player not in searches]
        many = jobs_of(others, self.seeds, inputs_max=inputs_max)
        many += jobs_of(searches, self.seeds[: self.searched], inputs_max=inputs_max)
        few = jobs_of(cheap_players(), self.seeds[: self.fewer], inputs_max=inputs_max)
        return many + few


def main_players() -> list[Player]:
    """Return the ladder, the heuristic without each kind of decision, and attack with each weapon."""
    by_weapon = variants(Player("attack"), always="weapon")[1:]
    return [*LADDER, *variants(Player(HEURISTIC), "all")[1:], *by_weapon]


def cheap_players() -> list[Player]:
    """Return the exploits, and the players that always give one answer."""
    subjects = "stance,door,talent,weapon,item"
    return [
        *(Player(name) for name in EXPLOITS),
        *variants(Player(HEURISTIC), always=subjects)[1:],
    ]


def measured_of(runs: Sequence[Run], seeds: Sequence[int]) -> Measured:
    """Return the series of the players of the report on one set of seeds."""
    of_set = frozenset(seeds)
    found = series_of([*main_players(), *cheap_players()], (run for run in runs if run.seed in of_set))
    return Measured({each.player.name: each for each in found})


def markdown(origin: Origin, sets: Sequence[SeedSet], runs: Sequence[Run]) -> str:
    """Return the measured part of the report."""
    found = [measured_of(runs, each.seeds) for each in sets]
    lines = [*_conditions(origin, sets, found), *_bars(sets, found)]
    for each, one in zip(sets, found, strict=True):
        lines += _tables(each, one)
    return "\n".join(lines)


def written(path: Path, measured: str) -> str:
    """Return the document with its measured part replaced; a new document consists of it.

    Raises:
        SettingsError: The document has no marks.
    """
    if not path.exists():
        return f"# Balance\n\n{BEGIN}\n{measured}\n{END}\n"
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SettingsError([f"{path}: has no {BEGIN} and {END}, between which the report goes"])
    return f"{before}{BEGIN}\n{measured}\n{END}{after}"


def _conditions(origin: Origin, sets: Sequence[SeedSet], found: Sequence[Measured]) -> Iterator[str]:
    figures = f", figures `{origin.figures}`" if origin.figures else ""
    yield f"Rules `{origin.rules}`, code `{origin.code}`{figures}. Written by `dungeonfighter lab report`."
    yield ""
    for each, one in zip(sets, found, strict=True):
        runs = sum(len(series.runs) for series in one.series.values())
        yield (
            f"* {each.name}: seeds {shown(each.seeds)}; exploits and single answers on the first "
            f"{min(each.fewer, len(each.seeds))}, search on the first "
            f"{min(each.searched, len(each.seeds))}; {runs} runs."
        )
    yield ""


def shown(seeds: Sequence[int]) -> str:
    """Return seeds as words: `0-399`, or `0-9 and others`."""
    if not seeds:
        return "none"
    whole = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]}-{seeds[-1]}" if whole else f"{seeds[0]} to {seeds[-1]}, {len(seeds)} of them"


def _bars(sets: Sequence[SeedSet], found: Sequence[Measured]) -> Iterator[str]:
    by_subject = [{reading.subject: reading for reading in readings(one)} for one in found]
    subjects = list(dict.fromkeys(subject for one in by_subject for subject in one))
    yield "## Must hold"
    yield ""
    yield f"{_count(by_subject)} Held is `open` where the runs are too few to tell."
    yield ""
    yield f"| what | bar | {' | '.join(each.name for each in sets)} | held |"
    yield f"|---|---|{'---|' * (len(sets) + 1)}"
    for subject in subjects:
        of_sets = [one.get(subject) for one in by_subject]
        bar = next(reading.bar for reading in of_sets if reading is not None)
        cells = " | ".join("" if reading is None else reading.measured for reading in of_sets)
        yield f"| {subject} | {bar} | {cells} | {_VERDICTS[verdict(of_sets)]} |"
    yield ""


def verdict(of_sets: Sequence[Reading | None]) -> bool | None:
    """Return False if one set says no, else None if one is open, else True."""
    held = [reading.held for reading in of_sets if reading is not None]
    return False if False in held else None if None in held else True


def _count(by_subject: Sequence[dict[str, Reading]]) -> str:
    subjects = {subject for one in by_subject for subject in one}
    verdicts = [verdict([one.get(subject) for one in by_subject]) for subject in subjects]
    return (
        f"{verdicts.count(True)} of {len(verdicts)} bars hold, {verdicts.count(False)} do not, "
        f"{verdicts.count(None)} are open."
    )


def _tables(each: SeedSet, found: Measured) -> Iterator[str]:
    base = found.series.get(HEURISTIC)
    groups = {
        "Ladder": [player.name for player in LADDER],
        "Without one kind of decision": [player.name for player in main_players() if player.without],
        "Exploits": list(EXPLOITS),
        "One answer always": [name for name in found.series if name.startswith(f"{HEURISTIC} always")],
    }
    for title, names in groups.items():
        series = [found.series[name] for name in names if name in found.series]
        if series:
            yield f"### {title}, {each.name}"
            yield ""
            yield from _standing_table(standings([base, *series] if base else series), skip_first=bool(base))
            yield ""


def _standing_table(rows: Sequence[Standing], *, skip_first: bool) -> Iterator[str]:
    yield "| player | runs | score | difference | sd | cap | inputs p5-50-95 | region 2 | dies at | no way |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows[1:] if skip_first else rows:
        low, middle, high = row.inputs
        less = "" if row.difference is None else str(row.difference)
        yield (
            f"| {row.player} | {row.runs} | {row.score} | {less} | {row.deviation:.1f} | {row.at_cap:.0%} "
            f"| {low:.0f}-{middle:.0f}-{high:.0f} | {row.regions[0]:.0%} | {_known(row.death_health)} "
            f"| {_known(row.unanswered)} |"
        )


def _known(value: float) -> str:
    return "" if value < 0 else f"{value:.0%}"
