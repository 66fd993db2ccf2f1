"""Keys of the window: a scanner's go to its device and nowhere else, a person's go where they would have gone.

The one place where Kivy's keys arrive. Characters come as text, whatever layout they were typed on; Enter and Tab come
as keys. Both are handed to the keyboard of :mod:`drivers.wedge_scanner` first, and swallowed while a scanner listens;
what turns out to have been typed by a person is dispatched again, a moment late, as if it had just been pressed. Other
keys (Escape, arrows, shortcuts) no scanner uses, and they are let through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from kivy.clock import Clock

from drivers.wedge_scanner import KEYBOARD, Keyboard

_ENTER, _KEYPAD_ENTER, _TAB = 13, 271, 9
_SCANCODES = {"\r": (_ENTER, 40), "\n": (_ENTER, 40), "\t": (_TAB, 43)}
_ENDS = {_ENTER: "\r", _KEYPAD_ENTER: "\r", _TAB: "\t"}
#: With one of these a character is a shortcut.
_SHORTCUT = frozenset({"ctrl", "alt", "meta"})


class WedgeKeys:
    """Takes the keys of a window from :meth:`begin` to :meth:`end`. In Kivy's thread."""

    def __init__(self, window: Any, keyboard: Keyboard = KEYBOARD, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._keyboard, self._clock = window, keyboard, clock
        self._handing_on = False
        self._settling: Any = None

    def begin(self) -> None:
        """The window is there."""
        self._window.bind(on_key_down=self._key_down, on_textinput=self._text)
        self._keyboard.attach()

    def end(self) -> None:
        """The window goes."""
        self._keyboard.detach()
        self._window.unbind(on_key_down=self._key_down, on_textinput=self._text)
        if self._settling is not None:
            self._settling.cancel()

    def _key_down(
        self, _window: Any, key: int, _scancode: int, character: str | None, modifiers: Sequence[str]
    ) -> bool:
        """Whether nobody else may see the key."""
        if self._handing_on or _SHORTCUT.intersection(modifiers):
            return False
        if key in _ENDS:
            return self._press(_ENDS[key])
        # What a character means comes as text right after; until then nobody may act on the key.
        return self._keyboard.listened_to and bool(character) and str(character).isprintable()

    def _text(self, _window: Any, text: str) -> bool:
        if self._handing_on:
            return False
        taken = [self._press(character) for character in text]
        return all(taken)

    def _press(self, key: str) -> bool:
        typed = self._keyboard.press(key, self._clock())
        if typed is None:
            return False
        self._hand_on(typed)
        self._settle_later()
        return True

    def _settle_later(self) -> None:
        due = self._keyboard.due
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        if due is not None:
            # A little later than due, which is still in time.
            self._settling = Clock.schedule_once(self._settle, max(0.0, due - self._clock()) + 0.01)

    def _settle(self, _passed: float) -> None:
        self._settling = None
        self._hand_on(self._keyboard.settle(self._clock()))
        self._settle_later()

    def _hand_on(self, typed: str) -> None:
        """Press again what a person pressed."""
        self._handing_on = True
        try:
            for character in typed:
                if character in _SCANCODES:
                    pressed: tuple[Any, ...] = (*_SCANCODES[character], character, [])
                    if not self._window.dispatch("on_key_down", *pressed):
                        self._window.dispatch("on_keyboard", *pressed)
                else:
                    self._window.dispatch("on_textinput", character)
        finally:
            self._handing_on = False
