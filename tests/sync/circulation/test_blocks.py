"""The words of refusals and notices: there for every code, in both languages, and filled from what is given."""

import ast
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.phrase import Phrase, SettingError
from sync.circulation import blocks, decisions
from sync.circulation.blocks import WORDS, Block, Code, Refused, block, day, money

HOUSE = Path(blocks.__file__).parents[2]
PHRASES = [pytest.param(phrase, id=f"{code}-{n}") for code, words in WORDS.items() for n, phrase in enumerate(words)]


def names_in(text: str) -> set[str]:
    """The ``{names}`` in a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def given_names(code: Code) -> set[str]:
    """The names that the words of a code need."""
    return set().union(*(names_in(text) for phrase in WORDS[code] for text in (phrase.vi, phrase.en)))


def test_every_code_has_words() -> None:
    assert set(WORDS) == set(Code)


def test_codes_are_their_own_names_and_stand_in_ledgers_for_ever() -> None:
    assert all(code.value == code.name.lower() for code in Code)


@pytest.mark.parametrize("phrase", PHRASES)
def test_words_are_whole_sentences_in_two_languages(phrase: Phrase) -> None:
    for text in (phrase.vi, phrase.en):
        assert unicodedata.is_normalized("NFC", text)
        assert text.endswith(".")
        assert text[0].isupper() or text[0].isdigit()
        assert text == " ".join(text.split()), "no doubled or outer blanks"
    assert names_in(phrase.vi) == names_in(phrase.en)
    assert phrase.vi != phrase.en


def test_no_two_codes_say_the_same_in_either_language() -> None:
    # What an item is, is said alike whether it is refused or put aside.
    twins = {Code.PUT_ASIDE_OTHER_LIBRARY}
    for language in ("vi", "en"):
        said = Counter(WORDS[code][0].say(language) for code in Code if code not in twins)
        assert max(said.values()) == 1, said.most_common(1)


# --- every place that makes a block gives what its words need ---------------------------------------------------------


def blocks_made() -> Iterator[tuple[str, Code, set[str]]]:
    """Every ``block(Code.X, name=...)`` in the product: where, which code, which names."""
    for room in ("sync", "kiosk", "drivers"):
        for source in sorted((HOUSE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(source.read_text("utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Name("block") | ast.Attribute(attr="block"),
                        args=[ast.Attribute(value=ast.Name("Code") | ast.Attribute(attr="Code"), attr=name)],
                        keywords=keywords,
                    ):
                        where = f"{source.relative_to(HOUSE)}:{node.lineno}"
                        yield where, Code[name], {keyword.arg or "**" for keyword in keywords}
                    case _:
                        pass


def test_every_block_that_is_made_is_given_exactly_what_its_words_need() -> None:
    made = list(blocks_made())
    assert len(made) > 25
    assert [(where, code) for where, code, names in made if names != given_names(code)] == []


@pytest.mark.parametrize("code", [*decisions._STOPPED.values(), *decisions._UNLENDABLE.values()])  # noqa: SLF001
def test_codes_that_are_looked_up_need_nothing(code: Code) -> None:
    assert given_names(code) == set()


def test_every_code_is_used_somewhere() -> None:
    used = {code for _, code, _ in blocks_made()}
    used |= {*decisions._STOPPED.values(), *decisions._UNLENDABLE.values()}  # noqa: SLF001
    assert set(Code) - used == set()


# --- filling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "vi", "en"),
    [
        (
            block(Code.CARD_EXPIRED, date=date(2027, 3, 5)),
            "Thẻ đã hết hạn ngày 05/03/2027. Vui lòng gặp thủ thư để gia hạn thẻ.",
            "The card expired on 05/03/2027. See a librarian to renew the card.",
        ),
        (
            block(Code.FEES_OWED, amount=15_000),
            "Bạn còn nợ 15.000\u00a0₫ tiền phạt. Vui lòng thanh toán tại quầy thủ thư.",
            "You owe 15.000\u00a0₫ in fees. Please pay at the librarian's desk.",
        ),
        (
            block(Code.PART_MISSING, parts=3, seen=1),
            "Bộ tài liệu có 3 phần, máy thấy 1. Vui lòng đặt đủ các phần lên mặt đọc.",
            "This set has 3 parts; 1 seen. Please place all parts on the pad.",
        ),
        (
            block(Code.MODE_NOT_OFFERED, mode=Phrase("mượn về nhà", "loan")),
            "Ở đây không phục vụ mượn về nhà cho tài liệu này. Vui lòng liên hệ thủ thư.",
            "This item is not offered for loan here. Please see a librarian.",
        ),
        (
            block(Code.OTHER_LIBRARY, library="Thư viện {Phú Bình}"),
            "Tài liệu này của Thư viện {Phú Bình}. Vui lòng để riêng ở kệ bên.",
            "This item belongs to Thư viện {Phú Bình}. Please put it on the side shelf.",
        ),
    ],
)
def test_a_block_says_its_reason_and_the_next_step(made: Block, vi: str, en: str) -> None:
    assert made.say("vi") == vi
    assert made.say("en") == en
    assert made.reason.vi + " " + made.next_step.vi == vi


@pytest.mark.parametrize("code", Code)
def test_every_code_can_be_said_with_what_its_words_need(code: Code) -> None:
    said = block(code, **dict.fromkeys(given_names(code), 7))
    for language in ("vi", "en"):
        assert "{" not in said.say(language)


@pytest.mark.parametrize(
    ("amount", "written"),
    [(0, "0 ₫"), (1, "1 ₫"), (999, "999 ₫"), (1000, "1.000 ₫"), (15_000, "15.000 ₫"), (1_234_567, "1.234.567 ₫")],
)
def test_money_has_dots_and_a_sign_that_stays_with_it(amount: int, written: str) -> None:
    assert money(amount) == written.replace(" ", "\u00a0")


def test_a_day_is_written_day_first_with_two_digits() -> None:
    assert day(date(2027, 3, 5)) == "05/03/2027"
    assert day(datetime(2027, 12, 31)) == "31/12/2027"  # noqa: DTZ001


def test_equal_blocks_say_the_same_whatever_the_order_of_their_values() -> None:
    assert block(Code.PART_MISSING, parts=3, seen=1) == block(Code.PART_MISSING, seen=1, parts=3)
    assert block(Code.PART_MISSING, parts=3, seen=1) != block(Code.PART_MISSING, parts=3, seen=2)


def test_a_refusal_names_at_least_one_block() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Refused(())
    assert Refused((block(Code.CARD_STOPPED), block(Code.READING_CARD))).codes == (Code.CARD_STOPPED, Code.READING_CARD)


# --- phrases ----------------------------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_a_value_is_filled_in_as_it_is_and_never_read_as_a_place_itself(vi: str, en: str) -> None:
    filled = Phrase("A {x} B.", "C {x} D.").fill(x=Phrase(vi, en))
    assert filled == Phrase(f"A {vi} B.", f"C {en} D.")


@pytest.mark.parametrize(("lang", "said"), [("vi", "Vâng."), ("en", "Yes."), ("vi_VN", "Vâng."), ("", "Vâng.")])
def test_a_phrase_is_said_in_vietnamese_unless_english_is_asked_for(lang: str, said: str) -> None:
    assert Phrase("Vâng.", "Yes.").say(lang) == said


def test_a_setting_error_carries_its_sentence_in_both_languages() -> None:
    error = SettingError(Phrase("Sai.", "Wrong."))
    assert (str(error), error.phrase.vi) == ("Wrong.", "Sai.")
    assert isinstance(error, ValueError)
