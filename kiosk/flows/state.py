"""What a kiosk knows: its settings, who stands there, what lies on the pad, and each book met in the visit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from drivers.devices import TagContent
from drivers.library_tag import LibraryTag, Usage
from kiosk.flows import messages as m
from kiosk.views import CardTrouble, DeviceView, Notice, Receipt
from sync.circulation.acts import Account
from sync.circulation.blocks import Block, Code
from sync.circulation.decisions import PutAside
from sync.circulation.model import Patron


class PinMode(StrEnum):
    """Where a branch asks for the PIN."""

    NONE = "none"
    ACCOUNT = "account"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a station's settings say of its visits. Times in seconds; devices by their names.

    ``barcode_items``: items without a chip are taken by barcode. Their return leaves a repair row all the same, because
    nobody can tell from a barcode that there is no chip.
    """

    library: str = ""
    branch: str = ""
    language: str = "vi"
    pin: PinMode = PinMode.ACCOUNT
    pin_length: int = 4
    pad: str = "pad"
    reader: str = "reader"
    scanner: str = "scanner"
    printer: str = "printer"
    barcode_items: bool = True
    idle_s: float = 60
    warning_s: float = 20
    done_s: float = 20
    printed_s: float = 8
    notice_s: float = 4


class Phase(StrEnum):
    """Where a visit stands."""

    ATTRACT = "attract"
    OFFER = "offer"
    FINDING = "finding"
    PROBLEM = "problem"
    PIN = "pin"
    BORROW = "borrow"
    ACCOUNT = "account"
    RETURN = "return"
    ENDING = "ending"
    DONE = "done"
    STAFF_PIN = "staff_pin"
    STAFF = "staff"


#: Phases in which a reader stands here and may be asked whether she still does.
ATTENDED = frozenset({Phase.FINDING, Phase.PROBLEM, Phase.PIN, Phase.BORROW, Phase.ACCOUNT})


class Stage(StrEnum):
    """Where a book stands; :mod:`kiosk.flows.visit` has the picture."""

    SEEN = "seen"
    WAITING = "waiting"
    ASKED = "asked"
    REFUSED = "refused"
    LENT = "lent"
    LIFTED = "lifted"
    UNDOING = "undoing"
    FAILED = "failed"
    RELEASED = "released"
    TAKEN = "taken"
    SECURED = "secured"
    UNSECURED = "unsecured"


#: The code of a machine that staff have put out of service.
BY_STAFF = "STAFF"

#: The stages of a book that has come back: its return is on record, whatever became of its tag.
CAME_BACK = frozenset({Stage.SECURED, Stage.UNSECURED})


@dataclass(frozen=True, slots=True)
class PadTag:
    """A tag in the field. ``old`` ones have lain there since before the visit and start nothing by themselves.

    A card that comes makes them new again, all but those that were ``returned`` in an earlier visit: what has just been
    brought back goes to nobody who happens to come next. Both end when the tag is lifted.
    """

    uid: bytes
    content: TagContent | None = None
    steady: bool = False
    old: bool = False
    returned: bool = False

    @property
    def item(self) -> LibraryTag | None:
        """What an item's tag says; ``None`` for anything else, a reader's tag among it."""
        content = self.content
        return content if isinstance(content, LibraryTag) and content.usage is not Usage.PATRON_CARD else None

    @property
    def card(self) -> str:
        """The number on a reader's tag, empty for anything else: such a tag is a card, never an item."""
        content = self.content
        return content.item_id if isinstance(content, LibraryTag) and content.usage is Usage.PATRON_CARD else ""


@dataclass(frozen=True, slots=True)
class Book:
    """An item met in this visit. ``uids`` are its tags as seen; an item taken by barcode has none.

    ``parts`` is how many the item has by its tags, ``seen`` the numbers of those that were met. ``pending`` tags are
    being written, ``done`` ones verified to be as wanted; ``tries`` counts the rounds of writing. ``entry`` is the
    ledger's number of the loan or return. ``on_loan`` is what was found out before anybody decided. ``to_secure``:
    nobody has it, and its tag waits for repair, which needs nobody's word.
    """

    item_id: str
    stage: Stage
    uids: frozenset[bytes] = frozenset()
    parts: int = 1
    seen: frozenset[int] = frozenset()
    title: str = ""
    author: str = ""
    pending: frozenset[bytes] = frozenset()
    done: frozenset[bytes] = frozenset()
    tries: int = 0
    entry: int = 0
    due: date | None = None
    blocks: tuple[Block, ...] = ()
    put_aside: PutAside | None = None
    on_loan: bool = False
    renewed: bool = False
    to_secure: bool = False

    @property
    def missing(self) -> frozenset[bytes]:
        """The tags that are not verified to be as wanted."""
        return self.uids - self.done

    @property
    def parts_seen(self) -> int | None:
        """How many parts were met, ``None`` where there is nothing to count."""
        return len(self.seen) if self.parts > 1 else None

    @property
    def whole(self) -> bool:
        """Whether all its parts have been met; of a part that has not, nothing can be said."""
        return len(self.seen) >= self.parts


@dataclass(frozen=True, slots=True)
class PinEntry:
    """Digits typed so far, never shown; and what came of the last try."""

    digits: str = field(default="", repr=False)
    wrong: bool = False
    tries_left: int | None = None
    locked_until: float = 0
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """Who stands here, for as long as the visit lasts."""

    card: str = field(repr=False)
    patron: Patron | None = field(default=None, repr=False)
    blocks: tuple[Block, ...] = ()
    pin_set: bool = False
    pin_right: bool = False

    @property
    def category(self) -> str:
        """The reader's category, for counting."""
        return self.patron.category if self.patron else ""


@dataclass(frozen=True, slots=True)
class State:
    """All that a kiosk knows. Made by :func:`start`; only :func:`step` makes the next one.

    ``cards_on`` names the readers a card lies on, ``cards_left`` those whose card is of an earlier visit, or lay there
    when the reader was lost, and begins nothing. ``renewals`` holds the latest answer for each item asked about,
    ``renewed`` the items that were renewed at all.
    """

    setup: Setup
    phase: Phase = Phase.ATTRACT
    visit: int = 0
    visit_open: bool = False
    tick: m.Tick | None = None
    language: str = "vi"
    high_contrast: bool = False
    reachable: bool = False
    help_open: bool = False
    devices: tuple[DeviceView, ...] = ()
    overfull: bool = False
    pad: tuple[PadTag, ...] = ()
    reader: Reader | None = None
    pin: PinEntry = PinEntry()
    books: tuple[Book, ...] = ()
    account: Account | None = None
    cards_on: frozenset[str] = frozenset()
    cards_left: frozenset[str] = frozenset()
    renewals: tuple[tuple[str, bool, tuple[Block, ...], date | None], ...] = ()
    renewed: frozenset[str] = frozenset()
    returning: bool = False
    outcome: str = "done"
    receipt: Receipt = Receipt.NOT_OFFERED
    active_at: float = 0
    notice: Notice | None = None
    notice_until: float = 0
    trouble: CardTrouble | None = None
    out_of_service: str = ""
    staff: m.StaffFound | None = None

    @property
    def clock(self) -> float:
        """Seconds on the clock that never runs back; 0 before the first tick."""
        return self.tick.clock if self.tick else 0

    def is_well(self, name: str) -> bool:
        """Whether a device is known to be working."""
        return any(d.name == name and d.well for d in self.devices)

    @property
    def may_print(self) -> bool:
        """Whether a receipt can be offered: the printer is there and has not said that it cannot."""
        name = self.setup.printer
        return self.is_well(name) or any(d.name == name and d.code == "unknown" for d in self.devices)

    def is_lost(self, name: str) -> bool:
        """Whether a device is known to be away; of one that has not reported yet nobody knows."""
        return any(d.name == name and d.well is False for d in self.devices)

    @property
    def open(self) -> bool:
        """Whether the library is open."""
        return self.tick is None or self.tick.open

    @property
    def patience(self) -> float:
        """How much longer than usual this reader is waited for."""
        return 2 if self.reachable else 1

    @property
    def warning_at(self) -> float:
        """When to ask whether somebody is still there."""
        return self.active_at + self.setup.idle_s * self.patience


def start(setup: Setup) -> State:
    """A kiosk that has just been switched on; every device is away until it reports."""
    names = (("pad", setup.pad), ("reader", setup.reader), ("scanner", setup.scanner), ("printer", setup.printer))
    devices = tuple(DeviceView(name, kind, None) for kind, name in names if name)
    return State(setup, language=setup.language, devices=devices)


def is_own(book: Book) -> bool:
    """Whether the book was met on loan to the reader who stands here."""
    return book.stage is Stage.REFUSED and any(b.code is Code.ALREADY_YOURS for b in book.blocks)
