"""The secrets of `SIGNING_KEY`: lines and PEM blocks."""

from __future__ import annotations

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.settings import read_settings
from dungeonfighter.signing_secrets import first_secret, split_secrets

PEM = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----"
)
ONE, TWO = "the first secret here", "the second secret here"


def test_each_line_and_each_pem_is_a_secret() -> None:
    assert split_secrets("") == []
    assert split_secrets(ONE) == [ONE]
    assert split_secrets(f"\r\n {ONE} \r\n\r\n{TWO}\r\n") == [ONE, TWO]
    assert split_secrets(f"{ONE}\n{PEM}\n{TWO}") == [ONE, PEM, TWO]
    assert first_secret(f"{PEM}\n{ONE}") == PEM
    assert first_secret(" \n") == ""


@pytest.mark.parametrize("text", [f"{ONE}\n{TWO}", PEM, f"{TWO}\n{PEM}\n{ONE}", "k" * 1024])
def test_several_secrets_are_accepted(text: str) -> None:
    assert read_settings({}, {"SIGNING_KEY": text}).signing_key == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{ONE}\nshort", "line 2 must have 16 to 1024 characters"),
        ("k" * 1025, "it must have 16 to 1024 characters"),
        ("\n".join([ONE] * 9), "it must be 1 to 8 secrets"),
        (PEM.replace("MC4C", "MC4D"), "its private key cannot be read"),
        (PEM.replace("PRIVATE", "PUBLIC"), "its private key cannot be read"),
        (PEM.partition("\n-----END")[0], "its private key cannot be read"),
    ],
)
def test_a_wrong_secret_is_named_without_its_text(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        read_settings({}, {"SIGNING_KEY": text})
    (shown,) = wrong.value.problems
    assert problem in shown
    assert not any(one in shown for one in split_secrets(text))
