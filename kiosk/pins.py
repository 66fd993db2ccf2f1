"""PINs: hashed by argon2id, a few tries, then a wait that grows.

Tries are counted by card and forgotten after a right one; they live as long as the process, and the longest wait
outlives nobody's patience but a thief's.
"""

from __future__ import annotations

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

#: OWASP's second recommended set for argon2id (19 MiB, 2 passes): some 30 ms on a kiosk's processor.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

#: So many wrong tries in a row are free; each further one doubles the wait, which begins at so many seconds.
FREE_TRIES = 3
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 3600


def hash_pin(pin: str) -> str:
    """A PIN as it may be stored."""
    return _HASHER.hash(pin)


class PinGuard:
    """Checks PINs and counts wrong tries by card. ``clock`` values are seconds that never run back."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[int, float]] = {}

    def check(self, card: str, pin: str, stored: str | None, clock: float) -> tuple[bool, int, int]:
        """Whether the PIN is right, how many free tries are left, and how many seconds to wait before the next.

        A try during a wait is not looked at. A card without a PIN is never right.
        """
        count, until = self._wrong.get(card, (0, 0.0))
        if clock < until:
            return False, 0, int(until - clock) + 1
        if stored is not None and _is(stored, pin):
            self._wrong.pop(card, None)
            return True, FREE_TRIES, 0
        count += 1
        wait = 0 if count < FREE_TRIES else min(FIRST_WAIT_S * 2 ** (count - FREE_TRIES), LONGEST_WAIT_S)
        self._wrong[card] = (count, clock + wait)
        return False, max(0, FREE_TRIES - count), wait


def _is(stored: str, pin: str) -> bool:
    try:
        return _HASHER.verify(stored, pin)
    except (VerificationError, InvalidHashError):
        return False
