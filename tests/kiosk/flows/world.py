"""A small world for flows: a ledger of two sets, tags with a security bit, and a pad that can be asked and can fail.

The flow's effects are performed one by one, those of tags only when the history says so, with the outcome it says. After
every single change of the ledger or of a tag the first law is checked, so a crash at any instant is covered: what is
checked is what a crash would leave behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from drivers.devices import (
    Card,
    CardPresented,
    CardTechnology,
    DeviceBack,
    DeviceLost,
    Identity,
    StackSteady,
    TagArrived,
    TagGone,
    TagRead,
)
from drivers.iso15693 import Security, SecurityChanged, SecurityUnchanged, SecurityUnknown, TagFault
from drivers.iso28560 import LibraryTag
from kiosk.flows import messages as m
from kiosk.flows.show import view
from kiosk.flows.state import Phase, PinMode, Setup, Stage, State, start
from kiosk.flows.visit import step
from kiosk.views import Receipt, View
from sync.circulation.acts import Account, Extended, Lent, TakenBack
from sync.circulation.blocks import Code, Refused, block
from sync.circulation.model import Item, Loan, Patron, ServiceMode, Title

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DUE = NOW + timedelta(days=15)

READERS = {
    "C1": Patron("P1", "Nguyễn Văn Ánh", "adult", "TN"),
    "C2": Patron("P2", "Trần Thị Bình", "adult", "TN"),
    "C9": Patron("P9", "Lê Văn Hết", "adult", "TN"),  # expired
}

#: Items by number, each with the identifiers of its tags; ``REF`` is never lent, ``SET`` has two parts.
ITEMS = {
    "B1": (b"\xe0\x04\x01\x00\x00\x00\x00\x01",),
    "B2": (b"\xe0\x04\x01\x00\x00\x00\x00\x02",),
    "SET": (b"\xe0\x04\x01\x00\x00\x00\x00\x03", b"\xe0\x04\x01\x00\x00\x00\x00\x04"),
    "REF": (b"\xe0\x04\x01\x00\x00\x00\x00\x05",),
}
OWNER = {uid: item for item, uids in ITEMS.items() for uid in uids}


@dataclass
class Tag:
    """A tag's security and whether it lies on the pad."""

    secured: bool = True
    on_pad: bool = False


class LawBroken(AssertionError):
    """A law of the visit did not hold."""


@dataclass
class World:
    """Everything that would survive a crash, and the flow that would not."""

    setup: Setup = field(default_factory=lambda: Setup(library="Thư viện", branch="TN", pin=PinMode.NONE))
    tags: dict[bytes, Tag] = field(default_factory=lambda: {uid: Tag() for uid in OWNER})
    loans: dict[str, str] = field(default_factory=dict)
    repairs: set[str] = field(default_factory=set)
    entries: dict[int, tuple[str, str]] = field(default_factory=dict)
    visits: list[tuple[str, int, int]] = field(default_factory=list)
    printed: list[m.ReceiptFacts] = field(default_factory=list)
    pending: list[m.Effect] = field(default_factory=list)
    sounds: list[str] = field(default_factory=list)
    clock: float = 0
    pad_there: bool = True
    open: bool = True
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = start(self.setup)
        self.switch_on()

    @property
    def view(self) -> View:
        """What the screen shows."""
        return view(self.state)

    # --- what happens -------------------------------------------------------------------------------------------------

    def switch_on(self) -> None:
        """The kiosk starts, with whatever lies on the pad."""
        self.state, self.pending = start(self.setup), []
        self.tick(0)
        for device in (self.setup.reader, self.setup.printer):
            self.send(DeviceBack(device, Identity()))
        if self.pad_there:
            self.pad_back()

    def crash(self) -> None:
        """The process dies; what is in the ledger and on the tags stays."""
        self.switch_on()

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.clock += seconds
        self.send(m.Tick(self.clock, NOW + timedelta(seconds=self.clock), self.open))

    def card(self, number: str) -> None:
        """A card is laid on the reader."""
        self.send(CardPresented(self.setup.reader, Card(CardTechnology.TYPE_A, b"\x01\x02\x03\x04", number)))

    def put(self, *uids: bytes) -> None:
        """Tags are laid on the pad."""
        fresh = [uid for uid in uids if not self.tags[uid].on_pad]
        for uid in fresh:
            self.tags[uid].on_pad = True
        if self.pad_there:
            self._announce(fresh)

    def lift(self, *uids: bytes) -> None:
        """Tags are taken off the pad."""
        for uid in uids:
            if self.tags[uid].on_pad:
                self.tags[uid].on_pad = False
                if self.pad_there:
                    self.send(TagGone(self.setup.pad, uid))
        if self.pad_there:
            self._steady()

    def pad_lost(self) -> None:
        """The pad's cable is pulled: what it was asked is answered by nobody."""
        if self.pad_there:
            self.pad_there = False
            self.send(DeviceLost(self.setup.pad, "wire"))

    def pad_back(self) -> None:
        """The pad is there again and announces what lies on it."""
        self.pad_there = True
        self.send(DeviceBack(self.setup.pad, Identity()))
        self._announce([uid for uid, tag in self.tags.items() if tag.on_pad])

    def answer_tag(self, outcome: str) -> None:
        """The oldest thing asked of a tag comes to its end: ``ok``, ``refused``, ``locked`` or ``lost`` (after writing)."""
        asked = [e for e in self.pending if isinstance(e, m.ReleaseTag | m.SecureTag)]
        if not asked:
            return
        effect = asked[0]
        self.pending.remove(effect)
        tag = self.tags[effect.uid]
        wanted = Security.RELEASED if isinstance(effect, m.ReleaseTag) else Security.SECURED
        if not self.pad_there:
            wrote = outcome == "lost" and tag.on_pad
            if wrote:
                self._write(effect.uid, wanted)
            self.send(m.TagAnswered(effect.visit, effect.item_id, effect.uid, None, sent=wrote))
        elif not tag.on_pad:
            gone = SecurityUnknown(effect.uid, wanted, TagFault.GONE)
            self.send(m.TagAnswered(effect.visit, effect.item_id, effect.uid, gone))
        elif outcome == "ok":
            self._write(effect.uid, wanted)
            done = SecurityChanged(effect.uid, wanted)
            self.send(m.TagAnswered(effect.visit, effect.item_id, effect.uid, done))
        elif outcome == "lost":
            self._write(effect.uid, wanted)
            unknown = SecurityUnknown(effect.uid, wanted, TagFault.NO_ANSWER)
            self.send(m.TagAnswered(effect.visit, effect.item_id, effect.uid, unknown))
        else:
            fault = TagFault.LOCKED if outcome == "locked" else TagFault.NOT_WRITTEN
            stands = 0x07 if tag.secured else 0xC2
            if (wanted is Security.SECURED) == tag.secured:  # it is so already: reading back says well
                answer: object = SecurityChanged(effect.uid, wanted)
            else:
                answer = SecurityUnchanged(effect.uid, wanted, stands, fault)
            self.send(m.TagAnswered(effect.visit, effect.item_id, effect.uid, answer))  # type: ignore[arg-type]

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

    # --- the flow, and its effects ------------------------------------------------------------------------------------

    def send(self, message: m.Message) -> None:
        """One message, its effects in order, and the laws after it."""
        self.state, effects = step(self.state, message)
        for effect in effects:
            answer = self._perform(effect)
            self.hold_law_one()
            if answer is not None:
                self.send(answer)
        self.hold_laws()

    def _announce(self, uids: list[bytes]) -> None:
        for uid in uids:
            self.send(TagArrived(self.setup.pad, uid))
        for uid in uids:
            item = OWNER[uid]
            parts = ITEMS[item]
            self.send(TagRead(self.setup.pad, uid, LibraryTag(item, "VN-TN", len(parts), parts.index(uid) + 1)))
        self._steady()

    def _steady(self) -> None:
        self.send(StackSteady(self.setup.pad, frozenset(uid for uid, tag in self.tags.items() if tag.on_pad)))

    def _write(self, uid: bytes, wanted: Security) -> None:
        self.tags[uid].secured = wanted is Security.SECURED
        self.hold_law_one()

    def _perform(self, effect: m.Effect) -> m.Answer | None:
        match effect:
            case m.FindCard(visit, number, or_item):
                if or_item and number in ITEMS:
                    return self._found(visit, number)
                patron = READERS.get(number)
                blocks = () if patron else (block(Code.UNKNOWN_CARD),)
                if number == "C9":
                    blocks = (block(Code.CARD_EXPIRED, date=NOW.date()),)
                return m.CardFound(visit, number, patron, blocks)
            case m.FindItem(visit, item):
                return self._found(visit, item)
            case m.Checkout(visit, item, card, parts_seen):
                return self._checkout(visit, item, card, parts_seen)
            case m.Checkin(visit, item):
                entry = len(self.entries) + 1
                self.entries[entry] = ("checkin", item)
                loan = self.loans.pop(item, None)
                self.repairs.add(item)
                taken = TakenBack(
                    entry, item, _item(item), _title(item), _loan(item, loan) if loan else None, 0, None, None, ()
                )
                return m.CheckedIn(visit, item, taken)
            case m.Undo(visit, item, entry, tag_to_secure):
                if self.entries.get(entry) == ("checkout", item):
                    self.loans.pop(item, None)
                if tag_to_secure:
                    self.repairs.add(item)
                return m.Undone(visit, item)
            case m.MarkSecured(_visit, item):
                if not all(self.tags[uid].secured for uid in ITEMS[item]):
                    raise LawBroken(f"{item} was called secured and is not")
                self.repairs.discard(item)
            case m.Renew(visit, item, card):
                if self.loans.get(item) == card:
                    return m.Renewed(visit, item, Extended(1, _loan(item, card), _item(item), _title(item), ()))
                return m.Renewed(visit, item, Refused((block(Code.NOT_ON_LOAN),)))
            case m.FindAccount(visit, card):
                return m.AccountFound(visit, Account(card, READERS.get(card), (), (), (), NOW))
            case m.CheckPin(visit=visit, pin=pin) | m.CheckStaffPin(visit=visit, pin=pin):
                return m.PinAnswered(visit, pin == "1234", 2, 0)
            case m.FindStaff():
                return m.StaffFound(0, None, ())
            case m.CloseVisit():
                self.visits.append((effect.outcome, effect.out, effect.back))
            case m.Print(_visit, facts):
                self._check_receipt(facts)
                self.printed.append(facts)
                self.pending.append(effect)
            case m.ReleaseTag() | m.SecureTag():
                self.pending.append(effect)
            case m.Sound(name):
                self.sounds.append(name)
            case m.OpenVisit():
                pass
        return None

    def _checkout(self, visit: int, item: str, card: str, parts_seen: int | None) -> m.CheckedOut:
        refusal = None
        if item == "REF":
            refusal = block(Code.READING_ONLY)
        elif self.loans.get(item) == card:
            refusal = block(Code.ALREADY_YOURS, date=DUE.date())
        elif item in self.loans:
            refusal = block(Code.ON_LOAN_TO_ANOTHER)
        elif parts_seen is not None and parts_seen < len(ITEMS[item]):
            refusal = block(Code.PART_MISSING, parts=len(ITEMS[item]), seen=parts_seen)
        if refusal is not None:
            return m.CheckedOut(visit, item, Refused((refusal,)), _title(item))
        entry = len(self.entries) + 1
        self.entries[entry] = ("checkout", item)
        self.loans[item] = card
        self.repairs.discard(item)
        lent = Lent(entry, _loan(item, card), _item(item), _title(item), ())
        return m.CheckedOut(visit, item, lent, _title(item))

    def _found(self, visit: int, item: str) -> m.ItemFound:
        card = self.loans.get(item)
        return m.ItemFound(visit, item, _item(item), _title(item), _loan(item, card) if card else None)

    # --- the laws -----------------------------------------------------------------------------------------------------

    def hold_law_one(self) -> None:
        """A tag is unsecured only under an open loan or an open repair row."""
        for uid, tag in self.tags.items():
            item = OWNER[uid]
            if not tag.secured and item not in self.loans and item not in self.repairs:
                raise LawBroken(f"{item} is unsecured, and nobody has it")

    def hold_laws(self) -> None:
        """What must hold between any two messages."""
        shown = self.view
        if self.state.phase is Phase.ATTRACT:
            nobody = self.state.reader is None and not self.state.books and self.state.account is None
            if not nobody or shown.patron is not None or shown.timeout or self.state.pin.digits:
                raise LawBroken("something of a visit is left at the attract screen")
        for book in self.state.books:
            if book.stage is Stage.RELEASED and book.uids and book.item_id in self.loans:
                if any(self.tags[uid].secured for uid in book.uids):
                    raise LawBroken(f"{book.item_id} is shown as lent, and the gate would alarm")

    def _check_receipt(self, facts: m.ReceiptFacts) -> None:
        for line in facts.lines:
            if line.due is not None and line.item_id not in self.loans:
                raise LawBroken(f"the receipt names {line.item_id}, which is not on loan")


def _item(item: str) -> Item:
    return Item(item, f"T-{item}", "book", "TN", parts=len(ITEMS[item]))


def _title(item: str) -> Title:
    return Title(f"T-{item}", f"Nhan đề {item}", "Tác giả")


def _loan(item: str, card: str) -> Loan:
    patron = READERS[card].patron_id if card in READERS else card
    return Loan("0" * 16, item, "book", patron, "TN", ServiceMode.TAKE_HOME, NOW, DUE)
