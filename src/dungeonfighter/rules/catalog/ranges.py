"""The ranges of all figures in content files: wide enough for any game, and narrow enough for the engine.

Outside of them a figure would not fit the encoded state, divide by zero, or turn a gain into a loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dungeonfighter.rules.catalog.model import Content
from dungeonfighter.rules.tables import LEVEL_MAX

_PERMILLE: Final = (0, 1000)
_FACTOR: Final = (100, 10_000)
_LEVEL: Final = (1, LEVEL_MAX)
AMOUNT_MOST: Final = 100
"""The greatest amount of a status in the content; the engine caps each at far less."""
_AMOUNT: Final = (0, AMOUNT_MOST)
_COUNT: Final = (0, 100_000)
_MOST: Final = (1, 100)

RANGES: Final[dict[str, dict[str, tuple[int, int]]]] = {
    "actions": {
        "points": (-1, 100), "damage": (0, 20_000), "hits": (1, 20), "length": (250, 5000), "heal": _PERMILLE,
    },
    "archetypes": {"health": _FACTOR, "damage": _FACTOR, "time": _FACTOR, "armour": (0, 20_000)},
    "enemies": {"amount": (1, AMOUNT_MOST), "level_min": _LEVEL, "level_max": _LEVEL},
    "talents": {"amount": (1, 100_000)},
    "items": {
        "low": (1, 10_000), "high": (1, 10_000), "time": (500, 2000), "amount": (0, 10_000),
        "bonus": (0, 10_000), "score": (-10_000, 10_000),
    },
    "affixes": {"base": _COUNT, "per_level_permille": _COUNT},
    "consumables": {
        "amount": (0, 100_000), "price_base": _COUNT, "price_per_level": _COUNT, "carried_max": _MOST,
    },
    "hazards": {"amount": _AMOUNT, "damage": _PERMILLE},
    "places": {"tilt_amount": (-20, 20)},
    "regions": {"first_level": _LEVEL, "last_level": _LEVEL},
    "ascensions": {"amount": (1, 10_000)},
}  # fmt: skip
"""The least and the greatest value by kind of row and field. `checks` bounds the other figures."""
TRADE_MOST: Final = {"health": 1000, "gold": 10_000, "xp": 100_000}
OTHER_TRADE_MOST: Final = 100
"""The greatest amounts of the things that an event costs or gives."""


def problems(content: Content) -> Iterator[str]:
    """Yield a problem for each figure outside of its range."""
    for kind, ranges in RANGES.items():
        for number, row in enumerate(getattr(content, kind)):
            for field, (least, most) in ranges.items():
                figure = getattr(row, field)
                if not least <= figure <= most:
                    at = f"{kind}.json row {number + 1} ({row.id})"
                    yield f"{at}: {field} is {_short(figure)}, and must be {least} to {most}"
    for number, row in enumerate(content.events):
        yield from _trades(f"events.json row {number + 1} ({row.id})", row)
        for place, option in enumerate(row.options, 1):
            yield from _trades(f"events.json row {number + 1} ({row.id}): options {place}", option)


def _trades(at: str, row: Any) -> Iterator[str]:
    for field, (what, amount) in (("cost", row.cost), ("gain", row.gain)):
        most = TRADE_MOST.get(what, OTHER_TRADE_MOST)
        if amount > most:
            yield f"{at}: {field} '{what}' is {_short(amount)}, and must be at most {most}"


def _short(figure: int) -> str:
    """Return a figure in few characters, however long it is."""
    return str(figure) if abs(figure) < 10**9 else "a figure of more than nine digits"
