"""One record to one title and its copies."""

from dataclasses import replace

import pytest

from config.loader import Problems
from sync.circulation.model import ItemStatus
from sync.intake.mapping import HoldingsMapping, load_mapping
from sync.intake.marc import Field, MarcRecord
from sync.intake.reasons import Reason
from sync.intake.titles import Described, describe
from tests.sync.intake.quirky import Content, Fields, book


def mapping(name: str = "koha") -> HoldingsMapping:
    found = load_mapping(name)
    assert not isinstance(found, Problems)
    return found.choices[0]


def described(fields: Fields, by: HoldingsMapping | None = None, branch: str = "MAIN") -> Described:
    return describe(record(fields), by or mapping(), branch)


def record(fields: Fields) -> MarcRecord:
    return MarcRecord(
        1,
        tuple(
            Field(tag, text=content) if isinstance(content, str) else Field(tag, subfields=tuple(content))
            for tag, content in fields
        ),
    )


def reasons(found: Described) -> list[Reason]:
    return [remark.reason for remark in found.remarks]


def heading(*subfields: tuple[str, str]) -> str:
    return described(book("", more=[("245", list(subfields))])).title.title


# --- titles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subfields", "title"),
    [
        ([("a", "Truyện Kiều /")], "Truyện Kiều"),
        ([("a", "Truyện Kiều :"), ("b", "đối chiếu Nôm - Quốc ngữ /"), ("c", "Nguyễn Du.")],
         "Truyện Kiều: đối chiếu Nôm - Quốc ngữ"),
        ([("a", "Con đường phía trước ="), ("b", "The road ahead /")], "Con đường phía trước = The road ahead"),
        ([("a", "Con đường phía trước"), ("b", "= The road ahead /")], "Con đường phía trước = The road ahead"),
        ([("a", "Lịch sử Việt Nam."), ("p", "Cổ đại :"), ("b", "sơ khảo /")], "Lịch sử Việt Nam. Cổ đại: sơ khảo"),
        ([("a", "Đại Việt sử ký toàn thư.")], "Đại Việt sử ký toàn thư"),
        ([("a", "Encyclopedia Britannica, Inc.")], "Encyclopedia Britannica, Inc."),
        ([("a", "Computing Concepts 2nd ed.")], "Computing Concepts 2nd ed."),
        ([("a", "Chuyện của V. A.")], "Chuyện của V. A."),
        ([("a", "Mẹ ơi...")], "Mẹ ơi..."),
        ([("a", ""), ("b", "Chỉ có phần còn lại")], "Chỉ có phần còn lại"),
    ],
)  # fmt: skip
def test_a_title_is_shown_without_the_punctuation_of_catalogue_cards(
    subfields: list[tuple[str, str]], title: str
) -> None:
    assert heading(*subfields) == title


def test_the_number_of_a_part_is_the_volume_and_not_said_twice() -> None:
    found = described(book("", volume="T.9", more=[("245", [("a", "Lịch sử."), ("n", "Tập 1,"), ("p", "Cổ đại")])]))
    assert (found.title.title, found.title.volume) == ("Lịch sử. Cổ đại", "Tập 1")


def test_without_a_part_the_volume_is_the_number_in_the_series() -> None:
    assert described(book(volume="T.01")).title.volume == "T.01"


@pytest.mark.parametrize("empty", ["", "`", "/"])
def test_a_record_without_a_title_comes_in_under_its_author_or_class(empty: str) -> None:
    found = described(book("", author="TCVN 6660 : 2000", more=[("245", [("a", empty)])]))
    assert found.title.title == "[Không có nhan đề] TCVN 6660 : 2000"
    assert described(book("", author="")).title.title == "[Không có nhan đề] 895.9221 TR527K"
    assert described(book("", author="", call_number="")).title.title == "[Không có nhan đề]"
    assert reasons(found) == [Reason.TITLE_MISSING]
    assert len(found.items) == 1


def test_authors_are_all_named_once_with_their_honorifics_and_without_dates() -> None:
    more: list[tuple[str, Content]] = [
        ("100", [("a", "Hồ Chí Minh,"), ("c", "Chủ tịch,"), ("d", "1890-1969."), ("e", "tác giả")]),
        ("700", [("a", "Trần Dân Tiên.")]),
        ("700", [("a", "Trần Dân Tiên")]),
        ("710", [("a", "Bộ Xây dựng."), ("b", "Vụ Pháp chế.")]),
    ]
    assert described(book(author="", more=more)).title.author == (
        "Hồ Chí Minh Chủ tịch; Trần Dân Tiên; Bộ Xây dựng Vụ Pháp chế"
    )


def test_where_no_author_has_a_field_the_title_page_speaks() -> None:
    found = described(book("", author="", more=[("245", [("a", "Luật /"), ("c", "Quốc hội.")])]))
    assert found.title.author == "Quốc hội"


@pytest.mark.parametrize(
    ("fields", "publisher", "year"),
    [
        ([("260", [("a", "H. :"), ("b", "Văn học,"), ("c", "2015.")])], "Văn học", "2015"),
        ([("260", [("b", "[Trẻ],"), ("c", "c1998")])], "Trẻ", "1998"),
        ([("264", [("b", "Kim Đồng,"), ("c", "[2020]")])], "Kim Đồng", "2020"),
        ([("260", [("c", "199.")])], "", "199"),
        ([], "", ""),
    ],
)
def test_publisher_and_year_come_from_260_or_264(fields: Fields, publisher: str, year: str) -> None:
    title = described(book(publisher="", year="", more=fields)).title
    assert (title.publisher, title.year) == (publisher, year)


def test_publication_goes_before_copyright_in_264() -> None:
    rights = Field("264", " 4", subfields=(("c", "©2019"),))
    published = Field("264", " 1", subfields=(("b", "Trẻ"), ("c", "2018")))
    base = record(book(publisher="", year=""))
    found = describe(replace(base, fields=(*base.fields, rights, published)), mapping(), "MAIN")
    assert (found.title.publisher, found.title.year) == ("Trẻ", "2018")


def test_the_coded_year_and_language_count_where_the_text_says_nothing() -> None:
    coded = "181222s2011    vm |||||||||||||| ||vie||"
    title = described([("008", coded), ("245", [("a", "Sử")])]).title
    assert (title.year, title.language) == ("2011", "vie")
    undetermined = "181222s9999||||xx |||||||||||||| ||und||"
    title = described([("008", undetermined), ("041", [("a", "vieeng")]), ("245", [("a", "Sử")])]).title
    assert (title.year, title.language) == ("", "vie")


def test_the_call_number_is_without_the_apostrophe_of_a_spreadsheet() -> None:
    assert described(book(call_number="'006.6 PI-A")).title.call_number == "006.6 PI-A"
    more: Fields = [("082", [("2", "23"), ("a", "895.9221"), ("b", "TR527K")])]
    assert described(book(call_number="", more=more)).title.call_number == "895.9221 TR527K"
    assert described(book(call_number="", more=[("090", [("a", "V21")])])).title.call_number == "V21"


def test_subjects_are_headings_with_their_divisions_and_free_keywords_each() -> None:
    more: Fields = [
        ("650", [("a", "Văn học cận đại."), ("z", "Việt Nam"), ("v", "Thơ"), ("2", "btkkhcn")]),
        ("600", [("a", "Nguyễn Du,"), ("c", "nhà thơ")]),
        ("653", [("a", "Truyện Nôm"), ("a", "Thúy Kiều")]),
        ("653", [("a", "Thúy Kiều")]),
    ]
    assert described(book(more=more)).title.subjects == (
        "Văn học cận đại -- Việt Nam -- Thơ",
        "Nguyễn Du, nhà thơ",
        "Truyện Nôm",
        "Thúy Kiều",
    )


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_isbns_are_normal_and_a_wrong_one_stays_as_it_may_be_printed() -> None:
    more: Fields = [
        ("020", [("a", "978-604-1-12345-0 (bìa mềm) : 45000đ")]),
        ("020", [("a", "0-306-40615-2")]),
        ("020", [("z", "9786041000000")]),
        ("020", [("c", "45.000đ")]),
    ]
    found = described(book(more=more))
    assert found.title.isbns == ("9786041123450", "9780306406157")
    assert reasons(found) == [Reason.ISBN_INVALID]


def test_a_running_number_in_020_is_no_isbn_but_says_which_record_it_is() -> None:
    found = described(book(running="8421"))
    assert found.title.isbns == ()
    assert (found.source, found.identifier) == ("020 8421", "8421")
    assert reasons(found) == [Reason.SEQUENCE_NUMBER]


def test_a_control_number_is_the_title_and_says_whose_it_is() -> None:
    found = described(book(control="000123", agency="VN-TTV", running="7"))
    assert found.source == found.title.title_id == "001 VN-TTV 000123"
    assert found.items[0].title_id == found.title.title_id
    assert described(book(control="000123"), replace(mapping(), origin="TN")).source == "001 TN 000123"


def test_a_mapping_may_name_the_field_of_the_running_number() -> None:
    by = replace(mapping(), sequence_number="035a")
    found = described(book(running="5", more=[("035", [("a", "(LIBOL)77")])]), by)
    assert found.source == "035 (LIBOL)77"


# --- the same book ----------------------------------------------------------------------------------------------------


def fingerprint(**differing: str) -> str:
    return described(book(**differing)).fingerprint  # type: ignore[arg-type]  # the keywords of a book


@pytest.mark.parametrize(
    "other",
    [
        {"title": "TRUYỆN KIỀU /"},
        {"title": "Truyen Kieu"},
        {"author": "Nguyễn  Du."},
        {"call_number": "895.9221"},
        {"call_number": ""},
        {"barcode": "TN0002"},
        {"running": "12"},
        {"control": "c1"},
    ],
)
def test_two_copies_catalogued_with_other_marks_or_shelf_marks_are_one_title(other: dict[str, str]) -> None:
    assert fingerprint(**other) == fingerprint()


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Truyện Kiều tập chú"},
        {"author": "Nguyễn Dữ, bản dịch"},
        {"publisher": "Trẻ"},
        {"year": "1979"},
        {"volume": "T.1"},
    ],
)
def test_another_edition_is_another_title(other: dict[str, str]) -> None:
    assert fingerprint(**other) != fingerprint()


def test_a_volume_is_the_same_however_its_number_is_written() -> None:
    assert len({fingerprint(volume=volume) for volume in ("T.01", "T. 1", "Tập 1", "tập 01")}) == 1
    assert len({fingerprint(volume=volume) for volume in ("T.1", "T.2", "Q.1")}) == 3


def test_where_author_or_year_are_missing_the_class_must_agree() -> None:
    assert fingerprint(author="", call_number="800") != fingerprint(author="", call_number="900")
    assert fingerprint(author="", call_number="800 A") == fingerprint(author="", call_number="800 B")


def test_records_of_which_nothing_is_known_are_not_one_title() -> None:
    nothing = {"title": "", "author": "", "call_number": ""}
    assert fingerprint(**nothing, barcode="1") != fingerprint(**nothing, barcode="2")


# --- copies -----------------------------------------------------------------------------------------------------------


def test_every_copy_of_a_record_is_an_item_as_koha_describes_it() -> None:
    copy = [
        ("a", "TN"), ("b", "TB"), ("c", "Kho  mượn"), ("o", "895.9 K"), ("y", "BK"), ("v", "95000.00"), ("g", "1"),
    ]  # fmt: skip
    found = described(book(barcode=["TN0001", "TN0002"], copy=copy))
    assert [item.item_id for item in found.items] == ["TN0001", "TN0002"]
    item = found.items[0]
    assert (item.branch, item.call_number, item.type, item.price) == ("TN", "895.9 K", "book", 95_000)
    assert (item.parts, item.status) == (1, ItemStatus.IN_STOCK)
    assert not found.remarks


@pytest.mark.parametrize(
    ("copy", "status"),
    [
        ([("0", "1")], ItemStatus.WITHDRAWN),
        ([("1", "2")], ItemStatus.LOST),
        ([("4", "1")], ItemStatus.DAMAGED),
        ([("0", "0"), ("1", "0"), ("4", "0")], ItemStatus.IN_STOCK),
        ([("1", "1"), ("4", "1")], ItemStatus.LOST),
    ],
)
def test_what_koha_marks_as_lost_damaged_or_withdrawn_is_so(copy: list[tuple[str, str]], status: ItemStatus) -> None:
    assert described(book(copy=copy)).items[0].status is status


def test_what_is_not_for_loan_becomes_a_type_that_stays_in_the_house() -> None:
    assert described(book(copy=[("7", "1"), ("y", "BK")])).items[0].type == "reference"


def test_codes_are_translated_and_unknown_types_are_told() -> None:
    by = replace(mapping(), branches={"CL": "TN"}, types={"STK": "reference"}, default_branch="KHO")
    items = described(book(barcode=["1", "2"], copy=[("a", "CL"), ("y", "STK")]), by).items
    assert [(item.branch, item.type) for item in items] == [("TN", "reference")] * 2
    found = described(book(copy=[("y", "CDROM")]), by)
    assert (found.items[0].branch, found.items[0].type) == ("KHO", "book")
    assert [(remark.reason, remark.detail, remark.identifier) for remark in found.remarks] == [
        (Reason.TYPE_UNKNOWN, "CDROM", "TN0001")
    ]


def test_the_type_of_the_title_counts_where_the_copy_has_none() -> None:
    assert described(book(more=[("942", [("c", "REF")])])).items[0].type == "reference"


def test_a_copy_without_a_barcode_or_with_a_damaged_one_does_not_come_in() -> None:
    assert described(book(barcode="")).items == ()
    assert reasons(described(book(barcode=""))) == [Reason.BARCODE_MISSING]
    assert reasons(described(book(barcode="TN00\ufffd1"))) == [Reason.BARCODE_DAMAGED]
    assert reasons(described([("245", [("a", "Không có bản nào")])])) == [Reason.NO_COPIES]


def test_parts_are_counted_only_where_a_mapping_says_so() -> None:
    fields = book(copy=[("3", "2 tập + 1 CD")], more=[("300", [("e", "1 CD")])])
    assert described(fields).items[0].parts == 1
    by = replace(mapping(), parts="3")
    assert described(fields, by).items[0].parts == 2
    assert reasons(described(book(copy=[("3", "nhiều")]), by)) == [Reason.PARTS_UNREADABLE]


def test_a_price_in_other_money_is_no_price() -> None:
    found = described(book(copy=[("v", "$12.50")]))
    assert found.items[0].price == 0
    assert reasons(found) == [Reason.PRICE_UNREADABLE]


def test_copies_in_852_and_949_are_read_by_their_mappings() -> None:
    more: Fields = [("852", [("a", "TN"), ("b", "Kho"), ("c", "mượn"), ("h", "895"), ("i", "K"), ("p", "X1")])]
    item = described(book(barcode=(), more=more), mapping("852")).items[0]
    assert (item.item_id, item.branch, item.location, item.call_number) == ("X1", "TN", "Kho mượn", "895 K")
    accession: Fields = [("852", [("a", "TN"), ("j", "VV.001234")])]
    assert described(book(barcode=(), more=accession), mapping("852")).items[0].item_id == "VV.001234"
    sierra: Fields = [("949", [("a", "895.9 K"), ("i", "3100"), ("l", "tnkm"), ("t", "12"), ("p", "95.000")])]
    item = described(book(barcode=(), more=sierra), mapping("949")).items[0]
    assert (item.item_id, item.location, item.call_number, item.price) == ("3100", "tnkm", "895.9 K", 95_000)
