"""Messages in hand: the order of a bot, what waits, and what is dropped with what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from dungeonfighter.access.admission import BoundedAdmission
from dungeonfighter.access.principals import LOCAL, Principal, Scope
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import DungeonFighterError, RateLimited, Unauthenticated
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.ingress.messages import Command, Reason
from dungeonfighter.ingress.playing import Playing, Task
from dungeonfighter.ingress.ports import Delivery
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore


class Views:
    """Shows the turn alone."""

    def text(self, game: Present) -> str:
        return f"t{game.turn}"

    def json(self, game: Present) -> str:
        return msgspec.json.encode({"turn": game.turn}).decode()

    def error(self, error: DungeonFighterError) -> str:
        return f"error {error.code}\n\nview"

    def new_game(self, options: str) -> NewGame:
        return NewGame(weapon=0, seed=len(options))


class Outcomes:
    """Records what became of each task, by the id of its message."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.replies: dict[str, dict[str, str]] = {}

    def reply(self, task: Task, fields: dict[str, str]) -> None:
        self.events.append(f"reply {task.command.id}")
        self.replies[task.command.id] = fields

    def bury(self, delivery: Delivery, reason: Reason) -> None:
        self.events.append(f"bury {delivery.handle} {reason}")

    def drop(self, task: Task) -> None:
        self.events.append(f"drop {task.command.id}")

    def wait(self, task: Task) -> None:
        self.events.append(f"wait {task.command.id}")

    def refuse(self, error: Unauthenticated) -> None:
        self.events.append("refuse")

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():  # noqa: ASYNC110 (nothing here announces an outcome)
                await asyncio.sleep(0.005)


class Admission(BoundedAdmission):
    """Refuses each call with `error` while there is one."""

    error: Exception | None = None

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        if self.error is not None:
            raise self.error


class Table:
    """A host with nothing but memory below it, and the messages in hand above it."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.held = {0}
        self.outcomes = Outcomes()
        self.admission = Admission(Rates(RateSettings(), clock.now))
        host = BotHost(
            store=MemoryStore(), rules=ShippedRules([load_rules()]), clock=clock, chance=SystemChance()
        )
        self.playing = Playing(
            host, self.admission, LOCAL, Views(), self.outcomes, lambda: self.held
        )  # fmt: skip

    def take(self, *commands: Command) -> None:
        self.playing.take([Task(Delivery(one.id, 0, {}), one) for one in commands])


def start(bot: str = "local/a") -> Command:
    return Command(f"{bot}:start", bot, 1, 0, "", "{}")


def turn(number: int, bot: str = "local/a") -> Command:
    return Command(f"{bot}:{number}", bot, 1, number, "1")


async def test_messages_of_a_bot_are_answered_in_their_order() -> None:
    table = Table()
    table.take(start(), turn(0), start("local/b"), turn(1), turn(2))
    await table.outcomes.until(lambda: len(table.outcomes.replies) == 5)
    of_a = [event for event in table.outcomes.events if "local/a" in event]
    assert of_a == [f"reply local/a:{name}" for name in ("start", 0, 1, 2)]
    assert table.outcomes.replies["local/a:2"] == {
        "id": "local/a:2", "bot": "local/a", "status": "ok", "episode": "1", "turn": "3", "text": "t3",
    }  # fmt: skip


async def test_a_message_that_must_wait_holds_back_those_behind_it() -> None:
    table = Table()
    table.admission.error = RateLimited("too many")
    table.take(start(), turn(0))
    assert table.outcomes.events == ["wait local/a:start"]
    table.admission.error = None
    await table.outcomes.until(lambda: len(table.outcomes.replies) == 2)
    assert table.outcomes.events[1:] == ["reply local/a:start", "reply local/a:0"]


async def test_the_order_to_stop_drops_what_waits_with_those_behind_it() -> None:
    table = Table()
    table.admission.error = RateLimited("too many")
    table.take(start(), turn(0), turn(1))
    table.playing.stop_waiting()
    assert table.outcomes.events[1:] == ["drop local/a:start", "drop local/a:0", "drop local/a:1"]


async def test_no_message_overtakes_one_that_is_dropped() -> None:
    table = Table()
    table.take(start())
    await table.outcomes.until(lambda: "local/a:start" in table.outcomes.replies)
    table.admission.error = RateLimited("too many")
    table.take(turn(0), turn(1))
    table.admission.error = None
    table.playing.stop_waiting()
    await asyncio.sleep(0)
    assert table.outcomes.events[1:] == ["wait local/a:0", "drop local/a:0", "drop local/a:1"]


async def test_a_message_of_a_lost_stream_is_left_to_its_new_holder() -> None:
    table = Table()
    table.admission.error = RateLimited("too many")
    table.take(start(), turn(0))
    table.admission.error = None
    table.held.clear()
    await table.outcomes.until(lambda: len(table.outcomes.events) == 3)
    assert table.outcomes.events[1:] == ["drop local/a:start", "drop local/a:0"]


async def test_what_was_abandoned_begins_no_more() -> None:
    table = Table()
    table.take(start(), turn(0))
    table.playing.abandon()
    await table.outcomes.until(lambda: "local/a:start" in table.outcomes.replies)
    await asyncio.sleep(0)
    assert table.outcomes.events == ["reply local/a:start"]


async def test_a_revoked_token_stops_the_ingress_and_answers_no_one() -> None:
    table = Table()
    table.admission.error = Unauthenticated("revoked")
    table.take(start())
    assert table.outcomes.events == ["refuse", "drop local/a:start"]


async def test_a_failure_of_the_server_is_a_dead_letter() -> None:
    table = Table()
    table.admission.error = ZeroDivisionError()
    table.take(start())
    assert table.outcomes.events == ["bury local/a:start internal"]
    table.admission.error = None
    table.take(start())
    await table.outcomes.until(lambda: len(table.outcomes.replies) == 1)


async def test_a_message_is_answered_after_its_commit() -> None:
    table = Table()
    table.take(start())
    await table.outcomes.until(lambda: len(table.outcomes.replies) == 1)
    table.take(turn(0))
    assert table.outcomes.events == ["reply local/a:start"]
    await table.outcomes.until(lambda: len(table.outcomes.replies) == 2)
    assert table.outcomes.replies["local/a:0"]["turn"] == "1"


async def test_a_second_copy_of_a_message_has_no_effect() -> None:
    table = Table()
    table.take(start(), turn(0), msgspec.structs.replace(turn(0), id="copy"), turn(1))
    await table.outcomes.until(lambda: len(table.outcomes.replies) == 4)
    assert table.outcomes.replies["copy"]["status"] == "repeated"
    assert table.outcomes.replies["local/a:1"]["turn"] == "2"
