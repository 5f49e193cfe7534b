"""The opening of a store, over stores that are ready after some attempts, or never."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from dungeonfighter.errors import StoreError, StoreNotReady, StoreUnavailable
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.serving import opening
from dungeonfighter.serving.opening import Opening
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.settings import Settings, read_settings
from dungeonfighter.storage.memory import MemoryStore

STORES = ("sqlite", "memory", "postgresql")


class Late(MemoryStore):
    """A store whose first attempts fail; `made` has the settings of each attempt."""

    def __init__(self, errors: list[StoreError]) -> None:
        super().__init__()
        self._errors = errors

    async def open(self) -> None:
        if self._errors:
            raise self._errors.pop(0)
        await super().open()


class Attempts:
    """Makes stores that share the errors to come, and notes the settings of each."""

    def __init__(self, *errors: StoreError) -> None:
        self._errors = list(errors)
        self.settings: list[Settings] = []
        self.waits = 0

    def make(self, settings: Settings) -> RankingStore:
        self.settings.append(settings)
        return cast("RankingStore", Late(self._errors))

    def wait(self) -> None:
        self.waits += 1


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PAUSE_SECONDS", 0.0)


async def test_a_store_is_opened_in_as_many_attempts_as_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    attempts = Attempts(*(StoreNotReady("connection refused") for _ in range(5)))
    store = await Opening(Settings(), attempts.make).open(3600, attempts.wait)
    assert await store.heads(["a"]) == [None]
    assert (len(attempts.settings), attempts.waits) == (6, 1)
    assert caplog.text.count("waiting for the store, for 3600 s at most: connection refused") == 1


async def test_without_patience_there_is_one_attempt() -> None:
    attempts = Attempts(StoreNotReady("connection refused"))
    with pytest.raises(StoreNotReady, match="connection refused"):
        await Opening(Settings(), attempts.make).open(0, attempts.wait)
    assert (len(attempts.settings), attempts.waits) == (1, 0)


async def test_the_last_error_is_raised_when_the_time_is_over() -> None:
    attempts = Attempts(*(StoreNotReady("connection refused") for _ in range(100_000)))
    with pytest.raises(StoreNotReady):
        await Opening(Settings(), attempts.make).open(0.01, attempts.wait)
    assert attempts.waits == 1
    assert len(attempts.settings) > 1


async def test_an_error_that_does_not_pass_is_raised_at_once() -> None:
    attempts = Attempts(StoreNotReady("connection refused"), StoreUnavailable("wrong password"))
    with pytest.raises(StoreUnavailable, match="wrong password"):
        await Opening(Settings(), attempts.make).open(3600, attempts.wait)
    assert len(attempts.settings) == 2


@pytest.mark.parametrize(
    ("written", "used"),
    [("postgresql://u:second@h/games", "second"), ("postgresql://u:second@other/games", "first")],
)
async def test_a_secret_that_changes_meanwhile_is_used_by_the_next_attempt(
    tmp_path: Path, written: str, used: str
) -> None:
    file = tmp_path / "db"
    file.write_text("postgresql://u:first@h/games")
    environ = {"DB_CONNECTION_STRING_FILE": str(file)}
    settings = read_settings({}, environ, stores=STORES)
    secrets = Secrets(settings, {}, environ)
    attempts = Attempts(StoreNotReady("connection refused"))

    def change() -> None:
        file.write_text(written)
        secrets.read_anew()

    await Opening(settings, attempts.make, secrets).open(3600, change)
    before, after = (made.database.url for made in attempts.settings)
    assert before == "postgresql://u:first@h/games"
    assert after == f"postgresql://u:{used}@h/games"


async def test_no_line_says_that_the_start_waits_for_less_than_a_second(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PROGRESS_SECONDS", 0.0)
    attempts = Attempts(*(StoreNotReady("connection refused") for _ in range(100_000)))
    with pytest.raises(StoreNotReady):
        await Opening(Settings(), attempts.make).open(0.01, attempts.wait)
    assert caplog.text.count("waiting for the store") == 1


async def test_the_database_that_a_start_waits_for_is_named(caplog: pytest.LogCaptureFixture) -> None:
    settings = read_settings({"database": "postgresql://u:s3cret@games.example:5433/g"}, {}, stores=STORES)
    await Opening(settings, Attempts(StoreNotReady("Name or service not known")).make).open(9, lambda: None)
    assert "Name or service not known (postgresql://games.example:5433/g)" in caplog.text
    assert "s3cret" not in caplog.text
