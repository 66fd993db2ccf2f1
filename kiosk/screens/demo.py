"""The demonstration's application: a kiosk and the bench of its devices in one window.

As for :mod:`kiosk.app`, ``kiosk.screens.surface.prepare`` must have been called before this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.clock import Clock

from kiosk.app import KioskApp
from kiosk.demo.workbench import Act, Workbench
from kiosk.screens.bench import DemoRoot
from kiosk.views import Touch

#: Seconds between two looks at the bench: paper is seen to grow, and a look costs nothing to speak of.
LOOK_S = 0.1


class DemoApp(KioskApp):
    """The kiosk's own window, with a bench beside it."""

    def __init__(
        self,
        touch: Callable[[Touch], None],
        begin: Callable[[], None],
        end: Callable[[], None],
        workbench: Workbench,
        **kwargs: Any,
    ) -> None:
        super().__init__(touch, begin, end, **kwargs)
        self._workbench = workbench

    def build(self) -> DemoRoot:
        """The kiosk and the bench, before anything is shown on either."""
        return DemoRoot(self._touch, self._act)

    def on_start(self) -> None:
        """The window is there: let the session begin, and look at the bench from now on.

        It is made as large as the screen leaves room for; what is in it goes along.
        """
        self.root_window.maximize()
        super().on_start()
        Clock.schedule_interval(self._look, LOOK_S)

    def on_stop(self) -> None:
        """The window is closed: nothing is looked at any more."""
        Clock.unschedule(self._look)
        super().on_stop()

    def _act(self, act: Act) -> None:
        self._workbench.do(act)
        self._look()

    def _look(self, _passed: float = 0.0) -> None:
        self.root.bench.show(self._workbench.look())
