"""A scanner that plays a keyboard, as a device: the window's keys in, codes out, and typing back to the window.

Keys come to the window that has the keyboard, and a process has one such window. So there is one :data:`KEYBOARD`: the
window hands each key to it before anything else sees it, and gets back what a person typed; the device takes the codes.
Which is which, :mod:`drivers.keyboard_wedge` tells. While no scanner is open the window keeps its keys.

Whether a scanner hangs at the keyboard nobody can ask. The device is well while the window is there.

Threads: the window's thread presses keys, the device's takes codes; neither waits for the other.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Final, Self

from drivers.codes import Code, CodeForm, CodeRules, Ignored
from drivers.devices import BarcodeScanned, CannotOpen, DeviceEvent, Identity, PortClosed, WireError
from drivers.keyboard_wedge import Found, Typed, WedgeCollector

_log = logging.getLogger(__name__)

#: How long one poll listens, in seconds.
_LISTEN: Final = 0.25

_Codes = queue.SimpleQueue[Code | Ignored | None]


class Keyboard:
    """The keyboard of a window, and the scanner that listens to it, if one does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_window = False
        self._collector: WedgeCollector | None = None
        self._codes: _Codes | None = None

    # --- for the window ---

    def attach(self) -> None:
        """A window has the keyboard, and hands its keys on from now on."""
        with self._lock:
            self._has_window = True

    def detach(self) -> None:
        """There is no window any more; a scanner that listens is lost."""
        with self._lock:
            self._has_window = False
            self._let_go()

    @property
    def listened_to(self) -> bool:
        """Whether a scanner listens, so that keys are held back."""
        with self._lock:
            return self._collector is not None

    @property
    def due(self) -> float | None:
        """When to :meth:`settle` if no key comes before; None while no key is held."""
        with self._lock:
            return self._collector.due if self._collector else None

    def press(self, key: str, at: float) -> str | None:
        """Takes a key at its time, in seconds; returns what a person has typed up to now, for the window to act on.

        None when nobody listens: the key is the window's own.
        """
        with self._lock:
            return None if self._collector is None else self._sort(self._collector.press(key, at))

    def settle(self, at: float) -> str:
        """The time has passed: what a person has typed up to now."""
        with self._lock:
            return "" if self._collector is None else self._sort(self._collector.settle(at))

    # --- for the scanner ---

    def listen(self, form: CodeForm | None = None, rules: CodeRules | None = None) -> _Codes:
        """Has codes put in a queue from now on, and None when the window goes. Raises CannotOpen."""
        with self._lock:
            if not self._has_window:
                raise CannotOpen("no window has the keyboard")
            if self._codes is not None:
                raise CannotOpen("another scanner listens to the keyboard")
            self._collector, self._codes = WedgeCollector(form, rules), queue.SimpleQueue()
            return self._codes

    def leave(self, codes: _Codes) -> None:
        """Whoever listens with this queue listens no more. What was held of a code is dropped."""
        with self._lock:
            if self._codes is codes:
                self._let_go()

    def _let_go(self) -> None:
        if self._codes is not None:
            self._codes.put(None)
        self._collector = self._codes = None

    def _sort(self, found: list[Found]) -> str:
        typed = ""
        for one in found:
            if isinstance(one, Typed):
                typed += one.text
            elif self._codes is not None:
                self._codes.put(one)
        return typed


#: The keyboard of this process.
KEYBOARD: Final = Keyboard()


class WedgeScanner:
    """A :class:`drivers.devices.BarcodeScanner` that plays a keyboard."""

    def __init__(self, device: str, keyboard: Keyboard, codes: _Codes) -> None:
        self._device = device
        self._keyboard = keyboard
        self._codes = codes
        self._closed = False
        self.ignored = 0

    @classmethod
    def open(
        cls,
        device: str,
        *,
        form: CodeForm | None = None,
        rules: CodeRules | None = None,
        keyboard: Keyboard = KEYBOARD,
    ) -> Self:
        """Listens to the keyboard of this process's window. Raises CannotOpen where there is none."""
        return cls(device, keyboard, keyboard.listen(form, rules))

    @property
    def rest(self) -> float:
        """None: it is listened to all the time."""
        return 0.0

    @property
    def answer_times(self) -> Sequence[float]:
        """Empty: it is never asked."""
        return ()

    def self_test(self) -> Identity:
        """There is nothing to ask. Raises PortClosed."""
        if self._closed:
            raise PortClosed("the scanner was closed")
        return Identity()

    def poll(self) -> Iterator[DeviceEvent]:
        """Listens for a quarter of a second. Raises WireError, PortClosed."""
        try:
            found = self._codes.get(timeout=_LISTEN)
        except queue.Empty:
            return
        match found:
            case None:
                if self._closed:
                    raise PortClosed("the scanner was closed")
                raise WireError("the window that has the keyboard is gone")
            case Ignored(noise):
                self.ignored += 1
                _log.debug("%s: ignored, %s", self._device, noise)
            case Code(text, kind):
                yield BarcodeScanned(self._device, text, kind)

    def close(self) -> None:
        """Listens no more; from any thread, any number of times."""
        self._closed = True
        self._keyboard.leave(self._codes)
