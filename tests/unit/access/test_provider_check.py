"""The check of an identity provider at start: the log names what keeps clients from logging in."""

from __future__ import annotations

import json

import pytest

from dungeonfighter.access.provider_check import check_provider, metadata_addresses
from dungeonfighter.access.signing_keys import ProviderUnavailable

ORIGIN = "https://login.example.org"
GOOD = {"issuer": f"{ORIGIN}/realm", "code_challenge_methods_supported": ["plain", "S256"]}


def test_metadata_are_looked_for_where_clients_look() -> None:
    assert metadata_addresses(f"{ORIGIN}/realm/") == [
        f"{ORIGIN}/.well-known/oauth-authorization-server/realm",
        f"{ORIGIN}/.well-known/openid-configuration/realm",
        f"{ORIGIN}/realm/.well-known/openid-configuration",
    ]
    assert metadata_addresses(ORIGIN) == [
        f"{ORIGIN}/.well-known/oauth-authorization-server",
        f"{ORIGIN}/.well-known/openid-configuration",
    ]


@pytest.mark.parametrize(
    ("documents", "complaint"),
    [
        ([GOOD], ""),
        ([None, None, GOOD], ""),
        ([b"<html>", b"\xff", GOOD], ""),
        ([{**GOOD, "issuer": f"{ORIGIN}/realm/"}], "names the issuer 'https://login.example.org/realm/'"),
        ([{"issuer": f"{ORIGIN}/realm"}], "does not list the PKCE method S256"),
        ([None, None, None], "there are no metadata at"),
        ([b"[" * 9999, {"issuer": 5}, []], "there are no metadata at"),
    ],
)
async def test_differences_that_matter_to_clients_are_logged(
    caplog: pytest.LogCaptureFixture, documents: list[object], complaint: str
) -> None:
    remaining = iter(documents)

    async def read(address: str) -> bytes:
        document = next(remaining)
        if document is None:
            raise ProviderUnavailable(address)
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    await check_provider(f"{ORIGIN}/realm", read)
    assert complaint in caplog.text
    assert len(caplog.messages) == bool(complaint)
    assert not list(remaining)
