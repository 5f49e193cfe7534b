"""An answer has two halves, its text and its structure, and each suffices alone.

Some clients show a model only `structuredContent` where there is one, others only the text. A scripted run
calls every tool in good and bad ways; each answer is read once without its structure and once without its
text, and each reading must give the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import choose
from dungeonfighter.errors import Draining, NewerRules, NotAllowed, Overloaded, RateLimited
from dungeonfighter.hosting.answers import Present
from dungeonfighter.mcp import views
from dungeonfighter.mcp.answers import Refusal, denied, failure
from dungeonfighter.mcp.tool import registered
from tests.protocol.both_ways import BothWays, ask
from tests.protocol.test_both_ways import GOOD

BAD: list[tuple[str, dict[str, object]]] = [
    ("handle_input", {"input": "77"}),
    ("handle_input", {"input": "1", "turn": 900}),
    ("handle_input", {"input": "1", "episode": 900}),
    ("handle_input", {"input": "1", "turn": "x"}),
    ("handle_input", {"input": ""}),
    ("handle_input", {"speed": 9}),
    ("handle_inputs", {"inputs": ["77"]}),
    ("handle_inputs", {"inputs": ["1", "77"], "view": "json"}),
    ("select_dungeon", {"dungeonIndex": 98}),
    ("start_new_game", {"episode": 900}),
    ("load_game", {"slot": "gone"}),
    ("delete_save", {"slot": "gone"}),
    ("set_combo_strip", {"actions": [40]}),
    ("get_inventory", {"x": 1}),
    ("list_bots", {"after": "zzzz"}),
    ("list_bots", {"count": 1}),
    ("save_game", {"slot": "kept"}),
    ("set_agent_directive", {"directive": ""}),
]
PLAYING = {
    "start_new_game", "handle_input", "get_game_state", "load_game", "reset_game", "get_available_actions",
    "select_dungeon", "get_agent_context", "equip_item", "unequip_item", "set_combo_strip", "handle_inputs",
}  # fmt: skip
"""The tools whose good answers list the legal inputs."""


class Facts(Struct, frozen=True):
    """The facts of an answer that matter for play; an empty value is one that the half does not give."""

    position: tuple[int, int] | None
    legal: tuple[str, ...]
    problem: tuple[str, str]
    more: tuple[object, ...]


def read_text(text: str, game: Present | None) -> Facts:
    """Read an answer as a client does that shows only the text."""
    position = re.search(r"\be(\d+) t(\d+)\b", text)
    problem = re.match(r"error (\w+): ([^\n]*)", text)
    stopped = re.search(r"^played (\d+) of (\d+); ", text, re.MULTILINE)
    more = re.search(r"call with after=(\S+)$", text)
    return Facts(
        None if position is None else (int(position[1]), int(position[2])),
        () if game is None else legal_in(text, game),
        ("", "") if problem is None else (problem[1], problem[2]),
        (stopped and (int(stopped[1]), int(stopped[2])), "(repeated: " in text, more is not None),
    )


def read_structure(structured: dict[str, Any], game: Present | None) -> Facts:
    """Read an answer as a client does that shows only the structure."""
    place = structured.get("episode"), structured.get("turn")
    actions = structured.get("availableActions", structured.get("choices"))
    listed = structured["legal"] if actions is None and "legal" in structured else actions
    if listed is None:
        legal = () if game is None else legal_in(structured["text"], game)
    else:
        legal = tuple(one["input"] if isinstance(one, dict) else one for one in listed)
    stopped = "stopped" in structured and (structured["applied"], structured["asked"])
    late = structured.get("repeated", "(repeated: " in structured["text"])
    return Facts(
        None if None in place else place,  # type: ignore[arg-type]
        legal,
        (structured.get("code", ""), structured.get("message", "")),
        (stopped or None, late, structured.get("more", False)),
    )


def legal_in(text: str, game: Present) -> tuple[str, ...]:
    """Return the legal inputs that a text shows: all, if it has the whole view or a line for each."""
    legal = views.legal(game)
    if views.text_view(game) in text:
        return tuple(legal)
    before = r"(?m)^(?:.*\(for example )?"
    return tuple(one for one in legal if re.search(rf"{before}{re.escape(one)}[ ):]", text))


def compare(tool: str, result: dict[str, Any], game: Present | None) -> bool:
    """Compare both readings of an answer; return True if it has both halves."""
    (block,) = result["content"]
    text, structured = block["text"], result.get("structuredContent")
    if structured is None:
        assert tool in PLAYING
        assert not result["isError"]
        assert game is not None
        assert text.startswith(f"e{game.episode} t{game.turn} ")
        assert read_text(text, game).legal == tuple(views.legal(game))
        return False
    if tool == "get_replay" and not result["isError"]:
        place = (
            f"t{structured['firstTurn']} to t{structured['result']['turn']}, {structured['result']['result']}"
        )
        assert f" e{structured['episode']}: " in text
        assert place in text
        return True
    assert structured["text"] == text
    own, other = read_text(text, game), read_structure(structured, game)
    if tool in {"list_bots", "delete_save", "fork_game", "get_leaderboard"} and not result["isError"]:
        assert own.more == other.more
        for bot in structured.get("bots", []):
            assert f"{bot['botId']} e{bot['episode']} t{bot['turn']}" in text.splitlines()
        return True
    assert own.problem == other.problem
    assert own.more == other.more
    if result["isError"]:
        assert own.problem[0]
        assert own.problem[1]
    if "\n\n" in text or not result["isError"]:  # a game stands
        assert game is not None
        assert own.position == other.position == (game.episode, game.turn)
        if result["isError"]:
            assert structured["legal"] == views.legal(game)
        if result["isError"] or tool in PLAYING:
            assert own.legal == other.legal == tuple(views.legal(game))
    return True


def present(both: BothWays, bot: str) -> Present | None:
    try:
        return both.run(both.short.host.read(f"local/{bot}"))
    except Exception:  # noqa: BLE001 (an unknown bot)
        return None


def calls() -> Iterator[tuple[str, dict[str, object]]]:
    yield "get_game_state", {}
    yield from GOOD
    yield from BAD
    for view in ("text", "json"):
        yield "start_new_game", {"seed": 11, "weapon": "dagger", "view": view}
        for _ in range(40):
            yield "handle_input", {"input": "1", "view": view}
            yield "get_combat_state", {}
            yield "get_inventory", {}
    yield from BAD


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
def test_each_half_of_each_answer_suffices(both: BothWays, era: str) -> None:
    bot, seen, errors = f"half-{era}", set(), set()
    for tool, given in calls():
        named = given | ({"botId": bot} if registered[tool].takes_bot else {})
        reply, _ = both.agree(ask(tool, named, era=era))
        result = reply.body["result"]
        if compare(tool, result, present(both, bot)) and result["isError"]:
            errors.add(result["structuredContent"]["code"])
        seen.add(tool)
    assert seen | {"step_many"} == set(registered)
    assert errors >= {
        "bad_argument", "illegal_input", "stale_turn", "future_turn", "unknown_bot", "unknown_save",
        "not_allowed",
    }  # fmt: skip


@pytest.mark.parametrize("view", ["text", "json", "none"])
def test_each_half_of_each_step_suffices(both: BothWays, view: str) -> None:
    bots = [f"row-{view}-{number}" for number in range(3)]
    for bot in bots:
        both.agree(ask("start_new_game", {"botId": bot, "seed": 11, "weapon": "mace"}))
    steps = [
        {"botId": bots[0], "input": "1", "turn": 0},
        {"botId": bots[1], "input": "77"},
        {"botId": bots[2], "input": "1", "turn": 9},
        {"botId": "nobody", "input": "1"},
        {"botId": f"{bots[0]}-new", "start": {}},
        {"input": "1"},
    ]
    for _ in range(2):  # the second time the first step is a repeat
        reply, _ = both.agree(ask("step_many", {"steps": steps, "view": view}))
        result = reply.body["result"]
        blocks = re.split(r"\n\n(?=row-|nobody: |step \d+: )", result["content"][0]["text"])
        rows = result["structuredContent"]["results"]
        assert blocks[0].startswith("6 steps: 2 ok, 4 errors (")
        assert len(blocks) == len(rows) + 1
        for number, (row, block) in enumerate(zip(rows, blocks[1:], strict=True), 1):
            name = row.get("botId", f"step {number}")
            game = present(both, name)
            if "code" in row:
                assert block == f"{name}: {row['text']}"
                assert row["text"].startswith(f"error {row['code']}: {row['message']}")
                if view != "none" and game is not None:
                    assert row["legal"] == views.legal(game)
                    assert views.text_view(game) in block
                continue
            assert game is not None
            line = f"{name}: e{row['episode']} t{row['turn']}, score {row['score']:g}, "
            line += "repeated" if row.get("repeated") else f"reward {row['reward']:g}"
            text = row.get("text", row.get("view", {}).get("text"))
            assert block == (line if view == "none" else f"{line}\n{text}")
            assert view == "none" or text == views.text_view(game)


def test_a_large_call_says_where_the_results_are(both: BothWays) -> None:
    for count, shown in ((20, True), (21, False)):
        steps = [{"botId": f"large-{count}-{number}", "start": {}} for number in range(count)]
        reply, _ = both.agree(ask("step_many", {"steps": steps}))
        text = reply.body["result"]["content"][0]["text"]
        assert (f"large-{count}-7: e1 t0" in text) == shown
        assert ("structuredContent has each result, this text only those of up to 20 steps" in text) != shown


def to_the_end(both: BothWays, bot: str) -> list[dict[str, object]]:
    """Play to the last two inputs of a run; return the steps of these."""
    game = present(both, bot)
    assert game is not None
    policy, state, inputs = make_policy("attack"), game.state, []
    while not state.over:
        inputs.append(choose(game.rules, policy, state))
        state = game.rules.apply(state, inputs[-1]).state
    for first in range(0, len(inputs) - 2, 100):
        these = inputs[first : min(first + 100, len(inputs) - 2)]
        both.agree(ask("handle_inputs", {"botId": bot, "inputs": these}))
    return [{"botId": bot, "input": text} for text in inputs[-2:]]


@pytest.mark.parametrize("view", ["text", "json", "none"])
def test_the_end_of_a_run_is_in_both_halves(both: BothWays, view: str) -> None:
    bot = f"end-{view}"
    both.agree(ask("start_new_game", {"botId": bot, "seed": 3, "weapon": "mace", "mode": "ironman"}))
    row: dict[str, Any] = {}
    for step in to_the_end(both, bot):
        reply, _ = both.agree(ask("step_many", {"steps": [step], "view": view}))
        row = reply.body["result"]["structuredContent"]["results"][0]
        shown = reply.body["result"]["content"][0]["text"].splitlines()[2]
        assert row["isOver"] == shown.endswith(", the run is over")
    assert row["isOver"]
    refused, _ = both.agree(ask("handle_input", {"botId": bot, "input": "1"}))
    result = refused.body["result"]
    assert compare("handle_input", result, present(both, bot))
    assert result["structuredContent"]["code"] == "run_over"
    assert result["structuredContent"]["legal"] == []
    assert "start_new_game" in result["structuredContent"]["message"]


@pytest.mark.parametrize(
    "error",
    [Overloaded("busy"), Draining("down", retry_after_seconds=3), RateLimited("x"), NewerRules("new")],
)
def test_each_half_of_a_refusal_suffices(error: Any) -> None:
    with pytest.raises(Refusal) as caught:
        failure(error)
    refusal = caught.value
    assert refusal.data is not None
    code, said, seconds = (refusal.data[name] for name in ("code", "message", "retryAfterSeconds"))
    assert refusal.message == f"{code}: {said}"
    assert code == error.code
    assert said == f"{error}; try again in {seconds} s"


def test_each_half_of_a_denial_suffices() -> None:
    fault = denied(NotAllowed("the caller may not"), status=401)
    assert fault.data == {"code": "not_allowed", "message": "the caller may not"}
    assert fault.message == "not_allowed: the caller may not"


def test_the_structure_of_an_error_is_small() -> None:
    answer = failure(NotAllowed("no"))
    assert msgspec.to_builtins(answer.structured) == {
        "code": "not_allowed", "message": "no", "text": "error not_allowed: no",
    }  # fmt: skip
