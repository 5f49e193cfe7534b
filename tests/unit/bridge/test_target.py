"""The addresses that a bridge calls."""

from __future__ import annotations

import pytest

from dungeonfighter.bridge.target import read_target


@pytest.mark.parametrize(
    ("url", "bot", "called"),
    [
        ("https://h", "ada", "https://h/bots/ada/mcp"),
        ("https://h/", "ada", "https://h/bots/ada/mcp"),
        ("h:8000", None, "http://h:8000/mcp"),
        ("http://h/mcp", None, "http://h/mcp"),
        ("http://h/mcp/", "ada", "http://h/bots/ada/mcp"),
        ("http://h/game/mcp?toolset=core", "ada", "http://h/game/bots/ada/mcp?toolset=core"),
        ("http://h/bots/ada/mcp", None, "http://h/bots/ada/mcp"),
        ("http://h/bots/ada", "ada", "http://h/bots/ada/mcp"),
        ("http://[::1]:8000", "ada", "http://[::1]:8000/bots/ada/mcp"),
    ],
)
def test_every_spelling_of_a_server_leads_to_its_mcp_address(url: str, bot: str | None, called: str) -> None:
    target = read_target(url, bot)
    assert target.url == called
    assert target.bot == ("ada" if "ada" in called else "")


@pytest.mark.parametrize(
    "url",
    ["ftp://h", "http://", "http://h:x", "http://h/bots/a b/mcp", "http://h/bots/-a/mcp", "http://h\r\nx: y",
     "http://u:p@h", "http://\u00fc.example", "http://h/bots/bob/mcp"],
)  # fmt: skip
def test_an_address_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".{10}"):  # a sentence
        read_target(url, "ada")


def test_the_address_says_if_the_client_must_give_numbers() -> None:
    assert read_target("http://h?turns=required", "ada").turns_required
    assert not read_target("http://h?toolset=fleet", "ada").turns_required


@pytest.mark.parametrize(
    ("url", "is_here"),
    [("http://127.0.0.1:80", True), ("http://localhost", True), ("http://[::1]", True), ("http://h", False)],
)
def test_no_proxy_leads_to_this_machine(url: str, is_here: bool) -> None:
    assert read_target(url, None).is_loopback is is_here
