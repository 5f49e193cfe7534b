"""A tally's figures include durations that it has not counted yet."""

from __future__ import annotations

from dungeonfighter.fleet.tally import Tally


def test_uncounted_turns_appear_in_every_figure() -> None:
    appended, counted = Tally(), Tally()
    counted.answered(0.5)
    appended.answered(0.5)
    for seconds in (0.2, 0.1):
        counted.answered(seconds, turns=1)
        appended.uncounted.append(seconds)
    assert (appended.calls, appended.turns) == (counted.calls, counted.turns) == (3, 2)
    assert appended.latency.counts == counted.latency.counts
    assert (appended.calls, appended.turns) == (3, 2)
    assert appended.share() == counted.share()
