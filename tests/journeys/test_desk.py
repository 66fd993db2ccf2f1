"""A desk in the terminal, from a new folder to a reader who is forgotten; and two terminals at one desk.

Every command is a process of its own, as a person would start it. Only the late loan is prepared from within, on a
clock that is set back.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pymarc
import pytest

from kiosk.cli import run
from kiosk.station import desk
from sync.circulation.clock import Reading
from sync.store.clock import read_clock
from sync.store.files import open_ledger, open_reference
from sync.store.ledger import Lent
from sync.store.view import Clock
from tests.kiosk.typed import PROGRAM, Ended, started, surroundings

RULES = """
[[branches]]
code = "MAIN"
name = "Thư viện huyện"

[[policies]]
branch = "MAIN"
max_loans = 3
period_days = 3
renewals = 1
renewal_days = 14
fee_per_day = 1000
fee_cap = 5000

[[policies]]
branch = "MAIN"
item_type = "reference"
modes = ["on_site"]

[[hours]]
branch = "MAIN"

[[hours.seasons]]
name = "Cả năm"
starts = "01-01"
week = [
    { days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], intervals = [{ opens = "07:30", closes = "17:00" }] },
]
"""

READERS = """Số thẻ,Họ và tên,Loại thẻ,Ngày sinh,Ngày hết hạn
BD001,Nguyễn Thị Hoa,Thẻ mượn,12/03/1984,31/12/{year}
BD002,Trần Văn Nam,Thẻ mượn,05/11/1979,31/12/{year}
BD002,Lê Thị Lan,Thẻ mượn,30/01/1988,31/12/{year}
"""


def field(tag: str, *subfields: str) -> pymarc.Field:
    """A field of a record; its text is decomposed, as in real exports."""
    written = [pymarc.Subfield(code, unicodedata.normalize("NFD", text)) for code, text in batched(subfields)]
    return pymarc.Field(tag, pymarc.Indicators(" ", " "), written)


def batched(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from zip(words[::2], words[1::2], strict=True)


def record(title: str, author: str, *barcodes: str, item_type: str = "BK") -> bytes:
    """A MARC 21 record with a Koha copy for each barcode."""
    made = pymarc.Record(force_utf8=True)
    copies = [field("952", "p", barcode, "y", item_type) for barcode in barcodes]
    made.fields = [field("082", "a", "895.9223"), field("100", "a", author), field("245", "a", title), *copies]
    return bytes(made.as_marc())


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """What the old system gave: a catalogue with one barcode on two records, and readers with one card for two."""
    (tmp_path / "catalogue.mrc").write_bytes(
        record("Dế Mèn phiêu lưu ký", "Tô Hoài", "DK001", "DK002")
        + record("Số đỏ", "Vũ Trọng Phụng", "DK003")
        + record("Từ điển tiếng Việt", "Hoàng Phê", "DK004", item_type="REF")
        + record("Tắt đèn", "Ngô Tất Tố", "DK003", "DK005")
    )
    (tmp_path / "readers.csv").write_text(READERS.format(year=datetime.now(UTC).year + 2), "utf-8")
    return tmp_path


def forty_days_ago() -> Reading:
    now = read_clock()
    return replace(now, wall=now.wall - timedelta(days=40), uptime_ms=0, boot="")


def done(*words: str, said: str = "") -> Ended:
    """A line in English that does all it is asked."""
    ended = started("--lang", "en", *words, said=said)
    assert (ended.code, ended.err) == (0, ""), ended
    return ended


def refused(*words: str) -> Ended:
    """A line in English of which something is refused."""
    ended = started("--lang", "en", *words)
    assert ended.code == 1, ended
    assert ended.err
    assert "Traceback" not in ended.err
    return ended


def lent(home: Path, card: str, item: str, clock: Clock) -> int:
    """Lends an item and answers the number of the act."""
    with desk(home, command="tests", clock=clock) as (ledger, _station):
        answer = ledger.checkout(card, item)
    assert isinstance(answer, Lent)
    return answer.entry


def fee_of(home: Path, card: str) -> str | None:
    """The number of a reader's fee."""
    with desk(home, command="tests") as (ledger, _station):
        return next((fee.fee_id for fee in ledger.account(card).fees), None)


def fee_of_a_late_return(home: Path, card: str, item: str) -> str:
    """Takes an item back and answers the number of the fee for it."""
    with desk(home, command="tests") as (ledger, _station):
        ledger.checkin(item)
    found = fee_of(home, card)
    assert found
    return found


def test_a_library_opens_lends_takes_back_and_forgets(home: Path, papers: Path) -> None:
    # An empty folder is nothing to be afraid of.
    assert "There is no file ledger.sqlite" in refused("search", "dế mèn").err
    (home / "rules.toml").write_text(RULES, "utf-8")
    assert "station MAIN-D01 at Thư viện huyện" in done("config", "check").out
    this_year = datetime.now(UTC).year
    done("config", "holidays", str(this_year), str(this_year + 1))

    # The catalogue and the readers come in; what cannot is named.
    marc, readers = str(papers / "catalogue.mrc"), str(papers / "readers.csv")
    assert refused("catalogue", "import", marc, "--dry-run", "--json").document["items"] == 5
    assert done("search", "dế mèn", "--json").document == []
    brought = refused("catalogue", "import", marc, "--json")
    assert [brought.document[key] for key in ("read", "titles", "items")] == [4, 4, 5]
    (twice,) = brought.document["refused"]
    assert (twice["record"], twice["identifier"]) == (4, "DK003")
    assert any("DK003" in sentence for sentence in brought.sentences)
    brought = refused("patrons", "import", readers, "--json")
    assert [brought.document[key] for key in ("read", "patrons")] == [3, 2]
    assert "Lan" not in brought.out + brought.err

    # Marks typed or not, it is the same book.
    with_marks = done("search", "dế mèn phiêu lưu ký", "--json").document
    assert with_marks == done("search", "de men phieu luu", "--json").document
    assert [(item["item_id"], item["status"]) for item in with_marks[0]["items"]] == [
        ("DK001", "available"), ("DK002", "available")
    ]  # fmt: skip

    # A reader took something home forty days ago.
    lent(home, "BD002", "DK005", forty_days_ago)

    # Three items for another reader; the dictionary stays in the house.
    three = refused("checkout", "BD001", "DK001", "DK004", "DK003", "--json")
    assert [(line["item_id"], line["ok"], line["blocks"]) for line in three.document] == [
        ("DK001", True, []), ("DK004", False, ["reading_only"]), ("DK003", True, [])
    ]  # fmt: skip
    assert three.sentences == [f"✗ DK004 (Từ điển tiếng Việt): {three.document[1]['message']}"]
    account = done("account", "BD001", "--json").document
    assert {loan["item_id"]: loan["renewable"] for loan in account["loans"]} == {"DK001": True, "DK003": True}
    renewed = done("renew", "BD001", "--json").document
    assert {line["item_id"] for line in renewed} == {"DK001", "DK003"}
    assert all(line["due"] > three.document[0]["due"] for line in renewed)
    assert {code for line in refused("renew", "BD001", "--json").document for code in line["blocks"]} == {
        "no_renewals_left"
    }

    # What was due long ago comes back, and costs; until that is paid nothing goes out.
    (late,) = done("checkin", "DK005", "--json").document
    assert late["late_days"] > 5
    assert late["fee"] == 5000
    assert late["notices"] == ["returned_late", "fee_charged"]
    account = done("account", "BD002", "--json").document
    (fee,) = account["fees"]
    assert (account["loans"], account["owed"], fee["owed"]) == ([], 5000, 5000)
    (no,) = refused("checkout", "BD002", "DK002", "--json").document
    assert no["blocks"] == ["fees_owed"]
    assert "3.000\u00a0₫" in done("fees", "pay", fee["fee_id"], "--amount", "2000").out
    assert " 0\u00a0₫" in done("fees", "waive", fee["fee_id"], "--reason", "ốm").out

    # A slip of the hand is undone.
    (slip,) = done("checkout", "BD002", "DK002", "--json").document
    done("undo", str(slip["entry"]))
    assert done("account", "BD002", "--json").document["loans"] == []

    # Who has nothing and owes nothing can go and be forgotten.
    assert "still has 2 items" in refused("patrons", "forget", "BD001", "--yes").err
    done("checkin", "DK001", "DK003")
    forgotten = started("patrons", "forget", "BD001", said="có\n")
    assert forgotten.code == 0
    assert "Hoa" not in forgotten.out + forgotten.err
    refused("account", "BD001")

    # Another import brings nothing twice, and the books add up.
    again = refused("catalogue", "import", marc, "--json").document
    assert [again[key] for key in ("titles", "items")] == [4, 5]
    assert len(done("search", "dế mèn", "--json").document) == 1
    findings = {finding["check"]: finding["level"] for finding in done("doctor", "--json").document}
    assert findings["events"] == findings["clock"] == findings["ledger.content"] == "ok"


# --- two terminals at one desk ----------------------------------------------------------------------------------------


def _begun(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*PROGRAM, "--lang", "en", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings({}),
    )


def _ended(process: subprocess.Popen[bytes]) -> Ended:
    with process:
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
def stocked(home: Path, papers: Path) -> Path:
    (home / "rules.toml").write_text(RULES, "utf-8")
    run(["catalogue", "import", str(papers / "catalogue.mrc")])
    run(["patrons", "import", str(papers / "readers.csv")])
    return home


def test_commands_that_are_started_together_wait_for_each_other(stocked: Path) -> None:
    together = [_begun("checkout", "BD001", item, "--json") for item in ("DK001", "DK003", "DK005")]
    ended = [_ended(process) for process in together]
    assert [(one.code, one.err) for one in ended] == [(0, "")] * 3
    # A rule of the library holds for the three together.
    (over,) = refused("checkout", "BD001", "DK002", "--json").document
    assert over["blocks"] == ["too_many_loans"]
    with desk(stocked, command="tests") as (ledger, _station):
        assert not ledger.verify().problems


def test_a_command_waits_for_who_has_the_ledger(stocked: Path) -> None:
    with open_ledger(stocked, command="tramsach checkout"):
        waiting = _begun("checkout", "BD001", "DK001")
        time.sleep(1)
        assert waiting.poll() is None
    assert _ended(waiting).code == 0


def test_a_command_that_has_waited_long_enough_says_who_has_the_ledger(stocked: Path) -> None:
    with open_ledger(stocked, command="tramsach kiosk"):
        ended = _ended(_begun("checkout", "BD001", "DK001", "--json"))
        looking = refused("account", "BD009")
    assert (ended.code, ended.out) == (1, "")
    (sentence,) = ended.sentences
    assert sentence.startswith("The file ledger.sqlite is in use by “tramsach kiosk” (process ")
    assert "in use" not in looking.err  # who only looks waits for nobody


def test_lending_goes_on_beside_an_import(stocked: Path) -> None:
    with open_reference(stocked, command="tramsach catalogue import"):
        assert done("checkout", "BD001", "DK001", "--json").document[0]["ok"]
        ended = refused("patrons", "import", str(stocked / "rules.toml"))
    assert "in use by “tramsach catalogue import”" in ended.err


# --- the page that explains it ----------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "desk.md").read_text("utf-8")
HALVES = dict(zip(("vi", "en"), PAGE.split("\n# The desk in the terminal\n"), strict=True))


def _blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _lines(text: str) -> list[str]:
    return [line.removeprefix("$ ") for block in _blocks(text, "console") for line in block.splitlines()]


def test_the_page_shows_the_same_commands_in_both_languages() -> None:
    assert _lines(HALVES["vi"]) == _lines(HALVES["en"])


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_what_the_page_says_can_be_done_as_it_says(
    home: Path, papers: Path, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    for block in _blocks(HALVES[lang], "toml"):
        (home / block.partition("\n")[0].removeprefix("# ")).write_text(block, "utf-8")
    (papers / "thu-muc.mrc").write_bytes(record("Dế Mèn phiêu lưu ký", "Tô Hoài", "DK001", "DK002", "DK009"))
    (papers / "ban-doc.csv").write_text(
        "".join((papers / "readers.csv").read_text("utf-8").splitlines(True)[:3]), "utf-8"
    )
    monkeypatch.chdir(papers)
    for line in _lines(HALVES[lang]):
        program, *words = shlex.split(line)
        assert program == "tramsach"
        # Numbers on the page stand for those that the station gives.
        if words[0] == "undo":
            words[1] = str(lent(home, "BD001", "DK002", read_clock))
        if words[0] == "fees":
            words[2] = fee_of(home, "BD002") or fee_of_a_late_return(home, "BD002", "DK009")
        assert run(["--lang", lang, *words]) == 0, line
        if words[:2] == ["patrons", "import"]:
            lent(home, "BD002", "DK009", forty_days_ago)
    with desk(home, command="tests") as (ledger, station):
        assert (station.station, station.branch) == ("TN-D01", "TN")
        assert ledger.find_patron("BD001") is None
        assert ledger.account("BD002").owed == 0
        policy = ledger.rules().policy("TN", "child", "book")
        assert (policy.max_loans, policy.period_days, policy.fee_per_day) == (3, 15, 0)
        assert not ledger.rules().calendar("TN").is_open_day(date(2027, 3, 3))
        assert not ledger.verify().problems
