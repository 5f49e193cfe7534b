"""The rules that a release ships: its own, and those of earlier releases unchanged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dungeonfighter.errors import NewerRules
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import GameOptions, Rules, load_rules, releases
from dungeonfighter.rules.catalog.loader import load_catalogue
from testkit.server_process import ROOT

CONTENT = ROOT / "src" / "dungeonfighter" / "rules" / "catalog" / "content"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    folder = tmp_path / "changed"
    shutil.copytree(CONTENT, folder)
    enemies = json.loads((CONTENT / "enemies.json").read_text())
    for enemy in enemies:
        enemy["archetype"] = "brute"
    (folder / "enemies.json").write_text(json.dumps(enemies))
    return folder


def digest_after(rules: Rules, inputs: int) -> bytes:
    state = rules.new_game(GameOptions(seed=3, weapon=0))
    for _ in range(inputs):
        state = rules.advance(state, "1").state
    return rules.digest(rules.encode(state))


def test_without_a_directory_the_packaged_rules_are_current() -> None:
    assert releases.shipped_rules()[0].identity == load_rules().identity


def test_a_given_catalogue_precedes_the_packaged_one(changed: Path) -> None:
    shipped = releases.shipped_rules(changed)
    assert shipped[1].identity == load_rules().identity != shipped[0].identity
    shipped_rules = ShippedRules(shipped)
    assert shipped_rules.current is shipped[0]
    assert digest_after(shipped_rules.of(load_rules().identity), 60) == digest_after(load_rules(), 60)
    assert digest_after(shipped_rules.current, 60) != digest_after(load_rules(), 60)


def test_an_earlier_release_is_shipped_and_plays_unchanged(
    changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Rules(load_catalogue(changed))
    folder = changed.rename(changed.with_name(earlier.identity))
    monkeypatch.setattr(releases, "_previous_folders", lambda: [folder])
    shipped_rules = ShippedRules(releases.shipped_rules())
    assert shipped_rules.current.identity == load_rules().identity
    assert digest_after(shipped_rules.of(earlier.identity), 60) == digest_after(earlier, 60)


def test_the_folder_of_an_earlier_release_has_the_name_of_its_rules() -> None:
    shipped = {rules.identity for rules in releases.shipped_rules()}
    for folder in releases._previous_folders():
        assert folder.name in shipped


def test_an_unknown_identity_raises_newer_rules() -> None:
    with pytest.raises(NewerRules, match="0-gone"):
        ShippedRules(releases.shipped_rules()).of("0-gone")
