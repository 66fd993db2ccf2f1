"""Cards, and the field of a reader with cards in it: what every simulated card reader has in common.

A card answers the frames of its standard, so whatever reads it must ask the right questions in the right order: REQA
and WUPA, anticollision and selection of a 14443A card, the reads of a Type 2 tag with its NAK beyond the last page, the
blocks and APDUs of a Type 4 tag; SENSB and SENSF of the two other technologies. A frame that a card does not understand
it says nothing to. In a field lies at most one card of each technology: a reader finds no more (facts/rfid.md, 6.1).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from operator import xor
from typing import Final, Self

from drivers.devices import CardTechnology
from drivers.simulators.wire import Faults

_NAK: Final = b"\0"
_ACK: Final = b"\x0a"
_PAGE: Final = 4
_CASCADE_TAG: Final = b"\x88"
_CASCADE_LEVELS: Final = {0x93: 0, 0x95: 1, 0x97: 2}
_MORE_UID: Final = 0x04
#: Memory for NDEF on an NTAG213, and where it begins.
_NDEF_AREA: Final = 144
_HEADER: Final = 16

SAK_TYPE_2, SAK_CLASSIC, SAK_ISO_DEP = 0x00, 0x08, 0x20
#: A Type 4 tag (NFC Forum, Type 4 Tag Operation): what it says when it is activated, its capability container with
#: file E104 for the message, and its status words.
_ATS: Final = bytes.fromhex("0578807002")
_CAPABILITIES: Final = bytes.fromhex("000F20003B00340406E10404000000")
_FILES: Final = (b"\xe1\x03", b"\xe1\x04")
_APPLICATION: Final = bytes.fromhex("D2760000850101")
_DONE, _NOT_FOUND, _BEYOND, _UNKNOWN = (bytes.fromhex(word) for word in ("9000", "6A82", "6B00", "6D00"))

_NAMES: Final = {"106A": CardTechnology.TYPE_A, "106B": CardTechnology.TYPE_B, "212F": CardTechnology.FELICA}


class CardFault(StrEnum):
    """What can be made to go wrong."""

    NO_ANSWER = "no_answer"  # what a card says is lost in the air
    LIFTED_MID_READ = "lifted_mid_read"  # gone after the first pages
    DAMAGED = "damaged"  # what stands on the card is no message any more
    CABLE_PULLED = "cable_pulled"


@dataclass(frozen=True, slots=True)
class VirtualCard:
    """A card: what it is found by, and what is in its memory.

    With no ``uid`` it makes one up each time it is asked, as phones and some bank cards do. ``sak`` says what kind of
    14443A card it is: 00 Type 2, 08 MIFARE Classic, 20 ISO 14443-4. ``memory`` is all of a Type 2 tag, the message of a
    Type 4 tag, and nothing of others.
    """

    uid: bytes | None = field(repr=False)
    memory: bytes = field(default=b"", repr=False)
    sak: int = SAK_TYPE_2
    technology: CardTechnology = CardTechnology.TYPE_A

    @classmethod
    def with_text(cls, uid: bytes, text: str, language: str = "vi") -> Self:
        """A Type 2 tag with an NDEF text record."""
        return cls.with_message(uid, _record(b"T", _text(text, language)))

    @classmethod
    def with_uri(cls, uid: bytes, uri: str) -> Self:
        """A Type 2 tag with an NDEF URI record, unabbreviated."""
        return cls.with_message(uid, _record(b"U", b"\0" + uri.encode()))

    @classmethod
    def with_message(cls, uid: bytes, message: bytes) -> Self:
        """A Type 2 tag with an NDEF message. Raises ValueError for what does not fit on it."""
        if len(message) > _NDEF_AREA - 3:
            raise ValueError(f"a message of {len(message)} bytes does not fit on the card")
        return cls(uid, type2_memory(uid, bytes((0x03, len(message))) + message + b"\xfe"))

    @classmethod
    def type4(cls, uid: bytes | None, text: str) -> Self:
        """A Type 4 tag with an NDEF text record. Without a ``uid`` it is a telephone that pretends to be one."""
        return cls(uid, _record(b"T", _text(text, "vi")), SAK_ISO_DEP)

    @classmethod
    def plain(cls, uid: bytes) -> Self:
        """A card that has no more to say than its UID: MIFARE Classic, whose memory is under lock."""
        return cls(uid, sak=SAK_CLASSIC)

    @classmethod
    def felica(cls, idm: bytes) -> Self:
        """A FeliCa card, known by its IDm of 8 bytes."""
        return cls(idm, technology=CardTechnology.FELICA)

    @classmethod
    def inventive(cls) -> Self:
        """A card that makes up its UID."""
        return cls(None, sak=SAK_ISO_DEP)


def _text(text: str, language: str) -> bytes:
    code = language.encode("ascii")
    return bytes((len(code),)) + code + text.encode()


def _record(kind: bytes, payload: bytes) -> bytes:
    """One short NDEF record of a well-known type. Raises ValueError where it would have to be a long one."""
    if len(payload) > 0xFF:
        raise ValueError(f"{len(payload)} bytes do not fit in a short record")
    return bytes((0xD1, len(kind), len(payload))) + kind + payload


def type2_memory(uid: bytes, area: bytes) -> bytes:
    """The memory of an NTAG213 with a UID of 7 bytes: lock bytes, capability container, and a data area."""
    first, second = uid[:3], uid[3:]
    serial = first + _check(_CASCADE_TAG + first) + second + _check(second)
    return serial + bytes.fromhex("480000") + bytes((0xE1, 0x10, _NDEF_AREA // 8, 0x00)) + area.ljust(_NDEF_AREA, b"\0")


class CardField:
    """The field of a reader and the cards in it. A simulated reader is a field with a wire; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cards: dict[CardTechnology, VirtualCard] = {}
        self._uid = b""
        self._reads = 0
        self._file = b""
        #: How often the field was asked for cards of the first technology.
        self.polls = 0
        self._faults: Faults[CardFault] = Faults()

    @property
    def cards(self) -> Sequence[VirtualCard]:
        """What is on the reader."""
        with self._lock:
            return tuple(self._cards.values())

    def tap(self, *cards: VirtualCard) -> None:
        """Puts a card on the reader, or several, in place of whatever was there. Of each technology only one."""
        by_technology = {card.technology: card for card in cards}
        if len(by_technology) < len(cards):
            raise ValueError("a reader finds one card of a technology")
        with self._lock:
            self._cards = by_technology

    def take_away(self) -> None:
        """Takes off the reader what is there, if anything is."""
        self.tap()

    def cause(self, fault: CardFault, times: int | None = None) -> None:
        """Makes something go wrong: so many times, or until it is mended. A cable stays pulled until it is mended."""
        self._faults.cause(fault, None if fault is CardFault.CABLE_PULLED else times)

    def mend(self, fault: CardFault | None = None) -> None:
        """Ends one fault, or all."""
        self._faults.mend(fault)

    def faults(self) -> frozenset[CardFault]:
        """What would go wrong now."""
        return self._faults.switched_on()

    def hear(self, name: str, frame: bytes) -> bytes | None:
        """What a card says to a frame; ``name`` is bit rate and technology, as nfcpy writes it: ``106A``.

        None where no card of the technology is, nothing where there is one that says nothing.
        """
        with self._lock:
            if name == "106A" and frame in {b"\x26", b"\x52"}:
                self.polls += 1
            technology = _NAMES.get(name)
            card = None if technology is None else self._cards.get(technology)
            answer = None if card is None or not frame else self._answer(card, frame)
        if answer and self._faults.strikes(CardFault.NO_ANSWER):
            return b""
        return answer

    def apdu(self, command: bytes) -> bytes:
        """What a Type 4 tag says to a command APDU that reached it without frames, through a PC/SC reader."""
        with self._lock:
            card = self._cards.get(CardTechnology.TYPE_A)
            return b"" if card is None else self._type4(card, command) or b""

    def _answer(self, card: VirtualCard, frame: bytes) -> bytes | None:
        match card.technology:
            case CardTechnology.TYPE_A:
                return self._answer_type_a(card, frame)
            case CardTechnology.TYPE_B if frame[0] == 0x05:
                # PUPI, application data, protocol information (ISO/IEC 14443-3, 7.9).
                return b"\x50" + self._named(card, 4) + bytes.fromhex("00000000008185")
            case CardTechnology.FELICA if frame[1:2] == b"\0":
                # IDm, PMm, system code (JIS X 6319-4, 4.4.2).
                return bytes.fromhex("1401") + self._named(card, 8) + bytes.fromhex("03014B024F4993FF12FC")
            case _:
                return b""

    def _answer_type_a(self, card: VirtualCard, frame: bytes) -> bytes | None:
        if frame in {b"\x26", b"\x52"}:
            self._uid = self._named(card, 4)
            self._reads = 0
            self._file = b""
            return b"\x44\0" if len(self._uid) > 4 else b"\x04\0"
        if frame[0] in _CASCADE_LEVELS:
            return self._select(card, _CASCADE_LEVELS[frame[0]], frame[1:])
        if card.sak == SAK_TYPE_2:
            return self._type2(card, frame)
        if card.sak == SAK_ISO_DEP:
            return self._iso_dep(card, frame)
        return b""

    def _named(self, card: VirtualCard, length: int) -> bytes:
        return (b"\x08" + random.randbytes(length - 1)) if card.uid is None else card.uid

    def _select(self, card: VirtualCard, level: int, rest: bytes) -> bytes:
        """Anticollision, one level of a UID of 4, 7 or 10 bytes (ISO/IEC 14443-3, 6.5.3)."""
        levels = {4: 1, 7: 2, 10: 3}.get(len(self._uid), 0)
        if level >= levels:
            return b""
        part = self._uid[level * 3 : level * 3 + 4]
        if level + 1 < levels:
            part = _CASCADE_TAG + part[:3]
        part += _check(part)
        if rest == b"\x20":
            return part
        if rest == b"\x70" + part:
            return bytes((_MORE_UID if level + 1 < levels else card.sak,))
        return b""

    def _is_lifted(self, card: VirtualCard) -> bool:
        """Whether the card goes away at this read, which counts."""
        self._reads += 1
        if self._reads > 1 and self._faults.strikes(CardFault.LIFTED_MID_READ):
            del self._cards[card.technology]
            return True
        return False

    def _type2(self, card: VirtualCard, frame: bytes) -> bytes | None:
        match frame[0], len(frame):
            case 0x30, 2:
                if self._is_lifted(card):
                    return None
                memory = card.memory
                if self._faults.strikes(CardFault.DAMAGED):
                    memory = memory[:_HEADER] + _spoilt(memory[_HEADER:])
                at = frame[1] * _PAGE
                # Beyond its end the memory begins anew; a first page that is not there is refused.
                return (memory[at:] + memory)[:_HEADER] if at < len(memory) else _NAK
            case 0xA2, 6:
                return _ACK if frame[1] * _PAGE < len(card.memory) else _NAK
            case 0x50, 2:
                return b""  # halted
            case _:
                return _NAK

    def _iso_dep(self, card: VirtualCard, frame: bytes) -> bytes | None:
        """Activation, blocks with an APDU in each, and deselection (ISO/IEC 14443-4, 5.1, 7.1, 8)."""
        match frame[0]:
            case 0xE0 if len(frame) == 2:
                return _ATS
            case 0x02 | 0x03:
                response = self._type4(card, frame[1:])
                return None if response is None else frame[:1] + response
            case 0xC2:
                return frame
            case _:
                return b""

    def _type4(self, card: VirtualCard, apdu: bytes) -> bytes | None:
        if apdu[:4].hex() == "00a40400":
            self._file = b""
            return _DONE if card.memory and apdu[5:12] == _APPLICATION else _NOT_FOUND
        if apdu[:4].hex() == "00a4000c":
            known = bool(card.memory) and apdu[5:7] in _FILES
            self._file = apdu[5:7] if known else b""
            return _DONE if known else _NOT_FOUND
        if apdu[:2].hex() != "00b0" or len(apdu) != 5:
            return _UNKNOWN
        if self._is_lifted(card):
            return None
        message = _spoilt(card.memory) if self._faults.strikes(CardFault.DAMAGED) else card.memory
        content = _CAPABILITIES if self._file == _FILES[0] else len(card.memory).to_bytes(2) + message
        at = int.from_bytes(apdu[2:4])
        return content[at : at + apdu[4]] + _DONE if self._file and at < len(content) else _BEYOND


def _spoilt(memory: bytes) -> bytes:
    return bytes(byte ^ 0x55 for byte in memory)


def _check(part: bytes) -> bytes:
    """The check byte over part of a UID."""
    return bytes((reduce(xor, part),))
