"""Bots that play over the bad network and write down every answer they got."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from msgspec import Struct

from dungeonfighter.errors import BadInput, DungeonFighterError, StoreError
from dungeonfighter.hosting.game import Answer, NewGame, Present
from dungeonfighter.hosting.host import BotHost
from tests.simulation.network import ConnectionLost, Network
from tests.simulation.virtual_time import VirtualClock

_Result = TypeVar("_Result")

_AGAIN_SECONDS = 0.2
_TRIES_MAX = 400
_NOT_APPLIED = "store_unavailable"
"""The host's word that a request was not applied and never will be."""
_MANY = 0.1
"""How often several inputs are sent in one request."""


class Acknowledged(Struct, frozen=True):
    """One answer that said inputs were applied: they led to `turn` of `episode`, with this digest."""

    episode: int
    turn: int
    texts: tuple[str, ...]
    digest: bytes
    named: bool


class Broken(AssertionError):
    """A client saw something that must never be."""


class Client:
    """One bot: starts runs, plays random legal inputs, saves and loads, repeats until it is answered.

    A careful client names turn and episode and repeats blindly; a careless one names nothing, never repeats a
    playing request, and looks before it goes on. After a fail-over that lost commits either may find its game
    at an earlier turn, or moved on by a late request of the lost lineage: it looks and plays on.
    """

    def __init__(self, key: str, dice: Random, network: Network, *, careful: bool) -> None:
        self.key = key
        self.careful = careful
        self.acknowledged: list[Acknowledged] = []
        self.errors: list[str] = []
        self._unanswered = 0
        """How many inputs were sent without a turn, were not answered and may still come late."""
        self._dice = dice
        self._network = network
        self._clock = VirtualClock()
        self._game: Present | None = None
        self._slots: list[str] = []
        self._asked_in = self._sure_of = 0
        """The lineage of the store at the last request, and up to which nothing surprising is forgiven."""

    def rolled_back(self, history: dict[tuple[int, int], bytes]) -> None:
        """A standby took over that has only this: the rest is lost by nature; nobody may answer from it."""
        self.acknowledged = [
            seen for seen in self.acknowledged if history.get((seen.episode, seen.turn)) == seen.digest
        ]

    async def act(self, count: int) -> None:
        """Do `count` things, most of them inputs."""
        if self._game is None:
            await self._start()
        for _ in range(count):
            await self._one()

    async def look(self) -> None:
        """See how things stand; nothing of this bot is under way."""
        await self._look_again()
        self._unanswered = 0
        self._sure_of = self._network.lineage()

    async def _one(self) -> None:
        try:
            if self._network.lineage() != self._asked_in:
                await self._look_again()
            await self._something()
        except (BadInput, Broken) as error:
            is_late = isinstance(error, BadInput) and self._unanswered > 0
            if not is_late and self._network.lineage() == self._sure_of:
                raise
            # A late input of a careless client, or one of a lineage that was lost, came in between.
            self.errors.append(getattr(error, "code", "moved"))
            await self._look_again()

    async def _look_again(self) -> None:
        try:
            self._seen(await self._repeating(lambda host: host.read(self.key)))
            self._slots = [save.slot for save in await self._repeating(lambda host: host.saves(self.key))]
        except BadInput as error:
            if error.code != "unknown_bot" or self._network.lineage() == self._sure_of:
                raise
            self._game, self._slots = None, []
            await self._start_again()

    async def _start_again(self) -> None:
        """Begin the first run anew; a late copy of the request that began it before may come first."""
        try:
            await self._start()
        except BadInput as error:
            if error.code != "stale_turn":
                raise
            await self._look_again()

    async def _something(self) -> None:
        game = self._present()
        roll = self._dice.random()
        if game.state.over or roll < 0.01:
            await self._start()
        elif roll < 0.03:
            await self._save()
        elif roll < 0.05 and self._slots:
            await self._load()
        elif roll < 0.06:
            await self._repeating(lambda host: host.set_directive(self.key, f"note {roll:.4f}"))
        elif roll < 0.09:
            now = await self._repeating(lambda host: host.read(self.key))
            self._jumped(game, now, own=0)
            self._seen(now)
        else:
            await self._input(game)

    async def _input(self, game: Present) -> None:
        choices = [choice.input for choice in game.rules.legal_inputs(game.state) if not choice.pattern]
        texts = [self._dice.choice(choices)]
        if self._dice.random() < _MANY:
            # Of a careless client they are all legal, so that how many come late is how many were sent.
            weights = (20, 2, 1, 1) if self.careful else (1, 0, 0, 0)
            texts += self._dice.choices(("1", "2", "0", "3"), weights, k=self._dice.choice((1, 3, 9, 70)))
        if not self.careful:
            await self._careless_inputs(texts)
            return
        answer = await self._repeating(_playing(self.key, texts, turn=game.turn, episode=game.episode))
        if (answer.game.episode, answer.game.turn) != (game.episode, game.turn + answer.applied):
            raise Broken(
                f"{self.key}: e{game.episode} t{game.turn} led to e{answer.game.episode} t{answer.game.turn}"
            )
        self._acknowledge(answer, texts)

    async def _careless_inputs(self, texts: list[str]) -> None:
        """One request that names no turn: one effect if answered, at most one, maybe late, if not."""
        before = self._present()
        self._asked_in = self._network.lineage()
        try:
            answer = await self._network.call(_playing(self.key, texts), may_double=False)
        except (ConnectionLost, DungeonFighterError) as error:
            code = getattr(error, "code", "lost")
            self.errors.append(code)
            if code != _NOT_APPLIED:
                self._unanswered += len(texts)
            self._seen(await self._repeating(lambda host: host.read(self.key)))
            self._jumped(before, self._present(), own=0)
            return
        self._jumped(before, answer.game, own=answer.applied)
        self._acknowledge(answer, texts)

    def _jumped(self, before: Present, after: Present, *, own: int) -> None:
        late = after.turn - before.turn - own
        if after.episode != before.episode or not 0 <= late <= self._unanswered:
            raise Broken(
                f"{self.key}: from e{before.episode} t{before.turn} to e{after.episode} t{after.turn} "
                f"with {own} answered and {self._unanswered} unanswered inputs"
            )
        self._unanswered -= late

    async def _start(self) -> None:
        episode = self._game.episode + 1 if self._game is not None else 1
        options = NewGame(seed=self._dice.randrange(2**53), weapon=self._dice.choice((None, 0, 1, 2, 3)))
        answer = await self._repeating(lambda host: host.start(self.key, options, episode=episode))
        self._seen(answer.game)
        if answer.game.episode != episode or answer.game.turn != 0:
            raise Broken(f"{self.key}: run {episode} began as e{answer.game.episode} t{answer.game.turn}")

    async def _save(self) -> None:
        slot = self._dice.choice(("main", "spare"))
        await self._repeating(lambda host: host.save(self.key, slot))
        if slot not in self._slots:
            self._slots.append(slot)

    async def _load(self) -> None:
        slot, episode = self._dice.choice(self._slots), self._present().episode + 1
        answer = await self._repeating(lambda host: host.load(self.key, slot, episode=episode))
        self._seen(answer.game)
        if answer.game.episode != episode:
            raise Broken(f"{self.key}: loading run {episode} gave e{answer.game.episode}")

    async def _repeating(self, ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
        """Ask until there is an answer; only trouble on the way is a reason to ask again."""
        for _ in range(_TRIES_MAX):
            self._asked_in = self._network.lineage()
            try:
                return await self._network.call(ask)
            except ConnectionLost:
                self.errors.append("lost")
            except StoreError as error:
                self.errors.append(error.code)
            except BadInput as error:
                if error.code != "conflict":
                    raise
                self.errors.append(error.code)
            await self._clock.sleep(_AGAIN_SECONDS)
        raise Broken(f"{self.key}: no answer in {_TRIES_MAX} tries")

    def _acknowledge(self, answer: Answer, texts: list[str]) -> None:
        """Note what was applied. Of several inputs the last one alone has a digest of the server's; those
        before it are in the store or the replay would end elsewhere.
        """
        self._seen(answer.game)
        game, applied = answer.game, texts[: answer.applied]
        is_whole = answer.applied == len(texts)
        if is_whole != (answer.stopped is None) or not applied:
            raise Broken(f"{self.key}: {len(applied)} of {len(texts)} applied, stopped: {answer.stopped}")
        if self._asked_in != self._network.lineage():
            return  # it may have been committed by a primary that is gone
        self.acknowledged.append(
            Acknowledged(game.episode, game.turn, tuple(applied), game.digest, self.careful)
        )

    def _seen(self, game: Present) -> None:
        self._game = game

    def _present(self) -> Present:
        if self._game is None:
            raise Broken(f"{self.key} has no game yet")
        return self._game


def _playing(
    key: str, texts: list[str], turn: int | None = None, episode: int | None = None
) -> Callable[[BotHost], Awaitable[Answer]]:
    """The request for one input, or for several."""
    if len(texts) == 1:
        return lambda host: host.play(key, texts[0], turn=turn, episode=episode)
    return lambda host: host.play_many(key, texts, turn=turn, episode=episode)
