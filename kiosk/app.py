"""The window of a kiosk: draws each view the session shows, and hands touches back.

Kivy's thread draws and nothing else. Views come from the session's thread and are handed over by Kivy's clock; only the
latest matters, so a view that comes before the last one was drawn replaces it. ``kiosk.screens.surface.prepare`` must
have been called before this module is imported.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from kivy.app import App
from kivy.clock import Clock
from kivy.core.audio import SoundLoader
from kivy.core.window import Window

from kiosk.screens.root import KioskRoot
from kiosk.screens.sound import sound_file
from kiosk.screens.wedge import WedgeKeys
from kiosk.views import Touch, View
from kiosk.watchdog import Watchdog


class KioskApp(App):
    """One kiosk in one window. ``touch`` gets each touch; ``begin`` and ``end`` are called with the window."""

    title = "Trạm Sách"

    def __init__(
        self,
        touch: Callable[[Touch], None],
        begin: Callable[[], None],
        end: Callable[[], None],
        *,
        reduced: bool = False,
        is_moving: Callable[[float], bool] = lambda _within: True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._reduced, self._is_moving, self._dog = reduced, is_moving, Watchdog()
        self._touch, self._begin, self._end = touch, begin, end
        self._latest: View | None = None
        self._lock = threading.Lock()
        self._sounds: dict[str, Any] = {}
        self._keys = WedgeKeys(Window)
        self.drawn_at = 0.0

    @property
    def shown(self) -> bool:
        """Whether a view has been drawn yet."""
        return self.drawn_at > 0

    def build(self) -> KioskRoot:
        """The screen, before anything is shown on it."""
        return KioskRoot(on_touch_action=self._touch, reduced=self._reduced)

    def on_start(self) -> None:
        """The window is there: let the session begin."""
        self._keys.begin()
        self._begin()
        self._dog.ready()
        if (every := self._dog.every) is not None:
            Clock.schedule_interval(lambda _passed: self._show_life(every), every)

    def on_stop(self) -> None:
        """The window is closed: let everything go."""
        self._dog.stopping()
        self._keys.end()
        self._end()

    # --- from the session's thread ------------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Show this as soon as possible."""
        with self._lock:
            waiting, self._latest = self._latest is not None, view
        if not waiting:
            Clock.schedule_once(self._draw)

    def play(self, name: str) -> None:
        """Let an earcon be heard."""
        Clock.schedule_once(lambda _passed: self._sound(name))

    def _show_life(self, every: float) -> None:
        """That this is called shows that the window moves; the session has to have moved as well."""
        if self._is_moving(2 * every):
            self._dog.alive()

    # --- in Kivy's thread ---------------------------------------------------------------------------------------------

    def _draw(self, _passed: float) -> None:
        with self._lock:
            view, self._latest = self._latest, None
        if view is not None and self.root is not None:
            self.root.show(view)
            self.drawn_at = time.perf_counter()

    def _sound(self, name: str) -> None:
        if name not in self._sounds:
            self._sounds[name] = SoundLoader.load(str(sound_file(name)))
        if (sound := self._sounds[name]) is not None:
            sound.stop()
            sound.play()
