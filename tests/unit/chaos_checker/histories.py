"""True histories for the checker: a small server of the rules alone, and clients that write a journal.

The server keeps the runs of each bot and follows the retry table of docs/architecture.md. `World.rows` makes
the rows of a store from these runs. So a test can forge a history at one place, in the events or in the runs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct, field

from chaos.checker import Promotion, Stand
from chaos.checker.calls import RunOptions
from chaos.checker.stored import Chunk, GameRow, Rows, RunEnd, StoredBot
from chaos.journal import Answer, Begin, Event, Fault, Position
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import GameOptions, Mode, State
from dungeonfighter.rules.state import Ending, Phase
from tests.unit.rules.position import rules

MODE: Final = "casual"
_CHUNK: Final = 64
_NEVER: Final = "auto"


class StoredRun(Struct):
    """One run of the server, from its options and inputs."""

    options: RunOptions
    inputs: list[str] = field(default_factory=list)

    def state(self) -> State:
        """Return the first state."""
        options = self.options
        return rules().new_game(GameOptions(options.seed, int(Mode[options.mode]), options.name))

    def states(self) -> list[bytes]:
        """Return the encoded states from the first one on."""
        state = self.state()
        found = [rules().encode(state)]
        for text in self.inputs:
            rules().advance(state, text)
            found.append(rules().encode(state))
        return found

    def digest(self, turn: int) -> str:
        return rules().digest(self.states()[turn]).hex()


class ServerBot(Struct):
    """The runs of one bot, and its present state."""

    runs: list[StoredRun] = field(default_factory=list)
    state: State | None = None
    extra_versions: int = 0

    @property
    def episode(self) -> int:
        return len(self.runs)

    @property
    def turn(self) -> int:
        return len(self.runs[-1].inputs) if self.runs else 0

    @property
    def digest(self) -> str:
        return rules().digest(rules().encode(self.state)).hex() if self.state is not None else ""

    def begin(self, options: RunOptions) -> None:
        self.runs.append(StoredRun(options))
        self.state = self.runs[-1].state()

    def play(self, text: str) -> None:
        assert self.state is not None
        rules().advance(self.state, text)
        self.runs[-1].inputs.append(text)

    def cut(self, effects: int) -> None:
        """Forget the last effects, as a fail-over does."""
        for _ in range(min(effects, sum(1 + len(run.inputs) for run in self.runs))):
            if self.runs[-1].inputs:
                self.runs[-1].inputs.pop()
            else:
                self.runs.pop()
        self.state = rules().decode(self.runs[-1].states()[-1]) if self.runs else None


class World:
    """The server, its bots, and the journal of their clients.

    Attributes:
        trouble: The probability that an attempt fails.
    """

    def __init__(self, seed: int, *, bots: int = 2, trouble: float = 0.3) -> None:
        self.random = random.Random(seed)
        self.trouble = trouble
        self.kinds_of_trouble = ["lost request", "lost answer", "late request", "overloaded", "killed"]
        self.events: list[Event] = []
        self.server: dict[str, ServerBot] = {f"bot-{number}": ServerBot() for number in range(bots)}
        self.clients = [Client(self, name) for name in self.server]
        self.promotions: list[Promotion] = []

    def play(self, steps: int) -> None:
        """Let the clients act in any order."""
        for _ in range(steps):
            self.random.choice(self.clients).act()

    def fault(self) -> None:
        self.events.append(Fault(self.now, "kill-server", "begin"))
        self.events.append(Fault(self.now, "kill-server", "end"))

    def settle(self) -> None:
        """Let each client look, and make two more calls without trouble."""
        self.trouble = 0.0
        for client in self.clients:
            client.look()
            client.start(client.episode + 1)
            client.send("1")

    def fail_over(self, most: int, *, with_ends: bool = True) -> None:
        """Promote a server that lacks up to `most` effects of each bot."""
        self._promote(lambda: self.random.randint(0, most), with_ends=with_ends)

    def fail_over_by(self, effects: int) -> None:
        """Promote a server that lacks so many effects of each bot."""
        self._promote(lambda: effects, with_ends=True)

    def _promote(self, lacking: Callable[[], int], *, with_ends: bool) -> None:
        former, ends = self.stands(), self._ends() if with_ends else {}
        for bot in self.server.values():
            bot.cut(lacking())
        self.add_promotion(former, ends)

    def add_promotion(self, former: dict[str, Stand], ends: dict[str, dict[int, int]] | None = None) -> None:
        """Note that a server took over with the present runs, and where the bots stood before."""
        self.promotions.append(Promotion(self.stands(), former, ends or {}))

    @property
    def now(self) -> float:
        return len(self.events) / 100

    def sent(self, bot: str, episode: int, turn: int) -> set[str]:
        """Return the inputs that calls of a bot named at a turn."""
        return {
            event.input
            for event in self.events
            if isinstance(event, Begin) and (event.bot, event.episode, event.turn) == (bot, episode, turn)
        }

    def rows(self) -> Rows:
        return {
            name: stored(bot, number) for number, (name, bot) in enumerate(self.server.items()) if bot.runs
        }

    def stands(self) -> dict[str, Stand]:
        return {
            f"local/{name}": Stand(bot.episode, bot.turn, bot.digest)
            for name, bot in self.server.items()
            if bot.runs
        }

    def _ends(self) -> dict[str, dict[int, int]]:
        return {
            f"local/{name}": {number: len(run.inputs) for number, run in enumerate(bot.runs[:-1], 1)}
            for name, bot in self.server.items()
        }


class Client:
    """A client as a scenario has them: one call at a time, repeated with the same numbers."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.episode = 0
        self.turn = 0
        self.is_known = True
        self.delayed: list[Begin] = []
        self._calls = 0
        self._attempts = 0

    @property
    def bot(self) -> ServerBot:
        return self.world.server[self.name]

    def act(self) -> None:
        """Make one call with its repeats, or a look."""
        chance = self.world.random
        if self.delayed and chance.random() < 0.3:
            self._apply(self.delayed.pop())
        if not self.is_known:
            self.look()
        if not self.episode or self.is_over or chance.random() < 0.04:
            self.start(self.episode + 1)
        elif chance.random() < 0.08:
            self.send_wrong()
        else:
            self.send(self.choice())

    def act_plainly(self) -> None:
        """Look, and play one input."""
        self.look()
        self.send("1")

    def look(self) -> None:
        bot = self.bot
        if bot.runs:
            self.world.events.append(Position(self.world.now, self.name, bot.episode, bot.turn, bot.digest))
        self.episode, self.turn, self.is_known = bot.episode, bot.turn, True

    def start(self, episode: int) -> None:
        self._calls += 1
        seed = self.world.random.randrange(2**53)
        self._repeat(
            lambda attempt: Begin(
                self.world.now,
                self.name,
                self._calls,
                attempt,
                "start",
                episode,
                -1,
                "",
                seed,
                self.name,
                MODE,
            )
        )

    def send(self, text: str) -> None:
        self._calls += 1
        self._repeat(
            lambda attempt: Begin(
                self.world.now, self.name, self._calls, attempt, "input", self.episode, self.turn, text
            )
        )

    def send_wrong(self) -> None:
        """Send an illegal input, or a turn that has not come."""
        self._calls += 1
        turn = self.turn + self.world.random.randrange(2)
        begin = Begin(self.world.now, self.name, self._calls, 1, "input", self.episode, turn, "equip 999")
        self.world.events.append(begin)
        self._refuse(begin, self._apply(begin) or "illegal_input")

    def _repeat(self, attempt_of: Callable[[int], Begin]) -> None:
        """Repeat a call until it is answered; sometimes give up, and look at the next call."""
        for attempt in range(1, 4):
            begin = attempt_of(attempt)
            self.world.events.append(begin)
            if self._attempt(begin):
                return
        self.is_known = False

    def _attempt(self, begin: Begin) -> bool:
        chance = self.world.random
        if chance.random() >= self.world.trouble:
            error = self._apply(begin)
            if error:
                self._refuse(begin, error)
                self.is_known = False
            else:
                self._acknowledge(begin)
            return True
        trouble = chance.choice(self.world.kinds_of_trouble)
        if trouble == "overloaded":
            self.world.events.append(
                Answer(self.world.now, begin.bot, begin.call, begin.attempt, "refused", "overloaded")
            )
            return False
        if trouble == "lost answer" or (trouble == "killed" and chance.random() < 0.5):
            self._apply(begin)
        elif trouble == "late request":
            self.delayed.append(begin)
        if trouble != "killed":
            self.world.events.append(
                Answer(self.world.now, begin.bot, begin.call, begin.attempt, "unknown", "timeout")
            )
        return False

    def _apply(self, begin: Begin) -> str:
        """Judge a request as a server does; return the code of a refusal, "" if it has or had its effect."""
        bot = self.bot
        if begin.do == "start":
            options = RunOptions(begin.seed, begin.name, begin.mode)
            if begin.episode == bot.episode + 1:
                bot.begin(options)
                return ""
            is_repeat = begin.episode == bot.episode and not bot.turn and bot.runs[-1].options == options
            return "" if is_repeat else "stale_turn" if begin.episode <= bot.episode else "future_turn"
        if (begin.episode, begin.turn) != (bot.episode, bot.turn):
            if (begin.episode, begin.turn) > (bot.episode, bot.turn):
                return "future_turn"
            is_last = begin.episode == bot.episode and begin.turn == bot.turn - 1
            return "" if is_last and bot.runs[-1].inputs[-1] == begin.input else "stale_turn"
        try:
            bot.play(begin.input)
        except BadInput as error:
            return error.code
        return ""

    def _acknowledge(self, begin: Begin) -> None:
        bot = self.bot
        self.episode, self.turn = bot.episode, bot.turn
        self.world.events.append(
            Answer(
                self.world.now,
                begin.bot,
                begin.call,
                begin.attempt,
                "ok",
                "",
                bot.episode,
                bot.turn,
                bot.digest,
            )
        )

    def _refuse(self, begin: Begin, error: str) -> None:
        bot = self.bot
        place = (bot.episode, bot.turn, bot.digest) if bot.runs else (-1, -1, "")
        self.world.events.append(
            Answer(self.world.now, begin.bot, begin.call, begin.attempt, "refused", error, *place)
        )

    @property
    def is_over(self) -> bool:
        return self.bot.state is not None and self.bot.state.over

    def choice(self) -> str:
        state = self.bot.state
        if state is None:
            return "1"
        shown = [choice.input for choice in rules().legal_inputs(state) if choice.label != _NEVER]
        return self.world.random.choice([*shown, "1", "1"]) if shown else "1"


def stored(bot: ServerBot, number: int = 0) -> StoredBot:
    """Return the rows that a store has after the runs of a bot."""
    last, states = bot.runs[-1], bot.runs[-1].states()
    episode, turn = len(bot.runs), len(last.inputs)
    version = len(bot.runs) + sum(len(run.inputs) for run in bot.runs) + bot.extra_versions
    ops = b"".join((number << 32 | one).to_bytes(8) for one in range(1, version + 1))[-64:]
    asked = msgspec.json.encode(
        {
            "name": last.options.name,
            "weapon": None,
            "seed": last.options.seed,
            "mode": int(Mode[last.options.mode]),
        }
    ).decode()
    inputs = "\n".join(last.inputs[-_CHUNK:])
    trail = msgspec.msgpack.encode(["new", asked, 0, episode - 1, ops, inputs, ops[-8:] + bytes(4)])
    raw = states[-1]
    row = GameRow(version, rules().digest(raw), episode, turn, rules().identity, raw, trail)
    found = StoredBot(row)
    for place, run in enumerate(bot.runs, 1):
        end = _end(run, place)
        is_over = place < episode or rules().decode(raw).over
        if is_over:
            found.ends[place] = end
        found.chunks.extend(_chunks(run, place, is_over=is_over))
    return found


def _chunks(run: StoredRun, episode: int, *, is_over: bool) -> list[Chunk]:
    texts = run.inputs if is_over else run.inputs[: len(run.inputs) // _CHUNK * _CHUNK]
    return [
        Chunk(episode, first, "\n".join(texts[first : first + _CHUNK]))
        for first in range(0, len(texts), _CHUNK)
    ]


def _end(run: StoredRun, episode: int) -> RunEnd:
    raw = run.states()[-1]
    state = rules().decode(raw)
    died = state.over or state.phase == Phase.Death
    result = (
        "won" if state.phase == Phase.Victory or state.world.bosses >= 3 else "died" if died else "abandoned"
    )
    assert state.ending != Ending.turns
    options = msgspec.json.encode({"name": run.options.name, "weapon": -1}).decode()
    return RunEnd(
        episode, rules().identity, run.options.seed, run.options.mode, options, 0, len(run.inputs), result,
        rules().score(state), rules().digest(raw), False, "new", b"",
    )  # fmt: skip
