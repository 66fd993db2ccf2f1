"""The scripted visit without a screen: played on simulated devices, drawn offscreen, left as pictures.

``NN-name.png`` is each screen of the visit, ``receipt-N.png`` what came out of the printer, ``summary.json`` what was
done and how long it took.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from kiosk.demo.bench import Bench
from kiosk.demo.library import items
from kiosk.demo.visit import Played, Script
from kiosk.machine import Machine
from kiosk.receipts import ReceiptHead, render, to_png
from kiosk.screens.gallery import Studio
from kiosk.station import Settings
from kiosk.views import View
from sync.circulation.calendar import Calendar
from sync.circulation.clock import Reading
from sync.circulation.model import Item
from sync.store.clock import read_clock
from sync.store.view import Clock

#: The titles of the visit; the dictionary is for reading on site.
TITLES = ("TSD0001", "TSD0008", "TSD0250")

SIZES = {"portrait": (1080, 1920), "landscape": (1920, 1080), "small": (1024, 600)}


def draw_visit(settings: Settings, out: Path, *, language: str, profile: str = "portrait") -> Played:
    """Play the visit and leave its pictures in ``out``. Raises ``Stuck`` when the kiosk does not follow."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    studio, size, number = Studio(), SIZES[profile], count(1)
    latest: list[View] = []
    station = settings.station.value
    network = settings.rules.rules.network
    head = ReceiptHead(library=network.name("NET"), branch=network.name(station.branch), station=station.station)
    with (
        Bench() as bench,
        Machine(
            spoken(settings, language),
            bench.devices,
            show=lambda view: latest.__setitem__(slice(None), [view]),
            render=lambda facts, width: render(facts, head, width=width),
            clock=open_hours(settings.rules.rules.calendar(station.branch)),
        ) as machine,
    ):

        def shoot(name: str) -> None:
            studio.picture(latest[0], size, out / f"{next(number):02}-{name}.png")

        played = Script(machine, bench, chosen_items(station.branch), shoot).play()
        for at, raster in enumerate(bench.receipts(), start=1):
            (out / f"receipt-{at}.png").write_bytes(to_png(raster))
    played.seconds["in all"] = round(time.monotonic() - began, 3)
    (out / "summary.json").write_text(json.dumps(asdict(played), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return played


def spoken(settings: Settings, language: str) -> Settings:
    """The settings with another language of the screen."""
    station = replace(settings.station.value, language="en" if language == "en" else "vi")
    return replace(settings, station=replace(settings.station, value=station))


def chosen_items(branch: str) -> tuple[Item, Item, Item]:
    """A copy of each of the visit's titles."""
    found = [next(i for i in items() if i.title_id == title and i.branch == branch) for title in TITLES]
    return found[0], found[1], found[2]


def open_hours(calendar: Calendar) -> Clock:
    """The machine's clock, moved to the middle of the next opening, so that the demonstration is never shut out."""
    now = read_clock().wall
    opens = now if calendar.is_open_at(now) else calendar.opens_next(now)
    moved: timedelta = timedelta() if opens is None or opens == now else opens + timedelta(hours=1) - now

    def read() -> Reading:
        reading = read_clock()
        wall: datetime = reading.wall + moved
        return replace(reading, wall=wall)

    return read
