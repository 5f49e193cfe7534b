"""The page's paths: what they answer, and what a wrong request is told."""

from __future__ import annotations

import re

import pytest

from dungeonfighter import limits
from dungeonfighter.web.files import load_files
from tests.unit.web.watching import Place


async def test_the_page_is_served_with_a_policy_that_loads_nothing_foreign() -> None:
    reply = await Place().get("/")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'self'")


async def test_an_unchanged_file_is_not_sent_again() -> None:
    place = Place()
    first = await place.get("/static/main.js")
    again = await place.get("/static/main.js", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_every_file_that_the_page_names_is_there_and_nothing_comes_from_elsewhere() -> None:
    files = load_files()
    for path, file in files.items():
        text = file.body.decode()
        named = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
        named += [f"/static/{name}" for name in re.findall(r'from "\./([^"]+)"', text)]
        assert set(named) <= set(files), path
        foreign = set(re.findall(r"https?://[^\s\"'<)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not foreign, path


def test_the_page_knows_which_ids_there_can_be() -> None:
    script = load_files()["/static/main.js"].body.decode()
    assert f"/^{limits.bot_id_pattern.pattern.removesuffix(chr(92) + 'Z')}$/" in script


async def test_the_summary_counts_what_was_played() -> None:
    place = Place()
    await place.start("ada", "bob")
    for _ in range(3):
        await place.host.play("local/ada", "1")
    summary = (await place.get("/api/summary")).json
    assert summary["hotGames"] == 2
    assert summary["turns"] == 5
    assert sum(summary["scores"]) == 2
    cards = {card["botId"]: card for card in summary["playing"]}
    assert cards["ada"]["turn"] == 3
    assert cards["ada"]["kind"] == "Warrior"


async def test_the_rate_is_turns_by_seconds() -> None:
    place = Place()
    await place.start("ada")
    await place.tick()
    for _ in range(6):
        await place.host.play("local/ada", "1")
    await place.tick(2.0)
    assert (await place.get("/api/summary")).json["turnsPerSecond"] == 3.0


async def test_all_bots_page_by_page() -> None:
    place = Place()
    await place.start("a", "b", "c")
    first = (await place.get("/api/bots?count=2")).json
    assert [bot["botId"] for bot in first["bots"]] == ["a", "b"]
    rest = (await place.get(f"/api/bots?count=2&after={first['next']}")).json
    assert [bot["botId"] for bot in rest["bots"]] == ["c"]
    assert rest["next"] is None


async def test_one_bot_is_shown_as_its_agent_sees_it() -> None:
    place = Place()
    await place.start("ada")
    shown = (await place.get("/api/bots/ada")).json
    assert shown["text"].startswith("e1 t0")
    assert shown["view"]["player"]["name"] == "Ada"
    assert shown["view"]["availableActions"]


@pytest.mark.parametrize(
    ("target", "method", "status", "code"),
    [
        ("/nothing", "GET", 404, "bad_argument"),
        ("/static/../cli.py", "GET", 404, "bad_argument"),
        ("/api/bots/nobody", "GET", 404, "unknown_bot"),
        ("/api/bots/%20", "GET", 400, "bad_argument"),
        ("/api/bots/" + "a" * 129, "GET", 400, "bad_argument"),
        ("/api/bots/other/hero", "GET", 400, "bad_argument"),
        ("/api/bots?count=0", "GET", 400, "bad_argument"),
        ("/api/bots?count=501", "GET", 400, "bad_argument"),
        ("/api/bots?count=x", "GET", 400, "bad_argument"),
        ("/api/bots?after=%2F", "GET", 400, "bad_argument"),
        ("/", "POST", 405, "bad_argument"),
        ("/api/summary", "DELETE", 405, "bad_argument"),
    ],
)
async def test_wrong_requests_are_told_why(target: str, method: str, status: int, code: str) -> None:
    reply = await Place().get(target, method)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
