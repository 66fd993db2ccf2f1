"""The scripted visit without a screen: played on simulated devices, drawn offscreen, left as pictures.

``NN-name.png`` is each screen of the visit, ``receipt-N.png`` what came out of the printer, ``summary.json`` what was
done and how long it took. What has to do with headquarters is drawn with the bench beside it, where its count stands.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from pathlib import Path

from kiosk.demo.bench import Bench
from kiosk.demo.clock import open_hours
from kiosk.demo.library import items
from kiosk.demo.uplink import Uplink
from kiosk.demo.visit import Played, Script
from kiosk.demo.window import WINDOW
from kiosk.demo.workbench import BenchView, Workbench
from kiosk.machine import Machine
from kiosk.receipts import ReceiptHead, render, to_png
from kiosk.screens.gallery import Studio
from kiosk.station import Settings
from kiosk.views import View
from sync.circulation.model import Item, local_day

#: The titles of the visit; the dictionary is for reading on site.
TITLES = ("TSD0001", "TSD0008", "TSD0250")

SIZES = {"portrait": (1080, 1920), "landscape": (1920, 1080), "small": (1024, 600)}


#: The screens that are drawn with the bench, too.
WITH_BENCH = ("offline", "in-step")


def draw_visit(
    settings: Settings, out: Path, *, language: str, profile: str = "portrait", uplink: Uplink | None = None
) -> Played:
    """Play the visit and leave its pictures in ``out``. Raises ``Stuck`` when the kiosk does not follow."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    studio, size, number = Studio(), SIZES[profile], count(1)
    latest: list[View] = []
    station = settings.station.value
    network = settings.rules.rules.network
    head = ReceiptHead(library=network.name("NET"), branch=network.name(station.branch), station=station.station)
    clock = open_hours(settings.rules.rules.calendar(station.branch))
    with (
        Bench() as bench,
        Machine(
            spoken(settings, language),
            bench.devices,
            show=lambda view: latest.__setitem__(slice(None), [view]),
            render=lambda facts, width: render(facts, head, width=width),
            clock=clock,
            worker=clock.worker,
        ) as machine,
    ):
        workbench = Workbench(
            bench, lambda: machine.session.state, branch=station.branch, today=local_day(clock().wall), uplink=uplink
        )

        def shoot(name: str) -> None:
            place = f"{next(number):02}-{name}"
            studio.picture(latest[0], size, out / f"{place}.png")
            on_bench = workbench.look()
            if name in WITH_BENCH:
                _draw_window(latest[0], on_bench, out / f"{place}-bench.png")

        played = Script(machine, bench, chosen_items(station.branch), shoot, uplink).play()
        for at, raster in enumerate(bench.receipts(), start=1):
            (out / f"receipt-{at}.png").write_bytes(to_png(raster))
    played.seconds["in all"] = round(time.monotonic() - began, 3)
    return played


def _draw_window(view: View, on_bench: BenchView, path: Path) -> None:
    from kiosk.screens.bench import DemoRoot  # noqa: PLC0415 (the studio has started Kivy)
    from kiosk.screens.root import settle  # noqa: PLC0415

    root = DemoRoot(lambda _touch: None, lambda _act: None, size=WINDOW, size_hint=(None, None))
    root.kiosk.still = True
    root.show(view)
    root.bench.show(on_bench)
    settle(root.bench)
    root.export_to_png(str(path))


def spoken(settings: Settings, language: str) -> Settings:
    """The settings with another language of the screen."""
    station = replace(settings.station.value, language="en" if language == "en" else "vi")
    return replace(settings, station=replace(settings.station, value=station))


def chosen_items(branch: str) -> tuple[Item, Item, Item]:
    """A copy of each of the visit's titles."""
    found = [next(i for i in items() if i.title_id == title and i.branch == branch) for title in TITLES]
    return found[0], found[1], found[2]
