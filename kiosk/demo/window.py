"""The demonstration in a window: a kiosk, and beside it the simulated devices it runs on, for hands to play with."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from kiosk.demo.bench import Bench
from kiosk.demo.clock import open_hours
from kiosk.demo.uplink import Uplink
from kiosk.demo.workbench import Workbench
from kiosk.machine import Machine
from kiosk.receipts import ReceiptHead, render
from kiosk.screens.surface import prepare
from kiosk.station import Settings
from sync.circulation.model import local_day

#: The window in which nothing has to be scaled.
WINDOW = (1920, 1080)


def run_window(settings: Settings, *, language: str, uplink: Uplink | None = None) -> None:
    """Open the window and return when it has been closed and every device is switched off.

    Devices take their real time. Raises ``ImportError`` without Kivy, and what the session ended with, if it ended.
    """
    prepare(*WINDOW)
    from kiosk.screens.demo import DemoApp  # noqa: PLC0415 (Kivy must be prepared first)

    station = replace(settings.station.value, language="en" if language == "en" else "vi")
    network = settings.rules.rules.network
    head = ReceiptHead(library=network.name("NET"), branch=network.name(station.branch), station=station.station)
    clock = open_hours(settings.rules.rules.calendar(station.branch))
    with Bench(real_time=True) as bench, ExitStack() as running:
        machine = Machine(
            replace(settings, station=replace(settings.station, value=station)),
            bench.devices,
            show=lambda view: app.show(view),  # noqa: PLW0108 (there is no window yet)
            play=lambda sound: app.play(sound),  # noqa: PLW0108
            render=lambda facts, width: render(facts, head, width=width),
            clock=clock,
            worker=clock.worker,
        )
        workbench = Workbench(
            bench, lambda: machine.session.state, branch=station.branch, today=local_day(clock().wall), uplink=uplink
        )

        def begin() -> None:
            running.enter_context(machine)

        app = DemoApp(machine.touch, begin, running.close, workbench)
        app.run()
    if machine.session.failed is not None:
        raise machine.session.failed
