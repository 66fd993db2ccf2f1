"""The tour: a day at the desk of the demonstration library, through the real rules, ledger and search.

It begins three weeks ago, so that something can come back late: that part runs on a clock set back by three weeks, and
the events carry those times. Everything shown is the answer of the act itself, and the tour ends by having the ledger
check its own chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from rich.rule import Rule
from rich.text import Text

from kiosk.i18n import _
from kiosk.pages import account_tables, found_table, loans_table, returns_table, why
from kiosk.station import desk
from kiosk.terminal import Answers
from sync.circulation.acts import Extended, Lent, TakenBack
from sync.circulation.blocks import Refused, money
from sync.circulation.clock import Reading
from sync.store.clock import read_clock
from sync.store.ledger import Ledger
from sync.text import masked_name

_BACK = timedelta(days=21)

#: The readers of the tour, by what they show.
ADULT = "TN000101"
LATE = "TN000102"
SMALL_DEPOSIT = "TN000103"
EXPIRED = "TN000109"
CHILD = "TNTE0001"
READING_CARD = "TNTD0001"


@dataclass
class Summary:
    """What the tour did, counted as it went."""

    lent: int = 0
    refused: list[str] = field(default_factory=list)
    returned: int = 0
    renewed: int = 0
    fees_paid: int = 0
    events: int = 0
    chain_holds: bool = False


def play(home: Path, say: Answers) -> Summary:
    """Play the tour on a new demonstration folder and show every step."""
    summary = Summary()
    with desk(home, command="tramsach demo", clock=_three_weeks_ago) as (ledger, _station):
        _step(say, _("Three weeks ago: a reader takes two books home"))
        _lend(say, ledger, summary, LATE, [_shelf(ledger, "số đỏ"), _shelf(ledger, "tắt đèn")])
    with desk(home, command="tramsach demo") as (ledger, _station):
        _step(say, _("Find a title: marks typed or not"), "search", "truyen kieu")
        say.show(found_table(ledger.search("truyen kieu", limit=5), ledger.branch, ledger.rules().network))
        _step(say, _("Lend: two go out, the dictionary is for reading here"))
        kieu = _shelf(ledger, "truyện kiều nguyễn du")
        _lend(say, ledger, summary, ADULT, [kieu, _shelf(ledger, "số đỏ"), _shelf(ledger, "từ điển tiếng việt")])
        _step(say, _("Each refusal says why, and what to do now"))
        boxed, insect = _shelf(ledger, "tam quốc diễn nghĩa"), _shelf(ledger, "dế mèn phiêu lưu ký")
        for card, item in ((SMALL_DEPOSIT, boxed), (READING_CARD, insect), (EXPIRED, insect), (LATE, insect)):
            _lend(say, ledger, summary, card, [item])
        _step(say, _("A child borrows from the children's shelf"))
        _lend(say, ledger, summary, CHILD, [insect])
        _step(say, _("Late returns, and a book of another library"))
        late = [line.loan.item_id for line in ledger.account(LATE).loans]
        returned = _take_back(say, ledger, summary, [*late, _elsewhere(ledger)])
        _step(say, _("The fee is paid, and lending goes on"))
        for fee in (r.fee for r in returned if r.fee):
            settled = ledger.pay(fee.fee_id)
            if not isinstance(settled, Refused):
                summary.fees_paid += settled.paid
        say.show(_("Paid: {amount}.").format(amount=money(summary.fees_paid)))
        _lend(say, ledger, summary, LATE, [_shelf(ledger, "dế mèn phiêu lưu ký")])
        _step(say, _("Renew"))
        extended = ledger.renew(ADULT, kieu)
        if isinstance(extended, Extended):
            summary.renewed += 1
            say.show(loans_table(_("Renewed"), [extended]))
        _step(say, _("A reader's account"), "account", ADULT)
        say.show(*account_tables(ledger.account(ADULT)))
        verified = ledger.verify()
    summary.events, summary.chain_holds = verified.events, not verified.problems
    _step(say, _("What the ledger says"))
    if summary.chain_holds:
        say.show(
            _("{n} events in an unbroken chain; the loans are what the events add up to.").format(n=verified.events)
        )
    for problem in verified.problems:
        say.fail(problem)
    return summary


def _three_weeks_ago() -> Reading:
    now = read_clock()
    return replace(now, wall=now.wall - _BACK, uptime_ms=0, boot="")


def _shelf(ledger: Ledger, words: str) -> str:
    """The first copy on the shelf of this branch among the titles found."""
    found = ledger.search(words, limit=5)
    return next(
        item.item_id
        for hit in found.page.hits
        for item in hit.items
        if item.branch == ledger.branch and item.item_id not in found.loans
    )


def _elsewhere(ledger: Ledger) -> str:
    """A copy that is at home in another library."""
    found = ledger.search("truyện", limit=50)
    return next(i.item_id for hit in found.page.hits for i in hit.items if i.branch != ledger.branch)


def _lend(say: Answers, ledger: Ledger, summary: Summary, card: str, items: Sequence[str]) -> None:
    visit = ledger.open_visit()
    results = [(item, ledger.checkout(card, item, visit=visit)) for item in items]
    lent = [r for _item, r in results if isinstance(r, Lent)]
    ledger.close_visit(visit, "done", out=len(lent))
    summary.lent += len(lent)
    patron = ledger.find_patron(card)
    say.show(f"{card} · {masked_name(patron.name) if patron else '–'}")
    if lent:
        say.show(loans_table(_("Checked out"), lent))
    for item, refused in results:
        if isinstance(refused, Refused):
            summary.refused += [code.value for code in refused.codes]
            say.show(Text(f"✗ {item}: {why(refused.blocks)}", style="red"))


def _take_back(say: Answers, ledger: Ledger, summary: Summary, items: Sequence[str]) -> list[TakenBack]:
    visit = ledger.open_visit()
    returned = [ledger.checkin(item, visit=visit) for item in items]
    ledger.close_visit(visit, "done", back=len(returned))
    summary.returned += len(returned)
    say.show(returns_table(returned))
    return returned


def _step(say: Answers, heading: str, *command: str) -> None:
    typed = f"  $ tramsach {' '.join(command)}" if command else ""
    if not say.as_json:
        say.out.print()
        say.out.print(Rule(Text(f"{heading}{typed}"), align="left"))
