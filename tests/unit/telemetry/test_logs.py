"""The log of a process: every line has the chosen form, repeated warnings are counted, levels are kept."""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from dungeonfighter.telemetry import log_limits
from dungeonfighter.telemetry.log_limits import RateLimit

SET_UP = (
    "import logging, os, sys, threading, warnings\n"
    "from dungeonfighter.settings import Settings\n"
    "from dungeonfighter.telemetry.logs import *\n"
    "settings = Settings(log_format=sys.argv[1], log_level=sys.argv[2], log_file=sys.argv[3])\n"
    "set_up_logs(settings, 'one')\n"
    "log = logging.getLogger('dungeonfighter.x')\n"
)


def logged(
    code: str, log_format: str = "json", level: str = "info", file: str = "", exit_code: int = 0
) -> str:
    """Return what a program wrote to standard error."""
    ended = subprocess.run(
        [sys.executable, "-c", SET_UP + code, log_format, level, file], check=False, capture_output=True
    )
    assert ended.returncode == exit_code, ended.stderr
    return ended.stderr.decode()


@pytest.mark.parametrize("log_format", ["json", "ecs"])
def test_everything_on_standard_error_is_json(log_format: str) -> None:
    code = (
        "warnings.warn('careful')\n"
        "print('printed', 'twice\\nor thrice', file=sys.stderr)\n"
        "logging.getLogger('uvicorn.error').error('a library')\n"
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "class Odd:\n"
        "    def __del__(self): raise OSError('in del')\n"
        "odd = Odd(); del odd\n"
        "log.info('%d', 'wrong'); log.warning('unfinished')\n"
        "print('no end', end='', file=sys.stderr)\n"
        "raise OSError('the end')\n"
    )
    lines = [json.loads(line) for line in logged(code, log_format, exit_code=1).splitlines()]
    messages = [line["message"] for line in lines]
    expected = [
        "printed twice", "or thrice", "a library", "an error could not be raised", "%d", "unfinished",
        "the process ends by an error", "no end",
    ]  # fmt: skip
    assert [message for message in messages if message in expected] == expected
    assert any("careful" in message for message in messages)
    assert any("ZeroDivisionError" in json.dumps(line.get("error", "")) for line in lines)
    assert any("OSError: the end" in json.dumps(line.get("error", "")) for line in lines)


def test_a_text_log_passes_printed_lines_on() -> None:
    assert logged("print('  a banner', file=sys.stderr)", "text") == "  a banner\n"


def test_a_traceback_at_the_start_is_written() -> None:
    assert logged("raise OSError('x')", "text", exit_code=1).endswith("OSError: x\n")


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", ["d", "i", "w", "e"]), ("info", ["i", "w", "e"]), ("warning", ["w", "e"]), ("error", ["e"])],
)
def test_the_level_bounds_the_lines(level: str, shown: list[str]) -> None:
    code = (
        "log.debug('d'); log.info('i'); log.warning('w')\nlog.error('e')\nlogging.getLogger('any').debug('l')"
    )
    assert [json.loads(line)["message"] for line in logged(code, level=level).splitlines()] == shown


def test_the_log_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    assert logged("log.info('one'); print('two', file=sys.stderr)", "text", file=str(file)) == ""
    one, two = file.read_text().splitlines()
    assert one.endswith("INFO    one")
    assert two == "two"
    assert not file.stat().st_mode & 0o007, "other users of the machine can read the log"


def test_a_file_that_cannot_be_opened_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    code = "raise SystemExit(0)"
    error = logged(code, "text", file=str(tmp_path), exit_code=1)
    assert f"--log-file: {tmp_path} cannot be opened: Is a directory" in error


def warning(line: int, message: str, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord("uvicorn.error", logging.WARNING, "a.py", line, message, (), exc_info)


def test_repeated_warnings_of_one_kind_are_counted() -> None:
    rate_limit = RateLimit()
    passed = sum(rate_limit.filter(warning(number % 2, f"bad {number}")) for number in range(1000))
    counts = [record.getMessage() for record in rate_limit.take_counts(True)]
    assert passed == 2
    assert counts == ["bad 998 (499 times)", "bad 999 (499 times)"]
    assert not rate_limit.take_counts(True)


def test_installation_advice_of_libraries_is_dropped() -> None:
    assert not RateLimit().filter(warning(1, "Please use \"pip install 'uvicorn[standard]'\""))


def test_a_client_that_hangs_up_leaves_no_traceback() -> None:
    record = warning(1, "Exception in ASGI application", ExceptionGroup("all", [ConnectionResetError()]))
    assert RateLimit().filter(record)
    assert record.getMessage() == "a client hung up"
    assert record.exc_info is None


def test_a_wrong_log_call_does_not_raise() -> None:
    rate_limit = RateLimit()
    for _ in range(3):
        rate_limit.filter(logging.LogRecord("a", logging.WARNING, "a.py", 1, "%d of %d", ("x",), None))
    assert [record.getMessage() for record in rate_limit.take_counts(True)] == ["%d of %d (2 times)"]


def test_loggers_whose_warnings_are_never_limited_exist() -> None:
    ours = [name for name in log_limits._NEVER_LIMITED if "." in name]
    assert ours
    assert all(importlib.util.find_spec(name) for name in ours)
