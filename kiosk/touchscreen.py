"""``tramsach kiosk``: the touchscreen of the station whose folder this is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from config.devices import DEVICES_FILE
from config.loader import Problems
from drivers.registry import load_registry, read_devices
from kiosk.i18n import _, language
from kiosk.screens.theme import profile
from kiosk.station import settings_of
from kiosk.terminal import Answers


def run(say: Answers, home: Path, *, fullscreen: bool) -> None:
    """Open the kiosk and stay until its window is closed."""
    settings = settings_of(home)
    registry = load_registry()
    devices = read_devices(home, registry)
    if isinstance(devices, Problems):
        for problem in devices:
            say.fail(problem.say(language()))
        return
    if find_spec("kivy") is None or find_spec("serial") is None:
        say.fail(_("The touchscreen is not installed. Install it: pip install 'tramsach[kiosk,devices]'"))
        return
    if not devices.value.devices:
        say.show(_("{file} names no devices: nothing can be read or printed here.").format(file=DEVICES_FILE))
    from kiosk.screens.surface import prepare  # noqa: PLC0415  # before anything imports Kivy

    shape = profile(settings.station.value.screen)
    prepare(shape.width, shape.height, fullscreen=fullscreen)
    from kiosk.app import KioskApp  # noqa: PLC0415  # opens the window
    from kiosk.machine import Machine  # noqa: PLC0415
    from kiosk.receipts import ReceiptHead, render  # noqa: PLC0415

    station, network = settings.station.value, settings.rules.rules.network
    branch = network.name(station.branch)
    head = ReceiptHead(library=branch, branch="", station=station.station)
    machine = Machine(
        settings,
        devices.value,
        registry=registry,
        show=lambda view: app.show(view),  # noqa: PLW0108  # the window and the machine need each other
        play=lambda name: app.play(name),  # noqa: PLW0108
        render=lambda facts, width: render(facts, head, width=width),
    )
    app = KioskApp(
        machine.touch, machine.begin, machine.end, reduced=station.reduced_motion, is_moving=machine.session.is_moving
    )
    app.run()
