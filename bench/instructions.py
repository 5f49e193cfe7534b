"""The number of instructions of a turn.

`python -m bench.instructions [--store sqlite] [--access | --traces | --tree OTHER]`

valgrind counts the instructions of a server from `data_received` to the transport's write, in its own process
and without sockets (`bench.in_process`): all threads, user code only. Every bot plays up to turn 30 in one
child and up to turn 46 in another; the figure is the difference for each turn, so the start-up cancels out.
Unlike a time, this figure is the same on a busy machine, and two runs differ by less than 0.3 %. The garbage
collector is off.

With `--access` the same sources are counted again, with access tokens and with limits for bots, tokens and
fleets: the difference is the cost of the admission. With `--traces` they are counted with no call and with
every call traced; from both follows the cost of tracing a part of the calls.

With `--tree` the same driver and interpreter count another checkout, too: the ratio is the cost of a change
(`git worktree add /tmp/other COMMIT` makes a checkout).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent
_BOTS: Final = 64
_FIRST: Final = 30
_LAST: Final = 46
_SECONDS_MAX: Final = 900.0
_NONE: Final[Mapping[str, str]] = {}
_TRACED_SHARE: Final = 0.01
"""The default of `OTEL_TRACES_SAMPLER_ARG`."""
_REFS: Final = re.compile(r"I +refs: +([0-9,]+)")


class Failed(Exception):
    """The driver failed, or valgrind reported no count."""


class Counted:
    """A process of a tree's sources under valgrind, which counts the instructions of each child apart."""

    def __init__(
        self,
        valgrind: str,
        tree: Path,
        folder: Path,
        words: Sequence[str],
        variables: Mapping[str, str] = _NONE,
    ) -> None:
        self._folder = folder
        folder.mkdir()
        command = [
            valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
            f"--log-file={folder}/%p.log", sys.executable, "-m", *words,
        ]  # fmt: skip
        path = os.pathsep.join([str(tree.resolve() / "src"), str(_ROOT)])
        environ = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", **variables}
        self._process = subprocess.Popen(
            command, cwd=_ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def result(self) -> tuple[str, dict[str, str]]:
        """Wait for the end; return the output and the logs of valgrind, by process id.

        Raises:
            Failed: The process failed, or did not end in time.
        """
        try:
            output, error = self._process.communicate(timeout=_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {_SECONDS_MAX:.0f} s") from None
        finally:
            self._process.kill()
            self._process.wait()
        if self._process.returncode:
            raise Failed(error[-2000:])
        return output, {log.stem: log.read_text() for log in self._folder.glob("*.log")}


class Count(Counted):
    """A running count: a server of this source tree under valgrind, in a process of its own."""

    def __init__(
        self, valgrind: str, tree: Path, store: str, folder: Path, *words: str,
        variables: Mapping[str, str] = _NONE,
    ) -> None:  # fmt: skip
        driver = ["bench.in_process", store, *map(str, (_BOTS, _FIRST, _LAST)), *words]
        super().__init__(valgrind, tree, folder, driver, variables)

    def per_turn(self) -> float:
        """Wait for the end of the count and return the instructions of a turn.

        Raises:
            Failed: The process failed, or did not end in time.
        """
        output, logs = self.result()
        return per_turn(output, logs, _BOTS)


def per_turn(output: str, logs: dict[str, str], bots: int) -> float:
    """Return the instructions of a turn.

    Args:
        output: The driver's output: a line with process id and turns for each of two children.
        logs: The logs of valgrind, by process id.
        bots: The number of bots.

    Raises:
        Failed: The output or the logs are incomplete.
    """
    try:
        (first, fewer), (last, more) = (line.split() for line in output.splitlines())
        return (refs(logs[last]) - refs(logs[first])) / bots / (int(more) - int(fewer))
    except (ValueError, KeyError, ZeroDivisionError) as error:
        raise Failed(f"the driver wrote {output!r}, and there are logs of {sorted(logs)}: {error}") from None


def refs(log: str) -> int:
    """Return the count of instructions in a log of valgrind.

    Raises:
        Failed: The log has none.
    """
    found = _REFS.search(log)
    if found is None:
        raise Failed(f"valgrind counted nothing: {log[-2000:]}")
    return int(found[1].replace(",", ""))


def main() -> int:
    arguments = _arguments()
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.stderr.write("valgrind is not installed, so no instructions can be counted (Debian: valgrind)\n")
        return 1
    trees = [_ROOT, *([arguments.tree] if arguments.tree else [])]
    try:
        counted = _counted(valgrind, trees, arguments.store, has_access=arguments.access)
        untraced, traced = _traced(valgrind, arguments.store) if arguments.traces else (0.0, 0.0)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"instructions a turn, {arguments.store} store, {_BOTS} bots, turns {_FIRST} to {_LAST}\n"
    )
    for tree, count in zip(trees, counted, strict=False):
        sys.stdout.write(f"{count:12,.0f}  {tree}\n")
    if arguments.access:
        sys.stdout.write(f"{counted[1]:12,.0f}  with access tokens and limits\n")
        sys.stdout.write(f"{counted[1] - counted[0]:12,.0f}  difference\n")
    if arguments.tree:
        sys.stdout.write(f"{counted[0] / counted[1]:12.4f}  ratio, this tree to the other\n")
    if arguments.traces:
        share = untraced + _TRACED_SHARE * (traced - untraced)
        sys.stdout.write(f"{untraced:12,.0f}  with traces, no call traced\n")
        sys.stdout.write(f"{traced:12,.0f}  with traces, every call traced\n")
        sys.stdout.write(f"{share / counted[0]:12.4f}  ratio, {_TRACED_SHARE:.0%} of calls traced to off\n")
    return 0


def _counted(valgrind: str, trees: list[Path], store: str, *, has_access: bool) -> list[float]:
    """Count all trees at the same time; with `has_access` also this one with access tokens and limits."""
    wanted: list[tuple[Path, tuple[str, ...]]] = [(tree, ()) for tree in trees]
    if has_access:
        wanted.append((_ROOT, ("access",)))
    with tempfile.TemporaryDirectory() as folder:
        counts = [
            Count(valgrind, tree, store, Path(folder, str(n)), *words)
            for n, (tree, words) in enumerate(wanted)
        ]
        return [count.per_turn() for count in counts]


def _traced(valgrind: str, store: str) -> list[float]:
    """Count this tree with no call traced, and with every call traced and sent to a collector here."""
    from testkit.span_receiver import receiving  # noqa: PLC0415 (needs the extra `traces`)

    with tempfile.TemporaryDirectory() as folder, receiving("http/protobuf") as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        counts = [
            Count(
                valgrind, _ROOT, store, Path(folder, ratio), "traces",
                variables=variables | {"OTEL_TRACES_SAMPLER_ARG": ratio},
            )
            for ratio in ("0", "1")
        ]  # fmt: skip
        return [count.per_turn() for count in counts]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--store", choices=("memory", "sqlite"), default="memory")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--access", action="store_true", help="count the cost of the admission")
    other.add_argument("--traces", action="store_true", help="count the cost of traces")
    other.add_argument(
        "--tree", type=checkout, metavar="DIR", help="another checkout, counted beside this one"
    )
    return parser.parse_args()


def checkout(text: str) -> Path:
    """Return the folder of a source tree, for argparse."""
    tree = Path(text)
    if not (tree / "src" / "dungeonfighter").is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no checkout: it has no src/dungeonfighter")
    return tree


if __name__ == "__main__":
    sys.exit(main())
