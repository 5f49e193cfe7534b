"""The admission enforces the scopes, the bot pattern and the rate of a principal."""

from __future__ import annotations

import pytest

from dungeonfighter.access.admission import BoundedAdmission, JudgedAdmission, joined
from dungeonfighter.access.principals import LOCAL, SCOPES, Limits, Principal
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import NotAllowed, Overloaded
from tests.unit.access.hand import Hand


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.mark.parametrize("authorization", [None, b"", b"Bearer x", b"\xff"])
def test_every_caller_is_the_local_principal(hand: Hand, authorization: bytes | None) -> None:
    assert BoundedAdmission(Rates(RateSettings(), hand.now)).identify(authorization) is LOCAL


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("bot", [None, "hero", "A" * 128])
def test_the_local_principal_may_do_everything(hand: Hand, scope: str, bot: str | None) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now))
    for _ in range(1000):
        admission.admit(LOCAL, scope, bot, 1000)  # type: ignore[arg-type]


def test_a_scope_does_not_include_the_other(hand: Hand) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now))
    for held, other in (("read", "play"), ("play", "read")):
        principal = Principal("local", scopes=frozenset({held}))  # type: ignore[arg-type]
        admission.admit(principal, held, "hero", 0)  # type: ignore[arg-type]
        for bot in ("hero", None):
            with pytest.raises(NotAllowed, match=f"lacks the scope {other}"):
                admission.admit(principal, other, bot, 0)  # type: ignore[arg-type]


def test_a_pattern_bounds_the_bots(hand: Hand) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now))
    principal = Principal("local", bots="team-*")
    admission.admit(principal, "play", "team-1", 1)
    admission.admit(principal, "play", None, 1)
    with pytest.raises(
        NotAllowed, match=r"the bot hero, .* name a bot with botId: this token may act for team-\*"
    ):
        admission.admit(principal, "play", "hero", 1)
    with pytest.raises(
        NotAllowed, match=r"^the caller may not act for the bot b: this token may act for team-"
    ):
        admission.admit(principal, "play", "b", 1)


def test_a_prefix_bounds_the_bots_of_a_server(hand: Hand) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now), "bot-1-")
    admission.admit(LOCAL, "play", "bot-1-x", 1)
    admission.admit(LOCAL, "read", None, 0)
    with pytest.raises(NotAllowed, match=r"the bot bot-2-x: the bots of this server are bot-1-\*"):
        admission.admit(LOCAL, "play", "bot-2-x", 1)


def test_the_refusal_of_a_token_names_the_scope_that_it_lacks() -> None:
    with pytest.raises(NotAllowed, match=r"^the access token lacks the scope fleet: ask the operator"):
        raise JudgedAdmission(Rates(RateSettings(), Hand().now))._lacks(LOCAL, "fleet")


def test_a_rate_is_a_mean_and_one_call_may_overdraw(hand: Hand) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now))
    principal = Principal("local", limits=Limits(calls_per_second=10))
    admission.admit(principal, "play", "hero", 70)  # 20 saved, 50 overdrawn
    with pytest.raises(Overloaded) as refused:
        admission.admit(principal, "play", "hero", 1)
    assert (refused.value.code, refused.value.retry_after_seconds) == ("rate_limited", 5)
    with pytest.raises(Overloaded):
        admission.admit(principal, "read", "hero", 0)
    admission.admit(LOCAL, "play", "hero", 1)
    hand.seconds += 5
    admission.admit(principal, "play", "hero", 1)


def test_a_refused_call_is_not_charged(hand: Hand) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now))
    principal = Principal("local", limits=Limits(calls_per_second=1))
    admission.admit(principal, "play", "hero", 4)
    for _ in range(100):
        with pytest.raises(Overloaded):
            admission.admit(principal, "play", "hero", 100)
    hand.seconds += 2
    admission.admit(principal, "play", "hero", 1)


def test_turns_at_the_rate_are_never_refused(hand: Hand) -> None:
    admission = BoundedAdmission(Rates(RateSettings(), hand.now))
    principal = Principal("local", limits=Limits(calls_per_second=4))
    for _ in range(1000):
        admission.admit(principal, "play", "hero", 1)
        hand.seconds += 0.25


def test_several_credentials_are_joined() -> None:
    assert joined([]) is None
    assert joined([b""]) == b""
    assert joined([b"Bearer a"]) == b"Bearer a"
    assert joined([b"Bearer a", b"Bearer b"]) == b"Bearer a, Bearer b"
