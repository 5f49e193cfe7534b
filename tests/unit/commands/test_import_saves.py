"""`db import-saves`: its output, its report and its exit codes."""

from __future__ import annotations

import json
import os
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter import cli
from dungeonfighter.commands.database import import_saves
from dungeonfighter.rules import load_rules
from tests.unit.storage.save_samples import encoded, sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "saves"
    folder.mkdir()
    (folder / "ada_save.json").write_bytes(encoded(sample("v6") | {"name": "Ada"}))
    (folder / "bob_dead.json").write_bytes(encoded(sample("v3") | {"name": "Bob", "isDead": True}))
    return folder


def run(tmp_path: Path, *words: object) -> int:
    return cli.main(["db", "import-saves", *map(str, words), "--db", f"sqlite:///{tmp_path}/games.db"])


def report_of(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_outcome_of_each_file_and_field_is_printed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, folder) == 0
    lines = capsys.readouterr().out.splitlines()
    (ada,) = (line for line in lines if "ada_save.json" in line)
    assert re.fullmatch(
        r"imported   \S+ada_save.json -> local/Ada-[0-9a-f]{8} \(v6, Ada, dagger, level 6\): "
        r"\d+ kept, \d+ repaired, \d+ dropped",
        ada,
    )
    assert any(", mace, level 6, dead): " in line or ", dagger, level 6, dead): " in line for line in lines)
    assert any(
        line.startswith("  repaired  currentRegionId: lava -> forest (a region opens") for line in lines
    )
    assert lines[-1] == (
        "2 files: 2 imported (1 of them dead: finished runs), 0 there already, 0 bad, 0 skipped"
    )
    assert run(tmp_path, folder) == 0
    assert capsys.readouterr().out.endswith("2 files: 0 imported, 2 there already, 0 bad, 0 skipped\n")


def test_a_bad_file_is_named_and_the_exit_code_is_1_each_time(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "cut.json").write_text('{"name": "Cy')
    (folder / "read.me").write_text("")
    for _ in range(2):
        assert run(tmp_path, folder) == 1
        lines = capsys.readouterr().out.splitlines()
        assert (
            f"bad        {folder}/cut.json: no JSON: Unterminated string starting at in line 1, column 10"
            in lines
        )
        assert f"skipped    {folder}/read.me: not called *.json; name the file itself to import it" in lines
        assert lines[-1].endswith(" 1 bad, 1 skipped")


def test_the_report_has_every_file_and_is_no_save_itself(folder: Path, tmp_path: Path) -> None:
    report = folder / "report.json"
    for statuses in (["imported"] * 2, ["exists"] * 2):
        assert run(tmp_path, folder, "--report", report) == 0
        found = report_of(report)
        assert (found["format"], found["version"]) == ("dungeonfighter-import-report", 1)
        assert (found["dryRun"], found["complete"]) == (False, True)
        assert [each["status"] for each in found["files"]] == statuses
        assert sum(found["counts"].values()) - found["counts"]["dead"] == 2
        ada = found["files"][0]
        assert ada["hero"] == {"name": "Ada", "weapon": "dagger", "level": 6, "run": "live"}
        assert {"path": "level", "was": 6} in ada["kept"]
        assert {"path", "was", "now", "why"} == ada["repaired"][0].keys()
        assert "comboStep" in ada["empty"]
    assert not list(folder.glob("*.part"))
    assert run(tmp_path, folder) == 0


def test_a_report_never_replaces_what_is_no_file(folder: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run(tmp_path, folder / "ada_save.json", "--report", pipe) == 0
    assert json.loads(os.read(reader, 65_536))["complete"] is True
    assert pipe.is_fifo()
    os.close(reader)


def test_a_dry_run_makes_no_database(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    assert run(tmp_path, folder, "--dry-run") == 0
    assert sorted(tmp_path.iterdir()) == before
    assert "2 could be imported" in capsys.readouterr().out
    assert run(tmp_path, folder / "ada_save.json") == 0
    file = tmp_path / "games.db"
    content = file.read_bytes()
    assert run(tmp_path, folder, "--dry-run", "--report", tmp_path / "report.json") == 0
    assert file.read_bytes() == content
    found = report_of(tmp_path / "report.json")
    assert found["dryRun"] is True
    assert [each["status"] for each in found["files"]] == ["exists", "importable"]


def test_a_single_file_may_have_a_bot_and_a_fleet(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, folder / "ada_save.json", "--bot", "ada", "--fleet", "team-a") == 0
    assert " -> team-a/ada (v6, Ada" in capsys.readouterr().out
    assert cli.main(["bots", "show", "team-a/ada", "--db", f"sqlite:///{tmp_path}/games.db"]) == 0
    assert "hero        Ada, Rogue, level 6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bot", "ada"], "--bot names the bot of a single file, and these paths have 2"),
        (["--bot", "a/b"], "--bot: 'a/b' is not a bot id"),
        (["--fleet", "Team A"], "--fleet: a fleet is 1 to 32 of a-z, 0-9 and minus; got 'Team A'"),
        (
            ["--report", "no/such/report.json"],
            "--report: no/such/report.json cannot be written: no such file",
        ),
        (["--db", "memory://"], "--db: memory:// keeps no bots"),
    ],
)
def test_wrong_words_import_no_hero(
    words: list[str], message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = [] if "--db" in words else ["--db", f"sqlite:///{tmp_path}/games.db"]
    assert cli.main(["db", "import-saves", str(folder), *words, *database]) == 2
    assert capsys.readouterr().err.startswith(f"dungeonfighter db import-saves: {message}")


def test_a_report_on_a_full_disk_ends_the_import_with_the_way_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    assert run(tmp_path, folder, "--report", "/dev/full") == 1
    assert "--report: the file cannot be written: no space left on device; " in capsys.readouterr().err
    assert run(tmp_path, folder) == 0


def test_many_files_are_only_summed_up(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_saves, "DETAILED_FILES_MAX", 1)
    assert run(tmp_path, folder) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_hero_begins_under_the_rules_of_a_given_catalogue(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    packaged = Path(str(resources.files("dungeonfighter.rules.catalog"))) / "content" / "regions.json"
    (catalogue / "regions.json").write_text(packaged.read_text().replace("The Ember Fells", "The Ash Fells"))
    assert run(tmp_path, folder / "ada_save.json", "--bot", "ada", "--catalog", catalogue) == 0
    capsys.readouterr()
    assert cli.main(["bots", "show", "ada", "--json", "--db", f"sqlite:///{tmp_path}/games.db"]) == 0
    assert load_rules().identity not in capsys.readouterr().out
