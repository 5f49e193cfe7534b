"""What a promoted server lacks, from the games of both servers."""

from __future__ import annotations

from chaos.former import Lacking


def test_turns_and_runs_that_the_promoted_server_lacks() -> None:
    promoted = {"local/a": (1, 7, "aa"), "local/b": (1, 3, "bb"), "local/c": (2, 5, "cc")}
    former = {**promoted, "local/b": (1, 9, "b9"), "local/c": (3, 2, "c2"), "local/d": (1, 4, "d4")}
    lacking = Lacking(promoted, former, {"local/c": {2: 6}})
    assert lacking.bots() == ["local/b", "local/c", "local/d"]
    assert lacking.turns() == 6 + 2 + 4


def test_equal_servers_lack_no_turn() -> None:
    games = {"local/a": (1, 7, "aa")}
    assert not Lacking(games, games, {}).bots()
    assert Lacking(games, games, {}).turns() == 0
