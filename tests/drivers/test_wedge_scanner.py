"""A scanner that plays a keyboard, as a device: under a supervisor, with the keys of a window."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from drivers.codes import CheckDigit, CodeRules
from drivers.devices import BarcodeScanned, CannotOpen, CodeKind
from drivers.keyboard_wedge import PAUSE
from drivers.simulators.scanner import keystrokes
from drivers.supervisor import Supervised
from drivers.wedge_scanner import Keyboard, WedgeScanner
from tests.drivers.conformance import Bench, DeviceConformance, Watch
from tests.drivers.conformance_scanners import CodesConformance, Scans


class Typist:
    """A wedge at the keyboard of a window, and what is told of its codes."""

    def __init__(self, keyboard: Keyboard, watch: Watch) -> None:
        self._keyboard, self._watch = keyboard, watch
        self._clock = 0.0

    def scan(self, *codes: str) -> None:
        for code in codes:
            self._press(keystrokes(code, at=self._clock + 0.004))

    def break_off(self, code: str) -> None:
        self._press(keystrokes(code, at=self._clock + 0.004, line_end="")[: len(code) // 2])
        self._clock += 2 * PAUSE
        assert self._keyboard.settle(self._clock) == ""

    def disturb(self) -> None:
        self._press(keystrokes("éèàùñß", at=self._clock + 0.004))

    def last(self, code: str) -> list[BarcodeScanned]:
        self._watch.next(BarcodeScanned, lambda event: event.text == code)
        return self._watch.of(BarcodeScanned)

    def _press(self, keys: list[tuple[str, float]]) -> None:
        for key, self._clock in keys:
            assert self._keyboard.press(key, self._clock) == ""


@pytest.fixture
def keyboard() -> Keyboard:
    keyboard = Keyboard()
    keyboard.attach()
    return keyboard


class TestWedgeScanner(CodesConformance, DeviceConformance[WedgeScanner]):
    @pytest.fixture
    def bench(self, keyboard: Keyboard) -> Iterator[Bench[WedgeScanner]]:
        yield Bench(
            connect=partial(WedgeScanner.open, keyboard=keyboard),
            pull_cable=keyboard.detach,
            plug_in=keyboard.attach,
        )
        assert not keyboard.listened_to

    @pytest.fixture
    def scans(self, keyboard: Keyboard, device: Supervised[WedgeScanner], watch: Watch) -> Scans:
        del device
        return Typist(keyboard, watch)


def test_while_no_scanner_listens_the_keys_are_the_windows() -> None:
    keyboard = Keyboard()
    assert keyboard.press("7", 0.0) is None
    keyboard.attach()
    assert keyboard.press("7", 0.0) is None
    assert keyboard.settle(10.0) == ""
    assert keyboard.due is None


def test_without_a_window_no_scanner_is_opened() -> None:
    with pytest.raises(CannotOpen):
        WedgeScanner.open("scanner", keyboard=Keyboard())


def test_one_keyboard_has_one_scanner(keyboard: Keyboard) -> None:
    first = WedgeScanner.open("scanner", keyboard=keyboard)
    with pytest.raises(CannotOpen):
        WedgeScanner.open("other", keyboard=keyboard)
    first.close()
    WedgeScanner.open("other", keyboard=keyboard).close()


def test_what_a_person_types_comes_back_to_the_window_and_is_no_code(keyboard: Keyboard) -> None:
    scanner = WedgeScanner.open("scanner", keyboard=keyboard)
    back = ""
    for at, key in enumerate("123456\r"):
        back += keyboard.press(key, float(at)) or ""
    back += keyboard.settle(100.0)
    assert back == "123456\r"
    assert list(scanner.poll()) == []
    scanner.close()


def test_prefixes_and_check_digits_hold_here_too(keyboard: Keyboard) -> None:
    scanner = WedgeScanner.open("scanner", keyboard=keyboard, rules=CodeRules("2", "3", CheckDigit.MOD10))
    for code in ("29876543210984", "29876543210983"):
        for key, at in keystrokes(code):
            keyboard.press(key, at)
    told = [event for _ in range(2) for event in scanner.poll()]
    assert told == [BarcodeScanned("scanner", "29876543210983", CodeKind.PATRON)]
    assert scanner.ignored == 1
    scanner.close()


def test_keys_that_come_while_the_scanner_is_closed_are_lost_or_the_windows(keyboard: Keyboard) -> None:
    """Two threads at once: whatever the order, every key is answered for and nothing hangs."""
    stop = threading.Event()

    def type_on() -> None:
        at = 0.0
        while not stop.is_set():
            at += 0.004
            assert keyboard.press("7", at) in {None, ""}

    window = threading.Thread(target=type_on)
    window.start()
    for _ in range(50):
        WedgeScanner.open("scanner", keyboard=keyboard).close()
    stop.set()
    window.join()
