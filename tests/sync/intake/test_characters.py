"""Which encoding a record is in, whatever its leader says, and what is put right in its text."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.intake.characters import DAMAGED, clean, decode, likeliest_legacy
from sync.intake.reasons import Reason
from tests.sync.intake.quirky import marc8, windows_1258

VIETNAMESE = [
    "Truyện Kiều",
    "Đường xưa mây trắng",
    "Nguyễn Nhật Ánh",
    "Những ngã tư và những cột đèn",
    "Ước mơ của Thủy",
    "ẾCH NGỒI ĐÁY GIẾNG",
    "Bộ luật lao động nước Cộng hòa Xã hội Chủ nghĩa Việt Nam",
]


@pytest.mark.parametrize("text", VIETNAMESE)
@pytest.mark.parametrize("says_utf8", [True, False])
@pytest.mark.parametrize("written", [str.encode, marc8, windows_1258], ids=["utf8", "marc8", "cp1258"])
def test_vietnamese_is_read_in_its_own_encoding_whatever_the_leader_says(
    text: str, says_utf8: bool, written: Callable[[str], bytes]
) -> None:
    texts, reasons = decode([written(text)], says_utf8)
    assert texts == [text]
    rightly = (says_utf8 and written is str.encode) or (not says_utf8 and written is marc8)
    assert (Reason.ENCODING_FLAG_WRONG in reasons) is not rightly


def test_a_tone_written_before_the_mark_that_makes_the_letter_is_composed_all_the_same() -> None:
    texts, _ = decode([marc8("Nguyễn Đình Chiểu", tone_first=True)], says_utf8=False)
    assert [clean(text, set()) for text in texts] == ["Nguyễn Đình Chiểu"]


@pytest.mark.parametrize("text", ["Les misérables", "Über den Fluß", "El niño"])
def test_west_european_text_in_latin_1_is_read_as_such(text: str) -> None:
    assert decode([text.encode("latin-1")], says_utf8=True)[0] == [text]


def test_scripts_reached_by_escape_sequences_are_read_by_marc_8() -> None:
    assert decode([b"\x1b(NpRIWET\x1b(B"], says_utf8=False) == (["Привет"], set())
    assert decode([b"\x1b$1!0!\x1b(B"], says_utf8=False)[0] == ["一"]


def test_a_cut_escape_sequence_neither_raises_nor_says_anything_on_the_console(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for cut in (b"\x1b", b"abc\x1b$", b"\x1b$1!0", b"\x1b(1!0!!", b"\x1b$1", b"\x1b,", b"\x1b1!0!!"):
        decode([cut], says_utf8=False)
    assert capfd.readouterr() == ("", "")


def test_a_broken_letter_in_utf_8_spoils_itself_alone() -> None:
    whole, cut = "Đường xa".encode(), "Nguyễn Du".encode()[:-4] + b"\xff Du"
    texts, reasons = decode([whole, cut], says_utf8=True)
    assert texts[0] == "Đường xa"
    assert texts[1].startswith("Nguy")
    assert DAMAGED in texts[1]
    assert not reasons


def test_bytes_that_mean_nothing_in_marc_8_show_as_damaged() -> None:
    (text,), _ = decode([b"abc\x80\x81def \xe2"], says_utf8=False)
    assert DAMAGED in text
    assert text.startswith("abc")


@given(st.lists(st.binary(max_size=40), max_size=8), st.booleans())
def test_any_bytes_can_be_decoded_and_cleaned(values: list[bytes], says_utf8: bool) -> None:
    texts, _ = decode(values, says_utf8)
    assert len(texts) == len(values)
    for text in texts:
        cleaned = clean(text, set())
        assert unicodedata.is_normalized("NFC", cleaned)
        assert cleaned == cleaned.strip()
        assert not {unicodedata.category(letter) for letter in cleaned} & {"Cc", "Cf", "Cs"}


@given(st.text(alphabet="aàáảãạăằắẳẵặâầấẩẫậđeèéêềếểễệiìíoòóôồốơờớợuùúưừứyỳýbcghklmnpqrstvx ĐÂÊÔƠƯ", max_size=60))
def test_vietnamese_in_utf_8_is_never_taken_for_anything_else(text: str) -> None:
    assert decode([text.encode()], says_utf8=True) == ([text], set())


@pytest.mark.parametrize(
    ("written", "read", "reason"),
    [
        ("Nguyễn  Du ", "Nguyễn Du", None),
        ("Visual Basic\u00a02008\u00a0", "Visual Basic 2008", None),
        ("\u200bMark Gardener", "Mark Gardener", None),
        (unicodedata.normalize("NFD", "Truyện Kiều"), "Truyện Kiều", Reason.DECOMPOSED),
        ("R&amp;D &#7873; &eacute;", "R&D ề é", Reason.HTML_ENTITIES),
        ("AT&T; Q&A", "AT&T; Q&A", None),
        ("C\u0000D", f"C{DAMAGED}D", Reason.DAMAGED_TEXT),
        ("\u0098The \u009cHobbit", "The Hobbit", None),
        ("Tiểu thuyết [Transcribing error] Nga", "Tiểu thuyết Nga", Reason.TRANSCRIBING_ERROR),
    ],
)
def test_text_is_put_right_and_the_reason_told(written: str, read: str, reason: Reason | None) -> None:
    reasons: set[Reason] = set()
    assert clean(written, reasons) == read
    assert reasons == ({reason} if reason else set())


def test_a_list_of_readers_is_taken_for_windows_1258_only_if_its_words_are_vietnamese() -> None:
    assert likeliest_legacy(windows_1258("Nguyễn Thị Hồng Nhung\nĐỗ Văn Đức")) == "cp1258"
    # The same names in TCVN3 (fonts named .VnTime), and in VNI.
    assert likeliest_legacy("NguyÔn ThÞ Hång Nhung, §ç V¨n §øc".encode("cp1252")) is None
    assert likeliest_legacy("Nguyeãn Thò Hoàng Nhung, Ñoã Vaên Ñöùc".encode("cp1252")) is None
