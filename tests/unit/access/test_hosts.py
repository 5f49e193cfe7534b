"""Host and Origin: what a page elsewhere could send is refused; programs and our own page are served."""

from __future__ import annotations

import pytest

from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.settings import Settings

LOCAL = HostGuard(Settings())
PUBLIC = HostGuard(
    Settings(
        public_url="https://game.example.org",
        allowed_hosts=("inner:8000", "other.example.org"),
        allowed_origins=("https://friend.example.org",),
    )
)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000", "[::1]"]
)
@pytest.mark.parametrize("origin", [None, "http://localhost:8000", "http://127.0.0.1:6274"])
def test_this_machine_is_served(host: str, origin: str | None) -> None:
    assert not LOCAL.refusal(host, origin)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example.org", "localhost.evil.org", "127.0.0.1.evil.org:80", "10.0.0.1"]
)
def test_foreign_hosts_are_refused(host: str | None) -> None:
    assert "Host" in LOCAL.refusal(host, None)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.org",
        "null",
        "",
        "http://localhost.evil.org",
        "file://",
        "http://127.0.0.1@evil.org",
        "http://[",
    ],
)
def test_foreign_pages_are_refused(origin: str) -> None:
    assert "Origin" in LOCAL.refusal("localhost:8000", origin)


def test_named_hosts_and_origins_are_served() -> None:
    assert not PUBLIC.refusal("game.example.org", "https://game.example.org")
    assert not PUBLIC.refusal("other.example.org:444", None)
    assert not PUBLIC.refusal("inner:8000", "https://friend.example.org")
    assert PUBLIC.refusal("inner:9000", None)
    assert PUBLIC.refusal("game.example.org", "https://stranger.example.org")
