"""Turns of clients whose `_meta` differs with every call, beside clients whose `_meta` is constant.

A client with an active trace sends a new `traceparent` in each call. The server keeps its verdict on headers
and `_meta`, and the new value must not make it judge the request anew.

`python -m bench.varying_meta PORT SECONDS KIND CORE` runs one of them against a server; it prints a
`LoadResult`.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from bench import rows
from bench.contest import BOTS, CONNECTIONS, Repeat, interleave, repeat_of
from bench.load import BEGIN, MODERN, Load, LoadResult, bot_name, pin, tool_call
from bench.options import Options, Progress
from bench.servers import Failed, Server, cores, load, ours, running
from bench.table import Figure

_KINDS: Final = {rows.NO_TRACE: "none", rows.VARYING_TRACE: "varying"}
_AROUND_SECONDS: Final = 5.0
_LOAD_SECONDS_MAX: Final = 60.0
_WARM_SECONDS: Final = 1.0
_META: Final = b'"_meta":{'
_TRACE: Final = b'"traceparent":"00-0af7651916cd43dd8448eb211c80319c-%016x-01",'


def seconds(options: Options) -> float:
    """Return about how long the part takes."""
    return len(_wanted(options)) * options.repeats * (options.seconds + _AROUND_SECONDS)


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Measure both loads, interleaved, each against a new server."""
    once: dict[str, Callable[[], Repeat]] = {
        name: partial(_once, _KINDS[name], options.seconds) for name in _wanted(options)
    }
    return interleave(
        once, options.repeats, partial(progress.step, seconds=options.seconds + _AROUND_SECONDS)
    )


def _wanted(options: Options) -> list[str]:
    return [name for name in _KINDS if name in options.figures]


def _once(kind: str, seconds: float) -> Repeat:
    with tempfile.TemporaryDirectory() as folder, running(ours, Path(folder)) as server:
        begun = load(server.port, (0, CONNECTIONS, BOTS, BEGIN))
        if begun.good != BOTS:
            raise Failed(f"{begun.good} of {BOTS} bots could begin: {begun.example}")
        versions, spent = server.versions(), server.cpu_seconds()
        loaded = _load(server, kind, seconds)
        return repeat_of(loaded, server.versions() - versions, server.cpu_seconds() - spent)


def _load(server: Server, kind: str, seconds: float) -> LoadResult:
    """Run one of the loads on the other core.

    Raises:
        Failed: The load failed or was stuck.
    """
    command = [sys.executable, "-m", "bench.varying_meta", str(server.port), str(seconds), kind]
    try:
        done = subprocess.run(
            [*command, str(cores()[1])], check=True, capture_output=True, timeout=seconds + _LOAD_SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        raise Failed("the load was not answered in time") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"the load failed: {error.stderr.decode(errors='replace')[-400:]}") from None
    return msgspec.json.decode(done.stdout, type=LoadResult)


def requests(kind: str) -> Iterator[bytes]:
    """Yield one input for each bot in turn, without end."""
    is_varying = kind == "varying"
    length = len(_TRACE % 0) if is_varying else 0
    parts = []
    for number in range(BOTS):
        head, blank, body = tool_call("handle_input", bot_name(number), '"input":"1"', MODERN).partition(
            b"\r\n\r\n"
        )
        head = head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % (len(body) + length))
        before, meta, after = body.partition(_META)
        parts.append((head + blank + before + meta, after))
    Random(1).shuffle(parts)
    for span, (before, after) in enumerate(itertools.cycle(parts)):
        yield before + (_TRACE % span if is_varying else b"") + after


def main() -> int:
    """Run one load."""
    port, seconds, kind, core = sys.argv[1:5]
    pin(int(core))
    loaded = Load(requests(kind), int(port), CONNECTIONS).run(_WARM_SECONDS, float(seconds))
    sys.stdout.write(msgspec.json.encode(loaded).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
