"""The journal keeps each event, its order and its time; only an incomplete last line is tolerated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from chaos.journal import Answer, Begin, Fault, JournalError, JournalReader, JournalWriter, Position
from testkit.server_process import ROOT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def write_one_of_each(path: Path) -> None:
    with JournalWriter(path) as journal:
        journal.begin_start("a", 1, 1, episode=1, seed=7, name="Ada", mode="casual")
        journal.ok("a", 1, 1, episode=1, turn=0, digest="d0")
        journal.begin_input("a", 2, 1, episode=1, turn=0, text="1")
        journal.unknown("a", 2, 1, "timeout")
        journal.begin_input("a", 2, 2, episode=1, turn=0, text="1")
        journal.refused("a", 2, 2, "future_turn", episode=1, turn=0, digest="d0")
        journal.position("a", episode=1, turn=0, digest="d0")
        journal.fault("kill-server", "begin")
        journal.fault("kill-server", "end")


def test_each_event_is_read_as_it_was_written(path: Path) -> None:
    write_one_of_each(path)
    reader = JournalReader(path)
    events = list(reader)
    times = [event.at for event in events]
    assert events == [
        Begin(times[0], "a", 1, 1, "start", 1, -1, "", 7, "Ada", "casual"),
        Answer(times[1], "a", 1, 1, "ok", "", 1, 0, "d0"),
        Begin(times[2], "a", 2, 1, "input", 1, 0, "1"),
        Answer(times[3], "a", 2, 1, "unknown", "timeout"),
        Begin(times[4], "a", 2, 2, "input", 1, 0, "1"),
        Answer(times[5], "a", 2, 2, "refused", "future_turn", 1, 0, "d0"),
        Position(times[6], "a", 1, 0, "d0"),
        Fault(times[7], "kill-server", "begin"),
        Fault(times[8], "kill-server", "end"),
    ]
    assert reader.torn == ""


def test_a_line_holds_only_what_its_kind_has(path: Path) -> None:
    write_one_of_each(path)
    lines = [line.partition(b'"at":')[2].partition(b",")[2] for line in path.read_bytes().splitlines()]
    assert lines[0] == (
        b'"bot":"a","call":1,"attempt":1,"do":"start","episode":1,"seed":7,"name":"Ada","mode":"casual"}'
    )
    assert lines[2] == b'"bot":"a","call":2,"attempt":1,"do":"input","episode":1,"turn":0,"input":"1"}'
    assert lines[3] == b'"bot":"a","call":2,"attempt":1,"outcome":"unknown","error":"timeout"}'


def test_an_incomplete_last_line_is_left_out_and_shown(path: Path) -> None:
    write_one_of_each(path)
    path.write_bytes(path.read_bytes()[:-20])
    reader = JournalReader(path)
    assert len(list(reader)) == 8
    assert reader.torn.startswith('{"kind":"fault","at":')


def test_a_whole_last_line_without_its_end_is_an_event(path: Path) -> None:
    write_one_of_each(path)
    path.write_bytes(path.read_bytes()[:-1])
    reader = JournalReader(path)
    assert len(list(reader)) == 9
    assert reader.torn == ""


@pytest.mark.parametrize(
    "line", [b"{}", b'{"kind":"begin"}', b'{"kind":"other","at":1}', b"\xff", b"", b'{"kind":"fault"']
)
def test_any_other_line_that_is_no_event_is_named(path: Path, line: bytes) -> None:
    write_one_of_each(path)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:3], line, *lines[3:]]))
    with pytest.raises(JournalError, match=r"journal\.jsonl, line 4: "):
        list(JournalReader(path))


def test_events_of_several_threads_have_the_order_of_their_times(path: Path) -> None:
    with JournalWriter(path) as journal:

        def look(bot: str) -> None:
            for turn in range(500):
                journal.position(bot, episode=1, turn=turn, digest="")

        threads = [threading.Thread(target=look, args=(bot,)) for bot in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = list(JournalReader(path))
    assert len(events) == 2000
    assert all(one.at <= other.at for one, other in pairwise(events))
    turns = [event.turn for event in events if isinstance(event, Position) and event.bot == "a"]
    assert turns == list(range(500))


def test_a_killed_client_has_written_every_event_it_made(path: Path) -> None:
    code = (
        "import sys, pathlib; from chaos.journal import JournalWriter\n"
        f"journal = JournalWriter(pathlib.Path({str(path)!r}))\n"
        "turn = 0\n"
        "while True:\n"
        "    journal.position('a', episode=1, turn=turn, digest='d')\n"
        "    turn += 1\n"
        "    if turn % 100 == 0: print(turn, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    known = [int(process.stdout.readline()) for _ in range(3)][-1]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    reader = JournalReader(path)
    assert len(list(reader)) >= known
