"""Hostile requests, drawn from a seed: fuzzed heads, bodies, ids, tokens, and forged forwarding headers.

Each request has one fault at least, so a server must refuse each: with a status from 400 to 499, or in a
result of status 200 that says `isError`. A request whose framing is wrong may also get no answer.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

_TOOLS: Final = (
    "start_new_game", "handle_input", "get_game_state", "save_game", "load_game", "reset_game", "list_bots",
    "get_inventory", "select_dungeon", "equip_item", "set_combo_strip", "step_many", "handle_inputs",
    "fork_game", "get_replay", "get_leaderboard", "no_such_tool", "",
)  # fmt: skip
_METHODS: Final = (
    "tools/call",
    "tools/list",
    "initialize",
    "ping",
    "resources/read",
    "prompts/get",
    "x" * 300,
    "",
)
_PATHS: Final = (
    "/mcp/x", "/bots//mcp", "/bots/../mcp", "/bots/%00/mcp", "/bots/%ff%fe/mcp", "/bots/-x/mcp",
    "/bots/a%2fb/mcp", "/api/%2e%2e/settings", "/api/bots/%00", "/static/../../settings.py",
    "/static/%2e%2e/%2e%2e/settings.py", "/.env", "/mcp%00", "/nowhere?" + "a=b&" * 50, "//mcp",
    "/bots/" + "a" * 400 + "/mcp",
)  # fmt: skip
_VERBS: Final = ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "BREW", "post")
_FORWARDED: Final = (
    "127.0.0.1", "::1", "10.0.0.1, 127.0.0.1", "unknown", "", ",,,,", "1.2.3.4" + ", 1.2.3.4" * 500,
    "' or 1=1 --", "[::1", "1.2.3.4:99999", "\u00ff\u00fe", "%00", "999.1.1.1", "-1", "0x7f.1",
)  # fmt: skip
_PREAMBLES: Final = (
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02",
)  # fmt: skip


class HostileRequest(NamedTuple):
    """The bytes of one request.

    Attributes:
        kind: The name of its fault.
        data: All its bytes.
        is_framed: False if the server cannot tell where it ends; then it may close without an answer.
    """

    kind: str
    data: bytes
    is_framed: bool = True


class HostileRequests:
    """An endless source.

    Args:
        seed: The same seed draws the same requests.
        token: A valid access token of one bot, so that some requests get past the door; empty for none.
        bot: The bot of the token.
    """

    def __init__(self, seed: int, token: str = "", bot: str = "ada") -> None:
        self._random = random.Random(seed)
        self._token = token
        self._bot = bot

    def __iter__(self) -> Iterator[HostileRequest]:
        kinds: Sequence[Callable[[], HostileRequest]] = (
            self._fuzzed_arguments, self._fuzzed_arguments, self._foreign_bot, self._fuzzed_message,
            self._fuzzed_body, self._wrong_token, self._wrong_token, self._wrong_headers, self._wrong_place,
            self._forged_address, self._broken_head, self._preamble,
        )  # fmt: skip
        while True:
            yield self._random.choice(kinds)()

    # Kinds

    def _fuzzed_arguments(self) -> HostileRequest:
        tool = self._random.choice(_TOOLS)
        arguments = {self._text(12): self._value(3) for _ in range(self._random.randrange(4))}
        arguments["no_such_argument"] = self._value(2)
        return self._call("arguments", tool, arguments, self._credentials())

    def _foreign_bot(self) -> HostileRequest:
        bots = (
            "other",
            self._bot + "/",
            f"../{self._bot}",
            "*",
            self._bot + "\0",
            "a/b",
            "\ud800",
            "x" * 129,
        )
        tool = self._random.choice(("get_game_state", "handle_input", "start_new_game", "save_game"))
        return self._call("bot", tool, {"botId": self._random.choice(bots)}, self._credentials())

    def _fuzzed_message(self) -> HostileRequest:
        message: dict[str, Any] = {
            "jsonrpc": self._random.choice(["1.0", "2.0", 2, None]), "id": self._value(1),
            "method": self._random.choice([*_METHODS, self._value(1)]), "params": self._value(3),
        }  # fmt: skip
        message["jsonrpc" if self._random.random() < 0.5 else "method"] = self._value(1)
        return self._post("message", _encoded(message), self._credentials())

    def _fuzzed_body(self) -> HostileRequest:
        good = _encoded(_message("get_game_state", {"botId": self._bot}))
        cut = self._random.randrange(1, len(good))
        bodies: Sequence[Callable[[], bytes]] = (
            lambda: self._random.randbytes(self._random.randrange(300)), lambda: good[:cut],
            lambda: b"[" * self._random.choice([10, 100, 5000]),
            lambda: b'{"a":' * 3000 + b"1" + b"}" * 3000,
            lambda: b"[" + good + b"]", lambda: good[:cut] + b"\xff" + good[cut:-1], lambda: b"",
            lambda: b"NaN",
            lambda: b'{"jsonrpc":"2.0","id":1e999,"method":"tools/call"}', lambda: b" " * 1_100_000,
            lambda: b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"x"}',
        )  # fmt: skip
        weights = [10] * 9 + [1, 10]
        return self._post("body", self._random.choices(bodies, weights)[0](), self._credentials())

    def _wrong_token(self) -> HostileRequest:
        values = (
            "", "Bearer", "Bearer ", f"Bearer {self._text(40)}", f"Basic {self._token}",
            f"Bearer {self._token[:-1]}", f"Bearer {self._token} x", f"Bearer {self._token.lower()}x",
            f"Bearer {self._token}, Bearer {self._token}", f"Bearer {self._json_web_token()}",
            "Bearer " + "a" * self._random.choice([129, 9000]), "Bearer \u00ff\u00fe",
            "Bearer df_' or 1=1 --",
        )  # fmt: skip
        body = _encoded(_message("get_game_state", {"botId": self._bot}))
        return self._post("token", body, [f"Authorization: {self._random.choice(values)}"])

    def _wrong_headers(self) -> HostileRequest:
        lines = (
            "Content-Type: text/plain", "Content-Type: \u00ff", "Content-Encoding: gzip", "Accept: image/png",
            "Host: evil.example.org", "Host: a b", "Origin: https://evil.example.org", "Origin: null",
            "MCP-Protocol-Version: 1999-01-01", "MCP-Protocol-Version: \u00ff",
        )  # fmt: skip
        body = _encoded(_message("get_game_state", {"botId": self._bot}))
        return self._post("headers", body, [*self._credentials(), self._random.choice(lines)])

    def _wrong_place(self) -> HostileRequest:
        verb = self._random.choice(["GET", "POST", *_VERBS])
        path = self._random.choice(_PATHS) if verb in {"GET", "POST"} else "/mcp"
        head = f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        return HostileRequest("place", head.encode("latin-1"))

    def _forged_address(self) -> HostileRequest:
        value = self._random.choice(_FORWARDED)
        lines = [
            f"X-Forwarded-For: {value}", f"X-Forwarded-For: {self._random.choice(_FORWARDED)}",
            f"Forwarded: for={value}", f"X-Real-IP: {value}", "X-Forwarded-Host: evil.example.org",
            "X-Forwarded-Proto: https",
        ]  # fmt: skip
        body = _encoded(_message("get_game_state", {"botId": "other"}))
        some = self._random.sample(lines, 3)
        return self._post("address", body, [*(self._credentials() or []), *some])

    def _broken_head(self) -> HostileRequest:
        heads = (
            self._random.randbytes(self._random.randrange(1, 200)) + b"\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n\r\n", b"POST /mcp HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST /mcp HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
            b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
            b"POST /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000,
            b"GET / HTTP/1.1\r\nX : y\r\n\r\n", b"GET / HTTP/1.1\r\nX\0: y\r\n\r\n",
        )  # fmt: skip
        return HostileRequest("head", self._random.choice(heads), is_framed=False)

    def _preamble(self) -> HostileRequest:
        whole = self._call("preamble", "get_game_state", {}, self._credentials()).data
        return HostileRequest("preamble", self._random.choice(_PREAMBLES) + whole, is_framed=False)

    # Parts

    def _credentials(self) -> list[str]:
        is_known = self._token and self._random.random() < 0.7
        return [f"Authorization: Bearer {self._token}"] if is_known else []

    def _call(self, kind: str, tool: str, arguments: dict[str, Any], lines: Sequence[str]) -> HostileRequest:
        return self._post(kind, _encoded(_message(tool, arguments)), lines)

    def _post(self, kind: str, body: bytes, lines: Sequence[str]) -> HostileRequest:
        given = {line.partition(":")[0].lower() for line in lines}
        usual = (
            "Host: localhost",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
        )
        heads = [*lines, *(line for line in usual if line.partition(":")[0].lower() not in given)]
        self._random.shuffle(heads)
        head = "\r\n".join(["POST /mcp HTTP/1.1", *heads, f"Content-Length: {len(body)}", "", ""])
        return HostileRequest(kind, head.encode("latin-1") + body)

    def _json_web_token(self) -> str:
        header: dict[str, Any] = {
            "alg": self._random.choice(["none", "HS256", "RS256", "nOnE", 5, None]),
            self._random.choice(["jku", "x5u", "jwk", "kid", "crit"]): self._value(2),
        }
        claims = {"sub": self._value(1), "exp": self._value(1), "aud": self._value(1), "iss": self._value(1)}
        parts = [base64.urlsafe_b64encode(_encoded(one)).rstrip(b"=").decode() for one in (header, claims)]
        return ".".join([*parts, self._random.choice(["", "AAAA", "a" * 2000])])

    def _value(self, depth: int) -> Any:
        kind = self._random.randrange(9 if depth else 7)
        if kind == 7:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        if kind == 8:
            return {self._text(6): self._value(depth - 1) for _ in range(self._random.randrange(4))}
        plain = (
            None,
            True,
            -1,
            2**70,
            1.5,
            self._text(30),
            "\0\ud800" + "x" * self._random.choice([0, 5000]),
        )
        return plain[kind]

    def _text(self, chars_max: int) -> str:
        return "".join(
            chr(self._random.randrange(33, 127)) for _ in range(self._random.randrange(1, chars_max))
        )


def _message(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()
