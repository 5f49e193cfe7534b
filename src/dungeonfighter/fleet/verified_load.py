"""A whole load: it is played, verified and reported; `fleet` and `demo` run it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dungeonfighter.fleet.generators import Generators
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.report import Report, make_report
from dungeonfighter.fleet.report_timeline import Recorder
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules


async def load_and_verify(
    options: LoadOptions,
    show: Callable[[str], None],
    *,
    verify: bool = True,
    recorder: Recorder | None = None,
) -> Report:
    """Run one load, in this process or in `options.processes` of them, verify it and sum it up.

    Args:
        options: The load.
        show: Receives one line of progress each second.
        verify: False leaves the store unread; the report then says so.
        recorder: Records the course of the load and the metrics of its servers for the report.
    """
    recorder = recorder or Recorder([], 0.0)
    await asyncio.to_thread(recorder.start)
    try:
        if options.processes > 1:
            return await _in_processes(options, show, recorder, verify=verify)
        load = await run_load(options, show, record=recorder.add)
        await asyncio.to_thread(recorder.stop)
        verdict = None
        if verify and _has_begun(load, show):
            show(f"verifying {several(options.bots, 'bot')}")
            verdict = await verify_load(load, load_rules(), show)
        return make_report(load, verdict, recorder)
    finally:
        recorder.stop()


async def _in_processes(
    options: LoadOptions, show: Callable[[str], None], recorder: Recorder, *, verify: bool
) -> Report:
    async with Generators(options, show, record=recorder.add) as generators:
        load = await generators.play()
        await asyncio.to_thread(recorder.stop)
        verdict = None
        if verify and _has_begun(load, show):
            show(f"verifying {several(options.bots, 'bot')}")
            verdict = await generators.verify()
        load.ended.extend(generators.ended())
    return make_report(load, verdict, recorder)


def _has_begun(load: Load, show: Callable[[str], None]) -> bool:
    """Return True if a run or a turn was acknowledged; otherwise show that there is nothing to verify."""
    found = any(tally.turns or tally.started for tally in (load.tally, load.warm_up))
    if not found:
        show("nothing to verify: the server acknowledged no turn")
    return found
