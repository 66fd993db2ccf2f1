"""The ledger: everything that a desk or a kiosk does, each act durable before it is answered.

Theory of operation. An act runs in one immediate transaction on ``ledger.sqlite`` (WAL, ``synchronous=FULL``). Inside
it the ledger asks :class:`~sync.store.current.Current` what holds, lets ``sync.circulation.decisions`` decide, and on a
yes writes the event, its link in the hash chain, and the rows that ``projection.changes`` derives from it. Only when
SQLite has committed does the act return. So whatever was answered is on disk, and after a crash at any instant an act
is there whole or not at all. A refusal is recorded too, by its codes alone, and returned as
:class:`~sync.circulation.blocks.Refused`.

The file has one writer: the thread that owns this object. The number and hash of the last event are kept in memory for
that reason, and forgotten when a transaction fails, so that they are read anew from the file.

Whose a token is goes into ``identity`` beside the events and can be deleted (:meth:`Ledger.forget`); the chain does not
notice. SQLite's ``secure_delete`` overwrites a deleted row but not the copies that stay behind in the slack of a page
when the tree is balanced, so forgetting empties the whole table, which wipes its pages, and writes back what is kept.

Security bits: :meth:`Ledger.checkin` with ``tag_to_secure`` writes the repair row in the same transaction, to
be cleared by :meth:`Ledger.tag_secured` once the tag has been armed and verified (design, law 1).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert, insert

from config.phrase import Phrase
from sync.circulation import events as ev
from sync.circulation.acts import Extended, Lent, Recorded, TakenBack, TakenBackAct
from sync.circulation.blocks import Block, Code, Refused, block
from sync.circulation.chain import genesis, link
from sync.circulation.clock import TOLERANCE, Anchor, Moment, settle
from sync.circulation.decisions import (
    Checkin,
    decide_checkin,
    decide_checkout,
    decide_renew,
)
from sync.circulation.events import to_ms
from sync.circulation.model import Fee, FeeKind, Loan, Patron, ServiceMode
from sync.circulation.projection import KEYS, Change, Drop, Put, changes
from sync.circulation.rules import Rules
from sync.store import tables
from sync.store.current import Current
from sync.store.errors import OlderLedger, StoreError
from sync.store.files import LedgerFile, open_ledger
from sync.store.view import PROJECTED, Clock, Head, LedgerView, replay_of_base

__all__ = ["Extended", "Ledger", "Lent", "Recorded", "TakenBack", "TakenBackAct"]

_INSERT_EVENT = sa.insert(tables.event)
_OWN_TOKEN = sa.text(
    "INSERT INTO identity (token, patron_id) VALUES (:token, :patron_id) ON CONFLICT (token) DO NOTHING"
)


def _upsert(table: sa.Table, key: str) -> Insert:
    statement = insert(table)
    columns = {c.name: statement.excluded[c.name] for c in table.columns if c.name != key}
    return statement.on_conflict_do_update(index_elements=[key], set_=columns)


_UPSERTS = {name: _upsert(table, KEYS[name]) for name, table in PROJECTED.items()}
_DROPS = {name: sa.delete(table).where(table.c[KEYS[name]] == sa.bindparam("key")) for name, table in PROJECTED.items()}

_EVENT_AT = sa.select(sa.cast(tables.event.c.record, sa.LargeBinary)).where(tables.event.c.seq == sa.bindparam("seq"))

#: About a second of work on a small machine.
_PRUNED_AT_ONCE = 10_000

_EVENTS_UNTIL = (
    sa.select(sa.cast(tables.event.c.record, sa.LargeBinary).label("record"))
    .where(tables.event.c.seq <= sa.bindparam("until"))
    .order_by(tables.event.c.seq)
)
_EVENTS_AFTER = (
    sa.select(sa.cast(tables.event.c.record, sa.LargeBinary).label("record"))
    .where(tables.event.c.seq > sa.bindparam("after"))
    .order_by(tables.event.c.seq)
)
_TRIGGERS = sa.text("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'event'")
_COMPARED_LAST = (
    sa.select(sa.cast(tables.event.c.record, sa.LargeBinary).label("record"))
    .where(tables.event.c.type == "clock_compared")
    .order_by(tables.event.c.seq.desc())
    .limit(1)
)

_KEPT = sa.Table("kept", sa.MetaData(schema="temp"), sa.Column("token", sa.Text), sa.Column("patron_id", sa.Text))


class _Act:
    """One transaction of the ledger: what holds, what time it is, and the events written so far."""

    def __init__(self, connection: sa.Connection, current: Current, rules: Rules, version: str, head: Head) -> None:
        self.connection = connection
        self.current = current
        self.rules = rules
        self.rules_version = version
        self.head = head
        self.moment: Moment
        self.actor: str

    @property
    def now(self) -> datetime:
        return self.moment.at

    def record(self, event: ev.Event) -> int:
        """Write an event, its link and its changes; answers its number."""
        entry = ev.entry(self.head.seq + 1, self.moment, self.actor, event)
        record = ev.encode(entry)
        hash_ = link(self.head.hash, record)
        self.connection.execute(_INSERT_EVENT, {"seq": entry.seq, "record": record, "hash": hash_})
        for change in changes(entry):
            _write(self.connection, change)
        self.head = Head(entry.seq, hash_, Anchor(entry.at, entry.uptime_ms, entry.boot))
        return entry.seq

    def own(self, token: str, patron_id: str | None) -> None:
        """Say whose a token is, beside the events."""
        if patron_id is not None:
            self.connection.execute(_OWN_TOKEN, {"token": token, "patron_id": patron_id})

    def settle(self, settled: ev.FeePaid | ev.FeeWaived, fee: Fee, *, here: bool) -> None:
        """Write that a fee, or part of it, was paid or waived; one that only the reference tells of is carried here."""
        if not here:
            token = fee.token or fee.fee_id
            settled = replace(
                settled, token=token, kind=fee.kind.value, owed=fee.outstanding, charged_at=to_ms(fee.charged_at)
            )
            self.own(token, fee.patron_id)
        self.record(settled)

    def refuse(self, act: str, refused: Refused, visit: str | None = None) -> Refused:
        """Record a refusal by its codes and hand it on."""
        self.record(ev.Refusal(act, tuple(refused.codes), visit))
        return refused

    def notices(self, notices: tuple[Block, ...]) -> tuple[Block, ...]:
        """An act's notices, with a word about the clock where that is in doubt."""
        return notices if self.moment.trusted else (*notices, block(Code.CLOCK_DOUBTED))


class Ledger(LedgerView):
    """A station's acts. Open with :meth:`open_for_writing`; a context manager; owned by one thread.

    Every act raises :class:`~sync.store.errors.StoreError` when the disk or the file will not have it; then nothing of
    it has happened.
    """

    def __init__(self, file: LedgerFile, station: str, epoch: int, branch: str, clock: Clock, actor: str) -> None:
        super().__init__(file, station, epoch, branch, clock)
        self._file = file
        self._head: Head | None = None
        self.actor = actor

    @classmethod
    def open_for_writing(
        cls,
        home: Path,
        *,
        station: str,
        epoch: int,
        branch: str,
        clock: Clock,
        actor: str,
        command: str = "tramsach",
        wait: float = 5.0,
        enrolling: bool = False,
    ) -> Self:
        """Own a station's ledger, waiting up to ``wait`` seconds for whoever has it.

        ``command`` is what another process is told has it. Raises :class:`~sync.store.errors.StoreError`: in use,
        damaged, from a newer version, of another station, or older than what headquarters has of it (put back from a
        backup): then only ``enrolling`` goes on, because new events would carry numbers that are taken.
        """
        file = open_ledger(home, command=command, wait=wait)
        try:
            with file.begin() as connection:
                _claim(connection, station, epoch)
                if not enrolling:
                    _refuse_older(connection, station, file.path)
            # Whoever was killed while forgetting has left the forgotten in the log.
            file.checkpoint()
        except BaseException:
            file.close()
            raise
        return cls(file, station, epoch, branch, clock, actor)

    # --- visits -------------------------------------------------------------------------------------------------------

    def open_visit(self) -> str:
        """Begin a visit; answers its token."""
        token = _token()
        with self._act() as act:
            act.record(ev.VisitOpened(token))
        return token

    def close_visit(
        self, visit: str, outcome: str, *, out: int = 0, back: int = 0, renewed: int = 0, category: str = ""
    ) -> None:
        """End a visit (``done``, ``left`` or ``failed``) with what was done in it."""
        with self._act() as act:
            act.record(ev.VisitClosed(visit, outcome, out, back, renewed, category))

    # --- lending ------------------------------------------------------------------------------------------------------

    def checkout(
        self,
        card: str,
        item_id: str,
        *,
        mode: ServiceMode = ServiceMode.TAKE_HOME,
        parts_seen: int | None = None,
        visit: str | None = None,
    ) -> Lent | Refused:
        """Lend an item to the reader behind a card, or refuse with every block that applies."""
        with self._act() as act:
            standing, copy = act.current.standing(card), act.current.copy(item_id, parts_seen)
            decided = decide_checkout(standing, copy, self.branch, mode, act.rules, act.now)
            if isinstance(decided, Refused) or copy.item is None:
                refused = decided if isinstance(decided, Refused) else Refused((block(Code.UNKNOWN_ITEM),))
                return act.refuse("checkout", refused, visit)
            loan = Loan(
                token=_token(),
                item_id=item_id,
                item_type=copy.item.type,
                patron_id=standing.patron_id,
                branch=self.branch,
                mode=mode,
                checked_out_at=act.now,
                due_at=decided.due_at,
            )
            entry = act.record(
                ev.CheckedOut(
                    item=item_id,
                    loan=loan.token,
                    item_type=loan.item_type,
                    branch=self.branch,
                    mode=mode.value,
                    due_at=to_ms(loan.due_at),
                    rules=act.rules_version,
                    category=standing.category,
                    visit=visit,
                    hold=decided.hold_id,
                    repair=_row_exists(act.connection, "repair", item_id),
                )
            )
            act.own(loan.token, standing.patron_id)
            title = act.current.title(copy.item.title_id)
            return Lent(entry, loan, copy.item, title, act.notices(decided.notices))

    def checkin(
        self, item_id: str, *, tag_to_secure: bool = False, parts_seen: int | None = None, visit: str | None = None
    ) -> TakenBack:
        """Take an item back; never refused.

        ``tag_to_secure``: the item's tag may be unsecured, so a repair row is written with the return and stays until
        :meth:`tag_secured`.
        """
        with self._act() as act:
            copy = act.current.copy(item_id, parts_seen)
            borrower = _borrower(act.current, copy.loan)
            decided = decide_checkin(copy, borrower, self.branch, act.rules, act.now)
            entry = act.record(
                ev.CheckedIn(
                    item=item_id,
                    branch=self.branch,
                    loan=decided.closes.token if decided.closes else None,
                    rules=act.rules_version,
                    late_days=decided.late_days,
                    put_aside=decided.put_aside.value if decided.put_aside else None,
                    repair=tag_to_secure,
                    visit=visit,
                )
            )
            fee = self._charge(act, decided)
            title = act.current.title(copy.item.title_id) if copy.item else None
            return TakenBack(
                entry=entry,
                item_id=item_id,
                item=copy.item,
                title=title,
                loan=decided.closes,
                late_days=decided.late_days,
                fee=fee,
                put_aside=decided.put_aside,
                notices=act.notices(decided.notices),
            )

    def renew(self, card: str, item_id: str, *, visit: str | None = None) -> Extended | Refused:
        """Let a reader keep an item longer, or refuse with every block that applies."""
        with self._act() as act:
            standing, copy = act.current.standing(card), act.current.copy(item_id)
            decided = decide_renew(standing, copy, self.branch, act.rules, act.now)
            if isinstance(decided, Refused):
                return act.refuse("renew", decided, visit)
            before = copy.loan
            if before is None:
                return act.refuse("renew", Refused((block(Code.NOT_ON_LOAN),)), visit)
            loan = replace(before, due_at=decided.due_at, renewals=before.renewals + 1)
            renewed = ev.Renewed(
                item=item_id,
                loan=loan.token,
                due_at=to_ms(loan.due_at),
                was_due_at=to_ms(before.due_at),
                renewals=loan.renewals,
                rules=act.rules_version,
                visit=visit,
            )
            if not act.current.said_here(item_id):
                renewed = replace(
                    renewed,
                    item_type=loan.item_type,
                    branch=loan.branch,
                    mode=loan.mode.value,
                    checked_out_at=to_ms(loan.checked_out_at),
                )
            entry = act.record(renewed)
            act.own(loan.token, loan.patron_id)
            title = act.current.title(copy.item.title_id) if copy.item else None
            return Extended(entry, loan, copy.item, title, act.notices(decided.notices))

    def undo(self, entry: int, *, tag_to_secure: bool = False) -> TakenBackAct | Refused:
        """Take back a checkout, checkin or renewal that is the last thing that happened to its item.

        ``tag_to_secure``: undoing a checkout whose tag may already be unsecured leaves a repair row for it.
        """
        with self._act() as act:
            event = self._event(act, entry)
            if not isinstance(event, ev.CheckedOut | ev.CheckedIn | ev.Renewed):
                return act.refuse("undo", Refused((block(Code.UNKNOWN_ENTRY, number=entry),)))
            last = act.connection.execute(
                sa.select(tables.custody.c.seq).where(tables.custody.c.item_id == event.item)
            ).scalar()
            if last != entry:
                return act.refuse("undo", Refused((block(Code.NOT_THE_LATEST),)))
            match event:
                case ev.CheckedOut():
                    repair = tag_to_secure or event.repair
                    undone = ev.Undone(entry, "checkout", event.item, event.loan, repair=repair)
                case ev.CheckedIn():
                    here = event.loan is not None and _row_exists(act.connection, "loan", event.loan)
                    undone = ev.Undone(entry, "checkin", event.item, event.loan, here=here)
                    self._uncharge(act, event.loan, entry)
                case _:
                    undone = ev.Undone(
                        entry, "renew", event.item, event.loan, due_at=event.was_due_at, renewals=event.renewals - 1
                    )
            return TakenBackAct(act.record(undone), undone.act, event.item)

    def use_on_site(self, item_id: str, *, visit: str | None = None) -> Recorded:
        """Count an item that was read in the house; its tag stays secured."""
        with self._act() as act:
            return Recorded(act.record(ev.UsedOnSite(item_id, self.branch, visit)))

    # --- money --------------------------------------------------------------------------------------------------------

    def pay(self, fee_id: str, amount: int | None = None) -> Fee | Refused:
        """Take money for a fee: all that is owed, or a part. Answers the fee as it stands then."""
        return self._settle(fee_id, amount, "pay", "")

    def waive(self, fee_id: str, amount: int | None = None, *, reason: str = "") -> Fee | Refused:
        """Forgive a fee, all of it or a part, with the reason of whoever does so."""
        return self._settle(fee_id, amount, "waive", reason)

    def _settle(self, fee_id: str, amount: int | None, act_name: str, reason: str) -> Fee | Refused:
        with self._act() as act:
            found = act.current.fee(fee_id)
            if found is None or not found[0].outstanding:
                return act.refuse(act_name, Refused((block(Code.UNKNOWN_FEE, number=fee_id),)))
            fee, here = found
            amount = fee.outstanding if amount is None else amount
            if not 0 < amount <= fee.outstanding:
                return act.refuse(act_name, Refused((block(Code.WRONG_AMOUNT, amount=fee.outstanding),)))
            settled = ev.FeePaid(fee_id, amount) if act_name == "pay" else ev.FeeWaived(fee_id, amount, reason)
            act.settle(settled, fee, here=here)
            now = act.current.fee(fee_id)
            return now[0] if now else fee

    def _charge(self, act: _Act, decided: Checkin) -> Fee | None:
        if not decided.fee or decided.closes is None:
            return None
        fee = Fee(_token(), FeeKind.OVERDUE, decided.fee, act.now, decided.closes.token, decided.closes.patron_id)
        act.record(ev.FeeCharged(fee.fee_id, decided.closes.token, fee.kind.value, fee.amount, act.rules_version))
        act.own(decided.closes.token, decided.closes.patron_id)
        return fee

    def _uncharge(self, act: _Act, loan: str | None, entry: int) -> None:
        """Forgive what an undone return had charged: the fee of that loan written right behind it."""
        charged = self._event(act, entry + 1)
        if isinstance(charged, ev.FeeCharged) and charged.loan == loan:
            found = act.current.fee(charged.fee)
            if found is not None and found[0].outstanding:
                fee, here = found
                act.settle(ev.FeeWaived(fee.fee_id, fee.outstanding, "undone"), fee, here=here)

    # --- tags ---------------------------------------------------------------------------------------------------------

    def tag_secured(self, item_id: str) -> Recorded:
        """A tag that waited for repair has been armed and verified."""
        with self._act() as act:
            return Recorded(act.record(ev.TagSecured(item_id)))

    def repair_needed(self, item_id: str, reason: str) -> Recorded:
        """A tag was found that may be unsecured although nobody has the item."""
        with self._act() as act:
            return Recorded(act.record(ev.RepairNeeded(item_id, reason)))

    # --- devices ------------------------------------------------------------------------------------------------------

    def device_fault(self, device: str, code: str) -> Recorded:
        """A device of the station can no longer be used."""
        with self._act() as act:
            return Recorded(act.record(ev.DeviceFault(device, code)))

    def device_well(self, device: str) -> Recorded:
        """A device can be used again."""
        with self._act() as act:
            return Recorded(act.record(ev.DeviceWell(device)))

    # --- privacy ------------------------------------------------------------------------------------------------------

    def forget(self, patron_id: str) -> Recorded | Refused:
        """Cut a reader from every loan and fee of this ledger; refused while anything is out or owed.

        No byte of the ledger's files names the reader afterwards. While somebody else looks at the state before, the
        log still does, until the ledger is opened next or somebody else is forgotten. What the reference knows of the
        reader is deleted by ``Reference.forget_patron``, which owns that file.
        """
        with self._act() as act:
            standing = act.current.standing(patron_id)
            blocks = []
            if standing.loans:
                blocks.append(block(Code.STILL_HAS_LOANS, count=len(standing.loans)))
            if standing.owed:
                blocks.append(block(Code.STILL_OWES, amount=standing.owed))
            if blocks:
                return act.refuse("forget", Refused(tuple(blocks)))
            numbers = act.current.numbers_of(standing.patron_id)
            cut = _keep_only(act.connection, tables.identity.c.patron_id.not_in(numbers))
            entry = act.record(ev.PatronForgotten(cut))
        self._file.checkpoint()
        return Recorded(entry)

    def forget_returned(self, before: datetime) -> int:
        """Cut every loan returned before an instant, and settled, from its reader; answers how many."""
        with self._act() as act:
            cut = _keep_only(act.connection, tables.identity.c.token.in_(act.current.tokens_in_use(before)))
            if cut:
                act.record(ev.PatronForgotten(cut))
        self._file.checkpoint()
        return cut

    # --- trust --------------------------------------------------------------------------------------------------------

    def confirm_clock(self) -> Moment:
        """A person has looked: from now on the machine's clock is right, even if events from "later" stand before.

        Answers the time that holds now. Where it is not ``trusted``, the clock says what no clock can, and nobody's
        word makes that right.
        """
        with self._act() as act:
            confirmed = settle(act.moment.reading, None)
            if confirmed.trusted:
                act.moment = confirmed
                act.record(ev.ClockConfirmed())
            else:
                act.refuse("confirm_clock", Refused((block(Code.CLOCK_DOUBTED),)))
            return act.moment

    # --- headquarters -------------------------------------------------------------------------------------------------

    def acknowledge(self, number: int, answer: str, *, logged: int, safe: int) -> bool:
        """Note what headquarters says that it has; answers whether this word is newer than the last.

        ``number`` orders its words. ``logged`` may fall, when headquarters itself had to go back to a backup; ``safe``
        never does. Neither is believed beyond the last event. Raises ``StoreError`` when it has not been written.
        """
        with self._file.begin() as connection:
            before = connection.execute(sa.select(tables.acknowledged)).first()
            if before is not None and number <= before.number:
                return False
            head = self._read_head(connection)
            logged = min(logged, head.seq)
            safe = max(min(safe, logged), before.safe if before is not None else 0)
            row = {"number": number, "answer": answer, "logged": logged, "safe": safe}
            row["heard_at"] = to_ms(settle(self._clock(), head.anchor).at)
            connection.execute(_upsert(tables.acknowledged, "station"), {"station": self.station, **row})
        return True

    def compare_clock(self, offset_ms: int, spread_ms: int) -> Recorded | None:
        """Note how far headquarters' clock is ahead of this one, where that is news; ``spread_ms`` is the doubt in it.

        News is an offset beyond what networks and people make (:data:`sync.circulation.clock.TOLERANCE`) that this run
        of the machine has not noted yet.
        """
        with self._act() as act:
            noted = self._noted_offset(act.connection, act.moment.reading.boot)
            tolerance = TOLERANCE // timedelta(milliseconds=1)
            if abs(offset_ms - noted) <= max(tolerance, spread_ms):
                return None
            return Recorded(act.record(ev.ClockCompared(offset_ms, spread_ms)))

    def begin_epoch(self, station: str, epoch: int, *, after: int, common: int) -> int:
        """Go on under the name and epoch that an enrolment has given; answers how many events wait to be sent.

        ``after`` is the last number that headquarters has of this station, in whatever epoch; ``common`` the last one
        that both sides have alike (0 for a station that headquarters has never heard of). What was written here since
        then is kept: it takes the numbers behind ``after`` and is chained anew, which falsifies nothing because nobody
        has seen it yet. Raises ``StoreError`` when events behind ``common`` have been pruned.
        """
        with self._file.begin() as connection:
            horizon = connection.execute(sa.select(tables.horizon.c.seq)).scalar() or 0
            if horizon > common:
                raise StoreError(
                    Phrase(
                        "Sổ này đã xóa bớt sự kiện cũ của một trụ sở khác. Hãy đăng ký trạm với trụ sở ấy, hoặc bắt đầu"
                        " với một thư mục mới.",
                        "Old events of another headquarters have been pruned from this ledger. Enrol the station with "
                        "that one, or begin with a new folder.",
                    )
                )
            waiting = _chain_anew(connection, genesis(station, epoch), after, common, self._decoded)
            connection.execute(sa.delete(tables.epoch).where(tables.epoch.c.after >= common))
            connection.execute(sa.insert(tables.epoch), {"epoch": epoch, "after": after})
            connection.execute(sa.delete(tables.station))
            connection.execute(sa.insert(tables.station), {"station": station, "epoch": epoch})
            if station != self.station:
                connection.execute(sa.delete(tables.acknowledged))
                connection.execute(sa.delete(tables.horizon))
        self.station, self.epoch, self._head = station, epoch, None
        return waiting

    def prune(self, before: datetime) -> int:
        """Delete the events from before an instant that headquarters holds safe and the reference contains.

        What they added up to and still matters (open visits, tags to secure, rows that later events touched) is kept as
        the base from which the ledger is verified; the rest is the reference's to tell. Identities of loans that are no
        longer here go too. Answers how many events went; the last one always stays, and so do those beyond what can go
        while a visit may begin.
        """
        with self._file.begin() as connection:
            current, head = Current(connection, self.station), self._read_head(connection)
            safe = connection.execute(sa.select(tables.acknowledged.c.safe)).scalar() or 0
            first = connection.execute(sa.select(sa.func.min(tables.event.c.seq))).scalar() or 0
            until = connection.execute(
                sa.select(sa.func.max(tables.event.c.seq)).where(
                    tables.event.c.seq <= min(safe, current.mark, head.seq - 1, first + _PRUNED_AT_ONCE),
                    tables.event.c.at < to_ms(before),
                )
            ).scalar()
            if until is None:
                return 0
            last = connection.execute(sa.select(tables.event.c.hash).where(tables.event.c.seq == until)).scalar_one()
            _fold_into_base(connection, until, self._decoded)
            horizon = {"station": self.station, "seq": until, "hash": last}
            connection.execute(_upsert(tables.horizon, "station"), horizon)
            pruned = connection.execute(sa.delete(tables.event).where(tables.event.c.seq <= until)).rowcount
            held = sa.union(sa.select(tables.loan.c.token), sa.select(tables.fee.c.token))
            _keep_only(connection, tables.identity.c.token.in_(held))
        self._head = None
        self._file.checkpoint()
        return pruned

    # --- the machinery ------------------------------------------------------------------------------------------------

    @contextmanager
    def _act(self) -> Iterator[_Act]:
        """One act: committed when the block ends, undone when it raises."""
        head, self._head = self._head, None
        with self._file.begin() as connection:
            current = Current(connection, self.station)
            version, rules = self._rule_set(current)
            act = _Act(connection, current, rules, version, head or self._read_head(connection))
            act.moment, act.actor = settle(self._clock(), act.head.anchor), self.actor
            yield act
        self._head = act.head

    def _event(self, act: _Act, seq: int) -> ev.Event | None:
        if not 0 < seq <= act.head.seq:
            return None
        record = act.connection.execute(_EVENT_AT, {"seq": seq}).scalar()
        return None if record is None else self._decoded(record).event  # pruned, or another epoch's

    def _noted_offset(self, connection: sa.Connection, boot: str) -> int:
        """The offset that this run of the machine noted last; nought where it noted none."""
        record = connection.execute(_COMPARED_LAST).scalar()
        entry = None if record is None else self._decoded(record)
        if entry is None or entry.boot != boot or not isinstance(entry.event, ev.ClockCompared):
            return 0
        return entry.event.offset_ms


def _chain_anew(
    connection: sa.Connection, previous: bytes, after: int, common: int, decoded: Callable[[bytes], ev.Entry]
) -> int:
    """Give the events behind ``common`` the numbers behind ``after`` and links from a new genesis."""
    shift = after - common
    rows = connection.execute(_EVENTS_AFTER, {"after": common}).all()
    renumbered = []
    for row in rows:
        entry = decoded(row.record)
        event = entry.event
        if isinstance(event, ev.Undone) and event.of > common:
            event = replace(event, of=event.of + shift)
        record = ev.encode(replace(entry, seq=entry.seq + shift, event=event)) if shift else row.record.decode()
        previous = link(previous, record)
        renumbered.append({"seq": entry.seq + shift, "record": record, "hash": previous})
    # The triggers say that an event is never changed. None of these has left the station, and they come back in this
    # very transaction.
    triggers = connection.execute(_TRIGGERS).all()
    for trigger in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{trigger.name}"')
    connection.execute(sa.delete(tables.event).where(tables.event.c.seq > common))
    if renumbered:
        connection.execute(_INSERT_EVENT, renumbered)
    for trigger in triggers:
        connection.exec_driver_sql(trigger.sql)
    if shift:
        for table in PROJECTED.values():
            connection.execute(sa.update(table).where(table.c.seq > common).values(seq=table.c.seq + shift))
    return len(renumbered)


def _fold_into_base(connection: sa.Connection, until: int, decoded: Callable[[bytes], ev.Entry]) -> None:
    """Rewrite the base so that the events up to a number are no longer needed, and drop the rows it makes idle."""
    replay = replay_of_base(connection)
    for row in connection.execution_options(yield_per=1000).execute(_EVENTS_UNTIL, {"until": until}):
        replay.apply(decoded(row.record))
    connection.execute(sa.delete(tables.base))
    for name, table in PROJECTED.items():
        idle = table.c.seq <= until
        if name == "repair":
            idle = sa.false()
        elif name == "visit":
            idle = idle & table.c.closed_at.is_not(None)
        connection.execute(sa.delete(table).where(idle))
        left = set(connection.execute(sa.select(table.c[KEYS[name]])).scalars())
        rows = [
            {"table": name, "key": key, "row": json.dumps(row, ensure_ascii=False)}
            for key, row in replay.tables[name].items()
            if key in left
        ]
        if rows:
            connection.execute(sa.insert(tables.base), rows)


def _claim(connection: sa.Connection, station: str, epoch: int) -> None:
    """A ledger belongs to one station and epoch for ever; a new one is claimed."""
    row = connection.execute(sa.select(tables.station)).first()
    if row is None:
        connection.execute(sa.insert(tables.station), {"station": station, "epoch": epoch})
        connection.execute(sa.insert(tables.epoch), {"epoch": epoch, "after": 0})
    elif (row.station, row.epoch) != (station, epoch):
        raise StoreError(
            Phrase(
                f"Sổ này của trạm {row.station} (kỳ {row.epoch}), không phải của {station} (kỳ {epoch}). "
                "Hãy dùng đúng thư mục của trạm.",
                f"This ledger belongs to station {row.station} (epoch {row.epoch}), not to {station} (epoch {epoch}). "
                "Use the station's own folder.",
            )
        )


def _refuse_older(connection: sa.Connection, station: str, path: Path) -> None:
    """A ledger that ends before the watermark of the reference is an older copy of itself."""
    last = connection.execute(sa.select(sa.func.max(tables.event.c.seq))).scalar() or 0
    begins = connection.execute(sa.select(sa.func.max(tables.epoch.c.after))).scalar() or 0
    if max(last, begins) < Current(connection, station).mark:
        raise OlderLedger(path)


def _borrower(current: Current, loan: Loan | None) -> Patron | None:
    return current.patron(loan.patron_id) if loan is not None and loan.patron_id is not None else None


def _keep_only(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> int:
    """Leave no identity but those wanted, and no trace of the others; answers how many went."""
    identity = tables.identity
    columns = ["token", "patron_id"]
    _KEPT.create(connection)
    connection.execute(sa.insert(_KEPT).from_select(columns, sa.select(identity).where(wanted)))
    before = connection.execute(sa.delete(identity)).rowcount
    kept = sa.select(_KEPT).order_by(_KEPT.c.token)
    after = connection.execute(sa.insert(identity).from_select(columns, kept)).rowcount
    _KEPT.drop(connection)
    return before - after


def _row_exists(connection: sa.Connection, table: str, key: str) -> bool:
    column = PROJECTED[table].c[KEYS[table]]
    return connection.execute(sa.select(column).where(column == key)).first() is not None


def _write(connection: sa.Connection, change: Change) -> None:
    table, key = PROJECTED[change.table], KEYS[change.table]
    match change:
        case Put():
            connection.execute(_UPSERTS[change.table], {key: change.key, **change.row})
        case Drop():
            connection.execute(_DROPS[change.table], {"key": change.key})
        case _:
            column = table.c[key]
            added = {name: table.c[name] + amount for name, amount in change.add.items()}
            connection.execute(sa.update(table).where(column == change.key).values({**change.row, **added}))


def _token() -> str:
    return secrets.token_hex(8)
