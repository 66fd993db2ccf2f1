"""Codes: prefixes, check digits, citizen cards; any line is a code or noise."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.citizen_card import citizen_number
from drivers.codes import CheckDigit, Code, CodeForm, CodeRules, Ignored, LineEnd, Noise, read_code
from drivers.devices import CodeKind

FORM = CodeForm()
PATRON, ITEM, UNKNOWN = CodeKind.PATRON, CodeKind.ITEM, CodeKind.UNKNOWN


def checked(text: str, scheme: CheckDigit) -> str | Noise:
    """The number in a code, or why it is none."""
    found = read_code(text.encode(), FORM, CodeRules(check_digit=scheme))
    assert found is not None
    return found.text if isinstance(found, Code) else found.noise


@pytest.mark.parametrize(
    ("scheme", "text", "number"),
    [
        # ISO/IEC 7812-1, annex B.
        (CheckDigit.MOD10, "49927398716", "49927398716"),
        (CheckDigit.MOD10, "49927398717", Noise.CHECK_DIGIT),
        (CheckDigit.MOD10, "P49927398716", "P49927398716"),
        (CheckDigit.MOD10, "4992739871P6", Noise.CHECK_DIGIT),
        (CheckDigit.MOD10, "PPP", Noise.CHECK_DIGIT),
        (CheckDigit.MOD10, "0", Noise.CHECK_DIGIT),
        (CheckDigit.MOD10, "29876543210983", "29876543210983"),
        # 1 + 5 + 9 + 10 + 35 = 60, and 60 modulo 43 is 17, an H.
        (CheckDigit.MOD43, "159AZH", "159AZ"),
        (CheckDigit.MOD43, "159AZG", Noise.CHECK_DIGIT),
        (CheckDigit.MOD43, "159azH", Noise.CHECK_DIGIT),
        (CheckDigit.MOD43, "CODE 39R", "CODE 39"),
        (CheckDigit.MOD43, "W", Noise.CHECK_DIGIT),
        (CheckDigit.EAN13, "9780306406157", "9780306406157"),
        (CheckDigit.EAN13, "4006381333931", "4006381333931"),
        (CheckDigit.EAN13, "9780306406158", Noise.CHECK_DIGIT),
        (CheckDigit.EAN13, "978030640615", Noise.CHECK_DIGIT),
        (CheckDigit.EAN13, "978030640615X", Noise.CHECK_DIGIT),
        (CheckDigit.NONE, "anything", "anything"),
    ],
)
def test_a_code_whose_check_digit_is_wrong_was_read_wrongly(scheme: CheckDigit, text: str, number: str | Noise) -> None:
    assert checked(text, scheme) == number


CODE_39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


@given(st.text(string.digits, min_size=1, max_size=20), st.data())
def test_one_wrong_digit_is_always_found_out(digits: str, data: st.DataObject) -> None:
    (sound,) = [digits + last for last in string.digits if checked(digits + last, CheckDigit.MOD10) == digits + last]
    at = data.draw(st.integers(0, len(digits)))
    wrong = data.draw(st.sampled_from(string.digits.replace(sound[at], "")))
    assert checked(sound[:at] + wrong + sound[at + 1 :], CheckDigit.MOD10) is Noise.CHECK_DIGIT


@given(st.text(CODE_39, min_size=1, max_size=20).map(str.strip).filter(bool), st.data())
def test_one_wrong_character_is_always_found_out(text: str, data: st.DataObject) -> None:
    (check,) = [one for one in CODE_39 if one != " " and checked(text + one, CheckDigit.MOD43) == text] or [" "]
    if check == " ":
        return  # a blank at the end does not survive any scanner; such a number must not be given out
    at = data.draw(st.integers(0, len(text)))
    sound = text + check
    wrong = data.draw(st.sampled_from(CODE_39.replace(sound[at], "").replace(" ", "")))
    assert checked(sound[:at] + wrong + sound[at + 1 :], CheckDigit.MOD43) is Noise.CHECK_DIGIT


@given(st.text(string.digits, min_size=12, max_size=12), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_of_an_ean_is_always_found_out(digits: str, at: int, off: int) -> None:
    (sound,) = [digits + last for last in string.digits if checked(digits + last, CheckDigit.EAN13) == digits + last]
    wrong = sound[:at] + str((int(sound[at]) + off) % 10) + sound[at + 1 :]
    assert checked(wrong, CheckDigit.EAN13) is Noise.CHECK_DIGIT


@pytest.mark.parametrize(
    ("patron", "item", "text", "kind"),
    [
        ("P", "TN-", "P0012345", PATRON),
        ("P", "TN-", "TN-000123", ITEM),
        ("P", "TN-", "X000123", UNKNOWN),
        ("2", "3", "29876543210983", PATRON),
        ("T", "TN", "TN000123", ITEM),
        ("T", "TN", "T000123", PATRON),
        ("T", "T", "T000123", UNKNOWN),
        ("", "TN-", "P0012345", UNKNOWN),
        ("", "", "P0012345", UNKNOWN),
        ("Thẻ", "", "Thẻ7", PATRON),
    ],
)
def test_a_prefix_says_whose_number_it_is_and_stays(patron: str, item: str, text: str, kind: CodeKind) -> None:
    found = read_code(text.encode(), CodeForm(ascii_only=False), CodeRules(patron, item))
    assert found == Code(text, kind)


def test_what_the_scanner_puts_before_a_code_is_removed_before_the_code_is_judged() -> None:
    rules = CodeRules("P", "", CheckDigit.MOD10)
    assert read_code(b"]F0P49927398716", CodeForm(prefixes=("]F0",)), rules) == Code("P49927398716", PATRON)


# --- citizen cards -----------------------------------------------------------------------------------------------

CARD = "001090123456|012345678|Nguyễn Văn A|01011990|Nam|Tổ 1, phường Quang Trung|15042021"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (CARD, "001090123456"),
        (CARD.replace("012345678", ""), "001090123456"),
        (CARD + "|||", "001090123456"),
        (CARD + "|Nguyễn Văn B|Trần Thị C", "001090123456"),
        (f"  {CARD}  ", "001090123456"),
        (CARD.replace("01011990", ""), "001090123456"),
        (CARD.rpartition("|")[0], None),
        (CARD.replace("001090123456", "00109012345"), None),
        (CARD.replace("001090123456", "00109012345X"), None),
        (CARD.replace("001090123456", "٠٠١٠٩٠١٢٣٤٥٦"), None),
        (CARD.replace("012345678", "none"), None),
        (CARD.replace("01011990", "1/1/1990"), None),
        ("001090123456", None),
        ("||||||", None),
        ("", None),
    ],
)
def test_a_citizen_card_gives_its_number_and_anything_else_nothing(text: str, number: str | None) -> None:
    assert citizen_number(text) == number


WORDS = st.text(st.characters(exclude_characters="|\r\n", codec="utf-8"), max_size=30)


@given(
    st.text(string.digits, min_size=12, max_size=12),
    st.sampled_from(["", "012345678"]),
    WORDS,
    WORDS,
    WORDS,
    st.lists(WORDS, max_size=3),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1258"]),
)
def test_of_any_citizen_card_nothing_but_the_number_is_kept(
    number: str, old: str, name: str, sex: str, address: str, more: list[str], encoding: str
) -> None:
    text = "|".join([number, old, name, "01011990", sex, address, "15042021", *more])
    found = read_code(text.encode(encoding, errors="replace"), FORM, CodeRules("P", "TN-", CheckDigit.MOD10))
    assert found in (Code(number, PATRON), Ignored(Noise.CITIZEN_CARD))
    if encoding == "utf-8":
        assert found == Code(number, PATRON)


@given(st.binary(max_size=80), st.sampled_from([CARD.encode(), CARD.encode()[:40], CARD.encode()[3:]]))
def test_a_citizen_card_among_any_bytes_never_comes_out_as_text(before: bytes, card: bytes) -> None:
    found = read_code(before + card, CodeForm(ascii_only=False), CodeRules())
    assert isinstance(found, Ignored) or (isinstance(found, Code) and found.text.isdigit() and len(found.text) == 12)


FORMS = st.builds(
    CodeForm,
    line_end=st.sampled_from(LineEnd),
    longest=st.integers(1, 40),
    prefixes=st.sampled_from([(), ("]C0", "]")]),
    ascii_only=st.booleans(),
)
RULES = st.builds(
    CodeRules, st.sampled_from(["", "P", "1"]), st.sampled_from(["", "TN-", "12"]), st.sampled_from(CheckDigit)
)


@given(st.one_of(st.binary(max_size=60), st.text("0123456789P|TN-]C", max_size=30).map(str.encode)), FORMS, RULES)
def test_any_line_is_a_code_or_noise(line: bytes, form: CodeForm, rules: CodeRules) -> None:
    found = read_code(line, form, rules)
    if isinstance(found, Code):
        assert found.text
        assert found.text == found.text.strip()
        assert found.text.isprintable()
        assert "|" not in found.text
        assert repr(found) == repr(Code("P0012345", found.kind))
    else:
        assert found is None or isinstance(found, Ignored)
