"""Secrets come from files, change without a restart, and are shown nowhere."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from testkit.postgres_server import PostgresServer, running_server
from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, Served, until
from tests.integration.test_tokens import Client, make_token

FIRST, SECOND = "Planted-First-7f3a91", "Planted-Second-c04be2"
ACCESS = "host all postgres 127.0.0.1/32 trust\nhost all player 127.0.0.1/32 scram-sha-256\n"
PLANTED = [FIRST, SECOND]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_server(access=ACCESS) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """A database whose owner signs in with the first password; without the password."""
    postgres.empty_database("secrets")
    postgres.order(
        "drop role if exists player",
        f"create role player login password '{FIRST}'",
        "alter database secrets owner to player",
    )
    return f"postgresql://player:%s@127.0.0.1:{postgres.port}/secrets"


class Planted:
    """A file with the connection string, and the server that reads it."""

    def __init__(self, folder: Path, database: str) -> None:
        self.file = folder / "connection"
        self._database = database
        self.write(FIRST)
        self.environ = {"DB_CONNECTION_STRING_FILE": str(self.file)}

    def write(self, password: str) -> None:
        self.file.write_text(self._database % password + "\n")


def command_lines(server: ServerProcess) -> str:
    """Return the command lines of a server, its workers and its verifier, as `ps` shows them."""
    pids = (server.process_id, *children_of(server))
    return "\n".join(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in pids)


def children_of(server: ServerProcess) -> list[int]:
    children = Path(f"/proc/{server.process_id}/task/{server.process_id}/children")
    return [int(pid) for pid in children.read_text().split()]


def workers_of(server: ServerProcess) -> list[int]:
    return [
        pid for pid in children_of(server) if "--verifier" not in Path(f"/proc/{pid}/cmdline").read_text()
    ]


PATHS = (
    "/", "/livez", "/readyz", "/metrics", "/api/summary", "/api/bots", "/api/bots/ada", "/nowhere", "/mcp",
)  # fmt: skip


def everything_shown(server: ServerProcess, token: str = "") -> str:
    """Return all that a server shows to the world and to the owner of a token, and its log."""
    shown = [command_lines(server), server.log.read_text()]
    for path, headers in product(PATHS, (dict[str, str](), {"Authorization": f"Bearer {token}"})):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        shown += [str(answer.headers), answer.read().decode()]
        connection.close()
    return "\n".join(shown)


def diagnoses(server: ServerProcess, tokens: list[str], url: str) -> list[str]:
    """Return what `/api/doctor` and the command `doctor` show to callers with these tokens."""
    shown = []
    for token in tokens:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/api/doctor", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        shown.append(str(answer.headers) + answer.read().decode())
        connection.close()
        for form in ([], ["--json"]):
            ended = run("doctor", server.url, "--db", url, *form, DUNGEONFIGHTER_TOKEN=token)
            assert ended.returncode in {0, 1}
            shown.append(ended.stdout + ended.stderr)
    return shown


def first_events(server: ServerProcess, token: str) -> str:
    """Return the beginning of the event stream that the owner of a token gets."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert answer.status == 200
    lines = [answer.fp.readline() for _ in range(3)]
    connection.close()
    return f"{answer.headers}\n{b''.join(lines).decode()}"


def assert_no_secret(text: str) -> None:
    assert not [secret for secret in PLANTED if secret in text]


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="this system does not show command lines in /proc"
)


@pytest.mark.long
def test_a_password_changes_without_a_restart(
    tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    planted = Planted(tmp_path, database)
    with ServerProcess(tmp_path, flags=["--workers=2"], environ=planted.environ) as server:
        served = Served(server)
        assert not served.call("start_new_game", seed=7, weapon="dagger")[1]
        postgres.order(f"alter role player password '{SECOND}'")
        planted.write(SECOND)
        server.signal(signal.SIGHUP)
        until(lambda: server.log.read_text().count("changed: DB_CONNECTION_STRING_FILE") == 2)
        postgres.order("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'player'")
        for turn in range(6):
            text, is_error = served.call(PLAY, input="1", turn=turn)
            assert not is_error, text
        assert_no_secret(everything_shown(server))


@pytest.mark.long
def test_a_broken_file_leaves_the_former_secret_in_use(
    tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    planted = Planted(tmp_path, database)
    with ServerProcess(tmp_path, environ=planted.environ) as server:
        served = Served(server)
        assert not served.call("start_new_game", seed=7, weapon="dagger")[1]
        for number, content in enumerate(["", f"postgresql://player:{SECOND}@other:1/secrets", "?"], 1):
            planted.file.write_text(content)
            server.signal(signal.SIGHUP)
            until(lambda: server.log.read_text().count("read anew") == number)  # noqa: B023 (called at once)
        planted.file.unlink()
        server.signal(signal.SIGHUP)
        until(lambda: server.log.read_text().count("read anew") == 4)
        postgres.order("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'player'")
        until(lambda: not served.call(PLAY, input="1")[1])
        log = server.log.read_text()
        for reason in ("is empty", "names another database", "is no known connection string", "no such file"):
            assert reason in log
        assert_no_secret(log)


@pytest.mark.long
def test_planted_secrets_are_shown_nowhere(tmp_path: Path, postgres: PostgresServer, database: str) -> None:
    """The database goes away while the server works, so that failures are shown, too."""
    url = database % FIRST
    flags = ["--workers=2", "--auth=tokens", f"--db={url}"]
    made = subprocess.run(
        [sys.executable, "-m", "dungeonfighter", "token", "create", "--fleet", "a", "--bots", "ada"],
        capture_output=True, text=True, check=False, env={**os.environ, "DB_CONNECTION_STRING": url},
    )  # fmt: skip
    token = made.stdout.strip()
    assert token, made.stderr
    made = run("token", "create", "--fleet=o", "--scopes=admin", DB_CONNECTION_STRING=url)
    operator = made.stdout.strip()
    environ = {
        "REDIS_CONNECTION_STRING": f"redis://:{SECOND}@127.0.0.1:9/0",
        "RATE_PER_FLEET": "1000",
        "COMMIT_TIMEOUT": "3",
        "SIGNING_KEY": SECOND * 2,
    }
    with ServerProcess(tmp_path, flags=flags, environ=environ) as server:
        client = Client(server)
        assert client.call(token, "start_new_game", {"weapon": "mace"})[0] is False
        seen = diagnoses(server, [operator, token], url)
        assert '"mcp_hot_games"' in seen[0]
        assert '"SIGNING_KEY"' in seen[0]
        events = first_events(server, token)
        assert "data:" in events
        workers = "\n".join(command_lines(server).split("\n")[1:])
        assert "--worker=1" in workers
        assert FIRST not in workers
        answers = [str(client.post(secret, "get_game_state", {})) for secret in (token, token + "x", FIRST)]
        postgres.order("alter role player nologin")
        postgres.order("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'player'")
        answers += [str(client.post(token, "handle_input", {"input": "1"})) for _ in range(4)]
        answers += diagnoses(server, [operator, FIRST], url)
        os.kill(workers_of(server)[0], signal.SIGABRT)
        until(lambda: "worker" in server.log.read_text() and "killed by signal" in server.log.read_text())
        until(
            lambda: (
                "cannot be opened" in server.log.read_text() or "ended (exit code" in server.log.read_text()
            )
        )
        own_words = command_lines(server).split("\n")[0]
        shown = everything_shown(server, token).replace(own_words, "") + events
        assert "127.0.0.1:9" in shown
        for secret in (FIRST, SECOND, token, token[12:], operator):
            assert secret not in shown
            assert secret not in str(answers)
            assert secret not in str(seen)
        assert "shows its password to every user of this machine" in shown


@pytest.mark.parametrize("command", [["serve"], ["db", "migrate"], ["token", "list"]])
def test_a_refused_password_is_not_shown(tmp_path: Path, database: str, command: list[str]) -> None:
    file = tmp_path / "connection"
    file.write_text(database % SECOND)
    ended = run(*command, DB_CONNECTION_STRING_FILE=str(file))
    assert ended.returncode in {1, 2}
    assert "password" in ended.stderr
    assert_no_secret(ended.stdout + ended.stderr)


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dungeonfighter", *words],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environ},
    )  # fmt: skip


def test_a_token_reads_its_database_from_a_file(tmp_path: Path) -> None:
    database = tmp_path / "games.db"
    file = tmp_path / "connection"
    file.write_text(f"sqlite:///{database}")
    secret = make_token(database, "--fleet", "a")
    assert secret[:12] in run("token", "list", DB_CONNECTION_STRING_FILE=str(file)).stdout
    assert secret[:12] in run("token", "list", "--db-connection-string-file", str(file)).stdout
