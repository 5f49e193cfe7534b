"""The execution of a replay gives the same states, and names the first difference."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.bots.registry import policies
from dungeonfighter.errors import BadArgument, BadInput
from dungeonfighter.replays.execution import Difference, differences, execute
from dungeonfighter.replays.replay import Options, Replay
from tests.unit.replays.runs import NONCE, digest_of, played, recorded
from tests.unit.rules.position import rules


def found(replay: Replay) -> Difference | None:
    *_, last = differences(replay, rules())
    return last


def with_options(replay: Replay, **members: object) -> Replay:
    assert replay.options is not None
    return msgspec.structs.replace(replay, options=msgspec.structs.replace(replay.options, **members))


@pytest.mark.parametrize("policy", list(policies))
def test_a_run_of_each_policy_ends_in_its_digest_and_score(policy: str) -> None:
    for seed in range(3):
        assert found(played(seed, 120, policy=policy, ranked=seed == 2)) is None


def test_a_run_that_did_not_begin_new_stands_alone() -> None:
    *_, state = execute(played(turns=40), rules())
    rules().branch(state, 99)
    assert found(recorded(state, 40)) is None


def test_without_digests_the_result_is_checked() -> None:
    replay = msgspec.structs.replace(played(), digests="")
    assert found(replay) is None
    other = msgspec.structs.replace(replay, inputs=[*replay.inputs[:-1], "2"])
    difference = found(other)
    assert difference is not None
    assert difference.turn in {len(replay.inputs), len(replay.inputs) - 1}


def test_a_changed_input_is_found_at_its_turn() -> None:
    replay = played(turns=60)
    states = [digest_of(state) for state in execute(replay, rules())]
    for place in range(0, 60, 7):
        for text in ("1", "2", "3", "fly"):
            if text == replay.inputs[place]:
                continue
            inputs = [*replay.inputs[:place], text, *replay.inputs[place + 1 :]]
            difference = found(msgspec.structs.replace(replay, inputs=inputs))
            assert difference is not None
            assert difference.turn in {place, place + 1}
            assert "not legal" in difference.what or states[place + 1] not in difference.what


def test_a_changed_digest_is_found_at_its_turn() -> None:
    replay = played(turns=60)
    digests = replay.digests[: 8 * 33] + "00000000" + replay.digests[8 * 34 :]
    difference = found(msgspec.structs.replace(replay, digests=digests))
    assert difference is not None
    assert difference.turn == 33


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"digest": "0" * 32}, "last state has the digest"),
        ({"score": 99.0}, "the score is"),
        ({"result": "won"}, "the run is abandoned, not won"),
    ],
)
def test_a_changed_result_is_named(members: dict[str, object], named: str) -> None:
    replay = played(turns=20)
    result = msgspec.structs.replace(replay.result, **members)
    difference = found(msgspec.structs.replace(replay, result=result))
    assert difference is not None
    assert named in difference.what


def test_another_seed_name_weapon_or_nonce_differs_in_the_first_state() -> None:
    replay = played(ranked=True)
    other = NONCE[:-1] + b"\x00"
    for members in ({"seed": 6}, {"name": "Eve"}, {"weapon": 2}, {"nonce": other.hex()}):
        difference = found(with_options(replay, **members))
        assert difference is not None
        assert difference.turn == 0


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"mode": "easy"}, "no mode"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**60}, "seed must be"),
        ({"name": ""}, "name must have"),
        ({"weapon": 9}, "weapon must be"),
        ({"nonce": "zz"}, "not hexadecimal"),
        ({"nonce": "00"}, "nonce of 16 bytes"),
    ],
)
def test_options_of_no_run_are_named(members: dict[str, object], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        found(with_options(played(ranked=True), **members))


@pytest.mark.parametrize("base", [b"x", b"\x90", bytes(100)])
def test_a_base_that_is_no_state_is_named(base: bytes) -> None:
    replay = msgspec.structs.replace(played(turns=0), options=None, base=base)
    with pytest.raises(BadArgument, match="base of this replay is damaged"):
        found(replay)


def test_a_base_of_another_turn_is_named() -> None:
    *_, state = execute(played(turns=40), rules())
    replay = msgspec.structs.replace(played(turns=0), options=None, base=rules().encode(state))
    with pytest.raises(BadArgument, match="stands at t40, not at t0"):
        found(replay)


def test_options_have_the_nonce_of_a_ranked_run_only() -> None:
    replay = with_options(played(), nonce=NONCE.hex())
    assert isinstance(replay.options, Options)
    with pytest.raises(BadInput, match="another run none"):
        found(replay)
