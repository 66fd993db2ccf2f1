"""What comes into a flow and what goes out of it.

In: what devices tell (:mod:`drivers.devices`), touches (:class:`kiosk.views.Touch`), the passing of time, and the
answers to effects. Out: effects, each a thing for the session to do. An effect of a visit carries the visit's number,
its answer brings it back, so that a late answer is known for what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from drivers.devices import DeviceEvent
from drivers.iso15693 import SecurityResult, TagFault
from kiosk.views import Receipt, RepairView, Touch
from sync.circulation.acts import Account, Extended, Lent, TakenBack
from sync.circulation.blocks import Block, Refused
from sync.circulation.model import Item, Loan, Patron, Title

# --- in ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. ``clock`` counts seconds and never runs back; ``now`` is the time to decide by, aware UTC.

    ``open`` says whether the library is, ``opens`` when it will be; ``clock_trusted`` whether staff should be told;
    ``online`` whether headquarters can be reached (``None`` on a station of its own).
    """

    clock: float
    now: datetime
    open: bool = True
    opens: datetime | None = None
    clock_trusted: bool = True
    online: bool | None = None


@dataclass(frozen=True, slots=True)
class CardFound:
    """Whose card it is. ``blocks`` say why it cannot borrow at all; empty when it can.

    ``by_number``: a card that is not known here, by a number as some library of the network gives to its cards.
    """

    visit: int
    number: str = field(repr=False)
    patron: Patron | None
    blocks: tuple[Block, ...] = ()
    pin_set: bool = False
    by_number: bool = False


@dataclass(frozen=True, slots=True)
class ItemFound:
    """What lies there, asked before anybody has decided what to do with it.

    ``to_secure``: nobody has it, and its tag waits for repair.
    """

    visit: int
    item_id: str
    item: Item | None
    title: Title | None
    loan: Loan | None
    to_secure: bool = False


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The ledger's answer to :class:`Checkout`; ``title`` and open ``loan`` are known even of what was refused.

    ``to_secure``: it was refused, nobody has it, and its tag waits for repair.
    """

    visit: int
    item_id: str
    answer: Lent | Refused
    title: Title | None
    loan: Loan | None = None
    to_secure: bool = False


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """The ledger's answer to :class:`Checkin`."""

    visit: int
    item_id: str
    answer: TakenBack


@dataclass(frozen=True, slots=True)
class Renewed:
    """The ledger's answer to :class:`Renew`."""

    visit: int
    item_id: str
    answer: Extended | Refused


@dataclass(frozen=True, slots=True)
class Undone:
    """A loan has been taken back because its tag could not be released; a repair row says that it may be unsecured."""

    visit: int
    item_id: str


@dataclass(frozen=True, slots=True)
class TagAnswered:
    """What became of a tag: the pad's result, or ``None`` when the pad was lost and nobody knows."""

    visit: int
    item_id: str
    uid: bytes
    result: SecurityResult | None


@dataclass(frozen=True, slots=True)
class AccountFound:
    """The reader's account."""

    visit: int
    account: Account


@dataclass(frozen=True, slots=True)
class PinAnswered:
    """Whether the PIN was right; ``wait_s`` until another try is taken, ``tries_left`` before a longer wait."""

    visit: int
    right: bool
    tries_left: int = 0
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Printed:
    """What became of the receipt."""

    visit: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class StaffFound:
    """What the staff corner shows of the ledger."""

    unsent: int
    oldest_unsent: datetime | None
    repairs: tuple[RepairView, ...]


@dataclass(frozen=True, slots=True)
class LedgerFailed:
    """The ledger could not do it: ``code`` says why. Nothing was recorded."""

    visit: int
    code: str
    item_id: str = ""


Answer = (
    CardFound
    | ItemFound
    | CheckedOut
    | CheckedIn
    | Renewed
    | Undone
    | TagAnswered
    | AccountFound
    | PinAnswered
    | Printed
    | StaffFound
    | LedgerFailed
)
Message = DeviceEvent | Touch | Tick | Answer

# --- out --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """Begin a visit in the ledger."""

    visit: int


@dataclass(frozen=True, slots=True)
class CloseVisit:
    """End it: ``done``, ``left`` (time-out) or ``failed``; then the session forgets the card and the reader."""

    visit: int
    outcome: str
    out: int
    back: int
    renewed: int
    category: str


@dataclass(frozen=True, slots=True)
class FindCard:
    """Whose card is this? With ``or_item`` a scanned code that is no card is looked up as an item."""

    visit: int
    number: str = field(repr=False)
    or_item: bool = False


@dataclass(frozen=True, slots=True)
class FindItem:
    """What is this item, and who has it?"""

    visit: int
    item_id: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """Lend it; answered by :class:`CheckedOut` before any tag is touched."""

    visit: int
    item_id: str
    card: str = field(repr=False)
    parts_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Checkin:
    """Take it back, with a repair row for its tag in the same transaction."""

    visit: int
    item_id: str
    parts_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Renew:
    """Let the reader keep it longer."""

    visit: int
    item_id: str
    card: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back a loan by its number, with a repair row for its tag in the same transaction."""

    visit: int
    item_id: str
    entry: int


@dataclass(frozen=True, slots=True)
class ReleaseTag:
    """Make the gate silent at this tag, and verify."""

    visit: int
    item_id: str
    uid: bytes


@dataclass(frozen=True, slots=True)
class SecureTag:
    """Make the gate alarm at this tag, and verify."""

    visit: int
    item_id: str
    uid: bytes


@dataclass(frozen=True, slots=True)
class MarkSecured:
    """All tags of the item are verified to be secured: clear its repair row."""

    visit: int
    item_id: str


@dataclass(frozen=True, slots=True)
class TellStaff:
    """The item's tag lies there, waits for repair and cannot be secured: the repair row says why from now on."""

    visit: int
    item_id: str
    why: TagFault


@dataclass(frozen=True, slots=True)
class FindAccount:
    """The reader's account, please."""

    visit: int
    card: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckPin:
    """Is this the reader's PIN?"""

    visit: int
    card: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckStaffPin:
    """Is this the staff's PIN?"""

    visit: int
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One item of a receipt. ``due`` is ``None`` on a return; ``why`` is set where it was refused."""

    item_id: str
    title: str
    due: date | None = None
    why: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """All that a receipt says: ``card_ending`` is empty on a return, which names nobody."""

    returned: bool
    lines: tuple[ReceiptLine, ...]
    card_ending: str
    language: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Print:
    """Print the receipt of this visit."""

    visit: int
    facts: ReceiptFacts


@dataclass(frozen=True, slots=True)
class FindStaff:
    """What the staff corner wants to know of the ledger."""


@dataclass(frozen=True, slots=True)
class Sound:
    """An earcon by its name in the visual language, section 9."""

    name: str


Effect = (
    OpenVisit
    | CloseVisit
    | FindCard
    | FindItem
    | Checkout
    | Checkin
    | Renew
    | Undo
    | ReleaseTag
    | SecureTag
    | MarkSecured
    | TellStaff
    | FindAccount
    | CheckPin
    | CheckStaffPin
    | Print
    | FindStaff
    | Sound
)
