"""Tokens of an identity provider: their claims, every kind of forged one, and the times at which they end."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from dungeonfighter.access.json_web_tokens import LEEWAY_SECONDS, LIFETIME_SECONDS_MAX, TOKEN_BYTES_MAX
from dungeonfighter.access.jwt_admission import JwtAdmission
from dungeonfighter.access.protected_resource import ProtectedResource
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.access.signing_keys import KEY_SECONDS_MAX, SEARCH_SECONDS, KeyCache, ProviderUnavailable
from dungeonfighter.errors import AccessUnknown, NotAllowed, ScopeMissing, Unauthenticated
from tests.provider import Key, key_set
from tests.unit.access.hand import Hand

ISSUER = "https://login.example.org/realm"
RESOURCE = ProtectedResource("https://game.example.org", ISSUER)
KEY, RSA_KEY, STRANGE = Key("a"), Key("rsa", "RS256"), Key("a")


class Desk:
    """An admission with its clock and its provider."""

    def __init__(self, *audiences: str) -> None:
        self.hand = Hand()
        self.published = [KEY, RSA_KEY]
        self.is_away = False
        self.asked = 0
        self.cache = KeyCache(self.fetch, self.hand)
        rates = Rates(RateSettings(), self.hand.now)
        self.admission = JwtAdmission(rates, self.hand, self.cache, RESOURCE, audiences)

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.is_away:
            raise ProviderUnavailable("away")
        return key_set(*self.published)

    def claims(self, **changed: object) -> dict[str, Any]:
        now = self.hand.wall()
        claims = {
            "iss": ISSUER, "sub": "ada", "aud": RESOURCE.url, "exp": now + 3600.0, "iat": now,
            "fleet": "team-a", "scope": "openid play",
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changed}.items() if value is not ...}

    def token(self, key: Key = KEY, header: dict[str, object] | None = None, **changed: object) -> bytes:
        return key.sign(self.claims(**changed), **(header or {})).encode()

    async def enter(self, token: bytes) -> Any:
        authorization = b"Bearer " + token
        await self.admission.prepare(authorization)
        return self.admission.identify(authorization)


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.cache.refresh()
    return desk


async def test_claims_become_a_principal(desk: Desk) -> None:
    principal = await desk.enter(
        desk.token(bots="a-*", scope="play fleet openid", turns_required=True, sub="grace")
    )
    assert (principal.fleet, principal.bots) == ("team-a", "a-*")
    assert principal.scopes == {"read", "play", "fleet"}
    assert principal.turns_required
    assert principal.expires_at == desk.hand.wall() + 3600.0
    assert desk.asked == 1


async def test_without_its_claims_a_token_is_for_all_bots_of_its_fleet_and_may_read(desk: Desk) -> None:
    principal = await desk.enter(desk.token(scope=...))
    assert (principal.bots, principal.scopes, principal.turns_required) == ("*", {"read"}, False)


@pytest.mark.parametrize(
    "scopes", [{"scp": "play fleet"}, {"scp": ["play", "fleet"]}, {"scope": ["play", "fleet"]}]
)
async def test_scopes_come_in_the_forms_of_different_providers(desk: Desk, scopes: dict[str, Any]) -> None:
    principal = await desk.enter(desk.token(**{"scope": ..., **scopes}))
    assert principal.scopes == {"read", "play", "fleet"}


@pytest.mark.parametrize("audience", [RESOURCE.url, f"{RESOURCE.url}/", ["account", RESOURCE.url]])
async def test_the_resource_is_the_audience_with_and_without_a_slash(desk: Desk, audience: Any) -> None:
    assert (await desk.enter(desk.token(aud=audience))).fleet == "team-a"


async def test_audiences_of_the_operator_replace_the_resource() -> None:
    desk = Desk("client-1", "client-2")
    await desk.cache.refresh()
    assert (await desk.enter(desk.token(aud="client-2"))).fleet == "team-a"
    with pytest.raises(Unauthenticated, match="another audience"):
        await desk.enter(desk.token(aud=RESOURCE.url))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_the_usual_algorithms_are_accepted(desk: Desk, algorithm: str) -> None:
    key = Key("one", algorithm)
    desk.published = [key]
    assert (await desk.enter(desk.token(key))).fleet == "team-a"


@pytest.mark.parametrize("authorization", [None, b"", b"Basic YTpi", b"Bearer", b"Bearer  "])
async def test_a_caller_without_a_token_learns_where_tokens_come_from(
    desk: Desk, authorization: bytes | None
) -> None:
    await desk.admission.prepare(authorization)
    with pytest.raises(Unauthenticated) as caught:
        desk.admission.identify(authorization)
    assert caught.value.challenge == (
        'Bearer scope="play", '
        'resource_metadata="https://game.example.org/.well-known/oauth-protected-resource/mcp"'
    )


def forged(header: object, claims: object, signature: bytes = b"x") -> bytes:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def with_public_key_as_secret(desk: Desk) -> bytes:
    """Return an HS256 token whose secret is the public RSA key: a verifier that believes `alg` accepts it."""
    secret = RSA_KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = forged({"alg": "HS256", "kid": "rsa"}, desk.claims()).rpartition(b".")[0]
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, sha256)).rstrip(b"=")
    return signed + b"." + signature


def changed(token: bytes, **claims: object) -> bytes:
    header, payload, signature = token.split(b".")
    original = json.loads(base64.urlsafe_b64decode(payload + b"=="))
    new = base64.urlsafe_b64encode(json.dumps({**original, **claims}).encode()).rstrip(b"=")
    return b".".join([header, new, signature])


NESTED: Any = json.loads("[" * 500 + "]" * 500)
HOSTILE: dict[str, Callable[[Desk], bytes]] = {
    "none": lambda desk: forged({"alg": "none"}, desk.claims()),
    "none with a name": lambda desk: forged({"alg": "none", "kid": "a"}, desk.claims()),
    "None": lambda desk: forged({"alg": "None", "kid": "a"}, desk.claims()),
    "no signature": lambda desk: forged({"alg": "none", "kid": "a"}, desk.claims(), b""),
    "signature cut off": lambda desk: desk.token().rpartition(b".")[0] + b".",
    "public key as secret": with_public_key_as_secret,
    "another key of that name": lambda desk: desk.token(STRANGE),
    "jku": lambda desk: desk.token(STRANGE, {"jku": "https://evil.example.org/keys"}),
    "x5u": lambda desk: desk.token(STRANGE, {"x5u": "https://evil.example.org/cert"}),
    "jwk": lambda desk: desk.token(STRANGE, {"jwk": STRANGE.jwk}),
    "jwk without a name": lambda desk: desk.token(STRANGE, {"jwk": STRANGE.jwk, "kid": "zz"}),
    "x5c": lambda desk: desk.token(STRANGE, {"x5c": ["MIIB"]}),
    "unknown key": lambda desk: desk.token(Key("other")),
    "name of another key": lambda desk: desk.token(KEY, {"kid": "rsa"}),
    "path as name": lambda desk: desk.token(KEY, {"kid": "../../dev/null"}),
    "name of wrong type": lambda desk: forged({"alg": "ES256", "kid": 7}, desk.claims()),
    "algorithm of wrong type": lambda desk: forged({"alg": ["ES256"], "kid": "a"}, desk.claims()),
    "no algorithm": lambda desk: forged({"kid": "a"}, desk.claims()),
    "critical extension": lambda desk: desk.token(KEY, {"crit": ["x"], "x": 1}),
    "unencoded payload": lambda desk: forged({"alg": "ES256", "kid": "a", "b64": False}, desk.claims()),
    "changed claims": lambda desk: changed(desk.token(), fleet="team-b"),
    "64 KB": lambda desk: desk.token(more="x" * 65_536),
    "just too long": lambda desk: desk.token(more="x" * TOKEN_BYTES_MAX),
    "64 KB of dots": lambda _: b"." * 65_536,
    "64 KB of brackets": lambda _: forged("[" * 6000, "[" * 100),
    "deep claims": lambda desk: forged({"alg": "ES256", "kid": "a"}, desk.claims(deep=NESTED)),
    "deep header": lambda desk: forged({"alg": "ES256", "deep": NESTED}, desk.claims()),
    "list as claims": lambda _: forged({"alg": "ES256", "kid": "a"}, [1]),
    "text as claims": lambda _: forged({"alg": "ES256", "kid": "a"}, "x"),
    "bytes that are no UTF-8": lambda _: base64.urlsafe_b64encode(b'{"alg":"\xff"}  ') + b".e30.e30",
    "not a number": lambda desk: forged({"alg": "ES256", "kid": "a"}, desk.claims(exp=float("nan"))),
    "encrypted": lambda _: b"a.b.c.d.e",
    "two parts": lambda _: b"a.b",
    "empty parts": lambda _: b"..",
    "padding": lambda desk: desk.token() + b"=",
    "other alphabet": lambda desk: desk.token().replace(b".", b"+.", 1),
    "not ASCII": lambda desk: desk.token() + b"\xff",
    "two tokens": lambda desk: desk.token() + b", Bearer " + desk.token(),
    "another issuer": lambda desk: desk.token(iss="https://evil.example.org"),
    "issuer with a slash": lambda desk: desk.token(iss=f"{ISSUER}/"),
    "another audience": lambda desk: desk.token(aud="https://other.example.org/mcp"),
    "beginning of the audience": lambda desk: desk.token(aud="https://game.example.org"),
    "several other audiences": lambda desk: desk.token(aud=["a", "b"]),
    "no audience in the list": lambda desk: desk.token(aud=[]),
    "audience of wrong type": lambda desk: desk.token(aud={"a": 1}),
    "audiences of wrong type": lambda desk: desk.token(aud=[RESOURCE.url, 5]),
    "expired": lambda desk: desk.token(exp=desk.hand.wall() - LEEWAY_SECONDS - 1.0),
    "not valid yet": lambda desk: desk.token(nbf=desk.hand.wall() + LEEWAY_SECONDS + 1.0),
    "valid for ever": lambda desk: desk.token(exp=desk.hand.wall() + LIFETIME_SECONDS_MAX + 60.0),
    "expiry as text": lambda desk: desk.token(exp="9999999999"),
    "expiry as truth": lambda desk: desk.token(exp=True),
    "endless expiry": lambda desk: desk.token(exp=10**400),
    "fleet of wrong type": lambda desk: desk.token(fleet=["team-a"]),
    "malformed fleet": lambda desk: desk.token(fleet="Team A/../b"),
    "no fleet": lambda desk: desk.token(fleet=...),
    "malformed pattern": lambda desk: desk.token(bots="*a*"),
    "pattern of wrong type": lambda desk: desk.token(bots=None),
    "scope of wrong type": lambda desk: desk.token(scope=5),
    "scopes of wrong type": lambda desk: desk.token(scope=["play", 5]),
    "demand of wrong type": lambda desk: desk.token(turns_required="yes"),
    "subject of wrong type": lambda desk: desk.token(sub=["ada"]),
    "empty subject": lambda desk: desk.token(sub=""),
    "issuer of wrong type": lambda desk: forged({"alg": "ES256", "kid": "a"}, desk.claims(iss=[ISSUER])),
    "name of the token of wrong type": lambda desk: desk.token(jti=5),
    "without issuer": lambda desk: desk.token(iss=...),
    "without subject": lambda desk: desk.token(sub=...),
    "without audience": lambda desk: desk.token(aud=...),
    "without expiry": lambda desk: desk.token(exp=...),
}  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
async def test_a_forged_or_unfit_token_is_refused_as_invalid(
    desk: Desk, make: Callable[[Desk], bytes]
) -> None:
    token = make(desk)
    for _ in range(2):
        with pytest.raises(Unauthenticated) as caught:
            await desk.enter(token)
        assert caught.value.challenge.startswith('Bearer error="invalid_token", scope="play", ')
        assert len(token) < 20 or token[:20].decode("latin-1") not in str(caught.value)
    assert desk.asked <= 2
    assert (await desk.enter(desk.token())).fleet == "team-a"


@settings(deadline=None)  # the machine may be busy
@given(
    places=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 400) | st.none(),
)
async def test_a_damaged_token_is_refused_and_breaks_no_part(
    places: list[tuple[int, int]], cut: int | None
) -> None:
    desk = Desk()
    await desk.cache.refresh()
    original = desk.token()
    damaged = bytearray(original)
    for place, change in places:
        damaged[place % len(damaged)] ^= change
    try:
        await desk.enter(bytes(damaged[:cut]))
    except Unauthenticated:
        return
    # The last character of a part has bits that its bytes do not have; two changes may undo each other.
    assert bytes(damaged).rpartition(b".")[0] == original.rpartition(b".")[0]


@pytest.mark.parametrize(
    "authorization", [b"\xff", b"Bearer \0", b"Bearer a.b.c", b"bearer =.=.=", b"," * 9000]
)
async def test_other_credentials_are_refused(desk: Desk, authorization: bytes) -> None:
    await desk.admission.prepare(authorization)
    with pytest.raises(Unauthenticated):
        desk.admission.identify(authorization)


async def test_unknown_claims_have_no_effect(desk: Desk) -> None:
    principal = await desk.enter(desk.token(KEY, {"jku": "https://x.example.org", "typ": "at+jwt"}, more=[1]))
    assert principal.fleet == "team-a"


async def test_a_token_of_a_new_key_is_accepted_after_one_search(desk: Desk) -> None:
    rotated = Key("rotated")
    desk.published = [KEY, rotated]
    assert (await desk.enter(desk.token(rotated))).fleet == "team-a"
    assert desk.asked == 2
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            await desk.enter(desk.token(Key("unknown")))
    assert desk.asked == 2
    desk.hand.seconds += SEARCH_SECONDS
    with pytest.raises(Unauthenticated):
        await desk.enter(desk.token(Key("unknown")))
    assert desk.asked == 3


async def test_expiry_is_judged_with_every_call_and_forgives_the_skew_of_clocks(desk: Desk) -> None:
    principal = await desk.enter(desk.token())
    desk.hand.seconds += 3600.0 + LEEWAY_SECONDS - 1.0
    desk.admission.admit(principal, "play", "hero", 1)
    desk.hand.seconds += 1.0
    with pytest.raises(Unauthenticated, match="expired") as caught:
        desk.admission.admit(principal, "play", "hero", 1)
    assert 'error="invalid_token"' in caught.value.challenge


async def test_a_token_from_a_clock_that_is_ahead_is_accepted(desk: Desk) -> None:
    now = desk.hand.wall()
    assert await desk.enter(desk.token(iat=now + 3000.0, nbf=now + LEEWAY_SECONDS - 1.0))


async def test_a_withdrawn_key_ends_its_tokens_also_those_that_are_remembered(desk: Desk) -> None:
    token, other = desk.token(), desk.token(RSA_KEY)
    principal, kept = await desk.enter(token), await desk.enter(other)
    desk.published = [RSA_KEY]
    await desk.cache.refresh()
    with pytest.raises(Unauthenticated, match="withdrawn"):
        desk.admission.admit(principal, "play", "hero", 1)
    with pytest.raises(Unauthenticated):
        await desk.enter(token)
    desk.admission.admit(kept, "play", "hero", 1)
    assert await desk.enter(other)


async def test_without_the_provider_its_keys_hold_for_a_day_and_then_nobody_is_let_in(desk: Desk) -> None:
    end = desk.hand.wall() + 2 * KEY_SECONDS_MAX
    token = desk.token(exp=end)
    principal = await desk.enter(token)
    desk.is_away = True
    desk.hand.seconds += KEY_SECONDS_MAX - 1.0
    desk.admission.admit(principal, "play", "hero", 1)
    assert await desk.enter(desk.token(exp=end + 1.0))
    desk.hand.seconds += 2.0
    with pytest.raises(AccessUnknown):
        desk.admission.admit(principal, "play", "hero", 1)
    with pytest.raises(AccessUnknown):
        await desk.enter(token)
    desk.is_away = False
    await desk.cache.refresh()
    desk.admission.admit(principal, "play", "hero", 1)


async def test_before_the_first_answer_of_the_provider_nobody_is_let_in() -> None:
    desk = Desk()
    desk.is_away = True
    with pytest.raises(AccessUnknown):
        await desk.enter(desk.token())
    desk.is_away = False
    desk.hand.seconds += SEARCH_SECONDS
    assert await desk.enter(desk.token())


async def test_a_missing_scope_names_all_that_the_call_needs(desk: Desk) -> None:
    principal = await desk.enter(desk.token())
    desk.admission.admit(principal, "read", "hero", 0)
    with pytest.raises(ScopeMissing) as caught:
        desk.admission.admit(principal, "fleet", "hero", 1)
    assert caught.value.challenge == (
        'Bearer error="insufficient_scope", scope="play fleet", '
        'resource_metadata="https://game.example.org/.well-known/oauth-protected-resource/mcp"'
    )


async def test_the_pattern_is_enforced(desk: Desk) -> None:
    principal = await desk.enter(desk.token(bots="a-*"))
    desk.admission.admit(principal, "play", "a-1", 1)
    with pytest.raises(NotAllowed) as caught:
        desk.admission.admit(principal, "play", "b-1", 1)
    assert not isinstance(caught.value, Unauthenticated | ScopeMissing)


async def test_a_renewed_token_is_the_same_caller(desk: Desk) -> None:
    first = await desk.enter(desk.token())
    second = await desk.enter(desk.token(exp=desk.hand.wall() + 4000.0))
    other = await desk.enter(desk.token(sub="grace"))
    assert first.token == second.token != other.token


async def test_a_verified_token_is_not_verified_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    token = desk.token()
    principal = await desk.enter(token)
    monkeypatch.delattr("dungeonfighter.access.json_web_tokens.jwt.decode")
    assert await desk.enter(token) is principal
