"""What can be seen of a station: patrons, items, accounts, events, and whether it all adds up. Writes nothing.

A :class:`LedgerView` looks either through the ledger's own connection (``Ledger`` is one) or through connections opened
``mode=ro`` beside a running station, and answers the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

import sqlalchemy as sa

from config.loader import Problems, build
from config.phrase import Phrase
from sync.circulation import events as ev
from sync.circulation.acts import Account, AccountLoan
from sync.circulation.blocks import Block
from sync.circulation.chain import genesis, link
from sync.circulation.clock import Anchor, Moment, Reading, settle
from sync.circulation.decisions import decide_card, decide_renew
from sync.circulation.events import from_ms
from sync.circulation.model import Item, Loan, Patron, Title
from sync.circulation.projection import KEYS, Replay
from sync.circulation.rules import Rules
from sync.store import tables
from sync.store.current import Current
from sync.store.errors import DatabaseDamaged, NoDatabase, StoreError
from sync.store.files import read_only
from sync.store.search import Catalogue, SearchPage

__all__ = [
    "Account",
    "AccountLoan",
    "Acknowledged",
    "Clock",
    "Found",
    "Head",
    "LedgerView",
    "Outgoing",
    "Outstanding",
    "Repair",
    "Verification",
    "Written",
]

Clock = Callable[[], Reading]

#: The ledger's tables that its events add up to (``identity`` is no part of the events).
PROJECTED: dict[str, sa.Table] = {
    "loan": tables.loan,
    "custody": tables.custody,
    "fee": tables.fee,
    "visit": tables.visit,
    "repair": tables.repair,
}

# Records are read as bytes: on a failing disk they may be no text any more, and that is to be found, not stumbled over.
_EVENTS = sa.select(
    tables.event.c.seq, sa.cast(tables.event.c.record, sa.LargeBinary).label("record"), tables.event.c.hash
).order_by(tables.event.c.seq)
_NEXT_EVENTS = _EVENTS.where(tables.event.c.seq > sa.bindparam("after")).limit(1000)
_UNSENT = sa.select(sa.func.count(), sa.func.min(tables.event.c.at)).where(
    tables.event.c.seq > sa.func.coalesce(sa.select(tables.acknowledged.c.logged).scalar_subquery(), 0)
)
_EPOCH_BEGINS = sa.select(tables.epoch.c.after).where(tables.epoch.c.epoch == sa.bindparam("epoch"))
_CURSOR = sa.text("SELECT cursor FROM ref.feed WHERE headquarters = :headquarters")
_HASH_AT = sa.select(tables.event.c.hash).where(tables.event.c.seq == sa.bindparam("seq"))
_HASHES_BEHIND = (
    sa.select(tables.event.c.hash)
    .where(tables.event.c.seq > sa.bindparam("after"))
    .order_by(tables.event.c.seq)
    .limit(sa.bindparam("limit"))
)
_OUTGOING = (
    sa.select(tables.event.c.seq, tables.event.c.record, tables.event.c.hash)
    .where(tables.event.c.seq > sa.bindparam("after"))
    .order_by(tables.event.c.seq)
    .limit(sa.bindparam("limit"))
)
_OWNERS = sa.select(tables.identity.c.token, tables.identity.c.patron_id).where(
    tables.identity.c.token.in_(sa.bindparam("tokens", expanding=True))
)
_LAST_EVENT = _EVENTS.order_by(None).order_by(tables.event.c.seq.desc()).limit(1)


class Readable(Protocol):
    """A pair of files that can be read in a transaction of one consistent instant. ``path`` is the ledger's."""

    path: Path

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection on the ledger with the reference attached as ``ref``."""

    def close(self) -> None:
        """Let go of the files."""


@dataclass(frozen=True, slots=True)
class CardStanding:
    """Whose a card is, what stands in the way whatever the item, and the reader's PIN as argon2id's hash."""

    patron: Patron | None
    blocks: tuple[Block, ...]
    pin_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Titles found for some words, and who has which of their items (by item number; on the shelf where absent)."""

    page: SearchPage
    loans: dict[str, Loan]


@dataclass(frozen=True, slots=True)
class Repair:
    """A tag that may be unsecured although nobody has the item: to be armed and verified."""

    item_id: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What :meth:`LedgerView.verify` found: ``problems`` is empty when the chain holds and tables equal the replay."""

    events: int
    head: bytes
    problems: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The last word of headquarters: it has every event up to ``logged``, and a backup of those up to ``safe``.

    ``number`` orders such words, ``answer`` is what it said, ``heard_at`` when, by this station's clock.
    """

    number: int
    answer: str
    logged: int
    safe: int
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Events to be sent: their stored lines, the hashes before the first and after the last, and whose tokens are.

    ``identities`` is patron by token, for the tokens that these events give to somebody and that are still known.
    """

    first: int
    last: int
    previous: bytes
    head: bytes
    records: tuple[str, ...]
    identities: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """The last event: its number, its hash, and the time it was written.

    Without an event (``anchor`` is ``None``) the number is the one that the epoch begins after, and the hash its
    genesis.
    """

    seq: int
    hash: bytes
    anchor: Anchor | None


@dataclass(frozen=True, slots=True)
class Outstanding:
    """How a station stands towards headquarters: its last event, the number behind which nothing is logged there, how
    many events that leaves, the last change it was told, and the time."""

    head: Head
    after: int
    unsent: int
    cursor: int
    moment: Moment


@dataclass(frozen=True, slots=True)
class Links:
    """Where the chain of a ledger does not follow from the event before: at the beginning of epochs, behind what was
    pruned. ``horizon`` is the number and hash of the last pruned event, or nought and the first genesis.
    """

    station: str
    horizon: tuple[int, bytes]
    begins: dict[int, int]

    @classmethod
    def read(cls, connection: sa.Connection, station: str) -> Self:
        """The links of an open ledger."""
        begins = {row.after: row.epoch for row in connection.execute(sa.select(tables.epoch))}
        pruned = connection.execute(sa.select(tables.horizon)).first()
        first = genesis(station, begins.get(0, 1))
        return cls(station, (pruned.seq, pruned.hash) if pruned else (0, first), begins)

    def genesis_behind(self, seq: int) -> bytes | None:
        """The hash with which an epoch begins behind a number; ``None`` where none does."""
        return genesis(self.station, self.begins[seq]) if seq in self.begins else None

    def hash_at(self, connection: sa.Connection, seq: int) -> bytes | None:
        """The hash that the event behind a number is linked to; ``None`` for what was pruned or never written."""
        found = self.genesis_behind(seq) or connection.execute(_HASH_AT, {"seq": seq}).scalar()
        return self.horizon[1] if found is None and seq == self.horizon[0] else found

    @property
    def last_epoch_begins(self) -> int:
        """The number behind which the epoch of today begins."""
        return max(self.begins, default=0)


def replay_of_base(connection: sa.Connection) -> Replay:
    """A replay that begins with what pruned events have left."""
    replay = Replay()
    for row in connection.execute(sa.select(tables.base)):
        replay.put(row.table, row.key, json.loads(row.row))
    return replay


class LedgerView:
    """A station's two files to look at. A context manager; owned by one thread.

    Raises :class:`~sync.store.errors.StoreError` when a file cannot be read.
    """

    def __init__(self, file: Readable, station: str, epoch: int, branch: str, clock: Clock) -> None:
        self._readable = file
        self._clock = clock
        self._rules: tuple[str, Rules] = ("", Rules())
        self.station, self.epoch, self.branch = station, epoch, branch

    @classmethod
    def open(cls, home: Path, *, station: str, epoch: int, branch: str, clock: Clock) -> Self:
        """Look at a station's folder, beside whoever owns it; nothing is created or changed."""
        return cls(read_only(home), station, epoch, branch, clock)

    def close(self) -> None:
        """Let go of the files."""
        self._readable.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def find_patron(self, number: str) -> Patron | None:
        """The reader behind a card number or patron number."""
        with self._reading() as current:
            return current.patron(number)

    def card(self, number: str) -> CardStanding:
        """Who stands behind a card, and what of her own stands in the way of borrowing anything here and now."""
        with self._readable.read() as connection:
            current = Current(connection, self.station)
            standing = current.standing(number)
            blocks = decide_card(standing, self.branch, self._rule_set(current)[1], self._moment(connection).at)
            pin_hash = current.pin_hash(standing.patron.patron_id) if standing.patron else None
            return CardStanding(standing.patron, blocks, pin_hash)

    def unsent(self) -> tuple[int, datetime | None]:
        """How many events headquarters has not acknowledged, and when the oldest of them was."""
        with self._readable.read() as connection:
            count, oldest = connection.execute(_UNSENT).one()
            return count, None if oldest is None else from_ms(oldest)

    def acknowledged(self) -> Acknowledged | None:
        """What headquarters last said that it has; ``None`` before its first word."""
        with self._readable.read() as connection:
            row = connection.execute(sa.select(tables.acknowledged)).first()
            if row is None:
                return None
            return Acknowledged(row.number, row.answer, row.logged, row.safe, from_ms(row.heard_at))

    def standing_towards(self, headquarters: str) -> Outstanding:
        """What there is to say to a headquarters, all as of one instant."""
        with self._readable.read() as connection:
            head, links = self._read_head(connection), Links.read(connection, self.station)
            logged = connection.execute(sa.select(tables.acknowledged.c.logged)).scalar() or 0
            cursor = connection.execute(_CURSOR, {"headquarters": headquarters}).scalar() or 0
            after = max(logged, links.last_epoch_begins)
            # Numbers are dense, so nothing has to be counted: a station of months without a network asks this at every
            # batch. What was pruned is not here to be sent.
            unsent = max(0, head.seq - max(after, links.horizon[0]))
            return Outstanding(head, after, unsent, cursor, self._moment(connection))

    def head(self) -> Head:
        """The last event."""
        with self._readable.read() as connection:
            return self._read_head(connection)

    def is_ours(self, seq: int, head: bytes) -> bool:
        """Whether a history whose chain stands at ``head`` after event ``seq`` is this ledger's own.

        What the ledger no longer goes back to counts as its own.
        """
        with self._readable.read() as connection:
            links = Links.read(connection, self.station)
            return seq < links.horizon[0] or links.hash_at(connection, seq) == head

    def outgoing(self, after: int, *, limit: int = 500, size: int = 256_000) -> Outgoing | None:
        """The events behind a number, at most so many and so many bytes (one at least); ``None`` where there is none.

        Raises :class:`~sync.store.errors.StoreError` for a number of an earlier epoch or of pruned events.
        """
        with self._readable.read() as connection:
            links = Links.read(connection, self.station)
            previous = links.hash_at(connection, after)
            if previous is None or after < links.last_epoch_begins:
                raise StoreError(
                    Phrase(
                        f"Sổ không còn sự kiện sau số {after} mà trụ sở hỏi. Hãy đăng ký lại trạm với trụ sở.",
                        f"The ledger no longer has the events after number {after} that headquarters asks for. "
                        "Enrol the station with headquarters again.",
                    )
                )
            records: list[str] = []
            last, head, room = after, previous, size
            for seq, record, hash_ in connection.execute(_OUTGOING, {"after": after, "limit": limit}):
                room -= len(record.encode()) + 1
                if records and room < 0:
                    break
                records.append(record)
                last, head = seq, hash_
            if not records:
                return None
            tokens = sorted({token for record in records for token in ev.tokens(record)})
            owners: dict[str, str] = {}
            for at in range(0, len(tokens), 500):
                found = connection.execute(_OWNERS, {"tokens": tokens[at : at + 500]})
                owners.update((token, patron_id) for token, patron_id in found)
            return Outgoing(after + 1, last, previous, head, tuple(records), owners)

    def find_item(self, item_id: str) -> tuple[Item, Title | None, Loan | None] | None:
        """A copy with its title and its open loan; ``None`` when the catalogue does not know it."""
        with self._reading() as current:
            item = current.item(item_id)
            return None if item is None else (item, current.title(item.title_id), current.loan_of(item_id))

    def item_of_tag(self, uid: bytes) -> str | None:
        """The number of the item that a chip is in by the list of UIDs; ``None`` for one that is not on it."""
        with self._reading() as current:
            return current.item_of_tag(uid.hex().upper())

    def search(self, words: str, *, limit: int = 20, offset: int = 0) -> Found:
        """Titles for some words, best first, and which of their items are out."""
        with self._readable.read() as connection:
            page = Catalogue(connection, schema="ref").search(words, limit=limit, offset=offset)
            items = [item.item_id for hit in page.hits for item in hit.items]
            return Found(page, Current(connection, self.station).loans_on(items))

    def account(self, card: str) -> Account:
        """A reader's loans (each with whether it could be renewed now), holds and open fees."""
        with self._readable.read() as connection:
            current = Current(connection, self.station)
            rules, now = self._rule_set(current)[1], self._moment(connection).at
            standing = current.standing(card)
            lines = []
            for loan in standing.loans:
                copy = current.copy(loan.item_id)
                title = current.title(copy.item.title_id) if copy.item else None
                lines.append(AccountLoan(loan, copy.item, title, decide_renew(standing, copy, self.branch, rules, now)))
            holds = tuple((hold, current.title(hold.title_id)) for hold in current.holds_of(standing.patron_id))
            return Account(card, standing.patron, tuple(lines), holds, current.fees_of(standing.patron_id), now)

    def rules_version(self) -> str | None:
        """The version of the rule-set in force, ``None`` where none has been given."""
        with self._reading() as current:
            return current.rules_version()

    def rules(self) -> Rules:
        """The rule-set in force; the product's defaults and no open day where none has been given."""
        with self._reading() as current:
            return self._rule_set(current)[1]

    def now(self) -> Moment:
        """The time that an act would be decided by at this instant, and whether the clock is trusted."""
        with self._readable.read() as connection:
            return self._moment(connection)

    def pending_repairs(self) -> tuple[Repair, ...]:
        """Tags waiting to be secured, oldest first."""
        with self._readable.read() as connection:
            rows = connection.execute(sa.select(tables.repair).order_by(tables.repair.c.since, tables.repair.c.item_id))
            return tuple(Repair(row.item_id, from_ms(row.since), row.reason) for row in rows)

    def entries(self, after: int = 0) -> Iterator[ev.Entry]:
        """The events after a number, in order, with those that are written while the first are being read."""
        while True:
            with self._readable.read() as connection:
                rows = connection.execute(_NEXT_EVENTS, {"after": after}).all()
            if not rows:
                return
            for row in rows:
                yield self._decoded(row.record)
            after = rows[-1].seq

    def verify(self) -> Verification:
        """Check the whole chain, and that the tables are what the events add up to."""
        problems: list[Phrase] = []
        with self._readable.read() as connection:
            replay = replay_of_base(connection)
            links = Links.read(connection, self.station)
            seq, expected = links.horizon
            for row in connection.execution_options(yield_per=1000).execute(_EVENTS):
                if (begun := links.genesis_behind(row.seq - 1)) is not None:
                    seq, expected = row.seq - 1, begun
                seq += 1
                # What is not UTF-8 was not written here, and no hash fits what is put in its place.
                record = row.record.decode(errors="replace")
                expected = link(expected, record)
                if row.seq != seq or row.hash != expected:
                    problems.append(
                        Phrase(f"Chuỗi sự kiện bị đứt ở số {seq}.", f"The chain of events is broken at number {seq}.")
                    )
                    return Verification(seq, row.hash, tuple(problems))
                try:
                    entry = ev.decode(record)
                except ev.EventError:
                    problems.append(Phrase(f"Sự kiện số {seq} không đọc được.", f"Event {seq} cannot be read."))
                    continue
                if entry.seq != seq:
                    problems.append(Phrase(f"Sự kiện số {seq} mang số khác.", f"Event {seq} carries another number."))
                replay.apply(entry)
            for name, table in PROJECTED.items():
                if _rows(connection, table) != replay.tables[name]:
                    problems.append(
                        Phrase(
                            f"Bảng '{name}' không khớp với các sự kiện.",
                            f"The table '{name}' disagrees with the events.",
                        )
                    )
        return Verification(seq, expected, tuple(problems))

    @contextmanager
    def _reading(self) -> Iterator[Current]:
        with self._readable.read() as connection:
            yield Current(connection, self.station)

    def _moment(self, connection: sa.Connection) -> Moment:
        return settle(self._clock(), self._read_head(connection).anchor)

    def _rule_set(self, current: Current) -> tuple[str, Rules]:
        version = current.rules_version() or ""
        if version != self._rules[0]:
            self._rules = (version, _parse_rules(current.rules_body(version)) if version else Rules())
        return self._rules

    def _read_head(self, connection: sa.Connection) -> Head:
        row = connection.execute(_LAST_EVENT).first()
        entry = None if row is None else self._decoded(row.record)
        anchor = None if entry is None else Anchor(entry.at, entry.uptime_ms, entry.boot)
        begins = connection.execute(_EPOCH_BEGINS, {"epoch": self.epoch}).scalar() or 0
        if row is None or row.seq <= begins:
            return Head(begins, genesis(self.station, self.epoch), anchor)
        return Head(row.seq, row.hash, anchor)

    def _decoded(self, record: bytes) -> ev.Entry:
        try:
            return ev.decode(record.decode())
        except (UnicodeDecodeError, ev.EventError) as error:
            raise DatabaseDamaged(self._readable.path) from error


@dataclass(frozen=True, slots=True)
class Written:
    """What a ledger goes by, and the hashes of its events behind ``after``: up to there headquarters has them, or they
    are of an earlier epoch or pruned."""

    station: str
    epoch: int
    after: int
    hashes: tuple[bytes, ...] = field(repr=False)


def written(home: Path, *, most: int) -> Written | None:
    """What the ledger in a station's folder goes by, whatever the settings say, with ``most`` hashes; ``None`` where
    there is no ledger. Raises :class:`~sync.store.errors.StoreError`.
    """
    try:
        reader = read_only(home)
    except NoDatabase:
        return None
    with reader, reader.read() as connection:
        claimed = connection.execute(sa.select(tables.station)).first()
        if claimed is None:
            return None
        links = Links.read(connection, claimed.station)
        logged = connection.execute(sa.select(tables.acknowledged.c.logged)).scalar() or 0
        after = max(logged, links.last_epoch_begins, links.horizon[0])
        hashes = connection.execute(_HASHES_BEHIND, {"after": after, "limit": most}).scalars()
        return Written(claimed.station, claimed.epoch, after, tuple(hashes))


def told_rules(home: Path) -> tuple[str, Rules] | None:
    """Version and content of the rule-set in a station's reference; ``None`` where there is none yet.

    Raises :class:`~sync.store.errors.StoreError`.
    """
    try:
        reader = read_only(home)
    except NoDatabase:
        return None
    with reader, reader.read() as connection:
        current = Current(connection, "")
        version = current.rules_version()
        return None if version is None else (version, _parse_rules(current.rules_body(version)))


def told_tags(home: Path, uids: Collection[bytes]) -> dict[bytes, str]:
    """The item numbers of those of the chips that are on the list of UIDs in a station's reference.

    Empty where there is no station yet. Raises :class:`~sync.store.errors.StoreError`.
    """
    try:
        reader = read_only(home)
    except NoDatabase:
        return {}
    with reader, reader.read() as connection:
        current = Current(connection, "")
        found = {uid: current.item_of_tag(uid.hex().upper()) for uid in uids}
        return {uid: item_id for uid, item_id in found.items() if item_id is not None}


def _parse_rules(body: str) -> Rules:
    try:
        built = build(Rules, json.loads(body))
    except ValueError:
        built = Problems(())
    if isinstance(built, Problems):
        raise StoreError(
            Phrase(
                "Bộ quy tắc lưu trong máy không đọc được. Hãy nhập lại quy tắc.",
                "The rule-set stored here cannot be read. Import the rules again.",
            )
        )
    return built.value


def _rows(connection: sa.Connection, table: sa.Table) -> dict[str, dict[str, object]]:
    key = KEYS[table.name]
    return {
        row[key]: {name: value for name, value in row.items() if name != key}
        for row in connection.execute(sa.select(table)).mappings()
    }
