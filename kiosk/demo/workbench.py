"""The workbench of the demonstration: which books, cards and barcodes lie there, and what hands do with them.

Two values cross the border to the screen, as at the kiosk itself: a :class:`BenchView` goes out, an :class:`Act`
comes in, and neither side knows how the other does it. :class:`Workbench` performs acts on the simulated devices of a
:class:`kiosk.demo.bench.Bench` and on its network, and by looking at them again and again finds out what became of it:
a tag that was released, a receipt that came out, a device that the kiosk misses, an event that headquarters has. All of
it happens in one thread, the window's; only the devices have threads of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from drivers.devices import Raster
from drivers.iso15693 import AfiPair, Security
from drivers.simulators.cards import CardFault
from drivers.simulators.field import PadFault, VirtualTag
from drivers.simulators.printer import PrinterFault
from kiosk.demo.bench import Bench
from kiosk.demo.library import items, readers, titles
from kiosk.demo.tour import ADULT, CHILD, EXPIRED, READING_CARD, SMALL_DEPOSIT
from kiosk.demo.uplink import Uplink
from kiosk.flows.show import cloth
from kiosk.flows.state import State
from sync.circulation.model import Item
from sync.text import masked_name

#: The books of the shelf: well-known ones, and those that a rule or a screen has something to say about (sets of three,
#: six and two parts, a dictionary for reading here, a magazine, long titles, another script).
SHELF = (
    "TSD0001 TSD0008 TSD0011 TSD0013 TSD0016 TSD0032 TSD0061 TSD0063 "
    "TSD0144 TSD0171 TSD0194 TSD0195 TSD0230 TSD0234 TSD0235 TSD0237 "
    "TSD0276 TSD0277 TSD0280 TSD0250 TSD0265 TSD0292 TSD0298 TSD0129"
).split()
#: The one whose copy is at home in another library.
ELSEWHERE = "TSD0129"
#: The one whose barcode lies there without its chip.
CHIPLESS = "TSD0062"
UNKNOWN_CARD = "TN999999"

#: What the kiosk misses when its network is gone, among its devices.
HEADQUARTERS = "headquarters"

#: Lines of the log that are kept.
LOG_LINES = 4

_AFIS = AfiPair()


class CardKind(StrEnum):
    """What a card shows."""

    ADULT = "adult"
    CHILD = "child"
    READING = "reading"
    SMALL_DEPOSIT = "small_deposit"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    OTHER_LIBRARY = "other_library"
    UNKNOWN = "unknown"


CARDS = {
    CardKind.ADULT: ADULT,
    CardKind.CHILD: CHILD,
    CardKind.READING: READING_CARD,
    CardKind.SMALL_DEPOSIT: SMALL_DEPOSIT,
    CardKind.EXPIRED: EXPIRED,
    CardKind.BLOCKED: "TN000117",
    CardKind.OTHER_LIBRARY: "TB000001",
    CardKind.UNKNOWN: UNKNOWN_CARD,
}


class Fault(StrEnum):
    """A switch that breaks a device. ``TAG_DAMAGED`` breaks the chip of each book that is put down while it is on."""

    PAD_CABLE = "pad_cable"
    ANSWER_LOST = "answer_lost"
    TAG_DAMAGED = "tag_damaged"
    READER_SILENT = "reader_silent"
    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    PRINTER_SILENT = "printer_silent"
    NETWORK = "network"

    @property
    def device(self) -> str:
        """The kind of device it breaks, or :data:`HEADQUARTERS`."""
        if self in _PRINTER_FAULTS:
            return "printer"
        if self is Fault.NETWORK:
            return HEADQUARTERS
        return "reader" if self is Fault.READER_SILENT else "pad"


_PAD_FAULTS = {Fault.PAD_CABLE: PadFault.CABLE_PULLED, Fault.ANSWER_LOST: PadFault.ANSWER_LOST_AFTER_WRITE}
_PRINTER_FAULTS = {
    Fault.PAPER_OUT: PrinterFault.PAPER_OUT,
    Fault.COVER_OPEN: PrinterFault.COVER_OPEN,
    Fault.PRINTER_SILENT: PrinterFault.NO_ANSWER,
}


class Hand(StrEnum):
    """What a hand can do here."""

    MOVE = "move"  # argument: item_id; onto the pad, or off it with all its parts
    MOVE_PART = "move_part"  # argument: item_id#part
    CARD = "card"  # argument: its number; onto the reader, or away
    SCAN = "scan"  # argument: the code
    SWITCH = "switch"  # argument: a Fault
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Act:
    """A hand did this."""

    hand: Hand
    argument: str = ""


class Note(StrEnum):
    """Why a book is on the shelf, where that cannot be seen."""

    PLAIN = "plain"
    SET = "set"
    FOR_READING_HERE = "for_reading_here"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a book and its tag."""

    on_pad: bool
    released: bool
    damaged: bool


@dataclass(frozen=True, slots=True)
class BookOnBench:
    """A book; most have one part."""

    item_id: str
    title: str
    author: str
    cloth: int
    note: Note
    parts: tuple[Part, ...]

    @property
    def on_pad(self) -> int:
        """How many of its parts lie on the pad."""
        return sum(part.on_pad for part in self.parts)

    @property
    def released(self) -> int:
        """How many of its tags are released."""
        return sum(part.released for part in self.parts)


@dataclass(frozen=True, slots=True)
class CardOnBench:
    """A reader's card; ``name`` is masked, and empty where nobody is known by the number."""

    kind: CardKind
    number: str
    name: str
    on_reader: bool


class Event(StrEnum):
    """What happened, as the log tells it."""

    PUT = "put"  # of: title
    LIFTED = "lifted"  # of: title
    RELEASED = "released"  # of: title
    SECURED = "secured"  # of: title
    CARD = "card"
    CARD_AWAY = "card_away"
    SCANNED = "scanned"
    BROKEN = "broken"  # of: a Fault
    MENDED = "mended"  # of: a Fault
    RECEIPT = "receipt"
    LOST = "lost"  # of: a kind of device
    BACK = "back"  # of: a kind of device
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the log."""

    event: Event
    of: str = ""


@dataclass(frozen=True, slots=True)
class BenchView:
    """How the bench stands, in the language the kiosk speaks. ``pile`` are the books on the pad, the lowest first.

    ``devices`` says of each kind whether the kiosk finds it well (``None``: it does not know); ``paper`` is the latest
    receipt, or as much of it as is out. ``barcodes`` are a book's and a card's. ``unsent`` counts the events that
    headquarters has not acknowledged; ``None`` at a kiosk of its own.
    """

    language: str = "vi"
    books: tuple[BookOnBench, ...] = ()
    pile: tuple[str, ...] = ()
    cards: tuple[CardOnBench, ...] = ()
    barcodes: tuple[str, ...] = ()
    faults: frozenset[Fault] = frozenset()
    devices: tuple[tuple[str, bool | None], ...] = ()
    paper: Raster | None = None
    unsent: int | None = None
    log: tuple[Logged, ...] = ()

    def well(self, kind: str) -> bool | None:
        """Whether the kiosk finds this kind of device well."""
        return dict(self.devices).get(kind)


class Workbench:
    """Hands and eyes at a bench. ``state`` gives the kiosk's own state, for what it knows of its devices; ``uplink`` is
    its network, where it has one."""

    def __init__(
        self, bench: Bench, state: Callable[[], State], *, branch: str, today: date, uplink: Uplink | None = None
    ) -> None:
        self._bench, self._state, self._uplink = bench, state, uplink
        self._titles = {title.title_id: title for title in titles()}
        self._items = {item.item_id: item for item in _shelved(branch)}
        self._names = {patron.patron_id: masked_name(patron.name) for patron in readers(today)}
        self._chipless = next(i.item_id for i in items() if i.title_id == CHIPLESS and i.branch == branch)
        self._damaging = False
        self._damaged: set[bytes] = set()
        self._log: deque[Logged] = deque(maxlen=LOG_LINES)
        self._released: dict[str, int] = {}
        self._devices: dict[str, bool | None] = {}
        self._rows = 0
        self._receipt: Raster | None = None
        self._paper: Raster | None = None

    # --- hands --------------------------------------------------------------------------------------------------------

    def do(self, act: Act) -> None:
        """Perform an act. Raises ``KeyError`` and ``ValueError`` for what does not lie here."""
        match act.hand:
            case Hand.MOVE:
                item = self._items[act.argument]
                tags = self._bench.tags_of(item)
                self._move(item, *([t for t in tags if self._lies(t)] or tags))
            case Hand.MOVE_PART:
                item_id, _, part = act.argument.partition("#")
                item = self._items[item_id]
                self._move(item, self._bench.tags_of(item)[int(part) - 1])
            case Hand.CARD:
                self._card(act.argument)
            case Hand.SCAN:
                self._bench.scanner.scan(act.argument)
                self._tell(Event.SCANNED)
            case Hand.SWITCH:
                self._switch(Fault(act.argument))
            case Hand.CLEAR:
                self._clear()

    def _move(self, item: Item, *tags: VirtualTag) -> None:
        """All of these tags onto the pad if they are off it, and off it if they are on it."""
        if self._lies(tags[0]):
            self._bench.pad.lift(*(tag.uid for tag in tags))
            self._tell(Event.LIFTED, self._title(item))
            return
        for tag in tags:
            if self._damaging and tag.uid not in self._damaged:
                self._turn(tag)
        self._bench.pad.put(*tags)
        self._tell(Event.PUT, self._title(item))

    def _lies(self, tag: VirtualTag) -> bool:
        return any(one.uid == tag.uid for one in self._bench.pad.tags())

    def _turn(self, tag: VirtualTag) -> None:
        """Damage a tag, or mend it: the same bit turned over twice is as it was."""
        tag.damage()
        self._damaged ^= {tag.uid}

    def _card(self, number: str) -> None:
        if self._bench.card_on_reader == number:
            self._bench.take_card()
            self._tell(Event.CARD_AWAY)
        else:
            self._bench.tap(number)
            self._tell(Event.CARD)

    def _switch(self, fault: Fault) -> None:
        on = fault not in self._faults()
        bench = self._bench
        if fault in _PAD_FAULTS:
            (bench.pad.cause if on else bench.pad.mend)(_PAD_FAULTS[fault])
        elif fault in _PRINTER_FAULTS:
            (bench.printer.cause if on else bench.printer.mend)(_PRINTER_FAULTS[fault])
        elif fault is Fault.READER_SILENT:
            (bench.reader.cause if on else bench.reader.mend)(CardFault.NO_ANSWER)
        elif fault is Fault.NETWORK:
            self._switch_network(on)
        else:
            self._damaging = on
            if not on:
                self._mend_tags()
        self._tell(Event.BROKEN if on else Event.MENDED, fault)

    def _switch_network(self, pulled: bool) -> None:
        if self._uplink is None:
            raise ValueError("this kiosk has no network")
        (self._uplink.pull if pulled else self._uplink.mend)()

    def _mend_tags(self) -> None:
        for item in self._items.values():
            for tag in self._bench.tags_of(item):
                if tag.uid in self._damaged:
                    self._turn(tag)

    def _clear(self) -> None:
        """Books to the shelf, card away, everything mended. What stands on the tags and in the ledger stays true."""
        self._bench.pad.clear()
        self._bench.take_card()
        self._bench.pad.mend()
        self._bench.reader.mend()
        self._bench.printer.mend()
        if self._uplink is not None:
            self._uplink.mend()
        self._damaging = False
        self._mend_tags()
        self._paper = None
        self._log.clear()
        self._tell(Event.CLEARED)

    def _tell(self, event: Event, of: str = "") -> None:
        self._log.appendleft(Logged(event, of))

    # --- eyes ---------------------------------------------------------------------------------------------------------

    def look(self) -> BenchView:
        """How everything stands now; what has become of it since the last look goes to the log."""
        books = tuple(self._books())
        self._watch_tags(books)
        self._watch_paper()
        self._watch_devices()
        uids = {tag.uid: at for at, tag in enumerate(self._bench.pad.tags())}
        lowest = {
            item_id: min((uids[t.uid] for t in self._bench.tags_of(item) if t.uid in uids), default=-1)
            for item_id, item in self._items.items()
        }
        on_reader = self._bench.card_on_reader
        return BenchView(
            language=self._state().language,
            books=books,
            pile=tuple(sorted((i for i, at in lowest.items() if at >= 0), key=lowest.__getitem__)),
            cards=tuple(
                CardOnBench(kind, number, self._names.get(number, ""), number == on_reader)
                for kind, number in CARDS.items()
            ),
            barcodes=(self._chipless, ADULT),
            faults=self._faults(),
            devices=tuple(self._devices.items()),
            paper=self._paper,
            unsent=None if self._uplink is None else self._uplink.unsent(),
            log=tuple(self._log),
        )

    def _books(self) -> Iterator[BookOnBench]:
        lying = {tag.uid for tag in self._bench.pad.tags()}
        for item in self._items.values():
            title = self._titles[item.title_id]
            parts = tuple(
                Part(
                    tag.uid in lying,
                    _AFIS.security(tag.afi) is Security.RELEASED,
                    tag.uid in self._damaged,
                )
                for tag in self._bench.tags_of(item)
            )
            note = Note.SET if item.parts > 1 else Note.PLAIN
            if item.type == "reference":
                note = Note.FOR_READING_HERE
            elif item.title_id == ELSEWHERE:
                note = Note.ELSEWHERE
            yield BookOnBench(item.item_id, self._title(item), title.author, cloth(item.item_id), note, parts)

    def _title(self, item: Item) -> str:
        return self._titles[item.title_id].title

    def _faults(self) -> frozenset[Fault]:
        pad, printer = self._bench.pad.faults(), self._bench.printer.faults()
        on = {fault for fault, named in _PAD_FAULTS.items() if named in pad}
        on |= {fault for fault, named in _PRINTER_FAULTS.items() if named in printer}
        if CardFault.NO_ANSWER in self._bench.reader.faults():
            on.add(Fault.READER_SILENT)
        if self._damaging:
            on.add(Fault.TAG_DAMAGED)
        if self._uplink is not None and self._uplink.pulled:
            on.add(Fault.NETWORK)
        return frozenset(on)

    def _watch_tags(self, books: tuple[BookOnBench, ...]) -> None:
        for book in books:
            before = self._released.get(book.item_id, 0)
            if book.released != before:
                self._tell(Event.RELEASED if book.released > before else Event.SECURED, book.title)
            self._released[book.item_id] = book.released

    def _watch_paper(self) -> None:
        """The paper grows while it is printed; what is cut off stays to be read until the next comes."""
        rows = self._bench.printer.rows_printed()
        receipt = next(reversed(self._bench.receipts()), None)
        if receipt is not self._receipt:
            self._receipt = self._paper = receipt
            self._tell(Event.RECEIPT)
        if rows != self._rows and (coming := self._bench.printer.paper()).height:
            self._paper = coming
        self._rows = rows

    def _watch_devices(self) -> None:
        state = self._state()
        found = {device.kind: device.well for device in state.devices}
        if self._uplink is not None:
            found[HEADQUARTERS] = state.tick.online if state.tick is not None else None
        for kind, well in found.items():
            before = self._devices.get(kind)
            if before is not None and well is not before:
                self._tell(Event.BACK if well else Event.LOST, kind)
            self._devices[kind] = well


def _shelved(branch: str) -> Iterator[Item]:
    """A copy of each title of the shelf: one of this branch, of :data:`ELSEWHERE` one of another."""
    copies = list(items())
    for title_id in SHELF:
        yield next(i for i in copies if i.title_id == title_id and (i.branch == branch) is (title_id != ELSEWHERE))
