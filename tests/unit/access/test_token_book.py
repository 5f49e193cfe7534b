"""Tokens in memory: known within a refresh, refused when revoked or expired, unknown without the store."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from dungeonfighter.access import tokens
from dungeonfighter.access.admission import TokenAdmission
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.access.token_book import (
    REFRESH_SECONDS,
    SEARCH_SECONDS,
    SEARCHERS_MAX,
    SKEW_SECONDS,
    STALE_SECONDS_MAX,
    TokenBook,
)
from dungeonfighter.errors import AccessUnknown, NotAllowed, StoreUnavailable, Unauthenticated
from dungeonfighter.hosting.ports import AccessToken
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.access.hand import Hand


class Source:
    """Reads tokens of a store that may be away, or slow; counts its questions."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.is_away = False
        self.questions = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def tokens_after(self, version: int) -> list[AccessToken]:
        self.questions += 1
        if self.is_away:
            raise StoreUnavailable("away")
        found = await self.store.tokens_after(version)
        await asyncio.sleep(0)
        await self.answers.wait()
        return found


class Desk:
    """A book with its clock and its source, and the admission over it."""

    def __init__(self) -> None:
        self.hand, self.source = Hand(), Source()
        self.book = TokenBook(self.source, self.hand)
        self.admission = TokenAdmission(Rates(RateSettings(), self.hand.now), self.book)

    async def make(self, *, bots: str = "*", expires_in: float = 0.0) -> bytes:
        secret = tokens.new_secret()
        now = self.hand.wall()
        token = tokens.describe(
            secret, fleet="team-a", bots=bots, scopes=["play"], created_at=now,
            expires_at=now + expires_in if expires_in else 0.0, turns_required=False,
        )  # fmt: skip
        await self.source.store.put_token(token)
        return secret.encode()

    async def revoke(self, secret: bytes) -> None:
        found = await self.source.store.tokens_after(0)
        (token,) = [one for one in found if one.digest == tokens.digest_of(secret)]
        await self.source.store.put_token(msgspec.structs.replace(token, revoked_at=self.hand.wall()))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_new_token_is_known_after_a_refresh(desk: Desk) -> None:
    await desk.book.refresh()
    secret = await desk.make()
    with pytest.raises(Unauthenticated):
        desk.book.find(secret)
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    assert principal.fleet == "team-a"
    assert principal.scopes == {"read", "play"}


async def test_a_token_that_was_just_made_is_asked_for(desk: Desk) -> None:
    await desk.book.refresh()
    for _ in range(3):
        credentials = b"Bearer " + await desk.make()
        desk.hand.seconds += 0.001
        await desk.admission.prepare(credentials)
        assert desk.admission.identify(credentials).fleet == "team-a"
    assert desk.source.questions == 4


async def test_one_question_a_second_serves_all_callers_with_unknown_tokens(desk: Desk) -> None:
    await desk.book.refresh()
    began, secret = desk.hand.seconds, await desk.make()
    callers = [b"Bearer " + secret, *(b"Bearer wrong-%d" % number for number in range(40))]
    for _ in range(5):
        desk.hand.seconds += 0.01
        await asyncio.gather(*map(desk.admission.prepare, callers))
    assert desk.admission.identify(callers[0]).fleet == "team-a"
    assert desk.source.questions == 3, "one for the first caller, one for all who came meanwhile"
    for number in range(5):
        await desk.admission.prepare(b"Bearer other-%d" % number)
    assert desk.source.questions == 8
    assert desk.hand.seconds - began >= 6 * SEARCH_SECONDS


async def test_of_a_flood_of_unknown_tokens_few_wait(desk: Desk) -> None:
    await desk.book.refresh()
    desk.source.answers.clear()
    flood = [asyncio.create_task(desk.book.search(b"x%d" % number)) for number in range(SEARCHERS_MAX)]
    await asyncio.sleep(0)
    await desk.book.search(b"one more")
    desk.source.answers.set()
    await asyncio.gather(*flood)
    assert desk.source.questions == 3


async def test_a_late_answer_brings_no_revoked_token_back(desk: Desk) -> None:
    await desk.book.refresh()
    secret = await desk.make()
    desk.source.answers.clear()
    searching = asyncio.create_task(desk.book.search(secret))
    await asyncio.sleep(0)
    await desk.revoke(secret)
    refreshing = asyncio.create_task(desk.book.refresh())
    await asyncio.sleep(0)
    desk.source.answers.set()
    await asyncio.gather(searching, refreshing)
    with pytest.raises(Unauthenticated):
        desk.book.find(secret)


async def test_a_store_that_was_away_is_asked_once_more_for_the_same_token(desk: Desk) -> None:
    await desk.book.refresh()
    secret = await desk.make()
    desk.source.is_away = True
    await desk.book.search(secret)
    desk.source.is_away = False
    await desk.book.search(secret)
    assert desk.book.find(secret).fleet == "team-a"


@pytest.mark.parametrize("form", [b"bearer %b", b"BEARER   %b ", b" Bearer %b"])
async def test_the_scheme_is_compared_without_case(desk: Desk, form: bytes) -> None:
    secret = await desk.make()
    await desk.book.refresh()
    assert desk.admission.identify(form % secret).fleet == "team-a"


@pytest.mark.parametrize(
    "form", [b"%b", b"Basic %b", b"Bearer", b"Bearer ", b"Bearer %b, Bearer %b", b"Bearer x%b"]
)
async def test_other_credentials_are_refused(desk: Desk, form: bytes) -> None:
    secret = await desk.make()
    await desk.book.refresh()
    with pytest.raises(Unauthenticated):
        desk.admission.identify(form.replace(b"%b", secret))
    with pytest.raises(Unauthenticated):
        desk.admission.identify(None)


async def test_a_revoked_token_is_refused_although_its_principal_is_remembered(desk: Desk) -> None:
    secret = await desk.make()
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    desk.admission.admit(principal, "play", "hero", 1)
    await desk.revoke(secret)
    await desk.book.refresh()
    with pytest.raises(Unauthenticated, match="revoked"):
        desk.admission.admit(principal, "play", "hero", 1)


async def test_a_revoked_token_lets_nobody_in(desk: Desk) -> None:
    secret = await desk.make()
    await desk.book.refresh()
    assert len(desk.book) == 1
    await desk.revoke(secret)
    await desk.book.refresh()
    assert len(desk.book) == 0
    with pytest.raises(Unauthenticated, match="unknown or was revoked"):
        desk.admission.identify(b"Bearer " + secret)
    with pytest.raises(Unauthenticated, match="was revoked"):
        desk.book.find_named(tokens.name_of(tokens.digest_of(secret)))


async def test_expiry_is_judged_with_every_call_and_forgives_the_skew_of_clocks(desk: Desk) -> None:
    secret = await desk.make(expires_in=100.0)
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    desk.hand.seconds += 99.0 + SKEW_SECONDS
    await desk.book.refresh()
    desk.admission.admit(principal, "play", "hero", 1)
    desk.hand.seconds += 2.0
    await desk.book.refresh()
    with pytest.raises(Unauthenticated, match="expired"):
        desk.admission.admit(principal, "play", "hero", 1)
    with pytest.raises(Unauthenticated, match="expired"):
        desk.admission.identify(b"Bearer " + secret)


async def test_a_step_of_the_wall_clock_ends_a_token_within_a_second(desk: Desk) -> None:
    secret = await desk.make(expires_in=1000.0)
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    desk.admission.admit(principal, "play", "hero", 1)
    desk.hand.step = 2000.0
    desk.hand.seconds += 1.1
    with pytest.raises(Unauthenticated, match="expired"):
        desk.admission.admit(principal, "play", "hero", 1)


async def test_a_verdict_ends_exactly_with_its_token(desk: Desk) -> None:
    secret = await desk.make(expires_in=10.0)
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    desk.hand.seconds += 9.9 + SKEW_SECONDS
    desk.admission.admit(principal, "play", "hero", 1)
    desk.hand.seconds += 0.2
    with pytest.raises(Unauthenticated, match="expired"):
        desk.admission.admit(principal, "play", "hero", 1)


async def test_without_the_store_the_last_known_tokens_hold_for_a_minute_and_then_nobody_is_let_in(
    desk: Desk,
) -> None:
    secret = await desk.make()
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    desk.source.is_away = True
    desk.hand.seconds += STALE_SECONDS_MAX
    await desk.book.refresh()
    desk.admission.admit(principal, "play", "hero", 1)
    desk.hand.seconds += REFRESH_SECONDS + 1.0
    for attempt in (
        lambda: desk.admission.admit(principal, "play", "hero", 1),
        lambda: desk.admission.identify(b"Bearer " + secret),
        lambda: desk.admission.identify(b"Bearer unknown"),
    ):
        with pytest.raises(AccessUnknown):
            attempt()
    desk.source.is_away = False
    await desk.book.refresh()
    desk.admission.admit(principal, "play", "hero", 1)


async def test_before_the_first_answer_of_the_store_nobody_is_let_in(desk: Desk) -> None:
    desk.source.is_away = True
    await desk.book.refresh()
    with pytest.raises(AccessUnknown):
        desk.admission.identify(b"Bearer x")


async def test_scope_and_pattern_are_enforced(desk: Desk) -> None:
    secret = await desk.make(bots="a-*")
    await desk.book.refresh()
    principal = desk.admission.identify(b"Bearer " + secret)
    desk.admission.admit(principal, "read", "a-1", 0)
    with pytest.raises(NotAllowed):
        desk.admission.admit(principal, "fleet", "a-1", 1)
    with pytest.raises(NotAllowed):
        desk.admission.admit(principal, "play", "b-1", 1)


async def test_a_damaged_token_lets_nobody_in_and_stops_no_other(desk: Desk) -> None:
    good = await desk.make()
    await desk.source.store.put_token(AccessToken(tokens.digest_of(b"x"), "x", "No Fleet", "*", "play"))
    await desk.book.refresh()
    assert desk.book.find(good).fleet == "team-a"
    with pytest.raises(Unauthenticated):
        desk.book.find(b"x")


def test_secrets_are_long_and_differ() -> None:
    made = {tokens.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {46}
