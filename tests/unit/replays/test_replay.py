"""The file of a replay: what is written is read, and a file from anywhere is bounded and named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dungeonfighter.errors import BadArgument
from dungeonfighter.replays import replay
from tests.unit.replays.runs import played
from tests.unit.rules.position import rules

GOOD = json.loads(replay.encode(played(turns=20)))


def changed(**members: Any) -> bytes:
    return json.dumps(GOOD | members).encode()


@pytest.mark.parametrize("ranked", [False, True])
def test_a_written_replay_is_read(ranked: bool) -> None:
    written = played(turns=30, ranked=ranked)
    assert replay.decode(replay.encode(written)) == written


def test_members_of_later_releases_are_ignored() -> None:
    assert replay.decode(changed(weather="rain")).bot == "tarn"


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"", "no replay"),
        (b"\xff\xfe{}", "no replay"),
        (b"[" * 100_000, "no replay"),
        (b"{" * 100_000, "no replay"),
        (b"{}", "no replay"),
        (b"null", "no replay"),
        (changed(format="dungeonfighter-replay/9"), "reads dungeonfighter-replay/1"),
        (changed(format="x" * 10_000), "reads dungeonfighter-replay/1"),
        (changed(episode=10**30), "Expected `int` <= 2147483647 - at `[$].episode`"),
        (changed(inputs="1" * 50), "no replay"),
        (changed(inputs=[1] * 20), "no replay"),
        (changed(inputs=["x" * 49, *["1"] * 19]), "length <= 48 - at `[$].inputs.0.`"),
        (changed(inputs=["1"] * 21), "do not lead to t20"),
        (changed(firstTurn=-1), "Expected `int` >= 0 - at `[$].firstTurn`"),
        (changed(options=None), "either options or a base"),
        (changed(base="AAAA"), "either options or a base"),
        (changed(options=None, base="A" * 8000), "base has 6000 bytes"),
        (changed(digests="00"), "digests are 2 digits"),
        (changed(result={}), "no replay"),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_file_that_is_no_replay_is_named(raw: bytes, named: str) -> None:
    with pytest.raises(BadArgument, match=named) as refused:
        replay.decode(raw)
    assert len(str(refused.value)) < 400


def test_too_many_inputs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "INPUTS_MAX", 19)
    with pytest.raises(BadArgument, match="20 inputs, more than 19"):
        replay.decode(changed())


def test_a_file_that_is_too_long_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FILE_BYTES_MAX", 100)
    with pytest.raises(BadArgument, match="at most 100 bytes"):
        replay.decode(b"{" * 101)


def test_the_rules_of_a_replay_are_those_of_its_run() -> None:
    assert replay.decode(changed()).rules == rules().identity
