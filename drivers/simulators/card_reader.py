"""A simulated card reader: the other end of nfcpy's UDP driver, with virtual cards to tap and take away.

nfcpy's ``udp:host:port`` replaces the air by datagrams of text: bit rate and technology, a blank, the frame in hex, as
in ``106A 26`` (facts/rfid.md, 6.2). nfcpy is the reader; this is its field and what is in it. It answers what a card
answers: REQA and WUPA, anticollision and selection, the reads of a Type 2 tag with its NAK beyond the last page; SENSB
and SENSF of the two other technologies. What a card says nothing to, it says nothing to.

With nobody in the field nfcpy would wait a second per technology. So an empty field is said in so many words,
``RFOFF``, which nfcpy knows as the end of a link: sensing it takes a millisecond, and a tap is seen at once.

    with SimulatedCardReader() as reader:
        ...  # nfcpy at reader.url
        reader.tap(VirtualCard.with_text(bytes.fromhex("04A1B2C3D4E5F6"), "P0012345"))
        reader.take_away()
"""

from __future__ import annotations

import random
import socket
import threading
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import xor
from typing import Final, Self

from drivers.devices import CardTechnology
from drivers.simulators.wire import Faults

_DATAGRAM: Final = 2048
_RFOFF: Final = b"RFOFF"
_NAK: Final = b"\0"
_ACK: Final = b"\x0a"
_PAGE: Final = 4
_CASCADE_TAG: Final = b"\x88"
_CASCADE_LEVELS: Final = {0x93: 0, 0x95: 1, 0x97: 2}
_MORE_UID: Final = 0x04
#: Memory for NDEF on an NTAG213, and where it begins.
_NDEF_AREA: Final = 144
_HEADER: Final = 16

#: 106 kbit/s with a parity bit to each byte, and the pause before the answer (ISO/IEC 14443-3, 6).
_BYTE_TIME: Final = 9 / 106_000
_PAUSE: Final = 0.0001
_READ_TIME: Final = 0.001


class CardFault(StrEnum):
    """What can be made to go wrong."""

    NO_ANSWER = "no_answer"  # a datagram is lost
    LIFTED_MID_READ = "lifted_mid_read"  # gone after the first pages
    DAMAGED = "damaged"  # what stands on the card is no message any more
    CABLE_PULLED = "cable_pulled"


@dataclass(frozen=True, slots=True)
class VirtualCard:
    """A card: what it is found by, and what is in its memory (of a Type 2 tag; empty for others).

    With no ``uid`` it makes one up each time it is asked, as phones and some bank cards do. ``sak`` says what kind of
    14443A card it is: 00 Type 2, 08 MIFARE Classic, 20 ISO 14443-4.
    """

    uid: bytes | None
    memory: bytes = b""
    sak: int = 0x00
    technology: CardTechnology = CardTechnology.TYPE_A

    @classmethod
    def with_text(cls, uid: bytes, text: str, language: str = "vi") -> Self:
        """A Type 2 tag with an NDEF text record."""
        code = language.encode("ascii")
        return cls.with_record(uid, b"T", bytes((len(code),)) + code + text.encode())

    @classmethod
    def with_uri(cls, uid: bytes, uri: str) -> Self:
        """A Type 2 tag with an NDEF URI record, unabbreviated."""
        return cls.with_record(uid, b"U", b"\0" + uri.encode())

    @classmethod
    def with_record(cls, uid: bytes, kind: bytes, payload: bytes) -> Self:
        """A Type 2 tag with one NDEF record of a well-known type. Raises ValueError for what does not fit on it."""
        message = bytes((0xD1, len(kind), len(payload) & 0xFF)) + kind + payload
        if len(payload) > 0xFF or len(message) > _NDEF_AREA - 3:
            raise ValueError(f"a record of {len(payload)} bytes does not fit on the card")
        return cls(uid, type2_memory(uid, bytes((0x03, len(message))) + message + b"\xfe"))

    @classmethod
    def plain(cls, uid: bytes) -> Self:
        """A card that has no more to say than its UID: MIFARE Classic, whose memory is under lock."""
        return cls(uid, sak=0x08)

    @classmethod
    def inventive(cls) -> Self:
        """A card that makes up its UID."""
        return cls(None, sak=0x20)


def type2_memory(uid: bytes, area: bytes) -> bytes:
    """The memory of an NTAG213 with a UID of 7 bytes: lock bytes, capability container, and a data area."""
    first, second = uid[:3], uid[3:]
    serial = first + _check(_CASCADE_TAG + first) + second + _check(second)
    return serial + bytes.fromhex("480000") + bytes((0xE1, 0x10, _NDEF_AREA // 8, 0x00)) + area.ljust(_NDEF_AREA, b"\0")


class SimulatedCardReader:
    """The field of a reader and the card in it. Starts at once; a context manager."""

    def __init__(self, *, real_time: bool = False, host: str = "127.0.0.1", port: int = 0) -> None:
        """Without a ``port`` the system chooses one. With ``real_time`` frames take their time in the air."""
        self._real_time = real_time
        self._lock = threading.Lock()
        self._card: VirtualCard | None = None
        self._uid = b""
        self._reads = 0
        #: How often the field was asked for cards of the first technology.
        self.polls = 0
        self._faults: Faults[CardFault] = Faults()
        self._stopped = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._run, name=f"simulator {self.url}", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The path nfcpy opens it by."""
        return f"udp:{self._address[0]}:{self._address[1]}"

    @property
    def card(self) -> VirtualCard | None:
        """What is on the reader."""
        with self._lock:
            return self._card

    def tap(self, card: VirtualCard) -> None:
        """Puts a card on the reader, in place of whatever was there."""
        with self._lock:
            self._card = card

    def take_away(self) -> None:
        """Takes the card off the reader, if one is there."""
        with self._lock:
            self._card = None

    def cause(self, fault: CardFault, times: int | None = None) -> None:
        """Makes something go wrong: so many times, or until it is mended. A cable stays pulled until it is mended."""
        self._faults.cause(fault, None if fault is CardFault.CABLE_PULLED else times)

    def mend(self, fault: CardFault | None = None) -> None:
        """Ends one fault, or all."""
        self._faults.mend(fault)

    def faults(self) -> frozenset[CardFault]:
        """What would go wrong now."""
        return self._faults.switched_on()

    def close(self) -> None:
        """Ends the simulation."""
        self._stopped.set()
        # A thread that waits for a datagram is woken by one.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._address)
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in its thread ---

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                datagram, sender = self._socket.recvfrom(_DATAGRAM)
            except ConnectionResetError:
                continue  # Windows says so of somebody who has gone since he was answered
            if CardFault.CABLE_PULLED in self.faults():
                continue
            answer = self._respond(datagram)
            if answer and not self._faults.strikes(CardFault.NO_ANSWER):
                self._socket.sendto(answer, sender)

    def _respond(self, datagram: bytes) -> bytes:
        """The datagram that answers; nothing to what is no frame, and where a card would say nothing."""
        name, _, digits = datagram.partition(b" ")
        try:
            frame = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            return b""
        if not frame:
            return b""
        with self._lock:
            answer = self._answer(name, frame)
        if answer is None:
            return _RFOFF
        self._take_time(frame, answer)
        return name + b" " + answer.hex().encode() if answer else b""

    def _answer(self, name: bytes, frame: bytes) -> bytes | None:
        """What the card says; None from an empty field."""
        card = self._card
        if name == b"106A" and frame in {b"\x26", b"\x52"}:
            self.polls += 1
        if card is None:
            return None
        match name, card.technology:
            case b"106A", CardTechnology.TYPE_A:
                return self._answer_type_a(card, frame)
            case b"106B", CardTechnology.TYPE_B if frame[0] == 0x05:
                # PUPI, application data, protocol information (ISO/IEC 14443-3, 7.9).
                return b"\x50" + self._named(card, 4) + bytes.fromhex("00000000008185")
            case b"212F", CardTechnology.FELICA if frame[1:2] == b"\0":
                # IDm, PMm, system code (JIS X 6319-4, 4.4.2).
                return bytes.fromhex("1401") + self._named(card, 8) + bytes.fromhex("03014B024F4993FF12FC")
            case b"106A" | b"106B" | b"212F", _:
                return None
            case _:
                return b""

    def _answer_type_a(self, card: VirtualCard, frame: bytes) -> bytes | None:
        if frame in {b"\x26", b"\x52"}:
            self._uid = self._named(card, 4)
            self._reads = 0
            return b"\x44\0" if len(self._uid) > 4 else b"\x04\0"
        if frame[0] in _CASCADE_LEVELS:
            return self._select(card, _CASCADE_LEVELS[frame[0]], frame[1:])
        if card.sak == 0x00:
            return self._type2(card, frame)
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

    def _type2(self, card: VirtualCard, frame: bytes) -> bytes | None:
        match frame[0], len(frame):
            case 0x30, 2:
                self._reads += 1
                if self._reads > 1 and self._faults.strikes(CardFault.LIFTED_MID_READ):
                    self._card = None
                    return None
                memory = card.memory
                if self._faults.strikes(CardFault.DAMAGED):
                    memory = memory[:_HEADER] + bytes(byte ^ 0x55 for byte in memory[_HEADER:])
                at = frame[1] * _PAGE
                # Beyond its end the memory begins anew; a first page that is not there is refused.
                return (memory[at:] + memory)[:_HEADER] if at < len(memory) else _NAK
            case 0xA2, 6:
                return _ACK if frame[1] * _PAGE < len(card.memory) else _NAK
            case 0x50, 2:
                return b""  # halted
            case _:
                return _NAK

    def _take_time(self, frame: bytes, answer: bytes) -> None:
        if self._real_time:
            work = _READ_TIME if frame[0] == 0x30 else 0.0
            self._stopped.wait((len(frame) + len(answer)) * _BYTE_TIME + _PAUSE + work)


def _check(part: bytes) -> bytes:
    """The check byte over part of a UID."""
    return bytes((reduce(xor, part),))
