"""Vietnamese text: entering, folding, sorting, names, ISBNs."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.text import fold, given_name, masked_name, name_sort_key, nfc, normal_isbn, sort_key

VIETNAMESE = "aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ"
#: Any text at all, and text that is mostly Vietnamese in any spelling.
texts = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=())),
    st.text(
        st.sampled_from(
            VIETNAMESE + VIETNAMESE.upper() + " -ðÐ\u0300\u0301\u0303\u0309\u0323\u0302\u0306\u031b\u200b\t"
        )
    ),
)


class TestEntering:
    @given(texts)
    def test_the_result_is_nfc_and_one_line_and_stays_as_it_is(self, text: str) -> None:
        entered = nfc(text)
        assert unicodedata.is_normalized("NFC", entered)
        assert entered == " ".join(entered.split())
        assert nfc(entered) == entered

    @given(texts)
    def test_every_spelling_of_a_text_enters_as_the_same(self, text: str) -> None:
        assert nfc(unicodedata.normalize("NFD", text)) == nfc(unicodedata.normalize("NFC", text)) == nfc(text)

    @given(texts)
    def test_what_entered_can_be_stored(self, text: str) -> None:
        assert nfc(text).encode("utf-8").decode("utf-8") == nfc(text)
        assert "\0" not in nfc(text)

    @pytest.mark.parametrize(
        ("written", "entered"),
        [
            ("  Truyện\tKiều\r\n", "Truyện Kiều"),
            ("Nhà\u00a0 xuất\u2003bản", "Nhà xuất bản"),
            ("Đất\u200b rừng\ufeff phương\u00ad Nam", "Đất rừng phương Nam"),
            ("Nguye\u0302\u0303n", "Nguyễn"),
            ("e\u200b\u0301", "é"),
            ("a\x00b\x1b\ud800c", "abc"),
            ("紅樓夢 — Hồng lâu mộng", "紅樓夢 — Hồng lâu mộng"),
            ("", ""),
        ],
    )
    def test_white_space_is_plain_and_what_cannot_be_seen_goes(self, written: str, entered: str) -> None:
        assert nfc(written) == entered


class TestFolding:
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Đặng Thùy Trâm", "dang thuy tram"),
            ("Ước Mơ", "uoc mo"),
            ("Đường", "duong"),
            (unicodedata.normalize("NFD", "Đường"), "duong"),
            ("Ðường", "duong"),  # eth
            ("Ɖường ɖ", "duong d"),  # African D
            ("hoà", "hoa"),
            ("hòa", "hoa"),
            ("NGUYỄN THỊ MINH KHAI", "nguyen thi minh khai"),
            ("Straße 12", "strasse 12"),
        ],
    )
    def test_marks_and_case_go(self, text: str, folded: str) -> None:
        assert fold(text) == folded

    def test_every_vietnamese_letter_folds_to_a_plain_one(self) -> None:
        assert fold(VIETNAMESE + VIETNAMESE.upper()).isascii()

    @given(texts)
    def test_folding_twice_changes_nothing_and_the_result_is_nfc(self, text: str) -> None:
        folded = fold(text)
        assert fold(folded) == folded
        assert unicodedata.is_normalized("NFC", folded)

    @given(texts)
    def test_every_spelling_folds_to_the_same(self, text: str) -> None:
        assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)

    @given(st.text(st.sampled_from(VIETNAMESE + VIETNAMESE.upper())))
    def test_case_does_not_matter(self, text: str) -> None:
        assert fold(text.upper()) == fold(text.lower())


class TestSorting:
    @pytest.mark.parametrize(
        "in_order",
        [
            "da dz đa ma mà mả mã má mạ mă mâ mo mô mơ".split(" "),
            list("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"),
            list("eèẻẽéẹêềểễếệ"),
            ["an", "An", "AN", "àn", "án", "ang"],  # letters, then tones, then capitals
            ["ba ba", "bà ba", "bá ba", "bá bà", "ba ca"],
            ["a", "a b", "a-b", "a, b", "a1", "ab"],
            ["Tạp chí", "Tập 1", "Tập 10", "Tập 2", "Tập hai"],
            ["z", "α", "紅"],
        ],
    )
    def test_texts_come_as_in_a_vietnamese_dictionary(self, in_order: list[str]) -> None:
        mixed = random.Random(7).sample(in_order, len(in_order))
        assert sorted(mixed, key=sort_key) == in_order

    @given(st.lists(texts))
    def test_any_texts_can_be_sorted_and_the_order_they_came_in_does_not_matter(self, some: list[str]) -> None:
        entered = [nfc(text) for text in some]
        mixed = random.Random(7).sample(entered, len(entered))
        assert sorted(mixed, key=sort_key) == sorted(entered, key=sort_key)

    @given(texts, texts)
    def test_only_equal_texts_have_equal_keys(self, one: str, other: str) -> None:
        assert (sort_key(one) == sort_key(other)) == (nfc(one) == nfc(other))

    @given(st.text(st.sampled_from(VIETNAMESE)), st.sampled_from(VIETNAMESE))
    def test_a_beginning_comes_before_the_whole(self, text: str, letter: str) -> None:
        assert sort_key(text) < sort_key(text + letter)


class TestNames:
    def test_readers_are_listed_by_given_name(self) -> None:
        in_order = [
            *("Trần Thị Anh", "Bùi Ảnh", "Nguyễn Văn Ánh", "Vũ Ân", "Lê Đức Ẩn", "Đỗ Dũng", "Hoàng Đạt", "Phạm Đăng"),
        ]
        assert sorted(random.Random(7).sample(in_order, 8), key=name_sort_key) == in_order

    def test_of_one_given_name_the_family_and_middle_names_decide(self) -> None:
        in_order = ["Anh", "Đỗ Anh", "Đỗ Thị Anh", "Lê Anh", "Trần Anh"]
        assert sorted(random.Random(7).sample(in_order, 5), key=name_sort_key) == in_order

    @pytest.mark.parametrize(
        ("name", "given", "masked"),
        [
            ("Nguyễn Văn Anh", "Anh", "Nguyễn V. A."),
            ("  Đặng   Thuỳ Trâm ", "Trâm", "Đặng T. T."),
            (unicodedata.normalize("NFD", "Lê Ánh"), "Ánh", "Lê Á."),
            ("Ánh", "Ánh", "Á."),
            ("", "", ""),
        ],
    )
    def test_a_person_is_greeted_by_the_last_word_and_masked_to_initials(
        self, name: str, given: str, masked: str
    ) -> None:
        assert (given_name(name), masked_name(name)) == (given, masked)

    @given(st.lists(st.text(st.sampled_from(VIETNAMESE), min_size=2), min_size=1, max_size=5))
    def test_a_masked_name_shows_of_all_but_the_family_name_one_letter(self, words: list[str]) -> None:
        shown = masked_name(" ".join(words)).split()
        assert len(shown) == len(words)
        assert all(len(nfc(word)) <= 2 for word in shown[len(words) > 1 :])


class TestIsbn:
    @pytest.mark.parametrize(
        "text",
        [
            "9780306406157",
            "978-0-306-40615-7",
            "0306406152",
            "0-306-40615-2",
            " ISBN 0 306 40615 2 ",
            "ISBN-13: 978-0-306-40615-7",
            "isbn: 978\u20110\u2011306\u201140615\u20117",
        ],
    )
    def test_both_forms_however_written_are_the_same_number(self, text: str) -> None:
        assert normal_isbn(text) == "9780306406157"

    def test_ten_as_a_check_digit_is_written_x(self) -> None:
        assert normal_isbn("080442957x") == normal_isbn("0-8044-2957-X") == "9780804429573"

    @pytest.mark.parametrize(
        "text",
        [
            *("", "1", "40001", "9780306406158", "0306406153", "08044X957X", "8935086841181", "X306406152"),
            *("97803064061577", "978030640615", "một quyển sách", "٩٧٨٠٣٠٦٤٠٦١٥٧", "9780306406157 0306406152"),
        ],
    )
    def test_what_is_no_isbn_is_none(self, text: str) -> None:
        assert normal_isbn(text) is None

    @given(st.text(st.sampled_from("0123456789"), min_size=9, max_size=9), st.integers(0, 9), st.integers(1, 9))
    def test_one_wrong_digit_is_noticed(self, stem: str, place: int, by: int) -> None:
        check = -sum((10 - i) * int(digit) for i, digit in enumerate(stem)) % 11
        isbn = stem + "0123456789X"[check]
        thirteen = normal_isbn(isbn)
        assert thirteen is not None
        assert normal_isbn(thirteen) == thirteen
        if isbn[place] != "X":
            wrong = isbn[:place] + str((int(isbn[place]) + by) % 10) + isbn[place + 1 :]
            assert normal_isbn(wrong) is None

    @given(texts)
    def test_any_text_may_be_asked(self, text: str) -> None:
        isbn = normal_isbn(text)
        assert isbn is None or (len(isbn) == 13 and isbn.isdecimal() and normal_isbn(isbn) == isbn)
