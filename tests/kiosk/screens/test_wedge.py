"""A scanner that plays a keyboard at the window: its keys go nowhere else, a person's go where they would have gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.devices import BarcodeScanned, DeviceEvent
from drivers.keyboard_wedge import PAUSE
from drivers.simulators.scanner import keystrokes
from drivers.wedge_scanner import Keyboard, WedgeScanner
from kiosk.screens.surface import kivy_is_installed

if not kivy_is_installed():
    pytest.skip("The screens need Kivy: pip install 'tramsach[kiosk]'.", allow_module_level=True)

from tests.kiosk.screens.fingers import WINDOW, on_glass

from kivy.base import EventLoop  # isort: skip (Kivy is prepared by the fingers)
from kivy.core.window import Window  # isort: skip

ENTER = (13, 40, "\r")


class Desk:
    """A window with a field that has the keyboard, and a scanner at it."""

    def __init__(self) -> None:
        from kivy.uix.textinput import TextInput  # noqa: PLC0415 (Kivy is prepared by the fingers)

        from kiosk.screens.wedge import WedgeKeys  # noqa: PLC0415

        self.now = 100.0
        self.keyboard = Keyboard()
        self.keys = WedgeKeys(Window, self.keyboard, lambda: self.now)
        self.entered: list[str] = []
        self.field = TextInput(multiline=False, size=WINDOW, size_hint=(None, None))
        self.field.bind(on_text_validate=lambda field: self.entered.append(field.text))

    def press(self, key: str) -> None:
        """A key as SDL and Kivy bring it: a character as a key and then as text, Enter as a key alone."""
        pressed: tuple[Any, ...] = ENTER if key == "\r" else (ord(key), 0, key)
        if not Window.dispatch("on_key_down", *pressed, []):
            Window.dispatch("on_keyboard", *pressed, [])
        if key != "\r":
            Window.dispatch("on_textinput", key)
        EventLoop.idle()

    def scan(self, code: str) -> None:
        """Something is scanned."""
        for key, at in keystrokes(code, at=self.now):
            self.now = at
            self.press(key)

    def type(self, text: str) -> None:
        """Somebody types."""
        for key in text:
            self.now += 2 * PAUSE
            self.press(key)

    def pause(self) -> None:
        """Nobody does anything for a while."""
        from kivy.clock import Clock  # noqa: PLC0415

        self.now += 2 * PAUSE
        for event in Clock.get_events():
            if event.get_callback() == self.keys._settle:  # noqa: SLF001 - the clock stands still here
                event.cancel()
                self.keys._settle(0.0)  # noqa: SLF001


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    with on_glass(made.field):
        made.keys.begin()
        made.field.focus = True
        EventLoop.idle()
        yield made
        made.field.focus = False
        made.keys.end()


def told(scanner: WedgeScanner) -> list[DeviceEvent]:
    return list(scanner.poll())


def test_a_scan_leaves_nothing_in_a_field_and_its_enter_presses_nothing(desk: Desk) -> None:
    scanner = WedgeScanner.open("scanner", keyboard=desk.keyboard)
    desk.scan("8935235212345")
    desk.pause()
    assert desk.field.text == ""
    assert desk.entered == []
    assert told(scanner) == [BarcodeScanned("scanner", "8935235212345")]
    scanner.close()


def test_what_a_person_types_is_in_the_field_and_enter_enters_it(desk: Desk) -> None:
    scanner = WedgeScanner.open("scanner", keyboard=desk.keyboard)
    desk.type("sách 7")
    desk.pause()
    assert desk.field.text == "sách 7"
    desk.type("\r")
    desk.pause()
    assert desk.entered == ["sách 7"]
    scanner.close()


def test_typing_and_a_scan_are_told_apart(desk: Desk) -> None:
    scanner = WedgeScanner.open("scanner", keyboard=desk.keyboard)
    desk.type("ki")
    desk.now += 2 * PAUSE
    desk.scan("TN-000123")
    desk.type("ều")
    desk.pause()
    assert desk.field.text == "kiều"
    assert told(scanner) == [BarcodeScanned("scanner", "TN-000123")]
    scanner.close()


def test_without_a_scanner_keys_are_as_they_always_were(desk: Desk) -> None:
    desk.scan("12345")
    assert desk.field.text == "12345"
    assert desk.entered == ["12345"]


def test_shortcuts_and_other_keys_are_let_through_at_once(desk: Desk) -> None:
    scanner = WedgeScanner.open("scanner", keyboard=desk.keyboard)
    desk.type("abc")
    desk.pause()
    Window.dispatch("on_key_down", 8, 42, None, [])  # backspace
    assert desk.field.text == "ab"
    Window.dispatch("on_key_down", ord("a"), 4, "a", ["ctrl"])
    assert desk.field.selection_text == "ab"
    scanner.close()


def test_when_the_window_goes_the_scanner_is_lost(desk: Desk) -> None:
    WedgeScanner.open("scanner", keyboard=desk.keyboard)
    assert desk.keyboard.listened_to
    desk.keys.end()
    assert not desk.keyboard.listened_to
