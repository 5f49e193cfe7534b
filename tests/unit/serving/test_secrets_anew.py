"""What SIGHUP makes a process say."""

from __future__ import annotations

import logging

import pytest

from dungeonfighter.serving import secrets_anew
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.settings import Settings


@pytest.mark.parametrize("has_file", [True, False])
def test_a_log_that_is_opened_anew_is_named(
    has_file: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "dungeonfighter")
    monkeypatch.setattr(secrets_anew, "reopen_log", lambda: has_file)
    Secrets(Settings(), {}, {}).read_anew()
    assert ("the file of the log is opened anew" in caplog.text) is has_file
