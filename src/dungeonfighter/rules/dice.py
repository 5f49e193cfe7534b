"""The dice: four splitmix64 streams inside the state, named so that drawing loot never changes a fight.

A stream is one 64-bit counter. A draw adds the golden gamma to the counter, mixes the sum to an output, and
scales the output to 0 .. n - 1 by its high bits. The bias of the scaling is below n / 2**64.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from operator import length_hint
from struct import Struct
from typing import Final, NamedTuple

from dungeonfighter.rules.state import Dice

GAMMA: Final = 0x9E3779B97F4A7C15
MASK: Final = 0xFFFFFFFFFFFFFFFF


def mix(z: int) -> int:
    """Return the output of splitmix64 for a counter."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def streams(seed: int, nonce: bytes = b"") -> Dice:
    """Return the four streams of a seed, far apart from each other and from those of neighbouring seeds.

    With a nonce the counters are a hash of both: who does not know the nonce cannot search for the seed.
    """
    if nonce:
        hashed = blake2b(seed.to_bytes(8, "big") + nonce, digest_size=32, person=b"dice").digest()
        return Dice(*_FOUR.unpack(hashed))
    base = mix((seed + GAMMA) & MASK)
    combat, layout, loot, event = (mix((base + GAMMA * number) & MASK) for number in range(1, 5))
    return Dice(combat=combat, layout=layout, loot=loot, event=event)


_FOUR: Final = Struct(">4Q")


def _by_high_bits(sides: int) -> bytes:
    """Return the draw for each value of an output's ten highest bits, or `_OPEN` where they do not decide."""
    lowest = [high * sides >> _HIGH_BITS for high in range(1 << _HIGH_BITS)]
    highest = [((high + 1) * sides - 1) >> _HIGH_BITS for high in range(1 << _HIGH_BITS)]
    return bytes(low if low == most else _OPEN for low, most in zip(lowest, highest, strict=True))


_HIGH_BITS: Final = 10
_LOW_BITS: Final = 64 - _HIGH_BITS
_OPEN: Final = 255
_FACES: Final = bytes(0 if drawn == _OPEN else drawn + 1 for drawn in _by_high_bits(20))
_HUNDRED: Final = _by_high_bits(100)


# Each stream has a function of its own: draws are the most frequent call of a turn, and one function that
# reads the stream by its name takes a third longer. The functions of the two streams that a fight uses find
# nearly every draw in a table by the highest bits of `z`, which are also those of the output. The table saves
# three operations on long integers (measured: 13 %).
def combat_d20(dice: Dice) -> int:
    """Roll a d20 of a fight, 1 to 20; the same as `combat(dice, 20) + 1`."""
    z = dice.combat = (dice.combat + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    face = _FACES[z >> _LOW_BITS]
    return face or 1 + (((z ^ (z >> 31)) * 20) >> 64)


def combat(dice: Dice, sides: int) -> int:
    """Draw 0 .. sides - 1 from the stream of fights."""
    z = dice.combat = (dice.combat + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    if sides == 100:
        drawn = _HUNDRED[z >> _LOW_BITS]
        if drawn != _OPEN:
            return drawn
    return ((z ^ (z >> 31)) * sides) >> 64


def layout(dice: Dice, sides: int) -> int:
    """Draw 0 .. sides - 1 from the stream that makes dungeons, doors and rooms."""
    z = dice.layout = (dice.layout + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) * sides) >> 64


def loot(dice: Dice, sides: int) -> int:
    """Draw 0 .. sides - 1 from the stream of items and drops."""
    z = dice.loot = (dice.loot + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) * sides) >> 64


def event(dice: Dice, sides: int) -> int:
    """Draw 0 .. sides - 1 from the stream of entries, searches, hazards, shrines and travel."""
    z = dice.event = (dice.event + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    if sides == 100:
        drawn = _HUNDRED[z >> _LOW_BITS]
        if drawn != _OPEN:
            return drawn
    return ((z ^ (z >> 31)) * sides) >> 64


# Many draws at once. One draw takes fourteen operations on integers of 64 bits, and each costs some 350
# instructions, whatever the size of the integers. So `peek` puts the counters of all draws side by side into
# one wide integer, a lane of 128 bits each, and mixes them together: 16 draws take the time of five
# (measured).
PEEK_MAX: Final = 24


_STEPS: Final = tuple((GAMMA * n) & MASK for n in range(PEEK_MAX + 1))
"""The sum that a number of draws adds to a counter."""


class _Lanes(NamedTuple):
    """The constants of `peek` for one number of draws."""

    ones: int
    """1 in each lane: a factor that copies a counter to all lanes."""
    steps: int
    """In each lane the sum that its draw adds to the counter."""
    low: int
    """The mask of the low 64 bits of each lane."""
    bytes_count: int
    """Bytes of all lanes."""
    unpack: Callable[[bytes], tuple[int, ...]]
    """The function that reads the outputs from these bytes."""


def _lanes(count: int) -> _Lanes:
    shifts = [128 * lane for lane in range(count)]
    return _Lanes(
        ones=sum(1 << shift for shift in shifts),
        steps=sum(step << shift for step, shift in zip(_STEPS[1:], shifts, strict=False)),
        low=sum(MASK << shift for shift in shifts),
        bytes_count=16 * count,
        unpack=Struct("<" + "Q8x" * count).unpack,
    )


_LANES: Final = tuple(_lanes(count) for count in range(PEEK_MAX + 1))


def peek(counter: int, count: int) -> Iterator[int]:
    """Return the next outputs of a stream without moving it, 1 to `PEEK_MAX` of them.

    A caller scales an output to a range by `output * sides >> 64` and takes as many outputs as it needs. Then
    it sets the counter to `advance_past`, or to `advance` if it took all.
    """
    ones, steps, low, bytes_count, unpack = _LANES[count]
    z = (counter * ones + steps) & low
    z = ((z ^ (z >> 30)) & low) * 0xBF58476D1CE4E5B9 & low
    z = ((z ^ (z >> 27)) & low) * 0x94D049BB133111EB & low
    return iter(unpack((z ^ (z >> 31)).to_bytes(bytes_count, "little")))


def advance_past(counter: int, count: int, outputs: Iterator[int]) -> int:
    """Return the counter after the outputs taken from `outputs`, an iterator of `peek(counter, count)`."""
    return (counter + _STEPS[count - length_hint(outputs)]) & MASK


def advance(counter: int, count: int) -> int:
    """Return the counter after `count` draws, at most `PEEK_MAX`."""
    return (counter + _STEPS[count]) & MASK


def d20(dice: Dice) -> int:
    """Roll a d20 outside a fight, 1 to 20."""
    return event(dice, 20) + 1


def weighted(weights: tuple[int, ...], drawn: int) -> int:
    """Return the place in `weights` that a draw of 0 .. sum - 1 falls on."""
    for place, weight in enumerate(weights):
        drawn -= weight
        if drawn < 0:
            return place
    return len(weights) - 1
