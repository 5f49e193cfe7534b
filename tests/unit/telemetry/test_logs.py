"""The log behind its queue: never waits, keeps the order, counts what is left out, and sums up."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from dungeonfighter.telemetry import log_queue
from dungeonfighter.telemetry.log_queue import QueuedStream
from dungeonfighter.telemetry.logs import Summed


def full_pipe() -> tuple[int, int, int]:
    """Both ends of a pipe that takes nothing more, and how many bytes are in it."""
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


def test_writing_never_waits_and_what_is_left_out_is_told_once(
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
    told, missing = read[size:].split(b" lines are")[0].rsplit(b"\n", 1)
    assert told.count(b"123456789") + int(missing) == 50


def test_a_traceback_at_the_start_is_seen() -> None:
    code = "from dungeonfighter.telemetry import logs; logs.set_up_logs('json', 'a'); raise OSError('x')"
    ended = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert ended.stderr.endswith(b"OSError: x\n")


def warning(line: int, message: str, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord("uvicorn.error", logging.WARNING, "a.py", line, message, (), exc_info)


def test_warnings_of_one_kind_are_summed_up() -> None:
    summed = Summed()
    passed = sum(summed.filter(warning(number % 2, f"bad {number}")) for number in range(1000))
    sums = [record.getMessage() for record in summed.overdue(True)]
    assert passed == 2
    assert sums == ["bad 998 (499 times)", "bad 999 (499 times)"]
    assert not summed.overdue(True)


def test_advice_of_libraries_is_left_out() -> None:
    assert not Summed().filter(warning(1, "Please use \"pip install 'uvicorn[standard]'\""))


def test_a_client_that_hangs_up_leaves_no_traceback() -> None:
    record = warning(1, "Exception in ASGI application", ExceptionGroup("all", [ConnectionResetError()]))
    assert Summed().filter(record)
    assert record.getMessage() == "a client hung up"
    assert record.exc_info is None


def test_a_wrong_call_of_the_log_breaks_nobody() -> None:
    summed = Summed()
    for _ in range(3):
        summed.filter(logging.LogRecord("a", logging.WARNING, "a.py", 1, "%d of %d", ("x",), None))
    assert [record.getMessage() for record in summed.overdue(True)] == ["%d of %d (2 times)"]


def test_the_thread_of_the_log_survives_a_sum_that_fails() -> None:
    def sums(at_end: bool) -> list[str]:
        raise KeyError("sum")

    reader, writer = os.pipe()
    stream = QueuedStream(writer, sums)
    read = b""
    while b"a sum of the log is missing" not in read:  # the thread asked for it
        read += os.read(reader, 4096)
    stream.write("still here\n")
    while b"still here" not in read:
        read += os.read(reader, 4096)
