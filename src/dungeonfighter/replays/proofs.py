"""Checks the proof of a ranked run offline: what its server claims, against an execution here.

Source: docs/leaderboard.md, "Checking a run yourself".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import BadInput
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.execution import Difference, differences
from dungeonfighter.replays.replay import Replay
from dungeonfighter.replays.run_claims import SIGNATURE_BYTES, claim_of
from dungeonfighter.replays.run_keys import PublicKeys
from dungeonfighter.rules import RANKED_CATEGORIES, Rules

_ORIGINS: Final = ("new", "reset")


def problems_of(
    replay: Replay, shipped: Mapping[str, Rules], keys: PublicKeys | None,
    on_turn: Callable[[int], None] = lambda _: None,
) -> Iterator[str]:  # fmt: skip
    """Yield one sentence for each thing that is wrong with the proof of a ranked run.

    Args:
        replay: As its file says.
        shipped: The rules of this release by identity.
        keys: Those that may have signed it; None leaves the signature out.
        on_turn: Called with the number of executed inputs after each of them.

    Raises:
        BadArgument: The replay is not that of a ranked run that is over.
    """
    claim = claim_of(replay)
    assert replay.options is not None
    assert replay.proof is not None
    if claim.mode not in RANKED_CATEGORIES or replay.origin not in _ORIGINS:
        yield f"mode: no ranked run is {claim.mode!r} and began as {replay.origin[:20]!r}"
    nonce = bytes.fromhex(claim.nonce)
    if len(nonce) != limits.nonce_bytes:
        yield f"nonce: a ranked run has one of {limits.nonce_bytes} bytes"
    if replay.proof.commitment != commitment(claim.seed, nonce, claim.bot, claim.episode):
        yield "commitment: it is not that of this seed, nonce, bot and episode"
    if len(replay.inputs) > limits.ranked_turns_max:
        yield f"inputs: a ranked run has at most {limits.ranked_turns_max}"
        return
    rules = shipped.get(replay.rules)
    if rules is None:
        known = ", ".join(shipped)
        yield f"rules: this release has {known}, not {replay.rules[:40]!r}, so the run was not executed"
    elif (difference := _first_difference(replay, rules, on_turn)) is not None:
        yield f"execution: t{difference.turn}: {difference.what}"
    if not replay.digests:
        yield "digests: the file has none"
    if keys is not None and (what := _signature_problem(replay, claim.message(), keys)):
        yield f"signature: {what}"


def _first_difference(replay: Replay, rules: Rules, on_turn: Callable[[int], None]) -> Difference | None:
    alone = msgspec.structs.replace(replay, proof=None)  # the commitment has a check of its own
    try:
        for number, difference in enumerate(differences(alone, rules)):
            if difference is not None:
                return difference
            on_turn(number)
    except BadInput as error:
        return Difference(replay.first_turn, f"the run cannot begin: {error}")
    return None


def _signature_problem(replay: Replay, message: bytes, keys: PublicKeys) -> str:
    proof = replay.proof
    assert proof is not None
    if not proof.signature:
        return "the file has none: its server has no key, or had not executed the run again yet"
    if proof.key_id not in keys.by_id:
        return f"it is by the key {proof.key_id[:40]!r}; the given keys are {', '.join(keys.by_id)}"
    try:
        signature = bytes.fromhex(proof.signature)
    except ValueError:
        return "it is not hexadecimal"
    if len(signature) != SIGNATURE_BYTES or not keys.holds(message, proof.key_id, signature):
        return f"the key {proof.key_id} did not sign what this file says"
    return ""
