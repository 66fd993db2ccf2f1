"""The bench of the demonstration: hands do what they say, eyes see what became of it, and a window holds both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from config.headquarters import Headquarters
from drivers.devices import PrintOutcome, Raster
from drivers.receipt_printer import EscPosPrinter
from kiosk.demo.bench import Bench
from kiosk.demo.cable import Cable
from kiosk.demo.library import readers
from kiosk.demo.uplink import Uplink
from kiosk.demo.workbench import (
    CARDS,
    LOG_LINES,
    Act,
    BenchView,
    BookOnBench,
    CardKind,
    Event,
    Fault,
    Hand,
    Logged,
    Note,
    Workbench,
)
from kiosk.flows.messages import Tick
from kiosk.flows.state import Setup, State, start
from kiosk.screens import bench_words
from kiosk.screens.surface import kivy_is_installed
from kiosk.station import desk as open_desk
from kiosk.station import settings_of
from kiosk.views import Action, Touch
from sync.circulation.model import Patron
from sync.exchange.state import WAKE_FILE
from sync.text import masked_name

if not kivy_is_installed():
    pytest.skip("The screens need Kivy: pip install 'tramsach[kiosk]'.", allow_module_level=True)

from tests.kiosk.screens.fingers import WINDOW, Finger, below, middle, on_glass
from tests.kiosk.typed import surroundings

TODAY = date(2027, 3, 23)
RELEASED = 0xC2


class Desk:
    """A bench with a pair of hands, beside a kiosk of which only the state and the ledger are there."""

    def __init__(self, bench: Bench, uplink: Uplink | None) -> None:
        self.bench = bench
        self.kiosk: State = start(Setup())
        self.hands = Workbench(bench, lambda: self.kiosk, branch="TN", today=TODAY, uplink=uplink)

    def do(self, hand: Hand, argument: str = "") -> BenchView:
        """Do something, and look."""
        self.hands.do(Act(hand, argument))
        return self.look()

    def look(self) -> BenchView:
        """How it stands."""
        return self.hands.look()

    def ticks(self, *, online: bool) -> BenchView:
        """The kiosk has come round, and its worker reaches headquarters or does not."""
        self.kiosk = replace(self.kiosk, tick=Tick(1.0, datetime(2027, 3, 23, tzinfo=UTC), online=online))
        return self.look()

    def book(self, wanted: Callable[[BookOnBench], bool] = lambda _book: True) -> BookOnBench:
        """The first book like this, as it stands now."""
        return next(book for book in self.look().books if wanted(book))


@pytest.fixture
def uplink(library: Path) -> Iterator[Uplink]:
    """The network of a station whose ledger nobody has asked for yet; nothing answers at its other end."""
    station = settings_of(library).station.value
    place = Headquarters("NET", station.station, station.epoch, station.branch)
    with Cable("127.0.0.1", 1) as cable, Uplink(library, place, cable) as laid:
        yield laid


@pytest.fixture
def desk(uplink: Uplink) -> Iterator[Desk]:
    with Bench() as bench:
        yield Desk(bench, uplink)


@pytest.fixture
def lonely_desk() -> Iterator[Desk]:
    """A desk beside a kiosk that belongs to nobody."""
    with Bench() as bench:
        yield Desk(bench, None)


# --- what lies there --------------------------------------------------------------------------------------------------


def test_the_shelf_holds_two_dozen_books_and_each_kind_that_a_rule_speaks_of(desk: Desk) -> None:
    books = desk.look().books
    assert len({book.item_id for book in books}) == len(books) == 24
    assert {book.note for book in books} == set(Note)
    assert {len(book.parts) for book in books} >= {1, 2, 3, 6}
    assert all(book.title and not book.on_pad and not book.released for book in books)


def test_every_card_shows_what_it_says(desk: Desk) -> None:
    known = {patron.patron_id: patron for patron in readers(TODAY)}
    holds: dict[CardKind, Callable[[Patron], bool]] = {
        CardKind.ADULT: lambda p: (
            p.category == "adult" and not p.blocks and p.expires is not None and p.expires > TODAY
        ),
        CardKind.CHILD: lambda p: p.category == "child",
        CardKind.READING: lambda p: p.category == "reading_only",
        CardKind.SMALL_DEPOSIT: lambda p: 0 < p.deposit < 100_000,
        CardKind.EXPIRED: lambda p: p.expires is not None and p.expires < TODAY,
        CardKind.BLOCKED: lambda p: bool(p.blocks),
        CardKind.OTHER_LIBRARY: lambda p: p.branch != "TN",
    }
    cards = {card.kind: card for card in desk.look().cards}
    assert set(cards) == set(CardKind)
    for kind, card in cards.items():
        if kind is CardKind.UNKNOWN:
            assert (card.number in known, card.name) == (False, "")
        else:
            assert holds[kind](known[card.number])
            assert card.name == masked_name(known[card.number].name)


# --- hands ------------------------------------------------------------------------------------------------------------


def test_a_book_goes_onto_the_pad_and_off_again(desk: Desk) -> None:
    book = desk.book()
    put = desk.do(Hand.MOVE, book.item_id)
    assert (put.pile, put.log[0]) == ((book.item_id,), Logged(Event.PUT, book.title))
    assert len(desk.bench.pad.tags()) == 1
    lifted = desk.do(Hand.MOVE, book.item_id)
    assert (lifted.pile, lifted.log[0]) == ((), Logged(Event.LIFTED, book.title))
    assert desk.bench.pad.tags() == ()


def test_one_part_of_a_set_can_be_taken_off_the_pad_alone(desk: Desk) -> None:
    item_id = desk.book(lambda b: len(b.parts) == 3).item_id
    desk.do(Hand.MOVE, item_id)
    view = desk.do(Hand.MOVE_PART, f"{item_id}#2")
    assert [p.on_pad for p in desk.book(lambda b: b.item_id == item_id).parts] == [True, False, True]
    assert view.pile == (item_id,)
    assert desk.do(Hand.MOVE, item_id).pile == ()


def test_the_pile_is_in_the_order_of_the_hand(desk: Desk) -> None:
    first, second = (book.item_id for book in desk.look().books[:2])
    desk.do(Hand.MOVE, second)
    assert desk.do(Hand.MOVE, first).pile == (second, first)


def test_a_card_lies_on_the_reader_until_it_is_taken_or_another_comes(desk: Desk) -> None:
    adult, child = CARDS[CardKind.ADULT], CARDS[CardKind.CHILD]

    def lying(view: BenchView) -> list[str]:
        return [card.number for card in view.cards if card.on_reader]

    assert lying(desk.do(Hand.CARD, adult)) == [adult]
    assert lying(desk.do(Hand.CARD, child)) == [child]
    assert lying(desk.do(Hand.CARD, child)) == []
    assert desk.bench.reader.cards == ()


@pytest.mark.parametrize("fault", Fault)
def test_a_switch_breaks_and_mends_what_it_names(desk: Desk, fault: Fault) -> None:
    broken = desk.do(Hand.SWITCH, fault)
    assert (broken.faults, broken.log[0]) == (frozenset({fault}), Logged(Event.BROKEN, fault))
    mended = desk.do(Hand.SWITCH, fault)
    assert (mended.faults, mended.log[0]) == (frozenset(), Logged(Event.MENDED, fault))


def test_a_chip_is_damaged_when_it_is_put_down_and_whole_again_when_that_is_mended(desk: Desk) -> None:
    before, after = (book.item_id for book in desk.look().books[:2])
    desk.do(Hand.MOVE, before)
    whole = {tag.uid: bytes(tag.memory) for tag in desk.bench.pad.tags()}
    desk.do(Hand.SWITCH, Fault.TAG_DAMAGED)
    desk.do(Hand.MOVE, after)
    assert [b.item_id for b in desk.look().books if b.parts[0].damaged] == [after]
    desk.do(Hand.MOVE, after)
    desk.do(Hand.MOVE, after)
    assert desk.book(lambda b: b.item_id == after).parts[0].damaged
    desk.do(Hand.SWITCH, Fault.TAG_DAMAGED)
    assert not any(part.damaged for book in desk.look().books for part in book.parts)
    assert all(bytes(tag.memory) == whole.get(tag.uid, bytes(tag.memory)) for tag in desk.bench.pad.tags())


def test_a_kiosk_of_its_own_has_no_network_to_pull(lonely_desk: Desk) -> None:
    assert lonely_desk.look().unsent is None
    assert "headquarters" not in dict(lonely_desk.look().devices)
    with pytest.raises(ValueError, match="no network"):
        lonely_desk.do(Hand.SWITCH, Fault.NETWORK)


def test_the_network_is_a_cable_and_every_touch_of_it_asks_the_station_for_a_call(
    desk: Desk, uplink: Uplink, library: Path
) -> None:
    for pulled in (True, False):
        desk.do(Hand.SWITCH, Fault.NETWORK)
        assert uplink.pulled is pulled
        (library / WAKE_FILE).unlink()  # as the worker does when it calls
    desk.do(Hand.CLEAR)
    assert not (library / WAKE_FILE).exists()  # nothing was pulled


def test_clearing_puts_everything_back_and_leaves_true_what_stands_on_the_tags(desk: Desk) -> None:
    book = desk.book()
    desk.do(Hand.MOVE, book.item_id)
    desk.bench.pad.tags()[0].afi = RELEASED
    desk.do(Hand.CARD, CARDS[CardKind.ADULT])
    for fault in Fault:
        desk.do(Hand.SWITCH, fault)
    view = desk.do(Hand.CLEAR)
    assert (view.pile, view.faults, view.paper) == ((), frozenset(), None)
    assert view.log == (Logged(Event.CLEARED),)
    assert not any(card.on_reader for card in view.cards)
    assert desk.book(lambda b: b.item_id == book.item_id).released == 1


# --- eyes -------------------------------------------------------------------------------------------------------------


def test_the_count_is_what_headquarters_has_not_acknowledged_and_nothing_else(desk: Desk, library: Path) -> None:
    assert desk.look().unsent == 0
    with open_desk(library, command="tests") as (ledger, _station):
        ledger.checkout(CARDS[CardKind.ADULT], desk.book().item_id)
        written = ledger.head().seq
        assert desk.look().unsent == written > 0
        desk.do(Hand.SWITCH, Fault.NETWORK)
        desk.do(Hand.SWITCH, Fault.NETWORK)
        assert desk.look().unsent == written  # a cable that is in has sent nothing yet
        ledger.acknowledge(1, "accepted", logged=written, safe=0)
        assert desk.look().unsent == 0


def test_the_log_tells_when_the_kiosk_misses_headquarters_and_has_it_back(desk: Desk) -> None:
    assert desk.ticks(online=True).log == ()
    assert desk.ticks(online=False).log[0] == Logged(Event.LOST, "headquarters")
    assert desk.ticks(online=True).log[0] == Logged(Event.BACK, "headquarters")


def test_the_log_tells_when_a_chip_is_released_and_when_it_is_secured(desk: Desk) -> None:
    book = desk.book()
    desk.do(Hand.MOVE, book.item_id)
    (tag,) = desk.bench.pad.tags()
    secured, tag.afi = tag.afi, RELEASED
    assert desk.look().log[0] == Logged(Event.RELEASED, book.title)
    tag.afi = secured
    assert desk.look().log[0] == Logged(Event.SECURED, book.title)
    assert desk.look().log == desk.look().log


def test_the_paper_is_the_receipt_as_the_printer_made_it(desk: Desk) -> None:
    receipt = Raster(576, 40, bytes(72 * 20) + b"\xff" * 72 * 20)
    printer = EscPosPrinter("printer", url=desk.bench.printer.url)
    try:
        assert printer.print(receipt) is PrintOutcome.PRINTED
    finally:
        printer.close()
    view = desk.look()
    assert view.paper is not None
    assert receipt.rows in view.paper.rows
    assert view.log[0] == Logged(Event.RECEIPT)
    assert desk.look().log.count(Logged(Event.RECEIPT)) == 1


def test_the_log_is_short_and_names_no_reader(desk: Desk) -> None:
    for card in CARDS.values():
        desk.do(Hand.CARD, card)
    log = desk.do(Hand.SCAN, desk.look().barcodes[1]).log
    assert len(log) == LOG_LINES
    said = " ".join(bench_words.logged(line, "vi") for line in log)
    for patron in readers(TODAY):
        assert patron.patron_id not in said
        assert patron.name not in said


def test_everything_on_the_bench_is_said_in_both_languages() -> None:
    sayings: list[Callable[[str], str]] = [
        bench_words.clear,
        *(lambda lang, f=fault: bench_words.fault(f, lang) for fault in Fault),
        *(lambda lang, k=kind: bench_words.card(k, lang) for kind in CardKind),
        *(
            lambda lang, e=event: bench_words.logged(Logged(e, Fault.PAPER_OUT if e in FAULTY else "pad"), lang)
            for event in Event
        ),
        *(lambda lang, s=state: bench_words.well(s, lang)[0] for state in (True, False, None)),
        *(lambda lang, n=count: bench_words.unsent(n, lang) for count in (0, 1, 2, 140)),
    ]
    for say in sayings:
        assert say("vi")
        assert say("vi") != say("en")


FAULTY = (Event.BROKEN, Event.MENDED)


# --- on the glass -----------------------------------------------------------------------------------------------------


class Shown:
    """The window of the demonstration, and what it told of hands and fingers."""

    def __init__(self, size: tuple[int, int], view: BenchView) -> None:
        from kiosk.screens.bench import DemoRoot  # noqa: PLC0415 (Kivy is prepared by the fingers)

        self.acts: list[Act] = []
        self.touches: list[Any] = []
        self.root = DemoRoot(self.touches.append, self.acts.append, size=size, size_hint=(None, None))
        self.root.bench.show(view)

    def meaning(self, act: Act) -> Any:
        """The widget that means this."""
        return next(widget for widget in below(self.root.bench) if getattr(widget, "touch", None) == act)


SIZES = [WINDOW, (1280, 720), (1600, 1000)]


@pytest.mark.parametrize("size", SIZES)
def test_everything_can_be_clicked_at_every_size(desk: Desk, size: tuple[int, int]) -> None:
    item_id = desk.book(lambda b: len(b.parts) == 3).item_id
    view = desk.do(Hand.MOVE, item_id)
    wanted = [
        *(Act(Hand.MOVE, book.item_id) for book in view.books),
        *(Act(Hand.MOVE_PART, f"{item_id}#{part}") for part in (1, 2, 3)),
        *(Act(Hand.CARD, card.number) for card in view.cards),
        *(Act(Hand.SCAN, code) for code in view.barcodes),
        *(Act(Hand.SWITCH, fault) for fault in Fault),
        Act(Hand.CLEAR),
    ]
    shown = Shown(size, view)
    with on_glass(shown.root):
        for act in wanted:
            Finger("left").tap(shown.meaning(act))
    assert shown.acts == wanted
    assert shown.touches == []


def test_the_switch_of_the_network_is_there_only_where_there_is_one(desk: Desk, lonely_desk: Desk) -> None:
    switch = Act(Hand.SWITCH, Fault.NETWORK)
    assert Shown(WINDOW, desk.look()).meaning(switch).width > 0
    assert Shown(WINDOW, lonely_desk.look()).meaning(switch).width == 0


def test_the_bench_acts_on_release_and_sliding_off_cancels(desk: Desk) -> None:
    view = desk.look()
    book = Act(Hand.MOVE, view.books[0].item_id)
    shown = Shown(WINDOW, view)
    with on_glass(shown.root):
        finger = Finger("left")
        finger.down(*middle(shown.meaning(book)))
        assert shown.acts == []
        finger.move(*middle(shown.meaning(Act(Hand.CLEAR))))
        finger.up()
        assert shown.acts == []


def test_a_wheel_over_the_kiosk_is_no_finger(desk: Desk) -> None:
    from kiosk.screens.samples import VIEWS  # noqa: PLC0415

    shown = Shown(WINDOW, desk.look())
    shown.root.show(next(iter(VIEWS.values())))
    with on_glass(shown.root):
        keys = [w for w in below(shown.root.kiosk) if getattr(w, "touch", None) is not None and w.width > 0]
        assert keys
        for key in keys:
            Finger("scrolldown").tap(key)
        assert shown.touches == []
        Finger("left").tap(next(key for key in keys if key.touch == Touch(Action.HELP)))
        assert shown.touches == [Touch(Action.HELP)]


def test_the_kiosk_stands_upright_beside_the_bench_and_they_fill_the_window_together(desk: Desk) -> None:
    for size in SIZES:
        root = Shown(size, desk.look()).root
        assert abs(root.kiosk.width / root.kiosk.height - 1080 / 1920) < 0.002
        assert root.bench.x == root.kiosk.right
        assert root.bench.right - root.kiosk.x <= size[0] + 1
        assert root.kiosk.height <= size[1]


def test_a_long_receipt_can_be_pulled_down_to_its_beginning(desk: Desk) -> None:
    long = Raster(576, 3000, bytes(72 * 3000))
    shown = Shown(WINDOW, replace(desk.look(), paper=long))
    with on_glass(shown.root):
        roll = next(w for w in below(shown.root.bench) if type(w).__name__ == "PaperRoll")
        sheet = roll.children[0]
        assert sheet.y == roll.y  # its end is at the slot
        Finger("scrolldown").tap(roll)
        assert sheet.y < roll.y
        finger = Finger("left")
        finger.down(*middle(roll))
        finger.move(middle(roll)[0], 0)
        finger.up()
        for _ in range(40):
            Finger("scrolldown").tap(roll)
        assert sheet.top <= roll.top
        assert sheet.top > roll.top - 20


# --- the whole --------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, threading
from kiosk.screens.surface import prepare
prepare(1920, 1080, offscreen=True)
from kivy.app import App
from kivy.clock import Clock
from kiosk.cli import run
from kiosk.demo.workbench import Act, Fault, Hand

def well(view):
    return len(view.devices) == 5 and all(state for _kind, state in view.devices)

def page(root):
    return type(root.kiosk.children[-2]).__name__

steps = [
    ("all well", lambda root, view: well(view) and view.unsent == 0, Act(Hand.SWITCH, Fault.NETWORK)),
    ("missed", lambda root, view: view.well("headquarters") is False, Act(Hand.CARD, "TN000101")),
    ("card", lambda root, view: page(root) == "BorrowPage", Act(Hand.MOVE, "TN.00011")),
    ("lent", lambda root, view: view.books[0].released and view.unsent >= 2, Act(Hand.SWITCH, Fault.NETWORK)),
    ("in step", lambda root, view: view.unsent == 0 and view.well("headquarters"), None),
]

def play(_passed):
    app = App.get_running_app()
    if steps and steps[0][1](app.root, app.root.bench.view):
        name, _holds, act = steps.pop(0)
        print(name)
        if act is not None:
            app.root.bench.on_touch_action(act)
        if not steps:
            app.stop()

Clock.schedule_interval(play, 0.05)
code = run(["--lang", "en", "demo"])
print(code, *[thread.name for thread in threading.enumerate()])
"""


@pytest.mark.skipif(find_spec("fastapi") is None, reason="what serves headquarters is not installed")
def test_in_the_window_the_network_is_pulled_a_book_is_lent_and_the_count_goes_to_nought_when_it_is_back(
    tmp_path: Path,
) -> None:
    variables = {"DISPLAY": ":0", "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False,
        env=surroundings(variables),
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    *_said, missed, card, lent, in_step, last = ended.stdout.splitlines()
    assert (missed, card, lent, in_step) == ("missed", "card", "lent", "in step")
    assert last.split() == ["0", "MainThread"]
    assert not any(tmp_path.iterdir())
