"""Settings in the terminal: all mistakes at once, where each value comes from, and the calendar's holidays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kiosk.station import NotReady, read_settings, settings_of
from tests.kiosk.typed import Typed

BRANCH = '[[branches]]\ncode = "{code}"\nname = "Thư viện"\n'


def rules(home: Path, *parts: str) -> None:
    (home / "rules.toml").write_text("\n".join(parts), "utf-8")


def station(home: Path, text: str) -> None:
    (home / "station.toml").write_text(text, "utf-8")


# --- check ------------------------------------------------------------------------------------------------------------


def test_a_folder_without_files_has_good_settings(typed: Typed, home: Path) -> None:
    ended = typed("config", "check")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "The settings are right: station MAIN-D01 at Thư viện, 1 branches, 4 policy rows.\n"
    assert not any(home.iterdir())
    assert typed("config", "check", "--json").document == []


@pytest.mark.usefixtures("library")
def test_the_demonstration_has_good_settings(typed: Typed) -> None:
    assert "station DEMO-D01 at Thư viện tỉnh" in typed("config", "check").out


MISTAKEN_STATION = """
station = "TN K01"
langauge = "vi"
epoch = 0
profile = "spaceship"
"""
MISTAKEN_POLICY = '[[policies]]\nbranch = "MAIN"\nperiod_days = "15"\nfee_per_day = 0.5\n'
MISTAKES = {
    ("station.toml", "station"): "Use letters without marks, digits, and hyphens between them",
    ("station.toml", "langauge"): "There is no such setting. Did you mean 'language'?",
    ("station.toml", "epoch"): "This must be at least 1; it is 0.",
    ("station.toml", "profile"): "This must be one of: desk, demo",
    ("rules.toml", "policies[0].period_days"): "This must be a whole number; it is text.",
    ("rules.toml", "policies[0].fee_per_day"): "This must be a whole number; it is a decimal number.",
}


def test_all_mistakes_of_all_files_are_named_at_once(typed: Typed, home: Path) -> None:
    station(home, MISTAKEN_STATION)
    rules(home, BRANCH.format(code="MAIN"), MISTAKEN_POLICY)
    ended = typed("config", "check", "--json")
    assert ended.code == 1
    assert [list(mistake) for mistake in ended.document] == [["key", "source", "message"]] * len(MISTAKES)
    said = {(mistake["source"], mistake["key"]): mistake["message"] for mistake in ended.document}
    assert said.keys() == MISTAKES.keys()
    for place, sentence in MISTAKES.items():
        assert said[place].startswith(sentence)
    assert ended.sentences == [f"{source}: {key}: {sentence}" for (source, key), sentence in said.items()]


def test_the_same_mistakes_are_told_in_vietnamese(typed: Typed, home: Path) -> None:
    station(home, MISTAKEN_STATION)
    rules(home, BRANCH.format(code="MAIN"), MISTAKEN_POLICY)
    sentences = typed("config", "check", lang="vi").sentences
    assert "station.toml: langauge: Không có thiết lập này. Bạn muốn viết 'language'?" in sentences
    assert "rules.toml: policies[0].period_days: Cần số nguyên; ở đây là văn bản." in sentences
    assert len(sentences) == len(MISTAKES)


@pytest.mark.parametrize(
    "line", ["search kiều", "checkout 1 2", "checkin 2", "renew 1", "account 1", "catalogue import x.mrc", "undo 1"]
)
def test_nothing_is_done_on_mistaken_settings(typed: Typed, home: Path, line: str) -> None:
    station(home, "epoch = 0\n")
    ended = typed(*line.split())
    assert (ended.code, ended.out) == (1, "")
    assert ended.sentences == ["station.toml: epoch: This must be at least 1; it is 0."]
    assert [file.name for file in home.iterdir()] == ["station.toml"]


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("station.toml", b"station = \n", "station.toml: Line 1, column 11: the value is not valid"),
        ("station.toml", "actor = 'thủ thư'".encode("utf-16"), "station.toml: Line 1 is not UTF-8"),
        ("rules.toml", b"[[policies]", "rules.toml: "),
        ("holidays.toml", b"[[holidays]]\nday = 2027-02-30\n", "holidays.toml: Line 2"),
        ("holidays.toml", b"[[holidays]]\nday = 2027-02-05\n", "holidays.toml: holidays[0].name: This setting is"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(
    typed: Typed, home: Path, file: str, content: bytes, sentence: str
) -> None:
    (home / file).write_bytes(content)
    ended = typed("config", "check")
    assert ended.code == 1
    assert ended.sentences[0].startswith(sentence)


def test_rows_for_branches_that_are_not_in_the_tree_are_found(typed: Typed, home: Path) -> None:
    rules(
        home,
        BRANCH.format(code="MAIN"),
        '[[policies]]\nbranch = "MIAN"\n[[policies]]\nbranch = "MAIN"\n[[policies]]\ncategory = "child"\n',
        '[[closures]]\nfirst = 2027-03-01\nlast = 2027-03-05\nbranch = "XYZ"\n',
        '[[extra_days]]\nday = 2027-03-06\nbranch = "ABC"\n',
    )
    assert typed("config", "check").sentences == [
        "rules.toml: policies[0].branch: There is no branch 'MIAN'.",
        "rules.toml: closures[0].branch: There is no branch 'XYZ'.",
        "rules.toml: extra_days[0].branch: There is no branch 'ABC'.",
    ]


def test_a_station_in_a_branch_that_the_rules_do_not_have_is_told_which_there_are(typed: Typed, home: Path) -> None:
    rules(home, BRANCH.format(code="TN"), BRANCH.format(code="TB"))
    sentence = "station.toml: branch: The rules know no branch with the code 'MAIN'; there are: TN, TB."
    assert typed("config", "check").sentences == [sentence]
    station(home, 'branch = "TB"\n')
    assert typed("config", "check").code == 0


def test_unknown_branches_are_named_beside_mistakes_of_the_station(typed: Typed, home: Path) -> None:
    station(home, "epoch = 0\n")
    rules(home, BRANCH.format(code="MAIN"), '[[policies]]\nbranch = "MIAN"\n')
    assert [sentence.split(":")[0] for sentence in typed("config", "check").sentences] == ["station.toml", "rules.toml"]


def test_settings_with_mistakes_are_a_value_to_look_at_and_an_error_to_work_with(home: Path) -> None:
    station(home, "epoch = 0\n")
    with pytest.raises(NotReady, match="must be at least 1"):
        settings_of(home)
    station(home, "epoch = 2\n")
    assert read_settings(home) == settings_of(home)


# --- show -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
def test_each_setting_is_shown_with_where_it_comes_from(typed: Typed) -> None:
    document = typed("config", "show", "--json").document
    shown = {line["key"]: (line["value"], line["source"]) for line in document}
    assert shown["station"] == ("DEMO-D01", "demo.toml")
    assert shown["branch"] == ("TN", "station.toml")
    assert shown["service_mode"] == ("take_home", "product default")
    assert shown["rules"][1] == "rules.toml"
    assert shown["holidays"][1] == "holidays.toml"
    in_vietnamese = {line["key"]: line["source"] for line in typed("config", "show", "--json", lang="vi").document}
    assert in_vietnamese["service_mode"] == "mặc định của sản phẩm"


def test_what_the_files_leave_open_is_shown_as_the_products_own(typed: Typed, home: Path) -> None:
    shown = {line["key"]: (line["value"], line["source"]) for line in typed("config", "show", "--json").document}
    assert shown["station"] == ("MAIN-D01", "product default")
    assert shown["rules"][1] == "default.toml"
    assert shown["holidays"] == ("–", "–")
    station(home, 'service_mode = "mobile"\n')
    shown = {line["key"]: (line["value"], line["source"]) for line in typed("config", "show", "--json").document}
    assert shown["service_mode"] == ("mobile", "station.toml")


def policy(typed: Typed, *words: str) -> dict[str, tuple[str, str]]:
    ended = typed("config", "show", "--json", *words)
    assert (ended.code, ended.err) == (0, "")
    return {line["key"]: (line["value"], line["source"]) for line in ended.document}


@pytest.mark.usefixtures("library")
def test_a_loan_policy_is_shown_with_the_row_each_value_comes_from(typed: Typed) -> None:
    child = policy(typed, "--category", "child", "--item-type", "book")
    assert child["max_loans"] == ("3", "NET · child × *")
    assert child["period_days"] == ("15", "NET · * × *")
    assert child["fee_per_day"] == ("0", "NET · child × *")
    assert child["due_on"] == ("–", "product default")
    assert child["renew_overdue"] == ("false", "product default")
    assert policy(typed, "--item-type", "reference")["modes"] == ("on_site", "NET · * × reference")
    below = policy(typed, "--category", "adult", "--branch", "TN-PY")
    assert (below["max_loans"], below["period_days"]) == (("3", "TN-PY · * × *"), ("21", "TN-PY · * × *"))
    assert below["renewals"] == ("2", "NET · * × *")


@pytest.mark.usefixtures("library")
def test_a_branch_alone_is_enough_to_ask_for_a_policy(typed: Typed) -> None:
    ended = typed("config", "show", "--branch", "TN-PY")
    assert ended.code == 0
    assert "Loan policy: * × * at Thư viện Phổ Yên" in ended.out


@pytest.mark.usefixtures("library")
def test_the_policy_of_a_branch_that_does_not_exist_is_refused_with_those_that_do(typed: Typed) -> None:
    ended = typed("config", "show", "--category", "adult", "--branch", "TNPY")
    assert (ended.code, ended.out) == (1, "")
    assert ended.sentences == ["There is no branch 'TNPY'. Known: NET, TN, TN-TB, TN-PY."]


def test_a_change_of_the_rules_holds_from_the_next_command_on(typed: Typed, library: Path) -> None:
    (lent,) = typed("checkout", "TN000104", "TN.00131", "--json").document
    assert lent["ok"]
    text = (library / "rules.toml").read_text("utf-8")
    (library / "rules.toml").write_text(text.replace("max_loans = 5", "max_loans = 1"), "utf-8")
    (refused,) = typed("checkout", "TN000104", "TN.00132", "--json").document
    assert refused["blocks"] == ["too_many_loans"]


# --- holidays ---------------------------------------------------------------------------------------------------------


def test_holidays_are_written_shown_and_counted_in(typed: Typed, home: Path) -> None:
    ended = typed("config", "holidays", "2027", "2027", lang="vi")
    assert (ended.code, ended.err) == (0, "")
    assert "01/01/2027" in ended.out
    assert "Tết Nguyên Đán" in ended.out
    assert "đối chiếu với thông báo nghỉ lễ của Chính phủ" in ended.out
    written = tomllib.loads((home / "holidays.toml").read_text("utf-8"))
    assert len(written["holidays"]) == len({holiday["day"] for holiday in written["holidays"]}) >= 10
    shown = {line["key"]: line["value"] for line in typed("config", "show", "--json").document}
    assert shown["holidays"].endswith("/2027")


def test_days_worked_in_exchange_are_shown_as_open(typed: Typed) -> None:
    assert "22/08/2026 │ open: Làm bù" in typed("config", "holidays", "2026").out


def test_lines_of_a_year_that_were_edited_by_hand_are_shown_when_the_year_is_written_anew(
    typed: Typed, home: Path
) -> None:
    typed("config", "holidays", "2027")
    file = home / "holidays.toml"
    ours = 'holidays = [\n    { day = 2027-02-11, name = "Nghỉ thêm" },\n    { day = 2028-02-11, name = "Xuân" },\n'
    file.write_text(file.read_text("utf-8").replace("holidays = [\n", ours), "utf-8")
    ended = typed("config", "holidays", "2027")
    assert ended.out.splitlines()[-1] == "No longer in the file: 11/02/2027 Nghỉ thêm."
    assert "Nghỉ thêm" not in file.read_text("utf-8")
    assert "Xuân" in file.read_text("utf-8")
    assert "No longer" not in typed("config", "holidays", "2027").out


def test_holidays_are_not_written_over_a_file_with_mistakes(typed: Typed, home: Path) -> None:
    (home / "holidays.toml").write_text("[[holidays]]\nname = 'Tết'\n", "utf-8")
    ended = typed("config", "holidays", "2027")
    assert (ended.code, ended.out) == (1, "")
    assert ended.sentences == ["holidays.toml: holidays[0].day: This setting is required and is missing."]
    assert (home / "holidays.toml").read_text("utf-8") == "[[holidays]]\nname = 'Tết'\n"
