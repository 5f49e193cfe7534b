"""For all tests: the servers that tests start do not inherit the settings of the developer's environment."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator

import pytest

from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import NOT_YET


def pytest_configure() -> None:
    for name in (*(variable for field in FIELDS for variable in field.variables), *NOT_YET):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def logs_of_this_process_stay_as_they_are() -> Iterator[None]:
    """Fail a test that sets up the logs of the tests' own process: later tests would miss their lines."""
    yield
    assert logging.getLogger("dungeonfighter").level == logging.NOTSET


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the skipped tests by reason; .ci/run repeats these lines at its end."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("skipped, by reason")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
