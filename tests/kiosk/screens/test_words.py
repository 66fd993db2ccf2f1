"""What the screens say: in both languages, complete, and nowhere but in Python."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kiosk import i18n
from kiosk.screens import words
from kiosk.screens.samples import DONE, PATRON, VIEWS
from kiosk.screens.shapes import ICONS, PICTURES
from kiosk.screens.theme import theme, tokens
from kiosk.screens.words import DialogText, Frame, Key, PageText, StatusLine
from kiosk.views import Action, BorrowView, Notice, PatronView, Receipt, RowState, RowView, TimeoutView, View

SCREENS = Path(words.__file__).parent
STEPS = set(tokens()["type"]["scale"])
KINDS = {"primary", "secondary", "indigo", "danger", "key", "function"}
#: Words a .kv file may hold in quotes: names of things, never something to read.
NAMES = (
    set(theme(True).roles)
    | STEPS
    | set(ICONS)
    | set(PICTURES)
    | set(tokens()["icons"]["glyphs"])
    | set(tokens()["radius"])
    | {
        name
        for layout in tokens()["layout"].values()
        if isinstance(layout, dict)
        for zones in layout.values()
        for name in zones
    }
    | set(tokens()["layout"])
    | {"left", "center", "right", "middle", "top", "bottom", "portrait", "landscape", "small", ""}
)


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    before = i18n.language()
    yield
    i18n.speak(before)


def texts(value: object) -> Iterator[str]:
    """Every text to read in a value, names of icons and roles left out."""
    match value:
        case str():
            yield value
        case Key(text=text):
            yield text
        case StatusLine(text=text, state=state):
            yield from (text, state)
        case tuple() | frozenset():
            for part in value:
                yield from texts(part)
        case PageText() | DialogText() | Frame() | words.Entry() | words.Counter() | words.Steps() | words.Repair():
            hidden = {"icon", "tint", "ground", "role", "key", "slip_ground", "slip_bar", "active"}
            for field in dataclasses.fields(value):
                if field.name not in hidden and not field.name.endswith(("_icon", "_role")):
                    yield from texts(getattr(value, field.name))
        case _:
            pass


def said(view: View) -> list[str]:
    """All that a view says."""
    found = [*texts(words.page(view)), *texts(words.reachable(view)), *texts(words.frame(view))]
    found += texts(words.help_dialog(view))
    found += texts(words.timeout(9))
    found += texts(words.steps(view) or "")
    return found


def in_language(view: View, language: str) -> View:
    """The view in a language, which is also the one spoken."""
    i18n.speak(language)
    return dataclasses.replace(view, language=language)


@pytest.mark.parametrize("name", VIEWS)
def test_a_screen_in_vietnamese_says_nothing_in_english(name: str) -> None:
    english = set(said(in_language(VIEWS[name], "en")))
    vietnamese = set(said(in_language(VIEWS[name], "vi")))
    both = {
        text for text in english & vietnamese
        if re.search(r"[A-Za-z]{3}", text) and not re.search(r"[À-ỹ]", text) and "–" not in text
    }  # fmt: skip
    # What stays: names, codes, titles in other scripts, and the label that names the other language.
    assert {text for text in both if not re.search(r"TN\d|P-07|lifted|English|Place your card", text)} <= {
        "Thomas L. Friedman"
    }


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_no_text_keeps_a_name_in_braces_or_ends_in_space(name: str, language: str) -> None:
    for text in said(in_language(VIEWS[name], language)):
        assert "{" not in text
        assert text.strip() == text.strip(" ") and (text == " " or text == text.strip()), repr(text)  # noqa: PT018


@pytest.mark.parametrize("name", VIEWS)
def test_every_role_icon_and_kind_that_a_screen_names_exists(name: str) -> None:
    roles, glyphs = theme(False).roles, tokens()["icons"]["glyphs"]
    text = words.page(VIEWS[name])
    keys = [key for key in (text.primary, text.secondary, *text.keys) if key]
    keys += [key for entry in text.entries for key in entry.keys] + [repair.key for repair in text.repairs]
    assert {key.kind for key in keys} <= KINDS
    icons = {key.icon for key in keys} | {entry.icon for entry in text.entries} | {text.note_icon}
    icons |= {line.icon for line in text.devices} | {key.icon for key in words.frame(VIEWS[name]).tools}
    assert {icon for icon in icons if icon} <= set(ICONS) | set(PICTURES) | set(glyphs) | {"reading"}
    used = {entry.tint for entry in text.entries} | {entry.ground for entry in text.entries}
    used |= {text.headline_role, text.note_role} | {counter.role for counter in text.counters}
    assert used <= set(roles)


def test_nothing_to_read_stands_in_a_kv_file() -> None:
    files = sorted(path for path in SCREENS.glob("*.kv") if not path.name.startswith("bench"))
    assert files
    for path in files:
        for quoted in re.findall(r"'([^']*)'|\"([^\"]*)\"", path.read_text("utf-8")):
            assert "".join(quoted) in NAMES, f"{path.name} says {quoted}"


def test_under_the_veil_of_the_time_out_nothing_of_the_reader_is_left() -> None:
    view = dataclasses.replace(VIEWS["borrow"], timeout=TimeoutView(14))
    text = words.without_titles(words.page(view))
    left = " ".join([*texts(text), *texts(words.frame(view))])
    for row in view.body.rows if isinstance(view.body, BorrowView) else ():
        assert not row.title or row.title not in left
    assert "Nguyễn V. A." not in left
    assert "4821" not in left


def test_the_given_name_is_said_once_in_the_greeting_and_nowhere_else() -> None:
    patron = PatronView("Phương Nghi", "Công Tằng T. N. P. N.", "0009")
    for name, view in VIEWS.items():
        if view.patron is None:
            continue
        found = " ".join(said(in_language(dataclasses.replace(view, patron=patron), "vi")))
        greeted = isinstance(view.body, BorrowView) and not view.body.borrowed
        assert ("Phương Nghi" in found) == greeted, name


def test_a_card_is_named_by_its_last_four_digits_alone() -> None:
    i18n.speak("vi")
    assert words.card("4821") == "Thẻ •••• 4821"


def test_money_and_days_are_written_as_people_here_write_them() -> None:
    i18n.speak("vi")
    assert words.money(1_234_567) == "1.234.567\N{NO-BREAK SPACE}₫"
    i18n.speak("en")
    assert words.money(6000) == "6,000\N{NO-BREAK SPACE}₫"
    due = VIEWS["done"].body
    assert words.page(VIEWS["done"]).stamp_date == "23/03/2027", due


@pytest.mark.parametrize("notice", Notice)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_notice_is_one_sentence(notice: Notice, language: str) -> None:
    i18n.speak(language)
    assert words.notice(notice).endswith(".")


def test_a_word_for_no_is_red_on_both_of_its_lines() -> None:
    i18n.speak("vi")
    refused = next(entry for entry in words.page(VIEWS["borrow"]).entries if entry.icon == "cross")
    assert (refused.word, refused.detail, refused.tint) == ("Không mượn được", "", "refused")


def test_every_screen_of_a_visit_can_be_left_by_touch() -> None:
    ways = {Action.END, Action.FINISH, Action.BACK, Action.NO_PRINT, Action.ACCOUNT}
    for name, view in VIEWS.items():
        text = words.page(view)
        keys = {key.touch.action for key in (text.primary, text.secondary, *text.keys) if key}
        if not keys and name in ("attract", "attract-offline", "closed", "out-of-service"):
            continue
        assert keys & ways, name


# --- the slip on a telephone ------------------------------------------------------------------------------------------


def code(**changes: Any) -> str:
    done = dataclasses.replace(DONE, **{"receipt": Receipt.FAILED, **changes})
    return words.page(dataclasses.replace(VIEWS["done"], body=done)).code


def test_a_slip_without_paper_is_a_code_with_titles_by_their_due_date() -> None:
    i18n.speak("vi")
    row = RowView("1", RowState.BORROWED, "Dế Mèn phiêu lưu ký", day=date(2027, 3, 29))
    rows = (
        row,
        dataclasses.replace(row, key="2", title="Đất rừng phương Nam", day=date(2027, 3, 22)),
        dataclasses.replace(row, key="3", title="Truyện Kiều"),
        dataclasses.replace(row, key="4", title="Người Nùng", state=RowState.PUT_ASIDE, day=None),
    )
    assert code(rows=rows).splitlines() == [
        "PHIẾU HẠN TRẢ",
        "Hạn trả 22/03/2027",
        "- Đất rừng phương Nam",
        "Hạn trả 29/03/2027",
        "- Dế Mèn phiêu lưu ký",
        "- Truyện Kiều",
    ]
    back = tuple(dataclasses.replace(row, state=RowState.RETURNED, day=None) for row in rows[:1])
    assert code(rows=back, borrowed=0, returned=1).splitlines() == ["ĐÃ TRẢ", "- Dế Mèn phiêu lưu ký"]


def test_the_code_names_nobody() -> None:
    assert PATRON.card_ending in str(words.frame(VIEWS["done"]))
    for receipt in Receipt:
        said = code(receipt=receipt)
        assert not any(secret in said for secret in (PATRON.card_ending, PATRON.given_name, PATRON.masked_name))


@pytest.mark.parametrize("receipt", Receipt)
def test_there_is_a_code_where_there_is_no_paper(receipt: Receipt) -> None:
    without = {Receipt.FAILED, Receipt.UNKNOWN, Receipt.NOT_OFFERED}
    assert bool(code(receipt=receipt)) == (receipt in without)


@pytest.mark.parametrize("count", [0, 1, 20, 200])
@pytest.mark.parametrize("title", ["W" * 300, "Ễ" * 300, "Truyện Kiều"])
def test_a_code_stays_small_and_says_how_many_it_leaves_out(count: int, title: str) -> None:
    i18n.speak("en")
    rows = tuple(RowView(str(at), RowState.BORROWED, title, day=date(2027, 3, 22)) for at in range(count))
    said = code(rows=rows)
    assert len(said.encode()) <= 600
    shown = said.count("\n- ")
    assert shown == count or said.endswith(f"\n{count - shown} more")
