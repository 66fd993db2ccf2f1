"""Patron cards through nfcpy: USB readers, a PN532 on a serial line or over TCP, and cards over UDP.

Theory of operation. Each poll senses the technologies one after the other. Where there is one card, and a new one, it
is read and announced; a card that stays is not announced again; one that is missed a few times in a row is gone, since
a card held by hand comes and goes.

*Several cards.* nfcpy finds one card per technology. Cards of different technologies are told as ``SeveralCards``, and
none of them is announced until one alone is left. Of two cards of *one* technology (two library cards, a library card
and a bank card) nfcpy sees either, perhaps now the one and now the other, and nobody can tell: each is announced as
if it had taken the other's place (facts/rfid.md, 6.1). What answers in several ways and invents all its UIDs is one
telephone.

*What a card says.* A Type 2 or Type 4 tag with an NDEF message: the patron identifier in it. Any other: its UID alone,
or the IDm of FeliCa. A card that cannot be read to the end has been lifted, and is not announced until it has been
read, or has failed so often that it must do with its UID. A UID that the card invents anew each time names nobody; the
card is announced all the same (``Card.uid_is_random``), so that somebody can tell its owner why it does not work, and
once, although it looks like another card at each poll.

*nfcpy apart.* Its chip drivers and its sensing are used as they are, its reading of tags is not: it waits 5 ms for a
page of a Type 2 tag, asks again, and then takes the late answer to the first question for the answer to the next; and
it probes cards of NXP with commands that cost up to a second. So cards are read by the commands of
:mod:`drivers.card_memory`, over nfcpy's ``exchange``. It believes what comes over the air, and what comes as nonsense
raises whatever it likes; that, and only that, is :data:`_NONSENSE`. It logs what it sends and receives, card numbers
among it: all of that goes to level TRAFFIC, below DEBUG. Importing it turns Python's warnings into log records, which
is turned back.

*Addresses.* ``usb``, ``usb:072f:2200`` (vendor and product) and ``usb:001:023`` (bus and device, new after each
plugging in) are nfcpy's own. A serial port (``/dev/ttyUSB0``, ``COM3``, ``socket://…``, or as nfcpy writes it
``tty:USB0:pn532``) is a PN532, for which :mod:`drivers.pn532` has the line.

*Over UDP* (``udp:host:port``) nfcpy waits a whole second for an answer that is not coming, for each technology. So it
is asked first, each time, whether there is anybody at all: silence there is a lost reader, and an empty field is said
in so many words (``RFOFF``, see :mod:`drivers.simulators.card_reader`).
"""

from __future__ import annotations

import logging
import re
import socket
import struct
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Final, Self

from drivers import pn532
from drivers.card_memory import over_iso_dep, patron_identifier, read_type2, read_type4
from drivers.codec import Command, ResultT
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
    SeveralCards,
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
#: How long a card may take for the answer to one command, in seconds: a Type 2 tag takes 5 ms to read, a Type 4 tag as
#: long as it says, which is below this for all but the strangest (ISO/IEC 14443-4, 7.2: FWI 10).
_CARD_ANSWER: Final = 0.1
_TYPE4_ANSWER: Final = 0.35
#: How long the other end of UDP may take, and how often it is asked before it is lost.
_PEER_ANSWER: Final = 0.25
_PEER_ATTEMPTS: Final = 2

_TECHNOLOGIES: Final = {
    "106A": CardTechnology.TYPE_A,
    "106B": CardTechnology.TYPE_B,
    "212F": CardTechnology.FELICA,
}

#: Bits of the SAK of a 14443A card (NXP AN10833): it speaks ISO/IEC 14443-4; it keeps its memory to itself, as MIFARE
#: Classic does, or only exchanges data.
_SAK_ISO_DEP: Final = 0x20
_SAK_NO_TAG: Final = 0x48

_DATAGRAM: Final = 1024

#: A serial port as nfcpy names it; its driver for the Arygon readers is left to it.
_TTY_PATH: Final = re.compile(r"(tty|com):(?:COM)?([A-Za-z0-9-]+)(?::pn532)?")
#: Paths that nfcpy opens by itself.
_NFCPY_PATH: Final = re.compile(r"(usb|udp|tty|com)(:.*)?")

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
                self._socket.recv(_DATAGRAM)  # an answer that came too late
        except BlockingIOError:
            pass
        self._socket.settimeout(self._answer_within)
        for _ in range(_PEER_ATTEMPTS):
            self._socket.send(b"106A 26")
            try:
                self._socket.recv(_DATAGRAM)
            except TimeoutError:
                continue
            return
        raise NoAnswer("nobody answers at the other end of UDP")

    def close(self) -> None:
        self._socket.close()


class NfcReader:
    """A :class:`drivers.devices.CardReader` that is driven by nfcpy."""

    def __init__(
        self, device: str, nfc: ModuleType, frontend: Any, *, peer: _UdpPeer | None = None, prefixes: Sequence[str] = ()
    ) -> None:
        """``frontend`` is nfcpy's, opened."""
        self._device = device
        self._nfc = nfc
        self._frontend = frontend
        reader = frontend.device
        named = f"{reader.vendor_name or ''} {reader.product_name or ''}".strip()
        self._identity = Identity(named or reader.chipset_name, reader.chipset_name if named else "")
        self._peer = peer
        self._prefixes = tuple(prefixes)
        self._technologies = dict(_TECHNOLOGIES)
        self._present: tuple[CardTechnology, bytes] | None = None
        self._empty = False  # known to be
        self._misses = 0
        self._failures = 0
        self._crowded = 0
        self._answer_times: deque[float] = deque(maxlen=200)
        # Held while nfcpy is at work. `close` does not wait for it: whoever holds it then closes the reader.
        self._at_work = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, device: str, *, url: str, prefixes: Sequence[str] = (), answer_within: float = _PEER_ANSWER) -> Self:
        """Opens the reader at an address; the module has the list of their forms.

        ``prefixes`` stand before patron identifiers on cards. ``answer_within`` is for UDP. Raises CannotOpen.
        """
        nfc = import_nfcpy()
        frontend = nfc.ContactlessFrontend()
        peer = None
        try:
            if port := _serial_port(url):
                frontend.device = pn532.connect(nfc.clf.pn532, port)
            else:
                if url.startswith("udp"):
                    _, host, port = (*url.split(":"), "", "")[:3]
                    peer = _UdpPeer(host or "localhost", int(port or 54321), answer_within)
                if not frontend.open(url):
                    raise CannotOpen(f"no card reader at {url}, or pcscd or the kernel's driver pn533 has it")
            return cls(device, nfc, frontend, peer=peer, prefixes=prefixes)
        except CannotOpen:
            raise
        except (OSError, ImportError, WireError, *_chip_errors(nfc), *_NONSENSE) as error:
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
        """Seconds that sensing took, all technologies together."""
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
        except (OSError, *_chip_errors(self._nfc)) as error:
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
        transport = getattr(getattr(self._frontend.device, "chipset", None), "transport", None)
        try:
            self._frontend.close()
        except (OSError, WireError, *_chip_errors(self._nfc), *_NONSENSE) as error:
            _log.debug("%s did not close: %s", self._device, type(error).__name__)
        finally:
            # A reader that cannot be told to rest is gone already; nfcpy would keep its wire open.
            self._frontend.device = None
            if transport is not None:
                transport.close()

    def _look(self) -> list[DeviceEvent]:
        """One poll: what is new."""
        found = self._sense()
        if found and not self._is_known(found):
            found = self._sense()  # cards that are laid on together come one after the other
        if len(found) > 1 and not all(card.uid_is_random for card in found):
            several = not self._crowded
            self._crowded, self._misses = _MISSES, 0
            return [SeveralCards(self._device)] if several else []
        if self._crowded:
            # They come and go as one card does; when the others are gone for good, the one left is looked at.
            self._crowded -= 1
            return []
        if not found:
            return self._miss()
        self._misses = 0
        return [] if self._is_known(found) else self._announce(found[0])

    def _is_known(self, found: Sequence[Card]) -> bool:
        return any(_key(card) == self._present for card in found)

    def _miss(self) -> list[DeviceEvent]:
        self._failures = 0
        self._misses += 1
        if self._empty or self._misses < _MISSES:
            return []
        self._present, self._empty = None, True
        return [CardRemoved(self._device)]

    def _announce(self, card: Card) -> list[DeviceEvent]:
        try:
            card = self._read(card)
        except _Lifted:
            self._failures += 1
            if self._failures < _READ_ATTEMPTS:
                return []
        self._failures = 0
        gone: list[DeviceEvent] = [CardRemoved(self._device)] if self._present else []
        self._present, self._empty = _key(card), False
        return [*gone, CardPresented(self._device, card)]

    def _sense(self) -> list[Card]:
        """The first card of each technology in the field, by its UID."""
        started = time.monotonic()
        found = []
        for name, technology in tuple(self._technologies.items()):
            if target := self._sense_one(name):
                found.append(Card(technology, _uid(target)))
        self._answer_times.append(time.monotonic() - started)
        return found

    def _sense_one(self, name: str) -> Any:
        """nfcpy's name for a card of one technology, activated; None where there is none."""
        self._check_open()
        if self._peer:
            self._peer.check()
        try:
            target = self._frontend.sense(self._nfc.clf.RemoteTarget(name))
            return target if target and _uid(target) else None
        except self._nfc.clf.UnsupportedTargetError:
            del self._technologies[name]  # a reader that does not speak it
        except (self._nfc.clf.Error, *_NONSENSE) as error:
            _log.debug("%s: a card nobody understands (%s)", self._device, type(error).__name__)
        return None

    def _read(self, card: Card) -> Card:
        """The card with what is written on it, if that can be read at all. Raises _Lifted."""
        if card.technology is not CardTechnology.TYPE_A:
            return card
        # Sensed once more, because a look at another technology puts out a card.
        target = self._sense_one("106A")
        if target is None or _key(Card(card.technology, _uid(target))) != _key(card):
            raise _Lifted
        if target.sel_res[0] & _SAK_ISO_DEP:
            message = self._exchange(over_iso_dep(read_type4()), _TYPE4_ANSWER)
        elif target.sel_res[0] & _SAK_NO_TAG:
            return card
        else:
            message = self._exchange(read_type2(), _CARD_ANSWER)
        identifier = None if message is None else patron_identifier(message, self._prefixes)
        return Card(card.technology, card.uid, identifier)

    def _exchange(self, command: Command[ResultT], within: float) -> ResultT:
        """Carries a command out with the card that was sensed last. Raises _Lifted."""
        try:
            question = next(command)
            while True:
                try:
                    answer = bytes(self._frontend.exchange(bytearray(question), within))
                except (self._nfc.clf.Error, *_NONSENSE) as error:
                    raise _Lifted from error
                question = command.send(answer)
        except StopIteration as done:
            result: ResultT = done.value
            return result


def _serial_port(url: str) -> str:
    """The serial port or TCP address of a PN532; empty for what nfcpy opens by itself."""
    if match := _TTY_PATH.fullmatch(url):
        return f"COM{match[2]}" if match[1] == "com" else f"/dev/tty{match[2]}"
    return "" if _NFCPY_PATH.fullmatch(url) else url


def _key(card: Card) -> tuple[CardTechnology, bytes]:
    """What tells a card from the next; one that invents its UID would be another at each poll."""
    return card.technology, b"" if card.uid_is_random else card.uid


def _uid(target: Any) -> bytes:
    """The UID in the answers of ISO/IEC 14443-3, or the IDm of FeliCa."""
    if target.sdd_res:
        return bytes(target.sdd_res)
    if target.sensb_res:
        return bytes(target.sensb_res[1:5])
    return bytes(target.sensf_res[1:9]) if target.sensf_res else b""


def _chip_errors(nfc: ModuleType) -> tuple[type[Exception], type[Exception], type[Exception]]:
    """What the chips of readers say against a command; no relations of nfcpy's other errors."""
    chips = nfc.clf
    return chips.pn53x.Chipset.Error, chips.rcs380.CommunicationError, chips.rcs380.StatusError


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
    import nfc.clf.pn532  # noqa: PLC0415
    import nfc.clf.rcs380  # noqa: PLC0415

    if warnings.showwarning is not showwarning:
        logging.captureWarnings(False)
    logger = logging.getLogger("nfc")
    logger.propagate = False
    logger.addHandler(_WIRETAP)
    # Where nobody listens it need not even make up its records.
    logger.setLevel(1 if _log.isEnabledFor(TRAFFIC) else logging.CRITICAL + 1)
    module: ModuleType = nfc
    return module
