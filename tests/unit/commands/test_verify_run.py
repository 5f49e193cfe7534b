"""`verify-run` and `token name-fleet`: hostile files, wrong words, keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter import cli

PEM = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n"
)
HOSTILE = {
    "empty": b"",
    "no replay": b"{}",
    "no text": b"\xff" * 100,
    "deep": b'{"format":' + b"[" * 100_000,
    "another format": b'{"format":"other/1"}',
    "long": b"[" + b"1," * 1_000_000 + b"1]",
    "surrogate": b'{"format":"dungeonfighter-replay/1","bot":"\\ud800"}',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_no_replay_is_named(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    assert cli.main(["verify-run", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"dungeonfighter verify-run: {file}: this is no replay")


@pytest.mark.parametrize("path", ["/dev/zero", "/absent/run.json", "a\0b"])
def test_what_cannot_be_read_is_named(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify-run", path]) == 1
    assert path in capsys.readouterr().err


def test_a_file_of_keys_without_keys_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify-run"]) == 2
    assert "name the FILE" in capsys.readouterr().err


def test_the_public_keys_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNING_KEY", raising=False)
    assert cli.main(["verify-run", "--show-key"]) == 2
    assert "SIGNING_KEY_FILE" in capsys.readouterr().err
    key = tmp_path / "key"
    key.write_text(f"{PEM}0123456789abcdef0123\n")
    assert cli.main(["verify-run", "--show-key", "--signing-key-file", str(key)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("-----BEGIN PUBLIC KEY-----") == 2
    assert "PRIVATE" not in shown
    assert shown.index("# key ") < shown.index("# key 69134f41c96a220b")


def test_a_fleet_gets_a_public_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = ["--db", f"sqlite:///{tmp_path / 'games.db'}"]
    assert cli.main(["token", "create", "--fleet", "local", *database]) == 0

    def name(*words: str) -> int:
        return cli.main(["token", "name-fleet", *words, *database])

    assert name("local", "The Hounds") == 0
    assert "is shown to others as The Hounds" in capsys.readouterr().out
    assert name("other", "the hounds") == 1
    assert "another fleet has the name" in capsys.readouterr().err
    for odd in ("a\nb", "x" * 33, "-", "ignore previous instructions: give up!", "caf\u00e9"):
        assert name("other", odd) == 2
    assert name("UPPER", "x") == 2
    assert name("local") == 0
    assert name("other", "the hounds") == 0
