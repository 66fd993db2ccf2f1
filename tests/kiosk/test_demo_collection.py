"""The demonstration collection and its readers: that they are what a catalogue and a register may hold.

Whether a year or a publisher is true no test can say; these hold what can be checked without a second source: form,
consistency within a row and between rows, and that every case a demonstration or a search needs is really there.
"""

import csv
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from itertools import chain
from pathlib import Path

import pytest

from sync.circulation.model import PatronBlockKind
from sync.text import fold, nfc, normal_isbn

DEMO = Path(__file__).parents[2] / "kiosk" / "demo"
Row = dict[str, str]

COLLECTION_COLUMNS = (
    "title_id title author publisher year language class_number cutter subjects isbn item_type shelf price parts"
    " copies volume"
).split()
READER_COLUMNS = "number name category birth_date expires_in_days deposit blocked note branch".split()

LANGUAGES = {"vie", "eng", "fre", "rus", "chi", "jpn", "kor"}
#: Where each type of item may stand. A shelf of foreign books holds books, sets and discs.
SHELVES = {
    "book": {"Kho mượn", "Kho đọc", "Ngoại văn"},
    "children": {"Thiếu nhi"},
    "reference": {"Tra cứu"},
    "magazine": {"Báo – tạp chí"},
    "newspaper": {"Báo – tạp chí"},
    "set": {"Kho mượn", "Thiếu nhi", "Ngoại văn"},
    "disc": {"Kho mượn", "Ngoại văn"},
}
#: The class of a country's literature, for works whose subjects name the country.
LITERATURES = {
    "Anh": "823", "Mỹ": "813", "Canada": "813", "Pháp": "843", "Italia": "85", "Tây Ban Nha": "863",
    "Chile": "863", "Colombia": "863", "Brazil": "869", "Thụy Điển": "839.7", "Nga": "891.73", "Ba Lan": "891.85",
    "Trung Quốc": "895.1", "Nhật Bản": "895.6", "Hàn Quốc": "895.7", "Việt Nam": "895.922",
}  # fmt: skip
MAY_HAVE_NO_AUTHOR = {"magazine", "newspaper", "disc"}

DDC = re.compile(r"\d{3}(\.\d{1,10})?")
#: A book number of the Vietnamese tables (``TR527K``) or, for foreign authors, of Cutter and Sanborn (``H488``).
CUTTER = re.compile(r"[A-ZĂÂĐÊÔƠƯ]{1,3}\d{2,3}[A-ZĂÂĐÊÔƠƯ]{0,3}")

CATEGORIES = {"adult", "student", "child", "teacher", "reading_only", "staff"}
#: How the numbers of a branch's cards begin.
PREFIXES = {"TN": "TN", "TN-TB": "TB", "TN-PY": "PY"}


def rows(name: str, columns: list[str]) -> list[Row]:
    with (DEMO / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        found = list(reader)
    assert reader.fieldnames == columns
    # DictReader files what is too much under None and fills what is missing with None.
    assert all(None not in row and None not in row.values() for row in found)
    return found


@pytest.fixture(scope="module")
def collection() -> list[Row]:
    return rows("collection.csv", COLLECTION_COLUMNS)


@pytest.fixture(scope="module")
def readers() -> list[Row]:
    return rows("readers.csv", READER_COLUMNS)


def name_of(row: Row) -> str:
    return f"{row['title_id']} {row['title']} {row['volume']}".strip()


# --- the collection ---------------------------------------------------------------------------------------------------


def test_every_cell_of_both_files_is_text_as_it_is_kept(collection: list[Row], readers: list[Row]) -> None:
    cells = chain.from_iterable(row.values() for row in (*collection, *readers))
    assert [cell for cell in cells if nfc(cell) != cell] == []


def test_about_three_hundred_titles_have_under_six_hundred_copies(collection: list[Row]) -> None:
    assert 290 <= len(collection) <= 320
    copies = [int(row["copies"]) for row in collection]
    assert set(copies) == {1, 2, 3, 4, 5}
    assert 520 <= sum(copies) <= 600


def test_titles_are_numbered_without_a_gap(collection: list[Row]) -> None:
    assert [row["title_id"] for row in collection] == [f"TSD{n:04}" for n in range(1, len(collection) + 1)]


def test_no_edition_is_described_twice(collection: list[Row]) -> None:
    editions = Counter(tuple(row[c] for c in ("title", "author", "publisher", "year", "volume")) for row in collection)
    assert [edition for edition, times in editions.items() if times > 1] == []


def test_every_row_says_what_a_catalogue_must(collection: list[Row]) -> None:
    for row in collection:
        assert row["title"], name_of(row)
        assert row["publisher"], name_of(row)
        assert 1930 <= int(row["year"]) <= 2026, name_of(row)
        assert row["language"] in LANGUAGES, name_of(row)
        assert int(row["price"]) >= 5000, name_of(row)
        assert int(row["price"]) % 1000 == 0, name_of(row)
        subjects = row["subjects"].split("; ")
        assert all(subjects), name_of(row)
        assert len(set(subjects)) == len(subjects), name_of(row)
        # A folk tale is everybody's.
        nobody_wrote_it = row["item_type"] in MAY_HAVE_NO_AUTHOR or "Truyện cổ tích" in subjects
        assert row["author"] or nobody_wrote_it, name_of(row)


def test_every_class_is_a_dewey_number(collection: list[Row]) -> None:
    assert [name_of(row) for row in collection if not DDC.fullmatch(row["class_number"])] == []


def test_literature_is_classed_with_the_country_its_subjects_name(collection: list[Row]) -> None:
    checked = 0
    for row in collection:
        if row["class_number"].startswith("8"):
            for country in LITERATURES.keys() & set(row["subjects"].split("; ")):
                checked += 1
                assert row["class_number"].startswith(LITERATURES[country]), name_of(row)
    assert checked > 100


def test_book_numbers_are_formed_by_the_tables(collection: list[Row]) -> None:
    for row in collection:
        assert CUTTER.fullmatch(row["cutter"]), name_of(row)
        # Works in Vietnamese are numbered by title; a title that begins with a number, by how it is read.
        if row["language"] == "vie" and row["title"][0].isalpha():
            assert fold(row["cutter"])[0] == fold(row["title"])[0], name_of(row)


def test_volumes_of_one_work_share_class_and_book_number(collection: list[Row]) -> None:
    works = defaultdict[tuple[str, str], set[str]](set)
    for row in collection:
        works[row["title"], row["author"]].add(f"{row['class_number']} {row['cutter']}")
    assert {work: places for work, places in works.items() if len(places) > 1} == {}


def test_isbns_pass_their_checksum_and_none_is_given_twice(collection: list[Row]) -> None:
    isbns = [row["isbn"] for row in collection if row["isbn"]]
    assert isbns
    assert len(set(isbns)) == len(isbns)
    for isbn in isbns:
        assert re.fullmatch(r"97[89]\d{10}", isbn)
        assert sum(int(d) * weight for d, weight in zip(isbn, (1, 3) * 6 + (1,), strict=True)) % 10 == 0
        assert normal_isbn(isbn) == isbn


def test_every_item_stands_on_a_shelf_of_its_type(collection: list[Row]) -> None:
    assert {row["item_type"] for row in collection} == set(SHELVES)
    for row in collection:
        assert row["shelf"] in SHELVES[row["item_type"]], name_of(row)
        assert row["language"] == "vie" or row["shelf"] in {"Ngoại văn", "Tra cứu", "Kho đọc"}, name_of(row)


def test_sets_and_only_sets_and_discs_have_several_parts(collection: list[Row]) -> None:
    parts = {row["title_id"]: int(row["parts"]) for row in collection}
    assert all(parts[row["title_id"]] >= 2 for row in collection if row["item_type"] == "set")
    assert all(parts[row["title_id"]] == 1 for row in collection if row["item_type"] not in {"set", "disc"})
    assert {2, 3} <= set(parts.values())
    assert max(parts.values()) >= 5


def test_the_childrens_shelf_is_well_filled(collection: list[Row]) -> None:
    assert sum(row["shelf"] == "Thiếu nhi" for row in collection) >= 45


def test_every_periodical_says_which_issue_it_is(collection: list[Row]) -> None:
    periodicals = [row for row in collection if row["shelf"] == "Báo – tạp chí"]
    assert len(periodicals) >= 8
    for row in periodicals:
        assert row["volume"].endswith(row["year"]) or f"/{row['year']})" in row["volume"], name_of(row)


def test_several_titles_run_over_three_volumes_or_more(collection: list[Row]) -> None:
    volumes = Counter((row["title"], row["publisher"]) for row in collection if row["volume"])
    assert sum(count >= 3 for count in volumes.values()) >= 3


@pytest.mark.parametrize(
    ("script", "letters", "at_least"),
    [
        ("Han", r"[\u3400-\u9fff]", 8),
        ("kana", r"[\u3041-\u30ff]", 3),
        ("hangul", r"[\uac00-\ud7a3]", 3),
        ("Cyrillic", r"[\u0410-\u044f]", 3),
    ],
)
def test_titles_stand_in_scripts_that_need_another_font(
    collection: list[Row], script: str, letters: str, at_least: int
) -> None:
    in_script = [row["title"] for row in collection if re.search(letters, row["title"])]
    assert len(in_script) >= at_least, script


@pytest.mark.parametrize(
    ("what", "is_one", "at_least"),
    [
        ("of one word", lambda title: re.fullmatch(r"\w+", title), 8),
        ("of more than 70 letters", lambda title: len(title) > 70, 3),
        ("with a number", lambda title: re.search(r"\d", title), 10),
        ("that begins with a number", lambda title: title[0].isdigit(), 3),
        ("with a comma", lambda title: "," in title, 5),
        ("with a colon", lambda title: ":" in title, 10),
        ("with a question or exclamation mark", lambda title: title.endswith(("?", "!")), 3),
        ("with an ampersand", lambda title: "&" in title, 2),
        ("with an apostrophe", lambda title: "'" in title, 3),
        ("with brackets", lambda title: "(" in title, 2),
        ("that begins with Đ", lambda title: title.startswith("Đ"), 10),
    ],
)
def test_titles_of_every_awkward_form_are_there(
    collection: list[Row], what: str, is_one: Callable[[str], object], at_least: int
) -> None:
    assert len({row["title"] for row in collection if is_one(row["title"])}) >= at_least, what


@pytest.mark.parametrize(
    "words",
    [{"nam", "năm"}, {"đường", "dương"}, {"sông", "sống"}, {"bến", "bên"}, {"mùa", "mưa"}, {"hóa", "hoa", "hòa"}],
    ids=lambda words: "-".join(sorted(words)),
)
def test_titles_hold_words_that_differ_by_their_marks_alone(collection: list[Row], words: set[str]) -> None:
    assert len({fold(word) for word in words}) == 1
    used = set(chain.from_iterable(re.findall(r"\w+", row["title"].lower()) for row in collection))
    assert words <= used


def test_every_letter_of_the_alphabet_stands_somewhere_with_every_tone(
    collection: list[Row], readers: list[Row]
) -> None:
    tones = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    letters = {unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in tones} | {"đ"}
    titles = (row["title"] + row["author"] for row in collection)
    text = "".join(chain(titles, (row["name"] for row in readers))).lower()
    assert letters - set(text) == set()


# --- the readers ------------------------------------------------------------------------------------------------------


def test_sixty_readers_and_no_two_alike(readers: list[Row]) -> None:
    assert len(readers) == 60
    assert len({row["number"] for row in readers}) == 60
    assert len({row["name"] for row in readers}) == 60


def test_card_numbers_fit_a_barcode_and_tell_the_branch(readers: list[Row]) -> None:
    for row in readers:
        assert re.fullmatch(r"[A-Z]{2,4}\d{4,6}", row["number"]), row["number"]
        assert len(row["number"]) == 8, row["number"]
        assert row["number"].startswith(PREFIXES[row["branch"]]), row["number"]
    at = Counter(row["branch"] for row in readers)
    assert at.keys() == PREFIXES.keys()
    assert at["TN"] >= 50


def test_every_reader_has_values_a_register_takes(readers: list[Row]) -> None:
    for row in readers:
        assert len(row["name"].split()) >= 2, row["number"]
        assert row["category"] in CATEGORIES, row["number"]
        assert -400 <= int(row["expires_in_days"]) <= 700, row["number"]
        assert 0 <= int(row["deposit"]) <= 200_000, row["number"]
        assert int(row["deposit"]) % 10_000 == 0, row["number"]
        assert row["blocked"] in {"", *PatronBlockKind}, row["number"]
        if row["birth_date"]:
            assert date(1940, 1, 1) <= date.fromisoformat(row["birth_date"]) <= date(2020, 12, 31), row["number"]


def test_most_cards_are_good_for_a_month_and_more(readers: list[Row]) -> None:
    assert sum(30 <= int(row["expires_in_days"]) <= 700 for row in readers) >= 48


def test_no_note_tells_what_a_library_should_not_keep(readers: list[Row]) -> None:
    # Ethnic origin, religion, health and a number of identity are sensitive data by law.
    assert [
        row["number"]
        for row in readers
        if re.search(r"dân tộc|tôn giáo|bệnh|căn cước|\d{9}", row["note"], re.IGNORECASE)
    ] == []


@pytest.mark.parametrize(
    ("case", "is_one", "at_least"),
    [
        *((f"category {name}", lambda r, name=name: r["category"] == name, 2) for name in sorted(CATEGORIES)),
        ("expired yesterday", lambda r: r["expires_in_days"] == "-1", 1),
        ("expired long ago", lambda r: int(r["expires_in_days"]) < -365, 1),
        ("expired child", lambda r: r["category"] == "child" and int(r["expires_in_days"]) < 0, 1),
        ("expired reading-only", lambda r: r["category"] == "reading_only" and int(r["expires_in_days"]) < 0, 1),
        ("last day of the card", lambda r: r["expires_in_days"] == "0", 1),
        ("card ends before a loan would", lambda r: r["expires_in_days"] == "3", 1),
        ("stopped: card lost", lambda r: r["blocked"] == "lost_card", 1),
        ("stopped: debt", lambda r: r["blocked"] == "debt", 1),
        ("stopped: discipline", lambda r: r["blocked"] == "discipline", 1),
        ("blocked child", lambda r: r["category"] == "child" and r["blocked"], 1),
        ("no deposit", lambda r: r["category"] == "adult" and r["deposit"] == "0", 1),
        ("deposit too small for a set", lambda r: r["category"] == "adult" and 0 < int(r["deposit"]) < 100_000, 1),
        ("birth date unknown", lambda r: not r["birth_date"], 1),
        ("born on 29 February", lambda r: r["birth_date"].endswith("-02-29"), 1),
        ("very short name", lambda r: len(r["name"]) <= 4, 1),
        ("very long name", lambda r: len(r["name"]) >= 45, 1),
        ("good card without a stop", lambda r: int(r["expires_in_days"]) >= 30 and not r["blocked"], 40),
    ],
)  # fmt: skip
def test_every_case_a_demonstration_needs_has_its_reader(
    readers: list[Row], case: str, is_one: Callable[[Row], object], at_least: int
) -> None:
    assert sum(bool(is_one(row)) for row in readers) >= at_least, case


def test_names_that_differ_by_their_marks_alone_are_among_the_readers(readers: list[Row]) -> None:
    assert len({fold(row["name"]) for row in readers}) < len(readers)


@pytest.mark.parametrize("age", [14, 15])
def test_some_reader_stands_on_either_side_of_the_age_border_on_any_day(readers: list[Row], age: int) -> None:
    """A child's card is for those under fifteen. Source: facts/vietnamese-and-screens.md, section 7."""
    births = [date.fromisoformat(row["birth_date"]) for row in readers if row["birth_date"]]
    for days in range(0, 4 * 365, 7):
        day = date(2026, 11, 1) + timedelta(days=days)
        ages = {day.year - born.year - ((day.month, day.day) < (born.month, born.day)) for born in births}
        assert age in ages, day
