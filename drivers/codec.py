"""What a codec is: bytes in, frames out, and commands that know no port. Pure, as every codec of the room is.

A :class:`Decoder` is given bytes as they come, in whatever pieces, and gives back whole frames; "not yet" is a value,
and what can be no frame is skipped and counted, so that a decoder gets back into step by itself. Its buffer is
bounded: a frame has a greatest length, and a claim of more is rubbish.

A *command* is a generator. It yields the bytes to send, is resumed with one frame that arrived afterwards, and
returns a typed result. A frame that does not answer it (a late answer, something the device says by itself) it passes
over by yielding ``b""``: send nothing, hear the next one. What goes wrong is thrown into it at the ``yield``, so a
command that knows what to do about a lost answer catches it. :class:`drivers.port.Dialogue` runs commands over a
port; a test runs them by hand::

    command = reader_version()
    assert next(command) == bytes.fromhex("05FF65E5CB")
    with pytest.raises(StopIteration) as done:
        command.send(bytes.fromhex("0D00650003030044530D303309"))
    assert done.value.value == ReaderVersion(...)
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Generator
from enum import Enum, auto
from typing import Protocol, TypeAlias, TypeVar

ResultT = TypeVar("ResultT")

#: Yields what to send, is resumed with one whole frame, returns its result.
Command: TypeAlias = Generator[bytes, bytes, ResultT]


class NotYet(Enum):
    """The outcome of a decoder that needs more bytes."""

    NOT_YET = auto()


#: What is here is not a whole frame yet.
NOT_YET = NotYet.NOT_YET


class Decoder(Protocol):
    """Cuts a stream of bytes into frames."""

    @property
    def skipped(self) -> int:
        """How many bytes so far belonged to no frame."""
        ...

    def receive(self, data: bytes) -> None:
        """Takes in bytes as they came."""
        ...

    def next_frame(self) -> bytes | NotYet:
        """The next whole and sound frame, as it was on the wire."""
        ...

    def silence(self) -> None:
        """The line has been quiet for longer than any pause within a frame: what is half there stays so."""
        ...


def crc_ccitt_false(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, also IBM-3740: the tags of ISO 28560-3 (facts/rfid.md, 3)."""
    return crc_hqx(data, 0xFFFF)


def crc_mcrf4xx(data: bytes) -> int:
    """CRC-16/MCRF4XX: the frames of FEIG readers (facts/rfid.md, 3)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _REFLECTED[(crc ^ byte) & 0xFF]
    return crc


def _reflected_table() -> tuple[int, ...]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1  # noqa: PLW2901 - the register shifts in place
        table.append(crc)
    return tuple(table)


_REFLECTED = _reflected_table()
