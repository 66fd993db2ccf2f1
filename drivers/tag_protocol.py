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

    @property
    def most_blocks(self) -> int:
        """How many blocks the reader takes in one command, of 4 bytes each."""
        ...

    def read_blocks(self, uid: Uid, first: int, count: int) -> Command[bytes]:
        """The bytes of at most ``most_blocks`` blocks, in the order of the tag's memory."""
        ...

    def locked_blocks(self, uid: Uid, first: int, count: int) -> Command[frozenset[int]]:
        """Which of at most ``most_blocks`` blocks can never be written again."""
        ...

    def write_blocks(self, uid: Uid, first: int, data: bytes) -> Command[None]:
        """Writes at most ``most_blocks`` whole blocks, in the order of the tag's memory.

        The reader writes one after the other, because chips know no write of several: a refusal may come when those
        before are written. NOT_SUPPORTED from a reader that leaves the repetition to its host.
        """
        ...

    def system_information(self, uid: Uid) -> Command[SystemInformation]:
        """What the tag says of itself."""
        ...

    def read_afi(self, uid: Uid) -> Command[int]:
        """The AFI, by the shortest way the reader has."""
        ...

    def write_afi(self, uid: Uid, afi: int) -> Command[None]:
        """Writes the AFI. Without an error the reader says that it is written."""
        ...

    def read_eas(self, uid: Uid) -> Command[bool]:
        """Whether the chip shouts at a gate. A chip that is silent is asked whether it is there at all."""
        ...

    def write_eas(self, uid: Uid, on: bool) -> Command[None]:
        """Sets or resets EAS. Without an error the reader says that it is done."""
        ...
