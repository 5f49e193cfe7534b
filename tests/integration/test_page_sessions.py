"""Sessions of the watch page with real servers: on every worker and every replica, for one fleet each."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from testkit.server_process import ServerProcess
from tests.integration.served import until
from tests.integration.test_tokens import Client, make_token, token

TRIES = 12
"""Enough new connections to reach both workers, all but surely."""
LISTS = ("list_bots",)
"""The tools whose answers name several bots of the caller."""


class Browser:
    """Sends requests as the watch page does, each over a new connection."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.cookie = ""

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        with contextlib.closing(connection):
            sent = {"Origin": self._server.url, "Content-Type": "application/json", **headers}
            if self.cookie:
                sent["Cookie"] = self.cookie
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers

    def log_in(self, secret: str) -> int:
        status, _, headers = self.ask("POST", "/api/session", {"token": secret})
        self.cookie = headers.get("Set-Cookie", "").partition(";")[0]
        return status

    def statuses(self) -> set[int]:
        return {self.ask("GET", "/api/summary")[0] for _ in range(TRIES)}

    @contextlib.contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """Open a stream; the block gets its events as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            assert answer.status == 200
            yield _events_of(answer)

    def first_events(self, path: str, count: int) -> str:
        """Return the first events of a stream as text."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            assert answer.status == 200
            lines: list[str] = []
            while sum(line == "\n" for line in lines) < count:
                lines.append(answer.readline().decode())
            return "".join(lines)


def _events_of(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    while line := answer.readline().decode():
        if line.startswith("event: "):
            name = line.removeprefix("event: ").strip()
            yield name, json.loads(answer.readline().decode().removeprefix("data: "))


class Fleets:
    """A server with two workers and bots of two fleets."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.client = Client(server)
        self.red = self.make("--fleet", "red")
        self.blue = self.make("--fleet", "blue")
        self.green = self.make("--fleet", "green")
        for secret, bots in ((self.red, ("ruby", "rose")), (self.blue, ("bird", "bell"))):
            for bot in bots:
                assert not self.client.call(secret, "start_new_game", {"botId": bot, "weapon": "mace"})[0]
                assert not self.client.call(secret, "reset_game", {"botId": bot})[0]

    def make(self, *words: str) -> str:
        secret = make_token(self.server.database, *words)
        self.client.await_status(secret, 200)
        return secret

    def browser(self, secret: str) -> Browser:
        browser = Browser(self.server)
        assert browser.log_in(secret) == 200
        return browser


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    with ServerProcess(tmp_path_factory.mktemp("sessions"), flags=["--auth=tokens", "--workers=2"]) as server:
        yield Fleets(server)


def test_a_session_is_known_on_every_worker(fleets: Fleets) -> None:
    browser = fleets.browser(fleets.red)
    assert browser.statuses() == {200}
    browser.cookie = browser.cookie[:-2] + ("AA" if browser.cookie[-2:] != "AA" else "BB")
    assert browser.statuses() == {401}


@pytest.fixture(scope="module")
def replica(fleets: Fleets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Another server on the same database."""
    with ServerProcess(
        tmp_path_factory.mktemp("replica"), database=f"sqlite:///{fleets.server.database}",
        flags=["--auth=tokens"],
    ) as server:  # fmt: skip
        yield server


def test_a_session_is_known_on_every_replica(fleets: Fleets, replica: ServerProcess) -> None:
    other = Browser(replica)
    other.cookie = fleets.browser(fleets.blue).cookie
    assert other.ask("GET", "/api/session")[1]["fleet"] == "blue"


@pytest.fixture(scope="module")
def green(fleets: Fleets, replica: ServerProcess) -> tuple[str, Browser]:
    """The token of a further fleet, and a browser of it at the replica."""
    browser = Browser(replica)
    browser.cookie = fleets.browser(fleets.green).cookie
    return fleets.green, browser


def test_a_page_follows_a_bot_that_plays_at_another_server(
    fleets: Fleets, green: tuple[str, Browser]
) -> None:
    """A second lies between two frames, so the turn is there with the second one after it at the latest."""
    secret, browser = green
    assert not fleets.client.call(secret, "start_new_game", {"botId": "rush", "weapon": "mace"})[0]
    with browser.events("/api/events?bot=rush") as events:
        turns = (shown["turn"] for name, shown in events if name == "bot")
        assert next(turns) == 0
        assert not fleets.client.call(secret, "handle_input", {"botId": "rush", "input": "1"})[0]
        assert 1 in itertools.islice(turns, 2)


def test_a_run_plays_back_at_a_server_that_never_played_it(
    fleets: Fleets, green: tuple[str, Browser]
) -> None:
    secret, browser = green

    def play(tool: str, **arguments: Any) -> str:
        error, text = fleets.client.call(secret, tool, {"botId": "reed", **arguments})
        assert not error, text
        return text

    texts = [play("start_new_game", weapon="mace", seed=4)]
    texts += [play("handle_input", input="1") for _ in range(70)]
    play("reset_game")
    status, part, _ = browser.ask("GET", "/api/bots/reed/runs/1?from=60")
    assert status == 200, part
    assert [turn["text"] for turn in part["turns"]] == texts[60:]
    assert (part["lastTurn"], part["result"]) == (70, "abandoned")
    runs = browser.ask("GET", "/api/bots/reed/runs")[1]["runs"]
    assert [(run["episode"], run["result"]) for run in runs] == [(2, "live"), (1, "abandoned")]
    stranger = Browser(fleets.server)
    stranger.cookie = fleets.browser(fleets.blue).cookie
    for path in ("/api/bots/reed/runs", "/api/bots/reed/runs/1", "/api/bots/none/runs/1"):
        status, answer, _ = stranger.ask("GET", path)
        assert (status, answer["error"]["code"]) == (404, "unknown_bot")


def test_a_session_ends_everywhere_with_its_token(fleets: Fleets) -> None:
    doomed = fleets.make("--fleet", "red")
    browser = fleets.browser(doomed)
    assert browser.statuses() == {200}
    assert token("revoke", doomed, database=fleets.server.database).returncode == 0
    until(lambda: browser.statuses() == {401})
    assert browser.log_in(doomed) == 401


def test_no_path_of_the_api_shows_another_fleet(fleets: Fleets) -> None:
    for secret, own, others in (
        (fleets.red, ("rose", "ruby"), ("bell", "bird")),
        (fleets.blue, ("bell", "bird"), ("rose", "ruby")),
    ):
        browser = fleets.browser(secret)
        until(lambda: len(browser.ask("GET", "/api/summary")[1]["live"]) == 2)  # noqa: B023
        paths = ["/api/session", "/api/bots", *(f"/api/bots/{bot}" for bot in own)]
        shown = [repr(browser.ask("GET", path)[1]) for path in paths]
        for _ in range(TRIES):
            shown.append(repr(browser.ask("GET", "/api/summary")[1]))
            shown.append(browser.first_events(f"/api/events?bot={own[0]}", 4))
        shown.append(browser.first_events(f"/api/events?bot={own[0]}", 6))
        for text in shown:
            assert not [bot for bot in others if bot in text]
        assert all(bot in "".join(shown) for bot in own)


def test_the_figures_of_a_fleet_are_added_up_over_the_workers(fleets: Fleets) -> None:
    """Each worker gets the figures of a fleet a second after somebody asked it for them."""
    browser = fleets.browser(fleets.blue)

    def shown() -> tuple[int, int, dict[str, int], list[str]]:
        found = browser.ask("GET", "/api/summary")[1]
        bots = sorted(run["botId"] for run in found["recent"])
        return found["turns"], found["runsEnded"], found["results"], bots

    whole = (4, 2, {"abandoned": 2}, ["bell", "bird"])
    until(lambda: all(shown() == whole for _ in range(TRIES)))


@pytest.mark.parametrize("tool", LISTS)
def test_no_tool_that_lists_bots_shows_another_fleet(fleets: Fleets, tool: str) -> None:
    shown = fleets.client.call(fleets.red, tool, {})[1]
    assert "rose" in shown
    assert "bird" not in shown
    assert "bell" not in shown


def test_no_resource_names_a_bot(fleets: Fleets) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", fleets.server.port, timeout=60)
    headers = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {fleets.red}",
    }  # fmt: skip

    def ask(method: str, **params: str) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        connection.request("POST", "/mcp", json.dumps(message), headers)
        return json.loads(connection.getresponse().read())["result"]

    with contextlib.closing(connection):
        found = ask("resources/list")["resources"]
        assert found
        for resource in found:
            text = repr(ask("resources/read", uri=resource["uri"]))
            assert not [bot for bot in ("bird", "bell") if f'"{bot}"' in text]


def test_the_cookie_is_no_caller_of_the_game(fleets: Fleets) -> None:
    cookie = fleets.browser(fleets.red).cookie
    connection = http.client.HTTPConnection("127.0.0.1", fleets.server.port, timeout=60)
    with contextlib.closing(connection):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                   "params": {"name": "list_bots", "arguments": {}}}  # fmt: skip
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                   "Cookie": cookie}  # fmt: skip
        connection.request("POST", "/mcp", json.dumps(message), headers)
        assert connection.getresponse().status == 401


def test_every_answer_of_the_api_and_the_game_is_not_to_be_kept(fleets: Fleets) -> None:
    browser = fleets.browser(fleets.red)
    stranger = Browser(fleets.server)
    for one, path in (
        (browser, "/api/summary"), (browser, "/api/bots/none"), (browser, "/api/none"),
        (browser, "/api/session"), (stranger, "/api/bots"), (stranger, "/mcp"), (stranger, "/bots/a/mcp"),
    ):  # fmt: skip
        (found,) = one.ask("GET", path)[2].get_all("Cache-Control", [])
        assert found.split(", ")[0] == "no-store", path
    for secret in (fleets.red, None):
        for tool in ("get_game_state", "list_bots"):
            _, _, headers = fleets.client.post(secret, tool, {})
            (found,) = headers.get_all("Cache-Control", [])
            assert found.split(", ")[0] == "no-store"


def test_a_page_of_another_origin_learns_why_it_is_refused(fleets: Fleets) -> None:
    """CORS: the 401 is readable, the preflight needs no token, and cookies are never allowed."""
    origin = "http://localhost:6274"
    server = fleets.server
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    asked = {
        "Origin": origin, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,mcp-param-bot-id,mcp-protocol-version",
    }  # fmt: skip
    with contextlib.closing(connection):
        for path in ("/mcp", "/api/session", "/api/bots"):
            connection.request("OPTIONS", path, headers=asked)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            named = answer.headers["Access-Control-Allow-Headers"].split(", ")
            assert named == ["authorization", "mcp-param-bot-id", "mcp-protocol-version"]
            assert "Access-Control-Allow-Credentials" not in answer.headers
    for method, path in (("POST", "/mcp"), ("GET", "/api/bots")):
        status, _, headers = Browser(server).ask(
            method, path, {}, Origin=origin, Accept="application/json, text/event-stream"
        )
        assert status in {400, 401}
        assert headers["Access-Control-Allow-Origin"] == origin
        assert "WWW-Authenticate" in headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers
    assert Browser(server).ask("POST", "/api/session", {"token": fleets.red}, Origin=origin)[0] == 403


def test_failed_log_ins_of_an_address_are_limited(fleets: Fleets) -> None:
    """Runs last: the other tests have the same address."""
    browser = Browser(fleets.server)
    statuses = [browser.log_in("df_wrong") for _ in range(40)]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 10
    status, _, headers = browser.ask("POST", "/api/session", {"token": "df_wrong"})
    assert status == 429
    assert 0 < int(headers["Retry-After"]) <= 60
