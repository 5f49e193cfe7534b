"""Raw lines over stdio: other spellings of arguments, null params, and odd members of `_meta`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.test_stdio import COMMAND, HELLO, environment

LINES: list[dict[str, Any]] = [
    HELLO,
    {"jsonrpc": "2.0", "method": "notifications/initialized", "params": None},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": None},
    {"jsonrpc": "2.0", "id": 3, "method": "ping", "params": None},
]
CALLS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("start_new_game", {"name": 12, "seed": 1e3, "weapon": "mace", "episode": "1"}, {}),
    ("handle_input", {"input": 1, "turn": "0"}, {"baggage": 5}),
    ("handle_inputs", {"inputs": '["1", 1]', "turn": 1.0}, {"traceparent": {"a": 1}, "tracestate": [5]}),
    ("set_combo_strip", {"actions": "9,9"}, {"baggage": None, "x": 1.5}),
    ("handle_input", {"input": "1", "turn": "5x"}, {"baggage": ["a=b"]}),
]


def test_raw_lines_are_read_as_over_http(tmp_path: Path) -> None:
    lines = list(LINES)
    for number, (tool, arguments, meta) in enumerate(CALLS, 10):
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        lines.append({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    with subprocess.Popen(
        COMMAND, env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        answers: dict[int, dict[str, Any]] = {}
        for line in lines:  # one after the other: calls of one bot could overtake each other
            served.stdin.write(json.dumps(line) + "\n")
            served.stdin.flush()
            if "id" in line:
                answers[line["id"]] = json.loads(served.stdout.readline())
        served.stdin.close()
        assert served.wait(30) == 0
    assert answers[2]["result"]["tools"]
    assert answers[3]["result"] == {}
    texts = [answers[number]["result"]["content"][0]["text"] for number in range(10, 10 + len(CALLS))]
    assert texts[0].startswith("e1 t0 | 12 ")
    assert texts[1].startswith("e1 t1 ")
    assert texts[2].startswith("e1 t3 ")
    assert texts[3].startswith("error illegal_input: 'strip 9,9' ")
    assert texts[4].endswith('must be an integer of at least 0; got "5x"')
