"""Headquarters' own log: what staff there decide, as events like any station's.

They are canonical, numbered and chained, stand in ``batch`` under a station that is headquarters itself (``OWN``), and
are applied like all others. So a decision is found again by every replay, and an event that comes in late from a
station meets it whenever it arrives. Nobody signs them: they never travel.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.database import lock_projections
from sync.central.log import OWN
from sync.circulation import events as ev
from sync.circulation.chain import genesis, link
from sync.exchange import envelope
from sync.exchange.batch import BatchHeader
from sync.exchange.keys import Pins

_EPOCH = 1


def record(connection: sa.Connection, acts: Sequence[ev.Event], *, actor: str, now: int) -> None:
    """Write events into headquarters' own log, together or not at all. ``actor`` is a desk or an account, no name.

    They count from the next application on. Its clock is the one that all others are compared with, so it has no boots
    and no doubts.
    """
    if not acts:
        return
    station = _own_row(connection, now)
    at = max(now, _last_at(connection, station.id))
    lines, head = [], station.head
    for seq, act in enumerate(acts, start=station.seq + 1):
        line = ev.encode(ev.Entry(seq, ev.from_ms(at), 0, "", actor, act))
        head = link(head, line)
        lines.append(line)
    text = "\n".join(lines).encode()
    packed, frame = envelope.pack(text)
    nothing, _ = envelope.pack(b"")
    first, last = station.seq + 1, station.seq + len(acts)
    header = BatchHeader(
        hq=OWN,
        station=OWN,
        epoch=_EPOCH,
        first=first,
        last=last,
        prev=station.head,
        head=head,
        events=packed,
        identities=nothing,
    )
    signed = msgspec.json.encode(header)
    row = (station.id, last, first, first, last, head, signed, b"", frame, packed.size, "own", now)
    bulk.insert(connection, tables.batch, [row])
    moved = sa.update(tables.station).where(tables.station.c.id == station.id)
    connection.execute(moved.values(seq=last, head=head, contact_at=now))


def _own_row(connection: sa.Connection, now: int) -> sa.Row[int, int, bytes]:
    """The row of headquarters among the stations, locked; made when it is first needed."""
    begun = genesis(OWN, _EPOCH)
    made = {
        "station": OWN,
        "epoch": _EPOCH,
        "pins": msgspec.json.encode(Pins()).decode(),
        "seq": 0,
        "head": begun,
        "applied": 0,
        "safe": 0,
        "enrolled_at": now,
    }
    if connection.execute(_OWN_ROW).first() is None:
        lock_projections(connection)  # so that two do not make it at once
        if connection.execute(_OWN_ROW).first() is None:
            connection.execute(sa.insert(tables.station), made)
    return connection.execute(_OWN_ROW).one()


def _last_at(connection: sa.Connection, station_id: int) -> int:
    last = sa.select(sa.func.max(tables.batch.c.received_at)).where(tables.batch.c.station_id == station_id)
    return int(connection.execute(last).scalar() or 0)


_OWN_ROW = (
    sa.select(tables.station.c.id, tables.station.c.seq, tables.station.c.head)
    .where(tables.station.c.station == OWN, tables.station.c.epoch == _EPOCH)
    .with_for_update()
)
