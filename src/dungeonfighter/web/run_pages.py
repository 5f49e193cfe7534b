"""The runs of a bot on the watch page: their list, and the turns of one run."""

from __future__ import annotations

from typing import Final

from dungeonfighter.errors import Corrupt, NewerRules
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.web import figures
from dungeonfighter.web.calls import Call, number
from dungeonfighter.web.playbacks import TURNS_AT_ONCE_MAX, Playbacks
from dungeonfighter.web.responses import send_json

RUNS_AT_ONCE_MAX: Final = 100
_EPISODE_MAX: Final = 999_999_999


class RunPages:
    """Answers the requests about the runs of one bot, whose callers were admitted before.

    Args:
        host: Lists the runs.
        playbacks: Makes the parts of runs.
    """

    def __init__(self, host: BotHost, playbacks: Playbacks) -> None:
        self._host = host
        self._playbacks = playbacks

    async def runs(self, call: Call) -> None:
        """Answer the last runs of a bot, the last one first.

        `next` is the value of `before` for the rest; it is null at the end.

        Raises:
            BadInput: A value of the query is wrong, or there is no such bot.
            StoreError: The store does not answer.
        """
        key = call.audience.key_of(call.bot)
        count = call.number("count", 20, 1, RUNS_AT_ONCE_MAX)
        before = call.number("before", _EPISODE_MAX, 1, _EPISODE_MAX)
        found = []
        try:
            game = await self._host.read(key)
        except (Corrupt, NewerRules):
            pass  # the earlier runs can be listed all the same
        else:
            if game.episode < before and not game.state.over:
                found.append(figures.present_run(game))
        past = await self._host.runs.past(key, before, count)
        found = [*found, *map(figures.past_run, past)][:count]
        following = found[-1].episode if len(found) == count else None
        await send_json(call.send, {"botId": call.bot, "runs": found, "next": following})

    async def part(self, call: Call) -> None:
        """Answer some turns of a run.

        Raises:
            BadInput, NotAllowed, Overloaded, Corrupt, StoreError: As `Playbacks.part`.
        """
        episode = number(call.episode, "the number of a run", 1, _EPISODE_MAX)
        count = call.number("count", 100, 1, TURNS_AT_ONCE_MAX)
        first = call.number("from", 0, 0, _EPISODE_MAX) if "from" in call.query else None
        key = call.audience.key_of(call.bot)
        await send_json(call.send, await self._playbacks.part(key, episode, first, count, call.bot))
