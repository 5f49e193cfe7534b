"""The results of Locust and k6 become reports, and the comparison with fleet finds what differs."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from dungeonfighter.fleet.report import Latency, Report
from dungeonfighter.fleet.report_servers import Servers
from load import compare, report
from load.compare import Case, Outcome, compared, conclude, table
from load.report import Result, read_result, report_of, verified
from load.tools import Plan, Run

RESULT = Result(
    tool="k6", url="http://127.0.0.1:9", bots=100, rate=50.0, warm_up=4.0, seconds=10.0, turns=500,
    turns_per_second=50.0, acknowledged=600, runs_begun=100, calls_failed=0, missed_starts=0,
    tokens_per_turn=100.0, answer_ms=Latency(1.0, 2.0, 3.0, 4.0, 5.0), failures=[],
)  # fmt: skip


def result(**changes: object) -> Result:
    return msgspec.structs.replace(RESULT, **changes)


def outcome(tool: str, made: Report, *, stored: int = 600, exit_code: int = 0) -> Outcome:
    return Outcome(Case("sqlite", 100), tool, Run(made, exit_code, 300.0), stored)


def test_a_sound_result_is_a_report_that_passed() -> None:
    made = verified(report_of(result()), 600)
    assert made.passed
    assert (made.tool, made.turns, made.warm_up_turns, made.verified_turns) == ("k6", 500, 100, 600)
    assert made.latency_ms.p50 == 1.0


@pytest.mark.parametrize(
    ("changes", "stored", "failure"),
    [
        ({"calls_failed": 3}, 600, "3 calls failed after all repeats"),
        ({"failures": ["dropped_iterations: count==0 was not kept"]}, 600, "dropped_iterations: count==0"),
        ({}, 599, "turns were lost, doubled or wrong"),
        ({}, 601, "turns were lost, doubled or wrong"),
        ({"calls_failed": 2}, 603, "turns were lost, doubled or wrong"),
        ({"calls_failed": 2}, 602, "2 calls failed after all repeats"),
    ],
)
def test_a_failure_of_the_tool_or_of_the_store_is_one_of_the_report(
    changes: dict[str, object], stored: int, failure: str
) -> None:
    assert failure in verified(report_of(result(**changes)), stored).failure


def test_a_result_is_read_from_what_a_tool_wrote(tmp_path: Path) -> None:
    file = tmp_path / "k6.json"
    file.write_bytes(msgspec.json.encode(RESULT))
    assert read_result(file) == RESULT
    file.write_text(json.dumps({"tool": "k6"}))
    with pytest.raises(msgspec.MsgspecError):
        read_result(file)


def test_the_command_writes_a_page_and_refuses_what_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "locust.json", tmp_path / "out.html"
    file.write_bytes(msgspec.json.encode(result(tool="Locust")))
    monkeypatch.setattr("sys.argv", ["report", str(file), "-o", str(out)])
    assert report.main() == 0
    assert "Locust: 100 bots" in out.read_text()
    file.write_text("[]")
    assert report.main() == 2
    assert "give the file that the tool wrote" in capsys.readouterr().err


def test_figures_within_ten_percent_agree() -> None:
    fleet = outcome("fleet", report_of(result(), Servers(answer_ms={"mean": 0.5})))
    near = report_of(result(turns_per_second=45.1, tokens_per_turn=109.0), Servers(answer_ms={"mean": 0.54}))
    assert compared(fleet, outcome("k6", near)).differs == ()
    slow = report_of(result(answer_ms=Latency(1.9, 2, 3, 4, 5)), Servers(answer_ms={"mean": 0.5}))
    assert compared(fleet, outcome("locust", slow)).differs == ("p50",)
    assert not compared(fleet, outcome("locust", slow)).agrees
    far = report_of(result(turns_per_second=44.0, tokens_per_turn=111.0, answer_ms=Latency(1.2, 2, 3, 4, 5)))
    assert compared(fleet, outcome("k6", far)).differs == ("turns/s", "tokens", "p50", "server")
    assert not compared(fleet, outcome("k6", far)).agrees
    busy = report_of(result(), Servers(answer_ms={"mean": 0.9}))
    assert compared(fleet, outcome("k6", busy)).differs == ("server",)
    assert compared(fleet, outcome("k6", busy)).agrees  # the machine was slower, the tool was not


def test_the_exit_code_tells_whether_all_loads_are_sound(capsys: pytest.CaptureFixture[str]) -> None:
    sound = outcome("fleet", report_of(result()))
    assert conclude([sound]) == 0
    lost = outcome("k6", report_of(result()), stored=598)
    assert conclude([sound, lost]) == 1
    assert "k6, 100 bots on sqlite: 600 turns acknowledged, 598 stored" in capsys.readouterr().out
    assert conclude([outcome("k6", report_of(result()), exit_code=99)]) == 1
    assert len(table([sound, lost]).splitlines()) == 3


def test_a_plan_begins_every_run_before_it_measures() -> None:
    plan = Plan("http://127.0.0.1:9", bots=1000, rate=500.0, warm_up=3.0, seconds=10.0, prefix="x")
    assert (plan.before, plan.whole) == (5.0, 15.0)


def test_the_default_comparison_fits_into_eleven_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["compare"])
    arguments = compare._arguments()
    cases = [Case("sqlite", bots) for bots in arguments.bots] + [Case("postgresql", arguments.bots[0])]
    assert sum(compare._seconds(arguments, case) for case in cases) < 660
