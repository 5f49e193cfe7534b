"""docs/settings.md is written from the code, and describes each setting."""

from __future__ import annotations

from dungeonfighter.setting_fields import FIELDS
from testkit import settings_reference


def test_the_reference_is_up_to_date() -> None:
    assert settings_reference.PLACE.read_text(encoding="utf-8") == settings_reference.text(), (
        "run `make docs`"
    )


def test_each_setting_has_a_row_with_its_names_and_a_default() -> None:
    rows = [line.split(" | ") for line in settings_reference.text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(FIELDS)
    for field, (variables, flags, default, meaning, reread) in zip(FIELDS, rows, strict=True):
        assert all(f"`{name}`" in variables for name in field.all_variables)
        assert all(f"`{name} " in flags for name in field.flags)
        assert "default" not in meaning
        assert bool(default.strip()) == ("default:" in field.purpose)
        assert field.is_secret == ("SIGHUP" in reread)
