"""The keys that sign ranked runs: Ed25519, from the secrets of `SIGNING_KEY`.

A PEM secret is the private key itself. From a text the key is derived with scrypt (RFC 7914), because anybody
may try texts against the public key. The salt separates this use from all others of the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import scrypt, sha256
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dungeonfighter.errors import BadArgument
from dungeonfighter.replays.run_claims import KEY_ID_CHARS
from dungeonfighter.signing_secrets import PEM_BEGIN, split_secrets

_SALT: Final = b"dungeonfighter ranked runs 1"
_SCRYPT_N: Final = 2**14
_KEYS_MAX: Final = 64


class RunKeys:
    """The private keys of a server, the first of which signs.

    Args:
        text: The value of `SIGNING_KEY`, with at least one secret; deriving a key of a text takes some 40 ms
            and 16 MB.
    """

    def __init__(self, text: str) -> None:
        keys = [_private_key(secret) for secret in split_secrets(text)]
        self._first = keys[0]
        self.public = PublicKeys(key.public_key() for key in keys)
        self._first_id = key_id(self._first.public_key())

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """Return the id of the key that signs, and the signature."""
        return self._first_id, self._first.sign(message)


class PublicKeys:
    """Public keys by their ids."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self.by_id: Mapping[str, Ed25519PublicKey] = {key_id(key): key for key in keys}

    @classmethod
    def of_pem(cls, text: str) -> PublicKeys:
        """Read public keys in PEM, one after the other; other lines are ignored.

        Raises:
            BadArgument: There is none, or one of them is no Ed25519 key.
        """
        blocks = [one for one in split_secrets(text) if one.startswith(PEM_BEGIN)][:_KEYS_MAX]
        if not blocks:
            raise BadArgument("the file of the keys holds no public key in PEM (-----BEGIN PUBLIC KEY-----)")
        return cls(_public_key(block) for block in blocks)

    def holds(self, message: bytes, key: str, signature: bytes) -> bool:
        """Return True if the key of this id is known and has signed the message."""
        known = self.by_id.get(key)
        if known is None:
            return False
        try:
            known.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> str:
        """Return all keys in PEM, each below a line with its id."""
        shown = (
            f"# key {name}\n"
            + key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode()
            for name, key in self.by_id.items()
        )
        return "".join(shown)


def key_id(key: Ed25519PublicKey) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a public key's 32 bytes."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return sha256(raw).hexdigest()[:KEY_ID_CHARS]


def _private_key(secret: str) -> Ed25519PrivateKey:
    if not secret.startswith(PEM_BEGIN):
        seed = scrypt(secret.encode(errors="replace"), salt=_SALT, n=_SCRYPT_N, r=8, p=1, dklen=32)
        return Ed25519PrivateKey.from_private_bytes(seed)
    key = serialization.load_pem_private_key(secret.encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the setting refuses other keys")
    return key


def _public_key(block: str) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(block.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadArgument("the file of the keys holds a block that is no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadArgument("the file of the keys holds a key that is no Ed25519 key")
    return key
