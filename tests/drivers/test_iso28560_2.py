"""Tags of data elements: the standard's example, every element there and back, and what is odd about some tags."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iso15693 import BLOCK_SIZE
from drivers.iso15962 import Compaction, Object, compact, parse
from drivers.iso28560_2 import decode, encode, listed_oids
from drivers.library_tag import Damage, DamagedTag, Element, LibraryTag, Oid, TagModel, TagWarning, Unfit, Usage
from tests.drivers.tag_vectors import ANNEX_P, STANDARD_2

APPLICATION, OCTETS = Compaction.APPLICATION_DEFINED, Compaction.OCTETS

STANDARD_SAYS = LibraryTag(
    "123456789012",
    "US-InU-Mu",
    parts_in_item=12,
    part_number=3,
    usage=None,
    model=TagModel.ISO_28560_2,
    elements=(
        Element(Oid.PRIMARY_ITEM_IDENTIFIER, "123456789012"),
        Element(Oid.CONTENT_PARAMETER, None, b"\xd0"),
        Element(Oid.SET_INFORMATION, "1203"),
        Element(Oid.SHELF_LOCATION, "QA268.L55"),
        Element(Oid.OWNER_INSTITUTION, "US-InU-Mu"),
    ),
)


def memory(*objects: tuple[int, Compaction, bytes] | tuple[int, str]) -> bytes:
    """The bytes of objects: of a text its shortest form."""
    written = [Object(one[0], *compact(one[1])) if len(one) == 2 else Object(*one) for one in objects]
    return b"".join(one.encode() for one in written)


def read(raw: bytes, *, whole: bool = True) -> LibraryTag:
    tag = decode(raw, whole=whole)
    assert isinstance(tag, LibraryTag)
    assert tag.model is TagModel.ISO_28560_2
    return tag


def written(tag: LibraryTag, size: int = 112) -> bytes:
    data = encode(tag, size)
    assert isinstance(data, bytes)
    return data


# --- the standard's example -------------------------------------------------------------------------------------------


def test_the_standards_example_is_read() -> None:
    assert decode(STANDARD_2) == STANDARD_SAYS
    assert decode(STANDARD_2.ljust(112, b"\0")) == STANDARD_SAYS
    assert listed_oids(b"\xd0") == (3, 4, 6)


def test_the_standards_example_is_written_byte_by_byte() -> None:
    lockable = {Oid.PRIMARY_ITEM_IDENTIFIER, Oid.OWNER_INSTITUTION}
    assert encode(STANDARD_SAYS, 36, separate=lockable) == STANDARD_2
    assert encode(STANDARD_SAYS, 112, separate=lockable) == STANDARD_2 + bytes(4)


def test_without_separate_elements_nothing_is_padded_and_the_oids_ascend() -> None:
    data = written(STANDARD_SAYS)
    assert [one.oid for one in parse(data).found] == [1, 2, 3, 4, 6]
    assert data == bytes.fromhex("11051CBE991A14 0201D0 0307ACC09EBAA06F6B 140204B3 4607441CB6E2E335D6 00000000")
    assert set(read(data).elements) == set(STANDARD_SAYS.elements)


def test_an_example_with_a_leading_zero_and_odd_padding_is_read() -> None:
    tag = read(ANNEX_P)
    assert tag.item_id == "12345678912345678"
    assert tag.elements[1:3] == (
        Element(Oid.ONIX_MEDIA_FORMAT, "AB12XY"),
        Element(Oid.SUPPLIER_IDENTIFIER, "20091231"),
    )
    assert tag.warnings == (TagWarning.ELEMENT_UNREADABLE,)


def test_a_tag_as_they_are_found_in_the_field_is_read() -> None:
    """Usage as an octet, an ONIX code as octets, an ISIL of upper and lower case."""
    raw = memory((1, "0012345"), (2, APPLICATION, b"\xa8"), (5, OCTETS, b"\x10"), (7, OCTETS, b"BA"))
    raw += Object(3, APPLICATION, bytes.fromhex("ACC09EBAA06F6B")).encode()
    tag = read(raw)
    assert (tag.item_id, tag.isil, tag.usage, tag.warnings) == ("0012345", "US-InU-Mu", Usage.CIRCULATING, ())
    assert Element(Oid.ONIX_MEDIA_FORMAT, "BA") in tag.elements


# --- single elements --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "part", "digits"),
    [
        (2, 1, "21"),
        (9, 9, "99"),
        (10, 1, "1001"),
        (12, 3, "1203"),
        (99, 7, "9907"),
        (100, 5, "100005"),
        (255, 255, "255255"),
    ],
)
def test_set_information_is_made_of_the_parts(parts: int, part: int, digits: str) -> None:
    tag = LibraryTag("1", parts_in_item=parts, part_number=part, model=TagModel.ISO_28560_2)
    back = read(written(tag))
    assert Element(Oid.SET_INFORMATION, digits) in back.elements
    assert (back.parts_in_item, back.part_number, back.warnings) == (parts, part, ())


def test_an_item_of_one_part_needs_no_set_information() -> None:
    back = read(written(LibraryTag("1")))
    assert [element.oid for element in back.elements] == [1, 2, 5]
    assert (back.parts_in_item, back.part_number) == (1, 1)


@pytest.mark.parametrize(
    ("digits", "parts", "part", "odd"),
    [
        ("11", 1, 1, False),
        ("0201", 2, 1, False),
        ("003002", 3, 2, False),
        ("12", 1, 2, True),
        ("20", 2, 0, True),
        ("0000", 0, 0, True),
        ("123", 0, 0, True),
        ("1", 0, 0, True),
        ("A1", 0, 0, True),
        ("00200001", 0, 0, True),
        ("9" * 9000, 0, 0, True),
    ],
)
def test_set_information_that_cannot_be_is_read_with_a_warning(digits: str, parts: int, part: int, odd: bool) -> None:
    tag = read(memory((1, "1234567"), (4, digits), (6, "A1")))
    assert (tag.parts_in_item, tag.part_number) == (parts, part)
    assert tag.warnings == ((TagWarning.PARTS_ODD,) if odd else ())


@pytest.mark.parametrize(
    ("compaction", "data", "usage"),
    [
        (APPLICATION, b"\x10", Usage.CIRCULATING),
        (APPLICATION, b"\x82", Usage.PATRON_CARD),
        (OCTETS, b"\x21", Usage.NOT_FOR_CIRCULATION),
        (OCTETS, b"7A", Usage.DISCARDED),
        (Compaction.INTEGER, b"\x0a", Usage.CIRCULATING),
        (Compaction.NUMERIC, b"\x00", Usage.ACQUISITION),
        (APPLICATION, b"", None),
        (APPLICATION, b"\x10\x00", None),
        (OCTETS, b"XY", None),
    ],
)
def test_usage_is_a_byte_and_some_write_its_digits(compaction: Compaction, data: bytes, usage: Usage | None) -> None:
    tag = read(memory((1, "1234567"), (5, compaction, data), (6, "A1")))
    assert tag.usage is usage
    assert tag.warnings == (() if usage is not None else (TagWarning.USAGE_UNREADABLE,))


def test_usage_is_written_as_one_byte_with_the_subclass_it_had() -> None:
    tag = LibraryTag("1", usage=Usage.PATRON_CARD)
    assert Object(5, APPLICATION, b"\x80").encode() in written(tag)
    kept = replace(tag, elements=(Element(Oid.TYPE_OF_USAGE, "82"),))
    assert Object(5, APPLICATION, b"\x82").encode() in written(kept)
    changed = replace(kept, usage=Usage.DISCARDED)
    assert Object(5, APPLICATION, b"\x70").encode() in written(changed)
    assert [one.oid for one in parse(written(replace(tag, usage=None))).found] == [1]


def test_only_an_item_identifier_needs_no_content_parameter() -> None:
    assert written(LibraryTag("1234567", usage=None)) == bytes.fromhex("1103 12D687 000000")


@pytest.mark.parametrize(
    ("oids", "bits"),
    [
        ((3,), "80"),
        ((4,), "40"),
        ((10,), "01"),
        ((11,), "0080"),
        ((6, 13), "1020"),
        ((26,), "000001"),
        ((5, 25), "200002"),
    ],
)
def test_the_content_parameter_lists_what_there_is(oids: tuple[int, ...], bits: str) -> None:
    assert listed_oids(bytes.fromhex(bits)) == oids
    texts = {3: "VN-TN", 5: "10", 11: "VN-BK"}
    elements = tuple(Element(Oid(oid), texts.get(oid, "X")) for oid in oids)
    tag = LibraryTag("1234567", elements=elements, usage=Usage.CIRCULATING if 5 in oids else None)
    tag = replace(tag, isil="VN-TN" if 3 in oids else "", parts_in_item=2 if 4 in oids else 1)
    content_parameter = parse(written(tag)).found[1]
    assert content_parameter == Object(2, APPLICATION, bytes.fromhex(bits))


@pytest.mark.parametrize(
    ("bits", "wrong"),
    [(b"\x20", False), (b"\x20\x00", False), (b"\x60", True), (b"\x00", True), (b"", True), (b"\x20\x01", True)],
)
def test_a_content_parameter_that_lists_something_else_is_told(bits: bytes, wrong: bool) -> None:
    for compaction in (APPLICATION, OCTETS):
        tag = read(memory((1, "1234567"), (2, compaction, bits), (5, APPLICATION, b"\x10")))
        assert (TagWarning.CONTENT_PARAMETER_WRONG in tag.warnings) is wrong


def test_local_bytes_are_kept_as_bytes() -> None:
    local = Element(Oid.LOCAL_DATA_A, None, b"\x01\xff")
    tag = read(written(LibraryTag("1", elements=(local,))))
    assert local in tag.elements
    assert tag.warnings == ()
    assert read(written(tag)).elements == tag.elements


@pytest.mark.parametrize(
    ("oid", "compaction", "data"),
    [
        (17, Compaction.UTF_8, b"\xff"),
        (17, Compaction.OCTETS, b"a\0b"),
        (17, Compaction.FIVE_BIT, b"\0\0"),
        (3, APPLICATION, b"\x00\xe0"),
        (11, APPLICATION, b"\xff\xff"),
    ],
)
def test_an_element_that_is_no_text_costs_nothing_else(oid: int, compaction: Compaction, data: bytes) -> None:
    tag = read(memory((1, "1234567"), (oid, compaction, data), (6, "A1")))
    assert tag.warnings == (TagWarning.ELEMENT_UNREADABLE,)
    assert tag.elements[1] == Element(Oid(oid), None, data)
    assert tag.elements[2].text == "A1"
    assert tag.isil == ""


def test_texts_enter_in_composed_form_without_blanks_around_them() -> None:
    tag = read(memory((1, Compaction.UTF_8, "Đầu ".encode()), (17, Compaction.UTF_8, b" e\xcc\x81")))
    assert tag.item_id == "Đầu"
    assert tag.elements[1].text == "é"


# --- what is this model and what is not -------------------------------------------------------------------------------


def test_an_item_identifier_that_is_not_first_is_told() -> None:
    tag = read(memory((6, "A1"), (1, "1234567")))
    assert tag.item_id == "1234567"
    assert tag.warnings == (TagWarning.ITEM_ID_NOT_FIRST,)


def test_elements_that_the_standard_keeps_for_later_are_told() -> None:
    tag = read(memory((1, "1234567"), (27, "A"), (31, "B")))
    assert tag.warnings == (TagWarning.ELEMENT_UNKNOWN,)
    assert [element.text for element in tag.elements[1:]] == ["A", "B"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        memory((6, "A1")),
        memory((1, Compaction.OCTETS, b"")),
        memory((1, Compaction.OCTETS, b"  ")),
        memory((1, Compaction.OCTETS, b"\x07")),
        memory((1, APPLICATION, b"123")),
        memory((1, "1234567"), (32, "A")),
        memory((1, "1234567"), (1, "1234568")),
        memory((1, "1234567"), (6, "A"), (6, "A")),
        memory((1, "1234567")) + b"\x10",
        memory((1, "1234567")) + b"\x06\x09",
    ],
)
def test_what_is_no_list_of_elements_is_not_of_this_model(raw: bytes) -> None:
    assert decode(raw) is None


#: Where elements of the standard's example end, behind its content parameter.
ENDS = {15, 24, 36}


@pytest.mark.parametrize("length", sorted({*range(11, 36)} - ENDS - {11}))
def test_a_tag_that_begins_like_this_model_and_is_cut_off_is_damaged(length: int) -> None:
    raw = STANDARD_2[:length]
    assert decode(raw) == DamagedTag(raw, Damage.ELEMENTS, TagModel.ISO_28560_2)


@pytest.mark.parametrize("behind", [b"\x10", b"\x06\x09", b"\x06\x01A", b"\x0f\x11\x00"])
@pytest.mark.parametrize("length", sorted(ENDS))
def test_a_tag_that_begins_like_this_model_and_does_not_go_on_is_damaged(length: int, behind: bytes) -> None:
    raw = STANDARD_2[:length] + behind
    if (length, behind) != (15, b"\x06\x01A"):  # there it is the only shelf location
        assert decode(raw) == DamagedTag(raw, Damage.ELEMENTS, TagModel.ISO_28560_2)


def test_a_damaged_beginning_promises_nothing() -> None:
    raw = memory((1, Compaction.OCTETS, b"\x07"), (2, APPLICATION, b"\x80")) + b"\x10"
    assert decode(raw) is None


def test_of_a_part_of_a_tag_the_rest_is_asked_for() -> None:
    part = STANDARD_2[:20]
    tag = read(part, whole=False)
    assert tag.item_id == "123456789012"
    assert (tag.parts_in_item, tag.part_number) == (12, 3)
    assert tag.warnings == (TagWarning.CUT_OFF,)
    for length in (13, 15):
        assert read(STANDARD_2[:length], whole=False).warnings == (TagWarning.CUT_OFF,)
    assert read(STANDARD_2 + b"\0", whole=False).warnings == ()


def test_without_a_content_parameter_more_must_be_readable_than_not() -> None:
    item, place, broken = memory((1, "1234567")), memory((6, "A1")), Object(17, Compaction.UTF_8, b"\xff").encode()
    assert decode(item + broken) is None
    assert isinstance(decode(item + place + broken), LibraryTag)
    assert decode(item + place + broken + memory((15, APPLICATION, b"1"))) is None
    assert isinstance(decode(item + memory((2, APPLICATION, b"\0\x02")) + broken), LibraryTag)


def test_of_a_part_of_a_tag_little_is_believed() -> None:
    item = memory((1, "1234567"))
    assert decode(item + b"\x06\x09", whole=False) is None
    unreadable = Object(17, Compaction.UTF_8, b"\xff").encode()
    assert decode(item + unreadable + b"\x06\x09", whole=False) is None
    assert decode(item + b"\x10", whole=False) is None


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "size", "unfit"),
    [
        (LibraryTag(""), 112, Unfit.ITEM_ID_EMPTY),
        (LibraryTag("1\n2"), 112, Unfit.ITEM_ID_NOT_TEXT),
        (LibraryTag("1 "), 112, Unfit.ITEM_ID_NOT_TEXT),
        (LibraryTag("1", isil="Thái Nguyên"), 112, Unfit.ISIL_WRONG),
        (LibraryTag("1", isil="VN-12345678901234"), 112, Unfit.ISIL_TOO_LONG),
        (LibraryTag("1", parts_in_item=2, part_number=3), 112, Unfit.PARTS_WRONG),
        (LibraryTag("1", parts_in_item=2, part_number=0), 112, Unfit.PARTS_WRONG),
        (LibraryTag("1", parts_in_item=256), 112, Unfit.PARTS_WRONG),
        (LibraryTag("1", elements=(Element(Oid.TITLE, ""),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.TITLE, "a\n"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.TITLE, "e\u0301"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.ILL_BORROWING_INSTITUTION, "Bắc Kạn"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.ILL_BORROWING_INSTITUTION, None, b"\xff"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.SUPPLY_CHAIN_STAGE, "1"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.MEDIA_FORMAT_OTHER, "1G"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.RESERVED_27, "1"),)), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.TITLE, "A"), Element(Oid.TITLE, "B"))), 112, Unfit.ELEMENT_WRONG),
        (LibraryTag("1", elements=(Element(Oid.TITLE, "A" * 200),)), 112, Unfit.ELEMENTS_TOO_LONG),
        (LibraryTag("123456789012", usage=None), 6, Unfit.ELEMENTS_TOO_LONG),
    ],
)
def test_what_does_not_go_on_a_tag_is_refused_with_its_reason(tag: LibraryTag, size: int, unfit: Unfit) -> None:
    assert encode(tag, size) is unfit


def test_what_is_written_ends_where_the_tag_does() -> None:
    tag = LibraryTag("123456789012", usage=None)
    for size in range(7, 20):
        assert written(tag, size) == bytes.fromhex("11051CBE991A14").ljust(min(size, 8), b"\0")


TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=16)
VIETNAMESE = st.sampled_from(["Truyện Kiều", "Ổ", "é", "ĐC 895.922", "TK 1"])
ISIL = st.from_regex(r"[A-Z]{2}-[A-Za-z0-9/:][A-Za-z0-9/:-]{0,12}", fullmatch=True)
CODE = st.from_regex(r"[0-9A-F]{2}", fullmatch=True)
GIVEN = {Oid.ILL_BORROWING_INSTITUTION: ISIL, Oid.MEDIA_FORMAT_OTHER: CODE, Oid.SUPPLY_CHAIN_STAGE: CODE}
OTHERS = [oid for oid in Oid if Oid.SHELF_LOCATION <= oid <= Oid.LOCAL_DATA_C]


@st.composite
def tags(draw: st.DrawFn) -> LibraryTag:
    parts = draw(st.integers(1, 255))
    oids = draw(st.lists(st.sampled_from(OTHERS), unique=True, max_size=6))
    return LibraryTag(
        draw(TEXT),
        draw(st.just("") | ISIL),
        parts,
        draw(st.integers(1, parts)),
        draw(st.none() | st.sampled_from(Usage)),
        TagModel.ISO_28560_2,
        elements=tuple(Element(oid, draw(GIVEN.get(oid, TEXT | VIETNAMESE))) for oid in oids),
    )


@given(tags(), st.sets(st.sampled_from(Oid), max_size=4))
def test_what_was_written_is_read_again(tag: LibraryTag, separate: set[Oid]) -> None:
    data = encode(tag, 2000, separate=separate)
    assert isinstance(data, bytes)
    assert len(data) % BLOCK_SIZE == 0
    back = read(data.ljust(2000, b"\0"))
    assert replace(back, elements=()) == replace(tag, elements=())
    assert set(tag.elements) <= set(back.elements)
    # What was read can be written again, to the same bytes.
    assert encode(back, 2000, separate=separate) == data


@given(tags(), st.sets(st.sampled_from(Oid), max_size=4))
def test_separate_elements_share_no_block_with_others(tag: LibraryTag, separate: set[Oid]) -> None:
    data = encode(tag, 2000, separate=separate)
    assert isinstance(data, bytes)
    oids = [one.oid for one in parse(data).found]
    assert oids[0] == Oid.PRIMARY_ITEM_IDENTIFIER
    assert oids[1:2] in ([], [Oid.CONTENT_PARAMETER])
    held = dict[int, set[bool]]()
    at = 0
    for count, oid in enumerate(oids, start=1):
        end = next(end for end in range(at + 1, len(data) + 1) if len(parse(data[:end]).found) == count)
        for block in range(at // BLOCK_SIZE, (end - 1) // BLOCK_SIZE + 1):
            held.setdefault(block, set()).add(oid in separate)
        at = end
    assert all(len(kinds) == 1 for kinds in held.values())
    if oids[-1] in separate:
        assert at % BLOCK_SIZE == 0


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_a_tag_or_damaged_or_nothing(raw: bytes, whole: bool) -> None:
    assert isinstance(decode(raw, whole=whole), LibraryTag | DamagedTag | None)


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(Compaction), st.binary(max_size=20)), max_size=6))
def test_any_objects_are_a_tag_or_damaged_or_nothing(objects: list[tuple[int, Compaction, bytes]]) -> None:
    match decode(memory((1, "1234567"), *objects)):
        case LibraryTag(item_id=item_id, elements=elements):
            assert item_id == "1234567"
            assert all(element.text is None or element.text.isprintable() for element in elements)
        case other:
            assert other is None or isinstance(other, DamagedTag)


@pytest.mark.parametrize("oid", [Oid.LOCAL_DATA_A, Oid.LOCAL_DATA_B, Oid.TITLE])
def test_what_is_padded_is_an_element_whose_oid_fits_into_its_precursor(oid: Oid) -> None:
    """Readers do not agree how the others are padded."""
    tag = LibraryTag("1234567", elements=(Element(oid, "A"), Element(Oid.LOCAL_DATA_C, "BB")), usage=None)
    data = encode(tag, 112, separate={Oid.LOCAL_DATA_C})
    assert isinstance(data, bytes)
    content_parameter, local, last = (data.index(precursor) for precursor in (b"\x82", b"\x6f", b"\xef"))
    assert content_parameter < local < last == 16  # the last one stands alone, so there is no other to pad


def test_usages_have_the_numbers_of_the_standard() -> None:
    assert [usage.value for usage in Usage] == [*range(16)]
    assert [oid.value for oid in Oid] == [*range(1, 32)]


def test_no_value_shows_in_a_repr() -> None:
    tag = LibraryTag("P0012345", elements=(Element(Oid.TITLE, "P0012345", b"P0012345"),))
    assert "P0012345" not in repr(tag) + repr(Object(1, OCTETS, b"P0012345"))
