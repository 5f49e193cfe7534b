"""`db migrate`: its output."""

from __future__ import annotations

import io
from pathlib import Path

import apsw
import pytest

from dungeonfighter import cli
from dungeonfighter.commands.progress_output import ProgressOutput
from dungeonfighter.storage.sql_files import migrations


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def output_of(output: io.StringIO) -> str:
    shown = ProgressOutput(output)
    for text in ("one, 10 %", "one, 9 %"):
        shown.progress(text)
    shown.say("done")
    return output.getvalue()


def test_progress_is_one_changing_line_on_a_terminal() -> None:
    assert output_of(Terminal()) == "\rone, 10 %\rone, 9 % \r        \rdone\n"


def test_progress_is_written_as_lines_elsewhere() -> None:
    assert output_of(io.StringIO()) == "one, 10 %\none, 9 %\ndone\n"


def test_db_migrate_reports_each_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["db", "migrate", "--db", f"sqlite:///{tmp_path}/games.db"]
    assert cli.main(words) == 0
    first = capsys.readouterr()
    assert [line.partition(" done in ")[0] for line in first.err.splitlines()] == [
        "schema: 001_first",
        "schema: 002_best_runs",
        "schema: 003_compatible_from",
        "schema: 004_tokens",
        "schema: 005_store_facts",
        "schema: 006_runs",
    ]
    assert cli.main(words) == 0
    second = capsys.readouterr()
    assert second.err == ""
    assert second.out.startswith("the schema is up to date: ")


def test_a_schema_that_needs_a_newer_release_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["db", "migrate", "--db", f"sqlite:///{tmp_path}/games.db"]
    cli.main(words)
    capsys.readouterr()
    file = apsw.Connection(str(tmp_path / "games.db"))
    newer = len(migrations("sqlite")) + 1
    file.execute(f"insert into schema_version values ({newer}, '77.0', 0); pragma user_version={newer};")
    file.close()
    assert cli.main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dungeonfighter db migrate: the database has schema {newer}, ")
    assert f"schema {newer} needs release 77.0 or newer; run the release that migrated the database" in line


def test_a_database_in_memory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["db", "migrate", "--db", "memory://"]) == 2
    assert capsys.readouterr().err == (
        "dungeonfighter db migrate: --db: memory:// has no schema to migrate; "
        "name a database that keeps games: sqlite:///FILE or postgresql://...\n"
    )


def test_the_database_is_reported_with_its_whole_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["db", "migrate", "--db", "sqlite:///games.db"]) == 0
    assert str(tmp_path / "games.db") in capsys.readouterr().out
