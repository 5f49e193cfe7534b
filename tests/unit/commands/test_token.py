"""`token list` and `token revoke` make no database; `token create` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter import cli


@pytest.mark.parametrize("words", [["list"], ["revoke", "df_abc"]], ids=" ".join)
def test_a_database_that_is_not_there_is_named_and_not_made(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "typo.db"
    assert cli.main(["token", *words, "--db", f"sqlite:///{file}"]) != 0
    shown = capsys.readouterr()
    assert f"there is no database {file}" in shown.err
    assert shown.out == ""
    assert not file.exists()


def test_the_first_token_makes_the_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new.db"
    assert cli.main(["token", "create", "--fleet", "a", "--db", f"sqlite:///{file}"]) == 0
    assert cli.main(["token", "list", "--db", f"sqlite:///{file}"]) == 0
    assert capsys.readouterr().out.count("df_") == 2
