"""The demonstration library: the collection and the readers that ship, as values, and a folder made with them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from config.loader import write_toml
from config.station import STATION_FILE
from kiosk.pins import hash_pin
from sync.circulation.model import Item, Patron, PatronBlock, PatronBlockKind, Title
from sync.intake.rules import RULES_FILE, SHIPPED, write_holidays
from sync.store.files import open_reference
from sync.store.reference import Reference

HERE = Path(__file__).parent

#: What every demonstration reader, and the staff, type as their PIN.
PIN = "1234"

#: Where the copies of a title stand: most in the provincial library, the last ones of many in the two below it.
_HOMES = (("TN", "TN."), ("TN", "TN."), ("TN", "TN."), ("TN-TB", "TB."), ("TN-PY", "PY."))


def titles() -> Iterator[Title]:
    """The titles of the collection."""
    for row in _rows("collection.csv"):
        yield Title(
            title_id=row["title_id"],
            title=row["title"],
            author=row["author"],
            publisher=row["publisher"],
            year=row["year"],
            volume=row["volume"],
            call_number=f"{row['class_number']} {row['cutter']}".strip(),
            subjects=tuple(s.strip() for s in row["subjects"].split(";") if s.strip()),
            isbns=(row["isbn"],) if row["isbn"] else (),
            language=row["language"],
        )


def items() -> Iterator[Item]:
    """The copies of the collection; a copy's number is its branch's prefix, its title's place and its own."""
    for place, row in enumerate(_rows("collection.csv"), start=1):
        for copy in range(int(row["copies"])):
            branch, prefix = _HOMES[min(copy, len(_HOMES) - 1)]
            yield Item(
                item_id=f"{prefix}{place:04d}{copy + 1}",
                title_id=row["title_id"],
                type=row["item_type"],
                branch=branch,
                parts=int(row["parts"]),
                price=int(row["price"]),
                call_number=f"{row['class_number']} {row['cutter']}".strip(),
                location=row["shelf"],
            )


def readers(today: date) -> Iterator[Patron]:
    """The invented readers; their cards run out so many days from ``today``."""
    for row in _rows("readers.csv"):
        stops = (PatronBlock(PatronBlockKind(row["blocked"]), note=row["note"]),) if row["blocked"] else ()
        yield Patron(
            patron_id=row["number"],
            name=row["name"],
            category=row["category"],
            branch=row["branch"],
            expires=today + timedelta(days=int(row["expires_in_days"])),
            birth_date=date.fromisoformat(row["birth_date"]) if row["birth_date"] else None,
            deposit=int(row["deposit"] or 0),
            blocks=stops,
        )


def make_home(folder: Path, today: date) -> None:
    """The folder of a station of its own, with the demonstration's settings, rules, titles and readers; a new one."""
    make_folder(folder, today)
    with Reference(open_reference(folder, command="tramsach demo")) as reference:
        fill(reference, today)


def make_folder(folder: Path, today: date) -> None:
    """A new folder with the station's settings, the rules and the holidays of two years; no titles or readers yet."""
    folder.mkdir(parents=True)
    write_toml(folder / STATION_FILE, {"profile": "demo", "branch": "TN", "staff_pin": hash_pin(PIN)})
    shutil.copyfile(SHIPPED / "demo.toml", folder / RULES_FILE)
    write_holidays(folder, (today.year, today.year + 1))


def fill(reference: Reference, today: date) -> None:
    """Write titles, copies, readers and their PINs into a station's reference, or headquarters'."""
    patrons = list(readers(today))
    reference.write(titles(), items(), patrons, cards={p.patron_id: (p.patron_id,) for p in patrons})
    pin = hash_pin(PIN)  # one for everybody: they are nobody
    reference.write_pins({p.patron_id: pin for p in patrons})


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
