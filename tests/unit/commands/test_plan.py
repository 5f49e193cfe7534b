"""`plan`: the table, the JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from dungeonfighter import cli
from dungeonfighter.planning.prices import TEMPLATE
from tests.unit.planning.made_up import COSTS, FIT, PRICES

TABLE = """\
                 this plan                                    the guide's own plan
load             10,000 bots, a turn every 10 s
                 1,000.0 turns/s, 8,640,000,000 tokens a day
servers          2 x small, 4 workers each                    100 x c5.xlarge
                 0.2 cores, 0.4 GiB; by connections
                 5 % busy, p99 about 6 ms
databases        1 x big, by processor                        1 x db.r5.2xlarge
                 10,000 bots each, plain tables
                 0.1 cores, 51.9 GB
                 1.73 GB a day of inputs and runs
                 67 IOPS, 50 commits/s
                 1.00 MB/s of WAL
Redis            1 (optional)                                 3 x cache.r5.large
balancers        1                                            1
network          4.8 Mbit/s in, 6.0 out
                 1,944 GB out a month
EUR a month
  servers        200                                          15,000
  databases      400                                          500
  Redis          50                                           300
  balancers      10                                           20
  transfer       24                                           200
  disk           5
  together       690                                          16,020
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The words for a file of unit costs and one of prices."""
    (tmp_path / "costs.json").write_bytes(msgspec.json.encode(COSTS))
    (tmp_path / "prices.json").write_bytes(msgspec.json.encode(PRICES))
    return ["--unit-costs", str(tmp_path / "costs.json"), "--prices", str(tmp_path / "prices.json")]


def test_the_table_stands_beside_the_guides_plan(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["plan", "--bots", "10_000", *files]) == 0
    table, _, notes = capsys.readouterr().out.partition("\n\n")
    assert f"{table}\n" == TABLE
    assert "release 0.1.0 (abc1234), Made-up CPU, 4 cores, 16 GiB." in notes
    assert "Prices: a made-up list, 2026-01-02." in notes
    assert "`python -m bench.capacity` fits the model" in notes


def test_a_prediction_that_was_off_by_more_than_a_quarter_is_said(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "costs.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(COSTS, fit=FIT)))
    assert cli.main(["plan", "--bots", "10000", *files]) == 0
    assert "was NOT within 25 % at 80,000: processor 3 % off, p99 31 % off" in capsys.readouterr().out


def test_json_has_the_plan_with_what_it_was_made_from(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["plan", "--bots", "10000", "--every", "10", "--json", *files]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["plan"]["servers"]["count"] == 2
    assert shown["month_total"] == pytest.approx(689.63, abs=0.01)
    assert shown["unit_costs"]["measured"]["processor"] == "Made-up CPU"
    assert (shown["prices"]["source"], shown["prices"]["date"]) == ("a made-up list", "2026-01-02")
    assert len(shown["guide_plan"]) == 5


@pytest.mark.parametrize(
    "words",
    [["--bots", "0"], ["--bots", "-5"], ["--bots", "1.5"], ["--bots", "1e12"], ["--bots", "nan"],
     ["--bots", "many"], ["--every", "0"], ["--every", "inf"], ["--tokens", "0"], ["--tokens", "1e9"],
     ["--utilisation", "1"], ["--spare-servers", "-1"], ["--keep-days", "-1"]],
    ids=" ".join,
)  # fmt: skip
def test_absurd_numbers_are_refused(
    files: list[str], capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    given = words if words[0] == "--bots" else ["--bots", "10", *words]
    assert cli.main(["plan", *given, *files]) == 2
    assert f"dungeonfighter plan: {words[0]}: '{words[1]}' must be a" in capsys.readouterr().err


def test_all_problems_are_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prices.json").write_text(TEMPLATE)
    words = [
        "--every",
        "0",
        "--unit-costs",
        str(tmp_path / "none"),
        "--prices",
        str(tmp_path / "prices.json"),
    ]
    assert cli.main(["plan", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_the_template_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "--price-template"]) == 0
    assert capsys.readouterr().out == TEMPLATE
