"""`missing_steps` decides whether a release may run on a schema."""

from __future__ import annotations

import pytest

from dungeonfighter import __version__
from dungeonfighter.errors import SchemaTooNew
from dungeonfighter.storage.releases import missing_steps, release_order
from dungeonfighter.storage.sql_files import Migration

STEPS = [Migration(number, f"00{number}_step", "0.1.0", False, "") for number in (1, 2, 3)]
KNOWN: dict[int, str | None] = {1: None, 2: None, 3: "0.1.0"}


def test_releases_are_sorted_by_their_numbers_and_a_pre_release_comes_before_its_release() -> None:
    releases = ["0.1.0", "0.1.1", "0.2.0.dev1", "0.2.0a1", "0.2.0-beta.2", "0.2.0rc1", "0.2.0rc2", "0.2.0",
                "0.2.0.post1", "0.9.9", "0.10.0", "1.0.0-rc.1", "1.0.0", "1.0.1"]  # fmt: skip
    releases_by_name = sorted(releases)
    assert sorted(releases_by_name, key=release_order) == releases


def test_spellings_of_one_release_are_equal() -> None:
    assert len({release_order(text) for text in ("0.2", "0.2.0", "v0.2.0", "0.2.0+build.7")}) == 1
    assert release_order("0.2.0rc1") == release_order("0.2.0-RC.1")


@pytest.mark.parametrize("text", ["", "unknown", "0.2.0.", "0.2.x", "-1", "0.2.0rc1.dev3"])
def test_an_invalid_release_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no release number"):
        release_order(text)


def test_this_release_has_a_number_that_can_be_compared() -> None:
    assert release_order(__version__) > release_order("0.0.9")


def test_an_unapplied_step_is_missing_even_below_applied_ones() -> None:
    assert missing_steps(STEPS, {}) == STEPS
    assert missing_steps(STEPS, {1: None, 3: "0.1.0"}) == [STEPS[1]]
    assert not missing_steps(STEPS, KNOWN)


@pytest.mark.parametrize("release", ["0.2.0", "0.2.1", "0.10.0", "1.0.0rc1"])
def test_a_release_runs_on_a_newer_schema_that_allows_it_and_applies_no_step(release: str) -> None:
    newer = KNOWN | {4: "0.2.0", 5: "0.1.0"}
    assert missing_steps(STEPS, newer, release) == []
    assert missing_steps(STEPS, newer | {2: None}, release) == []


@pytest.mark.parametrize("release", ["0.1.9", "0.2.0rc1", "0.0.10"])
def test_an_error_names_the_release_that_a_newer_schema_needs(release: str) -> None:
    with pytest.raises(
        SchemaTooNew, match=r"schema 5, .* knows 3, and schema 5 needs release 0\.2\.0 or newer"
    ):
        missing_steps(STEPS, KNOWN | {4: "0.2.0", 5: "0.1.0"}, release)


@pytest.mark.parametrize("recorded", [None, "later"])
def test_a_newer_schema_that_does_not_record_what_it_needs_is_refused(recorded: str | None) -> None:
    with pytest.raises(SchemaTooNew, match="whether it can run on 4 is not recorded"):
        missing_steps(STEPS, KNOWN | {4: recorded}, "9.0.0")
