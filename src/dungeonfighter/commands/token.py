"""`dungeonfighter token create | list | revoke | name-fleet`: who may play with `--auth tokens`."""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from dungeonfighter import limits, settings
from dungeonfighter.access import tokens
from dungeonfighter.access.principals import Limits
from dungeonfighter.commands.given_settings import read_database_settings
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.errors import SettingsError, StoreUnavailable
from dungeonfighter.hosting.ports import AccessToken
from dungeonfighter.hosting.ranked_runs import RankingStore

_Result = TypeVar("_Result")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LIFETIME: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_RATE: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?")
_NEVER: Final = "never"
_DEFAULT_LIFETIME: Final = "90d"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands `create`, `list`, `revoke` and `name-fleet`."""
    chosen = parser.add_subparsers(metavar="ACTION", required=True)
    create = chosen.add_parser(
        "create",
        help="make a token and print it, this once",
        description="Make a token and print it alone on standard output, this once: the database keeps a\n"
        "digest only. It works at once on all servers of the database.",
        epilog="Example: dungeonfighter token create --fleet team-a --bots 'a-*' --expires 30d",
    )
    create.add_argument("--fleet", required=True, metavar="F", help="the fleet of its bots (a-z, 0-9, -)")
    create.add_argument(
        "--bots", default="*", metavar="PATTERN",
        help="its bots: an id, a beginning and a star, or * for all of the fleet (default: *)",
    )  # fmt: skip
    create.add_argument(
        "--scopes", default="play", metavar="S,...",
        help=f"what it may do, of {', '.join(tokens.TOKEN_SCOPES)} (default: play)",
    )  # fmt: skip
    create.add_argument(
        "--expires", default=_DEFAULT_LIFETIME, metavar="TIME",
        help=f"how long it is valid: 12h, 30d, 8w or {_NEVER} (default: {_DEFAULT_LIFETIME})",
    )  # fmt: skip
    create.add_argument(
        "--require-turns",
        action="store_true",
        help="its calls must name turn and episode, as ?turns=required",
    )
    create.add_argument(
        "--rate", metavar="N",
        help="its calls a second, with a burst of 2 s (default: RATE_PER_TOKEN of the server)",
    )  # fmt: skip
    create.set_defaults(act=_create)
    listing = chosen.add_parser(
        "list",
        help="show all tokens by their first characters",
        description="Show all tokens, each by its first 12 characters.",
        epilog="Example: dungeonfighter token list --db sqlite:///games.db",
    )
    listing.set_defaults(act=_list)
    revoke = chosen.add_parser(
        "revoke",
        help="make a token invalid on all servers",
        description="Make a token invalid; all servers of the database refuse it within 5 s.",
        epilog="Example: dungeonfighter token revoke df_Ab3dEf9hI",
    )
    revoke.add_argument("prefix", metavar="PREFIX", help="its first characters; `token list` shows 12")
    revoke.set_defaults(act=_revoke)
    name = chosen.add_parser(
        "name-fleet",
        help="set the name under which other fleets see a fleet on the leaderboard",
        description="Set the public name of a fleet: 1 to 32 letters, digits, spaces, '.', '_' and '-'. No\n"
        "other fleet may have it. Without NAME the fleet has none, and is shown as 'a fleet'.",
        epilog="Example: dungeonfighter token name-fleet team-a 'Team A'",
    )
    name.add_argument("fleet", metavar="FLEET", help="the fleet (a-z, 0-9, -)")
    name.add_argument("public_name", metavar="NAME", nargs="?", default="", help="its public name")
    name.set_defaults(act=_name_fleet)
    for each in (create, listing, revoke, name):
        settings.add_arguments(each, settings.DATABASE_SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    """Carry out the subcommand; return the exit code.

    Raises:
        SettingsError, BadInput: A word is wrong.
        StoreError: The database cannot be opened.
    """
    act: Callable[[argparse.Namespace], int] = arguments.act
    return act(arguments)


def _create(arguments: argparse.Namespace) -> int:
    now = time.time()
    secret = tokens.new_secret()
    token = tokens.describe(
        secret, fleet=arguments.fleet, bots=arguments.bots,
        scopes=[scope.strip() for scope in arguments.scopes.split(",") if scope.strip()],
        created_at=now, expires_at=_expiry(arguments.expires, now), turns_required=arguments.require_turns,
        limits=Limits(_rate(arguments.rate)),
    )  # fmt: skip
    _with_store(arguments, lambda store: store.put_token(token), makes=True)
    print(secret)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    found = _with_store(arguments, lambda store: store.tokens_after(0))
    now = time.time()
    rows = [("TOKEN", "FLEET", "BOTS", "SCOPES", "CREATED", "EXPIRES", "RATE", "STATE")]
    rows += [
        (f"{token.prefix}...", token.fleet, token.bots, token.scopes + ",turns" * token.turns_required,
         _day(token.created_at), _day(token.expires_at) if token.expires_at else _NEVER, _limits(token),
         _state(token, now))
        for token in sorted(found, key=lambda token: token.created_at)
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if found else []:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not found:
        print("there are no tokens; `dungeonfighter token create --fleet F` makes one")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    prefix: str = arguments.prefix.removesuffix("...")

    async def revoke(store: RankingStore) -> AccessToken:
        found = [token for token in await store.tokens_after(0) if _is_named(token, prefix)]
        if not found:
            raise CommandFailed(f"no token begins with {prefix!r}; `token list` shows all")
        if len(found) > 1:
            shown = ", ".join(token.prefix for token in found)
            raise CommandFailed(f"{len(found)} tokens begin with {prefix!r}: {shown}; give more characters")
        if found[0].revoked_at == 0:
            await store.put_token(msgspec.structs.replace(found[0], revoked_at=time.time()))
        return found[0]

    token = _with_store(arguments, revoke)
    done = "was revoked before" if token.revoked_at else "is revoked; all servers refuse it within 5 s"
    print(f"{token.prefix}... of the fleet {token.fleet} {done}")
    return 0


def _name_fleet(arguments: argparse.Namespace) -> int:
    fleet, name = arguments.fleet, arguments.public_name.strip()
    if not limits.fleet_pattern.match(fleet):
        raise SettingsError([f"a fleet is 1 to 32 of a-z, 0-9 and minus; got {fleet[:40]!r}"])
    if name and not limits.fleet_name_pattern.match(name):
        rule = "1 to 32 letters, digits, spaces, '.', '_' and '-', in ASCII"
        raise SettingsError([f"a name is {rule}; got {name[:40]!r}"])
    is_free = _with_store(arguments, lambda store: store.ranked.name_fleet(fleet, name))
    if not is_free:
        raise CommandFailed(f"another fleet has the name {name!r}; choose another one")
    print(f"the fleet {fleet} is shown to others as {name or 'a fleet'}")
    return 0


def _is_named(token: AccessToken, text: str) -> bool:
    """Return True if a text begins the token, or is the whole token."""
    if len(text) > tokens.PREFIX_CHARS:
        return token.digest == tokens.digest_of(text.encode())
    return bool(text) and token.prefix.startswith(text)


def _expiry(text: str, now: float) -> float:
    if text == _NEVER:
        return 0.0
    found = _LIFETIME.fullmatch(text)
    if found is None:
        raise SettingsError([f"--expires: {text[:40]!r} must be like 12h, 30d or 8w, or {_NEVER}"])
    return now + int(found[1]) * _UNITS[found[2]]


def _rate(text: str | None) -> float | None:
    if text is None:
        return None
    if not _RATE.fullmatch(text) or float(text) == 0:
        raise SettingsError([f"--rate: {text[:40]!r} must be calls a second, for example 5 or 0.5"])
    return float(text)


def _limits(token: AccessToken) -> str:
    try:
        rate = tokens.principal_of(token).limits.calls_per_second
    except ValueError:
        return "damaged"
    return "" if rate is None else f"{rate:g}/s"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def _state(token: AccessToken, now: float) -> str:
    if token.revoked_at:
        return "revoked"
    return "expired" if token.expires_at and now > token.expires_at else "valid"


def _with_store(
    arguments: argparse.Namespace, work: Callable[[RankingStore], Awaitable[_Result]], *, makes: bool = False
) -> _Result:
    """Open the database and do the work; `makes` allows that there is no database yet."""
    from dungeonfighter.serving.composition import make_store

    given = read_database_settings(arguments, "keeps no tokens; name the database of the server")
    file = Path(given.database.path)
    if given.database.kind == "sqlite" and not makes and not file.exists():
        what = f"there is no database {file.absolute()}"
        raise StoreUnavailable(what, hint="name that of the server with --db sqlite:///FILE")

    async def open_and_work() -> _Result:
        store = make_store(given)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(open_and_work())
