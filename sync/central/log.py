"""The log of all stations, read back as it was received."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import zstandard

from sync.central import tables

#: The name of headquarters' own log among those of stations.
OWN = "HQ"


@dataclass(frozen=True, slots=True)
class Logged:
    """Events of one station in a row: ``lines[i]`` is the record of event ``first + i`` as it was hashed."""

    station_id: int
    first: int
    lines: list[bytes] = field(repr=False)


def read_log(connection: sa.Connection, station_id: int, after: int, until: int) -> Iterator[Logged]:
    """The events of a station behind ``after`` up to ``until``, batch by batch in their order."""
    last = after
    while last < until:
        row = connection.execute(_NEXT, {"station_id": station_id, "after": last}).one()
        begin, end = last + 1 - row.first, min(row.until, until) + 1 - row.first
        yield Logged(station_id, last + 1, unpacked(row)[begin:end])
        last = min(row.until, until)


def unpacked(row: sa.Row[*tuple[Any, ...]]) -> list[bytes]:
    """All records of a row of ``batch``, from its ``first`` on."""
    text = zstandard.ZstdDecompressor().decompress(row.events, max_output_size=row.events_size)
    return text.split(b"\n")


_NEXT = (
    sa.select(*tables.batch.c["first", "until", "events", "events_size"])
    .where(tables.batch.c.station_id == sa.bindparam("station_id"), tables.batch.c.until > sa.bindparam("after"))
    .order_by(tables.batch.c.until)
    .limit(1)
)
