"""Access tokens with real servers: made before a server ran, refused when revoked, on every worker."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.server_process import ServerProcess
from tests.integration.served import until

COMMAND = [sys.executable, "-m", "dungeonfighter", "token"]


def token(*words: str, database: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words, "--db", f"sqlite:///{database}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def make_token(database: Path, *words: str) -> str:
    made = token("create", *words, database=database)
    assert made.returncode == 0, made.stderr
    secret = made.stdout
    assert secret.count("\n") == 1
    return secret.strip()


class Client:
    """Calls tools with a token; each call over a new connection, so that it reaches any worker."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def post(
        self, secret: str | None, tool: str, arguments: dict[str, Any], path: str = "/mcp"
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        connection.request("POST", path, json.dumps(message), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer.status, body, answer.headers

    def await_status(self, secret: str, status: int) -> None:
        """Wait until every worker answers calls with this token with this status."""
        until(lambda: {self.post(secret, "get_game_state", {})[0] for _ in range(12)} == {status})

    def call(self, secret: str, tool: str, arguments: dict[str, Any], path: str = "/mcp") -> tuple[bool, str]:
        status, body, _ = self.post(secret, tool, arguments, path)
        assert status == 200, body
        return body["result"]["isError"], body["result"]["content"][0]["text"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokens") / "games.db"


@pytest.fixture(scope="module")
def early(database: Path) -> str:
    """A token that was made before any server ran."""
    return make_token(database, "--fleet", "team-a", "--bots", "a-*", "--scopes", "play,fleet")


@pytest.fixture(scope="module")
def client(database: Path, early: str) -> Iterator[Client]:
    del early
    folder = database.parent
    with ServerProcess(folder, flags=["--auth=tokens", "--workers=2"]) as server:
        assert server.database == database
        yield Client(server)


def test_a_token_made_before_the_server_ran_plays(client: Client, early: str) -> None:
    assert client.call(early, "start_new_game", {"botId": "a-1", "weapon": "mace"})[0] is False


def test_a_token_works_at_once_on_every_worker(client: Client, database: Path) -> None:
    secret = make_token(database, "--fleet", "team-g")
    assert {client.post(secret, "start_new_game", {})[0] for _ in range(12)} == {200}


@pytest.mark.parametrize("secret", [None, "", "df_wrong", "x" * 5000, "\xff"])
def test_a_caller_without_a_valid_token_is_asked_for_one(client: Client, secret: str | None) -> None:
    status, body, headers = client.post(secret, "get_game_state", {})
    assert (status, body["error"]["code"], body["id"]) == (401, -32000, 1)
    assert headers["WWW-Authenticate"].startswith("Bearer")


def test_a_bot_outside_the_pattern_is_refused_alike_whether_it_exists_or_not(
    client: Client, early: str, database: Path
) -> None:
    other = make_token(database, "--fleet", "team-a", "--bots", "b-1")
    client.call(other, "start_new_game", {"weapon": "mace"})
    there = client.post(early, "get_game_state", {"botId": "b-1"})[:2]
    absent = client.post(early, "get_game_state", {"botId": "b-2"})[:2]
    assert json.dumps(there).replace("b-1", "b-2") == json.dumps(absent)
    assert there[1]["result"]["structuredContent"]["code"] == "not_allowed"


def test_a_pattern_without_a_star_is_the_own_bot(client: Client, database: Path) -> None:
    own = make_token(database, "--fleet", "team-c", "--bots", "zed")
    client.call(own, "start_new_game", {"weapon": "mace"})
    assert client.call(own, "get_game_state", {"botId": "zed"})[0] is False
    assert client.call(own, "list_bots", {})[1].count("zed") == 1


def test_fleets_do_not_see_each_other(client: Client, early: str, database: Path) -> None:
    client.call(early, "start_new_game", {"botId": "a-2"})
    other = make_token(database, "--fleet", "team-d")
    assert "a-" not in client.call(other, "list_bots", {})[1]
    assert client.call(other, "get_game_state", {"botId": "a-2"})[0] is True


def test_a_scope_that_is_missing_is_refused(client: Client, database: Path) -> None:
    narrow = make_token(database, "--fleet", "team-a", "--scopes", "play")
    is_error, text = client.call(narrow, "handle_inputs", {"botId": "a-1", "inputs": ["1"]})
    assert is_error
    assert "not_allowed" in text


def test_a_token_that_requires_turns_refuses_calls_without(client: Client, database: Path) -> None:
    strict = make_token(database, "--fleet", "team-e", "--require-turns")
    assert "`episode` is missing" in client.call(strict, "start_new_game", {})[1]
    assert client.call(strict, "start_new_game", {"episode": 1, "weapon": "mace"})[0] is False
    assert "`turn` is missing" in client.call(strict, "handle_input", {"input": "1"})[1]


def test_a_revoked_token_is_refused_on_every_worker(client: Client, database: Path) -> None:
    doomed = make_token(database, "--fleet", "team-f")
    assert client.post(doomed, "list_bots", {})[0] == 200
    ended = token("revoke", doomed[:12], database=database)
    assert ended.returncode == 0, ended.stderr
    client.await_status(doomed, 401)


def test_tokens_are_listed_by_their_beginnings(client: Client, early: str, database: Path) -> None:
    del client
    listed = token("list", database=database).stdout
    assert f"{early[:12]}..." in listed
    assert early not in listed


def test_the_database_and_the_log_keep_no_token(client: Client, early: str, database: Path) -> None:
    del client
    for file in database.parent.iterdir():
        assert early.encode()[12:] not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["create", "--fleet", "Team A"], "a fleet is"),
        (["create", "--fleet", "a", "--bots", "*x"], "a bot pattern is"),
        (["create", "--fleet", "a", "--scopes", "root"], "scopes are"),
        (["create", "--fleet", "a", "--expires", "soon"], "--expires"),
        (["revoke", "df_none"], "no token begins with"),
        (["revoke", ""], "no token begins with"),
    ],
)
def test_wrong_words_are_explained(tmp_path: Path, words: list[str], problem: str) -> None:
    make_token(tmp_path / "games.db", "--fleet", "other")
    ended = token(*words, database=tmp_path / "games.db")
    assert ended.returncode in {1, 2}
    assert problem in ended.stderr
    assert ended.stdout == ""


def test_an_ambiguous_beginning_revokes_no_token(tmp_path: Path) -> None:
    database = tmp_path / "games.db"
    for _ in range(2):
        make_token(database, "--fleet", "a")
    ended = token("revoke", "df_", database=database)
    assert ended.returncode == 1
    assert "2 tokens begin with 'df_'" in ended.stderr
    assert token("list", database=database).stdout.count("valid") == 2


def test_a_server_with_a_prefix_serves_only_its_bots(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, database="memory://", flags=["--bot-id-prefix=bot-1-"]) as server:
        client = Client(server)
        assert client.call("", "start_new_game", {"weapon": "mace"})[0] is False
        assert "bot-1-hero" in client.call("", "list_bots", {})[1]
        there, absent = (
            client.post(None, "get_game_state", {"botId": bot})[:2] for bot in ("hero", "nobody")
        )
        assert json.dumps(there).replace("bot hero", "bot nobody") == json.dumps(absent)
        assert there[1]["result"]["structuredContent"]["code"] == "not_allowed"
        status, body, _ = client.post(None, "get_game_state", {}, "/bots/hero/mcp")
        assert (status, body["result"]["structuredContent"]["code"]) == (200, "not_allowed")


def test_a_token_has_the_rate_that_it_was_made_with(client: Client, database: Path) -> None:
    slow = make_token(database, "--fleet", "team-r", "--bots", "r-1", "--rate", "0.5")
    client.await_status(slow, 429)
    status, body, headers = client.post(slow, "get_game_state", {})
    assert (status, body["error"]["data"]["code"]) == (429, "rate_limited")
    assert int(headers["Retry-After"]) == body["error"]["data"]["retryAfterSeconds"]
    assert "0.5 calls a second" in body["error"]["message"]


def test_a_server_takes_bodies_up_to_the_size_that_it_was_given(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "memory://", ["--body-bytes-max=20000"]) as server:
        other = Client(server)
        fits = {"input": "1", "directive": "x" * 19_000}
        assert other.post(None, "handle_input", fits)[0] == 200
        status, body, _ = other.post(None, "handle_input", {**fits, "directive": "x" * 20_000})
        assert status == 413
        assert "20000 bytes" in body["error"]["message"]
