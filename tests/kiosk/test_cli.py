"""The command line: its languages, its exit codes, its JSON, and that nobody ever sees a traceback."""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.main import get_command

import kiosk.catalogue
from kiosk.cli import run
from kiosk.commands import application
from sync.circulation.model import Item, Title
from sync.store.errors import DiskFull
from sync.store.files import LEDGER, open_reference
from sync.store.ledger import Ledger
from sync.store.reference import Reference
from tests.kiosk.typed import PROGRAM, Typed, in_one_language, started, surroundings

ADULT, OTHER, CHILD, READING_CARD = "TN000104", "TN000105", "TNTE0001", "TNTD0001"
#: Copies of a novel here and in another branch, and a dictionary for the reading room.
NOVEL, ANOTHER, ELSEWHERE, DICTIONARY = "TN.00131", "TN.00132", "TB.00134", "TN.02501"


def _commands(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, *path, name)


#: Every command there is; the first is the program itself.
COMMANDS = [*_commands(get_command(application()))]


def write(home: Path, *described: tuple[Title, tuple[Item, ...]]) -> None:
    """More titles and items in a station's reference."""
    with Reference(open_reference(home)) as reference:
        reference.write([title for title, _ in described], [item for _, items in described for item in items])


# --- the line itself --------------------------------------------------------------------------------------------------


def test_without_a_command_there_is_help_and_nothing_is_wrong(typed: Typed) -> None:
    ended = typed()
    assert ended.code == 0
    assert "checkout" in ended.out
    assert not ended.err


def test_the_version_is_told(typed: Typed) -> None:
    ended = typed("--version")
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"tramsach \d+\.\d+\.\d+\n", ended.out)


#: A line, and what is said of it in English and in Vietnamese.
NOT_UNDERSTOOD = (
    ("checkout", "'PATRON' is missing.", "Thiếu 'SỐ-THẺ'."),
    ("checkout TN000104 TN.00131 --mode onsite", "choose one of: on_site,", "hãy chọn một trong: on_site,"),
    ("undo first", "this must be a whole number.", "phải là số nguyên."),
    ("fees pay 3f2a --amount 12.5", "this must be a whole number.", "phải là số nguyên."),
    ("search kiều --limit 0", "from 1 to 200.", "từ 1 đến 200."),
    ("search kiều --page 0", "at least 1.", "ít nhất là 1."),
    ("search kiều --limit", "--limit needs a value.", "--limit cần một giá trị."),
    ("search kiều --json=yes", "--json takes no value.", "--json không nhận giá trị."),
    ("search kiều --jsom", "There is no option --jsom. Did you mean --json?", "Ý bạn là --json?"),
    ("serch kiều", "There is no command 'serch'. Did you mean search?", "Ý bạn là search?"),
    ("fees forgive", "There is no command 'forgive'.", "Không có lệnh 'forgive'."),
    ("it's", "There is no command 'it's'.", "Không có lệnh 'it's'."),
    ("account TN000104 TN000105", "Too many words: TN000105.", "Thừa từ: TN000105."),
    ("--lang fr search kiều", "the languages are vi and en.", "chỉ có hai ngôn ngữ vi và en."),
    (
        f"--home {os.path.relpath(__file__)} account 1",
        "this must be a folder that can be read.",
        "phải là một thư mục đọc được.",
    ),
)


def test_a_line_that_is_not_understood_gets_one_sentence_and_ends_with_2(home: Path) -> None:
    for lang, at in (("en", 1), ("vi", 2)):
        answers = in_one_language(lang, [row[0].split() for row in NOT_UNDERSTOOD])
        for row, ended in zip(NOT_UNDERSTOOD, answers, strict=True):
            assert (ended.code, ended.out) == (2, ""), row
            (said,) = ended.sentences
            assert row[at] in said
            assert said.endswith("--help")
    assert not any(home.iterdir())


@pytest.mark.parametrize("group", ["fees", "catalogue", "patrons", "config", "tag", "devices", "simulate"])
def test_a_group_without_its_command_shows_its_help_and_ends_with_2(typed: Typed, group: str) -> None:
    ended = typed(group)
    assert ended.code == 2
    assert f"tramsach {group}" in ended.out


def test_home_and_language_may_stand_anywhere_on_the_line(typed: Typed, library: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert typed("account", "--home", nowhere, ADULT).code == 1
    assert typed("account", ADULT, f"--home={nowhere}").code == 1
    assert typed("--home", nowhere, "account", "--home", str(library), ADULT).code == 0
    assert "Hạn trả" in typed("checkout", ADULT, "--lang", "vi", NOVEL).out
    assert "Hạn trả" in typed("account", ADULT, "--lang=vi").out


def test_a_global_option_without_its_value_does_not_swallow_the_command(typed: Typed, library: Path) -> None:
    before = sorted(library.iterdir())
    for words in (("checkin", NOVEL, "--home"), ("--home",)):
        ended = typed(*words)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("--home needs a value.")
    assert sorted(library.iterdir()) == before


def test_what_follows_two_dashes_is_no_option(desk: Typed) -> None:
    ended = desk("search", "--json", "--", "--lang", "vi")
    assert ended.document[0]["title"].startswith("Chuyện xứ Lang Biang")


@pytest.mark.parametrize(
    ("locale", "speaks"),
    [
        ({"LANG": "C.UTF-8"}, "vi"),
        ({}, "vi"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "fr_FR.UTF-8"}, "vi"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": ""}, "en"),
    ],
)
def test_the_language_is_that_of_the_terminal_and_vietnamese_where_nobody_set_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, locale: dict[str, str], speaks: str
) -> None:
    for key in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(key, raising=False)
    for key, value in locale.items():
        monkeypatch.setenv(key, value)
    run(["nothing"])
    assert ("There is no command" if speaks == "en" else "Không có lệnh") in capsys.readouterr().err
    run(["nothing", "--lang", "en"])
    assert "There is no command" in capsys.readouterr().err


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def helps() -> dict[str, dict[str, str]]:
    """The help of every command, by language and command; unwrapped."""
    found = {}
    for lang in ("vi", "en"):
        answers = in_one_language(lang, [[*words, "--help"] for words in COMMANDS], COLUMNS="400")
        assert all((ended.code, ended.err) == (0, "") for ended in answers)
        found[lang] = {" ".join(words): ended.out for words, ended in zip(COMMANDS, answers, strict=True)}
    return found


def test_every_command_explains_itself_in_both_languages(helps: dict[str, dict[str, str]]) -> None:
    assert set(helps["vi"]) == set(helps["en"]) == {" ".join(words) for words in COMMANDS}
    for name, text in helps["vi"].items():
        assert f"Cách dùng: tramsach {name}".strip() in text
        assert "Usage" not in text
    for name, text in helps["en"].items():
        assert f"Usage: tramsach {name}".strip() in text


def test_commands_that_do_something_show_an_example_of_themselves(
    helps: dict[str, dict[str, str]],
) -> None:
    groups = {" ".join(words[:-1]) for words in COMMANDS if words}
    for lang, word in (("vi", "Ví dụ"), ("en", "Example")):
        for name, text in helps[lang].items():
            if name not in groups | {"config check"}:
                assert re.search(rf"{word}: tramsach (--home \S+ )?{name}\b", text), name


def test_no_english_word_is_left_in_vietnamese_help(helps: dict[str, dict[str, str]]) -> None:
    def words(text: str) -> set[str]:
        return {word.lower() for word in re.findall(r"(?<![\w/-])[^\W\d_]+(?![\w/-])", text)}

    names = {word for command in COMMANDS for word in command}
    formats = words("tramsach marc mrc marcxml csv xlsx json isbn summary export hex isil toml tcp udp usb rfid")
    formats |= words("https url tls postgresql sqlite uid uids")
    values = words("auto koha mobile portrait landscape small vi en feig noted")
    examples = words("tn tvt vn truyen kieu child book ốm socket port example thư viện nghỉ lễ ngày")
    vietnamese = words(
        "trạm sách đồng chip in an do x"
    )  # in: to print; an (ninh): safety; do: because of; x: the number in a range
    both = words(" ".join(helps["vi"].values())) & words(" ".join(helps["en"].values()))
    assert both <= names | formats | values | examples | vietnamese


def test_help_says_nothing_of_types_in_python(helps: dict[str, dict[str, str]]) -> None:
    for text in (*helps["vi"].values(), *helps["en"].values()):
        assert not re.search(r"<(str|int|bool|list|path|dir|file)|\bPath\b|\[bool\]", text)


def test_completion_is_offered_for_every_shell_and_knows_the_commands() -> None:
    for shell in ("bash", "zsh", "fish", "powershell"):
        ended = started(_TRAMSACH_COMPLETE=f"source_{shell}")
        assert (ended.code, ended.err) == (0, "")
        assert "_TRAMSACH_COMPLETE" in ended.out
    ended = started(_TRAMSACH_COMPLETE="complete_bash", COMP_WORDS="tramsach che", COMP_CWORD="1")
    assert ended.out.split() == ["checkout", "checkin"]


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_a_search_answers_title_author_call_number_and_items(desk: Typed) -> None:
    desk("checkout", ADULT, NOVEL)
    ended = desk("search", "tat den ngo tat to", "--json")
    assert (ended.code, ended.err) == (0, "")
    (found,) = ended.document
    assert list(found) == ["title", "author", "call_number", "items"]
    assert (found["title"], found["author"]) == ("Tắt đèn", "Ngô Tất Tố")
    assert found["items"] == [
        {"item_id": ELSEWHERE, "branch": "TN-TB", "status": "available"},
        {"item_id": NOVEL, "branch": "TN", "status": "on_loan"},
        {"item_id": ANOTHER, "branch": "TN", "status": "available"},
        {"item_id": "TN.00133", "branch": "TN", "status": "available"},
    ]
    assert desk("search", "qqqqq zzzzz", "--json").document == []


def test_a_checkout_answers_item_by_item(desk: Typed) -> None:
    ended = desk("checkout", ADULT, NOVEL, DICTIONARY, "TN.99999", "--json")
    assert ended.code == 1
    lent, refused, unknown = ended.document
    keys = ["item_id", "ok", "due", "blocks", "message"]
    assert [list(line)[:5] for line in ended.document] == [keys, keys, keys]
    assert (lent["item_id"], lent["ok"], lent["blocks"], lent["message"]) == (NOVEL, True, [], "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT16:59:59\+00:00", lent["due"])  # the end of a day in Viet Nam
    assert isinstance(lent["entry"], int)
    assert refused == {
        "item_id": DICTIONARY,
        "ok": False,
        "due": None,
        "blocks": ["reading_only"],
        "message": "For reading here only. You are welcome to read it in the reading room.",
        "entry": None,
    }
    assert unknown["blocks"] == ["unknown_item"]
    first, second = ended.sentences
    assert first == f"✗ {DICTIONARY} (Từ điển tiếng Việt): {refused['message']}"
    assert second == f"✗ TN.99999: {unknown['message']}"


def test_renewals_and_returns_answer_item_by_item(desk: Typed) -> None:
    (lent,) = desk("checkout", ADULT, NOVEL, "--json").document
    ended = desk("renew", ADULT, NOVEL, ANOTHER, "--json")
    assert ended.code == 1
    renewed, refused = ended.document
    assert renewed["ok"]
    assert renewed["due"] > lent["due"]
    assert (refused["ok"], refused["due"], refused["blocks"]) == (False, None, ["not_on_loan"])
    ended = desk("checkin", NOVEL, ELSEWHERE, "--json")
    assert ended.code == 0
    here, elsewhere = ended.document
    assert here == {
        "item_id": NOVEL,
        "ok": True,
        "due": renewed["due"],
        "late_days": 0,
        "fee": 0,
        "put_aside": None,
        "blocks": [],
        "notices": [],
        "message": "",
        "entry": here["entry"],
    }
    assert (elsewhere["due"], elsewhere["put_aside"]) == (None, "other_library")
    assert elsewhere["notices"] == ["put_aside_other_library", "was_not_on_loan"]


def test_an_account_is_masked_and_whole(desk: Typed) -> None:
    desk("checkout", ADULT, NOVEL)
    ended = desk("account", ADULT, "--json")
    assert (ended.code, ended.err) == (0, "")
    account = ended.document
    assert list(account) == ["patron_id", "name", "category", "expires", "loans", "holds", "fees", "owed"]
    assert (account["patron_id"], account["name"], account["category"]) == (ADULT, "Phạm T. N. Á.", "adult")
    (loan,) = account["loans"]
    assert {key: loan[key] for key in ("item_id", "title", "overdue", "renewals", "renewable", "blocks")} == {
        "item_id": NOVEL, "title": "Tắt đèn", "overdue": False, "renewals": 0, "renewable": True, "blocks": []
    }  # fmt: skip
    assert (account["holds"], account["fees"], account["owed"]) == ([], [], 0)
    assert "Ngọc" not in ended.out + desk("account", ADULT).out


def test_a_card_that_nobody_has_is_a_null_account(desk: Typed) -> None:
    ended = desk("account", "TN999999", "--json")
    assert (ended.code, ended.document) == (1, None)
    assert ended.sentences == [
        "No reader has the card TN999999. Check the number, or import the readers.",
    ]


def test_imports_answer_counts_and_lists(typed: Typed, tmp_path: Path) -> None:
    readers = tmp_path / "readers.csv"
    readers.write_text("Số thẻ,Họ và tên\nA1,Nguyễn Văn Tám\nA1,Lê Thị Chín\n", "utf-8")
    ended = typed("patrons", "import", str(readers), "--json")
    assert ended.code == 1
    assert {"read", "repaired", "refused", "patrons", "cards"} <= set(ended.document)
    assert (ended.document["read"], ended.document["patrons"]) == (2, 1)
    (refused,) = ended.document["refused"]
    assert {"record", "identifier", "reason"} <= set(refused)
    assert refused["record"] == 3
    assert "Chín" not in ended.out + ended.err
    titles = tmp_path / "titles.mrc"
    titles.write_bytes(b"")
    ended = typed("catalogue", "import", str(titles), "--json")
    assert {"read", "titles", "items", "repaired", "refused"} <= set(ended.document)
    assert [ended.document[key] for key in ("read", "titles", "items", "repaired")] == [0, 0, 0, []]


@pytest.mark.parametrize(
    "line",
    [
        f"checkout {ADULT} {NOVEL} TN.99999",
        "checkout NOBODY TN.99999",
        f"checkout {ADULT} TN.99999 --mode on_site",
        "checkin TN.99999",
        f"renew {ADULT}",
        "renew NOBODY",
        "account NOBODY",
        "search kieu",
        "catalogue import nowhere.mrc",
        "patrons import nowhere.csv",
        "config check",
        "config show",
        "config show --branch TN-TB",
        "doctor",
    ],
)
def test_with_json_there_is_one_document_and_nothing_else_on_standard_output(desk: Typed, line: str) -> None:
    for lang in ("vi", "en"):
        ended = desk(*line.split(), "--json", lang=lang)
        assert ended.code in (0, 1)
        json.loads(ended.out)
        assert (ended.code == 1) == bool(ended.err)


# --- for people -------------------------------------------------------------------------------------------------------


def test_a_title_is_shown_as_it_is_written_whatever_it_looks_like(typed: Typed, library: Path) -> None:
    odd = "Zebra [electronic resource] :heart: [/bold] [red]"
    item = Item("TN.X1", "X1", "book", "TN")
    write(library, (Title("X1", odd, "[s.n.]", call_number="[590]"), (item,)))
    for ended in (typed("search", "zebra"), typed("checkout", ADULT, "TN.X1"), typed("account", ADULT)):
        assert ended.code == 0
        flat = " ".join(re.sub(r"[│\n]", " ", ended.out).split())
        for word in odd.split():
            assert word in flat
    assert odd in typed("checkout", OTHER, "TN.X1").err


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_keep_to_the_terminal_and_lose_no_letter(
    typed: Typed, library: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    long = "Quận Zoo: " + " ".join(f"chương{n}" for n in range(40))
    han = "三國演義第一回宴桃園豪傑三結義斬黃巾英雄首立功" * 3
    unbroken = "Zoo" + "w" * 150
    copies = tuple(Item(f"TN.LONG{n:04}", "L1", "book", "TN") for n in range(30))
    write(
        library,
        (
            Title("L1", long, "Một tác giả có tên thật dài và nhiều người khác nữa", call_number="895.9223 QU123Z"),
            copies,
        ),
        (Title("L2", han, "羅貫中", call_number="895.13"), (Item("TN.HAN1", "L2", "book", "TN"),)),
        (Title("L3", unbroken), (Item("TN.WWW1", "L3", "book", "TN"),)),
    )
    for lang in ("vi", "en"):
        lines = [
            typed("search", "quan zoo", lang=lang),
            typed("search", "三國", lang=lang),
            typed("checkout", ADULT, "TN.LONG0000", "TN.HAN1", "TN.WWW1", lang=lang),
            typed("account", ADULT, lang=lang),
            typed("checkin", "TN.LONG0000", "TN.HAN1", "TN.WWW1", lang=lang),
            typed("doctor", lang=lang),
            typed("config", "show", lang=lang),
        ]
        for ended in lines:
            assert ended.code == 0
            assert max(map(cell_len, ended.out.splitlines())) <= columns
        letters = re.sub(r"[│\s]", "", "".join(ended.out for ended in lines))
        for number in range(30):
            assert f"TN.LONG{number:04}" in letters
    shown = _column(typed("search", "三國").out, 0)
    assert shown.replace("\n", "") == han


def _column(table: str, number: int) -> str:
    rows = [line.strip("│").split("│") for line in table.splitlines() if line.startswith("│")]
    return "\n".join(row[number].strip() for row in rows)


def test_copies_of_other_branches_are_named_as_theirs(desk: Typed) -> None:
    desk("checkout", ADULT, NOVEL)
    copies = _column(desk("search", "tat den ngo tat to").out, 3).replace("\n", " ")
    assert copies.split() == (
        f"on the shelf: {ANOTHER}, TN.00133 on loan: {NOVEL} on the shelf · Thư viện xã Tân Bình: {ELSEWHERE}".split()
    )


def test_a_search_that_finds_more_than_a_page_says_how_to_see_it(desk: Typed) -> None:
    found = len(desk("search", "truyện", "--limit", "200", "--json").document)
    assert found > 10
    first = desk("search", "truyện", "--limit", "5")
    assert f"Titles 1–5 of {found}. More: --page 2" in first.out
    titles = {line["title"] for line in desk("search", "truyện", "--limit", "5", "--json").document}
    second = {line["title"] for line in desk("search", "truyện", "--limit", "5", "--page", "2", "--json").document}
    assert not titles & second
    assert "More" not in desk("search", "truyện", "--limit", "200").out
    assert "More" not in desk("search", "truyện", "--limit", str(found)).out
    for page in ("100", "99999999999999999999"):
        assert desk("search", "truyện", "--page", page).out == (
            f"Only {found} titles were found; they end before page {page}.\n"
        )


def test_marks_may_be_left_out_of_a_search(desk: Typed) -> None:
    with_marks = desk("search", "dế mèn phiêu lưu ký", "--json").document
    without = desk("search", "de", "men", "phieu", "luu", "ky", "--json").document
    assert with_marks[0]["title"] == without[0]["title"] == "Dế Mèn phiêu lưu ký"


# --- the desk ---------------------------------------------------------------------------------------------------------


def test_reading_on_site_is_counted_but_only_of_readers_and_items_that_are_known(desk: Typed) -> None:
    ended = desk("checkout", READING_CARD, NOVEL, "TN.99999", "--mode", "on_site", "--json")
    assert ended.code == 1
    used, unknown = ended.document
    assert (used["ok"], used["due"], used["blocks"]) == (True, None, [])
    assert (unknown["ok"], unknown["blocks"]) == (False, ["unknown_item"])
    (stranger,) = desk("checkout", "NOBODY", NOVEL, "--mode", "on_site", "--json").document
    assert stranger["blocks"] == ["unknown_card"]
    assert "Read on site: 2." in desk("checkout", READING_CARD, NOVEL, ANOTHER, "--mode", "on_site").out
    assert desk("account", READING_CARD, "--json").document["loans"] == []


def test_renewing_for_a_card_that_nobody_has_is_refused_and_for_an_empty_account_it_is_not(desk: Typed) -> None:
    assert desk("renew", "NOBODY").code == 1
    ended = desk("renew", ADULT)
    assert (ended.code, ended.out) == (0, "This reader has nothing on loan.\n")


def test_an_act_can_be_undone_by_the_number_that_was_shown(desk: Typed) -> None:
    (lent,) = desk("checkout", ADULT, NOVEL, "--json").document
    shown = desk("checkout", ADULT, ANOTHER).out
    assert _column(shown, 3).isdigit()
    ended = desk("undo", str(lent["entry"]))
    assert (ended.code, ended.out) == (0, f"Undone: act {lent['entry']} on item {NOVEL}.\n")
    assert desk("undo", str(lent["entry"])).sentences == [
        "It cannot be undone: something else has happened to the item since. Check the item out or in again instead."
    ]


@pytest.mark.parametrize("number", ["0", "1", "1042", "9223372036854775807", "9223372036854775808", "9" * 40])
def test_an_act_that_never_was_cannot_be_undone(desk: Typed, number: str) -> None:
    ended = desk("undo", number)
    assert ended.code == 1
    assert ended.sentences == [f"There is no act {number} that could be undone. Check the number."]


def test_what_was_lent_before_the_disk_failed_is_shown_because_it_is_lent(
    typed: Typed, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend: Callable[..., object] = Ledger.checkout

    def until_the_disk_is_full(ledger: Ledger, card: str, item_id: str, **how: object) -> object:
        if item_id == ANOTHER:
            raise DiskFull(LEDGER.path(library))
        return lend(ledger, card, item_id, **how)

    monkeypatch.setattr(Ledger, "checkout", until_the_disk_is_full)
    ended = typed("checkout", ADULT, NOVEL, ANOTHER, "--json")
    assert ended.code == 1
    assert [line["item_id"] for line in ended.document] == [NOVEL]
    assert ended.sentences == [
        f"The disk that holds {library} is full; this act was not recorded. Free some space, then try again."
    ]
    assert [line["item_id"] for line in typed("account", ADULT, "--json").document["loans"]] == [NOVEL]


# --- forgetting -------------------------------------------------------------------------------------------------------


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(answer))


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "không\n", "later\n"])
def test_nobody_is_forgotten_without_a_yes(desk: Typed, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answering(monkeypatch, answer)
    ended = desk("patrons", "forget", ADULT)
    assert ended.code == 1
    assert f"Erase reader {ADULT} (Phạm T. N. Á.)" in ended.err
    assert ended.err.endswith("Stopped; nothing more was done.\n")
    assert desk("account", ADULT).code == 0


@pytest.mark.parametrize("answer", ["y\n", "YES\n", "c\n", "có\n", "Co\n"])
def test_a_reader_is_forgotten_after_a_yes_in_either_language(
    desk: Typed, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    desk("checkout", ADULT, NOVEL)
    desk("checkin", NOVEL)
    answering(monkeypatch, answer)
    ended = desk("patrons", "forget", ADULT, lang="vi")
    assert ended.code == 0
    assert "[c/K]" in ended.err
    assert ended.out == "Đã xóa dữ liệu bạn đọc; các lượt mượn chỉ còn là con số.\n"
    assert desk("account", ADULT).code == 1


def test_a_reader_who_has_or_owes_something_is_not_forgotten(desk: Typed) -> None:
    desk("checkout", ADULT, NOVEL)
    ended = desk("patrons", "forget", ADULT, "--yes")
    assert ended.code == 1
    assert ended.sentences == ["The reader still has 1 items. Check them in before erasing the reader."]


def test_a_mistyped_number_is_not_reported_as_forgotten(desk: Typed) -> None:
    ended = desk("patrons", "forget", "TN00104", "--yes")
    assert (ended.code, ended.out) == (1, "")
    assert "No reader has the card TN00104" in ended.err


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_folder_without_a_library_says_so_and_stays_empty(typed: Typed, home: Path) -> None:
    for words in (("search", "kiều"), ("account", ADULT), ("patrons", "forget", ADULT, "--yes")):
        ended = typed(*words)
        assert (ended.code, ended.out) == (1, "")
        (said,) = ended.sentences
        assert said.startswith(f"There is no file ledger.sqlite in {home} yet.")
    assert not any(home.iterdir())


def test_files_that_are_not_there_are_named_and_the_others_come_in(typed: Typed, tmp_path: Path) -> None:
    readers = tmp_path / "readers.csv"
    readers.write_text("Số thẻ,Họ và tên\nA1,Nguyễn Văn Tám\n", "utf-8")
    ended = typed("patrons", "import", "nowhere.csv", str(readers), str(tmp_path))
    assert ended.code == 1
    assert ended.sentences == ["There is no file nowhere.csv.", f"{tmp_path} is not a file."]
    assert typed("account", "A1").code == 0


def test_ctrl_c_ends_with_a_sentence(desk: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kiosk.catalogue, "search", interrupted)
    ended = desk("search", "kiều")
    assert (ended.code, ended.out, ended.err) == (1, "", "Stopped; nothing more was done.\n")


@pytest.mark.usefixtures("library")
def test_a_pipe_that_is_closed_is_no_error_to_tell_of() -> None:
    behind, before = os.pipe()
    os.close(behind)
    try:
        ended = subprocess.run(
            [*PROGRAM, "search", "việt", "--limit", "50"],
            stdout=before,
            stderr=subprocess.PIPE,
            env=surroundings({}),
            check=False,
        )
    finally:
        os.close(before)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.usefixtures("library")
def test_a_stream_that_claims_another_encoding_gets_utf8_all_the_same() -> None:
    ended = started("search", "tat den ngo tat to", PYTHONIOENCODING="latin-1", LC_ALL="vi_VN.UTF-8")
    assert (ended.code, ended.err) == (0, "")
    assert "Tắt đèn" in ended.out


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_bytes_that_are_no_text_end_in_a_sentence() -> None:
    ended = started("catalogue", "import", b"s\xe1ch.mrc", "--json", LC_ALL="en_US.UTF-8")
    assert ended.code == 1
    assert ended.sentences == ["There is no file s\\udce1ch.mrc."]
    json.loads(ended.out)


#: Words that mean something, so that lines get past the parser; none that would wait for a person or write elsewhere.
_MEANT = st.sampled_from(
    "checkout checkin renew account undo fees pay waive search catalogue import patrons forget doctor config check show"
    " --json --yes --mode on_site take_home --amount --reason --limit --page --category --item-type --branch --mapping"
    " --dry-run --confirm-clock --lang vi en --home --help --version -- - * TN000104 TN.00131 TN-TB 0 1 -1 200 1e3 koha"
    " 99999999999999999999 readers.csv titles.mrc holidays 2027"
    "".split()
)
#: Words as an operating system can hand them over: any bytes but the one that ends a word, and no path to elsewhere.
_WORDS = st.one_of(
    _MEANT,
    st.text(max_size=12).map(lambda word: word.encode("utf-8", "replace")).map(os.fsdecode),
    st.binary(max_size=6).map(os.fsdecode),
    st.text(st.sampled_from(string.punctuation + "ếữđ三\u0301\u202e\ufeff"), max_size=8),
).filter(lambda word: not any(sign in word for sign in ("\0", "/", "\\")) and ".." not in word)
_NO_WINDOW_AND_NO_WAIT = (
    "checkout", "checkin", "renew", "account", "undo", "fees pay", "fees waive", "search", "catalogue import",
    "patrons import", "patrons forget", "doctor", "config check", "config show", "config holidays",
)  # fmt: skip
_MOSTLY_UNDERSTOOD = st.tuples(st.sampled_from(_NO_WINDOW_AND_NO_WAIT), st.lists(_WORDS, max_size=4)).map(
    lambda line: [*line[0].split(), *line[1]]
)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to make a mess in."""
    folder = tmp_path_factory.mktemp("yard")
    (folder / "readers.csv").write_text("Số thẻ,Họ và tên\nA1,Nguyễn Văn Tám\n", "utf-8")
    (folder / "titles.mrc").write_bytes(b"00026     2200025   4500\x1e\x1d")
    return folder


@pytest.mark.usefixtures("library")
@given(line=st.one_of(st.lists(_WORDS, max_size=7), _MOSTLY_UNDERSTOOD))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_is_typed_the_answer_is_0_1_or_2_and_never_a_traceback(
    yard: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: list[str]
) -> None:
    monkeypatch.chdir(yard)
    monkeypatch.setenv("HOME", str(yard))
    answering(monkeypatch, "")
    capsys.readouterr()
    assert run(line) in (0, 1, 2)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
