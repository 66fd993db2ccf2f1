"""What people bring: catalogues, lists of readers, settings, and what they type into a search."""

from __future__ import annotations

import atexit
import io
import json
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import openpyxl
import sqlalchemy as sa

from config import checks, devices, loader, station
from config.devices import Devices
from config.loader import Built, Problems, build, dump, read_toml
from config.station import Station
from drivers import health
from sync import text
from sync.circulation import rules
from sync.exchange import keyring, state
from sync.intake import cells, characters, iso2709, mapping, marc, marcxml, patron_rows, patrons, sheets, titles
from sync.intake.characters import DAMAGED
from sync.intake.marc import MarcRecord, Unreadable
from sync.intake.patron_rows import Heading, Listed, PatronColumns
from sync.intake.reasons import Reason
from sync.store import search, tables
from tests.bench.titles import plant_titles
from tests.fuzz.target import Draw, Target
from tests.sync.intake import quirky

T = TypeVar("T")

_TEXTS: Final = (
    "Truyện Kiều",
    "Đất rừng phương Nam",
    unicodedata.normalize("NFD", "Nguyễn Văn Ấn"),
    "\u0300x\u0302\u0301",
)


@cache
def _folder() -> Path:
    """One folder for the run; files in it are written over and over."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _nothing(_bytes: int) -> None:
    pass


# --- catalogues -------------------------------------------------------------------------------------------------------


def _marc(data: bytes) -> None:
    """A file in blocks of any size is the same records, and none is more than the file could hold."""
    found = [*iso2709.records(iter((data,)))]
    assert found == [*iso2709.records(data[at : at + 7] for at in range(0, len(data), 7))]
    assert len(found) <= len(data)
    for one in found:
        if isinstance(one, iso2709.Raw):
            _fits(one, data)


def _fits(raw: iso2709.Raw, data: bytes) -> None:
    assert raw.fields
    letters = 0
    for tag, indicators, content in raw.fields:
        assert len(tag) == 3
        assert len(indicators) == 2
        letters += len(content) if isinstance(content, str) else sum(len(value) for _, value in content)
    assert letters <= 4 * len(data)


def _marcxml(data: bytes) -> None:
    found = [*marcxml.records(iter((data,)))]
    assert len(found) <= len(data)
    marcxml.looks_like_xml(data)


def _catalogue(data: bytes) -> None:
    """A file is titles and items, one line of NFC each, or reasons; records are numbered as they stand."""
    found = [*marc.read_records(_file("catalogue", data), _nothing)]
    assert found
    numbers = [one.number for one in found]
    assert numbers == sorted(set(numbers))
    good = [one for one in found if isinstance(one, MarcRecord)]
    assert all(isinstance(one.reason, Reason) for one in found if isinstance(one, Unreadable))
    chosen = _shipped(mapping.load_mapping).choose(good)
    for record in good:
        described = titles.describe(record, chosen, "MAIN")
        _kept(described.title.title, described.title.author, described.title.title_id, described.identifier)
        for item in described.items:
            assert item.item_id
            _kept(item.item_id, item.location, item.call_number)
        alone = described.on_its_own()
        assert alone.title.title_id == described.fingerprint


def _kept(*texts: str | None) -> None:
    """What goes into the reference is NFC and can be written as UTF-8."""
    for one in texts:
        if one:
            assert unicodedata.is_normalized("NFC", one)
            one.encode()


@cache
def _shipped(load: Callable[[], T | Problems]) -> T:
    found = load()
    assert not isinstance(found, Problems), found.say("en")
    return found


def _encoding(data: bytes) -> None:
    """Bytes of a record become texts, as many as there were values; cleaned they are one line of NFC, and stay so."""
    draw = Draw(data)
    says_utf8 = draw.byte() & 1 == 1
    values = [draw.piece(60) for _ in range(draw.byte() % 4)] + [draw.rest()]
    texts, _ = characters.decode(values, says_utf8)
    assert len(texts) == len(values)
    characters.likeliest_legacy(values[-1])
    for one in texts:
        clean = characters.clean(one, set())
        _kept(clean)
        assert clean == clean.strip()
        assert "\n" not in clean
        again: set[Reason] = set()
        assert characters.clean(clean, again) == clean or Reason.HTML_ENTITIES in again or "&" in one


def _books() -> Iterable[bytes]:
    yield quirky.iso2709(quirky.book(control="00001", agency="TV", copy=[("o", "895.9"), ("g", "50.000")]))
    yield quirky.iso2709(quirky.book("Đất rừng", barcode=["TN1", "TN2"], running="12"))
    yield quirky.iso2709(quirky.book("Trường ca", author="", publisher=""), flag=" ").replace(
        "ườ".encode(), b"\xfd\xf5\xcc"
    )
    yield b"".join(quirky.iso2709(quirky.book(barcode=f"TN{n}")) for n in range(2))


def _xml_books() -> Iterable[bytes]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?><collection xmlns="http://www.loc.gov/MARC21/slim"><record>'
        '<leader>00000nam a2200000 a 4500</leader><controlfield tag="001">12</controlfield>'
        '<datafield tag="245" ind1="1" ind2="0"><subfield code="a">Truyện Kiều &amp; thơ</subfield></datafield>'
        '<datafield tag="952" ind1=" " ind2=" "><subfield code="p">TN0001</subfield></datafield>'
        "</record></collection>"
    ).encode()
    yield '\ufeff<marc:record><marc:leader/><marc:datafield tag="245"/></marc:record>'.encode("utf-16")


def _encoded() -> Iterable[bytes]:
    for encoding in ("utf-8", "cp1258"):
        for flag in (b"\0\0", b"\1\0"):
            yield flag + unicodedata.normalize("NFD" if encoding == "cp1258" else "NFC", "Truyện").encode(
                encoding, "replace"
            )
    yield b"\0\0Truy\xf2\xe3n \x1b(N\x45\x1b(B &amp; [transcribing error]"


# --- lists of readers -------------------------------------------------------------------------------------------------

_HEADED: Final = "Số thẻ;Họ và tên;Ngày sinh;Loại thẻ;Ngày hết hạn;Tiền cược;Khóa thẻ;Khóa đến ngày;Thư viện"
_LISTED: Final = "00012345;Nguyễn Văn An;05/03/1990;người lớn;31/12/2027;50.000;mất thẻ;01/01/2027;MAIN"


def _patrons(data: bytes, name: str) -> None:
    """A file of any bytes is tables of rows, and each row a reader or the reason why not."""
    columns = _shipped(patrons.load_columns)
    for sheet in sheets.read_sheets(_file(name, data), _nothing):
        if isinstance(sheet, Reason):
            continue
        heading: Heading | None = None
        before = 0
        for row in islice(sheet.rows, 2_000):
            assert row.number > before
            before = row.number
            assert all(
                cell is None or not isinstance(cell, str) or (cell and cell == text.nfc(cell)) for cell in row.cells
            )
            if heading is None:
                found = patron_rows.find_heading(row, columns)
                heading = found if isinstance(found, Heading) else None
            elif not heading.is_heading(row):
                _listed(patron_rows.describe(row, heading, columns, "MAIN", None))


def _listed(found: Listed | Reason) -> None:
    if isinstance(found, Listed):
        assert found.numbers
        _kept(found.patron.patron_id, found.patron.name, *found.numbers)
        assert all(DAMAGED not in number for number in found.numbers)
        assert found.patron.deposit >= 0


def _csv(data: bytes) -> None:
    if not data.startswith(b"PK\x03\x04"):
        _patrons(data, "patrons.csv")


def _row(data: bytes) -> None:
    """One row under a good heading."""
    _patrons(_HEADED.encode() + b"\n" + data, "row.csv")


_SHEET: Final = "xl/worksheets/sheet1.xml"
_STYLES: Final = "xl/styles.xml"


@cache
def _workbook() -> dict[str, bytes]:
    """The files in a workbook of two rows."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(_HEADED.split(";"))
    sheet.append(_LISTED.split(";"))
    sheet.append([12345, "An", 32_000.5, True, None])
    whole = io.BytesIO()
    workbook.save(whole)
    with zipfile.ZipFile(whole) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _xlsx(data: bytes) -> None:
    """The bytes of a workbook, or one of the files in it, whole and rightly packed."""
    draw = Draw(data)
    name = draw.choice("", _SHEET, _STYLES, "xl/workbook.xml", "[Content_Types].xml")
    content = draw.rest()
    if not name:
        _patrons(b"PK\x03\x04" + content, "patrons.xlsx")
        return
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as packed:
        for known, before in _workbook().items():
            packed.writestr(known, content if known == name else before)
    _patrons(whole.getvalue(), "patrons.xlsx")


def _workbooks() -> Iterable[bytes]:
    for at, name in enumerate((_SHEET, _STYLES), start=1):
        yield bytes((at,)) + _workbook()[name][:1500]


def _cell(data: bytes) -> None:
    """An amount or a day, out of text and out of numbers."""
    written = data.decode("utf-8", "replace")
    number: Any = None
    with suppress(ValueError, OverflowError):
        number = float(written) if "." in written else int(written[:400])
    for cell in (written, number):
        amount = cells.parse_dong(cell)
        assert amount is None or 0 <= amount <= 1_000_000_000
        span = cells.parse_day(cell)
        assert span is None or span.first <= span.last


def _cell_texts() -> Iterable[bytes]:
    amounts = ("50.000", "50,000 ₫", "50 000đ", "50000.00", "1.000.000,5")
    days = ("05/03/1990", "1990-03-05", "03/1990", "1990", "00/00/1990", "5.3.1990 00:00:00", "32000")
    yield from (one.encode() for one in (*amounts, *days, "nan", "1e400", "inf.0"))


# --- settings ---------------------------------------------------------------------------------------------------------


def _settings(cls: type[Any], name: str) -> Callable[[bytes], None]:
    """A file of settings is a value, which can be written and read again, or all its problems in two languages."""

    def feed(data: bytes) -> None:
        values = read_toml(_file(name, data))
        found = values if isinstance(values, Problems) else build(cls, values, name)
        if isinstance(found, Problems):
            assert found.found
            for problem in found:
                for lang in ("vi", "en"):
                    said = problem.say(lang)
                    assert said
                    said.encode()
        else:
            assert isinstance(found, Built)
            again = build(cls, dump(found.value, reveal=True), name)
            assert isinstance(again, Built), again
            assert again.value == found.value

    return feed


def _shipped_text(*folders: str) -> Callable[[], Iterable[bytes]]:
    def seeds() -> Iterator[bytes]:
        for folder in folders:
            for path in sorted(Path(loader.__file__).parent.glob(folder)):
                lines = path.read_text("utf-8").splitlines()
                yield "\n".join(line for line in lines if line and not line.startswith("#")).encode()[:1_000]

    return seeds


def _devices_file() -> Iterable[bytes]:
    yield b'[[devices]]\nname = "pad"\ndriver = "feig"\nurl = "/dev/ttyUSB0"\nbaud = 38400\nafi_secured = 0x07\n'
    yield b'devices = [{name = "card", driver = "nfcpy"}, {name = "p", driver = "escpos", width = 576, cutter = false}]'


def _station_file() -> Iterable[bytes]:
    yield b'station = "TN-K01"\nbranch = "TN"\nlanguage = "en"\nepoch = 2\nscreen_inches = 21.5\n'
    yield b'staff_pin = "$argon2id$v=19$m=65536"\nservice_mode = "on_site"\nprofile = "demo"\npin = "none"'


def _notes(data: bytes) -> None:
    """Files that the program writes for itself: what somebody else wrote over them is nothing, or a named error."""
    home = _folder()
    health_file = _file(health.HEALTH_FILE, data)
    health.read_health(home)
    health_file.unlink()
    _file(state.STATE_FILE, data)
    state.read_state(home)
    (home / "keys").mkdir(exist_ok=True)
    _file("keys/0001.key", data).chmod(0o600)
    _file("keys/headquarters.json", data)
    for read in (keyring.read_keys, keyring.read_pins):
        with suppress(keyring.KeysDamaged):
            read(home / "keys")


def _noted() -> Iterable[bytes]:
    yield json.dumps({"sign": "A" * 43 + "=", "seal": "A" * 43 + "="}).encode()
    yield json.dumps({"pins": [{"keys": {"sign": "A" * 43 + "=", "seal": "A" * 43 + "="}, "until": 3}]}).encode()
    yield json.dumps(
        {
            "started": "2027-03-02T01:00:00+00:00",
            "written": "2027-03-02T01:00:00+00:00",
            "devices": [{"device": "pad", "driver": "feig"}],
        }
    ).encode()


# --- what is typed ----------------------------------------------------------------------------------------------------


@cache
def _catalogue_to_search() -> search.Catalogue:
    connection = sa.create_engine("sqlite://").connect()
    atexit.register(connection.engine.dispose)
    atexit.register(connection.close)
    tables.reference.create_all(connection)
    search.create_index(connection)
    plant_titles(connection, 400, seed=5)
    return search.Catalogue(connection)


def _search(data: bytes) -> None:
    """Whatever is typed finds titles or none, and the second page goes on where the first ends."""
    typed = data.decode("utf-8", "surrogateescape")
    catalogue = _catalogue_to_search()
    page = catalogue.search(typed, limit=6)
    assert len(page.hits) == min(6, page.total)
    second = catalogue.search(typed, limit=3, offset=3)
    assert second.hits == page.hits[3:]


def _typed() -> Iterable[bytes]:
    for one in (
        *_TEXTS,
        "truyen kieu",
        "nguyen",
        "978-604-1-09615-7",
        "005.74",
        "TN00",
        "三国",
        'a"b* OR NEAR(',
        "\0'",
    ):
        yield one.encode()


def _text(data: bytes) -> None:
    """The forms of a text: once in a form it stays so, and equal words stay equal."""
    raw = data.decode("utf-8", "replace")
    kept = text.nfc(raw)
    assert text.nfc(kept) == kept
    _kept(kept)
    folded = text.fold(kept)
    assert unicodedata.is_normalized("NFC", folded)
    assert text.fold(unicodedata.normalize("NFD", kept)) == folded
    assert text.sort_key(raw) == text.sort_key(kept)
    text.name_sort_key(raw)
    assert text.given_name(raw) in kept
    masked = text.masked_name(raw)
    assert masked == text.nfc(masked)
    isbn = text.normal_isbn(raw)
    if isbn is not None:
        assert len(isbn) == 13
        assert text.normal_isbn(isbn) == isbn


def _typed_texts() -> Iterable[bytes]:
    yield from (one.encode() for one in (*_TEXTS, "ISBN 978-604-1-09615-7", "0-306-40615-2", "ISBN-10: 080442957X"))


_MARC: Final = (iso2709, characters)

TARGETS: Final = (
    Target("iso2709", _marc, _MARC, _books, 10, longest=900),
    Target("marcxml", _marcxml, (marcxml, characters), _xml_books, 10, longest=900),
    Target(
        "catalogue", _catalogue, (*_MARC, marcxml, marc, titles, mapping), lambda: (*_books(), *_xml_books()), 8, 900
    ),
    Target("encoding", _encoding, (characters,), _encoded, 20),
    Target("readers-csv", _csv, (sheets, patron_rows, cells), lambda: (f"{_HEADED}\r\n{_LISTED}".encode(),), 8, 600),
    Target("reader-row", _row, (sheets, patron_rows, cells), lambda: (_LISTED.encode(),), 8),
    Target("readers-xlsx", _xlsx, (sheets,), _workbooks, 1, 1_500),
    Target("cell", _cell, (cells,), _cell_texts, 30, 64),
    Target("station-toml", _settings(Station, "station.toml"), (loader, checks, station), _station_file, 8, 400),
    Target("devices-toml", _settings(Devices, "devices.toml"), (loader, checks, devices), _devices_file, 8, 400),
    Target(
        "rules-toml",
        _settings(rules.Rules, "rules.toml"),
        (loader, checks, rules),
        _shipped_text("rules/*.toml"),
        4,
        1_000,
    ),
    Target(
        "mapping-toml",
        _settings(mapping.HoldingsMapping, "mapping.toml"),
        (loader, checks, mapping),
        _shipped_text("mappings/[0-9k]*.toml"),
        6,
        600,
    ),
    Target(
        "columns-toml",
        _settings(PatronColumns, "columns.toml"),
        (loader, checks, patron_rows),
        _shipped_text("mappings/patrons.toml"),
        6,
        600,
    ),
    Target("notes", _notes, (health, state, keyring), _noted, 5, 400),
    Target("search", _search, (search, text), _typed, 3, 160),
    Target("text", _text, (text,), _typed_texts, 30, 120),
)
