"""What the codec of an RFID pad offers: the commands by which :mod:`drivers.pad` works any make of it.

A make of pad is one pure module with a class of this shape. The pad itself (who is on it, what is new, write and
verify) is the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drivers.codec import Command, Decoder
from drivers.devices import Card, Identity, SerialLine
from drivers.iso15693 import SystemInformation, Uid


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is in the field. With ``complete`` false there is more, which the reader could not make out."""

    tags: tuple[Uid, ...] = ()
    cards: tuple[Card, ...] = ()
    complete: bool = True


class TagProtocol(Protocol):
    """The commands of a reader. Each raises DeviceRefused with the fault that the reader's answer means."""

    @property
    def line(self) -> SerialLine:
        """The serial line of a reader as it is delivered."""
        ...

    @property
    def answer_within(self) -> float:
        """Seconds after which no answer is coming: longer than the reader's own limit."""
        ...

    @property
    def gap(self) -> float:
        """Seconds of silence the reader wants between its answer and the next request."""
        ...

    def decoder(self) -> Decoder:
        """A new decoder for what the reader sends."""
        ...

    def hello(self) -> Command[Identity]:
        """Who the reader is. Its answer cannot be taken for that of any other command."""
        ...

    def reset_field(self) -> Command[None]:
        """Makes every tag new to a reader that reports only new ones; nothing to do for others."""
        ...

    def inventory(self) -> Command[Inventory]:
        """What is in the field now."""
        ...

    def read_blocks(self, uid: Uid, first: int, count: int) -> Command[bytes]:
        """The bytes of some blocks, in the order of the tag's memory."""
        ...

    def system_information(self, uid: Uid) -> Command[SystemInformation]:
        """What the tag says of itself, its AFI among it."""
        ...

    def write_afi(self, uid: Uid, afi: int) -> Command[None]:
        """Writes the AFI. Without an error the reader says that it is written."""
        ...
