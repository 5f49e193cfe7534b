"""What each client is tested for: the model was shown every text, as the rules alone make it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO, Any

from dungeonfighter.rules import GameOptions, Rules, State, Weapon
from dungeonfighter.rules.seed_sets import PUBLIC
from tests.clients.scripted import BOT, MISTAKE, SEED, TURNS, WEAPON, Call, Model, read, structure_in
from tests.parts import go_without
from tests.unit.house.sources import ROOT

PLAYERS = ROOT / "tests" / "clients" / "players"
SECONDS_MAX = 110
Target = dict[str, Any]
"""The options of a connection: `url`, or `command`, `args` and `env`."""


def python_with(packages: str) -> str:
    """Return the Python that has the packages of a list; skip the test without it."""
    folder = ROOT / ".parts" / packages
    return (
        str(folder / "bin" / "python")
        if (folder / f".{packages}.txt").exists()
        else go_without("python-clients")
    )


def node(part: str) -> str:
    """Return the Node.js of the list of Node.js packages; skip the test without it."""
    folder = ROOT / ".parts" / "node"
    found = next(folder.glob("node_modules/node-linux-*/bin/node"), None)
    return str(found) if found and (folder / ".stamp").exists() else go_without(part)


def stdio(folder: Path) -> Target:
    """Return a server that the client starts itself, with its games in this folder."""
    program = ["-m", "dungeonfighter", "stdio", "--db", f"sqlite:///{folder}/games.db", "--toolset", "fleet"]
    program += ["--bot", "hero"]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
    return {"command": sys.executable, "args": program, "env": environment}


def bridge(url: str, bot: str) -> Target:
    """Return a bridge that the client starts itself, to one bot of a server."""
    program = ["-m", "dungeonfighter", "connect", f"{url}?toolset=fleet", "--bot", bot]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
    return {"command": sys.executable, "args": program, "env": environment}


def play_in_framework(
    packages: str, player: str, target: Target, mode: str, bot: str = ""
) -> list[dict[str, Any]]:
    """Let a framework play in a process of its own; return the calls of its model with the answers."""
    done = subprocess.run(
        [python_with(packages), "-m", f"tests.clients.players.{player}", json.dumps(target), mode],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), BOT: bot}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    calls: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["calls"]
    return calls


def play_in_node(
    script: str, target: Target, mode: str, bot: str = ""
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Let a script of Node.js make the calls of a model; return its first line, and the calls."""
    command = [node("node-clients"), str(PLAYERS / script), json.dumps(target), mode]
    model = Model(bot=bot)
    with subprocess.Popen(
        command, cwd=ROOT / ".parts" / "node", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        greeting = next_object(client.stdout)
        shown = None
        while call := model.answer(shown):
            client.stdin.write(json.dumps(call._asdict()) + "\n")
            client.stdin.flush()
            shown = next_object(client.stdout)["shown"]
        client.stdin.close()
        assert client.wait(SECONDS_MAX) == 0
    return greeting, model.calls


def next_object(lines: IO[str]) -> dict[str, Any]:
    """Read one JSON object from a line."""
    line = lines.readline()
    assert line, "the script ended; its reason is on standard error"
    found: dict[str, Any] = json.loads(line)
    return found


def present_view(origin: str, bot: str) -> str:
    """Ask the server for the game by a request that no client makes."""
    call = {"name": "get_game_state", "arguments": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    request = urllib.request.Request(
        f"{origin}/bots/{bot}/mcp", json.dumps(body).encode(),
        {"content-type": "application/json", "accept": "application/json, text/event-stream"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        result: dict[str, Any] = json.load(answer)["result"]
    text: str = result["content"][0]["text"]
    return text


def assert_played(calls: list[dict[str, Any]], rules: Rules, final_view: str) -> None:
    """Replay the calls on the rules alone: each answer showed the model what they make of it."""
    begun = calls[0]["arguments"]
    state = new_run(rules, begun.get("name", "Hero"), is_public="seedSet" in begun)
    for one in calls:
        call, shown = Call(one["tool"], one["arguments"]), one["shown"]
        if call.arguments.get("input") == MISTAKE:
            assert_explains(shown, rules, state)
            continue
        for text in inputs_of(call):
            state = rules.apply(state, text).state
        if call.tool.startswith("get_"):
            assert_about(shown, call.tool, rules, state)
        else:
            assert view(rules, state) in read(shown).text, shown
    assert state.turn == TURNS
    assert final_view == view(rules, state)
    assert {one["tool"] for one in calls} == {
        "start_new_game", "handle_input", "handle_inputs", "get_available_actions", "get_player_stats",
        "get_game_state",
    }  # fmt: skip


def new_run(rules: Rules, name: str = "Hero", *, is_public: bool = False) -> State:
    """Return the beginning of the run that the model plays, of `SEED` or of the public seed number `SEED`."""
    seed = PUBLIC[SEED - 1] if is_public else SEED
    return rules.new_game(GameOptions(seed=seed, weapon=Weapon[WEAPON], name=name))


def assert_explains(shown: str, rules: Rules, state: State) -> None:
    """The answer to the mistake names it, its code and the legal inputs, and shows the game."""
    reading = read(shown)
    assert reading.code == "illegal_input"
    assert reading.legal == [choice.input for choice in rules.legal_inputs(state)]
    assert f"'{MISTAKE}' is not legal" in shown.replace("\\'", "'")
    assert view(rules, state) in reading.text


def assert_about(shown: str, tool: str, rules: Rules, state: State) -> None:
    """The answer of a tool that only reads shows this turn: as a text, or as an object."""
    given = structure_in(shown)
    legal = [choice.input for choice in rules.legal_inputs(state)]
    if given is not None:
        assert given["turn"] == state.turn
        listed = [one["input"] for one in given.get("availableActions", [])]
        assert listed == ([] if tool == "get_player_stats" else legal)
    elif tool == "get_game_state":
        assert view(rules, state) in shown
    else:
        assert f"e1 t{state.turn}" in shown
        begins = {line.partition(":")[0] for line in shown.splitlines()}
        assert tool == "get_player_stats" or set(legal) <= begins
    assert str(state.hero.health) in shown or tool == "get_available_actions"


def inputs_of(call: Call) -> list[str]:
    if call.tool == "handle_inputs":
        return list(call.arguments["inputs"])
    return [call.arguments["input"]] if call.tool == "handle_input" else []


def view(rules: Rules, state: State) -> str:
    return rules.text(state, f"e1 t{state.turn}")
