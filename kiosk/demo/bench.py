"""The bench: simulated devices on real wires, with cards to tap and items to put on the pad.

What a person does at a kiosk is done here with hands in code: a card comes near the reader, items come onto the pad, a
cable is pulled. Everything between the simulators and the session is the product itself.
"""

from __future__ import annotations

from hashlib import sha256
from types import TracebackType
from typing import Self

from config.devices import Devices, DeviceSettings
from drivers.devices import Raster
from drivers.simulators.card_reader import SimulatedCardReader
from drivers.simulators.cards import VirtualCard
from drivers.simulators.field import VirtualTag
from drivers.simulators.pad import SimulatedPad
from drivers.simulators.printer import SimulatedPrinter
from drivers.simulators.scanner import SimulatedScanner
from sync.circulation.model import Item


class Bench:
    """One of each device. ``real_time`` lets wires, air and paper take their true time."""

    def __init__(self, *, real_time: bool = False) -> None:
        self.pad = SimulatedPad(real_time=real_time)
        self.reader = SimulatedCardReader(real_time=real_time)
        self.scanner = SimulatedScanner()
        self.printer = SimulatedPrinter(real_time=real_time)
        self._tags: dict[str, tuple[VirtualTag, ...]] = {}
        self._tapped = ""

    def close(self) -> None:
        """Switch everything off."""
        for device in (self.pad, self.reader, self.scanner, self.printer):
            device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def devices(self) -> Devices:
        """Where a station finds them."""
        return Devices(
            (
                DeviceSettings("pad", "feig", self.pad.url),
                DeviceSettings("reader", "nfc", self.reader.url),
                DeviceSettings("scanner", "scanner", self.scanner.url),
                DeviceSettings("printer", "escpos", self.printer.url),
            )
        )

    def tap(self, number: str) -> None:
        """Hold a reader's card to the reader."""
        self.reader.tap(VirtualCard.with_text(b"\x04" + sha256(number.encode()).digest()[:6], number))
        self._tapped = number

    @property
    def card_on_reader(self) -> str:
        """The number of the card that lies there; empty where none does."""
        return self._tapped if self.reader.cards else ""

    def take_card(self) -> None:
        """Take the card away."""
        self.reader.take_away()

    def tags_of(self, item: Item) -> tuple[VirtualTag, ...]:
        """The tags in an item, one for each of its parts; made when it is first met, and kept with what is on them."""
        if item.item_id not in self._tags:
            self._tags[item.item_id] = tuple(
                VirtualTag.of_item(
                    b"\xe0\x04\x01" + sha256(f"{item.item_id}/{part}".encode()).digest()[:5],
                    item.item_id,
                    isil="VN-TN",
                    parts_in_item=item.parts,
                    part_number=part,
                )
                for part in range(1, item.parts + 1)
            )
        return self._tags[item.item_id]

    def put(self, *items: Item) -> None:
        """Lay items on the pad."""
        self.pad.put(*(tag for item in items for tag in self.tags_of(item)))

    def lift(self, *items: Item) -> None:
        """Take items off the pad."""
        self.pad.lift(*(tag.uid for item in items for tag in self.tags_of(item)))

    def receipts(self) -> tuple[Raster, ...]:
        """What has come out of the printer so far, a picture for each receipt."""
        return self.printer.receipts()
