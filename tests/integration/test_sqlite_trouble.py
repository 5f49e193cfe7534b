"""A server on a SQLite file that another program locks, removes or damages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter.storage.file_lock import FileLock
from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, Served

HOLD_A_TRANSACTION = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.execute("begin immediate")
print("held", flush=True)
sys.stdin.read()
"""


TWO_WORKERS = pytest.param(("--workers", "2"), id="two workers", marks=pytest.mark.long)


@pytest.fixture(params=[pytest.param((), id="one process"), TWO_WORKERS])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    with ServerProcess(tmp_path, flags=("--commit-timeout", "1", *request.param)) as server:
        made = Served(server)
        text, is_error = made.call("start_new_game", seed=7, weapon="dagger")
        assert not is_error, text
        yield made


def refused(served: Served, turn: int) -> str:
    text, is_error = served.call(PLAY, input="1", turn=turn)
    assert is_error
    return text


def plays(served: Served, turn: int) -> None:
    """Play a turn; retry while the writer thread still waits for the lock."""
    while "store_unavailable" in (answer := served.call(PLAY, input="1", turn=turn))[0]:
        pass
    assert answer[0].startswith(f"e1 t{turn + 1}"), answer


def test_a_lock_that_another_process_keeps_is_an_error_and_no_turn_is_applied(served: Served) -> None:
    lock = FileLock(Path(f"{served.server.database}.lock"))
    with lock:
        for _ in range(2):
            assert "store_unavailable" in refused(served, 0)
    lock.close()
    plays(served, 0)


def test_a_transaction_of_another_program_is_an_error_and_no_turn_is_applied(served: Served) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_TRANSACTION, served.server.database],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    assert "store_unavailable" in refused(served, 0)
    other.communicate("")
    plays(served, 0)


@pytest.mark.parametrize("damage", ["removed", "moved", "replaced"])
def test_without_its_file_the_server_refuses_every_turn_and_logs_the_reason(
    served: Served, damage: str
) -> None:
    path = served.server.database
    if damage == "removed":
        path.unlink()
    elif damage == "moved":
        path.rename(path.with_suffix(".old"))
    else:
        path.with_suffix(".backup").write_bytes(path.read_bytes())
        path.with_suffix(".backup").replace(path)
    for _ in range(4):  # so that each worker gets some
        assert "store_unavailable" in refused(served, 0)
    while served.ready()["store"] != "unreachable":  # a worker answered that has not used the file since
        refused(served, 0)
    assert "under the running server" in served.server.log.read_text()


def test_a_damaged_row_stops_only_its_bot(served: Served) -> None:
    served.call("start_new_game", bot="eve", seed=7, weapon="dagger")
    served.server.kill()
    script = "import apsw, sys; apsw.Connection(sys.argv[1]).execute(sys.argv[2])"
    change = "update games set rules = cast(x'ff00' as text) where bot_id = 'local/ada'"
    database = served.server.database
    done = subprocess.run(
        [sys.executable, "-c", script, database, change], check=False, capture_output=True, text=True
    )
    files = {file.name: file.stat().st_size for file in database.parent.iterdir()}
    assert done.returncode == 0, f"{done.stderr} in a folder with {files}"
    served.server.start()
    assert "corrupt_state" in refused(served, 0)
    assert served.call(PLAY, bot="eve", input="1", turn=0)[0].startswith("e1 t1")
    text, is_error = served.call("start_new_game", seed=7, weapon="dagger")
    assert not is_error, text
    assert served.call(PLAY, input="1", turn=0)[0].startswith("e2 t1")
