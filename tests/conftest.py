"""For all tests: the servers that tests start do not inherit the settings of the developer's environment."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Iterator

import pytest

from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import NOT_YET
from testkit.parts import PartMissing
from testkit.rabbitmq_server import RabbitMQServer, rabbitmq_program
from tests.parts import go_without


def pytest_configure() -> None:
    for name in (*(variable for field in FIELDS for variable in field.variables), *NOT_YET):
        os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Skip a test whose fixture lacks a part."""
    with _skipping():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Skip a test that lacks a part."""
    with _skipping():
        yield


@contextlib.contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except PartMissing as missing:
        go_without(missing.part)


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQServer]:
    """A RabbitMQ node for the whole session; a test that stops the node must start it, too."""
    found = rabbitmq_program() or go_without("rabbitmq")
    with RabbitMQServer(found, tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


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
