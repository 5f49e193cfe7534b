"""The schema of the content files is up to date, accepts the packaged content, and refuses wrong words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dungeonfighter import cli
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.catalog.loader import packaged_files
from dungeonfighter.rules.catalog.schema import FILE_NAME, catalogue_schema, catalogue_schema_text

DOCS = Path(__file__).parents[3] / "docs"
VALIDATOR = jsonschema.Draft202012Validator(catalogue_schema())
Rows = dict[str, list[dict[str, Any]]]
Output = pytest.CaptureFixture[str]


def content() -> Rows:
    return {kind: json.loads(raw) for kind, raw in packaged_files().items()}


def test_the_schema_in_docs_is_the_schema() -> None:
    """`make docs` renews the file."""
    assert (DOCS / FILE_NAME).read_text(encoding="utf-8") == catalogue_schema_text()


def test_the_schema_is_one_and_accepts_the_packaged_content() -> None:
    jsonschema.Draft202012Validator.check_schema(catalogue_schema())
    assert [error.message for error in VALIDATOR.iter_errors(content())] == []


FAULTS: list[tuple[str, Callable[[Rows], object]]] = [
    ("enemies", lambda c: c["enemies"][0].update(status="rot")),
    ("enemies", lambda c: c["enemies"][0].update(colour="red")),
    ("enemies", lambda c: c["enemies"][-1].update(pattern=["sing"])),
    ("events", lambda c: c["events"][0]["options"][0].update(gain=["turns", 1])),
    ("hazards", lambda c: c["hazards"][0].update(damage="much")),
    ("places", lambda c: c["places"][0].pop("hint")),
]


@pytest.mark.parametrize(("kind", "change"), FAULTS)
def test_the_schema_refuses_what_no_file_may_have(kind: str, change: Callable[[Rows], object]) -> None:
    changed = content()
    change(changed)
    errors = list(VALIDATOR.iter_errors(changed))
    assert len(errors) == 1
    assert errors[0].absolute_path[0] == kind


def test_copied_files_are_sound_and_changed_ones_make_other_rules(tmp_path: Path, capsys: Output) -> None:
    folder = tmp_path / "game"
    assert cli.main(["catalog", "copy", str(folder), "talents", "enemies"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [FILE_NAME, "enemies.json", "talents.json"]
    assert load_rules(folder).identity == load_rules().identity
    rows = json.loads((folder / "enemies.json").read_text(encoding="utf-8"))
    rows[0]["amount"] += 1
    (folder / "enemies.json").write_text(json.dumps(rows), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["catalog", "check", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"sound: rules {load_rules(folder).identity} with ")
    assert load_rules().identity not in shown


def test_a_copy_overwrites_no_file_and_names_unknown_ones(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "talents.json").write_text("mine", encoding="utf-8")
    assert cli.main(["catalog", "copy", str(tmp_path), "talents", "monsters"]) == 2
    shown = capsys.readouterr().err
    assert "talents.json exists" in shown
    assert "there is no file monsters; there are actions, " in shown
    assert (tmp_path / "talents.json").read_text(encoding="utf-8") == "mine"


def test_a_check_names_file_row_and_field(tmp_path: Path, capsys: Output) -> None:
    rows = content()
    rows["hazards"][1]["amount"] = "much"
    (tmp_path / "hazards.json").write_text(json.dumps(rows["hazards"]), encoding="utf-8")
    assert cli.main(["catalog", "check", str(tmp_path)]) == 2
    assert "hazards.json row 2: Expected `int`, got `str` - at `$.amount`" in capsys.readouterr().err
