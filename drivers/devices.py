"""The vocabulary of the room: what a device can be asked, what it tells, how it fails.

Everything here is a frozen value, a protocol or an error; nothing does anything. The other modules, and the rooms
above, speak in these words.

A driver has two halves. The *codec* is pure: a decoder cuts the bytes that arrive into frames, and each command is a
generator that yields the bytes to send, is resumed with the frame that answers, and returns a typed result (see
:mod:`drivers.port`, which runs them). The *shell* is a :class:`Device`: it owns a port, runs commands over it, and
turns what it learns into events. The supervisor owns the device. The loop of a caller, in full::

    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with Supervisor(events.put) as supervisor:
        pad = supervisor.add("pad", partial(Pad.open, url="socket://127.0.0.1:10001", protocol=Feig()))
        while True:
            match events.get():
                case TagRead(uid=uid, content=LibraryTag()):
                    future = pad.do(lambda device: device.release(uid), within=1.0)
                    future.add_done_callback(report)  # SecurityChanged | SecurityUnchanged | SecurityUnknown
                case DeviceLost() | DeviceBack() | TagArrived() | TagGone():
                    ...

What a driver author writes: a codec module (``feig.py`` is the model), a shell with the methods of one of the protocols
below, a simulator of the other end of the wire, and a test class that inherits the conformance suite of its kind.

Readers' data: whatever may name a reader (the number on a card, a scanned code, the number on a patron's tag) is left
out of every ``repr`` here, so that an event that strays into a log takes nobody with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal, Protocol, TypeAlias

from drivers.iso15693 import (
    MANUFACTURERS,
    UNKNOWN_MARK,
    Mark,
    MarkDoubt,
    Security,
    SecurityResult,
    SystemInformation,
    TagFault,
    Uid,
    WriteResult,
)
from drivers.library_tag import Decoded

# --- what goes wrong ---------------------------------------------------------------------------------------------


class DeviceError(Exception):
    """A device could not do its part. The one family that leaves this room; libraries' errors are translated into it.

    ``code`` is what ``DeviceLost`` and the health record carry; a screen has its own sentence for each. The message is
    for staff and logs, and never holds bytes from the wire.
    """

    code: ClassVar[str] = "device"


class NotSent(DeviceError):
    """Nothing reached the wire, so nothing has changed: the device is away, busy for too long, or being stopped."""

    code = "not_sent"


class WireError(DeviceError):
    """The wire broke, or carried what nobody can read. Whether a command was carried out is unknown.

    ``sent`` and ``received`` are the bytes of the exchange that failed, for a person who asks for them.
    """

    code = "wire"

    def __init__(self, message: str, *, sent: bytes = b"", received: bytes = b"") -> None:
        super().__init__(message)
        self.sent = sent
        self.received = received


class CannotOpen(WireError):
    """There is nothing at the address, or somebody else has it."""

    code = "cannot_open"


class PortClosed(WireError):
    """The port was closed, by this program, while it was in use."""

    code = "closed"


class NoAnswer(WireError):
    """What was sent went out, and no whole answer came in time. The device may have done what it was told."""

    code = "no_answer"


class DeviceRefused(DeviceError):
    """The device answered, and the answer is no. ``answer`` is its own code, ``fault`` what that means for a tag.

    ``block`` is the one of the tag's blocks that it is about, where the device names one.
    """

    code = "refused"

    def __init__(
        self, message: str, *, answer: bytes, fault: TagFault = TagFault.OTHER, block: int | None = None
    ) -> None:
        super().__init__(message)
        self.answer = answer
        self.fault = fault
        self.block = block


class NotSupported(DeviceError):
    """The device is there and well, and of a kind that cannot do this: a pad that reads no ISO 15693, say."""

    code = "not_supported"


class NoDriver(DeviceError):
    """What drives the device is not installed, or is broken. The others go on."""

    code = "no_driver"


# --- tags --------------------------------------------------------------------------------------------------------
#
# What can be on a tag is told in drivers.library_tag, what can become of its security mark in drivers.iso15693.


@dataclass(frozen=True, slots=True)
class UnreadableTag:
    """A tag that is seen but cannot be read; shifted a little, it may yet be."""

    fault: TagFault


TagContent: TypeAlias = Decoded | UnreadableTag


@dataclass(frozen=True, slots=True)
class TagLook:
    """All that can be learnt of one tag without changing it. What could not be learnt is None, or empty.

    ``raw`` is its memory from the first block on, in order. ``security`` is what the library's marking makes of
    ``mark``, in which everything the chip has stands, whether the marking uses it or not.
    """

    uid: Uid
    content: TagContent
    security: Security | MarkDoubt
    mark: Mark = UNKNOWN_MARK
    system: SystemInformation | None = None
    raw: bytes = field(default=b"", repr=False)

    @property
    def manufacturer(self) -> str:
        """Who made the chip; empty for one that is not known here."""
        return MANUFACTURERS.get(self.uid[1], "")


# --- cards -------------------------------------------------------------------------------------------------------


class CardTechnology(StrEnum):
    """The air interface a card speaks."""

    TYPE_A = "14443A"
    TYPE_B = "14443B"
    FELICA = "felica"


@dataclass(frozen=True, slots=True)
class Card:
    """A contactless card. ``patron_identifier`` is what is written on it, None when only the UID could be read."""

    technology: CardTechnology
    uid: bytes = field(repr=False)
    patron_identifier: str | None = field(default=None, repr=False)

    @property
    def uid_is_random(self) -> bool:
        """Whether the card invents its UID anew each time, so that it names nobody (facts/rfid.md, 6.5)."""
        match self.technology:
            case CardTechnology.TYPE_A:
                return len(self.uid) == 4 and self.uid[0] == 0x08
            case CardTechnology.TYPE_B:
                return True
            case CardTechnology.FELICA:
                return self.uid[:2] == b"\x01\xfe"  # a telephone that offers to exchange data


# --- receipts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture in black and white: row after row, one bit a dot, leftmost first, 1 = black, rows padded to bytes."""

    width: int
    height: int
    rows: bytes = field(repr=False)

    def __post_init__(self) -> None:
        expected = (self.width + 7) // 8 * self.height
        if len(self.rows) != expected:
            raise ValueError(f"{self.width} by {self.height} dots are {expected} bytes, not {len(self.rows)}")


class Connection(StrEnum):
    """Whether a printer says that it would print."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Cover(StrEnum):
    """The lid of a printer."""

    CLOSED = "closed"
    OPEN = "open"
    UNKNOWN = "unknown"


class Paper(StrEnum):
    """The roll of a printer."""

    PRESENT = "present"
    LOW = "low"
    OUT = "out"
    UNKNOWN = "unknown"


class PrintOutcome(StrEnum):
    """What became of a receipt."""

    PRINTED = "printed"  # all was sent, and the printer reported itself well afterwards
    FAILED = "failed"  # it did not come out whole: offer it again, or show it
    UNKNOWN = "unknown"  # all was sent, and the printer does not say


# --- events ------------------------------------------------------------------------------------------------------
#
# ``device`` is the name the device has in the settings.


@dataclass(frozen=True, slots=True)
class DeviceBack:
    """The device is open and has passed its self-test: for the first time, or again.

    For each device ``DeviceBack`` and ``DeviceLost`` alternate. It knows nothing of before: what lies on a pad is
    announced anew.
    """

    device: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The device cannot be used; posted once, however many attempts to reopen it fail.

    ``code`` is that of the :class:`DeviceError`, or ``defect`` for an error of this program. What the device last said
    is not taken back: a tag on a lost pad is not gone, it is unknown.
    """

    device: str
    code: str


@dataclass(frozen=True, slots=True)
class TagArrived:
    """A tag is in the field, for the first time or after ``TagGone``. What is on it follows as ``TagRead``."""

    device: str
    uid: Uid


@dataclass(frozen=True, slots=True)
class TagRead:
    """What is on a tag: once after each arrival, and after each write of its memory.

    After an ``UnreadableTag`` another may follow with better news.
    """

    device: str
    uid: Uid
    content: TagContent


@dataclass(frozen=True, slots=True)
class TagGone:
    """A tag has left the field for longer than a flicker, and does not answer to its UID."""

    device: str
    uid: Uid


@dataclass(frozen=True, slots=True)
class StackSteady:
    """The tags in the field, all announced by ``TagRead``: two inventories in a row agree, and each tag was seen twice.

    Posted when this set differs from the one before, the first time even when it is empty.
    """

    device: str
    uids: frozenset[Uid]


@dataclass(frozen=True, slots=True)
class StackOverfull:
    """More tags than the pad can tell apart: some must be taken off. Posted once; the next ``StackSteady`` ends it."""

    device: str


@dataclass(frozen=True, slots=True)
class CardPresented:
    """A card is on the reader. A pad posts it too, when a card lies among the items."""

    device: str
    card: Card


@dataclass(frozen=True, slots=True)
class CardRemoved:
    """No card is on the reader any more. A card reader says so too when it has come back and finds none there."""

    device: str


@dataclass(frozen=True, slots=True)
class SeveralCards:
    """Cards of different technologies are on the reader at once, and which is meant nobody can say.

    Posted once. When one of them is left it is told as ``CardPresented``, unless it was before they became several.
    """

    device: str


class CodeKind(StrEnum):
    """What a scanned code is by its prefix."""

    PATRON = "patron"
    ITEM = "item"
    UNKNOWN = "unknown"  # by the prefix it may be either


@dataclass(frozen=True, slots=True)
class BarcodeScanned:
    """A whole code, without what the scanner puts around it, NFC."""

    device: str
    text: str = field(repr=False)
    kind: CodeKind = CodeKind.UNKNOWN


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What a printer says of itself; posted when it changes. What it does not say is unknown, never well."""

    device: str
    connection: Connection = Connection.UNKNOWN
    cover: Cover = Cover.UNKNOWN
    paper: Paper = Paper.UNKNOWN


DeviceEvent: TypeAlias = (
    DeviceBack
    | DeviceLost
    | TagArrived
    | TagRead
    | TagGone
    | StackSteady
    | StackOverfull
    | CardPresented
    | CardRemoved
    | SeveralCards
    | BarcodeScanned
    | PrinterStatus
)


# --- devices -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How a serial line is set; TCP has no use for it. ``framing`` is data bits, parity and stop bits."""

    baud: int = 9600
    framing: Literal["8N1", "8E1", "8O1", "7E1", "7O1"] = "8N1"


@dataclass(frozen=True, slots=True)
class Identity:
    """What answered the self-test; empty where the device does not say. ``serial`` tells two of one model apart."""

    model: str = ""
    firmware: str = ""
    serial: str = ""


class Device(Protocol):
    """One open connection to one device, used by one thread. All but :meth:`close` may raise DeviceError."""

    @property
    def rest(self) -> float:
        """Seconds the device may be left alone after a poll; read anew after each."""
        ...

    @property
    def answer_times(self) -> Sequence[float]:
        """Seconds from question to answer of the latest exchanges; empty for a device that is never asked."""
        ...

    def self_test(self) -> Identity:
        """Asks the device who it is, and makes sure that it is of the right kind."""
        ...

    def poll(self) -> Iterator[DeviceEvent]:
        """One look at the device: yields what is new, as it is learnt.

        Between two events the caller may give the device other work, so a poll yields only when no exchange is under
        way. It ends soon (within about a quarter of a second where the device must be listened to), perhaps without an
        event, and raises a DeviceError when the device is lost.
        """
        ...

    def close(self) -> None:
        """Lets go of the device. From any thread, any number of times; a read under way ends with PortClosed."""
        ...


class RfidPad(Device, Protocol):
    """Sees the tags of items: posts ``Tag…`` and ``Stack…`` events, and ``CardPresented`` for a card among them."""

    def secure(self, uid: Uid) -> SecurityResult:
        """Makes the gate alarm at this tag; verified by reading back. Safe to repeat."""
        ...

    def release(self, uid: Uid) -> SecurityResult:
        """Makes the gate silent at this tag; verified by reading back. Safe to repeat."""
        ...

    def restore(self, uid: Uid, mark: Mark) -> SecurityResult:
        """Puts a mark back that stood on this tag before: the ``previous`` of an earlier result. Safe to repeat."""
        ...

    def look(self, uid: Uid) -> TagLook:
        """Reads everything there is to know of this tag; changes nothing."""
        ...

    def write(self, uid: Uid, content: bytes) -> WriteResult:
        """Writes whole blocks from the first on; verified by reading back. Safe to repeat. Locks nothing."""
        ...


class CardReader(Device, Protocol):
    """Sees patron cards: posts ``CardPresented`` once per card laid on, ``CardRemoved`` and ``SeveralCards``."""


class BarcodeScanner(Device, Protocol):
    """Posts ``BarcodeScanned``, also when the same code is read twice."""


class ReceiptPrinter(Device, Protocol):
    """Prints receipts. Posts ``PrinterStatus`` when it changes, the first time in any case."""

    @property
    def width(self) -> int:
        """Dots across the paper."""
        ...

    def print(self, receipt: Raster) -> PrintOutcome:
        """Prints a picture no wider than the paper, feeds and cuts."""
        ...
