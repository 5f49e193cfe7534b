"""One request to the API of the watch page, and the values in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from dungeonfighter.access.page_sessions import Session
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import BadInput
from dungeonfighter.web.audiences import Audience
from dungeonfighter.web.responses import Receive, Scope, Send

BOTS: Final = "/api/bots/"
ONE_BOT: Final = "/api/bots/{bot}"
RUNS: Final = "/api/bots/{bot}/runs"
ONE_RUN: Final = "/api/bots/{bot}/runs/{episode}"
_DIGITS_MAX: Final = 9


class Call(NamedTuple):
    """One request.

    Attributes:
        bot: The name of the bot in it; empty if there is none.
        episode: The number of the run in its path; empty if there is none.
    """

    principal: Principal
    session: Session | None
    audience: Audience
    bot: str
    episode: str
    query: Mapping[str, Sequence[str]]
    scope: Scope
    receive: Receive
    send: Send

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number of the query.

        Raises:
            BadInput: It is none, or out of these bounds.
        """
        given = self.query.get(name)
        return default if given is None else number(given[0], name, least, most)


def number(text: str, name: str, least: int, most: int) -> int:
    """Return the whole number in a text of a request.

    Raises:
        BadInput: It is none, or out of these bounds.
    """
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX and least <= int(text) <= most:
        return int(text)
    raise BadInput(f"{name} must be {least} to {most}")


def below_bots(rest: str, audience: Audience) -> tuple[str, str, str]:
    """Return the path pattern, the bot and the episode of a path below `BOTS`.

    The name of a bot has two parts where there are several fleets. A path of another form counts as a name,
    which then is none.
    """
    parts = rest.split("/")
    count = 2 if audience.fleet is None else 1
    bot, below = "/".join(parts[:count]), parts[count:]
    if below == ["runs"]:
        return RUNS, bot, ""
    if len(below) == 2 and below[0] == "runs":
        return ONE_RUN, bot, below[1]
    return ONE_BOT, rest, ""
