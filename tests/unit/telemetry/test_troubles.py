"""The last warnings and errors of a process: bounded, one for each place, with their causes; no secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.telemetry.hidden import hiding, secrets_in
from dungeonfighter.telemetry.troubles import MESSAGE_CHARS_MAX, TROUBLES_MAX, TroubleLog

FILE = "storage.py"


@pytest.fixture
def log() -> Iterator[TroubleLog]:
    kept = TroubleLog()
    logger = logging.getLogger("tests.troubles")
    logger.addHandler(kept)
    logger.propagate = False
    yield kept
    logger.removeHandler(kept)
    logger.propagate = True


def warn(text: str, line: int = 1, at: float | None = None) -> None:
    """Log a warning from a made-up place in the code."""
    logger = logging.getLogger("tests.troubles")
    record = logger.makeRecord(logger.name, logging.WARNING, FILE, line, text, (), None)
    if at is not None:
        record.created = at
    logger.handle(record)


def test_the_newest_troubles_come_first_and_older_ones_go(log: TroubleLog) -> None:
    for line in range(TROUBLES_MAX + 5):
        warn(f"trouble {line}", line)
    messages = [trouble.message for trouble in log.newest()]
    assert messages == [f"trouble {line}" for line in range(TROUBLES_MAX + 4, 4, -1)]


def test_a_flood_from_one_place_is_one_trouble_with_a_count(log: TroubleLog) -> None:
    warn("another one", 2)
    for number in range(5000):
        warn(f"flood {number}", 1, 100.0 + number / 1000)
    newest, other = log.newest()
    assert (newest.count, newest.first_at, newest.at) == (5000, 100.0, 104.999)
    assert newest.message == "flood 4000", "the text is of a late record, and not each of them was formatted"
    assert (other.message, other.count) == ("another one", 1)


def test_a_warning_below_its_level_and_information_are_not_kept(log: TroubleLog) -> None:
    logging.getLogger("tests.troubles").info("all is well")
    assert log.newest() == []


def test_an_exception_is_named_with_its_place_on_one_line(log: TroubleLog) -> None:
    try:
        raise ConnectionError("lost\nthe line")
    except ConnectionError:
        logging.getLogger("tests.troubles").exception("the store failed")
    (trouble,) = log.newest()
    assert trouble.level == "error"
    assert trouble.message.startswith("the store failed (ConnectionError: lost the line at test_troubles.py:")


def test_texts_are_short_and_wrong_calls_do_no_harm(log: TroubleLog) -> None:
    warn("x" * 10_000, 1)
    wrong = logging.LogRecord("tests", logging.WARNING, FILE, 2, "%d is no number", ("this",), None)
    log.handle(wrong)  # not through the loggers: the handler of pytest would raise
    newest, long = log.newest()
    assert newest.message == "%d is no number"
    assert len(long.message) == MESSAGE_CHARS_MAX


def test_a_kept_copy_does_not_change(log: TroubleLog) -> None:
    warn("once")
    before = log.newest()
    warn("once")
    assert before[0].count == 1
    assert log.newest()[0].count == 2


PASSWORD = 'planted "4b7c9'


@pytest.mark.parametrize(
    "text",
    [
        'cannot sign in with planted "4b7c9 there',
        'a JSON text: "planted \\"4b7c9"',
        "GET postgresql://me:planted-9c@db/games failed",
        "Authorization: Bearer planted-token",
        "a token df_plantedplantedplantedplanted here",
        "Host=db;Password=planted;Database=games",
        "eyJhbGciOi.eyJzdWI.c2ln-planted",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    hidden = hiding([PASSWORD])(text)
    assert "planted" not in hidden
    assert "***" in hidden


def test_innocent_texts_stay() -> None:
    text = "postgresql://db:5432/games is down; df_short stays; the postgres server too: http://a/b@c"
    assert hiding(["sql", "post"])(text) == text


def test_the_secrets_of_settings_are_found() -> None:
    database = parse_database("postgresql://me:p%40ss%2Fword@h/d?sslpassword=key-secret")
    found = set(secrets_in(database, "redis://:hidden-one@h:1/0", "signing-key-text", None))
    assert {"p@ss/word", "p%40ss%2Fword", "key-secret", "hidden-one", "signing-key-text"} <= found
