"""A replay: all that is needed to execute one run again, and the results to compare with.

The JSON form of `Replay` is the file format. A reader ignores members that it does not know; a change that
an earlier reader would misread gets another `format`.

Source: docs/replays.md.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument

FORMAT: Final = "dungeonfighter-replay/1"
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
INPUTS_MAX: Final = 1_000_000
_NUMBER_MAX: Final = 2**31 - 1
DIGEST_CHARS: Final = 8
"""A replay has the first four bytes of the digest of each state, in hexadecimal digits."""


_Count = Annotated[int, Meta(ge=0, le=_NUMBER_MAX)]
_Number = Annotated[int, Meta(ge=1, le=_NUMBER_MAX)]
_Hex = Annotated[str, Meta(pattern="^[0-9a-f]*$")]
_Nonce = Annotated[str, Meta(pattern=f"^([0-9a-f]{{{2 * limits.nonce_bytes}}})?$")]
_BotId = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
_Word = Annotated[str, Meta(pattern="^[a-z0-9-]{0,64}$")]
_Input = Annotated[str, Meta(max_length=limits.input_chars_max)]
_TEXTS_MAX: Final = INPUTS_MAX + 1000
"""A file with more texts is refused before they are decoded: each would take 50 bytes of memory."""


class Options(Struct, frozen=True, forbid_unknown_fields=False):
    """The options of a run that began new.

    Attributes:
        nonce: The random bytes of a ranked run in hexadecimal digits; empty for other runs.
        weapon: 0 to 3; -1 if the run began with the choice of a weapon.
        ascension: 0 to `limits.ascensions_max`.
    """

    seed: Annotated[int, Meta(ge=0, le=limits.seed_max)]
    mode: _Word
    name: Annotated[str, Meta(min_length=1, max_length=limits.hero_name_chars_max)]
    weapon: Annotated[int, Meta(ge=-1, le=3)] = -1
    nonce: _Nonce = ""
    ascension: Annotated[int, Meta(ge=0, le=limits.ascensions_max)] = 0


class Result(Struct, frozen=True):
    """The last state of a run.

    Attributes:
        digest: Its whole digest in hexadecimal digits.
        score: In points.
        result: won, died, turns, abandoned or live.
    """

    turn: _Count
    digest: _Hex
    score: Annotated[float, Meta(ge=0, le=100)]
    result: _Word


class Proof(Struct, frozen=True, rename="camel"):
    """The proof of a ranked run.

    Attributes:
        fleet: The fleet of the bot.
        commitment: What the server showed when the run began; see `replays.commitment`.
        signature: Of the server that executed the run again, in hexadecimal digits; empty without a key.
        key_id: Names the key of the signature.
    """

    fleet: _Word
    commitment: _Hex
    signature: _Hex = ""
    key_id: str = ""


class Replay(Struct, frozen=True, rename="camel", kw_only=True):
    """One run.

    Attributes:
        rules: The identity of its rules.
        origin: The beginning of the run: new, reset, load, fork or import.
        ranked: The run counts for the leaderboard.
        options: For a run that began new (origin new or reset), else None.
        base: The encoded first state of a run that did not begin new; base64 in the file.
        first_turn: The turn of the first state.
        inputs: In order; each leads to the next turn.
        digests: `DIGEST_CHARS` digits for the first state and for the state after each input; may be empty.
        result: The last state.
        proof: Of a ranked run that is over.
    """

    format: str = FORMAT
    bot: _BotId
    episode: _Number
    rules: _Word
    origin: _Word
    parent_episode: _Count = 0
    ranked: bool = False
    options: Options | None = None
    base: bytes = b""
    first_turn: _Count = 0
    inputs: list[_Input]
    digests: _Hex = ""
    result: Result
    proof: Proof | None = None


_decoder: Final = msgspec.json.Decoder(Replay)
_encoder: Final = msgspec.json.Encoder()


def encode(replay: Replay) -> bytes:
    """Return the file of a replay."""
    return _encoder.encode(replay) + b"\n"


def decode(raw: bytes) -> Replay:
    """Return the replay of a file from any source.

    Raises:
        BadArgument: The file is no replay, or larger than `FILE_BYTES_MAX` or `INPUTS_MAX`.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise BadArgument(f"a replay has at most {FILE_BYTES_MAX} bytes, this file has {len(raw)}")
    if raw.count(b'"') > 2 * _TEXTS_MAX:
        raise BadArgument(f"a replay has at most {INPUTS_MAX} inputs, this file has more texts than that")
    try:
        replay = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadArgument(f"this is no replay: {_short(str(error) or type(error).__name__)}") from None
    if replay.format != FORMAT:
        raise BadArgument(f"this release reads {FORMAT}, the file is {_short(replay.format)!r}")
    if problem := _problem(replay):
        raise BadArgument(f"this replay is not consistent: {problem}")
    return replay


def _problem(replay: Replay) -> str:
    """Return what is inconsistent in a replay, or an empty text."""
    count, last = len(replay.inputs), replay.result.turn
    if count > INPUTS_MAX:
        return f"it has {count} inputs, more than {INPUTS_MAX}"
    if replay.first_turn + count != last:
        return f"{count} inputs from t{replay.first_turn} on do not lead to t{last}"
    if (replay.options is None) == (not replay.base):
        return "it needs either options or a base"
    if len(replay.base) > limits.state_bytes_max:
        return f"its base has {len(replay.base)} bytes, more than {limits.state_bytes_max}"
    if replay.digests and len(replay.digests) != DIGEST_CHARS * (count + 1):
        return f"its digests are {len(replay.digests)} digits instead of {DIGEST_CHARS * (count + 1)}"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."
