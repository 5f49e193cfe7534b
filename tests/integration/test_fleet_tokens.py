"""The command `fleet` plays with an access token, and shows the token nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.server_process import ROOT, ServerProcess
from tests.integration.test_tokens import Client, make_token

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("fleet_tokens")
    with ServerProcess(folder, flags=["--auth=tokens", "--workers=2"]) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    made = make_token(server.database, "--fleet", "team-a", "--bots", "fleet-*")
    Client(server).await_status(made, 200)
    return made


def fleet(server: ServerProcess, *words: str, token: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "fleet", server.url, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "DUNGEONFIGHTER_TOKEN": token},
    )  # fmt: skip


def test_a_fleet_plays_and_verifies_with_a_token(tmp_path: Path, server: ServerProcess, token: str) -> None:
    report = tmp_path / "report.json"
    words = ("--bots", "10", "--turns", "300", "--report", str(report))
    shown, progress = fleet(server, *words, token=token).communicate(timeout=60)
    figures = json.loads(report.read_text())
    assert figures["turns"] >= 300, progress
    assert figures["verified_turns"] == figures["turns"]
    assert figures["errors"] == figures["findings"] == figures["unread"] == {}
    assert token[12:] not in shown + progress + report.read_text()


@pytest.mark.long
@needs_proc
def test_generator_processes_get_the_token_of_a_file(
    tmp_path: Path, server: ServerProcess, token: str
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    words = ("--bots", "10", "--policy", "heuristic", "--processes", "2", "--seconds", "0")
    running = fleet(server, *words, "--token-file", str(file))
    assert running.stderr is not None
    while " turns " not in running.stderr.readline():  # the bots play
        assert running.poll() is None
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) == 2
    for pid in (str(running.pid), *children):
        assert token not in Path(f"/proc/{pid}/cmdline").read_text()
    running.terminate()
    shown, progress = running.communicate(timeout=60)
    assert running.returncode == 0, progress
    assert "verified              10 bots" in shown
    assert token[12:] not in shown + progress


def test_a_server_that_wants_a_token_ends_the_load(server: ServerProcess) -> None:
    shown, progress = fleet(server, "--bots", "3", "--seconds", "5").communicate(timeout=60)
    assert "access token" in shown + progress
    assert "DUNGEONFIGHTER_TOKEN" in progress


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"two words", "is no access token"), (b"planted\r\nX: y", "is no access token"),
     (b"planted\xff", "no text"), (None, "no such file")],
)  # fmt: skip
def test_a_wrong_token_file_is_explained(
    tmp_path: Path, server: ServerProcess, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    running = fleet(server, "--bots", "1", "--token-file", str(file))
    _, progress = running.communicate(timeout=60)
    assert running.returncode == 2
    assert reason in progress
    assert "planted" not in progress


def test_there_is_no_flag_for_a_token(server: ServerProcess) -> None:
    running = fleet(server, "--token", "planted")
    _, progress = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "every user of this machine can read a flag" in progress
    assert "planted" not in progress
