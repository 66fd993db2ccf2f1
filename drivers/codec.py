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

from abc import ABC, abstractmethod
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


class FrameDecoder(ABC):
    """A decoder for frames that say at their beginning how long they are and prove it with a CRC at their end.

    To get into step it tries the bytes in order and lets the CRC decide. Of a claim that is not whole yet it waits for
    the rest, however unlikely the claim; only silence on the line disproves it. (To look for a whole frame behind an
    unfinished one would find frames that somebody wrote into the memory of a tag.)
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._buffer = bytearray()
        self._silent = False

    @property
    def pending(self) -> bool:
        """Whether there are bytes that may be the beginning of a frame."""
        return bool(self._buffer)

    def receive(self, data: bytes) -> None:
        """Takes in bytes as they came."""
        self._buffer += data
        self._silent = False

    def silence(self) -> None:
        """Nothing more is coming: a claim that is not whole is none."""
        self._silent = True

    def next_frame(self) -> bytes | NotYet:
        """The next sound frame. Holds on to at most one unfinished claim."""
        at = 0
        try:
            while at < len(self._buffer):
                length = self._claimed(self._buffer, at)
                if length is NOT_YET or at + length > len(self._buffer):
                    if not self._silent:
                        return NOT_YET
                elif length:
                    frame = bytes(self._buffer[at : at + length])
                    if self._is_sound(frame):
                        del self._buffer[at : at + length]
                        return frame
                at += 1
            return NOT_YET
        finally:
            self.skipped += at
            del self._buffer[:at]

    @abstractmethod
    def _claimed(self, buffer: bytearray, at: int) -> int | NotYet:
        """How long a frame that begins here says it is; 0 when none can begin here. Bounded, so that memory is."""

    @abstractmethod
    def _is_sound(self, frame: bytes) -> bool:
        """Whether the CRC at the end of the frame is right."""


def crc_ccitt_false(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, also IBM-3740: the tags of ISO 28560-3 (facts/rfid.md, 3)."""
    return crc_hqx(data, 0xFFFF)


def crc_genibus(data: bytes) -> int:
    """CRC-16/GENIBUS: the frames of 3M readers (facts/rfid.md, 3)."""
    return crc_hqx(data, 0xFFFF) ^ 0xFFFF


def crc_x25(data: bytes) -> int:
    """CRC-16/X-25: ISO/IEC 15693 in the air (facts/rfid.md, 3)."""
    return crc_mcrf4xx(data) ^ 0xFFFF


def crc_mcrf4xx(data: bytes) -> int:
    """CRC-16/MCRF4XX: the frames of FEIG and RL866 readers (facts/rfid.md, 3)."""
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
