"""The state as bytes and back: MessagePack arrays, the same bytes for the same state everywhere; and its
digest.

Source: game.md section 1.
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
    """The state of bytes that `encode` made here or `decode` has read before; its items, offers and events
    are read when they are looked at (a turn of a fight looks at none of them).
    """
    return _opener(raw)


def decode(raw: bytes) -> State:
    """The state of these bytes, whoever made them, all of it read and judged.

    Raises:
        Corrupt: They are no state: wrong shape, wrong size, or parts that do not fit together.
    """
    if len(raw) > _BYTES_MAX:
        raise Corrupt(f"a state has at most {_BYTES_MAX} bytes, this one {len(raw)}")
    try:
        state = _opener(raw)
        read(state)
        log.past(state)  # judged only; few ever look at it
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt(f"not an encoded state: {error}") from error
    if not _fits(state):
        raise Corrupt("the parts of this state do not fit together")
    return state


def read(state: State) -> None:
    """Read what was left as bytes when the state was opened."""
    _ = state.hero.worn, state.hero.bag, state.world.offers, state.world.shop
    state.log = log.present(state)


def digest(raw: bytes) -> bytes:
    """Identifies the state of these bytes."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()


def copy(state: State) -> State:
    """A copy that shares only what is never changed: all but the structs with fields, the log and statuses.

    Written out by hand because `apply` does it every turn: copying the other lists as well cost three times
    as much, encoding and decoding twelve times (measured).
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
    """What the types cannot say: the phase has what it needs and nothing is longer than it may be."""
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
        and state.told == 0
        and (hero.kind >= 0) == (phase != _WEAPON_SELECTION)
    )
