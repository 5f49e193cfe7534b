"""The output of `dungeonfighter bots`: text for people, JSON for programs, from the same values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.access.tokens import principal_of
from dungeonfighter.errors import Corrupt, StoreError
from dungeonfighter.hosting.daily_tokens import tokens_on_day
from dungeonfighter.hosting.ports import AccessToken, Row, Save
from dungeonfighter.hosting.rows import checked, present
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules.releases import shipped_rules
from dungeonfighter.settings import Settings
from dungeonfighter.storage.inspection import ListedBot, ListedRun, Order
from dungeonfighter.web import figures

_DAY_SECONDS: Final = 86_400
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


class Access(Struct, frozen=True, rename="camel"):
    """An access token that may play the bot; `calls_per_second` is None without a limit of its own."""

    token: str
    bots: str
    scopes: str
    calls_per_second: float | None
    state: str


class SaveSlot(Struct, frozen=True, rename="camel"):
    slot: str
    episode: int
    turn: int
    updated_at: float


class EndedRun(Struct, frozen=True, rename="camel"):
    episode: int
    result: str
    turns: int
    score: float
    ended_at: float


class BotReport(Struct, frozen=True, rename="camel"):
    """All about one bot. `unreadable` is the reason why its game cannot be shown, "" if it can.

    Limits are None where this environment does not give them; times are seconds since 1970.
    """

    fleet: str
    bot_id: str
    updated_at: float
    episode: int
    turn: int
    rules: str
    unreadable: str
    game: figures.Card | None
    directive: str
    tokens_today: int
    tokens_per_day_max: int | None
    calls_per_second_max: float | None
    access: list[Access]
    saves: list[SaveSlot]
    ended_runs: int
    last_runs: list[EndedRun]
    asked_at: float


def report(
    row: Row, saves: Sequence[Save], ended: int, runs: Sequence[ListedRun], tokens: Sequence[AccessToken],
    *, given: Settings, now: float,
) -> BotReport:  # fmt: skip
    """Make the report of a bot.

    Args:
        row, saves: Its row, which need not be readable, and its save slots.
        ended, runs: The number of its ended runs, and the last of them.
        tokens: All access tokens of the database.
        given: The limits, and the content of the rules.
        now: Seconds since 1970.
    """
    fleet, _, bot = row.bot_id.partition("/")
    game, unreadable = None, "it has no run" if not row.state else ""
    if row.state:
        try:
            book = ShippedRules(shipped_rules(Path(given.catalog) if given.catalog else None))
            game = figures.card(present(checked(row.bot_id, row, book), book), bot)
        except (StoreError, Corrupt) as error:
            unreadable = str(error)
    return BotReport(
        fleet, bot, row.updated_at, row.episode, row.turn, row.rules, unreadable, game, row.directive,
        tokens_on_day(row.tokens_today, int(now // _DAY_SECONDS)),
        given.tokens_per_bot_per_day or None, given.rate_per_bot or None,
        [found for token in tokens if (found := _access(token, fleet, bot, now)) is not None],
        [SaveSlot(save.slot, save.episode, save.turn, save.updated_at) for save in saves],
        ended,
        [EndedRun(run.episode, run.result, run.turns, run.score / 100, run.ended_at) for run in runs],
        now,
    )  # fmt: skip


def _access(token: AccessToken, fleet: str, bot: str, now: float) -> Access | None:
    try:
        principal = principal_of(token)
    except ValueError:
        return None  # `token list` names it
    if principal.fleet != fleet or not principal.covers(bot):
        return None
    state = "expired" if token.expires_at and now > token.expires_at else "valid"
    return Access(
        f"{token.prefix}...", token.bots, token.scopes, principal.limits.calls_per_second,
        "revoked" if token.revoked_at else state,
    )  # fmt: skip


def list_json(by: Order, lines: Sequence[ListedBot], now: float) -> str:
    """Return a list of bots as one JSON object."""
    tokens = partial(tokens_on_day, day=int(now // _DAY_SECONDS))
    bots = [
        {
            "fleet": line.key.partition("/")[0], "botId": line.key.partition("/")[2], "episode": line.episode,
            "turn": line.turn, "tokensToday": tokens(line.tokens_today), "updatedAt": line.updated_at,
        }
        for line in lines
    ]  # fmt: skip
    return msgspec.json.encode({"by": by, "bots": bots}).decode()


def list_text(by: Order, lines: Sequence[ListedBot], now: float) -> str:
    """Return a table of bots."""
    tokens = partial(tokens_on_day, day=int(now // _DAY_SECONDS))
    rows = [("BOT", "RUN", "TURN", "TOKENS TODAY", "UPDATED")]
    rows += [
        (
            _printable(line.key),
            f"e{line.episode}",
            str(line.turn),
            str(tokens(line.tokens_today)),
            _at(line.updated_at, now),
        )
        for line in lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    if by == "tokens" and not any(tokens(line.tokens_today) for line in lines):
        table.append("no tokens are counted today; servers with --tokens-per-bot-per-day count them")
    return "\n".join(table)


def show_json(found: BotReport) -> str:
    return msgspec.json.encode(found).decode()


def show_text(found: BotReport) -> str:
    now, game = found.asked_at, found.game
    rows = [
        ("bot", f"{found.fleet}/{found.bot_id}"),
        ("updated", _at(found.updated_at, now)),
        (
            "run",
            f"e{found.episode} t{found.turn}, rules {found.rules}" if found.rules else f"e{found.episode}",
        ),
    ]
    if game is not None:
        where = (
            f"{game.state}{f', {game.place}' if game.place else ''}{', the run is over' if game.over else ''}"
        )
        rows += [("place", where), ("hero", f"{game.name}, {game.kind}, level {game.level}")]
        rows.append(("score", f"{game.score:.2f}"))
    else:
        rows.append(("place", f"not shown: {found.unreadable}"))
    if found.directive:
        rows.append(("directive", found.directive))
    most = found.tokens_per_day_max
    rows.append(("tokens", f"{found.tokens_today} today" + (f" of {most}" if most else "")))
    if found.calls_per_second_max:
        rows.append(("calls", f"{found.calls_per_second_max:g}/s at most"))
    rows += [
        ("access", f"{one.token}  bots {one.bots}, {one.scopes}{_rate(one.calls_per_second)}, {one.state}")
        for one in found.access
    ]
    rows += [
        ("save", f"{one.slot}: e{one.episode} t{one.turn}, {_at(one.updated_at, now)}") for one in found.saves
    ]
    rows.append(("ended runs", str(found.ended_runs)))
    rows += [("", _ended(one, now)) for one in found.last_runs]
    return "\n".join(f"{name:12}{_printable(text)}" for name, text in rows)


def _ended(one: EndedRun, now: float) -> str:
    ended = _at(one.ended_at, now)
    return f"e{one.episode} {one.result}, {one.turns} turns, score {one.score:.2f}, {ended}"


def _rate(calls_per_second: float | None) -> str:
    return "" if calls_per_second is None else f", {calls_per_second:g}/s"


def _at(seconds: float, now: float) -> str:
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    age = max(0.0, now - seconds)
    for unit, name in _UNITS:
        if age >= unit:
            return f"{shown} UTC ({age / unit:.0f} {name} ago)"
    return f"{shown} UTC ({age:.0f} s ago)"


def _printable(text: str) -> str:
    """Return a text without control characters: players write names and directives."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
