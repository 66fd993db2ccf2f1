"""What a station and the seats of its internet room say to each other: messages, and their frames. Pure.

A frame on the wire, which is a TCP connection that the seat opens:

    magic    3 bytes  F5 54 53; the first occurs in no UTF-8 text
    length   2 bytes  big-endian, of the payload
    payload  JSON with sorted keys and no spaces: the message's kind ``t``, its number ``n``, its fields
    mac      32 bytes HMAC-SHA256 over all of these

Which key proves a frame, and which number it must have, is the business of the two ends (:mod:`drivers.seat_link`).
Whatever is refused is a value (:class:`Fault`).

The protocol hides nothing, as a visit has nothing to hide: a seat learns a token and an end time, never who sits there,
and says when it is open, never what is looked at. End times are instants, never minutes left, so that a message lost
neither freezes nor cuts a visit. Everything is said again after each greeting. Source: facts/internet-room.md, 5.2.
"""

from __future__ import annotations

import hmac
import json
import types
import typing
import unicodedata
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final, TypeAlias

from drivers.codec import NOT_YET, FrameDecoder, NotYet

MAGIC: Final = b"\xf5TS"
_HEAD: Final = len(MAGIC) + 2
_MAC: Final = 32
#: As long as a payload may be: a message from staff in the longest letters there are fits twice.
LONGEST_PAYLOAD: Final = 4096
#: As long as what staff say may be, in characters.
LONGEST_TEXT: Final = 500
_LARGEST: Final = 2**53


class Fault(StrEnum):
    """Why something that came is refused."""

    RUBBISH = "rubbish"  # bytes that are no frame
    TRUNCATED = "truncated"  # a frame of which the end never came
    FORGED = "forged"  # not proved with the key of this connection and direction
    STALE = "stale"  # repeated, or overtaken by another
    MALFORMED = "malformed"  # proved, and yet no message
    MISPLACED = "misplaced"  # a message that this end does not take now
    STRANGER = "stranger"  # a seat nobody knows here


# --- messages --------------------------------------------------------------------------------------------------------
#
# Instants are milliseconds of UTC by the station's clock. ``visit`` is the token of a visit.


class SeatView(StrEnum):
    """What the screen of a seat is."""

    LOCKED = "locked"
    OPEN = "open"
    HIDDEN = "hidden"


class Ending(StrEnum):
    """Why a visit is over, as its seat saw it."""

    TIME = "time"
    LEFT = "left"
    HIDDEN = "hidden"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Hello:
    """A seat is there. ``boot`` is another after each start of the computer."""

    seat: str
    nonce: str
    boot: str
    version: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """The station's answer. ``answers`` is the seat's random number, ``now`` the station's clock."""

    nonce: str
    answers: str
    now: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The seat is open until an instant. ``warn`` are seconds before it, ``hide_s`` is how long it may be hidden."""

    visit: str
    ends_at: int
    warn: tuple[int, ...] = (600, 300, 60)
    hide_s: int = 900


@dataclass(frozen=True, slots=True)
class Extend:
    """The visit ends at another instant."""

    visit: str
    ends_at: int


@dataclass(frozen=True, slots=True)
class Lock:
    """The visit is over; without one, whatever visit there is."""

    visit: str = ""


@dataclass(frozen=True, slots=True)
class Hide:
    """Hide the screen; ``code`` brings it back."""

    visit: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reveal:
    """Bring the screen back without its code, which was forgotten."""

    visit: str


@dataclass(frozen=True, slots=True)
class Say:
    """Staff, or the rules, say something to whoever sits there."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Beat:
    """The station is there."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a seat is: at every change, and as its heartbeat. ``over`` is the last visit that ended there, and when and
    why: told again and again, so that it cannot be lost. ``refused`` counts what the seat has refused."""

    view: str
    visit: str = ""
    ends_at: int = 0
    over: str = ""
    over_at: int = 0
    over_why: str = ""
    refused: int = 0


@dataclass(frozen=True, slots=True)
class More:
    """Whoever sits there asks for more time."""

    visit: str


@dataclass(frozen=True, slots=True)
class Enrol:
    """A computer that has the code shown at the station asks to be a seat."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """It is one, and this is its number."""

    seat: str
    nonce: str
    answers: str


OfStation: TypeAlias = Greeting | Grant | Extend | Lock | Hide | Reveal | Say | Beat
OfSeat: TypeAlias = Hello | Report | More
Message: TypeAlias = OfStation | OfSeat | Enrol | Enrolled

#: The name of each message on the wire, for ever.
KINDS: Final[dict[str, type]] = {
    "hello": Hello,
    "greeting": Greeting,
    "grant": Grant,
    "extend": Extend,
    "lock": Lock,
    "hide": Hide,
    "reveal": Reveal,
    "say": Say,
    "beat": Beat,
    "report": Report,
    "more": More,
    "enrol": Enrol,
    "enrolled": Enrolled,
}
_NAMES: Final = {cls: name for name, cls in KINDS.items()}


# --- frames ----------------------------------------------------------------------------------------------------------


class SeatFrames(FrameDecoder):
    """Cuts the stream into frames. Whether one is genuine only the end of a connection can tell, which has the keys."""

    def _claimed(self, buffer: bytearray, at: int) -> int | NotYet:
        head = bytes(buffer[at : at + _HEAD])
        if not head.startswith(MAGIC[: len(head)]):
            return 0
        if len(head) < _HEAD:
            return NOT_YET
        length = int.from_bytes(head[len(MAGIC) :], "big")
        return _HEAD + length + _MAC if 0 < length <= LONGEST_PAYLOAD else 0

    def _is_sound(self, frame: bytes) -> bool:
        return len(frame) > _HEAD + _MAC


def seal(key: bytes, number: int, message: Message) -> bytes:
    """A message as a frame. Raises ``ValueError`` for one that is too long for the wire."""
    values = {f.name: getattr(message, f.name) for f in fields(message)}
    payload = _canonical({"t": _NAMES[type(message)], "n": number, **values})
    if len(payload) > LONGEST_PAYLOAD:
        raise ValueError(f"{len(payload)} bytes are too many for a message")
    frame = MAGIC + len(payload).to_bytes(2, "big") + payload
    return frame + hmac.digest(key, frame, "sha256")


def unseal(key: bytes, frame: bytes) -> tuple[int, Message] | Fault:
    """The number and message of a frame of :class:`SeatFrames`, if it is proved with the key."""
    if not hmac.compare_digest(hmac.digest(key, frame[:-_MAC], "sha256"), frame[-_MAC:]):
        return Fault.FORGED
    return read_payload(payload_of(frame))


def payload_of(frame: bytes) -> bytes:
    """The payload of a whole frame, proved or not."""
    return frame[_HEAD:-_MAC]


def _canonical(values: dict[str, object]) -> bytes:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read_payload(payload: bytes) -> tuple[int, Message] | Fault:
    """What a payload says; there is one way to write a message, and any other is none."""
    try:
        raw = json.loads(payload)
        if not isinstance(raw, dict) or _canonical(raw) != payload:
            return Fault.MALFORMED
    except (ValueError, RecursionError):
        return Fault.MALFORMED
    number, kind = raw.pop("n", None), raw.pop("t", None)
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None or not _is_count(number) or set(raw) != {f.name for f in fields(cls)}:
        return Fault.MALFORMED
    hints = typing.get_type_hints(cls)
    if not all(_fits(value, hints[name]) for name, value in raw.items()):
        return Fault.MALFORMED
    message: Message = cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()})
    return number, message


def _fits(value: object, hint: object) -> bool:
    if hint is str:
        return isinstance(value, str) and len(value) <= LONGEST_TEXT and unicodedata.is_normalized("NFC", value)
    if hint is int:
        return _is_count(value)
    return isinstance(hint, types.GenericAlias) and isinstance(value, list) and all(map(_is_count, value))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _LARGEST
