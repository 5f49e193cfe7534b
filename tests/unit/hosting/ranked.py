"""Ranked runs that were really played, for tests of their checks."""

from __future__ import annotations

from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.hosting.verification import Verification
from dungeonfighter.replays.attestations import Attestations
from dungeonfighter.rules import Mode
from tests.unit.hosting.hosts import rules

KEY = "a secret of the tests"
DAILY_SECRET = bytes(range(32))


def host_of(store: RankingStore, signing_key: str = KEY) -> BotHost:
    return BotHost(
        store=store, rules=ShippedRules([rules()]), clock=SystemClock(), chance=SystemChance(),
        daily_secret=DAILY_SECRET, attestations=Attestations(signing_key),
    )  # fmt: skip


def verification_of(
    store: RankingStore, host: BotHost, signing_key: str = KEY, **options: float
) -> Verification:
    book, attestations = ShippedRules([rules()]), Attestations(signing_key)
    return Verification(store, book, host.daily_seeds, attestations, **options)  # type: ignore[arg-type]


async def play(
    host: BotHost, key: str, mode: Mode = Mode.ironman, inputs: int = 12,
    ascension: int | None = None,
) -> int:  # fmt: skip
    """Play a run until it is over, or abandon it after so many inputs; return its episode."""
    answer = await host.start(key, NewGame(mode=int(mode), weapon=1, ascension=ascension))
    episode = answer.game.episode
    answer = await host.play_many(key, ["1"] * inputs)
    if not answer.game.state.over:
        await host.start(key, NewGame())
    return episode
