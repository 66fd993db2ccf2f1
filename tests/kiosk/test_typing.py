"""Vietnamese by Telex and VNI: every syllable comes out, nothing is forced, what is foreign stays as typed."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.typing.composition import Method, as_typed, keys_of, read
from kiosk.typing.line import Capitals, Line, Shift, Stroke, begin, place, press
from kiosk.typing.syllables import (
    FORMS,
    HOI,
    HUYEN,
    NANG,
    NGA,
    SAC,
    TONES,
    bare,
    syllables,
    takes,
    tone_at,
    with_tone,
    without_tone,
)

TELEX_TONES = {"": "", SAC: "s", HUYEN: "f", HOI: "r", NGA: "x", NANG: "j"}
VNI_TONES = {"": "", SAC: "1", HUYEN: "2", HOI: "3", NGA: "4", NANG: "5"}
TELEX_MARKS = {"â": "aa", "ê": "ee", "ô": "oo", "ơ": "ow", "ư": "uw", "ă": "aw", "đ": "dd"}
VNI_MARKS = {"â": "a6", "ê": "e6", "ô": "o6", "ơ": "o7", "ư": "u7", "ă": "a8", "đ": "d9"}
TONE_NAMES = dict(zip(TONES, ("sắc", "huyền", "hỏi", "ngã", "nặng"), strict=True))


def telex(keys: str, *, new_style: bool = False) -> str:
    return read(keys, Method.TELEX, new_style=new_style).open


def vni(keys: str) -> str:
    return read(keys, Method.VNI).open


def typed(strokes: str, line: Line | None = None) -> Line:
    """A line after these keys; ``<`` is delete."""
    line = line or begin()
    for stroke in strokes:
        line = press(line, Stroke.ERASE if stroke == "<" else stroke)
    return line


# --- the examples of the rules (facts/vietnamese-and-screens.md, section 5) -------------------------------------------


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("nguyeenx", "nguyễn"), ("dduwowngf", "đường"), ("truyeenj", "truyện"), ("kieeuf", "kiều"),
        ("vieenj", "viện"), ("ddawngj", "đặng"), ("nhaatj", "nhật"), ("anhs", "ánh"), ("thuw", "thư"),
        ("quyeenr", "quyển"), ("quas", "quá"), ("giaf", "già"), ("khuyur", "khuỷu"), ("hoaf", "hòa"),
        ("khoer", "khỏe"), ("thuyr", "thủy"), ("hoacs", "hoác"), ("toans", "toán"), ("oanf", "oàn"),
        ("nhuwngx", "những"), ("system", "system"), ("google", "google"), ("aa", "â"), ("ee", "ê"), ("oo", "ô"),
        ("ow", "ơ"), ("uw", "ư"), ("w", "ư"), ("uow", "ươ"), ("aw", "ă"), ("dd", "đ"), ("as", "á"), ("af", "à"),
        ("ar", "ả"), ("ax", "ã"), ("aj", "ạ"), ("toansz", "toan"), ("giwax", "giữa"), ("nhwngx", "những"),
    ],
)  # fmt: skip
def test_telex_gives_what_the_rules_say(keys: str, text: str) -> None:
    assert telex(keys) == text


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("nguye64n", "nguyễn"), ("d9u7o7ng2", "đường"), ("vie65t", "việt"), ("tha6n2", "thần"),
        ("a6", "â"), ("e6", "ê"), ("o6", "ô"), ("o7", "ơ"), ("u7", "ư"), ("a8", "ă"), ("d9", "đ"),
        ("a1", "á"), ("a2", "à"), ("a3", "ả"), ("a4", "ã"), ("a5", "ạ"), ("toan10", "toan"),
    ],
)  # fmt: skip
def test_vni_gives_what_the_rules_say(keys: str, text: str) -> None:
    assert vni(keys) == text


@pytest.mark.parametrize(("keys", "text"), [("hoaf", "hoà"), ("khoer", "khoẻ"), ("thuyr", "thuỷ"), ("toans", "toán")])
def test_the_new_style_writes_some_tones_on_the_second_vowel(keys: str, text: str) -> None:
    assert telex(keys, new_style=True) == text


def test_a_tone_makes_certain_what_was_left_out() -> None:
    assert [telex(keys) for keys in ("vietj", "vietje", "huej", "dwongf", "tieus")] == [
        "việt",
        "việt",
        "huệ",
        "dường",
        "tiếu",
    ]


def test_where_two_marks_are_possible_none_is_chosen() -> None:
    assert [telex(keys) for keys in ("duongf", "duongfw", "duoongf")] == ["duòng", "dường", "duồng"]


# --- every syllable ---------------------------------------------------------------------------------------------------


def inside(form: str, marks: dict[str, str]) -> str:
    """Keys that mark each letter at once; a double o is three keys of Telex."""
    text = form.replace("oo", "ooo") if marks is TELEX_MARKS else form
    return "".join(marks.get(letter, letter) for letter in text)


def letters_and_marks(form: str, marks: dict[str, str]) -> tuple[str, str]:
    """Keys of the letters, and keys of the marks once each, to be typed after them all."""
    text = bare(form).replace("oo", "ooo") if marks is TELEX_MARKS else bare(form)
    return text, "".join(dict.fromkeys(marks[letter][1] for letter in form if letter in marks))


WAYS = {"telex": (Method.TELEX, TELEX_MARKS, TELEX_TONES), "vni": (Method.VNI, VNI_MARKS, VNI_TONES)}


@pytest.mark.parametrize("way", WAYS)
def test_every_syllable_is_typed_with_its_marks_inside(way: str) -> None:
    method, marks, tones = WAYS[way]
    for syllable, form, tone in syllables():
        reading = read(inside(form, marks) + tones[tone], method)
        assert (reading.open, reading.ended) == (syllable, syllable)


@pytest.mark.parametrize("way", WAYS)
def test_every_form_is_typed_with_its_marks_at_the_end(way: str) -> None:
    method, marks, tones = WAYS[way]
    for number, form in enumerate(sorted(FORMS)):
        possible = [tone for tone in TONES if takes(form, tone)]
        tone = possible[number % len(possible)]
        letters, at_end = letters_and_marks(form, marks)
        assert read(letters + at_end + tones[tone], method).open == with_tone(form, tone)
        if not form.endswith("k"):  # the names of places that end so need their mark before their tone: "task"
            assert read(letters + tones[tone] + at_end, method).open == with_tone(form, tone)


@pytest.mark.parametrize("method", [Method.TELEX, Method.VNI, Method.PLAIN])
def test_every_form_is_typed_with_keys_of_its_own(method: Method) -> None:
    for form in sorted(FORMS):
        tone = NANG if takes(form, NANG) else ""
        want = with_tone(form, tone)
        plain = "oo" in form and method is Method.TELEX
        assert plain or read(keys_of(want), method).open == want


def test_letters_without_marks_stay_without_them() -> None:
    doubled = ("aa", "ee", "oo", "dd")
    for letters in sorted({bare(form) for form in FORMS}):
        if not any(pair in letters for pair in doubled):
            assert read(letters, Method.TELEX).ended == letters
        assert read(letters, Method.VNI).ended == letters
    assert typed("truyen kieu").finished == "truyen kieu"


@pytest.mark.parametrize("new_style", [False, True])
def test_a_tone_stands_on_a_vowel_and_can_be_taken_off_again(new_style: bool) -> None:
    for syllable, form, tone in syllables(new_style=new_style):
        at = tone_at(form, new_style=new_style)
        assert at is not None
        assert without_tone(syllable) == (form, tone)
        assert unicodedata.is_normalized("NFC", syllable)


def test_the_two_styles_differ_in_oa_oe_and_uy_alone() -> None:
    for form in FORMS:
        if tone_at(form) != tone_at(form, new_style=True):
            assert form.endswith(("oa", "oe", "uy"))


# --- the same key twice -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("aaa", "aa"), ("eee", "ee"), ("ooo", "oo"), ("ddd", "dd"), ("ww", "w"), ("uww", "uw"), ("aww", "aw"),
        ("uoww", "uow"), ("tww", "tw"), ("ass", "as"), ("aff", "af"), ("arr", "ar"), ("axx", "ax"), ("ajj", "aj"),
        ("vieetjj", "viêtj"), ("dataa", "data"), ("cooop", "coop"), ("userr", "user"), ("Pariss", "Paris"),
        ("tesst", "test"), ("herro", "hero"), ("Harrry", "Harry"), ("off", "of"), ("offf", "off"), ("didd", "did"),
        ("offfice", "office"), ("lessson", "lesson"),
    ],
)  # fmt: skip
def test_the_same_key_twice_takes_the_mark_away_and_is_a_letter(keys: str, text: str) -> None:
    assert read(keys, Method.TELEX) == read(text, Method.PLAIN)


@pytest.mark.parametrize(("keys", "text"), [("a66", "a6"), ("a11", "a1"), ("d99", "d9"), ("o77", "o7"), ("a88", "a8")])
def test_so_it_is_in_vni(keys: str, text: str) -> None:
    assert vni(keys) == text


def test_after_a_mark_was_taken_away_a_syllable_may_still_come() -> None:
    assert [telex(keys) for keys in ("xooong", "xooongs", "mooocs")] == ["xoong", "xoóng", "moóc"]


def test_another_tone_takes_the_place_of_the_first() -> None:
    assert telex("toansf") == "toàn"
    assert vni("toan15") == "toạn"


# --- what is foreign --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    "system google windows web what class mission coffee office error lesson message passion dark task look book craft "
    "Facebook Twitter email internet visit music using Mario euro zero Python Java show string first world history "
    "Gutenberg Shakespeare Einstein Mississippi TN00123 DNA USB tests".split(),
)
def test_a_word_that_cannot_be_vietnamese_stays_as_typed(word: str) -> None:
    assert telex(word) == word
    assert typed(f"{word} ").text == f"{word} "


@pytest.mark.parametrize(("word", "open_as"), [("law", "lă"), ("two", "tươ"), ("hires", "hiế"), ("duongf", "duòng")])
def test_what_is_no_syllable_when_it_ends_ends_as_typed(word: str, open_as: str) -> None:
    assert typed(word).text == open_as
    assert typed(word).finished == word
    assert typed(f"{word} ").text == f"{word} "
    assert typed(f"{word}.").text == f"{word}."


def test_letters_without_a_vowel_keep_their_bar() -> None:
    assert [typed(keys).finished for keys in ("50.000 dd", "DDHQG", "QDD", "DDT.")] == [
        "50.000 đ", "ĐHQG", "QĐ", "ĐT.",
    ]  # fmt: skip


def test_keys_of_their_own_are_obeyed_in_any_word() -> None:
    assert typed("Krông").text == "Krông"
    assert typed(f"Krông{NANG}").text == "Krộng"
    assert typed(f"Krông{NANG}{NANG}").text == "Krông"
    assert typed(f"tiêng{SAC}{HUYEN}").text == "tiềng"
    assert typed(f"dêf{SAC}").text == "dế"
    assert typed(f"tiê{SAC}n{SAC}f").text == "tiền"


def test_a_tone_without_a_vowel_is_not_typed() -> None:
    assert typed(f"b{SAC}a").text == "ba"
    assert typed(SAC) == begin()


# --- capitals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "text"),
    [("DDuwowngf", "Đường"), ("DDUWOWNGF", "ĐƯỜNG"), ("Dd", "Đ"), ("dD", "đ"), ("Anhs", "Ánh"), ("W", "Ư")],
)
def test_a_letter_has_the_case_of_its_key(keys: str, text: str) -> None:
    assert telex(keys) == text


def test_case_changes_nothing_else() -> None:
    for form in sorted(FORMS)[::7]:
        keys = inside(form, TELEX_MARKS) + "j"
        assert telex(keys.upper()) == telex(keys).upper()


def test_shift_is_for_one_letter_and_then_for_all() -> None:
    once = press(begin(), Stroke.SHIFT)
    assert once.shift is Shift.ONCE
    assert typed("anhs", once).text == "Ánh"
    locked = press(once, Stroke.SHIFT)
    assert locked.shift is Shift.LOCKED
    assert typed("ddawk lawks", locked).text == "ĐĂK LẮK"
    assert press(typed("a", locked), Stroke.SHIFT).shift is Shift.OFF


def test_names_and_sentences_begin_with_a_capital_by_themselves() -> None:
    assert typed("nguyeenx thij haf", begin(capitals=Capitals.WORDS)).text == "Nguyễn Thị Hà"
    assert typed("xin chaof. mowif vaof! a", begin(capitals=Capitals.SENTENCES)).text == "Xin chào. Mời vào! A"
    assert typed("nguyeenx<<<<<<th", begin(capitals=Capitals.WORDS)).text == "Th"


# --- the line ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("truowngf<", "trườn"), ("truowngf<<", "trườ"), ("truowngf<<n", "trườn"), ("truowngf<<<<", "tr"),
        ("dd<", ""), ("hoaf<", "hò"), ("toans<", "tóa"), ("google<<<d", "good"), ("google<<<aa", "gooaa"),
        ("xooong<<ng", "xoong"),
        ("vieetj <", "việt"), ("system<<<<<", "s"), ("cats<<", "c"), ("vie<eetj", "việt"),
        ("<", ""), ("a<<b", "b"),
    ],
)  # fmt: skip
def test_delete_takes_away_the_last_letter_that_is_seen(keys: str, text: str) -> None:
    assert typed(keys).text == text


def test_a_word_is_taken_up_again_where_the_caret_is_placed() -> None:
    line = place(typed("vieet nam"), 4)
    assert (line.before, line.after) == ("viêt", " nam")
    assert typed("j", line).text == "việt nam"
    assert typed("<<<<<", line).text == " nam"
    assert place(line, 99).before == "viêt nam"
    assert place(line, -1).before == ""


def test_the_method_can_change_within_a_word() -> None:
    line = press(typed("vieet"), Stroke.METHOD)
    assert (line.method, line.text) == (Method.VNI, "viêt")
    assert typed("5", line).text == "việt"
    plain = press(typed("5", line), Stroke.METHOD)
    assert (plain.method, typed("s", plain).text) == (Method.PLAIN, "việts")
    assert press(plain, Stroke.METHOD).method is Method.TELEX


def test_digits_take_digits_alone() -> None:
    line = typed("4a8 2.1\u0301", begin(Method.DIGITS))
    assert line.text == "4821"
    assert press(line, Stroke.METHOD).method is Method.DIGITS


def test_signs_stay_and_a_marked_letter_among_them_is_wanted_once() -> None:
    signs = press(begin(), Stroke.SIGNS)
    assert typed("12-", signs).signs
    assert not typed("ă", signs).signs
    assert not typed(" ", signs).signs
    in_vni = press(typed("viet", begin(Method.VNI)), Stroke.SIGNS)
    assert typed("6", in_vni).signs is False
    assert not press(signs, Stroke.SIGNS).signs


def test_a_full_line_takes_no_more_letters_but_still_marks() -> None:
    full = begin(text="xin", most=3)
    assert press(full, "h") == full
    assert press(full, " ") == full
    assert typed("j", full).text == "xịn"


def test_an_emptied_line_begins_anew() -> None:
    line = press(place(typed("xin chaof"), 3), Stroke.CLEAR)
    assert (line.text, line.keys, line.after) == ("", "", "")


def test_what_is_neither_a_character_nor_a_stroke_is_refused() -> None:
    with pytest.raises(ValueError, match="jump"):
        press(begin(), "jump")


def test_what_a_person_wrote_is_in_no_repr() -> None:
    line = place(typed("Nguyeenx Vawn Anh"), 6)
    assert not any(part in repr(line) for part in ("Ng", "Anh", "uye"))


STROKES = st.sampled_from([*"aăâbcdđeêghiklmnoôơpqrstuưvxyfjwz AOEDW0123456789.-'", *TONES, *Stroke])


@given(st.lists(STROKES, max_size=40), st.sampled_from(list(Method)), st.sampled_from(list(Capitals)))
def test_whatever_is_typed_is_nfc_no_longer_than_allowed_and_can_go_on(
    strokes: list[str], method: Method, capitals: Capitals
) -> None:
    line = begin(method, capitals=capitals, most=12)
    for stroke in strokes:
        before = line
        line = press(line, stroke)
        assert unicodedata.is_normalized("NFC", line.text)
        assert unicodedata.is_normalized("NFC", line.finished)
        assert len(line.text) <= 12
        if stroke == Stroke.ERASE:
            assert len(line.text) == max(0, len(before.before) - 1) + len(before.after)
    assert press(line, Stroke.CLEAR).text == ""


@given(st.lists(STROKES, max_size=30), st.sampled_from([Method.TELEX, Method.VNI]))
def test_delete_leads_to_what_could_have_been_typed(strokes: list[str], method: Method) -> None:
    line = begin(method)
    for stroke in strokes:
        line = press(line, stroke)
    left = press(line, Stroke.ERASE)
    again = replace(begin(left.method, most=left.most), head=left.head, plain=left.plain, after=left.after)
    for key in left.keys:
        again = press(again, key)
    assert (again.text, again.keys, again.plain) == (left.text, left.keys, left.plain)


@given(st.text("abcdefghijklmnopqrstuvwxyz -.,0123456789ABC", max_size=40))
def test_plain_keys_are_what_they_say(text: str) -> None:
    assert typed(text, begin(Method.PLAIN)).text == text
    assert as_typed(text) == text
