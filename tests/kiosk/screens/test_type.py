"""Letters and lines, without Kivy: which font has what, where lines break, what is cut."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.screens.theme import WEIGHTS, tokens
from kiosk.screens.type import FONTS, GLYPHS, UNKNOWN, Coverage, Face, break_lines, face, runs, system_fallback, words

LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
OWN = face(FONTS / "BeVietnamPro-Medium.ttf")
HAN = Face(Path("han.ttc"), Coverage((0x3040, 0x4E00, 0xAC00), (0x3100, 0xA000, 0xD7A4)), 0.24)


def by_letters(text: str) -> float:
    """A measure in which Han letters are twice as wide as others."""
    return sum(2.0 if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in text)


@pytest.mark.parametrize("weight", WEIGHTS.values())
def test_the_typeface_has_every_vietnamese_letter_and_sign_in_every_weight(weight: str) -> None:
    font = face(FONTS / f"BeVietnamPro-{weight}.ttf")
    assert [letter for letter in LETTERS + LETTERS.upper() + "0123456789 ₫–…•·" if letter not in font.coverage] == []
    assert font.descent == pytest.approx(tokens()["type"]["descent"])


def test_every_glyph_the_visual_language_names_is_in_the_subset() -> None:
    subset = face(GLYPHS).coverage
    for name, told in tokens()["icons"]["glyphs"].items():
        assert chr(int(told["codepoint"], 16)) in subset, name


def test_a_han_title_is_set_in_the_fallback_and_the_rest_in_the_typeface() -> None:
    found = runs("漢越 = Hán Việt 漢", [OWN, HAN])
    assert [(run.text, run.face) for run in found] == [("漢越 ", HAN), ("= Hán Việt ", OWN), ("漢", HAN)]


def test_a_letter_that_no_font_has_is_shown_as_a_question_mark() -> None:
    assert [(run.text, run.face) for run in runs("漢 Kiều", [OWN])] == [(f"{UNKNOWN} Kiều", OWN)]


def test_decomposed_letters_are_composed_and_control_characters_leave_no_box() -> None:
    text = unicodedata.normalize("NFD", "Truyện Kiều") + "\u200b\x07tập 1"
    assert "".join(run.text for run in runs(text, [OWN])) == "Truyện Kiều tập 1"


def test_the_system_font_brings_han_kana_and_hangul_where_it_is_installed() -> None:
    path = system_fallback()
    if path is None:
        pytest.skip("No font with Han letters is installed; Debian has it as fonts-wqy-microhei.")
    font = face(path)
    assert all(letter in font.coverage for letter in "漢字かナ")


def test_a_machine_without_the_system_font_is_no_error() -> None:
    assert system_fallback([Path("no-such-font.ttc")]) is None


def test_a_title_is_broken_into_two_lines_of_about_equal_length() -> None:
    lines = break_lines("Kiến trúc đình chùa Nam Bộ và các vùng", 30, by_letters, 2)
    assert lines == ["Kiến trúc đình chùa", "Nam Bộ và các vùng"]


def test_what_does_not_fit_is_cut_at_a_word_with_an_ellipsis() -> None:
    title = "Văn hóa ứng xử & nghệ thuật giao tiếp nơi công sở trong thời kỳ hội nhập"
    assert break_lines(title, 24, by_letters, 2) == ["Văn hóa ứng xử & nghệ", "thuật giao tiếp nơi…"]


def test_a_lone_word_wider_than_the_line_is_the_only_thing_cut_inside() -> None:
    assert break_lines("Donaudampfschifffahrt", 10, by_letters, 2) == ["Donaudamp…"]


def test_han_letters_may_break_anywhere() -> None:
    assert break_lines("漢越詞典摘引", 6, by_letters, 2) == ["漢越詞", "典摘引"]


def test_two_syllables_of_one_word_stay_on_one_line() -> None:
    assert words("Mời gặp thủ thư.") == ["Mời ", "gặp ", "thủ thư."]


def test_a_line_break_in_the_text_is_kept() -> None:
    assert break_lines("Mời đặt thẻ\nvà sách vào đây", 40, by_letters, 2) == ["Mời đặt thẻ", "và sách vào đây"]


@given(st.text(max_size=80), st.integers(4, 40), st.integers(1, 4))
def test_no_line_is_ever_wider_than_its_box_nor_are_there_too_many(text: str, width: int, most: int) -> None:
    text = text.replace("\n", " ")
    lines = break_lines(text, width, by_letters, most)
    assert len(lines) <= most
    assert all(by_letters(line) <= width for line in lines)


@given(st.lists(st.text(LETTERS, min_size=1, max_size=7), min_size=1, max_size=14), st.integers(8, 30))
def test_lines_hold_the_words_in_order_and_only_the_last_is_cut(parts: list[str], width: int) -> None:
    text = " ".join(parts)
    lines = break_lines(text, width, by_letters, 3)
    if any("…" in line for line in lines):
        assert "…" not in "".join(lines[:-1]) or any(by_letters(part) > width for part in words(text))
    else:
        assert " ".join(lines).split() == unicodedata.normalize("NFC", text).split()


@given(st.text(max_size=60))
def test_every_letter_lands_in_a_font_that_has_it(text: str) -> None:
    for run in runs(text, [OWN, HAN]):
        assert all(letter.isspace() or letter in run.face.coverage for letter in run.text)
