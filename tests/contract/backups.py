"""A store with the parts that a verification reads, and ways to damage one of them."""

from __future__ import annotations

from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules

BOOK = ShippedRules([load_rules()])
DIRECTIVE = "a tab\t, a line\n, a quote ', \\ and \\\\n, \u00e9"
"""A text that dumps escape; the seal of a row covers it."""
TURNS = 70
"""More inputs than a trail recalls, so that some are in a record of their own."""

DAMAGES = {
    "turn": ("update games set turn = turn + 1{of_bot}", "game: the stored row of this game is damaged"),
    "state": ("update games set state = trail{of_bot}", "game: the stored state of this game is damaged"),
    "trail": ("update games set trail = digest{of_bot}", "game: the stored trail of this game is damaged"),
    "save": (
        "update character_saves set character_data = {no_digest}{of_bot}",
        "save 'main': the save main is damaged",
    ),
    "save-state": (
        "update character_saves set character_data = {other_state}{of_bot}",
        "save 'main': its state does not match its digest",
    ),
    "result": (
        "update episodes set result = 'lost'{of_bot}",
        "run 1: its result or its mode is none that a run can have",
    ),
    "run-turns": (
        "update episodes set last_turn = 60{of_bot}",
        "run 1: its inputs end at turn 70, the run at 60",
    ),
    "run-gone": ("delete from episodes{of_bot}", "run 1: inputs of a run that has no row in episodes"),
    "run-newer": (
        "update episodes set episode = 9{of_bot}",
        "run 9: the row of its bot is older: it stands in run 2",
    ),
    "inputs": (
        "update run_inputs set inputs = ''{of_bot} and first_turn = 64",
        "run 1, inputs from turn 64: it holds no inputs of a run",
    ),
    "inputs-gone": (
        "delete from run_inputs{of_bot} and episode = 1 and first_turn = 64",
        "run 1: its inputs of the turns 64 to 70 are missing",
    ),
    "inputs-gap": (
        "update run_inputs set first_turn = 65{of_bot} and first_turn = 64",
        "run 1, inputs from turn 65: it begins at turn 65, the one before it ends at 64",
    ),
    "inputs-first": ("delete from run_inputs{of_bot} and episode = 2", "run 2: 6 of its inputs are missing"),
    "row-gone": ("delete from games{of_bot}", "run 1: its bot has no row in games"),
}
"""Each damage by name: the statement that makes it for the bot of this name, and the finding."""


DIALECTS = {
    "sqlite": {
        "{no_digest}": "json_remove(character_data, '$.digest')",
        "{other_state}": "json_set(character_data, '$.state', 'AAAA')",
    },
    "postgres": {
        "{no_digest}": "character_data - 'digest'",
        "{other_state}": "jsonb_set(character_data, '{state}', '\"AAAA\"')",
    },
}


def damage_of(name: str, dialect: str) -> str:
    """Return the statement that damages the bot of this name."""
    statement = DAMAGES[name][0].replace("{of_bot}", f" where bot_id = 'local/{name}'")
    for placeholder, expression in DIALECTS[dialect].items():
        statement = statement.replace(placeholder, expression)
    return statement


async def fill(store: RankingStore, names: list[str], turns: int = TURNS) -> None:
    """Let each bot play a run, save it, and play as many turns of a second run."""
    host = BotHost(store=store, rules=BOOK, clock=SystemClock(), chance=SystemChance())
    for name in names:
        key = f"local/{name}"
        for _ in range(2):
            await host.start(key, NewGame(seed=1, weapon=1, name="Ada"))
            for _ in range(turns):
                await host.play(key, "1")
        await host.set_directive(key, DIRECTIVE)
        await host.save(key, "main")
    await host.close()
