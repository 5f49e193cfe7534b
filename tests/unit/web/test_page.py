"""The paths of the watch page: their answers, and the errors of wrong requests."""

from __future__ import annotations

import re

import pytest

from dungeonfighter import limits
from dungeonfighter.web.files import Files
from tests.unit.web.watching import Site


def source(name: str) -> str:
    file = Files().get(f"/static/{name}")
    assert file is not None
    return file.body.decode()


async def test_the_page_has_a_policy_that_blocks_foreign_content() -> None:
    reply = await Site().get("/")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'self'")


async def test_an_unchanged_file_is_answered_304() -> None:
    site = Site()
    first = await site.get("/static/main.js")
    second = await site.get("/static/main.js", if_none_match=first.headers["etag"])
    assert (second.status, second.body) == (304, b"")


def test_every_file_that_the_page_names_exists_and_no_file_names_a_foreign_address() -> None:
    files = Files().by_path
    for path, file in files.items():
        text = file.body.decode()
        named = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
        named += [f"static/{name}" for name in re.findall(r'from "\./([^"]+)"', text)]
        assert {f"/{name}" for name in named} <= set(files), path
        foreign = set(re.findall(r"https?://[^\s\"'<)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not foreign, path


def test_every_address_is_relative_so_that_the_page_works_below_a_path() -> None:
    for path, file in Files().by_path.items():
        text = file.body.decode()
        assert not re.findall(r"""(?:src|href|action)=["']/|["'`(]/(?:api|static|mcp|metrics)\b""", text), (
            path
        )


async def test_the_page_has_one_address() -> None:
    assert (await Site().get("/static/index.html")).status == 404


def test_the_page_checks_bot_ids_with_the_same_pattern() -> None:
    script = source("main.js")
    assert f"/^{limits.bot_id_pattern.pattern.removesuffix(chr(92) + 'Z')}$/" in script


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_each_colour_of_texts_has_enough_contrast_in_both_schemes() -> None:
    """The test of the page in a browser measures every text; this one needs no browser."""
    style = source("style.css")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        for text in ("ink", "faint", "ember", "blood"):
            for below in ("page", "panel"):
                assert contrast(colours[text], colours[below]) >= 4.5, (text, below)


async def test_the_summary_counts_games_and_turns() -> None:
    site = Site()
    await site.start("ada", "bob")
    for _ in range(3):
        await site.host.play("local/ada", "1")
    summary = (await site.get("/api/summary")).json
    assert summary["hotGames"] == 2
    assert summary["turns"] == 5
    assert sum(summary["scores"]) == 2
    cards = {card["botId"]: card for card in summary["playing"]}
    assert cards["ada"]["turn"] == 3
    assert cards["ada"]["kind"] == "Warrior"


async def test_the_rate_is_turns_per_second() -> None:
    site = Site()
    await site.start("ada")
    await site.tick()
    for _ in range(6):
        await site.host.play("local/ada", "1")
    await site.tick(2.0)
    assert (await site.get("/api/summary")).json["turnsPerSecond"] == 3.0


async def test_pages_list_all_bots() -> None:
    site = Site()
    await site.start("a", "b", "c")
    first = (await site.get("/api/bots?count=2")).json
    assert [bot["botId"] for bot in first["bots"]] == ["a", "b"]
    rest = (await site.get(f"/api/bots?count=2&after={first['next']}")).json
    assert [bot["botId"] for bot in rest["bots"]] == ["c"]
    assert rest["next"] is None


async def test_the_detail_of_a_bot_is_the_view_of_its_agent() -> None:
    site = Site()
    await site.start("ada")
    shown = (await site.get("/api/bots/ada")).json
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
async def test_wrong_requests_get_an_error_code(target: str, method: str, status: int, code: str) -> None:
    reply = await Site().get(target, method)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
