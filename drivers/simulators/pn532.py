"""A simulated PN532 on a serial line: the chip in a card reader, as nfcpy's own driver talks to it.

The chip takes frames ``D4 command …``, acknowledges each and answers ``D5 command+1 …`` (PN532 user manual, 6.2 and 7;
facts/rfid.md, 6.3). :class:`Pn53xChip` is what it does about a command, without a wire, over a field of cards; other
readers have the same chip behind other wires. It finds cards as the real one does, by anticollision in the field, and
passes frames through to them; with its CRC check switched off it hands on a card's answer with the CRC, as nfcpy wants
it of a Type 2 tag.

    with SimulatedPn532() as reader:
        ...  # a driver at reader.url
        reader.tap(VirtualCard.with_text(bytes.fromhex("04A1B2C3D4E5F6"), "P0012345"))
"""

from __future__ import annotations

from typing import Final, Self

from drivers.codec import NOT_YET
from drivers.pn532 import Pn53xDecoder
from drivers.simulators.cards import CardFault, CardField
from drivers.simulators.wire import Link, Outlet, Pace, Wire

_PACE: Final = Pace(115200)
ACK: Final = bytes.fromhex("0000FF00FF00")
_ERROR_FRAME: Final = bytes.fromhex("0000FF01FF7F8100")
_TO_CHIP, _FROM_CHIP = 0xD4, 0xD5

_VERSION: Final = bytes.fromhex("32010607")
#: Addresses of registers that somebody looks at (user manual, 8.6.23).
_TX_CONTROL, _RX_MODE, _FIFO_DATA = 0x6304, 0x6303, 0x6339
_CRC_ON: Final = 0x80
_REGISTERS: Final = range(0x6000, 0x7000)
_OK, _TIME_OUT, _BAD_PARAMETER = b"\0", b"\x01", b"\x10"
#: InListPassiveTarget by its number of the technology.
_TYPE_A, _FELICA, _TYPE_B = 0, 1, 3
_AIR: Final = {_TYPE_A: "106A", _FELICA: "212F", _TYPE_B: "106B"}


def frame_of(payload: bytes) -> bytes:
    """A frame around a command or an answer, an extended one where it must be."""
    length = bytes((len(payload),)) if len(payload) < 0x100 else b"\xff\xff" + len(payload).to_bytes(2)
    return b"\0\0\xff" + length + _sum(length[-2:]) + payload + _sum(payload) + b"\0"


def payload_of(frame: bytes) -> bytes | None:
    """What is in a frame; None in one without a payload, or with a wrong sum."""
    at = 8 if frame[3:5] == b"\xff\xff" else 5
    payload = frame[at:-2]
    return payload if payload and sum(frame[at:-1]) & 0xFF == 0 else None


def _sum(data: bytes) -> bytes:
    return bytes((-sum(data) & 0xFF,))


class Pn53xChip:
    """What the chip does about a command. ``version`` is its answer to GetFirmwareVersion.

    With ``status`` its answers about registers begin with a status byte, as those of a PN533 do.
    """

    def __init__(self, field: CardField, *, version: bytes = _VERSION, status: bool = False) -> None:
        self._field = field
        self._version = version
        self._status = _OK if status else b""
        self._registers = {_RX_MODE: _CRC_ON, _TX_CONTROL: 0x80}
        self._air = "106A"

    def command(self, code: int, data: bytes) -> bytes | None:
        """The answer without its head; None to a command the chip does not know or whose data makes no sense."""
        match code:
            case 0x00:  # Diagnose: the line test gives back what it was given
                return data
            case 0x02:  # GetFirmwareVersion
                return self._version
            case 0x06 if len(data) % 2 == 0:  # ReadRegister
                addresses = [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
                if self._status and any(address not in _REGISTERS for address in addresses):
                    return _BAD_PARAMETER  # where others have memory there is none
                return self._status + bytes(self._registers.get(address, 0) for address in addresses)
            case 0x08 if len(data) % 3 == 0:  # WriteRegister
                for at in range(0, len(data), 3):
                    self._registers[int.from_bytes(data[at : at + 2])] = data[at + 2]
                return self._status
            case 0x10 | 0x12 | 0x14:  # SetSerialBaudRate, SetParameters, SAMConfiguration
                return b""
            case 0x32 if len(data) > 1:  # RFConfiguration
                if data[0] == 0x01:
                    self._registers[_TX_CONTROL] = 0x80 | 0x03 * (data[1] & 1)
                return b""
            case 0x16 | 0x44 | 0x52:  # PowerDown, InDeselect, InRelease
                return _OK
            case 0x4A if len(data) >= 2:  # InListPassiveTarget
                found_one = self._list(data[1], data[2:])
                return b"\0" if found_one is None else b"\x01\x01" + found_one
            case 0x40 if data:  # InDataExchange
                return self._exchange(data[1:])
            case 0x42:  # InCommunicateThru
                return self._exchange(data)
            case _:
                return None

    def _exchange(self, frame: bytes) -> bytes:
        answer = self._field.hear(self._air, frame)
        if self._air == "106B" and frame[:1] in {b"\xca", b"\xc2"}:
            answer = frame  # a card of the other kind has been told to stand down
        if not answer:
            return _TIME_OUT
        if len(answer) > 1 and not self._registers[_RX_MODE] & _CRC_ON:
            answer += crc_a(answer)
        return _OK + answer

    def _list(self, kind: int, wanted: bytes) -> bytes | None:
        """A card of one technology, activated; None where there is none."""
        self._registers[_RX_MODE] = _CRC_ON
        self._registers[_TX_CONTROL] |= 0x03
        if kind not in _AIR:
            return None
        self._air = _AIR[kind]
        if kind == _TYPE_A:
            return self._list_type_a()
        if kind == _FELICA:
            return self._field.hear("212F", bytes((len(wanted) + 1,)) + wanted) or None
        found = self._field.hear("106B", b"\x05" + wanted[:1] + b"\x08")
        return found + b"\x01\0" if found else None  # and its answer to ATTRIB

    def _list_type_a(self) -> bytes | None:
        hear = self._field.hear
        self._registers[_FIFO_DATA] = 0x26  # the question stays where it was when nobody answers
        if not (kind := hear("106A", b"\x26")):
            return None
        uid = b""
        for level in (0x93, 0x95, 0x97):
            part = hear("106A", bytes((level, 0x20)))
            answer = hear("106A", bytes((level, 0x70)) + part) if part else None
            if not part or not answer:
                return None
            if not answer[0] & 0x04:
                uid += part[:4]
                return kind[::-1] + answer + bytes((len(uid),)) + uid
            uid += part[1:4]
        return None


class SimulatedPn532(CardField):
    """The chip on a serial line. Starts at once; a context manager."""

    def __init__(self, *, link: Link = Link.PTY, real_time: bool = False, port: int = 0) -> None:
        """With ``real_time`` bytes come as at 115200 baud."""
        super().__init__()
        self._outlet = Outlet(self._serve, link=link, pace=_PACE if real_time else None, port=port)

    @property
    def url(self) -> str:
        """Where a driver finds it."""
        return self._outlet.url

    def cause(self, fault: CardFault, times: int | None = None) -> None:
        """Makes something go wrong: so many times, or until it is mended. A cable stays pulled until it is mended."""
        super().cause(fault, times)
        if fault is CardFault.CABLE_PULLED:
            self._outlet.pull()

    def mend(self, fault: CardFault | None = None) -> None:
        """Ends one fault, or all."""
        super().mend(fault)
        if fault in {None, CardFault.CABLE_PULLED}:
            self._outlet.plug_in()

    def close(self) -> None:
        """Ends the simulation."""
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the outlet's thread ---

    def _serve(self, wire: Wire) -> None:
        chip, decoder = Pn53xChip(self), Pn53xDecoder()
        while True:
            decoder.receive(wire.read())
            while (frame := decoder.next_frame()) is not NOT_YET:
                if (payload := payload_of(frame)) is not None:
                    wire.write(ACK + answer_to(chip, payload))


def answer_to(chip: Pn53xChip, payload: bytes) -> bytes:
    """The frame with which the chip answers a command, or with which it says that it was none."""
    if len(payload) < 2 or payload[0] != _TO_CHIP:
        return _ERROR_FRAME
    answer = chip.command(payload[1], payload[2:])
    return _ERROR_FRAME if answer is None else frame_of(bytes((_FROM_CHIP, payload[1] + 1)) + answer)


def crc_a(data: bytes) -> bytes:
    """The CRC of 14443A frames, low byte first (ISO/IEC 14443-3, annex B)."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF  # noqa: PLW2901 - the register shifts in place
        byte = (byte ^ byte << 4) & 0xFF  # noqa: PLW2901
        crc = crc >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return (crc & 0xFFFF).to_bytes(2, "little")
