"""Patron cards through nfcpy, which is used as it is: USB readers, a PN532 on a serial line, and cards over UDP.

Theory of operation. Each poll senses the technologies one after the other and looks at the first card found. A new card
is read and announced; a card that stays is not announced again; one that is missed a few times in a row is gone, since
a card held by hand comes and goes. nfcpy finds one card per technology, so of two cards of one technology it sees
either (facts/rfid.md, 6.1).

*What a card says.* A Type 2 tag (NTAG, MIFARE Ultralight) with an NDEF message: the patron identifier in it. Any other:
its UID alone. A card that cannot be read to the end has been lifted, and is not announced until it has been read, or
has failed so often that it must do with its UID. A UID that the card invents anew each time names nobody; the card is
announced all the same (``Card.uid_is_random``), so that somebody can tell its owner why it does not work, and once,
although it looks like another card at each poll.

*nfcpy apart.* Its own reading of Type 2 tags is not used: it waits 5 ms for a page, asks again, and then takes the
late answer to the first question for the answer to the next; and it probes cards of NXP with commands that cost up to
a second. So the pages are read here, by a command as all codecs have it, over nfcpy's ``exchange``. It believes what
comes over the air, and what comes as nonsense raises whatever it likes; that, and only that, is :data:`_NONSENSE`. It
logs what it sends and receives, card numbers among it: all of that goes to level TRAFFIC, below DEBUG. Importing it
turns Python's warnings into log records, which is turned back.

*Over UDP* (``udp:host:port``) nfcpy waits a whole second for an answer that is not coming, for each technology. So it
is asked first, each time, whether there is anybody at all: silence there is a lost reader, and an empty field is said
in so many words (``RFOFF``, see :mod:`drivers.simulators.card_reader`).
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
import unicodedata
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Final, Self

import ndef

from drivers.codec import NOT_YET, Command, NotYet, ResultT
from drivers.devices import (
    CannotOpen,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    DeviceEvent,
    Identity,
    NoAnswer,
    PortClosed,
    WireError,
)
from drivers.port import TRAFFIC

_log = logging.getLogger(__name__)

#: Seconds between polls. A tap is seen in this time and the few milliseconds of a poll.
_REST: Final = 0.03
#: So often in a row a card is missed before it is gone: 0.2 s, long for a flicker, short for a hand.
_MISSES: Final = 6
#: So often a card is tried before it must do with its UID.
_READ_ATTEMPTS: Final = 3
#: How long a card may take for the answer to one command, in seconds. Reading takes it 5 ms.
_CARD_ANSWER: Final = 0.1
#: How long the other end of UDP may take, and how often it is asked before it is lost.
_PEER_ANSWER: Final = 0.25
_PEER_ATTEMPTS: Final = 2

_TECHNOLOGIES: Final = {
    "106A": CardTechnology.TYPE_A,
    "106B": CardTechnology.TYPE_B,
    "212F": CardTechnology.FELICA,
}

#: What nfcpy raises, beside its own errors, over bytes that are not what it expects.
_NONSENSE: Final = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
)

# --- codec: Type 2 tags and the patron identifier ----------------------------------------------------------------

_READ: Final = 0x30
#: What one READ gives: four pages of four bytes.
_READ_LENGTH: Final = 16
_HEADER_LENGTH: Final = 16
#: Beyond this a tag has more than one sector; no patron identifier stands there.
_SECTOR: Final = 1024
_LOCK_CONTROL, _MEMORY_CONTROL, _NDEF_MESSAGE, _TERMINATOR = 0x01, 0x02, 0x03, 0xFE
_LONGEST_IDENTIFIER: Final = 64


def read_ndef() -> Command[bytes | None]:
    """Reads the NDEF message of a Type 2 tag; None when it has none (NFC Forum, Type 2 Tag Operation, 6)."""
    header = yield bytes((_READ, 0))
    if len(header) != _READ_LENGTH:
        return None
    magic, version, size, access = header[12:]
    if magic != 0xE1 or version >> 4 != 1 or access >> 4 != 0:
        return None
    size = min(size * 8, _SECTOR - _HEADER_LENGTH)
    area = bytearray()
    while (message := _ndef_message(area[:size])) is NOT_YET:
        if len(area) >= size:
            return None
        pages = yield bytes((_READ, (_HEADER_LENGTH + len(area)) // 4))
        if len(pages) != _READ_LENGTH:
            return None
        area += pages
    return message


def _ndef_message(area: bytes | bytearray) -> bytes | NotYet | None:
    """The message in the TLV blocks of a data area, which begins at byte 16 of the tag (ibid., 2.3)."""
    at = 0
    reserved: set[int] = set()

    def take(count: int) -> bytes | None:
        nonlocal at
        taken = bytearray()
        while len(taken) < count:
            if at >= len(area):
                return None
            if at + _HEADER_LENGTH not in reserved:
                taken.append(area[at])
            at += 1
        return bytes(taken)

    while True:
        kind = take(1)
        if kind == b"\0":
            continue
        if kind == bytes((_TERMINATOR,)):
            return None
        length = take(1)
        if length == b"\xff":
            length = take(2)
        value = None if kind is None or length is None else take(int.from_bytes(length))
        if kind is None or value is None:
            return NOT_YET
        if kind[0] == _NDEF_MESSAGE:
            return value
        if kind[0] in {_LOCK_CONTROL, _MEMORY_CONTROL} and len(value) == 3:
            # Somewhere in the middle of the tag are bytes that are no data: position, size, bytes in a page.
            first = (value[0] >> 4) * 2 ** (value[2] & 0x0F) + (value[0] & 0x0F)
            size = value[1] or 256
            reserved.update(range(first, first + ((size + 7) // 8 if kind[0] == _LOCK_CONTROL else size)))


def patron_identifier(message: bytes, prefixes: Sequence[str] = ()) -> str | None:
    """The patron identifier in an NDEF message: the first text or address that can be one, NFC, without its prefix.

    An address must begin with one of ``prefixes``, since cards carry addresses of all sorts; a text may. An identifier
    is one word of at most 64 characters.
    """
    try:
        records = list(ndef.message_decoder(message, errors="relax"))
    except (ndef.DecodeError, ValueError):
        return None
    known = sorted((unicodedata.normalize("NFC", prefix) for prefix in prefixes), key=len, reverse=True)
    for record in records:
        is_text = isinstance(record, ndef.TextRecord)
        if not is_text and not isinstance(record, ndef.UriRecord):
            continue
        text = unicodedata.normalize("NFC", record.text if is_text else record.uri).strip()
        prefix = next(filter(text.startswith, known), None)
        identifier = text.removeprefix(prefix or "")
        is_word = identifier.isprintable() and not any(map(str.isspace, identifier))
        if (is_text or prefix) and is_word and 0 < len(identifier) <= _LONGEST_IDENTIFIER:
            return identifier
    return None


# --- shell -------------------------------------------------------------------------------------------------------


class _Lifted(Exception):
    """A card has stopped answering in the middle of something."""


class _UdpPeer:
    """The other end of nfcpy's UDP, asked whether it is there."""

    def __init__(self, host: str, port: int, answer_within: float) -> None:
        self._answer_within = answer_within
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect((host, port))
        except BaseException:
            self._socket.close()
            raise

    def check(self) -> None:
        """Raises NoAnswer when there is nobody, OSError when the system says so itself."""
        self._socket.settimeout(0)
        try:
            while True:
                self._socket.recv(_SECTOR)  # an answer that came too late
        except BlockingIOError:
            pass
        self._socket.settimeout(self._answer_within)
        for _ in range(_PEER_ATTEMPTS):
            self._socket.send(b"106A 26")
            try:
                self._socket.recv(_SECTOR)
            except TimeoutError:
                continue
            return
        raise NoAnswer("nobody answers at the other end of UDP")

    def close(self) -> None:
        self._socket.close()


class NfcReader:
    """A :class:`drivers.devices.CardReader` that is driven by nfcpy."""

    def __init__(
        self, device: str, nfc: ModuleType, frontend: Any, *, peer: _UdpPeer | None, prefixes: Sequence[str]
    ) -> None:
        self._device = device
        self._nfc = nfc
        self._frontend = frontend
        self._identity = Identity(
            f"{frontend.device.vendor_name} {frontend.device.product_name}".strip(), frontend.device.chipset_name
        )
        self._peer = peer
        self._prefixes = tuple(prefixes)
        targets = [nfc.clf.RemoteTarget(name) for name in _TECHNOLOGIES]
        self._rounds = [[target] for target in targets] if peer else [targets]
        self._present: tuple[CardTechnology, bytes] | None = None
        self._misses = 0
        self._failures = 0
        self._answer_times: deque[float] = deque(maxlen=200)
        # Held while nfcpy is at work. `close` does not wait for it: whoever holds it then closes the reader.
        self._at_work = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, device: str, *, url: str, prefixes: Sequence[str] = (), answer_within: float = _PEER_ANSWER) -> Self:
        """Opens the reader at a path of nfcpy's: ``usb``, ``usb:072f:2200``, ``tty:USB0:pn532``, ``udp:host:port``.

        ``prefixes`` stand before patron identifiers on cards. ``answer_within`` is for UDP. Raises CannotOpen.
        """
        nfc = import_nfcpy()
        frontend = nfc.ContactlessFrontend()
        peer = None
        try:
            if url.startswith("udp"):
                _, host, port = (*url.split(":"), "", "")[:3]
                peer = _UdpPeer(host or "localhost", int(port or 54321), answer_within)
            if not frontend.open(url):
                raise CannotOpen(f"no card reader at {url}")
            return cls(device, nfc, frontend, peer=peer, prefixes=prefixes)
        except (OSError, ImportError, *_NONSENSE) as error:
            raise CannotOpen(f"cannot open {url}: {error}") from error
        finally:
            if peer and frontend.device is None:
                peer.close()

    @property
    def rest(self) -> float:
        """The same whether a card is there or not."""
        return _REST

    @property
    def answer_times(self) -> Sequence[float]:
        """Seconds that sensing took."""
        return tuple(self._answer_times)

    def self_test(self) -> Identity:
        """Who the reader says it is, after it has sensed once. Raises WireError, PortClosed."""
        self._work(self._sense)
        return self._identity

    def poll(self) -> Iterator[DeviceEvent]:
        """Looks for a card, and reads one that is new. Raises WireError, PortClosed."""
        yield from self._work(self._look)

    def close(self) -> None:
        """Lets go of the reader, or has it let go of when nfcpy's call under way ends. Any thread, any number."""
        self._closed = True
        if self._at_work.acquire(blocking=False):
            try:
                self._shut()
            finally:
                self._at_work.release()

    def _work(self, call: Callable[[], ResultT]) -> ResultT:
        """Has nfcpy do something, and lets nothing of it out."""
        try:
            with self._at_work:
                self._check_open()
                result = call()
        except OSError as error:
            raise WireError(f"the card reader broke: {error}") from error
        finally:
            if self._closed:
                self.close()
        self._check_open()
        return result

    def _check_open(self) -> None:
        if self._closed:
            raise PortClosed("the card reader was closed")

    def _shut(self) -> None:
        if self._peer:
            self._peer.close()
        self._frontend.close()

    def _look(self) -> list[DeviceEvent]:
        """One poll: what is new."""
        found = self._sense()
        if found is None:
            self._failures = 0
            self._misses += 1
            if self._present is None or self._misses < _MISSES:
                return []
            self._present = None
            return [CardRemoved(self._device)]
        self._misses = 0
        card, target = found
        # A card that invents its UID would be another one at each poll.
        key = (card.technology, b"" if card.uid_is_random else card.uid)
        if key == self._present:
            return []
        try:
            card = self._read(card, target)
        except _Lifted:
            self._failures += 1
            if self._failures < _READ_ATTEMPTS:
                return []
        self._failures = 0
        gone: list[DeviceEvent] = [CardRemoved(self._device)] if self._present else []
        self._present = key
        return [*gone, CardPresented(self._device, card)]

    def _sense(self) -> tuple[Card, Any] | None:
        """The first card in the field, by its UID, and nfcpy's name for it."""
        started = time.monotonic()
        try:
            for targets in self._rounds:
                self._check_open()
                if self._peer:
                    self._peer.check()
                if target := self._frontend.sense(*targets):
                    return Card(_TECHNOLOGIES[target.brty], _uid(target)), target
        except (self._nfc.clf.Error, *_NONSENSE) as error:
            _log.debug("%s: a card nobody understands (%s)", self._device, type(error).__name__)
        finally:
            self._answer_times.append(time.monotonic() - started)
        return None

    def _read(self, card: Card, target: Any) -> Card:
        """The card with what is written on it, if that can be read at all. Raises _Lifted."""
        if card.technology is not CardTechnology.TYPE_A or target.sel_res[0] & 0x68:
            return card  # no Type 2 tag, or MIFARE Classic, which keeps its memory to itself (facts/rfid.md, 6.1)
        message = self._exchange(read_ndef())
        identifier = None if message is None else patron_identifier(message, self._prefixes)
        return Card(card.technology, card.uid, identifier)

    def _exchange(self, command: Command[ResultT]) -> ResultT:
        """Carries a command out with the card that was sensed last. Raises _Lifted."""
        try:
            question = next(command)
            while True:
                try:
                    answer = bytes(self._frontend.exchange(bytearray(question), _CARD_ANSWER))
                except (self._nfc.clf.Error, *_NONSENSE) as error:
                    raise _Lifted from error
                question = command.send(answer)
        except StopIteration as done:
            result: ResultT = done.value
            return result


def _uid(target: Any) -> bytes:
    """The UID in the answers of ISO/IEC 14443-3, or the IDm of FeliCa."""
    if target.sdd_res:
        return bytes(target.sdd_res)
    if target.sensb_res:
        return bytes(target.sensb_res[1:5])
    return bytes(target.sensf_res[1:9])


class _Wiretap(logging.Handler):
    """Takes whatever nfcpy logs to the level where bytes may be seen."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.log(TRAFFIC, "nfcpy: %s", record.getMessage())


_WIRETAP: Final = _Wiretap()


def import_nfcpy() -> ModuleType:
    """nfcpy, quiet and without its side effect."""
    showwarning = warnings.showwarning
    # Not before a reader is opened, in that reader's thread: it takes 0.1 s, and brings USB with it.
    import nfc  # noqa: PLC0415

    if warnings.showwarning is not showwarning:
        logging.captureWarnings(False)
    logger = logging.getLogger("nfc")
    logger.propagate = False
    logger.addHandler(_WIRETAP)
    # Where nobody listens it need not even make up its records.
    logger.setLevel(1 if _log.isEnabledFor(TRAFFIC) else logging.CRITICAL + 1)
    module: ModuleType = nfc
    return module
