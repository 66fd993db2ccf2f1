"""A kiosk put together: settings, ledger, devices and the session that moves them. No screen.

The one place that knows which driver a name in ``devices.toml`` stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from config.devices import Devices
from drivers.barcodes import LineScanner
from drivers.devices import Raster
from drivers.feig import Feig
from drivers.nfc_cards import NfcReader
from drivers.pad import Pad
from drivers.receipt_printer import EscPosPrinter
from drivers.supervisor import Supervised, Supervisor
from kiosk.flows.messages import ReceiptFacts
from kiosk.flows.state import PinMode, Setup
from kiosk.session import Hands, Session
from kiosk.station import Settings, open_ledger
from kiosk.views import Touch, View
from sync.store.clock import read_clock
from sync.store.view import Clock

Render = Callable[[ReceiptFacts, int], Raster]


def setup_of(settings: Settings, devices: Devices) -> Setup:
    """What the settings say of visits; a device that is not there has an empty name."""
    station = settings.station.value

    def name(driver: str) -> str:
        found = devices.of_driver(driver)
        return found.name if found else ""

    return Setup(
        library=settings.rules.rules.network.name(station.branch),
        branch=station.branch,
        language=station.language,
        pin=PinMode(station.pin),
        pad=name("feig"),
        reader=name("nfc"),
        scanner=name("scanner"),
        printer=name("escpos"),
        barcode_items=station.barcode_items,
    )


class Machine:
    """Devices and session of one station, from :meth:`begin` to :meth:`end`; a context manager."""

    def __init__(
        self,
        settings: Settings,
        devices: Devices,
        *,
        show: Callable[[View], None] = lambda _view: None,
        play: Callable[[str], None] = lambda _sound: None,
        render: Render | None = None,
        clock: Clock = read_clock,
    ) -> None:
        station = settings.station.value
        self._devices = devices
        self._staff_pin = station.staff_pin.reveal() if station.staff_pin else None
        self._play, self._render = play, render
        opened = partial(open_ledger, settings, command="tramsach kiosk", clock=clock)
        self.session = Session(setup_of(settings, devices), opened, show)
        self._supervisor = Supervisor(self.session.post)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def begin(self) -> None:
        """Open the devices and the ledger, and start."""
        pad: Supervised[Pad] | None = None
        printer: Supervised[EscPosPrinter] | None = None
        width = 576
        for device in self._devices.devices:
            match device.driver:
                case "feig":
                    pad = self._supervisor.add(device.name, partial(Pad.open, url=device.url, protocol=Feig()))
                case "escpos":
                    width = device.width
                    printer = self._supervisor.add(
                        device.name, partial(EscPosPrinter, url=device.url, width=device.width)
                    )
                case "nfc":
                    self._supervisor.add(device.name, partial(NfcReader.open, url=device.url))
                case "scanner":
                    self._supervisor.add(device.name, partial(LineScanner.open, url=device.url))
        render = None if self._render is None else partial(_at_width, self._render, width)
        self.session.begin(Hands(pad, printer, render, self._play, self._staff_pin))

    def end(self) -> None:
        """Let go of devices and ledger."""
        self._supervisor.stop()
        self.session.stop()

    def touch(self, touch: Touch) -> None:
        """A finger let go of something."""
        self.session.post(touch)


def _at_width(render: Render, width: int, facts: ReceiptFacts) -> Raster:
    return render(facts, width)
