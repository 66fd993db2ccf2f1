"""A kiosk put together: settings, ledger, devices and the session that moves them. No screen.

Every device of ``devices.toml`` is opened and watched, each in a thread of its own. Readers of cards and codes may be
several, and all of them are heard; a visit works with one pad and one printer, the first of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self, cast

from config.devices import Devices
from drivers.devices import DeviceBack, DeviceEvent, DeviceLost, Raster, ReceiptPrinter, RfidPad
from drivers.health import HealthKeeper
from drivers.registry import Kind, Registry, load_registry
from drivers.supervisor import Supervised, Supervisor
from kiosk.exchange import Keeper
from kiosk.flows.messages import ReceiptFacts
from kiosk.flows.state import PinMode, Setup
from kiosk.session import Hands, Session
from kiosk.station import Settings, open_ledger
from kiosk.views import Touch, View
from sync.store.clock import read_clock
from sync.store.view import Clock

Render = Callable[[ReceiptFacts, int], Raster]


def setup_of(settings: Settings, devices: Devices, registry: Registry) -> Setup:
    """What the settings say of visits; a device that is not there has an empty name."""
    station = settings.station.value

    def name(kind: Kind) -> str:
        return next((device.name for device in registry.of_kind(devices, kind)), "")

    return Setup(
        library=settings.rules.rules.network.name(station.branch),
        branch=station.branch,
        language=station.language,
        pin=PinMode(station.pin),
        pad=name(Kind.PAD),
        reader=name(Kind.CARD_READER),
        scanner=name(Kind.SCANNER),
        printer=name(Kind.PRINTER),
        barcode_items=station.barcode_items,
    )


class Machine:
    """Devices and session of one station, from :meth:`begin` to :meth:`end`; a context manager.

    ``worker`` is the command of its worker's process (:class:`~kiosk.exchange.Keeper`), where it is not the usual one:
    a station whose ``clock`` is not the machine's needs one that goes by the same.
    """

    def __init__(
        self,
        settings: Settings,
        devices: Devices,
        *,
        registry: Registry | None = None,
        show: Callable[[View], None] = lambda _view: None,
        play: Callable[[str], None] = lambda _sound: None,
        render: Render | None = None,
        clock: Clock = read_clock,
        worker: Sequence[str] = (),
    ) -> None:
        station = settings.station.value
        self._devices = devices
        self._registry = registry or load_registry()
        self._staff_pin = station.staff_pin.reveal() if station.staff_pin else None
        self._play, self._render = play, render
        opened = partial(open_ledger, settings, command="tramsach kiosk", clock=clock)
        self._setup = setup_of(settings, devices, self._registry)
        self.session = Session(self._setup, opened, show)
        self._supervisor = Supervisor(self._heard)
        self._home = settings.home
        place = settings.headquarters
        self._keeper = (
            Keeper(settings.home, self.session.post, command=worker) if place is not None and place.url else None
        )
        self._health = HealthKeeper(settings.home, devices, self._supervisor.health)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def begin(self) -> None:
        """Open the devices and the ledger, and start."""
        self._home.mkdir(parents=True, exist_ok=True)
        opened = {
            device.name: self._supervisor.add(device.name, self._registry.connector(device, self._devices))
            for device in self._devices.devices
        }
        # A driver of a kind has the methods of that kind: the conformance suites see to it.
        pad = cast("Supervised[RfidPad] | None", opened.get(self._setup.pad))
        printer = cast("Supervised[ReceiptPrinter] | None", opened.get(self._setup.printer))
        self.session.begin(Hands(pad, printer, self._render, self._play, self._staff_pin, self._online))
        if self._keeper is not None:
            self._keeper.begin()
        self._health.begin()

    def end(self) -> None:
        """Let go of devices and ledger."""
        self._health.end()
        if self._keeper is not None:
            self._keeper.end()
        self._supervisor.stop()
        self.session.stop()

    def touch(self, touch: Touch) -> None:
        """A finger let go of something."""
        self.session.post(touch)

    def _online(self) -> bool | None:
        return None if self._keeper is None else self._keeper.state.online

    def _heard(self, event: DeviceEvent) -> None:
        self.session.post(event)
        if isinstance(event, DeviceLost | DeviceBack):
            self._health.news()
