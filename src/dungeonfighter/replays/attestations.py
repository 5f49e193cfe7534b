"""The attestation of a checked row: it binds the row to the result of its execution.

With `SIGNING_KEY` it is a signature, and whoever can write the database cannot make one. Without a key it is
only a digest: it shows damage and careless changes, and whoever can write the database can forge it.

Source: docs/leaderboard.md, "What is protected from whom".
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from dungeonfighter.replays.run_claims import KEY_ID_CHARS, SIGNATURE_BYTES, Claim

if TYPE_CHECKING:
    from dungeonfighter.replays.run_keys import RunKeys

_UNKEYED: Final = b"\0"
_SIGNED: Final = b"\1"
_KEY_ID_BYTES: Final = KEY_ID_CHARS // 2
_SIGNED_BYTES: Final = 1 + _KEY_ID_BYTES + SIGNATURE_BYTES
_KNOWN_MAX: Final = 20_000


class Attestations:
    """Makes and checks attestations.

    Args:
        signing_key: The value of `SIGNING_KEY`; empty for none. Its keys are derived at the first use.
    """

    def __init__(self, signing_key: str = "") -> None:
        self.use(signing_key)

    def use(self, signing_key: str) -> None:
        """Use other secrets from now on."""
        self._text = signing_key
        self._keys: RunKeys | None = None
        self._known: set[bytes] = set()

    def prepare(self) -> None:
        """Derive the keys now, in any thread; see `RunKeys`."""
        if self._text and self._keys is None:
            from dungeonfighter.replays.run_keys import RunKeys  # noqa: PLC0415 - only with a key

            text = self._text
            keys = RunKeys(text)
            if text == self._text:  # `use` may have come meanwhile
                self._keys = keys

    @property
    def is_prepared(self) -> bool:
        return not self._text or self._keys is not None

    def public_pem(self) -> str:
        """Return the keys that signatures are checked with, in PEM; empty without a key."""
        self.prepare()
        return "" if self._keys is None else self._keys.public.pem()

    def attest(self, claim: Claim) -> bytes:
        """Return the attestation of a claim whose execution gave just that."""
        self.prepare()
        message = claim.message()
        if self._keys is None:
            return _UNKEYED + sha256(message).digest()
        key, signature = self._keys.sign(message)
        return _SIGNED + bytes.fromhex(key) + signature

    def holds(self, claim: Claim, attestation: bytes) -> bool:
        """Return True if this is an attestation of the claim; with a key, a digest is none."""
        message = claim.message()
        if not self._text:
            return attestation == _UNKEYED + sha256(message).digest()
        name = sha256(attestation + message).digest()
        if name in self._known:
            return True
        self.prepare()
        parts = signature_of(attestation)
        if parts is None or self._keys is None or not self._keys.public.holds(message, *parts):
            return False
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known.add(name)
        return True


def signature_of(attestation: bytes) -> tuple[str, bytes] | None:
    """Return key id and signature of an attestation; None if it is not signed."""
    if len(attestation) != _SIGNED_BYTES or attestation[:1] != _SIGNED:
        return None
    return attestation[1 : 1 + _KEY_ID_BYTES].hex(), attestation[1 + _KEY_ID_BYTES :]
