"""A station's days as its ledger would hold them: visits and all that happens in them, in honest proportions."""

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.circulation import events as ev
from sync.circulation.events import Entry, encode, to_ms

OPENING = datetime(2027, 3, 2, 1, 0, tzinfo=UTC)
_TYPES = ("sach", "sach", "sach", "thieu_nhi", "tap_chi")
_CATEGORIES = ("nguoi_lon", "thieu_nhi", "sinh_vien", "nguoi_cao_tuoi")


@dataclass
class Days:
    """Writes events as a kiosk would: ``records`` are the lines, ``identities`` whose each token is."""

    chance: random.Random
    branch: str = "DK"
    boot: str = "3f0c9d52"
    actor: str = "kiosk"
    rules: str = "2027-01"

    def __post_init__(self) -> None:
        self.records: list[str] = []
        self.identities: dict[str, str] = {}
        self._at = OPENING
        self._up = 3_600_000
        self._out: list[tuple[str, str]] = []

    def until(self, events: int) -> "Days":
        """Goes on, visit by visit, until there are so many events, and leaves off in the middle of one if need be."""
        while len(self.records) < events:
            self._visit()
        del self.records[events:]
        tokens = {token for record in self.records for token in re.findall("[0-9a-f]{16}", record)}
        self.identities = {token: owner for token, owner in self.identities.items() if token in tokens}
        return self

    def _visit(self) -> None:
        chance = self.chance
        self._pass(chance.uniform(20, 600))
        if self._at.hour >= 10:  # 17:00 by the clock on the wall
            self._pass(15 * 3600)
        visit, patron = self._token(), f"{chance.randrange(10**8):08d}"
        self._record(ev.VisitOpened(visit))
        back = chance.choice((0, 0, 1, 2, 3))
        for _ in range(back):
            self._checkin(visit)
        out = chance.choice((0, 1, 1, 2, 2, 3, 4, 5))
        for _ in range(out):
            self._checkout(visit, patron)
        renewed = 0
        if chance.random() < 0.1:
            self._renew(visit, patron)
            renewed = 1
        if chance.random() < 0.07:
            self._pass(chance.uniform(1, 5))
            code = chance.choice(("fees_owed", "card_expired", "loan_limit_reached", "item_on_hold"))
            self._record(ev.Refusal("checkout", (code,), visit))
        self._pass(chance.uniform(2, 20))
        self._record(ev.VisitClosed(visit, "done", out, back, renewed, chance.choice(_CATEGORIES)))

    def _checkout(self, visit: str, patron: str) -> None:
        self._pass(self.chance.uniform(1, 8))
        loan, item = self._token(), self._item()
        due_at = to_ms((self._at + timedelta(days=14)).replace(hour=10, minute=0, second=0, microsecond=0))
        event = ev.CheckedOut(
            item, loan, self.chance.choice(_TYPES), self.branch, "take_home", due_at, self.rules, "nguoi_lon", visit
        )
        self.identities[loan] = patron
        self._record(event)
        self._out.append((item, loan))

    def _checkin(self, visit: str) -> None:
        self._pass(self.chance.uniform(1, 6))
        # Most of what comes back was lent weeks ago, so its token is nowhere in this batch.
        item, loan = self._item(), self._token()
        if self._out and self.chance.random() < 0.1:
            item, loan = self._out.pop(self.chance.randrange(len(self._out)))
        late = self.chance.choice((0, 0, 0, 0, 3))
        self._record(ev.CheckedIn(item, self.branch, loan, self.rules, late, None, True, visit))
        self._pass(self.chance.uniform(0.2, 0.6))
        self._record(ev.TagSecured(item))
        if late:
            self._record(ev.FeeCharged(self._token(), loan, "overdue", 500 * late, self.rules))
            self.identities[loan] = f"{self.chance.randrange(10**8):08d}"

    def _renew(self, visit: str, patron: str) -> None:
        self._pass(self.chance.uniform(1, 6))
        due_at = to_ms(self._at.replace(hour=10, minute=0, second=0, microsecond=0))
        loan = self._token()
        self.identities[loan] = patron
        later = due_at + 14 * 86_400_000
        self._record(ev.Renewed(self._item(), loan, later, due_at, 1, self.rules, visit))

    def _record(self, event: ev.Event) -> None:
        entry = Entry(len(self.records) + 1, self._at, self._up, self.boot, self.actor, event)
        self.records.append(encode(entry))

    def _pass(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
        self._up += int(seconds * 1000)

    def _token(self) -> str:
        return f"{self.chance.getrandbits(64):016x}"

    def _item(self) -> str:
        return f"{self.branch}.{self.chance.randrange(120_000):07d}"
