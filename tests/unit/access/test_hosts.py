"""`HostGuard` refuses the requests that a foreign page could send, and serves programs and our own page."""

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
def test_requests_to_this_machine_are_served(host: str, origin: str | None) -> None:
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


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "LocalHost.:8000",
        "localhost:",
        "a.localhost:1",
        "127.0.0.1",
        "127.0.0.1.:80",
        "127.8.9.10:65535",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:1",
        "[::1]:",
    ],
)
def test_a_host_of_this_machine_is_served_however_it_is_written(host: str) -> None:
    assert not LOCAL.refusal(host, None)


@pytest.mark.parametrize(
    "text",
    [
        "localhost:80@evil.com",
        "localhost@evil.com",
        "evil.com@localhost",
        "localhost:80:80",
        "localhost:x",
        "localhost:-1",
        "localhost:+1",
        "localhost:65536",
        "localhost:000080",
        "localhost:\u0661",
        "localhost..",
        ".localhost",
        "a..localhost",
        ".",
        ":80",
        "local host",
        " localhost",
        "localhost\t",
        "localhost\n",
        "localhost/",
        "localhost/x",
        "localhost?x",
        "localhost#x",
        "localhost\\x",
        "localhost,evil.com",
        "localhost%00",
        "loc\xe4lhost",
        "l\u03bfcalhost",
        "\uff4cocalhost",
        "::1",
        "[::1",
        "::1]",
        "[::1]evil.com",
        "[::1]:80@evil.com",
        "[::1].evil.com",
        "[[::1]]",
        "[]",
        "[127.0.0.1]",
        "[localhost]",
        "[::1%lo]",
        "[::1]]:80",
        "0x7f.1",
        "2130706433",
        "127.1",
        "a" * 1_000_000 + ".localhost",
    ],
)
def test_other_hosts_are_refused_in_both_headers(text: str) -> None:
    assert "Host" in LOCAL.refusal(text, None)
    assert "Origin" in LOCAL.refusal("localhost", f"http://{text}")


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost/",
        "http://localhost:",
        "http:localhost",
        "http:/localhost",
        "http:///localhost",
        "//localhost",
        "localhost",
        "ws://localhost",
        "javascript://localhost",
        "http://",
        "http://localhost http://localhost",
        " http://localhost",
        "null",
    ],
)
def test_an_invalid_origin_is_refused(origin: str) -> None:
    assert "Origin" in LOCAL.refusal("localhost", origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("GAME.example.org.", "https://game.EXAMPLE.org"),
        ("game.example.org:443", "https://game.example.org"),
        ("game.example.org", "https://game.example.org:443"),
        ("other.example.org:80", "http://other.example.org"),
        ("other.example.org", "https://friend.example.org:443"),
    ],
)
def test_one_origin_has_several_spellings(host: str, origin: str) -> None:
    assert not PUBLIC.refusal(host, origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("other.example.org:80", "https://other.example.org"),
        ("other.example.org:8000", "https://other.example.org"),
        ("other.example.org", "https://friend.example.org:444"),
        ("other.example.org", "http://friend.example.org"),
        ("other.example.org", "https://x@friend.example.org"),
    ],
)
def test_another_scheme_or_port_is_another_origin(host: str, origin: str) -> None:
    assert "Origin" in PUBLIC.refusal(host, origin)
