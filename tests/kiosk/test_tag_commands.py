"""``tramsach tag``: one object per tag, whatever its bytes, and bytes to write for every model."""

from __future__ import annotations

import json
import random
from io import BytesIO, TextIOWrapper

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.library_tag import Damage, Oid, TagModel, TagWarning, Unfit, Usage
from drivers.tag_models import decode
from kiosk import tags
from kiosk.tags import document
from tests.kiosk.typed import Ended, Typed, started

KEYS = [
    "model", "item_id", "isil", "parts_in_item", "part_number", "type_of_usage", "crc_ok", "fields", "warnings",
]  # fmt: skip
ANNEX_B1 = "1101013130303030303030353600000000000098A4444B373138353030000000"
ANNEX_B2 = (
    "110101313030303030303133360000000000003615444B3731383530300000000000"
    "0501000501"
    "22020071426F67766F676E656E00313233343536373839300000613738393635366300"
)
STANDARD_2 = "9100051cbe991a140201d0140204b34607441cb6e2e335d6830207acc09ebaa06f6b0000"
RFID_501 = "0411000032303039303130313031323300000000FFFFFFFF7FFFFFFF00000000"
ZEROS_UNPADDED = "00000000000000000000000000000000000000452A0000000000000000000000"


def objects(ended: Ended) -> list[dict[str, object]]:
    """Standard output as the objects that stand in it, one a line."""
    return [json.loads(line) for line in ended.out.splitlines()]


def one(typed: Typed, text: str) -> dict[str, object]:
    ended = typed("tag", "decode", text, "--json")
    assert (ended.code, ended.err) == (0, "")
    (found,) = objects(ended)
    assert list(found) == KEYS
    return found


def answer(*values: object) -> dict[str, object]:
    return dict(zip(KEYS, values, strict=True))


# --- decode -----------------------------------------------------------------------------------------------------------


def test_a_tag_of_fixed_length_is_told(typed: Typed) -> None:
    assert one(typed, ANNEX_B1) == answer("28560-3", "1000000056", "DK-718500", 1, 1, 1, True, None, [])


def test_extension_blocks_are_told_by_name(typed: Typed) -> None:
    fields = {"library_extension": ["01"], "acquisition": ["Bogvognen", "1234567890", "", "a789656c"]}
    assert one(typed, ANNEX_B2) == answer("28560-3", "1000000136", "DK-718500", 1, 1, 1, True, fields, [])


def test_a_tag_of_elements_is_told_by_their_names(typed: Typed) -> None:
    fields = {
        "primary_item_identifier": "123456789012",
        "content_parameter": [3, 4, 6],
        "set_information": "1203",
        "shelf_location": "QA268.L55",
        "owner_institution": "US-InU-Mu",
    }
    assert one(typed, STANDARD_2) == answer("28560-2", "123456789012", "US-InU-Mu", 12, 3, None, None, fields, [])


def test_other_models_are_told(typed: Typed) -> None:
    fields = {"media_type": 0, "branch": 4095, "library": 1048575, "custom": 2147483647}
    assert one(typed, RFID_501) == answer("rfid501", "200901010123", None, 1, 1, None, None, fields, [])
    plain = b"TN.00011".ljust(32, b"\0").hex()
    assert one(typed, plain) == answer("ascii", "TN.00011", None, None, None, None, None, None, [])


def test_what_is_odd_about_a_tag_is_told(typed: Typed) -> None:
    reverse = b"".join(bytes.fromhex(ANNEX_B1)[at : at + 4][::-1] for at in range(0, 32, 4)).hex()
    expected = answer("28560-3", "1000000056", "DK-718500", 1, 1, 1, True, None, ["blocks_reversed"])
    assert one(typed, reverse) == expected


def test_a_crc_of_the_old_kind_is_not_right_and_the_tag_is_read(typed: Typed) -> None:
    found = one(typed, "11010131303030303030303536000000000000FBDA444B373138353030000000")
    assert (found["item_id"], found["crc_ok"], found["warnings"]) == ("1000000056", False, ["unpadded_crc"])


@pytest.mark.parametrize(
    ("text", "model", "crc_ok", "warnings"),
    [
        ("00" * 32, None, None, ["blank"]),
        ("55" * 24 + "00" * 4, None, None, ["blank"]),
        ("", None, None, ["foreign"]),
        ("FF", None, None, ["foreign"]),
        ("FF" * 8192, None, None, ["foreign"]),
        (ANNEX_B1.replace("3536", "3537"), "28560-3", False, ["damaged_crc"]),
        (STANDARD_2[:40], "28560-2", None, ["damaged_elements"]),
        (ZEROS_UNPADDED, "28560-3", False, ["damaged_no_item_id", "unpadded_crc", "unknown_version", "parts_odd"]),
    ],
)
def test_blank_foreign_and_damaged_tags_are_answers(
    typed: Typed, text: str, model: str | None, crc_ok: bool | None, warnings: list[str]
) -> None:
    assert one(typed, text) == answer(model, None, None, None, None, None, crc_ok, None, warnings)


def test_every_tag_is_an_object_on_a_line_of_its_own_and_bad_ones_hold_up_none(typed: Typed) -> None:
    ended = typed("tag", "decode", ANNEX_B1, "12345", "tag", STANDARD_2, "--json")
    assert ended.code == 1
    assert [found["model"] for found in objects(ended)] == ["28560-3", "28560-2"]
    assert ended.sentences == [
        "✗ 12345: these are no bytes, two digits 0–9 or A–F each.",
        "✗ tag: these are no bytes, two digits 0–9 or A–F each.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        ANNEX_B1.lower(),
        "0x" + ANNEX_B1,
        "0X" + ANNEX_B1,
        " ".join(ANNEX_B1[at : at + 8] for at in range(0, 64, 8)),
        ":".join(ANNEX_B1[at : at + 2] for at in range(0, 64, 2)),
        "-".join(ANNEX_B1[at : at + 2] for at in range(0, 64, 2)),
        f" {ANNEX_B1}\t",
    ],
)
def test_bytes_may_be_written_as_programs_write_them(typed: Typed, text: str) -> None:
    assert one(typed, text)["item_id"] == "1000000056"


@pytest.mark.parametrize("text", ["1", "gg", "٣٣", "11 0", "Sách", "😀", "1" * 16385, "\x1b[31m", "\udcff"])
def test_what_is_no_bytes_is_refused_in_one_short_sentence(typed: Typed, text: str) -> None:
    ended = typed("tag", "decode", text, "--json")
    assert (ended.code, ended.out) == (1, "")
    (said,) = ended.sentences
    assert len(said) < 120


def test_tags_come_from_standard_input_too(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = f"{ANNEX_B1}\n\n  {STANDARD_2}\r\n".encode() + b"\xff\xfe\n00000000"
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(lines), encoding="utf-8"))
    ended = typed("tag", "decode", "-", RFID_501, "--json")
    assert ended.code == 1
    assert [found["model"] for found in objects(ended)] == ["28560-3", "28560-2", None, "rfid501"]
    assert ended.sentences == ["✗ \\xff\\xfe: these are no bytes, two digits 0–9 or A–F each."]


def test_a_program_of_its_own_reads_them_as_well() -> None:
    ended = started("tag", "decode", "-", "--json", said=f"{ANNEX_B1}\n")
    assert (ended.code, ended.err) == (0, "")
    assert objects(ended)[0]["item_id"] == "1000000056"
    assert started("tag", "decode", "-", "--json").out == ""


def test_without_json_there_is_a_table_and_a_sentence_for_every_warning(typed: Typed) -> None:
    reverse = b"".join(bytes.fromhex(ANNEX_B1)[at : at + 4][::-1] for at in range(0, 32, 4)).hex()
    ended = typed("tag", "decode", reverse, "00" * 8, ANNEX_B1.replace("3536", "3537"), "FF")
    assert (ended.code, ended.err) == (0, "")
    for words in ("1000000056", "DK-718500", "1 of 1", "circulating", "fixed length", "right"):
        assert words in ended.out
    for sentence in ("in reverse order", "A blank chip", "Damaged: the CRC is wrong.", "A foreign chip"):
        assert ended.out.count(sentence) == 1


def test_the_table_tells_what_the_object_tells(typed: Typed) -> None:
    ended = typed("tag", "decode", STANDARD_2, RFID_501, ANNEX_B2)
    told = ("123456789012", "US-InU-Mu", "3 of 12", "QA268.L55", "3, 4, 6", "4095", "Bogvognen, 1234567890, , a789656c")
    for words in told:
        assert words in ended.out


def test_what_stands_on_a_tag_is_no_markup(typed: Typed) -> None:
    ended = typed("tag", "decode", b"[red]7[/red]".ljust(32, b"\0").hex())
    assert "[red]7[/red]" in ended.out


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_and_a_table(typed: Typed, raw: bytes) -> None:
    assert list(one(typed, raw.hex())) == KEYS
    assert typed("tag", "decode", raw.hex()).code == 0


@given(st.text(max_size=60))
def test_any_text_is_bytes_or_is_not(text: str) -> None:
    raw = tags._bytes(text)  # noqa: SLF001 - a line of the command takes longer than a thousand of these
    assert raw is None or 2 * len(raw) <= len(text)


@given(st.binary(max_size=300))
def test_any_tag_goes_into_json(raw: bytes) -> None:
    written = json.dumps(document(raw, decode(raw)), ensure_ascii=False)
    assert "\n" not in written
    assert list(json.loads(written)) == KEYS


def test_eight_kilobytes_are_an_object(typed: Typed) -> None:
    raw = random.Random(8192).randbytes(8192)  # a fixed sequence
    assert one(typed, raw.hex())["warnings"] == ["foreign"]


# --- encode -----------------------------------------------------------------------------------------------------------


def written(typed: Typed, *words: str) -> str:
    ended = typed("tag", "encode", *words)
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.out.splitlines()
    return line


def test_the_published_tag_of_fixed_length_is_written(typed: Typed) -> None:
    line = written(typed, "--model", "28560-3", "--item-id", "1000000056", "--isil", "DK-718500", "--size", "32")
    assert line == ANNEX_B1


@pytest.mark.parametrize("model", ["28560-3", "28560-2"])
def test_what_was_written_is_decoded_to_the_same(typed: Typed, model: str) -> None:
    line = written(
        typed,
        *("--model", model, "--item-id", "TN.00011", "--isil", "VN-TN"),
        *("--parts-in-item", "12", "--part-number", "3", "--type-of-usage", "2"),
    )
    found = one(typed, line)
    del found["fields"]
    assert list(found.values()) == [model, "TN.00011", "VN-TN", 12, 3, 2, True if model == "28560-3" else None, []]


def test_elements_are_given_by_name(typed: Typed) -> None:
    line = written(
        typed,
        *("--model", "28560-2", "--item-id", "123456789012", "--isil", "US-InU-Mu"),
        *("--field", "shelf_location=QA268.L55", "--field", "title=Truyện Kiều = Kim Vân Kiều"),
        *("--separate", "primary_item_identifier", "--separate", "owner_institution", "--size", "200"),
    )
    assert line.startswith("9100051CBE991A14")
    assert line.endswith("830207ACC09EBAA06F6B000000000000")
    fields = one(typed, line)["fields"]
    assert isinstance(fields, dict)
    assert fields["shelf_location"] == "QA268.L55"
    assert fields["title"] == "Truyện Kiều = Kim Vân Kiều"


def test_blocks_are_turned_round_where_a_library_has_them_so(typed: Typed) -> None:
    line = written(typed, "--model", "28560-3", "--item-id", "TN.00011", "--reversed-blocks")
    assert one(typed, line)["warnings"] == ["blocks_reversed"]


def test_a_tag_of_3m_is_written(typed: Typed) -> None:
    line = written(typed, "--model", "rfid501", "--item-id", "TN.00011", "--parts-in-item", "2")
    assert len(line) == 64
    assert one(typed, line)["model"] == "rfid501"


def test_a_long_tag_stays_on_one_line(typed: Typed) -> None:
    line = written(typed, "--model", "28560-2", "--item-id", "1", "--field", f"title={'ế' * 300}", "--size", "8192")
    assert len(line) > 1800


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--model 28560-3 --item-id 12345678901234567", 1, "The item identifier has more than 16 bytes."),
        ("--model 28560-3 --item-id 1 --isil Hanoi", 1, "This is no ISIL"),
        ("--model 28560-3 --item-id 1 --size 31", 1, "The chip is too small"),
        ("--model rfid501 --item-id 1 --size 31", 1, "The chip is too small"),
        ("--model rfid501 --item-id 1 --parts-in-item 16", 1, "The number of the part"),
        ("--model 28560-2 --item-id 1 --part-number 2", 1, "The number of the part"),
        ("--model 28560-2 --item-id 1 --size 4", 1, "The elements do not fit"),
        ("--model 28560-2 --item-id 1 --field title=", 1, "An element cannot be written"),
        ("--model 28560-2 --item-id 1 --field set_information=21", 1, "There is no such element to give"),
        ("--model 28560-2 --item-id 1 --field nonsense", 1, "There is no such element to give: nonsense."),
        ("--model 28560-2 --item-id 1 --separate reserved_27", 1, "There is no such element to give: reserved_27."),
        ("--model 28560-3 --item-id 1 --field title=A", 1, "Only 28560-2 has elements."),
        ("--model 28560-3 --item-id 1 --separate title", 1, "Only 28560-2 has elements."),
        ("--model 28560-2 --item-id 1 --reversed-blocks", 1, "Only 28560-3 has blocks that are turned round."),
        ("--model 28560-4 --item-id 1", 2, "choose one of: 28560-3, 28560-2, rfid501."),
        ("--model 28560-3", 2, "--item-id"),
        ("--model 28560-3 --item-id 1 --type-of-usage 16", 2, "from 0 to 15"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_sentence(typed: Typed, words: str, code: int, said: str) -> None:
    ended = typed("tag", "encode", *words.split())
    assert (ended.code, ended.out) == (code, "")
    (sentence,) = ended.sentences
    assert said in sentence


def test_an_item_without_a_number_is_refused(typed: Typed) -> None:
    ended = typed("tag", "encode", "--model", "28560-3", "--item-id", "")
    assert (ended.code, ended.sentences) == (1, ["The item identifier is missing."])


# --- words ------------------------------------------------------------------------------------------------------------


def test_everything_that_can_be_said_of_a_tag_has_its_words() -> None:
    assert set(tags._MODELS) == set(TagModel)  # noqa: SLF001 - a sentence that is missing would be a traceback
    assert set(tags._WARNINGS) == set(TagWarning)  # noqa: SLF001
    assert set(tags._DAMAGES) == set(Damage)  # noqa: SLF001
    assert set(tags._UNFIT) == set(Unfit)  # noqa: SLF001
    assert set(tags._USAGES) == {usage for usage in Usage if usage < Usage.RESERVED_10}  # noqa: SLF001
    assert set(tags._ELEMENTS.values()) == {oid for oid in Oid if oid <= Oid.LOCAL_DATA_C}  # noqa: SLF001


def test_tags_are_told_in_vietnamese(typed: Typed) -> None:
    ended = typed("tag", "decode", ANNEX_B1, "00" * 8, lang="vi")
    assert "Chip trắng" in ended.out
    assert "cho mượn" in ended.out
    assert typed("tag", "encode", "--model", "28560-3", "--item-id", "", lang="vi").err.startswith("Thiếu")
