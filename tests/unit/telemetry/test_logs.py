"""The log and its queue: writes never wait, keep their order, and dropped or repeated lines are counted."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys

import pytest

from dungeonfighter.telemetry import log_queue, logs
from dungeonfighter.telemetry.log_queue import QueuedStream
from dungeonfighter.telemetry.logs import RateLimit


def full_pipe() -> tuple[int, int, int]:
    """Return both ends of a full pipe, and how many bytes it holds."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    size = 0
    try:
        while True:
            size += os.write(writer, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer, size


def test_lines_keep_their_order() -> None:
    reader, writer = os.pipe()
    stream = QueuedStream(writer)
    for number in range(1000):
        stream.write(f"{number}\n")
    assert stream.drain()
    assert os.read(reader, 1 << 16).decode().split() == [str(number) for number in range(1000)]


def test_writing_never_waits_and_the_count_of_dropped_lines_is_written_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_queue, "CHARACTERS_MAX", 100)
    reader, writer, size = full_pipe()
    stream = QueuedStream(writer)
    for _ in range(50):
        stream.write("123456789\n")
    assert not stream.drain(0)
    read = os.read(reader, size)
    while not read.endswith(b"read the log\n"):
        read += os.read(reader, size)
    assert read.count(b"lines are missing here") == 1
    written, missing = read[size:].split(b" lines are")[0].rsplit(b"\n", 1)
    assert written.count(b"123456789") + int(missing) == 50


def test_a_traceback_at_the_start_is_written() -> None:
    code = "from dungeonfighter.telemetry import logs; logs.set_up_logs('json', 'a'); raise OSError('x')"
    ended = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert ended.stderr.endswith(b"OSError: x\n")


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


def test_the_thread_of_the_log_survives_a_failing_count() -> None:
    def failing_counts(at_end: bool) -> list[str]:
        raise KeyError("count")

    reader, writer = os.pipe()
    stream = QueuedStream(writer, failing_counts)
    read = b""
    while b"a sum of the log is missing" not in read:  # the thread called failing_counts
        read += os.read(reader, 4096)
    stream.write("still here\n")
    while b"still here" not in read:
        read += os.read(reader, 4096)


def test_loggers_whose_warnings_are_never_limited_exist() -> None:
    assert all(importlib.util.find_spec(name) for name in logs._NEVER_LIMITED)
