"""The work-list: what cannot both be true, said to staff in a sentence, with the ways to settle it in one step.

An exception is no error: every fact in it has been accepted. Some follow from the events alone and are found anew at
each fold (:mod:`sync.circulation.custody`, :mod:`sync.circulation.fees`), others depend on what headquarters knew of a
reader or an item on the day and are judged once (:mod:`sync.circulation.judgements`). Either way its *identity* is made
of what it is about, never of when somebody noticed: the same facts give the same exception in whatever order they came,
and what staff have settled stays settled until other facts contradict, which is another exception.

A resolution is an event of headquarters, so it is folded in like any fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from config.phrase import Phrase
from sync.circulation.blocks import day, money
from sync.circulation.events import Event, ExceptionResolved, FeeRefunded, FeeWaived, from_ms
from sync.circulation.model import local_day
from sync.circulation.network import Network


class ExceptionKind(StrEnum):
    """What is the matter. The codes stand in events and never change their meaning."""

    # from the events alone
    MISSED_RETURN = "missed_return"
    AMBIGUOUS_CUSTODY = "ambiguous_custody"
    ORPHAN_RETURN = "orphan_return"
    FEE_IN_DOUBT = "fee_in_doubt"
    OVERPAID = "overpaid"
    # from what headquarters knew
    LENT_WHILE_BLOCKED = "lent_while_blocked"
    OVER_LIMIT = "over_limit"
    UNKNOWN_CARD = "unknown_card"
    UNKNOWN_ITEM = "unknown_item"
    LOST_RETURNED = "lost_returned"
    WITHDRAWN_RETURNED = "withdrawn_returned"


class FeeDoubt(StrEnum):
    """Why a fee may not be asked for until staff decide."""

    #: Nobody saw the copy come back.
    INFERRED = "inferred"
    #: Which loan came when is not known.
    AMBIGUOUS = "ambiguous"
    #: By what other stations recorded, the copy was not so late.
    NOT_SO_LATE = "not_so_late"


class Resolution(StrEnum):
    """How staff settle an exception. The codes stand in events and never change their meaning."""

    NOTED = "noted"
    LOAN_HAS_IT = "loan_has_it"
    LIBRARY_HAS_IT = "library_has_it"
    FEE_FORGIVEN = "fee_forgiven"
    FEE_STANDS = "fee_stands"
    REFUNDED = "refunded"
    READER_TOLD = "reader_told"
    CARD_REGISTERED = "card_registered"
    CATALOGUED = "catalogued"
    BACK_ON_SHELF = "back_on_shelf"
    KEPT_OUT = "kept_out"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of an exception: a checkout (``loan`` is its token), or a return (``loan`` is ``None``).

    ``ref`` names the event (station, epoch and number); ``at`` is in milliseconds.
    """

    loan: str | None
    ref: str
    branch: str
    at: int

    @property
    def label(self) -> str:
        """What stands for it in an identity."""
        return self.loan or self.ref


@dataclass(frozen=True, slots=True)
class StaffException:
    """One line of the work-list. ``amount`` is in đồng; ``resolution`` is how staff have settled it, if they have."""

    kind: ExceptionKind
    item: str | None
    parties: tuple[Party, ...]
    fee: str | None = None
    amount: int = 0
    doubt: FeeDoubt | None = None
    resolution: Resolution | None = None

    @property
    def id(self) -> str:
        """The identity: equal for equal facts, whatever order they came in."""
        match self.kind:
            case ExceptionKind.FEE_IN_DOUBT:
                labels = [self.fee or "", self.doubt or ""]
            case ExceptionKind.OVERPAID:
                labels = [self.fee or "", str(self.amount)]
            case ExceptionKind.MISSED_RETURN:
                labels = [party.label for party in self.parties]
            case ExceptionKind.AMBIGUOUS_CUSTODY:
                labels = sorted(party.label for party in self.parties)
            case _:
                labels = [party.ref for party in self.parties]
        return ":".join((self.kind, *labels))

    @property
    def at(self) -> int:
        """Since when it has been so, in milliseconds: its latest fact."""
        return max((party.at for party in self.parties), default=0)

    @property
    def open(self) -> bool:
        """Whether staff have still to settle it."""
        return self.resolution is None

    @property
    def loans(self) -> tuple[str, ...]:
        """The tokens of the loans that it is about."""
        return tuple(party.loan for party in self.parties if party.loan is not None)

    def owner(self, home: str | None) -> str:
        """The branch whose work it is: the item's home where that is known, else where it was lent or returned."""
        return home or (self.parties[0].branch if self.parties else "")

    def to_values(self) -> list[object]:
        """This exception as JSON can carry it."""
        parties = [[p.loan, p.ref, p.branch, p.at] for p in self.parties]
        return [self.kind, self.item, parties, self.fee, self.amount, self.doubt, self.resolution]

    @classmethod
    def from_values(cls, values: list[Any]) -> StaffException:
        """The exception of :meth:`to_values`."""
        kind, item, parties, fee, amount, doubt, resolution = values
        return cls(
            ExceptionKind(kind),
            item,
            tuple(Party(*party) for party in parties),
            fee,
            amount,
            None if doubt is None else FeeDoubt(doubt),
            None if resolution is None else Resolution(resolution),
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to settle an exception: what the button says, and the events that it writes in one transaction."""

    resolution: Resolution
    words: Phrase
    events: tuple[Event, ...]


_TWO_LOANS = Phrase(
    "Bản {item} được ghi mượn tại {first} ({first_day}) và tại {second} ({second_day}) gần như cùng lúc, nên chưa biết "
    "ai đang giữ. Chưa tính tiền phạt cho đến khi cán bộ thư viện quyết định.",
    "Copy {item} was lent at {first} ({first_day}) and at {second} ({second_day}) at almost the same time, so nobody "
    "knows who has it. No fine is asked for until staff decide.",
)
_LOAN_AND_RETURN = Phrase(
    "Bản {item} được ghi mượn tại {first} ({first_day}) và ghi trả tại {second} ({second_day}) gần như cùng lúc, nên "
    "chưa biết bản này đã trả hay còn ở bạn đọc. Chưa tính tiền phạt cho đến khi cán bộ thư viện quyết định.",
    "Copy {item} was lent at {first} ({first_day}) and returned at {second} ({second_day}) at almost the same time, so "
    "it may be back or still with the reader. No fine is asked for until staff decide.",
)
_WORDS = {
    ExceptionKind.MISSED_RETURN: Phrase(
        "Bản {item} ghi mượn tại {first} ({first_day}), chưa thấy ghi trả, lại được ghi mượn tại {second} "
        "({second_day}). Lượt mượn trước được coi là đã trả, không tính tiền phạt.",
        "Copy {item} was lent at {first} ({first_day}) and, with no return recorded, lent again at {second} "
        "({second_day}). The earlier loan counts as returned, without a fine.",
    ),
    ExceptionKind.ORPHAN_RETURN: Phrase(
        "Bản {item} được trả tại {first} ({first_day}), nhưng không có lượt mượn nào đang mở.",
        "Copy {item} was returned at {first} ({first_day}), although no loan of it was open.",
    ),
    ExceptionKind.OVERPAID: Phrase(
        "Một khoản phí đã được thu hoặc miễn ở hai nơi, nên thu thừa {amount}.",
        "A fee was paid or forgiven in two places, so {amount} too much was taken.",
    ),
    ExceptionKind.LENT_WHILE_BLOCKED: Phrase(
        "Bản {item} được ghi mượn tại {first} ({first_day}) bằng thẻ đã hết hạn hoặc đang tạm khóa.",
        "Copy {item} was lent at {first} ({first_day}) on a card that had expired or was stopped.",
    ),
    ExceptionKind.OVER_LIMIT: Phrase(
        "Bản {item} được ghi mượn tại {first} ({first_day}) khi bạn đọc đã mượn đủ số bản cho phép.",
        "Copy {item} was lent at {first} ({first_day}) to a reader who already had as many items as allowed.",
    ),
    ExceptionKind.UNKNOWN_CARD: Phrase(
        "Bản {item} được ghi mượn tại {first} ({first_day}) bằng thẻ chưa có trong danh sách bạn đọc.",
        "Copy {item} was lent at {first} ({first_day}) on a card that is not in the list of readers.",
    ),
    ExceptionKind.UNKNOWN_ITEM: Phrase(
        "Bản {item} có lưu thông tại {first} ({first_day}), nhưng chưa có trong thư mục.",
        "Copy {item} was in circulation at {first} ({first_day}), but is not in the catalogue.",
    ),
    ExceptionKind.LOST_RETURNED: Phrase(
        "Bản {item} từng bị báo mất nay xuất hiện tại {first} ({first_day}).",
        "Copy {item}, which was marked as lost, turned up at {first} ({first_day}).",
    ),
    ExceptionKind.WITHDRAWN_RETURNED: Phrase(
        "Bản {item} đã loại khỏi lưu thông nay xuất hiện tại {first} ({first_day}).",
        "Copy {item}, which was withdrawn, turned up at {first} ({first_day}).",
    ),
}
_FEE_WORDS = {
    FeeDoubt.INFERRED: Phrase(
        "Phí {amount} của bản {item} chưa được thu: không ai thấy lúc bản này được trả.",
        "The fee of {amount} for copy {item} is not asked for: nobody saw when it came back.",
    ),
    FeeDoubt.AMBIGUOUS: Phrase(
        "Phí {amount} của bản {item} chưa được thu: chưa biết lượt mượn nào có trước.",
        "The fee of {amount} for copy {item} is not asked for: it is not known which loan came first.",
    ),
    FeeDoubt.NOT_SO_LATE: Phrase(
        "Phí {amount} của bản {item} chưa được thu: theo ghi nhận ở nơi khác, bản này không trả muộn đến thế.",
        "The fee of {amount} for copy {item} is not asked for: by what was recorded elsewhere it was not so late.",
    ),
}
#: Milliseconds, about 8,000 years: within what ``datetime`` can hold after 1970.
_BEYOND_CALENDARS = 8_000 * 365 * 86_400_000
_NOTED = Phrase("Đã xem, không cần làm gì thêm.", "Seen; nothing more to do.")
_CHOICES = {
    ExceptionKind.ORPHAN_RETURN: ((Resolution.NOTED, _NOTED),),
    ExceptionKind.LENT_WHILE_BLOCKED: (
        (Resolution.READER_TOLD, Phrase("Đã báo cho bạn đọc.", "The reader has been told.")),
        (Resolution.NOTED, _NOTED),
    ),
    ExceptionKind.OVER_LIMIT: (
        (Resolution.READER_TOLD, Phrase("Đã báo cho bạn đọc.", "The reader has been told.")),
        (Resolution.NOTED, _NOTED),
    ),
    ExceptionKind.UNKNOWN_CARD: (
        (Resolution.CARD_REGISTERED, Phrase("Đã đăng ký thẻ này.", "The card has been registered.")),
        (Resolution.NOTED, _NOTED),
    ),
    ExceptionKind.UNKNOWN_ITEM: (
        (Resolution.CATALOGUED, Phrase("Đã biên mục bản này.", "The copy has been catalogued.")),
        (Resolution.NOTED, _NOTED),
    ),
    ExceptionKind.LOST_RETURNED: (
        (Resolution.BACK_ON_SHELF, Phrase("Cho bản này lưu thông trở lại.", "Put the copy back into circulation.")),
        (Resolution.KEPT_OUT, Phrase("Không cho bản này lưu thông nữa.", "Keep the copy out of circulation.")),
    ),
    ExceptionKind.WITHDRAWN_RETURNED: (
        (Resolution.BACK_ON_SHELF, Phrase("Cho bản này lưu thông trở lại.", "Put the copy back into circulation.")),
        (Resolution.KEPT_OUT, Phrase("Không cho bản này lưu thông nữa.", "Keep the copy out of circulation.")),
    ),
}
_WHO_HAS_IT = frozenset({Resolution.LOAN_HAS_IT, Resolution.LIBRARY_HAS_IT})
_OFFERED: dict[ExceptionKind, frozenset[Resolution]] = {
    ExceptionKind.MISSED_RETURN: _WHO_HAS_IT,
    ExceptionKind.AMBIGUOUS_CUSTODY: _WHO_HAS_IT,
    ExceptionKind.FEE_IN_DOUBT: frozenset({Resolution.FEE_FORGIVEN, Resolution.FEE_STANDS}),
    ExceptionKind.OVERPAID: frozenset({Resolution.REFUNDED, Resolution.NOTED}),
    **{kind: frozenset(resolution for resolution, _ in choices) for kind, choices in _CHOICES.items()},
}
_READER_HAS_IT = Phrase(
    "Bạn đọc mượn tại {branch} ({day}) đang giữ bản này.", "The reader who borrowed at {branch} ({day}) has it."
)
_LIBRARY_HAS_IT = Phrase("Bản này đang ở thư viện.", "The library has the copy.")
_FORGIVE = Phrase("Miễn phí {amount}.", "Forgive the fee of {amount}.")
_STANDS = Phrase("Vẫn thu phí {amount}.", "Keep the fee of {amount}.")
_REFUND = Phrase("Đã trả lại {amount} cho bạn đọc.", "{amount} has been given back to the reader.")
_KEEP_MONEY = Phrase("Đã xử lý {amount} theo cách khác.", "The {amount} has been settled in another way.")


def sentence(exception: StaffException, network: Network) -> Phrase:
    """What is the matter, for staff: which copy, where and when, nothing of the reader."""
    values: dict[str, object] = {"item": exception.item or "—", "amount": money(exception.amount)}
    for name, party in zip(("first", "second"), exception.parties, strict=False):
        values |= {name: network.name(party.branch), f"{name}_day": _day(party.at)}
    if exception.doubt is not None:
        return _FEE_WORDS[exception.doubt].fill(**values)
    if exception.kind is ExceptionKind.AMBIGUOUS_CUSTODY:
        return (_TWO_LOANS if len(exception.loans) == len(exception.parties) else _LOAN_AND_RETURN).fill(**values)
    return _WORDS[exception.kind].fill(**values)


def resolutions(exception: StaffException, network: Network) -> tuple[Choice, ...]:
    """The ways to settle an exception, each in one step: the events of a choice are written together or not at all."""

    def choice(resolution: Resolution, words: Phrase, *first: Event, loan: str | None = None) -> Choice:
        resolved = ExceptionResolved(exception.id, resolution, exception.item, exception.fee, loan)
        return Choice(resolution, words.fill(amount=money(exception.amount)), (*first, resolved))

    match exception.kind:
        case ExceptionKind.MISSED_RETURN | ExceptionKind.AMBIGUOUS_CUSTODY:
            readers = (
                choice(
                    Resolution.LOAN_HAS_IT,
                    _READER_HAS_IT.fill(branch=network.name(party.branch), day=_day(party.at)),
                    loan=party.loan,
                )
                for party in reversed(exception.parties)
                if party.loan is not None
            )
            return (*readers, choice(Resolution.LIBRARY_HAS_IT, _LIBRARY_HAS_IT))
        case ExceptionKind.FEE_IN_DOUBT:
            forgiven = FeeWaived(exception.fee or "", exception.amount, exception.doubt or "")
            return (
                choice(Resolution.FEE_FORGIVEN, _FORGIVE, forgiven),
                choice(Resolution.FEE_STANDS, _STANDS),
            )
        case ExceptionKind.OVERPAID:
            refunded = FeeRefunded(exception.fee or "", exception.amount)
            return (choice(Resolution.REFUNDED, _REFUND, refunded), choice(Resolution.NOTED, _KEEP_MONEY))
        case kind:
            return tuple(choice(resolution, words) for resolution, words in _CHOICES[kind])


def settled(
    exception: StaffException, events: Iterable[ExceptionResolved]
) -> tuple[StaffException, ExceptionResolved | None]:
    """An exception with what staff have decided of it, and the event that says so.

    The last event that fits it holds; one of another exception, or that says what is not offered, changes nothing.
    """
    decision = None
    for event in events:
        if event.exception == exception.id and event.resolution in _OFFERED[exception.kind]:
            of_a_loan = event.resolution == Resolution.LOAN_HAS_IT
            decision = event if (event.loan in exception.loans if of_a_loan else event.loan is None) else decision
    if decision is None:
        return exception, None
    return replace(exception, resolution=Resolution(decision.resolution)), decision


def _day(at: int) -> str:
    """A day for people; a dash for an instant that is in no calendar, which a clock may have said."""
    return day(local_day(from_ms(at))) if 0 <= at < _BEYOND_CALENDARS else "—"
