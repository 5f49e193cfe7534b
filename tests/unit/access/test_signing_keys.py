"""The cache of an identity provider's keys: shared requests, rotation, withdrawal, and a provider away."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from dungeonfighter.access.signing_keys import (
    KEY_SECONDS_MAX,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    SEARCH_SECONDS,
    UNKNOWN_SECONDS,
    KeyCache,
    ProviderUnavailable,
    read_key_set,
)
from tests.provider import Key, key_set
from tests.unit.access.hand import Hand

RSA_KEY, EC_KEY, ED_KEY = Key("rsa", "RS256"), Key("ec"), Key("ed", "EdDSA")


class Endpoint:
    """Answers with these keys, or fails; a closed gate keeps requests waiting."""

    def __init__(self, *keys: Key) -> None:
        self.keys = keys
        self.is_away = False
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> bytes:
        self.asked += 1
        await self.gate.wait()
        if self.is_away:
            raise ProviderUnavailable("away")
        return key_set(*self.keys)


async def test_each_key_is_for_its_own_algorithm() -> None:
    hand = Hand()
    cache = KeyCache(Endpoint(RSA_KEY, EC_KEY, ED_KEY).fetch, hand)
    await cache.refresh()
    assert cache.is_known
    for key in (RSA_KEY, EC_KEY, ED_KEY):
        found = cache.find(key.kid, key.algorithm)
        assert found is not None
        assert found.kid == key.kid
        for other in {"none", "HS256", "RS256", "RS512", "PS256", "ES256", "EdDSA"} - {key.algorithm}:
            assert cache.find(key.kid, other) is None
    assert cache.find("other", "ES256") is None


async def test_without_a_name_the_only_key_for_the_algorithm_is_found() -> None:
    endpoint = Endpoint(RSA_KEY, EC_KEY)
    cache = KeyCache(endpoint.fetch, Hand())
    await cache.refresh()
    assert cache.find(None, "ES256") is not None
    endpoint.keys = (RSA_KEY, EC_KEY, Key("second"))
    await cache.refresh()
    assert cache.find(None, "ES256") is None


async def test_an_order_to_read_now_does_not_take_the_answer_to_an_earlier_request() -> None:
    endpoint = Endpoint(EC_KEY)
    cache = KeyCache(endpoint.fetch, Hand())
    endpoint.gate.clear()
    waiting = [asyncio.create_task(cache.refresh()), asyncio.create_task(cache.refresh_now())]
    while not endpoint.asked:  # noqa: ASYNC110 (no event shows it)
        await asyncio.sleep(0)
    endpoint.gate.set()
    await asyncio.gather(*waiting)
    assert endpoint.asked == 2


async def test_callers_at_the_same_time_share_one_request() -> None:
    endpoint = Endpoint(EC_KEY)
    endpoint.gate.clear()
    cache = KeyCache(endpoint.fetch, Hand())
    waiting = [asyncio.create_task(cache.search()) for _ in range(50)]
    for _ in range(10):
        await asyncio.sleep(0)
    endpoint.gate.set()
    await asyncio.gather(*waiting)
    assert endpoint.asked == 1
    assert cache.is_known


async def test_a_caller_that_leaves_does_not_end_the_request_of_the_others() -> None:
    endpoint = Endpoint(EC_KEY)
    endpoint.gate.clear()
    cache = KeyCache(endpoint.fetch, Hand())
    first, second = asyncio.create_task(cache.search()), asyncio.create_task(cache.search())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    endpoint.gate.set()
    await second
    assert endpoint.asked == 1
    assert cache.is_known


async def test_unknown_names_lead_to_one_request_a_minute_and_evict_no_key() -> None:
    hand, endpoint = Hand(), Endpoint(EC_KEY)
    cache = KeyCache(endpoint.fetch, hand)
    await cache.refresh()
    for _ in range(100):
        await cache.search()
    assert endpoint.asked == 2  # a scheduled refresh does not delay the search for a new key
    hand.seconds += SEARCH_SECONDS - 1.0
    await cache.search()
    assert endpoint.asked == 2
    hand.seconds += 1.0
    rotated = Key("rotated")
    endpoint.keys = (EC_KEY, rotated)
    await cache.search()
    assert endpoint.asked == 3
    assert cache.find("rotated", "ES256") is not None
    assert cache.find("ec", "ES256") is not None


async def test_the_keys_count_for_a_day_while_the_provider_is_away() -> None:
    hand, endpoint = Hand(), Endpoint(EC_KEY)
    cache = KeyCache(endpoint.fetch, hand)
    await cache.refresh()
    endpoint.is_away = True
    hand.seconds += KEY_SECONDS_MAX - 1.0
    await cache.refresh()
    assert cache.find("ec", "ES256") is not None
    hand.seconds += 2.0
    assert cache.find("ec", "ES256") is None
    assert not cache.is_known
    endpoint.is_away = False
    await cache.refresh()
    assert cache.find("ec", "ES256") is not None


async def test_a_key_that_is_gone_counts_no_more_and_an_equal_one_stays_the_same() -> None:
    hand, endpoint = Hand(), Endpoint(EC_KEY, ED_KEY)
    changes: list[int] = []
    cache = KeyCache(endpoint.fetch, hand, lambda: changes.append(1))
    await cache.refresh()
    gone, kept = cache.find("ec", "ES256"), cache.find("ed", "EdDSA")
    assert gone is not None
    await cache.refresh()
    assert changes == [1]
    endpoint.keys = (ED_KEY,)
    await cache.refresh()
    assert changes == [1, 1]
    assert cache.find("ec", "ES256") is None
    assert gone.valid_until < hand.now()
    assert cache.find("ed", "EdDSA") is kept


async def test_an_answer_without_keys_is_a_failure_and_keeps_the_last_ones() -> None:
    endpoint = Endpoint(EC_KEY)
    cache = KeyCache(endpoint.fetch, Hand())
    await cache.refresh()
    endpoint.keys = ()
    await cache.refresh()
    assert cache.find("ec", "ES256") is not None


async def test_the_set_is_read_regularly_and_sooner_after_a_failure() -> None:
    endpoint = Endpoint(EC_KEY)
    slept: list[float] = []

    class Counted(Hand):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            endpoint.is_away = len(slept) == 2
            if len(slept) == 4:
                raise asyncio.CancelledError

    cache = KeyCache(endpoint.fetch, Counted())
    await cache.refresh()
    with pytest.raises(asyncio.CancelledError):
        await cache.keep_fresh()
    assert slept == [REFRESH_SECONDS, REFRESH_SECONDS, RETRY_SECONDS, REFRESH_SECONDS]


async def test_without_any_key_the_set_is_read_sooner() -> None:
    endpoint = Endpoint(EC_KEY)
    endpoint.is_away = True
    slept: list[float] = []

    class Counted(Hand):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                raise asyncio.CancelledError

    cache = KeyCache(endpoint.fetch, Counted())
    await cache.refresh()
    with pytest.raises(asyncio.CancelledError):
        await cache.keep_fresh()
    assert slept == [UNKNOWN_SECONDS] * 3


async def test_a_failure_of_our_own_reaches_no_caller() -> None:
    async def fetch() -> bytes:
        raise RuntimeError("broken")

    cache = KeyCache(fetch, Hand())
    await cache.search()
    assert not cache.is_known


def without(key: Key, *names: str, **more: object) -> dict[str, Any]:
    return {name: value for name, value in key.jwk.items() if name not in names} | more


SHORT = base64.urlsafe_b64encode(b"\xff" * 128).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"},
        without(EC_KEY, use="enc"),
        without(EC_KEY, key_ops=["sign"]),
        without(EC_KEY, alg="ES384"),
        without(EC_KEY, alg="none"),
        without(EC_KEY, kid=5),
        without(EC_KEY, "x"),
        without(EC_KEY, crv="secp256k1"),
        without(EC_KEY, d="AQ"),
        without(RSA_KEY, n=SHORT),
        without(RSA_KEY, n=5),
        {},
    ],
)
def test_a_key_that_cannot_be_used_is_left_out(jwk: dict[str, Any]) -> None:
    good = ED_KEY.jwk
    found = read_key_set(json.dumps({"keys": [jwk, good]}).encode())
    assert [key.kid for key in found] == ["ed"]
    with pytest.raises(ProviderUnavailable):
        read_key_set(json.dumps({"keys": [jwk]}).encode())


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"keys":5}', b'{"keys":[5]}', b"\xff", b"[" * 9999]
)
def test_an_answer_that_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        read_key_set(body)


def test_a_key_may_come_without_name_and_algorithm() -> None:
    (found,) = read_key_set(json.dumps({"keys": [without(RSA_KEY, "kid", "alg", "use")]}).encode())
    assert found.kid is None
    assert {"RS256", "PS512"} <= set(found.algorithms)
