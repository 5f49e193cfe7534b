"""`trajectories`: runs of a database and of files as lines and as Parquet; broken off and continued."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from dungeonfighter import cli
from dungeonfighter.trajectories import execution, outputs, parquet
from dungeonfighter.trajectories.outputs import Stream
from dungeonfighter.trajectories.steps import Form
from tests.unit.trajectories.played import WHOLE, make_database

SUMMARY = "left out: 6 live ranked, 1 with the seed of the day, 1 without kept inputs, 1 under rules that"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("played") / "games.db")


class Command:
    """Runs the command in this process, in one process unless told otherwise."""

    def __init__(self, database: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.database = database
        self.folder = folder
        self.capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str, output: str = "runs.jsonl", processes: int = 1) -> int:
        place = output if output == "-" else str(self.folder / output)
        given = ["--db", f"sqlite:///{self.database}", "-o", place, "--processes", str(processes)]
        code = cli.main(["trajectories", *words, *given])
        self.out, self.err = self.capsys.readouterr()
        return code

    def lines(self, name: str = "runs.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_bytes().splitlines()]

    def content(self, name: str = "runs.jsonl") -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def command(database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(database, tmp_path, capsys)


def runs_of(lines: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the whole runs in these lines, in order."""
    return tuple(
        f"{line['fleet']}/{line['bot']} e{line['episode']}" for line in lines if line["input"] is None
    )


def test_all_runs_of_a_database_are_written_and_the_others_counted(command: Command) -> None:
    assert command() == 0
    lines = command.lines()
    assert runs_of(lines) == WHOLE
    assert [line["turn"] for line in lines if line["bot"] == "zoe"] == list(range(13))
    *faults, summary = command.err.splitlines()
    inputs = sum(line["input"] is not None for line in lines)
    assert summary.startswith(f"7 runs with {inputs} inputs; {SUMMARY}")
    assert sorted(fault.partition(": ")[2].partition(":")[0] for fault in faults) == [
        "local/damaged e1", "local/other e1", "local/pruned e1"
    ]  # fmt: skip
    assert command.out == ""


def test_the_command_does_not_change_the_database(command: Command) -> None:
    before = hashlib.sha256(command.database.read_bytes()).digest()
    command()
    assert hashlib.sha256(command.database.read_bytes()).digest() == before


def test_no_line_shows_a_seed_that_players_may_not_know(command: Command) -> None:
    command()
    file = apsw.Connection(str(command.database))
    hidden = file.execute("select seed from episodes where bot_id = 'local/daily'").get
    file.close()
    assert str(hidden).encode() not in command.content()
    assert b'"daily"' not in command.content()


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["--bot", "ada"], WHOLE[:4]),
        (["--bot", "ada", "--episode", "2"], WHOLE[1:2]),
        (["--bot", "bob", "--fleet", "team"], WHOLE[6:]),
        (["--fleet", "team"], WHOLE[6:]),
        (["--bot", "team/bob"], WHOLE[6:]),
        (["--episode", "4"], WHOLE[3:4]),
    ],
)
def test_runs_are_chosen_by_bot_fleet_and_number(command: Command, words: list[str], runs: object) -> None:
    assert command(*words) == 0
    assert runs_of(command.lines()) == runs


def test_several_processes_write_the_same_bytes(command: Command) -> None:
    command()
    command(output="apart.jsonl", processes=3)
    assert command.content("apart.jsonl") == command.content()


@pytest.mark.long
def test_a_process_that_is_killed_ends_the_command_and_leaves_whole_runs(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = execution._Task.receive

    def kill_and_receive(task: execution._Task) -> None:
        if task.job.name == "local/fork e1":
            pid = task.worker._process.pid
            assert pid
            os.kill(pid, signal.SIGKILL)
            task.worker._process.join()
            with contextlib.suppress(EOFError):
                while True:  # what it had sent before
                    task.worker.connection.recv_bytes()
        received(task)

    monkeypatch.setattr(execution._Task, "receive", kill_and_receive)
    assert command(processes=2) == 1
    assert "the process that executed local/fork e1 was killed" in command.err
    assert "--resume goes on" in command.err
    assert runs_of(command.lines()) == WHOLE[:4]


@pytest.mark.parametrize("kept", [0.0, 0.03, 0.97])
def test_a_file_that_breaks_off_anywhere_is_continued(command: Command, kept: float) -> None:
    command()
    whole = command.content()
    (command.folder / "runs.jsonl").write_bytes(whole[: int(len(whole) * kept)])
    assert command("--resume") == 0
    assert command.content() == whole


def test_a_file_is_continued_between_any_two_lines_of_a_run(command: Command) -> None:
    command("--bot", "ada")
    whole = command.content()
    ends = [at + 1 for at, one in enumerate(whole) if one == 10]
    for end in (*ends[:2], *ends[-3:]):
        (command.folder / "runs.jsonl").write_bytes(whole[:end])
        assert command("--bot", "ada", "--resume") == 0
        assert command.content() == whole


def test_what_is_behind_the_last_whole_run_is_cut_off(command: Command) -> None:
    command("--bot", "ada")
    whole = command.content()
    (command.folder / "runs.jsonl").write_bytes(whole + whole[:9000])
    assert command("--bot", "ada", "--resume") == 0
    assert command.err.startswith("0 runs with 0 inputs; written to ")
    assert command.content() == whole


@pytest.mark.parametrize(
    "content",
    [
        b"a letter",
        b'{"a": 1}\n',
        b"\n",
        b"\x00" * 4096,
        b'{"format":"dungeonfighter-trajectory/1"}\nx',
        b"[" * 99999,
    ],
)
def test_another_file_is_left_alone(command: Command, content: bytes) -> None:
    (command.folder / "runs.jsonl").write_bytes(content)
    assert command("--resume") == 2
    assert "is no file of trajectories" in command.err
    assert command.content() == content


def test_a_file_of_another_kind_is_not_continued(command: Command) -> None:
    command("--observation", "text")
    before = command.content()
    assert command("--resume") == 2
    assert "begun with another --observation" in command.err
    assert command("--resume", "--observation", "text", "--fleet", "local") == 2
    assert "the file ends with the run team/bob e1, which is none of these runs" in command.err
    assert command("--observation", "text") == 2
    assert "is there already; --resume continues it" in command.err
    assert command.content() == before


def test_one_file_has_one_writer(command: Command) -> None:
    command("--bot", "ada")
    output = outputs.TrajectoryFile(
        command.folder / "runs.jsonl", Form(has_text=True, has_json=True), resumes=True
    )
    assert command("--resume", "--bot", "ada") == 2
    assert "another process is writing" in command.err
    output.finish()


def test_ctrl_c_leaves_whole_runs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command()
    whole = command.content()
    (command.folder / "runs.jsonl").unlink()
    written = outputs.TrajectoryFile.write

    def interrupted(file: outputs.TrajectoryFile, block: bytes) -> None:
        if b'"bot":"zoe"' in block:
            written(file, block[:5000])
            raise KeyboardInterrupt
        written(file, block)

    with monkeypatch.context() as patched:
        patched.setattr(outputs.TrajectoryFile, "write", interrupted)
        assert command() == 130
    assert "interrupted after 5 runs" in command.err
    assert "the same command with --resume goes on" in command.err
    assert runs_of(command.lines()) == WHOLE[:5]
    assert whole.startswith(command.content())
    assert command("--resume") == 0
    assert command.content() == whole


@pytest.mark.long
def test_kill_9_leaves_a_file_that_is_continued(command: Command) -> None:
    command()
    target = command.folder / "killed.jsonl"
    words = ["trajectories", "--db", f"sqlite:///{command.database}", "-o", str(target), "--processes", "2"]
    code = (
        "import os, signal, sys\n"
        "from dungeonfighter import cli\n"
        "from dungeonfighter.trajectories import outputs\n"
        "ended = outputs.TrajectoryFile.end_run\n"
        "def end_run(file):\n"
        "    ended(file)\n"
        "    if file.size > 100_000:\n"
        '        file.write(b\'{"format":"dungeonfi\')\n'
        "        file._file.flush()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "outputs.TrajectoryFile.end_run = end_run\n"
        "if __name__ == '__main__':\n"
        "    cli.main(sys.argv[1:])\n"
    )
    script = command.folder / "killed.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, str(script), *words], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert target.read_bytes().endswith(b"dungeonfi")
    assert command("--resume", output="killed.jsonl") == 0
    assert command.content("killed.jsonl") == command.content()


def test_a_full_disk_is_named_and_the_file_can_be_continued(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _no_space)
        assert command() == 1
    assert "no space left on device; 7 runs" in command.err
    assert command("--resume") == 0
    assert runs_of(command.lines()) == WHOLE


def _no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.long
def test_standard_output_and_a_reader_that_leaves(command: Command) -> None:
    command()
    words = ["--db", f"sqlite:///{command.database}", "-o", "-", "--processes", "1"]
    start = [sys.executable, "-m", "dungeonfighter", "trajectories", *words]
    done = subprocess.run(start, check=True, capture_output=True)
    assert done.stdout == command.content()
    assert b"written to standard output" in done.stderr
    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


def test_a_command_without_runs_fails_and_leaves_no_file(command: Command) -> None:
    assert command("--bot", "nobody") == 1
    assert "no run was written" in command.err
    assert command("--bot", "ranked") == 1
    assert list(command.folder.iterdir()) == []
    command.database = command.folder / "missing.db"
    assert command() == 1
    assert "there is no database" in command.err
    assert list(command.folder.iterdir()) == []


def test_strict_fails_if_a_run_had_a_fault(command: Command) -> None:
    assert command("--strict") == 1
    assert runs_of(command.lines()) == WHOLE
    assert command("--strict", "--bot", "ada", output="ada.jsonl") == 0


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
def test_files_are_written_and_continued(command: Command, processes: int) -> None:
    names = []
    for number in (1, 3, 4):
        name = str(command.folder / f"{number}.json")
        cli.main(
            [
                "replay",
                "--bot",
                "ada",
                "--episode",
                str(number),
                "--db",
                f"sqlite:///{command.database}",
                "-o",
                name,
            ]
        )
        names.append(name)
    bad = command.folder / "bad.json"
    bad.write_text("{}")
    words = [names[0], str(bad), *names[1:], names[0], str(command.folder)]
    assert command(*words, processes=processes) == 0
    lines = command.lines()
    assert runs_of(lines) == ("/ada e1", "/ada e3", "/ada e4")
    assert "3 runs with " in command.err
    assert "left out: 2 damaged, 1 given twice" in command.err
    whole = command.content()
    (command.folder / "runs.jsonl").write_bytes(whole[: len(whole) - 100])
    assert command("--resume", *words) == 0
    assert command.content() == whole
    assert command("--resume", names[0]) == 2
    assert "ends with the run ada e4, which none of these replays is" in command.err


@pytest.mark.parametrize(
    ("words", "output", "problem"),
    [
        (["--resume"], "-", "standard output cannot be continued"),
        (["--format", "parquet"], "-", "needs a file"),
        (["a.json", "--bot", "ada"], "x", "give either files, or a bot"),
        ([], "missing/x.jsonl", "does not exist"),
        ([], ".", "is a folder"),
        (["--processes", "9999"], "x", "at most 256"),
        (["--bot", "no such id"], "x", "is not a bot id"),
    ],
)
def test_wrong_words_are_named(command: Command, words: list[str], output: str, problem: str) -> None:
    if "--processes" in words:
        assert cli.main(["trajectories", *words, "-o", str(command.folder / output)]) == 2
        command.err = command.capsys.readouterr().err
    else:
        assert command(*words, output=output) == 2
    assert problem in command.err


def rows_of(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def test_parquet_has_the_same_rows(command: Command) -> None:
    command()
    assert command(output="runs.parquet") == 0
    for line, row in zip(command.lines(), rows_of(command.folder / "runs.parquet"), strict=True):
        row["observation"] = json.loads(row["observation"])
        assert row == line
    assert {path.name for path in command.folder.iterdir()} == {"runs.jsonl", "runs.parquet"}


def test_parquet_is_continued_after_its_last_part(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command(output="whole.parquet")
    monkeypatch.setattr(parquet, "PART_ROWS", 40)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 7)
    ended = parquet.ParquetFile.end_run
    runs = 0

    def interrupted(file: parquet.ParquetFile) -> None:
        nonlocal runs
        ended(file)
        runs += 1
        if runs == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(parquet.ParquetFile, "end_run", interrupted)
        assert command(output="runs.parquet") == 130
    assert not (command.folder / "runs.parquet").exists()
    assert command(output="runs.parquet") == 2
    assert "runs.parquet.parts is there already; --resume continues it" in command.err
    assert command("--resume", output="runs.parquet") == 0
    whole = rows_of(command.folder / "whole.parquet")
    assert rows_of(command.folder / "runs.parquet") == whole
    assert command("--resume", output="runs.parquet") == 0
    assert rows_of(command.folder / "runs.parquet") == whole
    assert command("--resume", "--observation", "none", output="runs.parquet") == 2
    assert "begun with another --observation" in command.err


def test_parquet_leaves_another_file_alone(command: Command) -> None:
    target = command.folder / "runs.parquet"
    target.write_bytes(b"a letter")
    assert command("--resume", output="runs.parquet") == 2
    assert "cannot be read as Parquet" in command.err
    assert target.read_bytes() == b"a letter"


def test_parquet_without_its_extra_names_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert command(output="runs.parquet") == 2
    assert "Parquet needs the extra `parquet`" in command.err


def test_a_stream_counts_its_bytes() -> None:
    with Path(os.devnull).open("wb") as file:
        stream = Stream(file)
        stream.write(b"four")
        stream.end_run()
        assert stream.size == 4


def test_runs_that_begin_meanwhile_do_not_disturb(command: Command) -> None:
    """A copy of the database grows between the two halves of the work."""
    grown = command.folder / "grown.db"
    shutil.copy(command.database, grown)
    command.database = grown
    command("--fleet", "local")
    file = apsw.Connection(str(grown))
    file.execute("update games set bot_id = 'local/zzz' where bot_id = 'local/zoe'")
    file.close()
    assert command("--resume", "--fleet", "local") == 0
    assert "1 damaged" in command.err  # the seal of the row names its bot
    assert runs_of(command.lines()) == WHOLE[:6]
