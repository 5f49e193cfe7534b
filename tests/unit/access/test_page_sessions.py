"""Sessions of the watch page: sealed, bound to a living token, of bounded lifetime."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
import pytest

from dungeonfighter.access import tokens
from dungeonfighter.access.page_sessions import SESSION_SECONDS, VALUE_CHARS, PageSessions
from dungeonfighter.access.token_book import REFRESH_SECONDS, STALE_SECONDS_MAX
from dungeonfighter.errors import AccessUnknown, Unauthenticated
from tests.unit.access.test_token_book import Desk


class Office(Desk):
    """A desk with the sessions of its tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions = PageSessions(self.book, self.hand)

    async def make(self, *, bots: str = "*", expires_in: float = 0.0) -> bytes:
        secret = await super().make(bots=bots, expires_in=expires_in)
        await self.book.refresh()
        return secret

    async def revoke(self, secret: bytes) -> None:
        [token] = [one for one in await self.source.tokens_after(0) if one.digest == tokens.digest_of(secret)]
        await self.source.store.put_token(msgspec.structs.replace(token, revoked_at=self.hand.wall()))
        await self.book.refresh()


async def test_a_session_is_its_callers_until_its_end() -> None:
    office = Office()
    secret = await office.make(bots="a-*")
    opened = await office.sessions.open(secret)
    assert office.sessions.find(opened.value) == opened
    assert opened.principal is office.book.find(secret)
    office.hand.seconds += SESSION_SECONDS - 1
    await office.book.refresh()
    assert office.sessions.find(opened.value) == opened
    office.hand.seconds += 1
    with pytest.raises(Unauthenticated):
        office.sessions.find(opened.value)


async def test_a_session_ends_with_its_token() -> None:
    office = Office()
    short = await office.sessions.open(await office.make(expires_in=60))
    assert short.expires_at == office.hand.wall() + 60
    office.hand.seconds += 60
    await office.book.refresh()
    with pytest.raises(Unauthenticated):
        office.sessions.find(short.value)


async def test_a_revoked_token_ends_its_sessions() -> None:
    office = Office()
    secret, other = await office.make(), await office.make()
    ended, going = await office.sessions.open(secret), await office.sessions.open(other)
    await office.revoke(secret)
    with pytest.raises(Unauthenticated):
        office.sessions.find(ended.value)
    assert office.sessions.find(going.value) == going
    assert len(office.book._digests) == len(office.book) == 1


async def test_another_server_of_the_store_reads_the_session() -> None:
    office, replica = Office(), Office()
    opened = await office.sessions.open(await office.make())
    replica.source.store = office.source.store
    await replica.book.refresh()
    assert replica.sessions.find(opened.value).principal.fleet == opened.principal.fleet


async def test_a_copy_of_the_store_does_not_suffice_where_there_is_a_signing_key() -> None:
    office = Office()
    secret = await office.make()
    thief = PageSessions(office.book, office.hand)
    mine, other = (PageSessions(office.book, office.hand, key) for key in ("a" * 16, "b" * 16))
    for sessions in (thief, other):
        with pytest.raises(Unauthenticated):
            mine.find((await sessions.open(secret)).value)
    value = (await mine.open(secret)).value
    assert mine.find(value).value == value
    mine.use("a" * 16 + "\n" + "b" * 16)  # a further secret, as a rotation begins
    assert mine.find(value).value == value
    mine.use("b" * 16 + "\n" + "a" * 16)
    with pytest.raises(Unauthenticated):
        mine.find(value)


async def test_an_unknown_token_opens_no_session() -> None:
    office = Office()
    await office.book.refresh()
    with pytest.raises(Unauthenticated):
        await office.sessions.open(b"df_wrong")


async def test_nobody_is_let_in_when_the_tokens_are_too_old() -> None:
    office = Office()
    opened = await office.sessions.open(await office.make())
    office.hand.seconds += REFRESH_SECONDS + STALE_SECONDS_MAX + 1
    with pytest.raises(AccessUnknown):
        office.sessions.find(opened.value)


async def test_the_value_does_not_reveal_the_token() -> None:
    office = Office()
    secret = await office.make()
    value = (await office.sessions.open(secret)).value
    content = urlsafe_b64decode(value + "==")
    for part in (secret, secret[3:], urlsafe_b64decode(secret[3:] + b"="), tokens.digest_of(secret)):
        assert part not in content
        assert part not in value.encode()
    assert len(value) == VALUE_CHARS
    assert value != (await office.sessions.open(secret)).value


async def test_every_changed_bit_is_refused() -> None:
    office = Office()
    value = (await office.sessions.open(await office.make())).value
    content = urlsafe_b64decode(value + "==")
    for at in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[at] ^= 1 << bit
            with pytest.raises(Unauthenticated):
                office.sessions.find(urlsafe_b64encode(changed).rstrip(b"=").decode())


async def test_a_session_of_another_token_cannot_be_borrowed() -> None:
    """The name of one token with the seal of another."""
    office = Office()
    mine, yours = [(await office.sessions.open(await office.make())).value for _ in range(2)]
    first, second = (urlsafe_b64decode(one + "==") for one in (mine, yours))
    mixed = first[: tokens.NAME_BYTES] + second[tokens.NAME_BYTES :]
    with pytest.raises(Unauthenticated):
        office.sessions.find(urlsafe_b64encode(mixed).rstrip(b"=").decode())


@pytest.mark.parametrize(
    "value", ["", "x", "A" * VALUE_CHARS, "A" * 5000, "\xff" * VALUE_CHARS, "=" * VALUE_CHARS]
)
async def test_anything_else_is_refused(value: str) -> None:
    office = Office()
    await office.make()
    with pytest.raises(Unauthenticated):
        office.sessions.find(value)


async def test_a_session_of_a_new_token_is_known_to_the_other_servers_at_once() -> None:
    office, other = Office(), Office()
    other.source.store = office.source.store
    await other.book.refresh()
    value = (await office.sessions.open(await office.make())).value
    await other.sessions.prepare(value)
    assert other.sessions.find(value).principal.fleet == "team-a"
    await other.sessions.prepare("x" * VALUE_CHARS)
    await other.sessions.prepare("no session")
