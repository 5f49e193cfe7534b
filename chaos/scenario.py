"""Scenarios: files in YAML that say what is started, which faults come when, and what must hold.

docs/chaos.md describes the fields. An error names the file and the field.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import yaml
from msgspec import Meta, Struct, field

from chaos.faults import FAULTS
from chaos.faults.fault import Options
from chaos.stage import Plan

FOLDER: Final = Path(__file__).with_name("scenarios")
KEPT: Final = Path(__file__).with_name("seeds.yaml")
NONE, LACKING = "none", "what-the-promoted-server-lacks"
"""What may be lost."""
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_AT: Final = re.compile(r" - at `\$\.?(.*)`$")
_Seconds = Annotated[float, Meta(ge=0, le=120)]
_Decoded = TypeVar("_Decoded")


class ScenarioError(ValueError):
    """A file is no scenario; the text names the file and the field."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads `on` as a word: in YAML 1.1 it is a spelling of true."""


_Loader.yaml_implicit_resolvers = {
    letter: [one for one in resolvers if one[0] != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Strict(Struct, forbid_unknown_fields=True, frozen=True, rename="kebab"):
    """Refuses unknown fields."""


class Range(_Strict, frozen=True):
    """A number that the seed draws."""

    low: _Seconds = field(name="from")
    high: _Seconds = field(name="to")


class Servers(_Strict, frozen=True):
    """The servers of the game: their number, further arguments and variables."""

    count: Annotated[int, Meta(ge=1, le=3)] = 3
    flags: tuple[str, ...] = ()
    environment: dict[str, str] = {}


class Expect(_Strict, frozen=True):
    """The promises that must hold.

    Attributes:
        lost: `none`, or `what-the-promoted-server-lacks`: exactly that.
        plays_within: Seconds from each end of the last fault that is left to the first acknowledged call.
        all_play_within: Seconds from the end of the last fault until each bot has one.
        errors: Codes with which calls may be refused, each with the most such calls (null: any number).
    """

    lost: Literal["none", "what-the-promoted-server-lacks"] = "none"
    plays_within: _Seconds = 2.0
    all_play_within: _Seconds = 20.0
    errors: dict[str, int | None] = {}


class Play(_Strict, frozen=True):
    """The bots play for so long."""

    play: _Seconds | Range


class Begin(Struct, frozen=True):
    """A fault begins; `options` are those of its class."""

    begin: str
    options: Options


class End(_Strict, frozen=True):
    """The fault of this name that began last ends."""

    end: str


Step = Play | Begin | End


class _File(_Strict, frozen=True):
    """A scenario as it stands in its file."""

    about: Annotated[str, Meta(min_length=10, max_length=200)]
    steps: Annotated[list[dict[str, Any]], Meta(min_length=2)]
    store: Literal["postgresql", "sqlite"] = "postgresql"
    replication: Literal["synchronous", "asynchronous", "none"] = "synchronous"
    bots: Annotated[int, Meta(ge=1, le=5000)] = 60
    every: _Seconds = 0.25
    answer_within: Annotated[float, Meta(ge=0.5, le=60)] = 5.0
    servers: Servers = Servers()
    expect: Expect = Expect()


class Scenario(Struct, frozen=True):
    """One scenario.

    Attributes:
        name: That of its file, in kebab case.
        word: The name, or the path of a file elsewhere; a command line takes it.
        about: A sentence.
        every_seconds: The time between two calls of a bot.
        answer_seconds_max: A bot repeats a call that was not answered for so long.
    """

    name: str
    word: str
    about: str
    plan: Plan
    bots: int
    every_seconds: float
    answer_seconds_max: float
    steps: tuple[Step, ...]
    expect: Expect

    def faults(self) -> list[str]:
        """Return the names of its faults."""
        return sorted({step.begin for step in self.steps if isinstance(step, Begin)})

    def obstacle(self) -> str:
        """Return the reason why it cannot be staged on this machine; empty if it can."""
        return next((text for name in self.faults() if (text := FAULTS[name].obstacle())), "")


class KeptSeed(_Strict, frozen=True):
    """A seed that once violated a promise.

    Attributes:
        name: The violation in kebab case, such as `answer-before-commit`.
    """

    name: str
    scenario: str
    seed: int


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all scenarios, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(word: str, folder: Path = FOLDER) -> Scenario:
    """Read a scenario.

    Args:
        word: Its name, or the path of a file that ends in `.yaml`.
        folder: Where names are looked for.

    Raises:
        ScenarioError: There is none, or its file is wrong.
    """
    path = Path(word) if word.endswith(".yaml") else folder / f"{word}.yaml"
    name = path.stem
    if not _NAME.fullmatch(name if word.endswith(".yaml") else word) or not path.exists():
        raise ScenarioError(f"there is no scenario {word!r}: --list shows them")
    read = _decoded(path, _yaml(path), _File)
    steps = tuple(_step(path, number, step) for number, step in enumerate(read.steps))
    _check_order(path, steps)
    if read.store == "sqlite" and read.servers.count != 1:
        raise ScenarioError(f"{path.name}: servers.count: a SQLite file has one server: write 1")
    if not read.about.endswith("."):
        raise ScenarioError(f"{path.name}: about: write a sentence, with a full stop")
    plan = Plan(
        read.store, read.replication, read.servers.count, read.servers.flags, read.servers.environment
    )
    return Scenario(
        name, word, read.about, plan, read.bots, read.every, read.answer_within, steps, read.expect
    )  # fmt: skip


def kept_seeds(path: Path = KEPT) -> list[KeptSeed]:
    """Return the seeds that once violated a promise.

    Raises:
        ScenarioError: The file is wrong.
    """
    kept = _decoded(path, _yaml(path) or [], list[KeptSeed])
    for one in kept:
        if not _NAME.fullmatch(one.name) or one.name in names():
            raise ScenarioError(f"{path.name}: name: {one.name!r} is not in kebab case, or names a scenario")
        load(one.scenario)
    return kept


def drawn(value: float | Range, draws: random.Random) -> float:
    """Return a number, or one that is drawn from a range."""
    return draws.uniform(value.low, value.high) if isinstance(value, Range) else value


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path.name}: {error}") from None


def _decoded(path: Path, value: Any, kind: type[_Decoded], place: str = "") -> _Decoded:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = _AT.search(str(error))
        fields = [part for part in (place, found[1] if found else "") if part]
        text = str(error)[: found.start()] if found else str(error)
        raise ScenarioError(": ".join([path.name, *([".".join(fields)] if fields else []), text])) from None


def _step(path: Path, number: int, written: dict[str, Any]) -> Step:
    place = f"steps[{number}]"
    if "play" in written:
        play = _decoded(path, written, Play, place)
        if isinstance(play.play, Range) and play.play.low > play.play.high:
            raise ScenarioError(f"{path.name}: {place}.play: from is more than to")
        return play
    if "end" in written:
        return _decoded(path, written, End, place)
    name = written.get("begin")
    if name not in FAULTS:
        known = ", ".join(FAULTS)
        raise ScenarioError(f"{path.name}: {place}: write play, begin or end; faults to begin are {known}")
    options = {key: value for key, value in written.items() if key != "begin"}
    return Begin(name, _decoded(path, options, FAULTS[name].Options, place))


def _check_order(path: Path, steps: Sequence[Step]) -> None:
    """Refuse an end without a beginning, and a beginning without an end."""
    open_faults: list[str] = []
    for number, step in enumerate(steps):
        if isinstance(step, Begin):
            open_faults.append(step.begin)
        elif isinstance(step, End):
            if step.end not in open_faults:
                raise ScenarioError(f"{path.name}: steps[{number}].end: {step.end} has not begun")
            open_faults.remove(step.end)
    if open_faults:
        raise ScenarioError(f"{path.name}: steps: {', '.join(open_faults)} has no end")
