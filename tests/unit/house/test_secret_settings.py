"""Secrets from files: read, refused with the cause, and handed to workers without a flag."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.secret_files import SECRET_BYTES_MAX
from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import add_arguments, read_settings, worker_words

SECRET = "planted-6e1f"
URL = f"postgresql://u:{SECRET}@h/d"
STORES = ("sqlite", "memory", "postgresql")


def problems_of(flags: dict[str, str], environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(flags, environ, stores=STORES)
    return "\n".join(caught.value.problems)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{URL}\n")
    return path


def test_a_file_holds_the_value(file: Path) -> None:
    by_variable = read_settings({}, {"DB_CONNECTION_STRING_FILE": str(file)}, stores=STORES)
    by_flag = read_settings({"database_file": str(file)}, {}, stores=STORES)
    assert by_variable.database.url == by_flag.database.url == URL
    assert by_variable.notes == by_flag.notes == ()


def test_each_secret_has_a_flag_for_its_file(file: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    flags = vars(parser.parse_args(["--db-connection-string-file", str(file)]))
    assert read_settings(flags, {}, stores=STORES).database.url == URL


def test_every_setting_that_sounds_like_a_secret_is_one() -> None:
    words = ("CONNECTION_STRING", "KEY", "PASSWORD", "_TOKEN", "SECRET")
    sounding = {field.attribute for field in FIELDS if field.variables[0].endswith(words)} - {
        "rate_per_token"
    }
    assert sounding <= {field.attribute for field in FIELDS if field.is_secret}


def test_two_forms_at_once_are_refused(file: Path) -> None:
    both = {"DB_CONNECTION_STRING": URL, "DB_CONNECTION_STRING_FILE": str(file)}
    assert problems_of({}, both) == (
        "DB_CONNECTION_STRING: DB_CONNECTION_STRING_FILE is given, too; leave one of them out"
    )
    found = problems_of({"database": URL, "database_file": str(file)}, {})
    assert found == "--db: --db-connection-string-file is given, too; leave one of them out"


def test_a_flag_wins_over_the_variable_of_a_file(file: Path) -> None:
    given = read_settings({"database": "memory://"}, {"DB_CONNECTION_STRING_FILE": str(file)})
    assert given.database.kind == "memory"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff" + SECRET.encode(), "holds no text in UTF-8"),
        (SECRET.encode() * SECRET_BYTES_MAX, f"has more than {SECRET_BYTES_MAX} bytes"),
        (b"postgresql://u:" + SECRET.encode() + b"@h:port/d", "port"),
        (SECRET.encode(), "is no known connection string"),
    ],
)
def test_a_wrong_content_is_named_and_not_shown(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    found = problems_of({}, {"DB_CONNECTION_STRING_FILE": str(file)})
    assert found.startswith("DB_CONNECTION_STRING_FILE: ")
    assert reason in found
    assert SECRET not in found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path, reason in [(tmp_path / "none", "no such file"), (tmp_path, "is no regular file")]:
        found = problems_of({}, {"READ_DB_CONNECTION_STRING_FILE": str(path)})
        assert str(path) in found
        assert reason in found
    assert "file name" in problems_of({"database_file": "a\0b"}, {})


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Run the test as a user without rights."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
def test_the_owner_and_mode_of_an_unreadable_file_are_named(
    file: Path, request: pytest.FixtureRequest
) -> None:
    file.chmod(0)
    for folder in (file.parent, *file.parents):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o111)
    request.getfixturevalue("as_nobody")
    found = problems_of({}, {"DB_CONNECTION_STRING_FILE": str(file)})
    assert f"it belongs to user {file.stat().st_uid} and group {file.stat().st_gid} with mode 0000" in found
    assert f"this process is user {os.geteuid()}" in found


def test_a_password_in_a_flag_is_noted() -> None:
    given = read_settings({"database": URL}, {}, stores=STORES)
    assert "DB_CONNECTION_STRING_FILE" in "".join(given.notes)
    assert SECRET not in "".join(given.notes)
    assert read_settings({"database": "postgresql://u@h/d"}, {}, stores=STORES).notes == ()
    assert read_settings({}, {"DB_CONNECTION_STRING": URL}, stores=STORES).notes == ()


def test_no_text_about_the_settings_has_a_secret() -> None:
    given = read_settings({}, {"DB_CONNECTION_STRING": URL}, stores=STORES)
    assert SECRET not in repr(given) + str(given.database)
    assert "port=8000" in repr(given)


def test_workers_get_secrets_in_their_environment(file: Path) -> None:
    flags = {"database": URL, "database_file": None, "port": "1", "workers": "2"}
    environ = {"DB_CONNECTION_STRING_FILE": "old", "HOME": "/root"}
    words, theirs = worker_words(flags, environ, port=5)
    assert sorted(words) == ["--port=5", "--workers=2"]
    assert theirs == {"DB_CONNECTION_STRING": URL, "HOME": "/root"}
    words, theirs = worker_words({"database_file": str(file)}, environ)
    assert words == []
    assert theirs == {"DB_CONNECTION_STRING_FILE": str(file), "HOME": "/root"}
    assert worker_words({}, environ) == ([], environ)
