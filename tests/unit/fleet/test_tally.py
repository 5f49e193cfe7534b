"""What a tally tells includes what was only noted so far."""

from __future__ import annotations

from dungeonfighter.fleet.tally import Tally


def test_turns_that_are_only_noted_count_like_all_others() -> None:
    noted, counted = Tally(), Tally()
    counted.answered(0.5)
    noted.answered(0.5)
    for seconds in (0.2, 0.1):
        counted.answered(seconds, turns=1)
        noted.followed.append(seconds)
    assert (noted.calls, noted.turns) == (counted.calls, counted.turns) == (3, 2)
    assert noted.latency.counts == counted.latency.counts
    assert (noted.calls, noted.turns) == (3, 2)
    assert noted.share() == counted.share()
