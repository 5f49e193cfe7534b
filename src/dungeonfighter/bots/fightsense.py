"""The heuristic's judgement in a fight: the cost of each input against the shown intent.

The unit of all costs is a point of health. An input changes the enemy's health, the shown action (guarded,
exposed, interrupted, delayed) and the times of the next actions. Its cost is the mean over the bands of the
d20: the damage until the hero's next decision, the estimated cost of the rest of the fight, and two risks.
The hero may die before that decision, or the fight may cost more health than the hero has.

Source: docs/rules.md, "The die" and "A fight".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dungeonfighter.bots import goods
from dungeonfighter.bots.strikes import ATTACK, POWER, PRECISE, STEADY, Stance, Strikes, bands_of
from dungeonfighter.bots.threats import GUARDED, GUARDED_USUALLY, HEAVIES, INTERRUPTED, Threats
from dungeonfighter.rules.views.observation import CombatView, Observation

STATUS_WORTH: Final = 1.2
"""The cost of an inflicted status, in average enemy actions."""
HEAVY_ANSWERED: Final = 0.45
"""The factor on the cost of a heavy attack after the hero's next action: the hero can still guard."""
HEALED: Final = 0.20
EXPOSED: Final = 1.5
DEATH: Final = 14.0
"""The cost of dying, in units of the maximum health."""
EVEN: Final = 8.0
"""The expected cost of a fight, in units of what is there, at which the hero wins one of two."""
POTION_HEALS: Final = 0.35
POTION_PRICE: Final = 0.35
BOMB_HITS: Final = 2.5
BOMB_SHARE: Final = {"boss": 0.20}
BOMB_SHARE_USUAL: Final = 0.30
BOMB_PRICE: Final = 0.8
GOOD_PRICE: Final = 0.04
SUMMONED: Final = 0.15
RAGE: Final = 1.15
"""The factor on the rest of a fight against an enemy that rages when its action is guarded."""
PREPARING: Final = {"ward": 0.5, "harden": 0.4, "aim": 0.5}
"""The cost of an enemy's preparation, in average actions."""
OPENING_WORTH: Final = 0.5
"""The worth of an opening, in plain hits."""
OPENING: Final = 1.5
FUMBLE: Final = 1.5
"""The length of a critical miss."""
FLEE_NEEDS: Final = 5
PAST: Final = 4.0
"""The cost of slipping past an enemy, in units of the maximum health: its reward is lost, and turns pass."""
FLIGHT: Final = 20.0
"""The cost of fleeing from a guardian, in units of the maximum health: the scar and the turns."""
FRESH: Final = 1.09
"""The factor on a guardian that is met once more."""
SCARRED: Final = 0.95
"""The share of its health that a hero has with one more scar."""


class Turn(NamedTuple):
    """A moment of the fight: the enemy's health, the time to its next action, and that action."""

    left: float
    acts_in: float
    intent: str
    hurts: float


class Fight:
    """One decision in a fight: each method returns the cost of one input in health points."""

    def __init__(self, o: Observation, c: CombatView, dealt: float = 0.0, normal: float = 0.0) -> None:
        """Prepare the decision.

        Args:
            o: The view.
            c: The fight of the view.
            dealt: The mean damage of the hero's attacks later on; 0 to compute it.
            normal: The damage of a normal hit of the enemy; 0 to compute it.
        """
        self._o = o
        self._c = c
        self._p = o.player
        self._strikes = Strikes(o, c)
        self._threats = Threats(o, c, normal)
        self._dealt = dealt or mean_damage(o, c, self._strikes)
        self._period = float(max(1, c.hero_acts_in))
        self._now = Turn(float(c.health), float(c.enemy_acts_in), c.intent, float(c.incoming))

    def attack(self) -> float:
        return self._strike(ATTACK, 1.0)

    def precise(self) -> float:
        return self._strike(STEADY if "Steady Hand" in self._p.talents else PRECISE, 1.0)

    def power(self) -> float:
        if self._c.opening:
            return self._strike(POWER._replace(damage=POWER.damage * OPENING), EXPOSED)
        return self._strike(POWER, 1.0 if "Braced Swing" in self._p.talents else EXPOSED)

    def guard(self) -> float:
        """Return the cost of waiting on guard until the enemy has acted."""
        c, now = self._c, self._now
        heavy = c.intent in HEAVIES
        factor = GUARDED.get(c.intent, GUARDED_USUALLY)
        left = now.left
        left -= self._strikes.guard * self._strikes.plain
        if heavy:
            left -= 0.5 * self._strikes.plain  # guarding a heavy attack marks the enemy
            left -= 1.5 * self._strikes.plain if "Riposte" in self._p.talents else 0.0
        if c.intent == "heal":
            left += HEALED * c.health_max
        if c.intent == "flee":
            return PAST * self._p.health_max
        threats = self._threats
        guarded = threats.hit(threats.raw(c.intent, now.hurts), factor) if now.hurts else 0.0
        shown = guarded * threats.hits(c.intent)
        following = self._following(c.intent)
        rest = self._rest(left, threats.period, self._next_cost(following))
        if c.habit == "rage":
            rest *= RAGE
        return shown + rest + self._risks(shown, rest, self._dying(((c.intent, guarded),)))

    def potion(self) -> float:
        p = self._p
        healed = min(POTION_HEALS * p.health_max, p.health_max - p.health)
        return (
            self._after(self._now, self._half(), healed=healed, potions=-1)
            - healed
            + self._price(POTION_PRICE)
        )

    def bomb(self) -> float:
        """Return the cost of a bomb; its price is part of it, so it is kept for expensive fights."""
        c, now = self._c, self._now
        share = BOMB_SHARE.get(c.rank, BOMB_SHARE_USUAL)
        left = now.left - BOMB_HITS * self._strikes.full - share * c.health_max
        if left <= 0:
            return self._price(BOMB_PRICE)
        turn = self._interrupted(now) if c.intent in INTERRUPTED else now
        return self._price(BOMB_PRICE) + self._after(turn._replace(left=left), self._half())

    def good(self, name: str) -> float:
        """Return the cost of another consumable, by its name; one without a known use is never the best."""
        now, threats = self._now, self._threats
        theirs = self._enemy_actions()
        own = self._c.health / self._dealt
        gain = goods.gain(
            name, goods.Situation(self._p, self._c, own, theirs, threats.average, self._strikes.full)
        )
        if gain is None:
            return float("inf")
        price = self._price(GOOD_PRICE)
        if gain.escapes and self._c.rank == "boss":
            return float("inf")
        if gain.escapes:
            return price + self._escape()
        turn = self._interrupted(now) if gain.interrupts else now
        turn = turn._replace(left=max(1.0, turn.left - gain.dealt), acts_in=turn.acts_in + gain.delay)
        after = 1.0 if gain.at_once else self._half()
        return price + self._after(turn, after, healed=gain.healed) - gain.healed - gain.spared

    def flee(self) -> float:
        """Return the cost of fleeing: an enemy that is due acts first, and a failure costs an action."""
        now = self._now
        price = self._escape()
        if "Ghost Step" in self._p.talents:
            return price
        cost = dying = 0.0
        if now.acts_in < self._period:
            cost = self._threats.cost(now.intent, now.hurts)
            dying = self._dying(((now.intent, now.hurts),))
        failure = self._flight_fails() * self._after(now, self._period)
        return cost + failure + price + DEATH * dying * self._p.health_max

    def _escape(self) -> float:
        """Return the cost of being gone: the reward of the enemy, or the scar and a fresh guardian."""
        if self._c.rank != "guardian":
            return self._price(PAST)
        p = self._p
        afresh = FRESH * self._rest(FRESH * self._c.health_max, self._threats.period, self._threats.average)
        there = SCARRED * p.health_max + p.potions * POTION_HEALS * p.health_max
        return self._price(FLIGHT * (1 + p.scars) + DEATH * _loses(afresh, there))

    def _flight_fails(self) -> float:
        bonus = (self._p.agility - (2 + self._c.level)) // 4
        return min(0.95, max(0.0, (FLEE_NEEDS - 1 - bonus) / 20))

    def _strike(self, stance: Stance, exposed: float) -> float:
        chances = bands_of(self._p, stance, self._c.luck)
        strikes = self._strikes
        precise = stance.roll > 0
        opens = OPENING_WORTH * strikes.full if precise and not self._c.opening else 0.0
        safe = stance.roll < 0 and self._c.opening
        total = 0.0
        for chance, damage, beside, length, interrupts in (
            (chances.fumble, 0.0, 0.0, FUMBLE, False),
            (chances.miss, 0.0, 0.0, 1.0, False),
            (chances.hit, strikes.hit(stance), 0.0, 1.0, precise),
            (chances.combo, strikes.combo(stance), strikes.beside, strikes.length, True),
            (
                chances.critical,
                strikes.critical(stance),
                strikes.beside + strikes.effect,
                strikes.length,
                True,
            ),
        ):
            if chance <= 0.0 or (damage >= self._c.health):
                continue
            gained = damage + beside + (opens if damage else 0.0)
            turn = self._now._replace(left=max(1.0, self._now.left - gained))
            if interrupts and turn.intent in INTERRUPTED:
                turn = self._interrupted(turn)
            bare = 1.0 if safe and damage else exposed
            total += chance * self._after(turn, self._period * length, exposed=bare)
        return total

    def _interrupted(self, turn: Turn) -> Turn:
        hurts = max(3.0, self._threats.normal * 0.6 - self._p.armour * 0.4)
        return turn._replace(intent="light", hurts=hurts, acts_in=turn.acts_in + self._c.enemy_period / 2)

    def _after(
        self, turn: Turn, after: float, *, exposed: float = 1.0, healed: float = 0.0, potions: int = 0
    ) -> float:
        """Return the cost of the fight after an input.

        Args:
            turn: The moment after the input, at which `acts_in` counts from the input.
            after: The time to the hero's next action.
            exposed: The factor on the damage until then.
            healed: The health that the input gives.
            potions: The change of the number of potions by the input.
        """
        threats = self._threats
        if turn.acts_in >= after:
            first = threats.cost(turn.intent, turn.hurts)
            first = first * HEAVY_ANSWERED if turn.intent in HEAVIES else first
            if turn.intent in PREPARING:
                first = PREPARING[turn.intent] * threats.average
            rest = self._rest(self._healed(turn, before=False), turn.acts_in - after, first)
            dying = self._helpless(turn, turn.acts_in - after, healed, potions)
            return rest + self._risks(-healed, rest, dying, potions)
        if turn.intent == "flee":
            return PAST * self._p.health_max
        actions = [(turn.intent, self._bare(turn.intent, turn.hurts, exposed))]
        then = turn.acts_in + threats.period
        following = self._following(turn.intent)
        while then < after and len(actions) < 3:
            intent = following or "normal"
            actions.append((intent, self._bare(intent, threats.hurts(intent), exposed)))
            then += threats.period
            following = ""
        cost = sum(threats.cost(intent, hurts) for intent, hurts in actions)
        rest = self._rest(self._healed(turn, before=True), max(0.0, then - after), self._next_cost(following))
        dying = self._dying(tuple(actions), healed)
        return cost + rest + self._risks(cost - healed, rest, dying, potions)

    def _helpless(self, turn: Turn, time: float, healed: float, potions: int) -> float:
        """Return the chance to die of the shown action although the hero drinks until then and guards it."""
        if not turn.hurts or turn.left < self._dealt * (1.0 + time / self._period):
            return 0.0
        factor = GUARDED.get(turn.intent, GUARDED_USUALLY)
        guarded = self._threats.hit(self._threats.raw(turn.intent, turn.hurts), min(1.0, factor))
        drinks = min(self._p.potions + potions, int(time / self._half()))
        there = self._p.health - self._fading() + healed + drinks * POTION_HEALS * self._p.health_max
        return self._threats.kill(((turn.intent, guarded),), min(there, float(self._p.health_max)))

    def _next_cost(self, following: str) -> float:
        """Return the cost of an enemy action after the hero's next one; the hero can still guard a heavy."""
        if not following:
            return self._threats.average
        cost = self._threats.cost(following, self._threats.hurts(following))
        return cost * HEAVY_ANSWERED if following in HEAVIES else cost

    def _following(self, intent: str) -> str:
        """Return the action after this one, "" if it is not known."""
        return "crush" if intent == "charge" else self._c.intent_after

    def _healed(self, turn: Turn, *, before: bool) -> float:
        """Return the enemy's health, after the shown heal if it comes before the hero's next action."""
        if turn.intent == "summon":
            return turn.left + SUMMONED * self._c.health_max * (1.0 if before else 0.5)
        if turn.intent != "heal":
            return turn.left
        return turn.left + HEALED * self._c.health_max * (1.0 if before else 0.5)

    def _bare(self, intent: str, hurts: float, exposed: float) -> float:
        """Return the damage of a hit on an exposed hero: armour counts after the factor."""
        if exposed == 1.0 or not hurts:
            return hurts
        return self._threats.hit(self._threats.raw(intent, hurts), exposed)

    def _half(self) -> float:
        return 1.0 if "Quick Hands" in self._p.talents else self._period / 2

    def _price(self, share: float) -> float:
        return share * self._p.health_max

    def _enemy_actions(self) -> float:
        """Return the number of the enemy's actions until it dies."""
        return self._c.health / self._dealt * self._period / self._threats.period

    def _rest(self, left: float, next_in: float, first: float) -> float:
        """Return the cost of the fight from a moment at which the hero acts.

        Args:
            left: The enemy's remaining health.
            next_in: The time to the enemy's next action.
            first: The cost of that action; each later one has the average cost.
        """
        lasts = (left / self._dealt - 0.5) * self._period
        if lasts <= next_in:
            return first * max(0.0, lasts) / max(1.0, 2 * next_in)
        return first + self._threats.average * (lasts - next_in) / self._threats.period

    def _dying(self, actions: tuple[tuple[str, float], ...], healed: float = 0.0) -> float:
        """Return the chance that these enemy actions kill the hero."""
        return self._threats.kill(actions, self._p.health - self._fading() + healed)

    def _fading(self) -> float:
        """Return the health that the hero's own statuses take at its next action."""
        point = 2 + self._c.level // 2 + self._c.level**2 // 40
        lost = 0.0
        for status in self._p.statuses:
            if status.name == "poison":
                lost += 0.01 * status.amount * self._p.health_max
            elif status.name in ("burn", "bleed"):
                lost += status.amount * point
            elif status.name == "acid":
                lost += status.amount * point / 2
        return lost

    def _risks(self, lost: float, rest: float, dying: float, potions: int = 0) -> float:
        """Return the cost of two risks: death before the next decision, and a lack of health later on."""
        p = self._p
        there = p.health - lost + (p.potions + potions) * POTION_HEALS * p.health_max
        lives = (1.0 - dying) * (1.0 - _loses(rest, there))
        return DEATH * (1.0 - lives) * p.health_max


def _loses(rest: float, there: float) -> float:
    """Return the chance to lose a fight that will cost `rest` with so much health and potions.

    The estimate of the cost knows no guards to come, so it is too high: half of the fights that should cost
    `EVEN` times what is there are won.
    """
    if there <= 0.0:
        return 1.0
    odds: float = (max(0.0, rest) / there / EVEN) ** 1.5
    return odds / (1.0 + odds)


def mean_damage(o: Observation, c: CombatView, strikes: Strikes) -> float:
    """Return the mean damage of a plain attack, with the strip action of now and no status that passes."""
    chances = bands_of(o.player, ATTACK, 0)
    mean = (
        chances.hit * strikes.hit(ATTACK)
        + chances.combo * (strikes.combo(ATTACK) + strikes.beside)
        + chances.critical * (strikes.critical(ATTACK) + strikes.beside + strikes.effect)
    )
    return max(1.0, mean * (2.0 if c.intent == "defend" else 1.0) / strikes.suffers)
