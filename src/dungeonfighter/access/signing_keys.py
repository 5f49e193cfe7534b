"""The public keys of an identity provider, kept in memory, so that no call waits for the provider.

`KeyCache` reads the key set every `REFRESH_SECONDS`, and besides when a token names an unknown key, for that
reason at most once in `SEARCH_SECONDS`. A key that is no longer in the set counts no more. While the provider
does not answer, or answers without a usable key, its last keys count for `KEY_SECONDS_MAX`.

Source: RFC 7517.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import jwt
import msgspec
from msgspec import Struct

from dungeonfighter.hosting.ports import Clock

REFRESH_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 10.0
"""The pause after a failed refresh while the last keys count."""
UNKNOWN_SECONDS: Final = 2.0
"""The pause after a refresh that leaves the cache without any key."""
SEARCH_SECONDS: Final = 60.0
KEY_SECONDS_MAX: Final = 24 * 3600.0
_KEYS_MAX: Final = 64
_RSA_BITS_MIN: Final = 2048
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHMS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""The algorithms of each kind of key, by its type and curve; symmetric ones are not among them."""
_PUBLIC: Final = ("kid", "kty", "crv", "alg", "n", "e", "x", "y")

logger = logging.getLogger(__name__)


class ProviderUnavailable(Exception):
    """The provider did not answer with a key set that can be used."""


class SigningKey:
    """One public key.

    Attributes:
        kid: Its name; None without one.
        algorithms: The algorithms that may use it.
        public: The key for `jwt.decode`.
        identity: Equal for equal keys.
        valid_until: The monotonic time after which it counts no more.
    """

    __slots__ = ("algorithms", "identity", "kid", "public", "valid_until")

    def __init__(self, kid: str | None, algorithms: tuple[str, ...], public: Any, identity: bytes) -> None:
        self.kid = kid
        self.algorithms = algorithms
        self.public = public
        self.identity = identity
        self.valid_until = 0.0


class _KeySet(Struct):
    keys: list[dict[str, Any]]


_decode: Final = msgspec.json.Decoder(_KeySet).decode


def read_key_set(body: bytes) -> list[SigningKey]:
    """Return the usable keys of a key set; a key that cannot be used is logged and left out.

    Raises:
        ProviderUnavailable: It is no key set, or contains no usable key.
    """
    try:
        found = _decode(body).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderUnavailable(f"the answer is no key set: {error}") from None
    keys = []
    for data in found[:_KEYS_MAX]:
        try:
            keys.append(_read_key(data))
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            logger.warning("the key %.40r of the identity provider is not used: %s", data.get("kid"), error)
    if not keys:
        raise ProviderUnavailable("the key set contains no key that can be used")
    return keys


def _read_key(data: dict[str, Any]) -> SigningKey:
    """Return a key.

    Raises:
        ValueError, TypeError, jwt.PyJWTError: It is no public key for signatures.
    """
    kid = data.get("kid")
    if not isinstance(kid, str | None):
        raise TypeError("its name is no text")
    algorithms = _ALGORITHMS.get((str(data.get("kty")), str(data.get("crv", ""))), ())
    if "alg" in data:
        algorithms = tuple(one for one in algorithms if one == data["alg"])
    is_for_signatures = data.get("use", "sig") == "sig" and "verify" in data.get("key_ops", ["verify"])
    if not algorithms or not is_for_signatures:
        raise ValueError("it is not for signatures that are accepted here")
    if "d" in data:
        raise ValueError("it is a private key")
    public = jwt.PyJWK(data, algorithm=algorithms[0]).key
    if algorithms[0] in _RSA and public.key_size < _RSA_BITS_MIN:
        raise ValueError(f"it has fewer than {_RSA_BITS_MIN} bits")
    identity = msgspec.json.encode([data.get(name) for name in _PUBLIC])
    return SigningKey(kid, algorithms, public, identity)


class KeyCache:
    """The keys of one identity provider.

    Args:
        fetch: Returns the key set as JSON; raises `ProviderUnavailable`.
        clock: Time.
        on_change: Called after keys were added or removed.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[bytes]], clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._fetch = fetch
        self._clock = clock
        self.on_change = on_change
        self._keys: dict[bytes, SigningKey] = {}
        self._flight: asyncio.Task[None] | None = None
        self._search_from = clock.now()
        self._has_failed = False

    @property
    def is_known(self) -> bool:
        """True while there is a key that counts."""
        now = self._clock.now()
        return any(key.valid_until >= now for key in self._keys.values())

    def find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """Return the key of this name for this algorithm; without a name, the only key for the algorithm."""
        now = self._clock.now()
        fitting = [
            key
            for key in self._keys.values()
            if algorithm in key.algorithms and key.valid_until >= now and (kid is None or key.kid == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    async def refresh(self) -> None:
        """Read the key set; a failure is logged. Callers at the same time share one request."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.get_running_loop().create_task(self._read())
        await asyncio.shield(self._flight)

    async def refresh_now(self) -> None:
        """Read the key set as it is now; an earlier request that is under way may return an older one."""
        if self._flight is not None and not self._flight.done():
            await asyncio.wait({self._flight})
        await self.refresh()

    async def search(self) -> None:
        """Read the key set because a key is unknown, unless that was done less than a minute ago."""
        if self._flight is None or self._flight.done():
            now = self._clock.now()
            if now < self._search_from:
                return
            self._search_from = now + SEARCH_SECONDS
        await self.refresh()

    async def keep_fresh(self) -> None:
        """Refresh until cancelled."""
        while True:
            retry = RETRY_SECONDS if self.is_known else UNKNOWN_SECONDS
            await self._clock.sleep(retry if self._has_failed else REFRESH_SECONDS)
            await self.refresh()

    async def _read(self) -> None:
        asked_at = self._clock.now()
        try:
            found = read_key_set(await self._fetch())
        except ProviderUnavailable as error:
            self._has_failed = True
            logger.warning("the keys of the identity provider cannot be read: %s", error)
        except Exception:
            self._has_failed = True
            logger.exception("the keys of the identity provider cannot be read")
        else:
            self._has_failed = False
            self._replace(found, asked_at + KEY_SECONDS_MAX)

    def _replace(self, found: Iterable[SigningKey], valid_until: float) -> None:
        before = self._keys
        # Principals refer to the key of their token, so an equal key stays the same object.
        self._keys = {key.identity: before.get(key.identity, key) for key in found}
        for key in self._keys.values():
            key.valid_until = valid_until
        gone = [key for identity, key in before.items() if identity not in self._keys]
        for key in gone:
            key.valid_until = float("-inf")
        if self._keys.keys() != before.keys():
            names = ", ".join(repr(key.kid) for key in self._keys.values())
            logger.info("the identity provider signs with the keys %s", names)
            self.on_change()
