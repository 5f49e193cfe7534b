"""The encoding of a state as MessagePack arrays, and its digest.

Equal states have equal bytes on every machine.

Source: docs/decisions/014-a-turn-opens-its-state.md.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt
from dungeonfighter.rules import log
from dungeonfighter.rules.state import Fight, Fighter, Phase, State

_VICTORY = int(Phase.Victory)
_COMBAT = int(Phase.Combat)
_DUNGEON = int(Phase.Dungeon)
_WEAPON_SELECTION = int(Phase.WeaponSelection)
_BYTES_MAX = limits.state_bytes_max
_BAG_MAX = limits.bag_items_max
_LOG_MAX = limits.log_events_max

DIGEST_BYTES = 16

_shallow: Final[Callable[[Any], Any]] = msgspec.Struct.__copy__  # type: ignore[attr-defined]
_encoder = msgspec.msgpack.Encoder()
_opener = msgspec.msgpack.Decoder(State).decode


def encode(state: State) -> bytes:
    log.fold(state)
    return _encoder.encode(state)


def open_state(raw: bytes) -> State:
    """Return the state of trusted bytes: those that `encode` made, or `decode` accepted before.

    The items, offers and events stay bytes until the first access. A turn of a fight accesses none of them.
    """
    return _opener(raw)


def decode(raw: bytes) -> State:
    """Decode and validate bytes from any source.

    Raises:
        Corrupt: The bytes are no state: wrong shape, wrong size, or parts that do not fit together.
    """
    if len(raw) > _BYTES_MAX:
        raise Corrupt(f"a state has at most {_BYTES_MAX} bytes, this one {len(raw)}")
    try:
        state = _opener(raw)
        read(state)
        log.past(state)  # only validated: few callers need the decoded events
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"not an encoded state: {error}") from error
    if not _fits(state):
        raise Corrupt("the parts of this state do not fit together")
    return state


def read(state: State) -> None:
    """Decode the parts that `open_state` left as bytes."""
    _ = state.hero.worn, state.hero.bag, state.world.offers, state.world.shop
    state.log = log.present(state)


def digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()


def copy(state: State) -> State:
    """Return a copy that shares with the original only the values that no turn changes in place.

    It has its own structs with mutable fields, its own log and its own statuses. The copy is by hand because
    `apply` makes one every turn: with copies of the other lists it cost three times as much, by encoding and
    decoding twelve times (measured).
    """
    twin: State = _shallow(state)
    twin.dice = _shallow(state.dice)
    twin.hero = _shallow(state.hero)
    twin.world = _shallow(state.world)
    if state.dungeon is not None:
        twin.dungeon = _shallow(state.dungeon)
    if state.fight is not None:
        twin.fight = _copy_fight(state.fight)
    twin.log = state.log.copy()
    return twin


def _copy_fight(fight: Fight) -> Fight:
    twin: Fight = _shallow(fight)
    twin.hero = Fighter(fight.hero.next_at, fight.hero.statuses.copy())
    twin.enemy = Fighter(fight.enemy.next_at, fight.enemy.statuses.copy())
    return twin


def _fits(state: State) -> bool:
    """Check conditions beyond the types: the parts that the phase needs, and the lengths of the lists."""
    hero = state.hero
    phase = state.phase
    return (
        0 <= phase <= _VICTORY
        and (phase == _COMBAT) == (state.fight is not None)
        and (state.dungeon is not None or phase not in (_DUNGEON, _COMBAT))
        and len(hero.bag) <= _BAG_MAX
        and len(hero.worn) == 5
        and len(hero.stats) == len(hero.class_points) == 4
        and len(state.past_sizes) + len(state.log) <= _LOG_MAX
        and state.turn_start == 0
        and len(state.nonce) in (0, limits.nonce_bytes)
        and (hero.kind >= 0) == (phase != _WEAPON_SELECTION)
    )
