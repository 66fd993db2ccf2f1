"""What is owed of a fee when it was charged, paid and forgiven at several places.

Money moves only through events of its own, each counted once, so a fee is a sum and no order matters. More money than
was owed (paid at two stations, or paid here and forgiven there) is nobody's fault and goes to staff as ``overpaid``.
Source: facts/sync.md, section 5.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sync.circulation.events import ExceptionResolved, FeeCharged, FeePaid, FeeRefunded, FeeWaived
from sync.circulation.exceptions import ExceptionKind, Party, StaffException, settled
from sync.circulation.facts import Fact


@dataclass(frozen=True, slots=True)
class FeeAccount:
    """A fee as all its facts give it; amounts in đồng, instants in milliseconds.

    ``token`` is the loan it comes from, or whatever token stands for who owes it. ``kind`` is ``None`` while nothing
    says what it is for: it was spoken of and has not come.
    """

    fee: str
    token: str | None = None
    kind: str | None = None
    amount: int = 0
    paid: int = 0
    waived: int = 0
    refunded: int = 0
    charged_at: int | None = None
    exception: StaffException | None = None

    @property
    def outstanding(self) -> int:
        """What is still owed."""
        return max(0, self.amount - self.waived - self.paid + self.refunded)

    @property
    def overpaid(self) -> int:
        """How much too much was taken."""
        return max(0, self.paid - self.refunded - max(0, self.amount - self.waived))

    def owed(self, *, in_doubt: bool) -> int:
        """What may be asked for: nothing while the fee is in doubt."""
        return 0 if in_doubt else self.outstanding


def fold_fee(fee: str, item: str | None, facts: Iterable[Fact]) -> FeeAccount:
    """What all facts of a fee add up to, in whatever order and however often they are given.

    A fee is charged once: of several charges under one number the first counts. Where none has come, the payments made
    elsewhere carry what was owed before them, and the most that any of them knew of is the fee.
    """
    known = {(fact.station, fact.epoch, fact.seq): fact for fact in facts}
    account = FeeAccount(fee)
    charge: FeeCharged | None = None
    carried: tuple[int, int, str, str] | None = None
    decisions: list[ExceptionResolved] = []
    last: Party | None = None
    for fact in sorted(known.values(), key=lambda fact: fact.key):
        match event := fact.event:
            case FeeCharged():
                if charge is None:
                    charge = event
                    account = replace(account, charged_at=fact.at)
            case FeePaid() | FeeWaived():
                if event.owed is not None:
                    # Between equal sums the earlier day, so that the answer is always the same.
                    told = (event.owed, -(event.charged_at or 0), event.token or "", event.kind or "")
                    carried = told if carried is None else max(carried, told)
                if isinstance(event, FeePaid):
                    account = replace(account, paid=account.paid + event.amount)
                    last = Party(None, fact.ref, "", fact.at)
                else:
                    account = replace(account, waived=account.waived + event.amount)
            case FeeRefunded():
                account = replace(account, refunded=account.refunded + event.amount)
            case ExceptionResolved():
                decisions.append(event)
            case _:
                pass
    if charge is not None:
        account = replace(account, token=charge.loan, kind=charge.kind, amount=charge.amount)
    elif carried is not None:
        owed, charged_at, token, kind = carried
        account = replace(account, token=token, kind=kind, amount=owed, charged_at=-charged_at)
    if account.kind is None or not account.overpaid or last is None:
        return account
    exception = StaffException(ExceptionKind.OVERPAID, item, (last,), fee, account.overpaid)
    return replace(account, exception=settled(exception, decisions)[0])
