"""A small world for flows: a ledger of two sets, tags with a security bit, and a pad that can be asked and can fail.

The flow's effects are performed one by one, those of tags only when the history says so, with the outcome it says.
After every single change of the ledger or of a tag the first law is checked, so a crash at any instant is covered: what
is checked is what a crash would leave behind. After every message the state, its view and the open visit are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from config.phrase import Phrase
from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    CodeKind,
    DeviceBack,
    DeviceLost,
    Identity,
    StackSteady,
    TagArrived,
    TagContent,
    TagGone,
    TagRead,
    UnreadableTag,
)
from drivers.iso15693 import (
    Mark,
    Security,
    SecurityChanged,
    SecurityResult,
    SecurityUnchanged,
    SecurityUnknown,
    TagFault,
)
from drivers.library_tag import BlankTag, Damage, DamagedTag, ForeignTag, LibraryTag, TagWarning, Usage
from kiosk.flows import messages as m
from kiosk.flows.show import view
from kiosk.flows.state import CAME_BACK, Book, Phase, PinMode, Setup, Stage, State, start
from kiosk.flows.visit import step
from kiosk.views import (
    Action,
    Body,
    BorrowView,
    DoneView,
    Notice,
    OfferView,
    Receipt,
    RepairView,
    ReturnView,
    RowState,
    RowView,
    Touch,
    View,
)
from sync.circulation.acts import Account, AccountLoan, Extended, Lent, TakenBack
from sync.circulation.blocks import Block, Code, Refused, block
from sync.circulation.decisions import PutAside
from sync.circulation.model import Hold, Item, Loan, Patron, ServiceMode, Title

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
DUE = NOW + timedelta(days=15)
LATER = DUE + timedelta(days=7)

#: Cards. STRANGER's is not known here, but its number is one that another library gives.
ANH, BINH, CHILD, STOPPED, EXPIRED, STRANGER = (
    "TN000101", "TN000102", "TNTE0007", "TN000108", "TN000109", "PY000003"
)  # fmt: skip

READERS = {
    ANH: Patron("P1", "Nguyễn Văn Ánh", "adult", "TN"),
    BINH: Patron("P2", "Trần Thị Bình", "adult", "TN"),
    CHILD: Patron("P7", "Nguyễn Bảo An", "child", "TN"),
    STOPPED: Patron("P8", "Dương Văn Tỵ", "adult", "TN"),
    EXPIRED: Patron("P9", "Lê Văn Hết", "adult", "TN"),
}
CARD_BLOCKS = {
    STOPPED: (block(Code.CARD_STOPPED_DEBT),),
    EXPIRED: (block(Code.CARD_EXPIRED, date=date(2026, 11, 1)),),
}
PIN = "1234"

#: Items of the catalogue by number. REF is never lent, HELD is kept for another reader, AWAY is another branch's.
ITEMS = {
    item_id: Item(item_id, f"T-{item_id}", "book", branch, parts=parts)
    for item_id, branch, parts in [
        *((f"B{n}", "TN", 1) for n in range(1, 21)),
        ("SET", "TN", 2),
        ("REF", "TN", 1),
        ("HELD", "TN", 1),
        ("AWAY", "TN-TB", 1),
        ("TWIN", "TN", 1),
    ]
}


def library_tag(item_id: str, parts: int = 1, part: int = 1) -> LibraryTag:
    """What stands on an item's tag."""
    return LibraryTag(item_id, "VN-TN", parts, part)


#: What stands on each tag. HALF says of B19 that it has two parts, of which the catalogue knows nothing. TWIN has two
#: with the same number, PY.1 is of a library that is not this one, X.1 in no catalogue at all; READER is the tag in a
#: reader's card.
TAGS: dict[str, TagContent] = {
    **{item_id: library_tag(item_id) for item_id in ITEMS if item_id not in ("SET", "TWIN")},
    "SET/1": library_tag("SET", 2, 1),
    "SET/2": library_tag("SET", 2, 2),
    "TWIN/a": library_tag("TWIN"),
    "TWIN/b": library_tag("TWIN"),
    "SET/1b": library_tag("SET", 2, 1),
    "HALF": library_tag("B19", 2, 1),
    "ODD": LibraryTag("B20", "VN-TN", 3, 7, warnings=(TagWarning.PARTS_ODD,)),
    "PY.1": library_tag("PY.1"),
    "X.1": library_tag("X.1"),
    "READER": LibraryTag(ANH, "VN-TN", usage=Usage.PATRON_CARD),
    "BLANK": BlankTag(),
    "FOREIGN": ForeignTag(b"\x01\x02"),
    "DAMAGED": DamagedTag(b"\x01\x02", Damage.CRC),
    "UNREADABLE": UnreadableTag(TagFault.OTHER),
}


def uid_of(tag: str) -> bytes:
    """The identifier of a tag."""
    return b"\xe0\x04\x01" + sha256(tag.encode()).digest()[:5]


NAMES = {uid_of(tag): tag for tag in TAGS}


def item_of(tag: str) -> str:
    """The item a tag says it is in; empty for those that say nothing."""
    content = TAGS[tag]
    return content.item_id if isinstance(content, LibraryTag) else ""


@dataclass
class Tag:
    """A tag's security, whether it lies on the pad, and whether the pad has noticed what became of it."""

    secured: bool = True
    on_pad: bool = False
    noticed: bool = False


Page = TypeVar("Page", bound=Body)


class LawBroken(AssertionError):
    """A law of the visit did not hold."""


@dataclass
class Tally:
    """What the ledger has recorded of the open visit."""

    visit: int
    lent: set[str] = field(default_factory=set)
    back: set[str] = field(default_factory=set)
    renewed: set[str] = field(default_factory=set)


@dataclass
class World:
    """Everything that would survive a crash, and the flow that would not."""

    setup: Setup = field(default_factory=lambda: Setup(library="Thư viện", branch="TN", pin=PinMode.NONE))
    tags: dict[str, Tag] = field(default_factory=lambda: {tag: Tag() for tag in TAGS})
    loans: dict[str, str] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    repairs: set[str] = field(default_factory=set)
    entries: list[tuple[str, str]] = field(default_factory=list)
    tally: Tally | None = None
    closed: list[m.CloseVisit] = field(default_factory=list)
    printed: list[m.ReceiptFacts] = field(default_factory=list)
    pending: list[m.Effect] = field(default_factory=list)
    asked: list[m.Effect] = field(default_factory=list)
    sounds: list[str] = field(default_factory=list)
    reasons: dict[str, TagFault] = field(default_factory=dict)
    pins: set[str] = field(default_factory=set)
    waits: list[int] = field(default_factory=list)
    clock: float = 0
    pad_there: bool = True
    open: bool = True
    ledger_well: bool = True
    ill: set[str] = field(default_factory=set)
    all_recorded: bool = True
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.switch_on()

    # --- what is seen -------------------------------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """What the screen shows."""
        return view(self.state)

    def page(self, kind: type[Page]) -> Page:
        """The page that is shown, which must be of a kind."""
        body = self.view.body
        if not isinstance(body, kind):
            raise AssertionError(f"{type(body).__name__} is shown, not {kind.__name__}")
        return body

    def shows(self, kind: type[Page]) -> bool:
        """Whether such a page is shown."""
        return isinstance(self.view.body, kind)

    def at(self, phase: Phase) -> bool:
        """Whether the visit stands there."""
        return self.state.phase is phase

    def told(self, notice: Notice | None) -> bool:
        """Whether this is the notice that is shown."""
        return self.view.notice is notice

    def seconds_left(self) -> int | None:
        """How long the question is still open whether somebody is there."""
        timeout = self.view.timeout
        return timeout.seconds if timeout else None

    def secured(self, tag: str) -> bool:
        """Whether the gate alarms at a tag."""
        return self.tags[tag].secured

    @property
    def rows(self) -> dict[str, RowView]:
        """The rows of the screen by their keys."""
        body = self.view.body
        if not isinstance(body, OfferView | BorrowView | ReturnView | DoneView):
            raise AssertionError(f"{type(body).__name__} has no rows")
        return {row.key: row for row in body.rows}

    @property
    def shown(self) -> dict[str, RowState]:
        """How each row stands."""
        return {key: row.state for key, row in self.rows.items()}

    def says(self, key: str, code: Code, **values: str | int | date) -> bool:
        """Whether a row's slip gives this reason and the step that belongs to it."""
        said, slip = block(code, **values), self.rows[key].slip
        return slip is not None and (slip.why, slip.now) == (said.reason, said.next_step)

    def asked_of(self, tag: str) -> list[type[m.Effect]]:
        """All that was asked of a tag so far."""
        return [type(e) for e in self.asked if isinstance(e, m.ReleaseTag | m.SecureTag) and e.uid == uid_of(tag)]

    # --- what happens -------------------------------------------------------------------------------------------------

    def switch_on(self) -> None:
        """The kiosk starts, with whatever lies on the pad."""
        self.state, self.pending, self.tally = start(self.setup), [], None
        self.tick(0)
        for device in (self.setup.reader, self.setup.printer):
            self.back(device)
        if self.pad_there:
            self.pad_there = False
            self.pad_back()

    def crash(self) -> None:
        """The process dies; what is in the ledger and on the tags stays."""
        self.switch_on()

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.clock += seconds
        self.send(m.Tick(self.clock, NOW + timedelta(seconds=self.clock), self.open))

    def touch(self, action: Action, argument: str = "") -> None:
        """A finger."""
        self.send(Touch(action, argument))

    def card(self, number: str) -> None:
        """A card is held to the reader."""
        self.lay_card(number)
        self.take_card()

    def lay_card(self, number: str) -> None:
        """A card is laid on the reader, and stays there."""
        self.send(CardPresented(self.setup.reader, Card(CardTechnology.TYPE_A, b"\x01\x02\x03\x04", number)))

    def take_card(self) -> None:
        """The card is taken off the reader."""
        self.send(CardRemoved(self.setup.reader))

    def nameless_card(self) -> None:
        """A card whose UID is invented anew each time, as a phone has it."""
        self.send(CardPresented(self.setup.reader, Card(CardTechnology.TYPE_A, b"\x08\x02\x03\x04")))
        self.take_card()

    def scan(self, code: str, kind: CodeKind = CodeKind.UNKNOWN) -> None:
        """A barcode is held under the scanner."""
        self.send(BarcodeScanned(self.setup.scanner, code, kind))

    def type_pin(self, pin: str) -> None:
        """A PIN is typed."""
        for digit in pin:
            self.touch(Action.DIGIT, digit)

    def put(self, *tags: str) -> None:
        """Tags are laid on the pad."""
        fresh = [tag for tag in tags if not self.tags[tag].on_pad]
        for tag in fresh:
            self.tags[tag].on_pad = True
        self.notice()

    def lift(self, *tags: str) -> None:
        """Tags are taken off the pad."""
        self.slip(*tags)
        self.notice()

    def slip(self, *tags: str) -> None:
        """Tags leave the pad, and it has not noticed yet."""
        for tag in tags:
            self.tags[tag].on_pad = False

    def notice(self) -> None:
        """The pad takes its next inventories: what went is told, then what came, then that the stack is steady."""
        if not self.pad_there:
            return
        changed = [(name, tag) for name, tag in self.tags.items() if tag.on_pad != tag.noticed]
        for name, tag in changed:
            tag.noticed = tag.on_pad
            if not tag.on_pad:
                self.send(TagGone(self.setup.pad, uid_of(name)))
        arrived = [name for name, tag in changed if tag.on_pad]
        for name in arrived:
            self.send(TagArrived(self.setup.pad, uid_of(name)))
        for name in arrived:
            self.send(TagRead(self.setup.pad, uid_of(name), TAGS[name]))
        if changed:
            self._steady()

    def pad_lost(self) -> None:
        """The pad's cable is pulled: what it was asked is answered by nobody."""
        if self.pad_there:
            self.pad_there = False
            self.lost(self.setup.pad)

    def pad_back(self) -> None:
        """The pad is there again and announces what lies on it."""
        if self.pad_there:
            return
        self.pad_there = True
        for tag in self.tags.values():
            tag.noticed = False
        self.back(self.setup.pad)
        self.notice()
        self._steady()

    def lost(self, device: str) -> None:
        """A device is away."""
        self.send(DeviceLost(device, "wire"))

    def back(self, device: str) -> None:
        """A device is there (again)."""
        self.send(DeviceBack(device, Identity()))

    def answer_tag(self, outcome: str) -> None:
        """The oldest thing asked of a tag ends: ``ok``, ``refused``, ``locked``, or ``lost`` after it was written."""
        asked = [e for e in self.pending if isinstance(e, m.ReleaseTag | m.SecureTag)]
        if not asked:
            return
        effect = asked[0]
        self.pending.remove(effect)
        tag = self.tags[NAMES[effect.uid]]
        wanted = Security.RELEASED if isinstance(effect, m.ReleaseTag) else Security.SECURED
        as_wanted = (wanted is Security.SECURED) == tag.secured
        answer: SecurityResult | None
        if not tag.on_pad:
            answer = SecurityUnknown(effect.uid, wanted, TagFault.GONE)
        elif outcome == "ok":
            self._write(tag, wanted)
            answer = SecurityChanged(effect.uid, wanted)
        elif outcome == "lost":
            self._write(tag, wanted)
            answer = SecurityUnknown(effect.uid, wanted, TagFault.NO_ANSWER)
        elif as_wanted:  # reading it back says that all is well
            answer = SecurityChanged(effect.uid, wanted)
        else:
            fault = TagFault.LOCKED if outcome == "locked" else TagFault.NOT_WRITTEN
            answer = SecurityUnchanged(effect.uid, wanted, Mark(0x07 if tag.secured else 0xC2), fault)
        self.send(m.TagAnswered(effect.visit, effect.item_id, effect.uid, answer if self.pad_there else None))

    def answer_printer(self, receipt: Receipt) -> None:
        """The printer has finished, one way or another."""
        for effect in [e for e in self.pending if isinstance(e, m.Print)]:
            self.pending.remove(effect)
            self.send(m.Printed(effect.visit, receipt))

    def settle(self) -> None:
        """Everything asked is answered well."""
        for _turn in range(1000):
            if not self.pending:
                return
            self.answer_tag("ok")
            self.answer_printer(Receipt.PRINTED)
        raise LawBroken("the flow never stops asking")

    def lay(self, *tags: str) -> None:
        """Tags are laid on the pad, and whatever is asked of them is done."""
        self.put(*tags)
        self.settle()

    def everybody_leaves(self) -> None:
        """The pad is well and emptied, everything asked is done, and then nothing happens for a long time."""
        self.ledger_well = True
        self.pad_back()
        self.lift(*TAGS)
        for _wait in range(6):
            self.settle()
            self.tick(200)

    def bring_back(self, *tags: str) -> None:
        """Tags are laid on the pad of a kiosk where nobody stands, and returned with one touch."""
        self.put(*tags)
        self.touch(Action.RETURN)
        self.settle()

    # --- the flow, and its effects ------------------------------------------------------------------------------------

    def send(self, message: m.Message) -> None:
        """One message, its effects in order, and the laws after it."""
        self.state, effects = step(self.state, message)
        for effect in effects:
            self.asked.append(effect)
            answer = self._perform(effect)
            self.hold_law_one()
            if answer is not None:
                self.send(answer)
        self.hold_laws()

    def _steady(self) -> None:
        self.send(StackSteady(self.setup.pad, frozenset(uid_of(n) for n, tag in self.tags.items() if tag.noticed)))

    def _write(self, tag: Tag, wanted: Security) -> None:
        tag.secured = wanted is Security.SECURED
        self.hold_law_one()

    def _perform(self, effect: m.Effect) -> m.Answer | None:
        match effect:
            case m.Sound(name):
                self.sounds.append(name)
            case m.ReleaseTag() | m.SecureTag():
                self.pending.append(effect)
            case m.Print(_visit, facts):
                self._check_receipt(facts)
                self.printed.append(facts)
                self.pending.append(effect)
            case m.CheckPin() | m.CheckStaffPin():
                wait = 0 if effect.pin == PIN or not self.waits else self.waits.pop(0)
                return m.PinAnswered(effect.visit, effect.pin == PIN, 0 if wait else 2, wait)
            case _ if not self.ledger_well or getattr(effect, "item_id", None) in self.ill:
                self.all_recorded = False
                return m.LedgerFailed(self.state.visit, "L-DiskFull", getattr(effect, "item_id", ""))
            case _:
                return self._ask_ledger(effect)
        return None

    def _ask_ledger(self, effect: m.Effect) -> m.Answer | None:
        match effect:
            case m.FindCard(visit, number, or_item):
                patron = READERS.get(number)
                if patron is None and or_item and number in ITEMS:
                    return self._found(visit, number)
                blocks = CARD_BLOCKS.get(number, ()) if patron else (block(Code.UNKNOWN_CARD),)
                return m.CardFound(visit, number, patron, blocks, number in self.pins, number == STRANGER)
            case m.FindItem(visit, item):
                return self._found(visit, item)
            case m.Checkout(visit, item, card, parts_seen):
                return self._checkout(visit, item, card, parts_seen)
            case m.Checkin(visit, item, parts_seen):
                return m.CheckedIn(visit, item, self._checkin(item, parts_seen, visit))
            case m.Undo(visit, item, entry):
                self._undo(item, entry)
                return m.Undone(visit, item)
            case m.MarkSecured(_visit, item):
                self._mark_secured(item)
            case m.TellStaff(_visit, item, why):
                if item not in self.repairs:
                    raise LawBroken(f"staff are told of {item}, which waits for no repair")
                self.reasons[item] = why
            case m.Renew(visit, item, card):
                return m.Renewed(visit, item, self._renew(item, card, visit))
            case m.FindAccount(visit, card):
                return m.AccountFound(visit, self._account(card))
            case m.FindStaff():
                return m.StaffFound(3, NOW, tuple(RepairView(item, NOW, "undo") for item in sorted(self.repairs)))
            case m.OpenVisit(visit):
                if self.tally is not None:
                    raise LawBroken("a visit was opened while another was")
                self.tally = Tally(visit)
            case m.CloseVisit():
                self._close(effect)
            case _:
                raise LawBroken(f"{type(effect).__name__} is no effect that is known here")
        return None

    def _record(self, act: str, item: str) -> int:
        self.entries.append((act, item))
        return len(self.entries)

    def _checkout(self, visit: int, item: str, card: str, parts_seen: int | None) -> m.CheckedOut:
        blocks = tuple(self._objections(item, card, parts_seen))
        if blocks:
            to_secure = item in self.repairs and item not in self.loans
            return m.CheckedOut(visit, item, Refused(blocks), _title(item), self._loan(item), to_secure)
        entry = self._record("checkout", item)
        self._of_visit(visit).lent.add(item)
        self.loans[item], self.due[item] = card, DUE
        self.repairs.discard(item)
        loan = self._loan(item)
        if loan is None:
            raise LawBroken("what has been lent is on loan")
        return m.CheckedOut(visit, item, Lent(entry, loan, ITEMS[item], _title(item), ()), _title(item), loan)

    def _objections(self, item: str, card: str, parts_seen: int | None) -> Iterator[Block]:
        if item not in ITEMS:
            yield block(Code.OTHER_LIBRARY, library="PY") if item.startswith("PY.") else block(Code.UNKNOWN_ITEM)
        elif parts_seen is not None and parts_seen < ITEMS[item].parts:
            yield block(Code.PART_MISSING, parts=ITEMS[item].parts, seen=parts_seen)
        if item == "REF":
            yield block(Code.READING_ONLY)
        if item == "HELD":
            yield block(Code.HELD_FOR_ANOTHER)
        if self.loans.get(item) == card:
            yield block(Code.ALREADY_YOURS, date=self.due[item].date())
        elif item in self.loans:
            yield block(Code.ON_LOAN_TO_ANOTHER)

    def _checkin(self, item: str, parts_seen: int | None, visit: int) -> TakenBack:
        if item in (*READERS, STRANGER):
            raise LawBroken("the number of a card has come into the events")
        entry, loan, known = self._record("checkin", item), self._loan(item), ITEMS.get(item)
        self._of_visit(visit).back.add(item)
        self.loans.pop(item, None)
        self.repairs.add(item)
        aside, notices = None, []
        if known is None:
            away = item.startswith("PY.")
            aside = PutAside.OTHER_LIBRARY if away else PutAside.STAFF
            other = block(Code.PUT_ASIDE_OTHER_LIBRARY, library="PY")
            notices.append(other if away else block(Code.PUT_ASIDE_UNKNOWN))
        elif parts_seen is not None and parts_seen < known.parts:
            aside = PutAside.STAFF
            notices.append(block(Code.PART_MISSING, parts=known.parts, seen=parts_seen))
        elif item == "HELD":
            aside = PutAside.HOLD
            notices.append(block(Code.PUT_ASIDE_HOLD))
        elif known.branch != "TN":
            aside = PutAside.OTHER_LIBRARY
            notices.append(block(Code.PUT_ASIDE_OTHER_LIBRARY, library=known.branch))
        if known is not None and loan is None:
            notices.append(block(Code.WAS_NOT_ON_LOAN))
        return TakenBack(entry, item, known, _title(item), loan, 0, None, aside, tuple(notices))

    def _undo(self, item: str, entry: int) -> None:
        if self.entries[entry - 1] != ("checkout", item):
            raise LawBroken("what was undone is no checkout of the item")
        self._record("undo", item)
        self._of_visit(self.state.visit).lent.discard(item)
        del self.loans[item]
        self.repairs.add(item)

    def _mark_secured(self, item: str) -> None:
        if self.state.phase is not Phase.STAFF:
            for tag in TAGS:
                if item_of(tag) == item and not self.tags[tag].secured:
                    raise LawBroken(f"{item} was called secured and is not")
        else:  # a librarian has done it by hand
            for tag in TAGS:
                if item_of(tag) == item:
                    self.tags[tag].secured = True
        self.repairs.discard(item)

    def _renew(self, item: str, card: str, visit: int) -> Extended | Refused:
        if self.loans.get(item) != card:
            return Refused((block(Code.NOT_ON_LOAN),))
        if self.due[item] == LATER:
            return Refused((block(Code.NO_RENEWALS_LEFT, limit=1, date=LATER.date()),))
        self.due[item] = LATER
        self._of_visit(visit).renewed.add(item)
        loan = self._loan(item)
        if loan is None:
            raise LawBroken("what was renewed is on loan")
        return Extended(self._record("renew", item), loan, ITEMS[item], _title(item), ())

    def _account(self, card: str) -> Account:
        loans = [loan for item in sorted(self.loans) if self.loans[item] == card and (loan := self._loan(item))]
        lines = tuple(
            AccountLoan(loan, ITEMS[loan.item_id], _title(loan.item_id), Refused((block(Code.NOTHING_GAINED),)))
            for loan in loans
        )
        hold = Hold("H1", "P1", "T-HELD", "TN", NOW, "HELD", TODAY)
        return Account(card, READERS.get(card), lines, ((hold, _title("HELD")),), (), NOW)

    def _found(self, visit: int, item: str) -> m.ItemFound:
        return m.ItemFound(
            visit,
            item,
            ITEMS.get(item),
            _title(item),
            self._loan(item),
            item in self.repairs and item not in self.loans,
        )

    def _loan(self, item: str) -> Loan | None:
        if item not in self.loans:
            return None
        patron = READERS[self.loans[item]].patron_id
        return Loan("0" * 16, item, "book", patron, "TN", ServiceMode.TAKE_HOME, NOW, self.due[item])

    # --- the laws -----------------------------------------------------------------------------------------------------

    def hold_law_one(self) -> None:
        """A tag is unsecured only under an open loan or an open repair row."""
        for name, tag in self.tags.items():
            item = item_of(name)
            if not tag.secured and item not in self.loans and item not in self.repairs:
                raise LawBroken(f"{name} is unsecured, and nobody has it")

    def hold_laws(self) -> None:
        """What must hold between any two messages."""
        state, shown = self.state, self.view
        if state.phase is Phase.ATTRACT:
            nobody = state.reader is None and not state.books and state.account is None and not state.renewals
            if not nobody or shown.patron or shown.timeout or state.pin.digits or state.visit_open:
                raise LawBroken("something of a visit is left at the attract screen")
            if self.tally is not None and self.all_recorded:
                raise LawBroken("back at the attract screen a visit is open")
        for book in state.books:
            self._hold_book(book)
        hold_view(shown)
        if isinstance(shown.body, OfferView | BorrowView | ReturnView):
            self._hold_rows(shown.body)

    def _hold_book(self, book: Book) -> None:
        reader = self.state.reader
        match book.stage:
            case Stage.RELEASED:
                if reader is None or self.loans.get(book.item_id) != reader.card:
                    raise LawBroken(f"{book.item_id} is shown as lent, and is not on loan to this reader")
                if any(self.tags[NAMES[uid]].secured for uid in book.uids):
                    raise LawBroken(f"{book.item_id} is shown as lent, and the gate would alarm")
            case Stage.FAILED:
                if self.all_recorded and self.loans.get(book.item_id):
                    raise LawBroken(f"{book.item_id} is shown as not lent, and is on loan")
            case Stage.SECURED:
                if book.item_id in self.loans:
                    raise LawBroken(f"{book.item_id} is shown as returned, and is on loan")
                if any(not self.tags[NAMES[uid]].secured for uid in book.uids):
                    raise LawBroken(f"{book.item_id} is shown as returned, and its tag is unsecured")
                if book.uids and book.item_id in self.repairs and self.all_recorded:
                    raise LawBroken(f"{book.item_id} is shown as returned, and still waits for repair")
            case Stage.UNSECURED:
                if book.item_id in self.loans or book.item_id not in self.repairs:
                    raise LawBroken(f"the tag of {book.item_id} was given up, and nobody is told")
            case _:
                pass

    def _hold_rows(self, body: OfferView | BorrowView | ReturnView) -> None:
        """Every tag that lies there and is part of this visit has a row, and all of them are counted."""
        keys = {row.key for row in body.rows}
        books = {uid: book.item_id for book in self.state.books for uid in book.uids}
        here = [tag for tag in self.state.pad if not tag.old and not tag.card]
        for tag in here:
            if not keys & {f"tag:{tag.uid.hex()}", books.get(tag.uid, "")}:
                raise LawBroken(f"{NAMES.get(tag.uid)} lies on the pad and has no row")
        if body.on_pad != len(here):
            raise LawBroken(f"{len(here)} tags lie there and {body.on_pad} are counted")
        if isinstance(body, ReturnView) and body.returned != sum(b.stage in CAME_BACK for b in self.state.books):
            raise LawBroken("what came back is not what is counted")

    def _check_receipt(self, facts: m.ReceiptFacts) -> None:
        # That tags of what is shown as lent are released is held at all times; one lent by barcode has none we know.
        for line in facts.lines:
            if line.due is not None and line.item_id not in self.loans:
                raise LawBroken(f"the receipt names {line.item_id}, which is not on loan")
            if facts.returned and (facts.card_ending or line.item_id in self.loans):
                raise LawBroken("the receipt of a return names nobody, and nothing that is on loan")

    def _of_visit(self, visit: int) -> Tally:
        """The tally of the open visit, of which every act must be a part."""
        if self.tally is None and not self.all_recorded:
            return Tally(visit)
        if self.tally is None or self.tally.visit != visit:
            raise LawBroken("an act outside the open visit")
        return self.tally

    def _close(self, effect: m.CloseVisit) -> None:
        told = (effect.out, effect.back, effect.renewed)
        tally = self._of_visit(effect.visit)
        if self.all_recorded and told != (len(tally.lent), len(tally.back), len(tally.renewed)):
            raise LawBroken(f"a visit closes with {told}, and the ledger has {tally}")
        if any(isinstance(e, m.ReleaseTag | m.SecureTag) for e in self.pending):
            raise LawBroken("a visit is closed while a tag is being written")
        self.tally = None
        self.closed.append(effect)


def hold_view(shown: View) -> None:
    """What must hold of anything that is shown."""
    body = shown.body
    rows: tuple[RowView, ...] = getattr(body, "rows", ())
    keys = [row.key for row in rows]
    if len(keys) != len(set(keys)):
        raise LawBroken(f"two rows have one key: {keys}")
    count = Counter(row.state for row in rows)
    attention = count[RowState.REFUSED] + count[RowState.PUT_ASIDE] + count[RowState.PUT_BACK]
    match body:
        case BorrowView():
            agrees = body.borrowed == count[RowState.BORROWED] and body.attention == attention
        case OfferView():
            agrees = body.returnable == count[RowState.ON_LOAN]
            agrees &= body.others == sum(row.state is RowState.READING and bool(row.title) for row in rows)
        case ReturnView():
            agrees = body.returned == count[RowState.RETURNED] + count[RowState.PUT_ASIDE]
            agrees &= body.attention == attention
        case DoneView():
            agrees = body.borrowed == count[RowState.BORROWED]
            agrees &= body.returned == count[RowState.RETURNED] + count[RowState.PUT_ASIDE]
        case _:
            agrees = True
    if not agrees:
        raise LawBroken(f"the counts do not agree with the rows: {body}")
    if shown.patron is not None:
        said = list(texts(shown))
        for card, patron in READERS.items():
            given = patron.name.split()[-1]
            if any(patron.name in text or card in text for text in said) or sum(given in text for text in said) > 1:
                raise LawBroken("more is shown of a reader than the greeting and the header need")


def texts(value: object) -> Iterator[str]:
    """Every string in a value, at whatever depth."""
    match value:
        case str():
            yield value
        case tuple():
            for part in value:
                yield from texts(part)
        case Phrase(vi, en):
            yield from (vi, en)
        case _ if is_dataclass(value):
            for one in fields(value):
                yield from texts(getattr(value, one.name))
        case _:
            pass


def _title(item: str) -> Title | None:
    return Title(f"T-{item}", f"Nhan đề {item}", "Tác giả") if item in ITEMS else None
