"""Bots that play over the faulty network and record every acknowledged turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from msgspec import Struct

from dungeonfighter.errors import BadInput, DungeonFighterError, StoreError
from dungeonfighter.hosting.answers import Answer, NewGame, Present
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.runs import Forked
from tests.simulation.network import ConnectionLost, Network
from tests.simulation.virtual_time import VirtualClock

_Result = TypeVar("_Result")

_RETRY_SECONDS = 0.2
_TRIES_MAX = 400
_NOT_APPLIED = "store_unavailable"
"""The error code by which a host guarantees that it did not apply a request and never will."""
_MANY = 0.1
"""The probability that a request has several inputs."""


class Acknowledged(Struct, frozen=True):
    """One answer that acknowledged inputs: they led to `turn` of `episode`, with this digest."""

    episode: int
    turn: int
    texts: tuple[str, ...]
    digest: bytes
    named: bool


class Broken(AssertionError):
    """A client got an answer that breaks a promise of the server."""


class Client:
    """A bot: it starts runs, plays random legal inputs, saves and loads, and retries until an answer comes.

    A careful client names turn and episode and retries blindly. A careless client names neither, never
    retries a playing request, and reads its game before the next one. After a fail-over that lost commits, a
    client of either kind may find its game at an earlier turn, or at a later one because a late request of
    the lost lineage was applied: it reads its game and plays on.

    Attributes:
        acknowledged: The acknowledged inputs.
        forks: The digest of the first state of each fork that was acknowledged, by the key of its bot.
    """

    def __init__(
        self, key: str, dice: Random, network: Network, *, careful: bool, is_wide: bool = False
    ) -> None:
        self.key = key
        self.careful = careful
        self.acknowledged: list[Acknowledged] = []
        self.forks: dict[str, bytes] = {}
        self._is_wide = is_wide
        self._forks = 0
        self.errors: list[str] = []
        self._unanswered = 0
        """The number of inputs sent without a turn that got no answer and may still be applied late."""
        self._dice = dice
        self._network = network
        self._clock = VirtualClock()
        self._game: Present | None = None
        self._slots: list[str] = []
        self._asked_in = self._sure_of = 0
        """The lineage of the store at the last request, and that in which an unexpected state is an error."""

    def rolled_back(self, history: dict[tuple[int, int], bytes]) -> None:
        """Forget the acknowledged turns that are not in the history of the standby that took over."""
        self.acknowledged = [
            seen for seen in self.acknowledged if history.get((seen.episode, seen.turn)) == seen.digest
        ]

    async def act(self, count: int) -> None:
        """Do `count` actions, most of which are inputs."""
        if self._game is None:
            await self._start()
        for _ in range(count):
            await self._act_once()

    async def synchronize(self) -> None:
        """Read game and saves while no request is under way: from now on any unexpected state is an error."""
        await self._reload()
        self._unanswered = 0
        self._sure_of = self._network.lineage()

    async def _act_once(self) -> None:
        try:
            if self._network.lineage() != self._asked_in:
                await self._reload()
            await self._act_randomly()
        except (BadInput, Broken) as error:
            is_late = isinstance(error, BadInput) and self._unanswered > 0
            if not is_late and self._network.lineage() == self._sure_of:
                raise
            # A late input of a careless client, or a request of a lost lineage, was applied in between.
            self.errors.append(getattr(error, "code", "moved"))
            await self._reload()

    async def _reload(self) -> None:
        try:
            self._remember(await self._retry("read", lambda host: host.read(self.key)))
            self._slots = [save.slot for save in await self._retry("read", lambda host: host.saves(self.key))]
        except BadInput as error:
            if error.code != "unknown_bot" or self._network.lineage() == self._sure_of:
                raise
            self._game, self._slots = None, []
            await self._restart()

    async def _restart(self) -> None:
        """Start a run; if a delayed copy of an earlier start request was applied first, load that run."""
        try:
            await self._start()
        except BadInput as error:
            if error.code != "stale_turn":
                raise
            await self._reload()

    async def _act_randomly(self) -> None:
        game = self._present()
        roll = self._dice.random()
        if game.state.over or roll < 0.01:
            await self._start()
        elif roll < 0.03:
            await self._save()
        elif roll < 0.05 and self._slots:
            await self._load()
        elif roll < 0.06:
            await self._retry("directive", lambda host: host.set_directive(self.key, f"note {roll:.4f}"))
        elif roll < 0.09:
            now = await self._retry("read", lambda host: host.read(self.key))
            self._check_progress(game, now, own=0)
            self._remember(now)
        elif self._is_wide and roll < 0.11:
            await self._reset(game)
        elif self._is_wide and roll < 0.12:
            await self._fork(game)
        else:
            await self._input(game)

    async def _input(self, game: Present) -> None:
        choices = [choice.input for choice in game.rules.legal_inputs(game.state) if not choice.pattern]
        texts = [self._dice.choice(choices)]
        if self._dice.random() < _MANY:
            # All inputs of a careless client are legal, so that a late request applies all of its inputs.
            weights = (20, 2, 1, 1) if self.careful else (1, 0, 0, 0)
            texts += self._dice.choices(("1", "2", "0", "3"), weights, k=self._dice.choice((1, 3, 9, 70)))
        if not self.careful:
            await self._careless_inputs(texts)
            return
        ask = _playing(self.key, texts, turn=game.turn, episode=game.episode)
        answer = await self._retry(_kind(texts), ask)
        if (answer.game.episode, answer.game.turn) != (game.episode, game.turn + answer.applied):
            raise Broken(
                f"{self.key}: e{game.episode} t{game.turn} led to e{answer.game.episode} t{answer.game.turn}"
            )
        self._acknowledge(answer, texts)

    async def _careless_inputs(self, texts: list[str]) -> None:
        """Send one request without a turn: it has one effect if answered, else at most one, perhaps late."""
        before = self._present()
        self._asked_in = self._network.lineage()
        try:
            answer = await self._network.call(_playing(self.key, texts), may_double=False)
        except (ConnectionLost, DungeonFighterError) as error:
            code = getattr(error, "code", "lost")
            self._network.sightings.outcome(_kind(texts), code)
            self.errors.append(code)
            if code != _NOT_APPLIED:
                self._unanswered += len(texts)
            self._remember(await self._retry("read", lambda host: host.read(self.key)))
            self._check_progress(before, self._present(), own=0)
            return
        self._network.sightings.outcome(_kind(texts), _outcome_of(answer))
        self._check_progress(before, answer.game, own=answer.applied)
        self._acknowledge(answer, texts)

    def _check_progress(self, before: Present, after: Present, *, own: int) -> None:
        """Check that only `own` inputs and late unanswered inputs lie between two states of the game."""
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
        answer = await self._retry("start", lambda host: host.start(self.key, options, episode=episode))
        self._remember(answer.game)
        if answer.game.episode != episode or answer.game.turn != 0:
            raise Broken(f"{self.key}: run {episode} began as e{answer.game.episode} t{answer.game.turn}")

    async def _reset(self, game: Present) -> None:
        episode = game.episode + 1
        answer = await self._retry("reset", lambda host: host.reset(self.key, episode=episode))
        self._remember(answer.game)
        if (answer.game.episode, answer.game.turn) != (episode, 0):
            raise Broken(f"{self.key}: run {episode} was reset to e{answer.game.episode} t{answer.game.turn}")

    async def _fork(self, game: Present) -> None:
        """Fork the present state into a bot that nobody plays; repeat the request until it is answered."""
        self._forks += 1
        name = f"{self.key.partition('/')[2]}-fork-{self._forks}"
        forked = Forked(name, error=StoreError("not asked yet"))
        while isinstance(forked.error, StoreError):
            (forked,) = await self._retry(
                "fork",
                lambda host: host.runs.fork(
                    self.key, [name], turn=game.turn, episode=game.episode, is_exact=True
                ),
            )
            await self._clock.sleep(_RETRY_SECONDS)
        if forked.error is not None:
            raise forked.error
        if (forked.turn, forked.digest) != (game.turn, game.digest):
            raise Broken(f"{self.key}: a fork of e{game.episode} t{game.turn} stands at t{forked.turn}")
        if self._asked_in == self._network.lineage():
            self.forks[f"local/{name}"] = forked.digest

    async def _save(self) -> None:
        slot = self._dice.choice(("main", "spare"))
        await self._retry("save", lambda host: host.save(self.key, slot))
        if slot not in self._slots:
            self._slots.append(slot)

    async def _load(self) -> None:
        slot, episode = self._dice.choice(self._slots), self._present().episode + 1
        answer = await self._retry("load", lambda host: host.load(self.key, slot, episode=episode))
        self._remember(answer.game)
        if answer.game.episode != episode:
            raise Broken(f"{self.key}: loading run {episode} gave e{answer.game.episode}")

    async def _retry(self, kind: str, ask: Callable[[BotHost], Awaitable[_Result]]) -> _Result:
        """Repeat a request until it has an answer; only errors of the network or the store cause a retry."""
        for _ in range(_TRIES_MAX):
            self._asked_in = self._network.lineage()
            code = "lost"
            try:
                found = await self._network.call(ask)
            except ConnectionLost:
                pass
            except (StoreError, BadInput) as error:
                code = error.code
                if isinstance(error, BadInput) and code != "conflict":
                    self._network.sightings.outcome(kind, code)
                    raise
            else:
                self._network.sightings.outcome(kind, _outcome_of(found))
                return found
            self._network.sightings.outcome(kind, code)
            self.errors.append(code)
            await self._clock.sleep(_RETRY_SECONDS)
        raise Broken(f"{self.key}: no answer in {_TRIES_MAX} tries")

    def _acknowledge(self, answer: Answer, texts: list[str]) -> None:
        """Record the applied inputs.

        The answer has the digest after the last input only. If an earlier input were missing in the store,
        the replay would lead to another digest.
        """
        self._remember(answer.game)
        game, applied = answer.game, texts[: answer.applied]
        is_whole = answer.applied == len(texts)
        if is_whole != (answer.stopped is None) or not applied:
            raise Broken(f"{self.key}: {len(applied)} of {len(texts)} applied, stopped: {answer.stopped}")
        if self._asked_in != self._network.lineage():
            return  # a primary that a fail-over replaced may have committed it
        self.acknowledged.append(
            Acknowledged(game.episode, game.turn, tuple(applied), game.digest, self.careful)
        )

    def _remember(self, game: Present) -> None:
        self._game = game

    def _present(self) -> Present:
        if self._game is None:
            raise Broken(f"{self.key} has no game yet")
        return self._game


def _kind(texts: list[str]) -> str:
    return "input" if len(texts) == 1 else "inputs"


def _outcome_of(found: object) -> str:
    if isinstance(found, list) and found and isinstance(found[0], Forked):
        (forked,) = found
        error = getattr(forked.error, "code", "")
        return error or ("repeated" if forked.repeated else "ok")
    if not isinstance(found, Answer):
        return "ok"
    if found.repeated:
        return "repeated"
    return "ok" if found.stopped is None else "stopped"


def _playing(
    key: str, texts: list[str], turn: int | None = None, episode: int | None = None
) -> Callable[[BotHost], Awaitable[Answer]]:
    """Return a request that plays one input, or several at once."""
    if len(texts) == 1:
        return lambda host: host.play(key, texts[0], turn=turn, episode=episode)
    return lambda host: host.play_many(key, texts, turn=turn, episode=episode)
