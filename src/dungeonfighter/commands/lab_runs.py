"""Whole runs for the actions of `lab`: looked up in the file of results, or played with progress."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from dungeonfighter.commands.lab_arguments import Interruptible, print_result
from dungeonfighter.laboratory.figures import read_figures
from dungeonfighter.laboratory.measuring import jobs_of, measure, series_of
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.result_files import Origin
from dungeonfighter.laboratory.results import Results, origin_of
from dungeonfighter.laboratory.runs import Run, RunJob
from dungeonfighter.laboratory.standings import by_category, standings, table
from dungeonfighter.rules import Mode


def play(arguments: argparse.Namespace, jobs: Sequence[RunJob]) -> tuple[Origin, list[Run], bool]:
    """Return the origin, the runs, and False if Ctrl-C ended it early.

    Raises:
        SettingsError: The figures or the file of results are wrong.
    """
    figures = read_figures(arguments.figures, arguments.catalog)
    origin = origin_of(figures)
    results = Results(arguments.results, origin)
    known = {(job.player.name, job.seed) for job in jobs if results.find(job) is not None}
    progress = Interruptible(len(jobs), "runs")
    try:
        found = measure(jobs, results, processes=arguments.processes, figures=figures)
        runs = list(progress.over(found, lambda run: (run.player, run.seed) in known))
    finally:
        results.close()
    return origin, runs, progress.is_complete


def print_standings(arguments: argparse.Namespace, players: Sequence[Player]) -> int:
    """Play the players on the seeds and print their table; return 130 after Ctrl-C."""
    document, lines = _measured(arguments, players, Mode.ironman.name)
    print_result(arguments, document, lines)
    return 0 if document["complete"] else 130


def print_categories(
    arguments: argparse.Namespace, players: Sequence[Player], categories: Sequence[str]
) -> int:
    """Play the players in each category; print a table for each, and one of all. Return 130 after Ctrl-C."""
    documents, lines = [], list[str]()
    for category in categories:
        document, of_category = _measured(arguments, players, category)
        documents.append(document)
        lines += [f"{category}:", *of_category, ""]
        if not document["complete"]:
            break
    if len(categories) == 1:
        print_result(arguments, documents[0], lines[1:-1])
    else:
        compared = {document["category"]: document["rows"] for document in documents}
        print_result(arguments, documents, [*lines, *by_category(compared)])
    return 0 if documents[-1]["complete"] else 130


def _measured(
    arguments: argparse.Namespace, players: Sequence[Player], category: str
) -> tuple[dict[str, Any], list[str]]:
    """Return what was measured in one category, and the lines of its table."""
    listed = list(dict.fromkeys(players))
    jobs = jobs_of(listed, arguments.seeds, inputs_max=arguments.max_inputs, category=category)
    origin, runs, is_complete = play(arguments, jobs)
    rows = standings(series_of(listed, runs))
    document = {
        "origin": origin,
        "category": category,
        "seeds": len(arguments.seeds),
        "first_seed": arguments.seeds[0],
        "complete": is_complete,
        "rows": rows,
    }
    return document, [*table(rows), of_origin(origin)]


def of_origin(origin: Origin) -> str:
    """Return the line that says under what conditions a table was measured."""
    figures = f", figures {origin.figures}" if origin.figures else ""
    return f"rules {origin.rules}, code {origin.code}{figures}"
