"""The JSON of a save slot: a readable summary, the state in base64, and the digest and rules of the state."""

from __future__ import annotations

from base64 import b64decode, b64encode

import msgspec
from msgspec import Struct

from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting.ports import Save


class CharacterData(Struct, frozen=True):
    """The JSON object in the column `character_saves.character_data`."""

    summary: msgspec.Raw
    state: str
    digest: str
    rules: str
    episode: int
    turn: int


def to_json(save: Save) -> str:
    state = b64encode(save.state).decode("ascii")
    summary = msgspec.Raw(save.summary.encode())
    row = CharacterData(summary, state, save.digest.hex(), save.rules, save.episode, save.turn)
    return msgspec.json.encode(row).decode()


def from_json(
    bot_id: str, slot: str, text: str, version: int, updated_at: float, *, with_state: bool
) -> Save:
    """Decode a save from its stored row.

    Raises:
        Corrupt: `text` does not have the shape that `to_json` writes.
    """
    try:
        row = msgspec.json.decode(text, type=CharacterData)
        state = b64decode(row.state) if with_state else b""
        digest = bytes.fromhex(row.digest)
    except ValueError as error:
        raise Corrupt(f"the save {slot} is damaged; delete_save removes it") from error
    summary = msgspec.json.format(bytes(row.summary), indent=-1).decode()  # jsonb inserts spaces
    return Save(bot_id, slot, state, digest, row.rules, row.episode, row.turn, summary, version, updated_at)
