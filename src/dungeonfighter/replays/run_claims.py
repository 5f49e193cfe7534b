"""The claim of a ranked run: everything that its row of the leaderboard says, as one text to sign.

Source: docs/leaderboard.md, "The signed text".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from dungeonfighter.errors import BadArgument
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.replay import Replay
from dungeonfighter.rules import Mode, category

KEY_ID_CHARS: Final = 16
SIGNATURE_BYTES: Final = 64
"""The lengths of what signs a claim; see `run_keys`."""
_DOMAIN: Final = "dungeonfighter ranked run 1"
_SCORE_MAX: Final = 1_000_000


class Claim(Struct, frozen=True):
    """All that a row says about one ranked run.

    Attributes:
        mode: The category of the run (`rules.modes`).
        nonce, digest, inputs_digest: In hexadecimal digits.
        name, weapon: The options of the run beside seed and mode.
        score: In hundredths of a point.
    """

    fleet: str
    bot: str
    episode: int
    rules: str
    mode: str
    origin: str
    seed: int
    nonce: str
    name: str
    weapon: int
    first_turn: int
    last_turn: int
    result: str
    score: int
    digest: str
    inputs_digest: str

    def message(self) -> bytes:
        """Return the text to sign: a line for each field and for the commitment, its value in ASCII JSON."""
        values = asdict(self)
        values["commitment"] = commitment(self.seed, bytes.fromhex(self.nonce), self.bot, self.episode)
        lines = [_DOMAIN, *(f"{field} {json.dumps(value)}" for field, value in values.items())]
        return "".join(f"{line}\n" for line in lines).encode("ascii")


def inputs_digest(inputs: Sequence[str]) -> bytes:
    """Return the SHA-256 of the inputs, each followed by a newline."""
    return sha256("".join(f"{text}\n" for text in inputs).encode()).digest()


def claim_of(replay: Replay) -> Claim:
    """Return the claim of a ranked run that is over.

    Raises:
        BadArgument: The replay is not that of such a run, or its nonce is not hexadecimal.
    """
    options, proof, result = replay.options, replay.proof, replay.result
    if options is None or proof is None or not replay.ranked:
        raise BadArgument("this is not the replay of a ranked run that is over, so it has no row to verify")
    if options.mode not in Mode.__members__:
        raise BadArgument(f"there is no mode {options.mode[:20]!r}")
    try:
        bytes.fromhex(options.nonce)
    except ValueError:
        raise BadArgument("its nonce is not hexadecimal") from None
    if not 0 <= result.score <= _SCORE_MAX:
        raise BadArgument(f"there is no score of {result.score:g} points")
    return Claim(
        fleet=proof.fleet, bot=replay.bot, episode=replay.episode, rules=replay.rules,
        mode=category(Mode[options.mode], options.ascension), origin=replay.origin, seed=options.seed,
        nonce=options.nonce, name=options.name, weapon=options.weapon, first_turn=replay.first_turn,
        last_turn=result.turn, result=result.result, score=round(result.score * 100), digest=result.digest,
        inputs_digest=inputs_digest(replay.inputs).hex(),
    )  # fmt: skip
