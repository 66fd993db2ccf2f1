"""What headquarters wants said on the screens of all stations; it travels like the rules do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sync.central import tables
from sync.central.office import Office
from sync.central.scopes import noticed
from sync.store.reference import Touched
from sync.text import nfc


@dataclass(frozen=True, slots=True)
class Announcement:
    """One announcement: ``text`` in whatever language, shown to the end of the day ``until``, or until taken back."""

    announcement_id: str
    text: str
    until: date | None = None


def announce(office: Office, text: str, until: date | None = None) -> Announcement:
    """Tell all stations. Raises :class:`~sync.store.errors.StoreError`."""
    said = Announcement(office.chance(4).hex(), nfc(text), until)
    body = json.dumps({"text": said.text, "until": until.isoformat() if until else None}, ensure_ascii=False)
    with office.database.begin() as connection, noticed(connection, Touched(rules=True), office.clock()):
        row = {"announcement_id": said.announcement_id, "body": body}
        connection.execute(sa.insert(tables.announcement), row)
    return said


def take_back(office: Office, announcement_id: str) -> bool:
    """Take an announcement back; answers whether there was one. Raises :class:`~sync.store.errors.StoreError`."""
    table = tables.announcement
    with office.database.begin() as connection, noticed(connection, Touched(rules=True), office.clock()):
        gone = connection.execute(sa.delete(table).where(table.c.announcement_id == announcement_id))
        return bool(gone.rowcount)


def announcements(connection: sa.Connection) -> list[Announcement]:
    """All that are told, in the order of their numbers."""
    table = tables.announcement
    found = []
    for row in connection.execute(sa.select(table).order_by(table.c.announcement_id)):
        body = json.loads(row.body)
        until = date.fromisoformat(body["until"]) if body.get("until") else None
        found.append(Announcement(row.announcement_id, body["text"], until))
    return found
