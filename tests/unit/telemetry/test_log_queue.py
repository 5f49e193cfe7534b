"""The queue of the log: writes never wait, lines keep their order and stay whole, and losses are counted."""

from __future__ import annotations

import os
import threading
from collections import Counter as Counts
from pathlib import Path

import pytest

from dungeonfighter.hosting.instruments import Counter
from dungeonfighter.telemetry import log_queue
from dungeonfighter.telemetry.log_lines import LINE_BYTES_MAX
from dungeonfighter.telemetry.log_queue import LogQueue

WRITERS = 3
LINES = 60


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


def read_until(reader: int, end: bytes, read: bytes = b"") -> bytes:
    while not read.endswith(end):
        read += os.read(reader, 1 << 16)
    return read


def test_lines_keep_their_order() -> None:
    reader, writer = os.pipe()
    queue = LogQueue(writer)
    for number in range(1000):
        queue.put(str(number))
    assert queue.drain()
    assert os.read(reader, 1 << 16).decode().split() == [str(number) for number in range(1000)]


def test_putting_never_waits_and_the_count_of_dropped_lines_is_written_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_queue, "CHARACTERS_MAX", 100)
    reader, writer, size = full_pipe()
    queue = LogQueue(writer)
    for _ in range(50):
        queue.put("123456789")
    assert not queue.drain(0)
    read = read_until(reader, b"read the log\n")
    assert read.count(b"are missing here") == 1
    written, missing = read[size:].split(b" lines of")[0].rsplit(b"\n", 1)
    assert written.count(b"123456789") + int(missing) == 50
    assert queue.lost.value == int(missing)


def test_losses_before_the_metric_was_declared_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_queue, "CHARACTERS_MAX", 5)
    queue = LogQueue(os.pipe()[1])
    queue.put("123456")
    counter = Counter()
    queue.count_losses_with(counter)
    queue.put("123456")
    assert counter.value == 2


def test_lines_of_several_processes_on_a_pipe_that_is_read_slowly_stay_whole() -> None:
    reader, writer = os.pipe()
    queues = [LogQueue(writer) for _ in range(WRITERS)]
    lines = [letter * (LINE_BYTES_MAX - 1) for letter in "abc"]
    for _ in range(LINES):
        for queue, line in zip(queues, lines, strict=True):
            queue.put(line)
            queue.put("short")
    read = bytearray()
    while read.count(b"\n") < 2 * LINES * WRITERS:
        read += os.read(reader, 1000)
    assert Counts(read.decode().splitlines()) == {**dict.fromkeys(lines, LINES), "short": LINES * WRITERS}


def test_a_full_disk_loses_counted_lines_and_tears_none(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    write, full = os.write, threading.Event()
    full.set()

    def write_half(descriptor: int, data: bytes) -> int:
        if descriptor != writer or not full.is_set():
            return write(descriptor, data)
        if len(data) > 5:
            return write(descriptor, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write_half)
    monkeypatch.setattr(log_queue, "_PAUSE_SECONDS", 0)
    queue = LogQueue(writer)
    queue.put("0123456789")
    queue.drain()
    while not queue.lost.value:
        queue.drain()
    full.clear()
    queue.put("after")
    read = read_until(reader, b"No space left on device)\n")
    first, *rest = read.decode().splitlines()
    assert "0123456789".startswith(first[:5])
    assert "after" in rest
    assert (
        rest[-1] == "1 lines of the log are missing here: it could not be written (No space left on device)"
    )


def test_the_thread_survives_a_failing_count() -> None:
    def failing_counts(at_end: bool) -> list[str]:
        raise KeyError("count")

    reader, writer = os.pipe()
    queue = LogQueue(writer, more_lines=failing_counts)
    read = read_until(reader, b"KeyError\n")  # the thread called failing_counts
    queue.put("still here")
    assert b"still here" in read_until(reader, b"\n", read if read.endswith(b"x") else b"")


def test_a_file_is_rotated_by_renaming_it(tmp_path: Path) -> None:
    path, former = tmp_path / "server.log", tmp_path / "server.log.1"
    queue = LogQueue(-1, str(path))
    queue.put("one")
    assert queue.drain()
    path.rename(former)
    queue.put("two")
    assert queue.drain()
    queue.reopen()
    while not path.exists():
        queue.drain()
    queue.put("three")
    assert queue.drain()
    assert (former.read_text(), path.read_text()) == ("one\ntwo\n", "three\n")


def test_a_file_that_cannot_be_opened_anew_stays_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    queue = LogQueue(-1, str(folder / "server.log"))
    folder.rename(tmp_path / "elsewhere")
    queue.reopen()
    written = tmp_path / "elsewhere" / "server.log"
    while not written.read_text():
        queue.drain()
    queue.put("more")
    assert queue.drain()
    assert "cannot be opened anew (No such file or directory)\n" in written.read_text()
    assert written.read_text().endswith("more\n")
