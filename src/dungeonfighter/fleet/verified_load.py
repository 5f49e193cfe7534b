"""A whole load: it is played, verified and reported; `fleet` and `demo` run it."""

from __future__ import annotations

from collections.abc import Callable

from dungeonfighter.fleet.generators import Generators
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.report import Report, make_report
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules


async def load_and_verify(
    options: LoadOptions, show: Callable[[str], None], *, verify: bool = True
) -> Report:
    """Run one load, in this process or in `options.processes` of them, verify it and sum it up.

    Args:
        options: The load.
        show: Receives one line of progress each second.
        verify: False leaves the store unread; the report then says so.
    """
    if options.processes > 1:
        return await _in_processes(options, show, verify=verify)
    load = await run_load(options, show)
    if not verify or not _has_begun(load, show):
        return make_report(load, None)
    show(f"verifying {several(options.bots, 'bot')}")
    return make_report(load, await verify_load(load, load_rules(), show))


async def _in_processes(options: LoadOptions, show: Callable[[str], None], *, verify: bool) -> Report:
    async with Generators(options, show) as generators:
        load = await generators.play()
        verdict = None
        if verify and _has_begun(load, show):
            show(f"verifying {several(options.bots, 'bot')}")
            verdict = await generators.verify()
        load.ended.extend(generators.ended())
    return make_report(load, verdict)


def _has_begun(load: Load, show: Callable[[str], None]) -> bool:
    """Return True if a run or a turn was acknowledged; otherwise show that there is nothing to verify."""
    found = any(tally.turns or tally.started for tally in (load.tally, load.warm_up))
    if not found:
        show("nothing to verify: the server acknowledged no turn")
    return found
