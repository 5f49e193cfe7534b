"""Replays of real runs for tests."""

from __future__ import annotations

import base64

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.replays.replay import DIGEST_CHARS, Options, Replay, Result
from dungeonfighter.replays.results import LIVE, run_result
from dungeonfighter.rules import GameOptions, Mode, State
from tests.unit.rules.position import rules

NONCE = bytes(range(16))


def played(
    seed: int = 5, turns: int = 80, *, policy: str = "heuristic", ranked: bool = False, weapon: int = 1
) -> Replay:
    """Return the replay of a run that began new."""
    mode = Mode.ironman if ranked else Mode.casual
    nonce = NONCE if ranked else b""
    state = rules().new_game(GameOptions(seed, int(mode), "Tarn", weapon, ranked, nonce))
    options = Options(seed, mode.name, "Tarn", weapon, nonce.hex())
    return recorded(state, turns, policy, options=options)


def recorded(
    state: State, turns: int, policy: str = "heuristic", *, options: Options | None = None
) -> Replay:
    """Play on from a state, and return the replay; without options the state is its base."""
    play, first, inputs = make_policy(policy, 1), state.turn, []
    base = b"" if options else rules().encode(state)
    digests = [digest_of(state)]
    for _ in range(turns):
        if state.over:
            break
        inputs.append(choose(rules(), play, state))
        state = rules().apply(state, inputs[-1]).state
        digests.append(digest_of(state))
    return Replay(
        bot="tarn", episode=1, rules=rules().identity, origin="new" if options else "load",
        ranked=state.ranked, options=options, base=base, first_turn=first, inputs=inputs,
        digests="".join(digest[:DIGEST_CHARS] for digest in digests),
        result=Result(
            state.turn, digests[-1], rules().score(state) / 100, run_result(state) if state.over else LIVE
        ),
    )  # fmt: skip


def digest_of(state: State) -> str:
    return rules().digest(rules().encode(state)).hex()


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
