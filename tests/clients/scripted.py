"""A model of a few rules: it plays by the texts that a client shows it, and keeps every one of them.

The players in `tests/clients/players` import this module under other Pythons, with other packages, so it
needs only the standard library.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Generator
from importlib.metadata import version
from typing import Any, NamedTuple

TURNS = 30
SEED, WEAPON = 11, "dagger"
PATIENCE_SECONDS = 60.0
"""How long a client waits for a server that starts or answers on a busy machine; some wait only 5 s."""
MISTAKE = "fly"
BOT = "PLAYED_BOT"
"""The environment variable that names the bot of a player."""


class Call(NamedTuple):
    """A tool call that the model asks for."""

    tool: str
    arguments: dict[str, Any]


class Reading(NamedTuple):
    """A game as a model finds it in what it was shown."""

    episode: int
    turn: int
    legal: list[str]
    code: str
    text: str


class UnreadableError(Exception):
    """The model was shown something that does not tell it how to go on."""


def read(shown: str) -> Reading:
    """Find the turn, the legal inputs and the error code in the text or the JSON object shown to a model.

    Raises:
        UnreadableError: One of them is missing, or an object has no `text`.
    """
    given = structure_in(shown)
    text = shown if given is None else str(given.get("text", ""))
    place = re.search(r"\be(\d+) t(\d+)\b", text)
    if place is None:
        raise UnreadableError(f"no run and turn in {shown!r}")
    code = error_code(shown)
    legal = legal_of_error(shown) if code else listed(text)
    if not legal:
        raise UnreadableError(f"no legal input in {shown!r}")
    return Reading(int(place[1]), int(place[2]), legal, code, text)


def structure_in(shown: str) -> dict[str, Any] | None:
    """Return the object that a text spells as JSON or as Python, if it begins with one."""
    for decode in (lambda text: json.JSONDecoder().raw_decode(text)[0], ast.literal_eval):
        try:
            given = decode(shown.strip())
        except (ValueError, SyntaxError):
            continue
        if isinstance(given, dict):
            return given
    return None


def error_code(shown: str) -> str:
    """Return the code of an error, or an empty text."""
    given = structure_in(shown)
    if given is not None:
        return str(given.get("code", ""))
    found = re.search(r"\berror ([a-z_]+): ", shown)
    return found[1] if found else ""


def legal_of_error(shown: str) -> list[str]:
    """Return the inputs that an error lists."""
    given = structure_in(shown)
    if given is not None:
        return [str(each) for each in given.get("legal", [])]
    found = re.search(r"; legal: ([^\n]+)", shown)
    return found[1].split(", ") if found else []


def listed(text: str) -> list[str]:
    """Return the numbered inputs at the end of a text view."""
    for line in reversed(text.splitlines()):
        if re.match(r"\d+ \w", line):
            return re.findall(r"(?:^| \|)(\d+)(?= )", line)
    return []


class Model:
    """Plays `TURNS` turns; on the way it makes a mistake and uses some other tools.

    Args:
        fills_in: Give all arguments of a tool, also the optional ones, as strict schemas ask for.
        bot: Name this bot in every call; by default the one of the environment, if there is one.
    """

    def __init__(self, *, fills_in: bool = False, bot: str | None = None) -> None:
        self._fills_in = fills_in
        self._bot = os.environ.get(BOT) if bot is None else bot
        self._play = self._moves()
        self._asked: Call | None = None
        self.calls: list[dict[str, Any]] = []

    def answer(self, shown: str | None) -> Call | None:
        """Return the next call after the answer to the last one; None at the end."""
        try:
            if self._asked is None:
                asked = next(self._play)
            else:
                assert shown is not None, "the client showed no answer"
                self.calls.append({**self._asked._asdict(), "shown": shown})
                asked = self._play.send(shown)
        except StopIteration:
            return None
        self._asked = Call(asked.tool, asked.arguments | ({"botId": self._bot} if self._bot else {}))
        return self._asked

    def print_report(self, *packages: str) -> None:
        """Print the versions of these packages, and each call with the answer that the model was shown."""
        report = {"versions": {name: version(name) for name in packages}, "calls": self.calls}
        sys.stdout.write(json.dumps(report) + "\n")

    def _moves(self) -> Generator[Call, str, None]:
        game = read((yield self._start()))
        while game.turn < TURNS:
            if game.turn == 6:
                game = read((yield self._input(game, MISTAKE)))
            if game.turn == 12:
                yield Call("get_available_actions", {})
                yield Call("get_player_stats", {})
                yield Call("get_game_state", {"view": "json"})
                game = read((yield self._inputs(game, [choice(game), "1"])))
            game = read((yield self._input(game, choice(game))))

    def _start(self) -> Call:
        more = {
            "name": "Ada", "mode": "casual", "ascension": 0, "seedSet": "public",
            "view": "text", "episode": 1,
        }  # fmt: skip
        return Call("start_new_game", {"seed": SEED, "weapon": WEAPON} | (more if self._fills_in else {}))

    def _input(self, game: Reading, text: str) -> Call:
        return Call("handle_input", {"input": text} | self._place(game))

    def _inputs(self, game: Reading, texts: list[str]) -> Call:
        return Call("handle_inputs", {"inputs": texts} | self._place(game))

    def _place(self, game: Reading) -> dict[str, Any]:
        more = {"view": "text"} if self._fills_in else {}
        return {"turn": game.turn, "episode": game.episode} | more


def choice(game: Reading) -> str:
    """Take another of the listed numbers every second turn, so that a wrongly read list is soon an error.

    The numbers 0, 8 and 9 lead back, away and out; without them the hero gets into fights.
    """
    numbers = [text for text in game.legal if text in set("1234567")]
    return numbers[game.turn // 2 % len(numbers)]
