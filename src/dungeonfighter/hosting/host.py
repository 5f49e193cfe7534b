"""BotHost: what bots and operators can ask of the games hosted over one store.

What each request means is planned in `hosting.requests`; how it is committed and answered is in
`hosting.lines`.

Source: docs/architecture.md, "The commit, exactly".
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, Corrupt, NotAllowed, StoreError
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.feed import Feed
from dungeonfighter.hosting.game import Answer, NewGame, Present, present
from dungeonfighter.hosting.instruments import UncollectedMeter
from dungeonfighter.hosting.lines import Lines
from dungeonfighter.hosting.metrics import HostMetrics
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.play_many import PlayMany, spelled
from dungeonfighter.hosting.ports import (
    BotSummary,
    Chance,
    Clock,
    Meter,
    RunSummary,
    Save,
    Store,
    StoreHealth,
)
from dungeonfighter.hosting.requests import Asker, Direct, Load, Play, Seeds, Start
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import Mode, canonical


class BotHost:
    """Hosts any number of games over one store. Use from one event loop.

    Args:
        store: Where the rows are; opened by the caller.
        rules: The rule sets this release ships.
        clock: Time.
        chance: Operation ids and drawn seeds.
        hot_games_max: How many games stay in memory; the others hibernate in the store, none is refused for
            it.
        commit_timeout_seconds: How long a request may wait for the store before it answers `outcome_unknown`
            or `store_unavailable`.
        rest: Called in the event loop whenever no write is left to be done; it may block for a moment, so
            that more comes together.
        meter: Makes the host's metrics; by default they count and are not collected.
    """

    def __init__(
        self, *, store: Store, rules: ShippedRules, clock: Clock, chance: Chance,
        hot_games_max: int = limits.hot_games_default,
        commit_timeout_seconds: float = limits.commit_timeout_seconds,
        rest: Callable[[], None] | None = None, meter: Meter | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._book = rules
        self._clock = clock
        self._chance = chance
        self._patience = Patience(clock, chance, commit_timeout_seconds, store.probe)
        self.meter: Meter = UncollectedMeter() if meter is None else meter
        self.metrics = HostMetrics(
            self.meter, hot_games=lambda: len(self._lines.hot), store_up=self.is_store_up,
            health=store.health,
        )  # fmt: skip
        self._lines = Lines(store, rules, self._patience, hot_games_max, clock, self.metrics, rest)
        self._now, self._op, self._submit = clock.now, chance.op, self._lines.submit
        self._timeout_seconds = commit_timeout_seconds

    @property
    def feed(self) -> Feed:
        """What happened lately, for people who watch."""
        return self._lines.feed

    # What a bot can ask

    async def play(
        self, key: str, text: str, *, turn: int | None = None, episode: int | None = None
    ) -> Answer:
        """Apply one input, exactly once for this request, and return after it is durable.

        Args:
            key: `<fleet>/<botId>`.
            text: The input; spelling is normalised by `rules.canonical`.
            turn: The turn the caller sees; with it a repeated request is recognised (the retry table).
            episode: The run the caller sees.

        Raises:
            BadInput: bad_argument, illegal_input, stale_turn, future_turn, run_over, unknown_bot; nothing
                changed.
            Overloaded: Too many requests wait for this bot, or the server is draining.
            StoreError: store_unavailable (not applied), outcome_unknown (may be repeated with `turn`),
                newer_rules.
            Corrupt: The stored game does not check.

        Source: product.md, "Retries".
        """
        told = _future()
        self.begin_play(key, text, turn, episode, _WAITING, told)
        return await told

    def begin_play(
        self, key: str, text: str, turn: int | None, episode: int | None, asker: Asker, tag: Any = None
    ) -> None:
        """`play` for those who do not wait but are told, once, in the event loop, perhaps at once.

        Args:
            key, text, turn, episode: As `play`.
            asker: Shown the answer while the new state is at hand, before it is durable; told what it made
                of it after that, or what went wrong.
            tag: Given to `asker` with whatever it is shown and told.

        Raises:
            BadInput, Overloaded: As `play`; then nobody is told.
        """
        deadline = self._now() + self._timeout_seconds  # `Patience.deadline`, without the call
        self._submit(key, Play(self._op(), deadline, asker, tag, canonical(text), turn, episode))

    def begin_plays(
        self, plays: Iterable[tuple[str, str, int | None, int | None, Any]], asker: Asker
    ) -> None:
        """`begin_play` for many: of each key, text, turn, episode and tag; what it would raise is told."""
        op, deadline, submit = self._chance.op, self._patience.deadline(), self._lines.submit
        for key, text, turn, episode, tag in plays:
            try:
                submit(key, Play(op(), deadline, asker, tag, canonical(text), turn, episode))
            except Exception as error:  # noqa: BLE001 (each by itself)
                asker.tell(tag, error)

    async def play_many(
        self, key: str, texts: Sequence[str], *, turn: int | None = None, episode: int | None = None
    ) -> Answer:
        """Apply several inputs in one commit, exactly once for this request, and return after it is durable.

        It stops before the first that is not legal, and when the run is over: `Answer.applied` says how many
        were applied, `Answer.stopped` which was not.

        Args:
            key: `<fleet>/<botId>`.
            texts: 1 to `limits.inputs_at_once_max` inputs.
            turn: The turn the caller sees before the first of them.
            episode: The run the caller sees.

        Raises:
            BadInput: As `play`, if not even the first could be applied; nothing changed.
            Overloaded, StoreError, Corrupt: As `play`.

        Source: docs/decisions/010-batches.md.
        """
        spelt, op, deadline = spelled(texts), self._chance.op(), self._patience.deadline()
        told = _future()
        self._lines.submit(key, PlayMany(op, deadline, _WAITING, told, spelt, turn, episode))
        return await told

    async def start(self, key: str, options: NewGame, *, episode: int | None = None) -> Answer:
        """Begin a new run; the live one, if any, ends as abandoned. The directive is kept.

        Args:
            key: `<fleet>/<botId>`; a bot is made by its first run.
            options: What the caller wants of the run.
            episode: Begin only if this is the next run's number; repeating it is safe.

        Raises:
            BadInput: bad_argument, stale_turn, future_turn, conflict (another request came first; not
                applied).
        """
        told = _future()
        self.begin_start(key, options, episode, _WAITING, told)
        return await told

    def begin_start(
        self, key: str, options: NewGame, episode: int | None, asker: Asker, tag: Any = None
    ) -> None:
        """`start` for those who do not wait; see `begin_play`."""
        if options.mode == Mode.daily and options.seed is not None:
            raise BadInput("a daily run has the seed of the day; leave seed out", code="bad_argument")
        op, deadline, seeds = self._chance.op(), self._patience.deadline(), self._seeds()
        self._lines.submit(key, Start(op, deadline, asker, tag, options, episode, seeds))

    async def reset(self, key: str) -> Answer:
        """Begin a new run with the former name and mode and fresh dice, and clear the directive."""
        op, deadline, seeds = self._chance.op(), self._patience.deadline(), self._seeds()
        origin = trails.ORIGIN_RESET
        told = _future()
        self._lines.submit(key, Start(op, deadline, _WAITING, told, NewGame(), None, seeds, origin))
        return await told

    async def read(self, key: str) -> Present:
        """The game as it is in the store now.

        Raises:
            BadInput: unknown_bot.
            StoreUnavailable: The store could not be asked within the commit timeout.
        """
        return present(await self._lines.fresh_row(key), self._book)

    async def save(self, key: str, slot: str) -> Present:
        """Write the game as it stands into a save slot; the run goes on unchanged.

        Raises:
            BadInput: unknown_bot, run_over (a finished run cannot be gone on with).
            NotAllowed: quota_exceeded, when all slots are taken.
        """
        _check_slot(slot)
        row = await self._lines.fresh_row(key)
        standing = present(row, self._book)
        if standing.state.over:
            what = "this run is over, there is nothing to go on from"
            raise BadInput(what, code="run_over", present=standing)
        taken = {save.slot for save in await self._patience.ask(lambda: self._store.list_saves(key))}
        if slot not in taken and len(taken) >= limits.save_slots_max:
            slots = ", ".join(sorted(taken))
            what = f"all {limits.save_slots_max} save slots are taken ({slots}); delete_save frees one"
            raise NotAllowed(what, code="quota_exceeded", present=standing)
        save = Save(key, slot, row.state, row.digest, row.rules, row.episode, row.turn, _summary(standing))
        await self._patience.ask(lambda: self._store.put_save(save))
        return standing

    async def saves(self, key: str) -> list[Save]:
        """The save slots of a bot, by name, without their states."""
        return await self._patience.ask(lambda: self._store.list_saves(key))

    async def load(self, key: str, slot: str, *, episode: int | None = None) -> Answer:
        """Begin a new run that goes on exactly where the save stands.

        Raises:
            BadInput: unknown_bot, unknown_save, stale_turn, future_turn, conflict.
            NotAllowed: Ironman and daily runs are not loaded.
        """
        _check_slot(slot)
        save = await self._patience.ask(lambda: self._store.get_save(key, slot))
        if save is None:
            raise await self._unknown_save(key, slot)
        op, deadline = self._chance.op(), self._patience.deadline()
        told = _future()
        self._lines.submit(key, Load(op, deadline, _WAITING, told, save, episode))
        return await told

    async def delete_save(self, key: str, slot: str) -> None:
        """Remove a save slot.

        Raises:
            BadInput: unknown_bot, unknown_save.
        """
        _check_slot(slot)
        if not await self._patience.ask(lambda: self._store.delete_save(key, slot)):
            raise await self._unknown_save(key, slot)

    async def set_directive(self, key: str, text: str) -> Present:
        """Keep a note of the bot's owner beside the run; it survives new runs."""
        if len(text) > limits.directive_chars_max:
            what = (
                f"a directive has at most {limits.directive_chars_max} characters, this one has {len(text)}"
            )
            raise BadInput(what, code="bad_argument")
        op, deadline = self._chance.op(), self._patience.deadline()
        told = _future()
        self._lines.submit(key, Direct(op, deadline, _WAITING, told, text))
        return (await told).game

    async def list_bots(self, fleet: str, after: str = "", count: int = 100) -> list[BotSummary]:
        """Bots of one fleet in order of their ids, after the id `after`."""
        return await self._patience.ask(lambda: self._store.list_bots(f"{fleet}/", f"{fleet}/{after}", count))

    async def best_runs(self, fleet: str, count: int) -> list[RunSummary]:
        """The best ended runs of one fleet, best first; perhaps from a copy of the store that is behind.

        Raises:
            StoreUnavailable: It is away now. Asked once: nobody's turn waits for it.
        """
        return await self._store.best_runs(f"{fleet}/", count)

    # What an operator can ask

    def is_store_up(self) -> bool:
        """Tell if the store answered this process last."""
        return self._patience.store_up

    def store_health(self) -> StoreHealth:
        """What the store knows of its own trouble."""
        return self._store.health()

    def recent(self, count: int) -> list[Present]:
        """The games last played here, newest first, as last committed here: for watching, not for bots."""
        shown: list[Present] = []
        for key in reversed(self._lines.hot):
            row = self._lines.hot[key].row
            if row is not None and row.state:
                try:
                    shown.append(present(row, self._book))
                except (StoreError, Corrupt):  # newer rules, or it does not check: its own bot is told
                    continue
                if len(shown) >= count:
                    break
        return shown

    async def close(self) -> None:
        """Take nothing more, finish what was taken."""
        await self._lines.close()
        await self._patience.close()

    # Helpers

    def _seeds(self) -> Seeds:
        return Seeds(drawn=self._chance.seed(), of_the_day=daily_seed(self._clock.wall()))

    async def _unknown_save(self, key: str, slot: str) -> BadInput:
        standing = await self.read(key)
        slots = [save.slot for save in await self.saves(key)]
        there = f"there are: {', '.join(slots)}" if slots else "this bot has none"
        return BadInput(f"there is no save {slot}; {there}", code="unknown_save", present=standing)


def daily_seed(wall_seconds: float) -> int:
    """The seed of the day (UTC), the same on every server."""
    day = time.strftime("%Y-%m-%d", time.gmtime(wall_seconds))
    return (
        int.from_bytes(hashlib.blake2b(f"daily {day}".encode(), digest_size=8).digest(), "big")
        & limits.seed_max
    )


class _Waiting:
    """Asks for those who wait, each for a future of its own; who stops waiting stops nothing."""

    def show(self, tag: asyncio.Future[Answer], answer: Answer) -> Answer:
        answer.game.rules.read(answer.game.state)
        return answer

    def tell(self, tag: asyncio.Future[Answer], told: Answer | Exception) -> None:
        if tag.done():
            return
        if isinstance(told, Exception):
            tag.set_exception(told)
        else:
            tag.set_result(told)


_WAITING: Final = _Waiting()


def _future() -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().create_future()


def _check_slot(slot: str) -> None:
    if not limits.slot_pattern.match(slot):
        raise BadInput("slot must be 1 to 32 of a-z, 0-9 and -", code="bad_argument")


def _summary(standing: Present) -> str:
    hero = standing.state.hero
    return msgspec.json.encode(
        {"name": hero.name, "level": hero.level, "score": standing.rules.score(standing.state) / 100}
    ).decode()
