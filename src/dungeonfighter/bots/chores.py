"""The chores of every sensible policy: read the legal inputs, wear better items, watch the health."""

from __future__ import annotations

from dungeonfighter.rules.views.observation import ItemView, Observation


def legal_inputs(o: Observation) -> frozenset[str]:
    """Return the legal inputs that are no patterns."""
    return frozenset(c.input for c in o.available_actions if not c.pattern)


def health_share(o: Observation) -> float:
    return o.player.health / max(1, o.player.health_max)


def better_item(o: Observation, legal: frozenset[str], *, least_change: int = 1) -> str | None:
    """Return `equip n` for the bag item with the greatest gain; None if no legal one gains `least_change`."""
    wearable = [item for item in o.player.bag if f"equip {item.number}" in legal]
    best = max(wearable, key=_gain, default=None)
    if best is None or best.score_change < least_change:
        return None
    return f"equip {best.number}"


def region_is_done(o: Observation) -> bool:
    """Return True if every offered dungeon is cleared and none has a boss."""
    return bool(o.dungeons) and all(offer.cleared and not offer.boss for offer in o.dungeons)


def furthest_region(legal: frozenset[str]) -> str:
    return max((text for text in legal if text.isdigit()), key=int)


def weapon_for(o: Observation) -> str:
    """Return the input that chooses the first weapon: by the digest, so each run always chooses the same."""
    return str(1 + int(o.digest[:4] or "0", 16) % 4)


def _gain(item: ItemView) -> tuple[int, int]:
    return item.score_change, -item.number
