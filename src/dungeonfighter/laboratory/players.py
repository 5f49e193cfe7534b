"""The players of the laboratory: a policy, by its name, with habits around it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from msgspec import Struct

from dungeonfighter.bots.policy import Policy
from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.errors import BadInput
from dungeonfighter.laboratory.curious import CURIOUS, Curious
from dungeonfighter.laboratory.exploits import EXPLOITS, make_exploit
from dungeonfighter.laboratory.habits import ALWAYS, KINDS, Habitual
from dungeonfighter.laboratory.options import STANCES
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.state import RoomKind, Weapon


class Player(Struct, frozen=True):
    """A policy with habits; see `habits`. `always` holds pairs of subject and answer."""

    policy: str
    without: tuple[str, ...] = ()
    always: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Return for example `heuristic without guard` or `heuristic always door=trap`."""
        words = [self.policy]
        if self.without:
            words.append(f"without {'+'.join(self.without)}")
        if self.always:
            words.append(f"always {'+'.join(f'{subject}={answer}' for subject, answer in self.always)}")
        return " ".join(words)

    def make(self, seed: int) -> Policy:
        """Make a new policy for one run."""
        made = _made(self.policy, seed)
        if not self.without and not self.always:
            return made
        return Habitual(made, frozenset(self.without), dict(self.always), seed)


def _made(policy: str, seed: int) -> Policy:
    if policy == CURIOUS:
        return Curious(seed)
    return make_exploit(policy, seed) if policy in EXPLOITS else make_policy(policy, seed)


def checked(player: Player) -> Player:
    """Return the player.

    Raises:
        BadInput: A policy, kind of decision, subject or answer does not exist; the message lists them.
    """
    if player.policy not in EXPLOITS and player.policy != CURIOUS:
        try:
            make_policy(player.policy)
        except BadInput as error:
            raise BadInput(f"{error}, and the exploits {', '.join(EXPLOITS)}") from None
    for kind in player.without:
        if kind not in KINDS:
            raise BadInput(f"--without: there is no kind {kind!r}; there are {', '.join(KINDS)}")
    for subject, answer in player.always:
        if subject not in ALWAYS:
            raise BadInput(f"--always: there is no {subject!r}; there are {', '.join(ALWAYS)}")
        if answer not in (known := answers()[subject]):
            raise BadInput(f"--always {subject}: there is no {answer!r}; there are {', '.join(known)}")
    return player


@cache
def answers() -> Mapping[str, list[str]]:
    """Return the answers that can always be given, by subject."""
    cat = load_rules().catalogue
    return {
        "stance": list(STANCES.values()),
        "door": [*(kind.name for kind in RoomKind), "dark"],
        "talent": [row.name for row in cat.talents],
        "weapon": [kind.name for kind in Weapon],
        "item": [row.name.lower() for row in cat.consumables],
    }


def variants(base: Player, without: str = "", always: str = "") -> list[Player]:
    """Return the player itself, then one for each part of two lists.

    Args:
        base: The player.
        without: For example `guard,precise+power`: kinds of decisions; `+` takes several away at once.
        always: For example `stance=power,door=treasure`; a subject alone stands for each of its answers.

    Raises:
        BadInput: See `checked`.
    """
    players = [base]
    kinds = KINDS if without == "all" else [word for word in without.split(",") if word.strip()]
    for word in kinds:
        parts = tuple(part.strip() for part in word.split("+"))
        players.append(Player(base.policy, parts, base.always))
    for word in filter(None, always.split(",")):
        subject, _, answer = word.strip().partition("=")
        if answer or subject not in ALWAYS:
            players.append(Player(base.policy, base.without, ((subject, answer),)))
        else:
            players += [Player(base.policy, base.without, ((subject, one),)) for one in answers()[subject]]
    return [checked(player) for player in players]


LADDER: Final = tuple(Player(name) for name in policies)
"""The policies of the registry without habits, the weakest first."""
