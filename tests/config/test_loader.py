"""Settings: everything right comes through both ways, everything wrong is named with its key, in both languages."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.loader import PRODUCT_DEFAULTS, Built, Layer, Problem, Problems, build, dump, read_toml, write_toml
from config.phrase import Phrase, SettingError
from config.values import MASK, Between, OneLine, Pattern, Secret

ROOT = Path(__file__).parents[2]
HANOI = timezone(timedelta(hours=7))
KEY = Secret("k")


class Mode(StrEnum):
    ON_SITE = "on_site"
    TAKE_HOME = "take_home"


@dataclass(frozen=True, slots=True)
class Interval:
    opens: time = time(7, 30)
    closes: time = time(17)

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise SettingError(Phrase("Giờ mở phải trước giờ đóng.", "Opening must be before closing."))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of rules; its own check speaks English only."""

    name: Annotated[str, OneLine(most=20)]
    max_loans: Annotated[int, Between(0, 100)] = 3
    modes: frozenset[Mode] = frozenset({Mode.TAKE_HOME})
    due_on: date | None = None

    def __post_init__(self) -> None:
        if not self.modes:
            raise ValueError("a row needs a mode")


@dataclass(frozen=True, slots=True)
class Everything:
    """One field of every type that can be read, all with defaults."""

    words: str = ""
    line: Annotated[str, OneLine(most=20)] = "one"
    code: Annotated[str, Pattern("[A-Z]{2}", Phrase("Cần hai chữ cái hoa.", "Two capital letters."))] = "TN"
    whole: int = 0
    least: Annotated[int, Between(1)] = 1
    most: Annotated[float, Between(high=2.5)] = 1.5
    decimal: float = 0.5
    truth: bool = False
    day: date = date(2026, 9, 2)
    at: time = time(7, 30)
    moment: datetime = datetime(2026, 9, 2, tzinfo=UTC)
    mode: Mode = Mode.ON_SITE
    language: Literal["vi", "en"] = "vi"
    level: Literal[1, 2] = 1
    folder: Path = Path("here")
    key: Secret = KEY
    nothing: int | None = None
    something: int | None = 5
    hours: Interval = Interval(time(8), time(16))
    pause: Interval | None = None
    names: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    modes: frozenset[Mode] = frozenset()
    fees: Mapping[str, int] = field(default_factory=dict)
    rooms: Mapping[str, Interval] = field(default_factory=dict)
    _known: int = field(default=0, init=False)


@dataclass(frozen=True, slots=True)
class Required:
    name: str
    row: Row
    age: int | None


@dataclass(frozen=True, slots=True)
class Tree:
    children: tuple[Tree, ...] = ()
    one: Tree | None = None


T = TypeVar("T")


def built(outcome: Built[T] | Problems) -> Built[T]:
    assert isinstance(outcome, Built), outcome.say("en")
    return outcome


def refused(outcome: object) -> dict[str, Problem]:
    """The problems by their key; each must be alone there, and a whole sentence in both languages."""
    assert isinstance(outcome, Problems), outcome
    for problem in outcome:
        for sentence in (problem.sentence.vi, problem.sentence.en):
            assert sentence[0].isupper() or sentence[0] == "'", sentence
            assert sentence.endswith((".", "?")), sentence
            assert unicodedata.is_normalized("NFC", sentence)
            assert "\n" not in sentence
    by_key = {problem.key: problem for problem in outcome}
    assert len(by_key) == len(outcome) > 0
    return by_key


def toml(tmp_path: Path, text: str) -> dict[str, object]:
    file = tmp_path / "test.toml"
    file.write_text(text, encoding="utf-8")
    values = read_toml(file)
    assert isinstance(values, dict), values
    return values


# --- what comes through -----------------------------------------------------------------------------------------------


def test_every_type_is_read_from_toml(tmp_path: Path) -> None:
    text = """
        words = "  Thư viện  "
        code = "HN"
        whole = 9223372036854775807
        most = 2
        decimal = 1e3
        truth = true
        day = 2027-01-31
        at = 13:30:00
        moment = 2027-01-31T00:30:00+07:00
        mode = "take_home"
        language = "en"
        level = 2
        folder = "/srv/tạm"
        key = " giữ nguyên "
        names = ["a", "b"]
        modes = ["on_site", "on_site"]
        [hours]
        opens = "07:00"
        [pause]
        opens = "11:30"
        closes = 13:00:00
        [fees]
        "quá hạn" = 500
        [[rows]]
        name = "trẻ em"
        due_on = "2027-05-31"
        """
    value = built(build(Everything, toml(tmp_path, text))).value
    assert value == Everything(
        words="Thư viện",
        code="HN",
        whole=2**63 - 1,
        most=2.0,
        decimal=1000.0,
        truth=True,
        day=date(2027, 1, 31),
        at=time(13, 30),
        moment=datetime(2027, 1, 30, 17, 30, tzinfo=UTC),
        mode=Mode.TAKE_HOME,
        language="en",
        level=2,
        folder=Path("/srv/tạm"),
        key=Secret(" giữ nguyên "),
        hours=Interval(time(7), time(16)),
        pause=Interval(time(11, 30), time(13)),
        names=("a", "b"),
        rows=(Row("trẻ em", due_on=date(2027, 5, 31)),),
        modes=frozenset({Mode.ON_SITE}),
        fees={"quá hạn": 500},
    )
    assert type(value.most) is float
    assert value.moment.tzinfo is UTC


def test_text_keys_and_choices_are_read_in_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "Đặng Thị Nguyệt Ấm")
    value = built(build(Everything, {"words": decomposed, "names": [decomposed], "fees": {decomposed: 1}})).value
    whole = unicodedata.normalize("NFC", decomposed)
    assert (value.words, value.names, list(value.fees)) == (whole, (whole,), [whole])


def test_secrets_and_paths_are_read_as_written() -> None:
    decomposed = unicodedata.normalize("NFD", " Ấm ")
    value = built(build(Everything, {"key": decomposed, "folder": decomposed})).value
    assert (value.key.reveal(), value.folder) == (decomposed, Path(decomposed))


def test_nothing_said_gives_the_defaults_with_their_origin() -> None:
    outcome = built(build(Everything, {}))
    assert outcome.value == Everything()
    assert set(outcome.origin.values()) == {PRODUCT_DEFAULTS}
    assert {"words", "hours.opens", "hours.closes", "fees", "rows", "pause"} <= set(outcome.origin)
    assert "_known" not in outcome.origin


def test_a_mapping_cannot_be_changed_afterwards() -> None:
    assert isinstance(built(build(Everything, {"fees": {"a": 1}})).value.fees, MappingProxyType)


# --- layers -----------------------------------------------------------------------------------------------------------


def test_the_strongest_layer_wins_key_by_key_and_is_named() -> None:
    outcome = built(
        build(
            Everything,
            [
                Layer("profile", {"words": "p", "line": "p", "hours": {"opens": "06:00", "closes": "18:00"}}),
                Layer("branch", {"fees": {"a": 1, "b.c": 1}, "rows": [{"name": "x"}, {"name": "y"}]}),
                Layer("station", {"line": "s", "hours": {"opens": "07:00"}, "fees": {"a": 2}, "rows": [{"name": "z"}]}),
            ],
        )
    )
    assert outcome.value == Everything(
        words="p",
        line="s",
        hours=Interval(time(7), time(18)),
        fees={"a": 2, "b.c": 1},
        rows=(Row("z"),),
    )
    expected = {
        "words": "profile",
        "line": "station",
        "hours.opens": "station",
        "hours.closes": "profile",
        "fees.a": "station",
        'fees."b.c"': "branch",
        "rows": "station",
        "language": PRODUCT_DEFAULTS,
    }
    assert {key: outcome.origin[key] for key in expected} == expected
    assert not [key for key in outcome.origin if "[" in key]


def test_a_layer_changes_one_key_of_a_default_table_and_leaves_the_others() -> None:
    outcome = built(build(Everything, {"hours": {"closes": "20:00"}}, "station.toml"))
    assert outcome.value.hours == Interval(Everything().hours.opens, time(20))
    assert (outcome.origin["hours.opens"], outcome.origin["hours.closes"]) == (PRODUCT_DEFAULTS, "station.toml")


def test_a_table_replaces_nothing_and_nothing_replaces_a_table() -> None:
    table = {"pause": {"opens": "11:00", "closes": "12:00"}}
    assert built(build(Everything, [Layer("a", table), Layer("b", {"pause": None})])).value.pause is None
    outcome = built(build(Everything, [Layer("a", {"pause": None}), Layer("b", table)]))
    assert outcome.value.pause == Interval(time(11), time(12))
    assert outcome.origin["pause.opens"] == "b"


def test_what_a_stronger_layer_replaces_is_not_judged_but_unknown_keys_of_every_layer_are() -> None:
    weak = Layer("weak", {"whole": "?", "wholy": 1})
    problems = refused(build(Everything, [weak, Layer("strong", {"whole": 1})]))
    assert [(problem.key, problem.source) for problem in problems.values()] == [("wholy", "weak")]


def test_no_layers_at_all_are_the_defaults() -> None:
    assert built(build(Everything, [])).value == Everything()
    assert refused(build(Required, []))["name"].source == PRODUCT_DEFAULTS


# --- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES: list[tuple[dict[str, object], str, str, str]] = [
    ({"whole": "3"}, "whole", "Cần số nguyên; ở đây là văn bản.", "This must be a whole number; it is text."),
    ({"whole": True}, "whole", "true hoặc false", "it is true or false"),
    ({"whole": 1.0}, "whole", "số thập phân", "a decimal number"),
    ({"whole": 2**63}, "whole", "Số quá lớn.", "The number is too large."),
    ({"whole": 10**5000}, "whole", "Số quá lớn.", "The number is too large."),
    ({"least": 0}, "least", "từ 1 trở lên; ở đây là 0", "at least 1; it is 0"),
    ({"most": 2.6}, "most", "không quá 2.5; ở đây là 2.6", "at most 2.5; it is 2.6"),
    ({"rows": [{"name": "a", "max_loans": 101}]}, "rows[0].max_loans", "từ 0 đến 100", "from 0 to 100; it is 101"),
    ({"decimal": "1"}, "decimal", "Cần số;", "a number"),
    ({"decimal": True}, "decimal", "Cần số;", "a number"),
    ({"decimal": float("nan")}, "decimal", "hữu hạn", "finite"),
    ({"decimal": float("-inf")}, "decimal", "hữu hạn", "finite"),
    ({"decimal": 10**400}, "decimal", "Số quá lớn.", "too large"),
    ({"truth": 1}, "truth", "Cần true hoặc false", "This must be true or false; it is a whole number."),
    ({"truth": "true"}, "truth", "ở đây là văn bản", "it is text"),
    ({"words": 5}, "words", "Cần văn bản trong ngoặc kép", "text in quotes"),
    ({"words": None}, "words", "giá trị rỗng", "empty"),
    ({"words": "a\0b"}, "words", "ký tự hỏng", "broken character"),
    ({"words": "\ud800"}, "words", "ký tự hỏng", "broken character"),
    ({"line": " "}, "line", "Không được để trống.", "must not be empty"),
    ({"line": "a\nb"}, "line", "trên một dòng", "on one line"),
    ({"line": "a\x1bb"}, "line", "ký tự điều khiển", "control characters"),
    ({"line": "a\u2028b"}, "line", "trên một dòng", "on one line"),
    ({"line": "ấ" * 21}, "line", "từ 1 đến 20 ký tự; ở đây có 21", "1 to 20 characters; it has 21"),
    ({"code": "hn"}, "code", "Cần hai chữ cái hoa.", "Two capital letters."),
    ({"code": "HNX"}, "code", "Cần hai chữ cái hoa.", "Two capital letters."),
    ({"day": "2026-02-30"}, "day", "Không có ngày hoặc giờ này.", "no such date"),
    ({"day": "30/04/2026"}, "day", "Cần ngày, ví dụ 2026-09-02", "a date such as 2026-09-02"),
    ({"day": "2026-W10-1"}, "day", "Cần ngày", "a date such as"),
    ({"day": datetime(2026, 1, 1, tzinfo=UTC)}, "day", "ngày kèm giờ", "a date with a time"),
    ({"at": "24:00"}, "at", "Cần giờ", "a time such as"),
    ({"at": "07:60"}, "at", "Không có ngày hoặc giờ này.", "no such date or time"),
    ({"at": "7h30"}, "at", 'ví dụ "07:30"', 'such as "07:30"'),
    ({"at": "07:30+07:00"}, "at", "Cần giờ", "a time"),
    ({"at": time(7, tzinfo=HANOI)}, "at", "Cần giờ", "a time"),
    ({"at": 7.3}, "at", "Cần giờ", "a time"),
    ({"moment": datetime(2026, 1, 1)}, "moment", "có múi giờ", "with its offset"),  # noqa: DTZ001 what is refused
    ({"moment": "2026-01-01T00:00:00"}, "moment", "có múi giờ", "with its offset"),
    ({"moment": "2026-13-01T00:00:00Z"}, "moment", "Không có ngày", "no such date"),
    ({"moment": "2026-01-01T24:00:00Z"}, "moment", "có múi giờ", "with its offset"),
    ({"moment": "0001-01-01T00:00:00+07:00"}, "moment", "Không có ngày", "no such date"),
    ({"mode": "take_hom"}, "mode", "Bạn muốn viết 'take_home'?", "Did you mean 'take_home'?"),
    ({"mode": "x"}, "mode", "Phải chọn trong: on_site, take_home.", "one of: on_site, take_home."),
    ({"mode": 1}, "mode", "Phải chọn trong", "one of"),
    ({"language": "fr"}, "language", "Phải chọn trong: vi, en.", "one of: vi, en."),
    ({"level": 3}, "level", "Phải chọn trong: 1, 2.", "one of: 1, 2."),
    ({"level": True}, "level", "Phải chọn trong: 1, 2.", "one of: 1, 2."),
    ({"level": 1.0}, "level", "Phải chọn trong: 1, 2.", "one of: 1, 2."),
    ({"folder": ""}, "folder", "Cần đường dẫn", "a path in quotes"),
    ({"folder": "a\0"}, "folder", "ký tự hỏng", "broken character"),
    ({"folder": 3}, "folder", "Cần đường dẫn", "a path in quotes"),
    ({"key": 1234}, "key", "Cần văn bản", "text in quotes; it is a whole number"),
    ({"key": MASK}, "key", "chỉ là dấu che", "only the mask"),
    ({"key": "\udfff"}, "key", "ký tự hỏng", "broken character"),
    ({"something": "5"}, "something", "Cần số nguyên", "a whole number"),
    ({"names": "a"}, "names", "Cần danh sách", "a list in square brackets; it is text"),
    ({"names": ["a", 2]}, "names[1]", "Cần văn bản", "text in quotes"),
    ({"names": {"a": "b"}}, "names", "ở đây là một bảng", "it is a table"),
    ({"modes": ["on_site", "lent"]}, "modes[1]", "Phải chọn trong", "one of"),
    ({"hours": 7}, "hours", "Cần một bảng", "a table (a group of settings); it is a whole number"),
    ({"hours": [{"opens": "08:00"}]}, "hours", "danh sách", "it is a list"),
    ({"hours": {"opens": "18:00"}}, "hours", "Giờ mở phải trước giờ đóng.", "Opening must be before closing."),
    ({"rows": [{"name": "a", "modes": []}]}, "rows[0]", "Không dùng được: A row needs a mode.", "A row needs a mode."),
    ({"rows": [{}]}, "rows[0].name", "Thiếu thiết lập bắt buộc này.", "required and is missing"),
    ({"rows": [{"name": "a"}, 5]}, "rows[1]", "Cần một bảng", "a table"),
    ({"rows": [{"name": "a", "max_loan": 1}]}, "rows[0].max_loan", "Bạn muốn viết 'max_loans'?", "'max_loans'?"),
    ({"pause": {"colour": 1}}, "pause.colour", "ở đây có: opens, closes.", "there are: opens, closes."),
    ({"fees": {"a b": "x"}}, 'fees."a b"', "Cần số nguyên", "a whole number"),
    ({"fees": {"Ấ": 1, unicodedata.normalize("NFD", "Ấ"): 1}}, 'fees."Ấ"', "hai lần", "twice"),
    ({"fees": {"\ud800": 1}}, 'fees."\\ud800"', "ký tự hỏng", "broken character"),
    ({"fees": [1]}, "fees", "Cần một bảng", "a table"),
    ({"rooms": {"a": {"opens": 1}}}, "rooms.a.opens", "Cần giờ", "a time"),
    ({"_known": 1}, "_known", "Không có thiết lập này", "There is no such setting"),
    ({'"\n\\': 1}, '"\\"\\n\\\\"', "Không có thiết lập này", "There is no such setting"),
    ({"x" * 9999: 1}, "x" * 60, "Không có thiết lập này", "There is no such setting"),
]


@pytest.mark.parametrize(("values", "key", "vi", "en"), MISTAKES)
def test_a_mistake_is_named_with_its_key_and_source_in_both_languages(
    values: dict[str, object], key: str, vi: str, en: str
) -> None:
    problems = refused(build(Everything, values, "station.toml"))
    assert list(problems) == [key]
    problem = problems[key]
    assert problem.source == "station.toml"
    assert vi in problem.sentence.vi
    assert en in problem.sentence.en


def test_all_mistakes_of_a_file_are_reported_together(tmp_path: Path) -> None:
    text = """
        langage = "vi"
        whole = "3"
        least = 0
        day = 2026-09-02T00:00:00Z
        mode = "take_hone"
        [hours]
        opens = 18:00:00
        [pause]
        opens = "noon"
        [[rows]]
        max_loans = 3
        [[rows]]
        name = "x"
        max_loans = -1
        colour = "red"
        """
    outcome = build(Everything, toml(tmp_path, text), "station.toml")
    assert list(refused(outcome)) == [
        "langage",
        "whole",
        "least",
        "day",
        "mode",
        "hours",
        "pause.opens",
        "rows[0].name",
        "rows[1].max_loans",
        "rows[1].colour",
    ]
    assert isinstance(outcome, Problems)
    assert outcome.say("vi").splitlines()[:2] == [
        "station.toml: langage: Không có thiết lập này. Bạn muốn viết 'language'?",
        "station.toml: whole: Cần số nguyên; ở đây là văn bản.",
    ]
    assert outcome.say("en").splitlines()[0] == (
        "station.toml: langage: There is no such setting. Did you mean 'language'?"
    )


def test_a_missing_key_is_required_even_where_it_may_be_nothing() -> None:
    assert list(refused(build(Required, {}))) == ["name", "row", "age"]
    assert built(build(Required, {"name": "a", "row": {"name": "b"}, "age": None})).value.age is None


def test_a_whole_that_does_not_fit_together_is_reported_under_the_empty_key() -> None:
    problem = refused(build(Interval, {"opens": "19:00"}, "x.toml"))[""]
    assert problem.say("en") == "x.toml: Opening must be before closing."


def test_tables_without_end_are_a_problem_and_not_a_crash() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"one": deep}
    assert "quá sâu" in refused(build(Tree, deep))[""].sentence.vi
    assert built(build(Tree, {"children": [{}, {"one": {}}]})).value == Tree((Tree(), Tree(one=Tree())))


# Any plain value that TOML or JSON can bring.
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.just(HANOI)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*dump(Everything()), "nothing", "pause"]


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), PLAIN, max_size=6))
def test_whatever_stands_there_is_built_or_refused_in_whole_sentences(values: dict[str, object]) -> None:
    outcome = build(Everything, values, "x.toml")
    if isinstance(outcome, Problems):
        refused(outcome)
    else:
        assert values.keys() <= set(NAMES)


@dataclass(frozen=True, slots=True)
class Unreadable:
    either: int | str = 0


@dataclass(frozen=True, slots=True)
class UnboundLimit:
    line: Annotated[str, OneLine] = ""


@dataclass(frozen=True, slots=True)
class SetOfRows:
    rows: frozenset[Interval] = frozenset()


@dataclass(frozen=True, slots=True)
class NakedList:
    names: list[str] = field(default_factory=list)


@pytest.mark.parametrize("cls", [Unreadable, UnboundLimit, SetOfRows, NakedList])
def test_a_class_that_asks_for_what_cannot_be_read_is_our_own_mistake(cls: type) -> None:
    with pytest.raises(TypeError):
        build(cls, {})


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_a_secret_shows_its_mask_wherever_it_is_shown() -> None:
    secret = Secret("mật khẩu 123")
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>8}",
        "%s" % secret,  # noqa: UP031 the old way is what is tried
        repr(Everything(key=secret)),
        str([secret]),
        json.dumps(dump(Everything(key=secret))),
    ]
    assert not [text for text in shown if "123" in text]
    assert all(MASK in text for text in shown[:-1])
    assert MASK in json.loads(shown[-1])["key"]
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret.reveal() == "mật khẩu 123"
    assert secret == Secret("mật khẩu 123") != Secret("khác")
    assert secret != "mật khẩu 123"
    assert len({secret, Secret("mật khẩu 123")}) == 1


@dataclass(frozen=True, slots=True)
class Locked:
    key: Annotated[Secret, OneLine(most=8)] = KEY
    pin: Annotated[Secret | None, Pattern("[0-9]{6}", Phrase("Cần sáu chữ số.", "Six digits."))] = None


def test_limits_see_the_secret_and_their_sentences_do_not_tell_it() -> None:
    outcome = build(Locked, {"key": "zyx-987654", "pin": "zyx"})
    assert list(refused(outcome)) == ["key", "pin"]
    assert "zyx" not in str(outcome)
    assert built(build(Locked, {"pin": "123456"})).value.pin == Secret("123456")


@given(st.sampled_from(NAMES), st.sampled_from(["zyx-secret", ["zyx-secret"], {"opens": "zyx-secret"}]))
def test_a_text_in_the_wrong_place_is_not_repeated(name: str, value: object) -> None:
    outcome = build(Everything, {name: value})
    if isinstance(outcome, Problems):
        assert "zyx" not in outcome.say("vi") + outcome.say("en")


# --- there and back ---------------------------------------------------------------------------------------------------


def clean_text(least: int = 0, most: int = 12) -> st.SearchStrategy[str]:
    """Text as build leaves it: NFC, stripped, no NUL, no half pairs."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return (
        st.text(letters, max_size=most)
        .map(lambda text: unicodedata.normalize("NFC", text).strip())
        .filter(lambda text: least <= len(text) <= most)
    )


def one_line() -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
    return (
        st.text(letters, max_size=12)
        .map(lambda text: unicodedata.normalize("NFC", text).strip())
        .filter(lambda text: 1 <= len(text) <= 20)
    )


WHOLE = st.integers(-(2**63), 2**63 - 1)
INTERVALS = (
    st.tuples(st.times(), st.times())
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: Interval(min(pair), max(pair)))
)
MODES = st.frozensets(st.sampled_from(Mode))
EVERYTHING = st.builds(
    Everything,
    words=clean_text(),
    line=one_line(),
    code=st.from_regex("[A-Z]{2}", fullmatch=True),
    whole=WHOLE,
    least=st.integers(1, 2**63 - 1),
    most=st.floats(max_value=2.5, allow_infinity=False, allow_nan=False),
    decimal=st.floats(allow_infinity=False, allow_nan=False),
    truth=st.booleans(),
    day=st.dates(),
    at=st.times(),
    moment=st.datetimes(timezones=st.just(UTC) | st.just(HANOI), min_value=datetime(2, 1, 1)),  # noqa: DTZ001
    mode=st.sampled_from(Mode),
    language=st.sampled_from(["vi", "en"]),
    level=st.sampled_from([1, 2]),
    folder=clean_text(1).map(Path),
    key=clean_text().filter(lambda text: text != MASK).map(Secret),
    nothing=st.none() | WHOLE,
    something=WHOLE,
    hours=INTERVALS,
    pause=st.none() | INTERVALS,
    names=st.lists(clean_text(), max_size=3).map(tuple),
    rows=st.lists(
        st.builds(
            Row,
            name=one_line(),
            max_loans=st.integers(0, 100),
            modes=st.frozensets(st.sampled_from(Mode), min_size=1),
            due_on=st.none() | st.dates(),
        ),
        max_size=3,
    ).map(tuple),
    modes=MODES,
    fees=st.dictionaries(clean_text(), WHOLE, max_size=3),
    rooms=st.dictionaries(clean_text(), INTERVALS, max_size=2),
)


@given(EVERYTHING)
def test_what_is_dumped_builds_the_same_value(value: Everything) -> None:
    plain = dump(value, reveal=True)
    assert built(build(Everything, plain)).value == value
    assert dump(built(build(Everything, plain)).value, reveal=True) == plain


@given(EVERYTHING)
def test_what_is_dumped_goes_through_json(value: Everything) -> None:
    text = json.dumps(dump(value, reveal=True), allow_nan=False)
    assert built(build(Everything, json.loads(text))).value == value


@given(EVERYTHING)
def test_what_is_dumped_goes_through_a_toml_file(tmp_path_factory: pytest.TempPathFactory, value: Everything) -> None:
    file = tmp_path_factory.getbasetemp() / "dumped.toml"
    assert write_toml(file, dump(value, reveal=True)) is None
    values = read_toml(file)
    assert isinstance(values, dict)
    assert built(build(Everything, values)).value == value


def test_nothing_is_written_only_where_it_is_not_the_default() -> None:
    plain = dump(Everything(something=None))
    assert plain["something"] is None
    assert "nothing" not in plain
    assert built(build(Everything, dump(Everything(something=None), reveal=True))).value.something is None


def test_a_dump_without_its_secrets_does_not_build_by_mistake() -> None:
    assert list(refused(build(Everything, dump(Everything())))) == ["key"]


def test_sets_are_dumped_in_one_order() -> None:
    plain = dump(Everything(modes=frozenset(Mode)))
    assert plain["modes"] == ["on_site", "take_home"]


@pytest.mark.parametrize(
    "value",
    [
        Everything(moment=datetime(2026, 1, 1)),  # noqa: DTZ001 what is refused
        Everything(at=time(7, tzinfo=HANOI)),
        Everything(words=b"x"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_would_not_come_back_is_not_dumped(value: Everything) -> None:
    with pytest.raises(TypeError):
        dump(value)


# --- reading files ----------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    assert read_toml(file) == {"a": 1, "b": 2}


BAD_FILES: list[tuple[bytes, str, str]] = [
    (b"a = 1\nb = \xc3(\n", "Dòng 2 không phải là UTF-8", "Line 2 is not UTF-8"),
    ("a = 'Tỉnh'".encode("utf-16"), "Dòng 1 không phải là UTF-8", "Line 1 is not UTF-8"),
    (b"\xef\xbb\xbfa = 1\n\nb = \xff", "Dòng 3", "Line 3"),
    (b"a = 1\nb = TN-K01\n", "Dòng 2, cột 5: giá trị không hợp lệ", "Line 2, column 5: the value is not valid"),
    (b"a = 1\na = 2\n", "tên này đã được đặt ở trên", "this name is set already"),
    (b"[a]\n[a]\n", "Dòng 2, cột 3: bảng này đã có ở trên", "this table is there already"),
    (b"a = {b = 1, b = 2}", "tên này đã được đặt", "this name is set already"),
    (b"a 1", "phải có dấu =", "must be followed by ="),
    (b"a = 1 b = 2", "phải xuống dòng", "a new line"),
    (b"a = 'x", "thiếu dấu ngoặc kép đóng", "the closing quote is missing"),
    (b'a = "x\nb = 1\n', "Dòng 1, cột 7: thiếu dấu ngoặc kép đóng", "the closing quote is missing"),
    (b'a = "C:\\Users"', "phải viết hai lần", "must be doubled"),
    (b"a = [1, 2", "Cuối tệp: thiếu dấu ] đóng", "End of the file: the closing ] is missing"),
    (b"a = {b = 1", "thiếu dấu } đóng", "the closing } is missing"),
    (b"a = 2026-02-30", "ngày giờ này không có", "there is no such date or time"),
    (b"[]", "không đúng cú pháp TOML", "this is not valid TOML"),
    (b"a = " + b"9" * 5000, "số quá dài", "too long"),
    (b"a = " + b"[" * 5000, "quá sâu", "too deeply"),
    (b"zyx = zyx\nzyx.zyx = 'zyx", "Dòng 1", "Line 1"),
]


@pytest.mark.parametrize(("raw", "vi", "en"), BAD_FILES)
def test_a_file_that_is_no_toml_is_one_problem_that_says_where(tmp_path: Path, raw: bytes, vi: str, en: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(raw)
    problem = refused(read_toml(file))[""]
    assert problem.source == "bad.toml"
    assert vi in problem.sentence.vi
    assert en in problem.sentence.en
    assert "zyx" not in problem.say("vi") + problem.say("en")


def test_a_file_that_cannot_be_opened_is_one_problem(tmp_path: Path) -> None:
    missing = refused(read_toml(tmp_path / "x.toml"))[""]
    assert missing.sentence.en == f"Cannot read {tmp_path / 'x.toml'}: there is no such file or folder."
    assert "không có tệp" in missing.sentence.vi
    refused(read_toml(tmp_path))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ELOOP])
def test_every_failure_of_the_disk_while_reading_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(_: Path) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "read_bytes", fail)
    refused(read_toml(tmp_path / "x.toml"))


TOKENS = st.lists(
    st.sampled_from(
        [*"\n\n\n==.,[]{}\"'#-+:_ ", "[[", "]]", '"""', "a", "rows", "hours", "day", "1", "0x", "1e9", "inf"]
    )
    | st.sampled_from(["2026-09-02", "07:30:00", "true", "\\u", "\\", "ấ", "\r", "\0"])
    | st.text(max_size=3),
    max_size=30,
).map("".join)


@given(st.binary() | st.text().map(str.encode) | TOKENS.map(str.encode))
@example(b"a = 0x" + b"f" * 9999)
@example(b"a = 1e999999999")
@example(b"a = " + b"{a = " * 3000)
@example(b"[" + b"a." * 3000 + b"a]")
@example(b"words = '" + b"x" * 100_000 + b"'")
def test_no_bytes_whatever_make_it_crash(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(raw)
    values = read_toml(file)
    if isinstance(values, Problems):
        refused(values)
    else:
        outcome = build(Everything, values, "any.toml")
        assert isinstance(outcome, Built) or len(outcome) > 0


# --- writing files ----------------------------------------------------------------------------------------------------

OLD: dict[str, object] = {"which": "old"}
NEW: dict[str, object] = {"which": "new", "more": ["Tây Ninh"] * 20_000}


def test_a_written_file_is_for_its_owner_alone_or_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    assert write_toml(file, OLD) is None
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    assert write_toml(file, NEW) is None
    assert read_toml(file) == NEW
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "link.toml"
    write_toml(file, OLD)
    link.symlink_to(file)
    assert write_toml(link, NEW) is None
    assert link.is_symlink()
    assert read_toml(file) == NEW


def test_where_nothing_can_be_written_is_one_problem(tmp_path: Path) -> None:
    assert "Không ghi được" in refused(write_toml(tmp_path / "none" / "a.toml", OLD))[""].sentence.vi
    (tmp_path / "folder").mkdir()
    refused(write_toml(tmp_path / "folder", OLD))
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_nothing_has_no_place_in_toml(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_toml(tmp_path / "a.toml", {"a": None})
    assert list(tmp_path.iterdir()) == []


#: The steps of a write, as (name in os, which call of it), with what the file may hold if it fails there.
STEPS = [("fdopen", 1, "old"), ("fsync", 1, "old"), ("replace", 1, "old"), ("open", 1, "new"), ("fsync", 2, "new")]
needs_folder_sync = pytest.mark.skipif(os.name == "nt", reason="folders are not synced there")


def failing_at(call: Callable[..., Any], turn: int, fail: Callable[[], NoReturn]) -> Callable[..., Any]:
    count = 0

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count == turn:
            fail()
        return call(*args, **kwargs)

    return stand_in


@needs_folder_sync
@pytest.mark.parametrize(("name", "turn", "left"), STEPS)
def test_a_failing_disk_leaves_the_old_file_or_the_new_one_and_no_scraps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, turn: int, left: str
) -> None:
    file = tmp_path / "a.toml"
    assert write_toml(file, OLD) is None

    def full() -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        # mkstemp calls os.open as well, first.
        patch.setattr(os, name, failing_at(getattr(os, name), turn + (name == "open"), full))
        problem = refused(write_toml(file, NEW))[""]
    assert "ổ đĩa đã đầy" in problem.sentence.vi
    assert "the disk is full" in problem.sentence.en
    values = read_toml(file)
    assert isinstance(values, dict)
    assert values["which"] == left
    assert list(tmp_path.iterdir()) == [file]


CUT = """
import os, sys
from pathlib import Path
from config.loader import write_toml

name, turn = sys.argv[2], int(sys.argv[3])
call, count = getattr(os, name), 0

def cut(*args, **kwargs):
    global count
    count += 1
    if count == turn:
        if name == "fdopen":  # in the middle of the new file
            os.write(args[0], b'which = "ne')
        os._exit(9)
    return call(*args, **kwargs)

setattr(os, name, cut)
write_toml(Path(sys.argv[1]), {"which": "new"})
"""


@needs_folder_sync
@pytest.mark.parametrize(("name", "turn", "left"), STEPS)
def test_a_power_cut_at_any_step_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, name: str, turn: int, left: str
) -> None:
    file = tmp_path / "a.toml"
    assert write_toml(file, OLD) is None
    words = [sys.executable, "-c", CUT, str(file), name, str(turn + (name == "open"))]
    assert subprocess.run(words, cwd=ROOT, check=False).returncode == 9
    assert read_toml(file) == {"which": left}
    # What the dead one left beside the file is in nobody's way.
    assert write_toml(file, {"which": "later"}) is None
    assert read_toml(file) == {"which": "later"}


LOOP = """
import sys
from pathlib import Path
from config.loader import write_toml

while True:
    for which in ("old", "new"):
        assert write_toml(Path(sys.argv[1]), {"which": which, "more": [which] * 5000}) is None
        print(which, flush=True)
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    for rounds in range(1, 6):
        writer = subprocess.Popen([sys.executable, "-c", LOOP, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        with writer, writer.stdout:
            for _ in range(rounds):
                assert writer.stdout.readline()
            writer.kill()
        values = read_toml(file)
        assert isinstance(values, dict), values
        assert values == {"which": values["which"], "more": [values["which"]] * 5000}
