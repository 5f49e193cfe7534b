"""A name server leaves the first question unanswered: a server asks again before it gives a connection up."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.namespaces import Namespace
from testkit.server_process import ServerProcess
from tests.integration.served import until
from tests.parts import go_without

NAME = "database.chaos.test"
SECONDS = 3
"""The time for a connection to a database."""
LOOK_UP = f"""
import asyncio, os, sys
from dungeonfighter.serving.event_loop import run_on_fastest_loop
from dungeonfighter.serving.lookups import repeat_lookups_soon

async def look_up():
    async with asyncio.timeout({SECONDS}):
        found = await asyncio.get_running_loop().getaddrinfo("{NAME}", 5432)
    print(found[0][4][0])

if sys.argv[1] == "soon":
    repeat_lookups_soon(os.environ)
run_on_fastest_loop(look_up())
"""


class DeafNames:
    """Answers each question with 10.0.0.1, but for the first of each kind, which it does not hear."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._heard: set[bytes] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, questioner = self._socket.recvfrom(512)
            except OSError:
                return
            kind = question[-4:-2]
            if kind not in self._heard:
                self._heard.add(kind)
                continue
            is_address = kind == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0\1" if is_address else b""
            head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_address else b"\0\0") + b"\0\0\0\0"
            self._socket.sendto(head + question[12:] + answer, questioner)


@pytest.fixture
def host() -> Iterator[Namespace]:
    if os.geteuid() != 0:
        go_without("network")
    with Namespace("names") as namespace:
        folder = Path("/etc/netns") / namespace.name
        folder.mkdir(parents=True)
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        with namespace.entered():
            names = DeafNames()
        yield namespace
        names.close()
        shutil.rmtree(folder)


def looked_up(host: Namespace, how: str) -> str:
    words = ["ip", "netns", "exec", host.name, sys.executable, "-c", LOOK_UP, how]
    environ = {name: value for name, value in os.environ.items() if name != "RES_OPTIONS"}
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60, env=environ)
    return done.stdout.strip() or done.stderr.splitlines()[-1]


def test_an_unanswered_question_is_repeated_in_time(host: Namespace) -> None:
    assert looked_up(host, "soon") == "10.0.0.1"


@pytest.mark.parametrize(
    "given", [{}, {"RES_OPTIONS": "timeout:9"}], ids=["by default", "as the operator says"]
)
def test_a_server_and_its_processes_look_up_names_so(tmp_path: Path, given: dict[str, str]) -> None:
    wanted = f"RES_OPTIONS={given.get('RES_OPTIONS', 'timeout:1 attempts:3')}".encode()
    with ServerProcess(tmp_path, environ=given) as server:
        listed = Path(f"/proc/{server.process_id}/task/{server.process_id}/children")

        def has_child() -> bool:
            children = listed.read_text().split()
            return any(
                wanted in Path(f"/proc/{child}/environ").read_bytes().split(b"\0") for child in children
            )

        until(has_child, "no process of the server looks up names so")


@pytest.mark.long
def test_without_that_the_connection_would_be_given_up(host: Namespace) -> None:
    assert looked_up(host, "late") == "TimeoutError"
