"""The lines of trajectories: what the bot saw and did, in the order of runs, by a versioned schema."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import jsonschema
import msgspec
import pytest

from dungeonfighter.bots.registry import make_policy, policies
from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.replays.execution import first_state
from dungeonfighter.replays.replay import Replay
from dungeonfighter.replays.schema import replay_schema_text
from dungeonfighter.rules import Mode, Observation
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.trajectories.schema import trajectory_schema_text
from dungeonfighter.trajectories.steps import Form, blocks
from testkit.schemas import DOCS, SCHEMAS
from tests.unit.hosting.hosts import rules
from tests.unit.trajectories.played import make_host, play

BOTH = Form(has_text=True, has_json=True)


async def played(name: str, mode: Mode, inputs: int) -> tuple[Replay, list[str]]:
    """Return a played run, and the texts that the bot saw."""
    host = await make_host(MemoryStore())
    texts: list[str] = []
    await host.start("local/ada", NewGame(mode=mode, seed=None if mode == Mode.ironman else 3))
    await play(host, "local/ada", make_policy(name, 3), inputs, texts.append)
    if mode == Mode.ironman:  # a live one has no replay
        await play(host, "local/ada", make_policy("attack"), 300, texts.append)
        texts = list(dict.fromkeys(texts))
    replay = await host.runs.replay("local/ada")
    await host.close()
    return replay, texts


def lines_of(replay: Replay, form: Form = BOTH) -> list[dict[str, Any]]:
    raw = b"".join(blocks("local", replay, rules(), form))
    assert raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize("name", policies)
def test_the_lines_have_what_the_bot_saw_and_did(name: str) -> None:
    replay, texts = asyncio.run(played(name, Mode.casual, 60))
    lines = lines_of(replay)
    assert [line["text"] for line in lines] == texts
    assert [line["input"] for line in lines] == [*replay.inputs, None]
    assert [line["turn"] for line in lines] == list(range(len(texts)))
    assert "".join(line["digest"][:8] for line in lines) == replay.digests
    assert lines[-1]["digest"] == replay.result.digest
    assert lines[-1]["result"] == replay.result.result
    assert {line["result"] for line in lines[:-1]} == {None}
    for line in lines[:-1]:
        assert line["input"] in line["legalInputs"] or " " in line["input"]


@pytest.mark.parametrize("mode", [Mode.casual, Mode.ironman])
def test_every_line_is_valid(mode: Mode) -> None:
    replay, _ = asyncio.run(played("heuristic", mode, 120))
    schema = jsonschema.Draft202012Validator(json.loads(trajectory_schema_text()))
    for line in lines_of(replay):
        schema.validate(line)
        assert msgspec.convert(line["observation"], Observation).digest == line["digest"]
    for form in (Form(has_text=False, has_json=False), Form(has_text=True, has_json=False)):
        line = lines_of(replay, form)[0]
        schema.validate(line)
        assert ("text" in line, "observation" in line) == (form.has_text, form.has_json)


def test_rewards_are_the_gains_of_score_and_an_end_is_said_once() -> None:
    replay, _ = asyncio.run(played("auto", Mode.ironman, 300))
    lines = lines_of(replay)
    for line, following in itertools.pairwise(lines):
        assert line["reward"] == pytest.approx(following["score"] - line["score"])
    assert sum(line["reward"] for line in lines) == pytest.approx(replay.result.score)
    ends = [(line["terminated"], line["truncated"]) for line in lines]
    assert ends == [*[(False, False)] * (len(lines) - 2), (True, False), (False, False)]


def test_a_run_that_differs_has_no_line() -> None:
    replay, _ = asyncio.run(played("auto", Mode.casual, 30))
    other = msgspec.structs.replace(replay, inputs=[*replay.inputs[:-1], "unequip weapon"], digests="")
    seen: list[bytes] = []
    with pytest.raises(Corrupt, match="differs at t"):
        seen.extend(blocks("local", other, rules(), BOTH))
    assert b"".join(seen) == b""


def test_a_made_up_state_that_no_view_can_show_has_no_line() -> None:
    replay, _ = asyncio.run(played("auto", Mode.casual, 30))
    state = first_state(replay, rules())
    for text in replay.inputs:
        rules().advance(state, text)
    state.hero.talents = [999]
    raw = rules().encode(state)
    made_up = msgspec.structs.replace(
        replay, options=None, base=raw, inputs=[], digests="", first_turn=state.turn,
        result=msgspec.structs.replace(replay.result, digest=rules().digest(raw).hex()),
    )  # fmt: skip
    with pytest.raises(Corrupt, match="cannot be executed"):
        list(blocks("local", made_up, rules(), BOTH, is_trusted=False))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_in_docs_are_made_from_the_structs(name: str) -> None:
    """`make docs` renews them."""
    assert (DOCS / name).read_text(encoding="utf-8") == SCHEMAS[name]()
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMAS[name]()))


def test_a_replay_is_valid() -> None:
    replay, _ = asyncio.run(played("auto", Mode.ironman, 300))
    assert replay.proof
    jsonschema.validate(json.loads(msgspec.json.encode(replay)), json.loads(replay_schema_text()))
