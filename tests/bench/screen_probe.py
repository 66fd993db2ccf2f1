"""One run of the kiosk, drawn offscreen, its devices simulated in the same process; prints its measures as JSON."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from kiosk.demo.library import make_home
from kiosk.screens.surface import prepare
from kiosk.station import settings_of

SIZE = (1080, 1920)
_TOUCHES = 20
_IDLE_S = 5.0


def _resident_mb() -> float:
    """What this process holds of memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Start, touch the language tool a few times, idle on the attract screen, report."""
    prepare(*SIZE, offscreen=True)
    from kivy.clock import Clock  # noqa: PLC0415  # Kivy must be prepared first
    from kivy.core.window import Window  # noqa: PLC0415

    from kiosk.app import KioskApp  # noqa: PLC0415
    from kiosk.demo.bench import Bench  # noqa: PLC0415
    from kiosk.demo.clock import open_hours  # noqa: PLC0415
    from kiosk.machine import Machine  # noqa: PLC0415
    from kiosk.views import Action, Touch  # noqa: PLC0415

    found: dict[str, Any] = {"touch_ms": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_home(home, date.today())  # noqa: DTZ011  # any day will do
        settings = settings_of(home)
        with Bench() as bench:
            clock = open_hours(settings.rules.rules.calendar("TN"))
            machine = Machine(settings, bench.devices, show=lambda view: app.show(view), clock=clock)  # noqa: PLW0108
            app = KioskApp(machine.touch, machine.begin, machine.end)
            touched = [0.0]

            def first(*_flip: object) -> None:
                if app.root is not None and app.root.children and "first_frame" not in found and app.shown:
                    found["first_frame"] = time.time()
                    Clock.schedule_once(touch, 1.0)

            def touch(_passed: float) -> None:
                touched[0] = time.perf_counter()
                machine.touch(Touch(Action.LANGUAGE))

            def changed(*_flip: object) -> None:
                if touched[0] and app.drawn_at > touched[0]:
                    found["touch_ms"].append((time.perf_counter() - touched[0]) * 1000)
                    touched[0] = 0.0
                    Clock.schedule_once(idle if len(found["touch_ms"]) >= _TOUCHES else touch, 0.1)

            def idle(_passed: float) -> None:
                began, spent = time.perf_counter(), time.process_time()

                def stop(_passed: float) -> None:
                    share = (time.process_time() - spent) / (time.perf_counter() - began)
                    found["attract_cpu"] = share * 100
                    found["rss_mb"] = _resident_mb()
                    app.stop()

                Clock.schedule_once(stop, _IDLE_S)

            Window.bind(on_flip=first)
            Window.bind(on_flip=changed)
            app.run()
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
