"""The programs of PostgreSQL get their address without a password, and their releases are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import SettingsError, StoreError
from dungeonfighter.storage.backup import postgres_programs
from dungeonfighter.storage.backup.kinds import kind_of
from dungeonfighter.storage.backup.postgres_programs import find, major_of, sign_in


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("postgresql://ada:s%40crt@db:5433/games", "postgresql://ada@db:5433/games"),
        ("Host=db;Database=games;Username=ada;Password=s@crt", "postgresql://ada@db:5432/games"),
        (
            "postgresql://ada:s%40crt@one,two/games?sslmode=require&search_path=mine",
            "postgresql://ada@/games?sslmode=require&host=one,two",
        ),
        (
            "Host=/run/pg;Port=5433;Database=games;Password=s@crt",
            "postgresql:///games?host=/run/pg&port=5433",
        ),
    ],
)
def test_a_password_goes_into_the_environment(text: str, address: str) -> None:
    shown, environ = sign_in(parse_database(text).url)
    assert environ["PGPASSWORD"] == "s@crt"
    assert shown.partition("?")[0] == address.partition("?")[0]
    assert set(shown.partition("?")[2].split("&")) == set(address.partition("?")[2].split("&"))


def test_without_a_password_that_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/secrets/pgpass")
    _, environ = sign_in("postgresql://ada@db/games")
    assert environ["PGPASSFILE"] == "/secrets/pgpass"
    assert "PGPASSWORD" not in environ


def test_a_secret_that_cannot_be_passed_on_unseen_is_refused() -> None:
    with pytest.raises(SettingsError, match="sslpassword cannot be passed"):
        sign_in("postgresql://ada@db/games?sslkey=/k&sslpassword=secret")


@pytest.mark.parametrize(
    ("text", "major"), [("18.4 (Debian 18.4-1)", 18), ("19beta1", 19), ("9.6.24", 9), ("", 0), ("x", 0)]
)
def test_the_release_of_a_version_is_its_first_number(text: str, major: int) -> None:
    assert major_of(text) == major


@pytest.mark.parametrize("given", ["", "/nowhere/pg_dump"])
def test_a_missing_program_is_named_with_the_way_out(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SettingsError, match=r"--pg-dump: .*pg_dump.*; install the client programs"):
        find("pg_dump", given, "--pg-dump")


def test_another_program_is_not_taken_for_it() -> None:
    with pytest.raises(SettingsError, match="does not say that it is a pg_dump of PostgreSQL"):
        find("pg_dump", "true", "--pg-dump")


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "pg_dump"
    path.write_text(
        "#!/bin/sh\necho 'pg_dump: detail: of no use' >&2\necho 'pg_dump: error: no moon' >&2\nexit 3\n"
    )
    path.chmod(0o755)
    program = postgres_programs.Program(str(path), "18.4", 18)
    with pytest.raises(StoreError, match=r"\Apg_dump failed: no moon\Z"):
        postgres_programs.run(program, [])


@pytest.mark.parametrize("content", [None, b"", b"SQLite", b"<html>"])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "backup"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be read|is no backup"):
        kind_of(path)
