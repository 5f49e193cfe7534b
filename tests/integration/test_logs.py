"""The log of real servers: lines have their form and no secrets, and a renamed file loses nothing."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, WAIT_SECONDS, Served
from tests.unit.telemetry.ecs_fields import OWN_FIELDS, problems_of

NAME = "Xanthippe-the-secret"
DIRECTIVE = "directive-of-a-player"
INPUT = "sing-a-secret-song"
TOKEN = "df_" + "s3cret" * 7
SEED = 987654321
SECRETS = (NAME, DIRECTIVE, INPUT, TOKEN, str(SEED))
TURNS = 5
PROCESSES = 4
"""Three workers and their parent."""


def lines_of(text: str) -> list[dict[str, Any]]:
    """Decode every line; each must be JSON."""
    return [json.loads(line) for line in text.splitlines()]


def actions(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"]["action"] for line in lines if "action" in line["event"]]


def play_with_secrets(served: Served) -> None:
    """Play a little, and send what a log must not show: well formed, malformed, to both ways."""
    served.call("start_new_game", name=NAME, seed=SEED, weapon="dagger")
    for turn in range(TURNS):
        served.call(PLAY, input="1", turn=turn)
    served.call("set_agent_directive", directive=DIRECTIVE)
    assert served.call(PLAY, input=INPUT)[1]
    served.call(PLAY, input={"text": INPUT})
    served.call(INPUT, directive=DIRECTIVE)
    served.call("start_new_game", name={"name": NAME}, seed=str(SEED))
    for path, method, body in (
        ("/mcp", "tools/call", {"name": 7, "arguments": {INPUT: NAME}}),
        ("/mcp", INPUT, {"name": NAME}),
        ("/mcp", "initialize", {"clientInfo": NAME}),
        (f"/bots/{INPUT}/mcp", "tools/list", {"cursor": DIRECTIVE}),
    ):
        post(served.server, path, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": body}))
        post(served.server, path, json.dumps({"jsonrpc": "2.0", "method": method, "params": body}))
    post(served.server, "/mcp", f'{{"{NAME}": {INPUT}')
    served.call("reset_game")


def post(server: ServerProcess, path: str, body: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {TOKEN}",
    }
    connection.request("POST", path, body, headers)
    connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize(
    ("log_format", "workers"),
    [("ecs", 1), *(pytest.param(one, 3, marks=pytest.mark.long) for one in ("text", "json", "ecs"))],
)
def test_no_line_shows_a_secret_or_a_text_of_a_player(tmp_path: Path, log_format: str, workers: int) -> None:
    flags = (f"--log-format={log_format}", "--log-level=debug", f"--workers={workers}")
    with ServerProcess(tmp_path, flags=flags) as server:
        play_with_secrets(Served(server))
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        text = server.log.read_text()
    assert [secret for secret in SECRETS if secret in text] == []
    assert "run 1 of local/ada" in text
    lines = [] if log_format == "text" else lines_of(text)
    if log_format == "ecs":
        assert [problem for line in lines for problem in problems_of(line, OWN_FIELDS)] == []
        ids = {line["event"]["id"] for line in lines}
        assert len(ids) == len(lines)
        found = actions(lines)
        assert (found.count("run-started"), found.count("run-ended")) == (2, 1)
        assert found.count("turn") >= TURNS


def test_wrong_settings_have_the_form_of_the_log(tmp_path: Path) -> None:
    environ = os.environ | {"LOG_FORMAT": "json", "DUNGEONFIGHTER_PORT": "x", "WORKERS": "none"}
    command = [sys.executable, "-m", "dungeonfighter", "serve"]
    ended = subprocess.run(command, env=environ, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    lines = lines_of(ended.stderr)
    assert [line["level"] for line in lines] == ["error", "error"]
    assert "DUNGEONFIGHTER_PORT: 'x' must be a whole number" in lines[0]["message"]


@pytest.mark.long
def test_a_renamed_file_is_opened_anew_by_every_process(tmp_path: Path) -> None:
    file, former = tmp_path / "dungeonfighter.log", tmp_path / "dungeonfighter.log.1"
    flags = ("--log-format=ecs", "--log-level=debug", "--workers=3", f"--log-file={file}")
    with ServerProcess(tmp_path, flags=flags) as server:
        served = Served(server)
        served.call("start_new_game", seed=7, weapon="dagger")
        file.rename(former)
        server.signal(signal.SIGHUP)
        turn = 0
        while not file.exists() or len(written_by(file)) < PROCESSES:
            played, is_error = served.call(PLAY, input="1")  # of any worker, as the kernel likes
            assert not is_error, played
            turn += 1
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.log.read_text() == ""
    lines = lines_of(former.read_text()) + lines_of(file.read_text())
    assert actions(lines).count("turn") == turn + 1


def written_by(file: Path) -> set[str]:
    return {line["service"]["node"]["name"] for line in lines_of(file.read_text())}
