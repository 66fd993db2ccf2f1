"""How a computer becomes a seat: a code that is shown at the station and typed at the computer, once. Pure.

The code has twelve letters, 59 random bits, and is stretched, so that who records the enrolment cannot try them all.
The computer says :class:`~drivers.seat_protocol.Enrol`, the station
:class:`~drivers.seat_protocol.Enrolled`, both proved with the stretched code; and both make the seat's key of it and of
two random numbers. The key itself is never on the wire. The station takes a code once, and not for long; that is for
its shell to see to.
"""

from __future__ import annotations

import hmac
from hashlib import scrypt, sha256
from typing import Final

from drivers.seat_protocol import Enrol, Enrolled

#: Letters and digits that nobody takes for one another.
CODE_ALPHABET: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_CODE_LETTERS: Final = 12


def enrolment_code(chance: bytes) -> str:
    """A code such as ``K7QD-93MX-TRWB`` from at least 16 random bytes."""
    if len(chance) < 16:
        raise ValueError("a code needs 16 random bytes")
    rest = int.from_bytes(chance, "big")
    letters = ""
    for _ in range(_CODE_LETTERS):
        rest, place = divmod(rest, len(CODE_ALPHABET))
        letters += CODE_ALPHABET[place]
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_LETTERS, 4))


def stretched(code: str) -> bytes:
    """The key of a code, however it was typed; takes about a twentieth of a second, on purpose."""
    typed = "".join(letter for letter in code.upper() if letter in CODE_ALPHABET)
    return scrypt(typed.encode(), salt=b"tramsach: a seat is enrolled", n=2**14, r=8, p=1, dklen=32)


def seat_key(code_key: bytes, enrol: Enrol, enrolled: Enrolled) -> bytes:
    """The key of a seat, for as long as it is one."""
    said = f"seat {enrolled.seat} {enrol.nonce} {enrolled.nonce}"
    return hmac.digest(code_key, said.encode(), "sha256")


def fingerprint(key: bytes) -> str:
    """Eight digits by which two people can see, at station and seat, that they have the same key."""
    number = int.from_bytes(sha256(b"fingerprint " + key).digest()[:8], "big") % 10**8
    return f"{number:08}"[:4] + " " + f"{number:08}"[4:]
