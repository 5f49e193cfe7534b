"""Chance: splitmix64 in four named streams inside the state, so that drawing loot can never change a fight.

A stream is one 64-bit counter; a draw adds the golden gamma, mixes, and scales the result to the range by its
high bits. The bias of that scaling is below n / 2**64.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014); game.md section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import length_hint
from struct import Struct
from typing import Final

from dungeonfighter.rules.state import Dice

GAMMA: Final = 0x9E3779B97F4A7C15
MASK: Final = 0xFFFFFFFFFFFFFFFF
STREAMS: Final = ("combat", "layout", "loot", "event")


def mix(z: int) -> int:
    """The output function of splitmix64."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def streams(seed: int) -> Dice:
    """The four streams of a seed, far apart from each other and from those of its neighbours."""
    base = mix((seed + GAMMA) & MASK)
    combat, layout, loot, event = (mix((base + GAMMA * number) & MASK) for number in range(1, 5))
    return Dice(combat=combat, layout=layout, loot=loot, event=event)


def _by_high_bits(sides: int) -> bytes:
    """What is drawn by the ten highest bits of an output, where they decide it; else `_OPEN`."""
    lowest = [high * sides >> _HIGH_BITS for high in range(1 << _HIGH_BITS)]
    highest = [((high + 1) * sides - 1) >> _HIGH_BITS for high in range(1 << _HIGH_BITS)]
    return bytes(low if low == most else _OPEN for low, most in zip(lowest, highest, strict=True))


_HIGH_BITS: Final = 10
_LOW_BITS: Final = 64 - _HIGH_BITS
_OPEN: Final = 255
_FACES: Final = bytes(0 if drawn == _OPEN else drawn + 1 for drawn in _by_high_bits(20))
_HUNDRED: Final = _by_high_bits(100)


# The draws are written out: they are the most frequent call of a turn, and getattr by name costs a third
# more. The two streams of a fight look nearly every draw up: the highest bits of `z` are those of the output,
# and what is saved are three operations on long integers (measured: 13 %).
def combat_d20(dice: Dice) -> int:
    """One die of a fight, 1 to 20: `combat(dice, 20) + 1`."""
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


# Many draws at once. A draw alone takes fourteen operations on integers of 64 bits, and each costs some 350
# instructions whatever the size. So the counters of all draws lie side by side in one wide integer, 128
# bits each, and are mixed together: 16 draws for the price of five (measured).
AHEAD_MAX: Final = 24


_STEPS: Final = tuple((GAMMA * n) & MASK for n in range(AHEAD_MAX + 1))
"""What so many draws add to a counter."""

_Lanes = tuple[int, int, int, int, Callable[[bytes], tuple[int, ...]]]


def _lane_constants(count: int) -> _Lanes:
    """For so many draws: what spreads a counter over the lanes, what each lane adds, the low half of all, how
    many bytes they take, and what reads the outputs from these.
    """
    at = [128 * lane for lane in range(count)]
    steps = (step << place for step, place in zip(_STEPS[1:], at, strict=False))
    return (
        sum(1 << place for place in at), sum(steps), sum(MASK << place for place in at), 16 * count,
        Struct("<" + "Q8x" * count).unpack,
    )  # fmt: skip


_LANES: Final = tuple(_lane_constants(count) for count in range(AHEAD_MAX + 1))


def peek(counter: int, count: int) -> Iterator[int]:
    """The next outputs of a stream, 1 to `AHEAD_MAX` of them, none of them drawn yet.

    An output is scaled to a range by `output * sides >> 64`. Once as many are taken as are needed, the stream
    goes on from `after`.
    """
    ones, steps, low, size, outputs = _LANES[count]
    z = (counter * ones + steps) & low
    z = ((z ^ (z >> 30)) & low) * 0xBF58476D1CE4E5B9 & low
    z = ((z ^ (z >> 27)) & low) * 0x94D049BB133111EB & low
    return iter(outputs((z ^ (z >> 31)).to_bytes(size, "little")))


def advance_past(counter: int, count: int, outputs: Iterator[int]) -> int:
    """Where a stream stands after what was taken of `outputs`, which were `ahead(counter, count)`."""
    return (counter + _STEPS[count - length_hint(outputs)]) & MASK


def advance(counter: int, count: int) -> int:
    """Where a stream stands after so many draws, at most `AHEAD_MAX`."""
    return (counter + _STEPS[count]) & MASK


def d20(dice: Dice) -> int:
    """One die outside a fight, 1 to 20."""
    return event(dice, 20) + 1


def weighted(weights: tuple[int, ...], drawn: int) -> int:
    """The place in `weights` that `drawn` (0 .. sum - 1) falls on."""
    for place, weight in enumerate(weights):
        drawn -= weight
        if drawn < 0:
            return place
    return len(weights) - 1
