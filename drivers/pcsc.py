"""Patron cards through PC/SC, the operating system's own way to card readers: pyscard, the extra ``pcsc``.

For readers that nfcpy does not know, and where pcscd or Windows holds the reader anyway. The two exclude each other on
one reader (facts/rfid.md, 6.1).

Theory of operation. The system watches the reader; :meth:`PcscReader.poll` asks it what has changed and waits a quarter
of a second for that. A card that comes is connected to and asked for its UID with the pseudo-APDU ``FF CA 00 00 00``
(facts/rfid.md, 6.4). What kind of card it is stands in the ATR the reader makes up for it (PC/SC part 3, 3.1.3.2.3): a
storage card is named there with its standard, any other speaks ISO/IEC 14443-4. Then its message is read, by the
commands of :mod:`drivers.card_memory`: pages with ``FF B0``, APDUs as they are. A card that stays is not asked again;
one that could not be read to the end is tried a few times, and then must do with its UID. A card held by hand comes and
goes: one that is back within a moment, by its UID, was never away.

PC/SC tells of one card per reader, whichever it found; of two on a reader nobody can tell. What a reader says of a tag
of ISO 15693 (a book) is passed over: it is no card.

Card numbers are in no log. pyscard itself logs nothing.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Final, Self

from drivers.card_memory import patron_identifier, read_type2, read_type4
from drivers.codec import Command, ResultT
from drivers.devices import (
    CannotOpen,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    DeviceEvent,
    Identity,
    PortClosed,
    WireError,
)

_log = logging.getLogger(__name__)

#: How long one poll waits for a change, in milliseconds.
_LISTEN: Final = 250
#: Seconds a card is missed before it is gone: long for a flicker, short for a hand.
_FLICKER: Final = 0.25
#: Seconds between two attempts to read a card, and their number.
_AGAIN: Final = 0.05
_READ_ATTEMPTS: Final = 3

_GET_UID: Final = bytes.fromhex("FFCA000000")
_DONE: Final = bytes.fromhex("9000")
_READ: Final = 0x30
_READ_LENGTH: Final = 16

#: The head of the ATR of a storage card, behind its first two bytes: then come standard and name.
_STORAGE: Final = bytes.fromhex("8001804F0CA000000306")
_STANDARDS: Final = {
    **dict.fromkeys((0x01, 0x02, 0x03), CardTechnology.TYPE_A),
    **dict.fromkeys((0x05, 0x06, 0x07), CardTechnology.TYPE_B),
    0x11: CardTechnology.FELICA,
}
_FELICA_NAME: Final = 0x003B
_ISO_15693: Final = range(0x09, 0x0D)
_ULTRALIGHT: Final = frozenset({0x0003, 0x003A})  # and with it all of NTAG
#: The ATR of a 14443B card has what its ATQB says in eight bytes; one of 14443A has what its ATS says.
_TYPE_B_HEAD: Final = bytes.fromhex("3B888001")


class _Lifted(Exception):
    """A card has stopped answering in the middle of something."""


class PcscReader:
    """A :class:`drivers.devices.CardReader` that the operating system drives."""

    def __init__(
        self, device: str, scard: ModuleType, context: Any, reader: str, *, prefixes: Sequence[str] = ()
    ) -> None:
        """``scard`` is pyscard's module ``smartcard.scard``, ``context`` an established context of it."""
        self._device = device
        self._scard = scard
        self._context = context
        self._reader = reader
        self._prefixes = tuple(prefixes)
        self._state: int = scard.SCARD_STATE_UNAWARE
        self._atr: bytes | None = None
        self._unread = False
        self._failures = 0
        self._present: tuple[CardTechnology, bytes] | None = None
        self._missed = time.monotonic()
        self._empty = False  # known to be
        self._answer_times: deque[float] = deque(maxlen=200)
        self._closed = False

    @classmethod
    def open(cls, device: str, *, url: str = "pcsc", prefixes: Sequence[str] = ()) -> Self:
        """Opens the first reader (``pcsc``) or the first whose name has some words in it (``pcsc:ACR1252``).

        ``prefixes`` stand before patron identifiers on cards. Raises CannotOpen.
        """
        try:
            # Not before a reader is opened: it is an extra, and not there where nobody wants it.
            from smartcard import scard  # noqa: PLC0415
        except ImportError as error:
            raise CannotOpen("pyscard is not installed: pip install 'tramsach[pcsc]'") from error
        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if result != scard.SCARD_S_SUCCESS:
            raise CannotOpen(f"no card service (pcscd): {scard.SCardGetErrorMessage(result)}")
        wanted = url.partition(":")[2].casefold()
        result, readers = scard.SCardListReaders(context, [])
        found = readers if result == scard.SCARD_S_SUCCESS else []
        for reader in found:
            if wanted in reader.casefold():
                return cls(device, scard, context, reader, prefixes=prefixes)
        scard.SCardReleaseContext(context)
        raise CannotOpen(f"no card reader at {url}: the system knows {', '.join(found) or 'none'}")

    @property
    def rest(self) -> float:
        """None: the system is listened to all the time; a little before a card is tried again."""
        return _AGAIN if self._unread else 0.0

    @property
    def answer_times(self) -> Sequence[float]:
        """Seconds that the reading of cards took."""
        return tuple(self._answer_times)

    def self_test(self) -> Identity:
        """The reader by the system's name for it, after it was asked how it is. Raises WireError, PortClosed."""
        self._look(0)
        return Identity(self._reader)

    def poll(self) -> Iterator[DeviceEvent]:
        """Waits a quarter of a second for a card that comes or goes. Raises WireError, PortClosed."""
        self._look(0 if self._unread else _LISTEN)
        if self._atr is None:
            if not self._empty and time.monotonic() - self._missed >= _FLICKER:
                self._present, self._empty = None, True
                yield CardRemoved(self._device)
        elif self._unread and (card := self._read(self._atr)):
            self._unread = False
            # A card that invents its UID would be another one each time.
            key = (card.technology, b"" if card.uid_is_random else card.uid)
            if key == self._present:
                return
            if self._present:
                yield CardRemoved(self._device)
            self._present, self._empty = key, False
            yield CardPresented(self._device, card)

    def close(self) -> None:
        """Lets go of the reader; from any thread, any number of times. A poll that waits ends."""
        if not self._closed:
            self._closed = True
            self._scard.SCardCancel(self._context)
            self._scard.SCardReleaseContext(self._context)

    def _look(self, within: int) -> None:
        """Learns what came and went since the last look. Raises WireError, PortClosed."""
        scard = self._scard
        result, states = scard.SCardGetStatusChange(self._context, within, [(self._reader, self._state)])
        self._check_open()
        if result == scard.SCARD_E_TIMEOUT:
            return
        self._check(result, "SCardGetStatusChange")
        ((_, state, atr),) = states
        if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE):
            raise WireError("the card reader was unplugged")
        is_there = state & scard.SCARD_STATE_PRESENT and not state & scard.SCARD_STATE_MUTE
        now = bytes(atr) if is_there else None
        # The upper half counts what came and went, so that a swap between two looks is seen.
        if now is not None and (now != self._atr or (self._state ^ state) >> 16):
            self._unread, self._failures = True, 0
        elif now is None:
            self._unread = False
            if self._atr is not None:
                self._missed = time.monotonic()
        self._state, self._atr = state & ~scard.SCARD_STATE_CHANGED, now

    def _check(self, result: int, what: str) -> None:
        if result != self._scard.SCARD_S_SUCCESS:
            raise WireError(f"{what}: {self._scard.SCardGetErrorMessage(result)}")

    def _check_open(self) -> None:
        if self._closed:
            raise PortClosed("the card reader was closed")

    def _read(self, atr: bytes) -> Card | None:
        """The card on the reader; None when it was lifted meanwhile, or is none. Raises PortClosed."""
        scard, started = self._scard, time.monotonic()
        if _standard(atr) in _ISO_15693:
            self._unread = False
            return None
        result, handle, protocol = scard.SCardConnect(
            self._context, self._reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        )
        self._check_open()
        card = None
        try:
            if result != scard.SCARD_S_SUCCESS:
                raise _Lifted
            uid = self._transmit(handle, protocol, _GET_UID)
            if uid[-2:] != _DONE or len(uid) < 6:
                raise _Lifted
            card = Card(_technology(atr, uid[:-2]), uid[:-2])
            return Card(card.technology, card.uid, self._identifier(atr, card, handle, protocol))
        except _Lifted:
            self._failures += 1
            if self._failures < _READ_ATTEMPTS:
                return None
            if card is None:
                self._unread = False
                _log.debug("%s: a card nobody understands", self._device)
            return card
        finally:
            if result == scard.SCARD_S_SUCCESS:
                scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
            self._answer_times.append(time.monotonic() - started)

    def _identifier(self, atr: bytes, card: Card, handle: Any, protocol: int) -> str | None:
        """What is written on a card; None where nothing is that can be read. Raises _Lifted."""
        if card.technology is not CardTechnology.TYPE_A:
            return None
        if _name(atr) in _ULTRALIGHT:
            message = self._exchange(read_type2(), handle, protocol)
        elif _standard(atr) is None:
            message = self._exchange(read_type4(), handle, protocol)
        else:
            return None
        return None if message is None else patron_identifier(message, self._prefixes)

    def _exchange(self, command: Command[ResultT], handle: Any, protocol: int) -> ResultT:
        """Carries a command out with the card. Raises _Lifted."""
        try:
            question = next(command)
            while True:
                if question[0] == _READ and len(question) == 2:
                    answer = self._transmit(handle, protocol, bytes((0xFF, 0xB0, 0, question[1], _READ_LENGTH)))
                    answer = answer[:-2]
                else:
                    answer = self._transmit(handle, protocol, question)
                question = command.send(answer)
        except StopIteration as done:
            result: ResultT = done.value
            return result

    def _transmit(self, handle: Any, protocol: int, apdu: bytes) -> bytes:
        result, response = self._scard.SCardTransmit(handle, protocol, list(apdu))
        self._check_open()
        if result != self._scard.SCARD_S_SUCCESS or len(response) < 2:
            raise _Lifted
        return bytes(response)


def _standard(atr: bytes) -> int | None:
    """The standard of a storage card as its ATR numbers it, None for any other card."""
    return atr[12] if atr[2:12] == _STORAGE and len(atr) >= 15 else None


def _name(atr: bytes) -> int | None:
    """The name of a storage card as its ATR numbers it."""
    return int.from_bytes(atr[13:15]) if _standard(atr) is not None else None


def _technology(atr: bytes, uid: bytes) -> CardTechnology:
    standard = _standard(atr)
    if standard is not None:
        felica = _name(atr) == _FELICA_NAME or (standard not in _STANDARDS and len(uid) == 8)
        return CardTechnology.FELICA if felica else _STANDARDS.get(standard, CardTechnology.TYPE_A)
    # Where the ATR may mean either, the card of 4 bytes is taken for the one that names nobody.
    return CardTechnology.TYPE_B if atr[:4] == _TYPE_B_HEAD and len(uid) == 4 else CardTechnology.TYPE_A
