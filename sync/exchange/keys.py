"""Keys: who signs, who can read, and what each signature is good for. Pure; files are ``keyring``'s business.

A station and headquarters each hold two key pairs: ed25519 to sign, X25519 to be written to. HPKE (RFC 9180, base
mode; X25519 + HKDF-SHA256 + ChaCha20-Poly1305) encrypts to the second.

Every signature and every encryption belongs to one *domain*, whose name goes before the signed bytes, or into HPKE's
``info``. The names end in a NUL and hold no other, so none is the beginning of another: what was signed as one kind of
message can never pass for another kind.

Neither ``repr`` nor a log ever shows a private key. Source: facts/sync.md, sections 2.4, 5.1, 5.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from hashlib import sha256
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Meta

from sync.exchange.reasons import Reason

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

KeyBytes = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


class Domain(Enum):
    """What is signed or encrypted. A new kind of message takes a new name; a name is never used again."""

    BATCH = b"tramsach batch\0"
    CONTACT = b"tramsach contact\0"
    REPLY = b"tramsach reply\0"
    BUNDLE = b"tramsach bundle\0"
    RETURN_BUNDLE = b"tramsach return bundle\0"
    ENROLMENT_REQUEST = b"tramsach enrolment request\0"
    ENROLMENT_RESPONSE = b"tramsach enrolment response\0"
    SNAPSHOT = b"tramsach snapshot\0"


class PublicKeys(msgspec.Struct, frozen=True):
    """What may be known of a party: ``sign`` verifies what it signed (ed25519), ``seal`` encrypts to it (X25519)."""

    sign: KeyBytes
    seal: KeyBytes

    @property
    def fingerprint(self) -> str:
        """24 digits in groups of four that two people can compare on the telephone (80 bits of a SHA-256)."""
        digest = sha256(b"tramsach fingerprint\0" + self.sign + self.seal).digest()
        digits = f"{int.from_bytes(digest) % 10**24:024d}"
        return " ".join(digits[at : at + 4] for at in range(0, 24, 4))

    def verify(self, domain: Domain, signature: bytes, message: bytes) -> bool:
        """Whether this party signed the message in this domain."""
        try:
            Ed25519PublicKey.from_public_bytes(self.sign).verify(signature, domain.value + message)
        except InvalidSignature:
            return False
        return True

    def encrypt(self, domain: Domain, context: bytes, plaintext: bytes) -> bytes:
        """What this party alone can read: HPKE's 32-byte encapsulated key, then the ciphertext with its 16-byte tag.

        Whoever decrypts must name the same domain and context. Raises ``ValueError`` for a key that is no point to
        speak of, which :attr:`usable` tells beforehand.
        """
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(self.seal), info=domain.value + context)

    @property
    def usable(self) -> bool:
        """Whether something can be encrypted to these keys: a few X25519 keys give everybody the same secret."""
        try:
            X25519PrivateKey.from_private_bytes(bytes(KEY_BYTES)).exchange(X25519PublicKey.from_public_bytes(self.seal))
        except ValueError:
            return False
        return True


class Keys:
    """The two private keys of a station or of headquarters, from their 32-byte seeds."""

    __slots__ = ("_seal", "_sign", "public")

    public: PublicKeys

    def __init__(self, sign: bytes, seal: bytes) -> None:
        self._sign = Ed25519PrivateKey.from_private_bytes(sign)
        self._seal = X25519PrivateKey.from_private_bytes(seal)
        self.public = PublicKeys(self._sign.public_key().public_bytes_raw(), self._seal.public_key().public_bytes_raw())

    def sign(self, domain: Domain, message: bytes) -> bytes:
        """The 64-byte signature of a message in a domain; the same every time."""
        return self._sign.sign(domain.value + message)

    def decrypt(self, domain: Domain, context: bytes, ciphertext: bytes) -> bytes | None:
        """What was encrypted to these keys in this domain and context; ``None`` when it was not, or was changed."""
        try:
            return _SUITE.decrypt(ciphertext, self._seal, info=domain.value + context)
        except InvalidTag:
            return None

    def __repr__(self) -> str:
        return f"Keys({self.public.fingerprint})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("private keys do not travel")


class Pin(msgspec.Struct, frozen=True):
    """Keys that somebody trusts, for ever or up to a mark.

    ``until`` is the last mark they are good for. The marks of a station's keys are event numbers: what it had written
    by then stays valid. Those of headquarters' keys are milliseconds of UTC by headquarters' own clock.
    """

    keys: PublicKeys
    until: int | None = None


class Pins(msgspec.Struct, frozen=True):
    """All keys of one party that somebody trusts, the newest first."""

    pins: tuple[Pin, ...] = ()

    @property
    def current(self) -> PublicKeys | None:
        """The keys to write to: the newest that were not retired. ``None`` for a party that was revoked."""
        return next((pin.keys for pin in self.pins if pin.until is None), None)

    def retire(self, until: int) -> Pins:
        """These pins with no key good for anything after ``until``: a revocation. An earlier mark stays."""
        return Pins(tuple(Pin(pin.keys, until if pin.until is None else min(pin.until, until)) for pin in self.pins))

    def rotate(self, keys: PublicKeys, until: int) -> Pins:
        """New keys in place of those so far, which stay good for what was signed up to ``until``."""
        others = tuple(pin for pin in self.retire(until).pins if pin.keys != keys)
        return Pins((Pin(keys), *others))

    def check(self, domain: Domain, signature: bytes, message: bytes, mark: int) -> Reason | None:
        """``None`` when a key that is good for this mark signed the message, else what is wrong."""
        found: Reason | None = Reason.BAD_SIGNATURE
        for pin in self.pins:
            if pin.keys.verify(domain, signature, message):
                if pin.until is None or mark <= pin.until:
                    return None
                found = Reason.RETIRED_KEY
        return found


def decrypt_with_any(keys: Sequence[Keys], domain: Domain, context: bytes, ciphertext: bytes) -> bytes | None:
    """As :meth:`Keys.decrypt`, with the first of several keys that fits: what was written to an old one arrives too."""
    for one in keys:
        plaintext = one.decrypt(domain, context, ciphertext)
        if plaintext is not None:
            return plaintext
    return None
