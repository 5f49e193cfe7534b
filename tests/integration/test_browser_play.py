"""Pages of other origins in Chromium: one that ALLOWED_ORIGINS names plays, the others cannot."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from testkit.server_process import ServerProcess
from tests.integration.browser import Browser, Page, chromium
from tests.protocol.served import META, VERSION

pytestmark = pytest.mark.long

FRIEND: Final = "friend.example.org"
STRANGER: Final = "stranger.example.org"
TO_LOOPBACK: Final = f"--host-resolver-rules=MAP {FRIEND} 127.0.0.1,MAP {STRANGER} 127.0.0.1"

PLAY: Final = """async ([url, version, meta, bot]) => {
  let number = 0;
  const answers = [];
  const send = async (method, params, more = {}) => {
    const headers = {
      "content-type": "application/json", accept: "application/json, text/event-stream",
      "mcp-protocol-version": version, "mcp-method": method, authorization: "Bearer none",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ...more,
    };
    number += 1;
    const body = JSON.stringify({ jsonrpc: "2.0", id: number, method, params: { ...params, _meta: meta } });
    const answer = await fetch(url, { method: "POST", headers, body });
    answers.push([answer.status, await answer.json()]);
  };
  const call = (name, given) => send(
    "tools/call",
    { name, arguments: { botId: bot, ...given } },
    { "mcp-name": name, "mcp-param-bot-id": bot },
  );
  try {
    await send("tools/list", {});
    await call("start_new_game", { seed: 7, weapon: "dagger" });
    await call("handle_input", { input: "1", turn: 0 });
    await call("handle_input", { input: "1", turn: 1 });
    await send("no/such", {});
    const accepted = { accept: "text/event-stream", "mcp-protocol-version": version };
    const stream = await fetch(url, { headers: accepted });
    const end = await fetch(url, { method: "DELETE", headers: { "mcp-session-id": "1" } });
    answers.push([stream.status, end.status]);
  } catch (error) {
    answers.push(String(error));
  }
  return answers;
}"""
WITHOUT_PREFLIGHT: Final = """async ([url, body]) => {
  await fetch(url, { method: "POST", mode: "no-cors", body }).catch(() => null);
}"""
"""A page may always send such a request; it only cannot read the answer."""


class _EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>a page</title>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class World(NamedTuple):
    """A game server, a browser, and the port where every host has an empty page."""

    game: ServerProcess
    browser: Browser
    port: int

    def play(self, page: Page, bot: str) -> list[Any]:
        answers: list[Any] = page.evaluate(PLAY, [f"{self.game.url}/mcp", VERSION, META, bot])
        return answers

    def page(self, address: str) -> Page:
        page = self.browser.new_page()
        page.goto(address)
        return page


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as pages,
        chromium(TO_LOOPBACK) as browser,
    ):
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        port = pages.server_address[1]
        flags = ("--allowed-origins", f"http://{FRIEND}:{port}")
        with ServerProcess(tmp_path_factory.mktemp("play"), database="memory://", flags=flags) as game:
            yield World(game, browser, port)
        pages.shutdown()


@pytest.mark.parametrize("host", [FRIEND, "localhost", "127.0.0.1"])
def test_an_accepted_page_plays_a_turn(world: World, host: str) -> None:
    answers = world.play(world.page(f"http://{host}:{world.port}/"), f"bot-{host}")
    assert [answer[0] for answer in answers] == [200, 200, 200, 200, 404, 405], answers
    listed, begun, first, second, unknown = [body for _, body in answers[:5]]
    assert "start_new_game" in json.dumps(listed)
    for turn, answer in enumerate((begun, first, second)):
        assert answer["result"]["content"][0]["text"].startswith(f"e1 t{turn}")
    assert unknown["error"]["code"] == -32601
    assert answers[5] == [405, 405]  # the page learns that there is no stream, and nothing to end


@pytest.mark.parametrize("address", [f"http://{STRANGER}:PORT/", "data:text/html,<title>no origin</title>"])
def test_another_page_cannot_play(world: World, address: str) -> None:
    page = world.page(address.replace("PORT", str(world.port)))
    (answer,) = world.play(page, "stolen")
    assert "Failed to fetch" in answer
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "start_new_game", "arguments": {"botId": "stolen"}},
    }
    page.evaluate(WITHOUT_PREFLIGHT, [f"{world.game.url}/mcp", json.dumps(body)])
    page.goto(f"{world.game.url}/")
    bots = page.evaluate("async () => (await (await fetch('/api/bots')).json()).bots.map((bot) => bot.botId)")
    assert "stolen" not in bots
