"""USB card readers as nfcpy sees them: its class for USB devices replaced, every byte below it real.

nfcpy finds a reader by its vendor and product, loads the driver of its chip, and gives that driver an object that
writes and reads whole transfers. Here that object is the reader: its firmware answers the transfers, over a field of
cards (facts/rfid.md, 6.1). What lies below it, libusb and the kernel, is not tried by this.
"""

import errno
import os
import struct
from collections import deque
from collections.abc import Callable
from types import ModuleType

import pytest

from drivers.simulators.cards import CardFault, CardField
from drivers.simulators.pn532 import ACK, Pn53xChip, answer_to, crc_a, payload_of

#: Where all of them are plugged in.
BUS, ADDRESS = 1, 5


class UsbReader:
    """What is common: transfers that wait to be read, and a plug that can be pulled."""

    vendor, product = 0, 0
    manufacturer_name: str | None = None
    product_name: str | None = None
    TYPE = "USB"

    def __init__(self, field: CardField) -> None:
        self._field = field
        self._waiting: deque[bytes] = deque()

    def write(self, transfer: bytes | bytearray, timeout: int = 0) -> None:
        del timeout
        self._check()
        self._waiting.extend(self.respond(bytes(transfer)))

    def read(self, timeout: int = 0) -> bytearray:
        del timeout
        self._check()
        if not self._waiting:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return bytearray(self._waiting.popleft())

    def close(self) -> None:
        pass

    def respond(self, transfer: bytes) -> list[bytes]:
        """The transfers that answer one."""
        raise NotImplementedError

    def _check(self) -> None:
        if CardFault.CABLE_PULLED in self._field.faults():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


class Pn533Reader(UsbReader):
    """A stick with a PN533 (SCL3711): frames as on a serial line, one to a transfer."""

    vendor, product = 0x04E6, 0x5591

    def __init__(self, field: CardField) -> None:
        super().__init__(field)
        self._chip = Pn53xChip(field, version=bytes.fromhex("33020707"), status=True)

    def respond(self, transfer: bytes) -> list[bytes]:
        payload = payload_of(transfer)
        if payload is None:
            return []  # an acknowledge ends whatever was under way
        return [ACK, answer_to(self._chip, payload)]


class Acr122uReader(UsbReader):
    """An ACR122U: a PN532 behind CCID blocks and pseudo-APDUs (ACR122U API, 3; CCID 1.1, 6.1.4)."""

    vendor, product = 0x072F, 0x2200
    manufacturer_name, product_name = "ACS", "ACR122U PICC Interface"

    def __init__(self, field: CardField) -> None:
        super().__init__(field)
        self._chip = Pn53xChip(field)

    def respond(self, transfer: bytes) -> list[bytes]:
        kind, length = struct.unpack("<BI", transfer[:5])
        block = transfer[10:]
        if kind == 0x62:  # power on: an ATR comes back
            return [self._block(bytes.fromhex("3B00"))]
        if kind != 0x6F or length != len(block):
            return []
        if block == bytes.fromhex("FF00480000"):
            return [self._block(b"ACR122U215")]
        if block[:4] == bytes.fromhex("FF000000"):
            command = block[5:]
            answer = self._chip.command(command[1], command[2:])
            if len(command) != block[4] or command[0] != 0xD4 or answer is None:
                return [self._block(bytes.fromhex("6300"))]
            return [self._block(bytes((0xD5, command[1] + 1)) + answer + bytes.fromhex("9000"))]
        return [self._block(bytes.fromhex("9000"))]  # lights and buzzer

    def _block(self, data: bytes) -> bytes:
        return struct.pack("<BI5B", 0x80, len(data), 0, 0, 0, 0, 0) + data


class RcS380Reader(UsbReader):
    """A Sony RC-S380: frames to and from the air as they are, with CRCs by its settings (nfcpy, rcs380)."""

    vendor, product = 0x054C, 0x06C1
    manufacturer_name, product_name = "SONY", "RC-S380/S"
    _AIR = ((b"\2\3\x0f\3", "106A"), (b"\3\7\x0f\7", "106B"), (b"\1\1\x0f\1", "212F"))
    _NOBODY = bytes.fromhex("80000000")

    def __init__(self, field: CardField) -> None:
        super().__init__(field)
        self._air = ""
        self._checks_crc = True

    def respond(self, transfer: bytes) -> list[bytes]:
        if transfer == ACK:
            return []
        (length,) = struct.unpack("<H", transfer[5:7])
        command = transfer[8 : 8 + length]
        assert command[0] == 0xD6
        body = b"\xd7" + bytes((command[1] + 1,)) + self._command(command[1], command[2:])
        head = struct.pack("<H", len(body))
        frame = b"\0\0\xff\xff\xff" + head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF, 0))
        return [ACK, frame]

    def _command(self, code: int, data: bytes) -> bytes:
        match code:
            case 0x20:  # GetFirmwareVersion
                return bytes.fromhex("1101")
            case 0x22:  # GetPDDataVersion
                return bytes.fromhex("0001")
            case 0x00:  # InSetRF
                self._air = dict(self._AIR).get(data, "")
                return b"\0" if self._air else b"\x01"
            case 0x02:  # InSetProtocol: pairs of setting and value
                settings = dict(zip(data[::2], data[1::2], strict=True))
                self._checks_crc = bool(settings.get(2, self._checks_crc))
                return b"\0"
            case 0x04:  # InCommRF
                answer = self._field.hear(self._air, data[2:])
                if not answer:
                    return self._NOBODY
                is_page = self._air == "106A" and len(answer) > 2 and data[2] == 0x30
                crc = crc_a(answer) if is_page and not self._checks_crc else b""
                return bytes(4) + b"\x08" + answer + crc
            case _:  # SetCommandType, SwitchRF
                return b"\0"


def plug_in(monkeypatch: pytest.MonkeyPatch, nfc: ModuleType, make: Callable[[], UsbReader]) -> None:
    """Has nfcpy find one USB reader. Readers look the same whenever they are opened; each opening is a new one."""
    reader = make()

    class Usb:
        @staticmethod
        def find(path: str) -> list[tuple[int, int, int, int]] | None:
            if not path.startswith("usb"):
                return None
            asked = [int(part, 16) for part in path.split(":")[1:] if len(part) == 4]
            if asked != [reader.vendor, reader.product][: len(asked)]:
                return []
            return [(reader.vendor, reader.product, BUS, ADDRESS)]

        def __new__(cls, bus: int, address: int) -> UsbReader:  # type: ignore[misc]  # nfcpy gets a reader for it
            assert (bus, address) == (BUS, ADDRESS)
            made = make()
            made.write(ACK)  # raises where the plug is pulled, as opening would
            return made

    monkeypatch.setattr(nfc.clf.transport, "USB", Usb)
    # nfcpy looks whether it may use the device's node, which is not there.
    monkeypatch.setattr(nfc.clf.device.os, "access", lambda *_: True)
