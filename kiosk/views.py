"""What the touchscreen shows, as values: the flows say it, the screens draw it, and neither knows the other.

A :class:`View` holds facts (counts, days, names, states), not sentences: the screen finds the words in the language
that is on, so a change of language redraws and decides nothing. Reasons and next steps are the exception: they come
from the rules as bilingual phrases. A touch comes back as a :class:`Touch`, named for what it means, not for where it
was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from config.phrase import Phrase
from kiosk.typing.line import Line


class Action(StrEnum):
    """What a touch means."""

    # anywhere
    LANGUAGE = "language"
    HIGH_CONTRAST = "high_contrast"
    REACHABLE = "reachable"
    HELP = "help"
    # a visit
    FINISH = "finish"  # Hoàn thành, Xong
    END = "end"  # Kết thúc: leave without more ado
    BACK = "back"
    ACCOUNT = "account"
    RENEW_ALL = "renew_all"
    RENEW = "renew"  # argument: item_id
    RETURN = "return"  # Trả: the items on the pad (argument: item_id for one of them)
    PRINT = "print"
    NO_PRINT = "no_print"
    MORE_TIME = "more_time"
    # keys
    DIGIT = "digit"  # argument: "0" … "9"
    ERASE = "erase"
    TYPE = "type"  # argument: a stroke for kiosk.typing.line.press
    CARET = "caret"  # argument: how many letters stand before it, for kiosk.typing.line.place
    # staff
    STAFF_CORNER = "staff_corner"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    REPAIR_DONE = "repair_done"  # argument: item_id


@dataclass(frozen=True, slots=True)
class Touch:
    """A finger let go of something that means this."""

    action: Action
    argument: str = ""


class RowState(StrEnum):
    """How a book stands, as its spine shows it (visual language, 5.2)."""

    READING = "reading"
    BORROWED = "borrowed"
    REFUSED = "refused"
    RETURNED = "returned"
    PUT_ASIDE = "put_aside"
    PUT_BACK = "put_back"
    ON_LOAN = "on_loan"
    OVERDUE = "overdue"
    HOLD_READY = "hold_ready"
    RENEWED = "renewed"


@dataclass(frozen=True, slots=True)
class Slip:
    """The paper tongue under a spine: why, and what now."""

    why: Phrase
    now: Phrase


@dataclass(frozen=True, slots=True)
class RowView:
    """One book. ``key`` stays the same while the book does; ``day`` is a due date or the last day of a hold.

    ``cloth`` (1 to 6) is the colour of its cover; ``title`` is empty while the chip is being read. ``actions`` is what
    can be done with it by touch.
    """

    key: str
    state: RowState
    title: str = ""
    author: str = ""
    cloth: int = 1
    day: date | None = None
    slip: Slip | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class PatronView:
    """Who stands here, masked: ``given_name`` for the greeting alone, the rest for the header."""

    given_name: str
    masked_name: str
    card_ending: str
    child: bool = False


@dataclass(frozen=True, slots=True)
class AttractView:
    """Nobody is here: card or books may come."""


@dataclass(frozen=True, slots=True)
class ClosedView:
    """The library is shut; returns are still taken. ``opens`` is when it opens, ``None`` when nobody knows."""

    opens: datetime | None = None


@dataclass(frozen=True, slots=True)
class BorrowView:
    """A card was read: books go out. ``on_pad`` is the number of books the pad sees, the running count check."""

    rows: tuple[RowView, ...] = ()
    borrowed: int = 0
    attention: int = 0
    on_pad: int = 0


@dataclass(frozen=True, slots=True)
class OfferView:
    """Books came before any card. ``returnable`` of them are on loan and could be returned with one touch."""

    rows: tuple[RowView, ...] = ()
    returnable: int = 0
    others: int = 0
    on_pad: int = 0


@dataclass(frozen=True, slots=True)
class ReturnView:
    """Books come back; nobody needs a card."""

    rows: tuple[RowView, ...] = ()
    returned: int = 0
    attention: int = 0
    on_pad: int = 0


@dataclass(frozen=True, slots=True)
class PinView:
    """Asking for the PIN. ``wait_s`` is how long no further try is taken; ``wrong`` that the last one was not it."""

    entered: int = 0
    length: int = 4
    tries_left: int | None = None
    wrong: bool = False
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class TypingView:
    """Asking for a line of text, with the keyboard of its method. ``done`` is the main key's word, such as *Find*.

    Keys come back as ``TYPE`` and ``CARET``, the main key as ``FINISH``, the way back as ``BACK``. ``masked`` shows
    only how long the text is; ``leave`` is ``False`` where there is no way back.
    """

    title: Phrase
    line: Line
    placeholder: Phrase | None = None
    done: Phrase | None = None
    masked: bool = False
    leave: bool = True


class CardTrouble(StrEnum):
    """What is wrong with a card, as the headline says it."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable"
    NO_NUMBER = "no_number"


@dataclass(frozen=True, slots=True)
class CardProblemView:
    """The card cannot borrow: each reason with what to do now. Returns and search stay open."""

    reasons: tuple[Slip, ...]
    heading: CardTrouble


@dataclass(frozen=True, slots=True)
class AccountView:
    """The reader's account: four counters and the books, overdue first. ``owed`` in đồng."""

    rows: tuple[RowView, ...] = ()
    on_loan: int = 0
    overdue: int = 0
    holds: int = 0
    owed: int = 0
    renewed: int | None = None
    not_renewed: int = 0
    can_renew: bool = False


class Receipt(StrEnum):
    """Whether and how the receipt stands."""

    ASKED = "asked"
    PRINTING = "printing"
    PRINTED = "printed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True)
class DoneView:
    """The end of a visit: what went out with its earliest due date (or what came back), and the receipt question."""

    rows: tuple[RowView, ...] = ()
    borrowed: int = 0
    returned: int = 0
    refused: int = 0
    due: date | None = None
    receipt: Receipt = Receipt.NOT_OFFERED
    seconds: int = 8


@dataclass(frozen=True, slots=True)
class OutOfServiceView:
    """The machine rests: go to the desk. ``code`` names the fault for staff."""

    code: str


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device in the staff corner; ``well`` is ``None`` while nobody knows."""

    name: str
    kind: str
    well: bool | None
    code: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RepairView:
    """A tag waiting to be secured again."""

    item_id: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class StaffView:
    """The staff corner: devices, what has not reached headquarters, tags to secure, in or out of service.

    ``trouble`` is the code of the fault that put the machine out of service by itself.
    """

    devices: tuple[DeviceView, ...] = ()
    unsent: int = 0
    oldest_unsent: datetime | None = None
    repairs: tuple[RepairView, ...] = ()
    out_of_service: bool = False
    clock_trusted: bool = True
    trouble: str = ""


Body = (
    AttractView
    | ClosedView
    | OfferView
    | BorrowView
    | ReturnView
    | PinView
    | TypingView
    | CardProblemView
    | AccountView
    | DoneView
    | OutOfServiceView
    | StaffView
)


@dataclass(frozen=True, slots=True)
class TimeoutView:
    """Are you still there? ``seconds`` left; the titles behind it are not shown."""

    seconds: int


class Notice(StrEnum):
    """A line above the dock that needs no answer and goes by itself."""

    CARD_AGAIN = "card_again"  # another card while a visit is open
    TWO_CARDS = "two_cards"
    TAKE_CARD = "take_card"  # a card was left on the reader
    USE_PAD = "use_pad"  # the barcode of an item where items are taken by their chips alone
    PRINTER_AWAY = "printer_away"
    PAD_AWAY = "pad_away"
    READER_AWAY = "reader_away"
    TOO_MANY = "too_many"  # more books than the pad can tell apart
    TOUCH_LATER = "touch_later"


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the screen. ``staff`` puts the header in charcoal; ``step`` is 1 to 3 where there is a step bar."""

    body: Body
    language: str = "vi"
    high_contrast: bool = False
    reachable: bool = False
    library: str = ""
    patron: PatronView | None = None
    step: int = 0
    offline: bool = False
    staff: bool = False
    timeout: TimeoutView | None = None
    notice: Notice | None = None
    help_open: bool = False
    now: datetime | None = None
