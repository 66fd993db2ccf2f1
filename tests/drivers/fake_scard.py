"""pyscard's module ``smartcard.scard`` as far as it is used, over a simulated field: PC/SC where there is no reader.

The functions take and give what pyscard's do: a result first, then what was asked for; data as lists of numbers. The
reader behind them has a PN532, finds cards by real anticollision, makes up the ATRs of PC/SC part 3, and counts what
comes and goes in the upper half of its state, as pcscd and Windows do.
"""

# ruff: noqa: N802 - the names are those of PC/SC

import sys
import threading
import time
from types import ModuleType
from typing import Any

import pytest

from drivers.devices import CardTechnology
from drivers.simulators.cards import SAK_CLASSIC, SAK_TYPE_2, CardFault, CardField
from drivers.simulators.pn532 import Pn53xChip

READER = "ACS ACR1252 Dual Reader PICC 00 00"
States = list[tuple[str, int, list[int]]]


def storage_atr(standard: int, name: int) -> bytes:
    """The ATR of a storage card (PC/SC part 3, 3.1.3.2.3.1)."""
    body = bytes.fromhex("8F8001804F0CA000000306") + bytes((standard,)) + name.to_bytes(2) + bytes(4)
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))


class FakeScard(ModuleType):
    """The module, with one reader that can be pulled out."""

    SCARD_S_SUCCESS = 0
    SCARD_E_CANCELLED = 0x80100002
    SCARD_E_INVALID_HANDLE = 0x80100003
    SCARD_E_TIMEOUT = 0x8010000A
    SCARD_E_NO_SMARTCARD = 0x8010000C
    SCARD_E_NO_READERS_AVAILABLE = 0x8010002E
    SCARD_W_REMOVED_CARD = 0x80100069
    SCARD_SCOPE_USER = 0
    SCARD_SHARE_SHARED = 2
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 = 1, 2
    SCARD_LEAVE_CARD = 0
    SCARD_STATE_UNAWARE, SCARD_STATE_IGNORE, SCARD_STATE_CHANGED, SCARD_STATE_UNKNOWN = 0, 1, 2, 4
    SCARD_STATE_UNAVAILABLE, SCARD_STATE_EMPTY, SCARD_STATE_PRESENT, SCARD_STATE_MUTE = 8, 16, 32, 0x200

    def __init__(self, field: CardField) -> None:
        super().__init__("smartcard.scard")
        self.field = field
        self.atr: bytes | None = None
        self.handles: set[int] = set()
        self.contexts: set[int] = set()
        self._chip = Pn53xChip(field)
        self._uid = b""
        self._seen: tuple[object, ...] = ()
        self._count = 0
        self._cancelled = threading.Event()
        self._numbers = iter(range(1, 1_000_000))

    @property
    def plugged_in(self) -> bool:
        return CardFault.CABLE_PULLED not in self.field.faults()

    def SCardEstablishContext(self, scope: int) -> tuple[int, int]:
        assert scope == self.SCARD_SCOPE_USER
        self._cancelled.clear()
        self.contexts.add(context := next(self._numbers))
        return self.SCARD_S_SUCCESS, context

    def SCardReleaseContext(self, context: int) -> int:
        self.contexts.remove(context)
        return self.SCARD_S_SUCCESS

    def SCardCancel(self, context: int) -> int:
        assert context in self.contexts
        self._cancelled.set()
        return self.SCARD_S_SUCCESS

    def SCardListReaders(self, context: int, groups: list[str]) -> tuple[int, list[str]]:
        assert (context in self.contexts, groups) == (True, [])
        return (0, [READER]) if self.plugged_in else (self.SCARD_E_NO_READERS_AVAILABLE, [])

    def SCardGetErrorMessage(self, result: int) -> str:
        return f"error {result:08X}"

    def SCardGetStatusChange(self, context: int, within: int, readers: list[tuple[str, int]]) -> tuple[int, States]:
        until = time.monotonic() + within / 1000
        ((reader, known),) = readers
        assert reader == READER
        while True:
            state = self._look() if self.plugged_in else self.SCARD_STATE_UNKNOWN
            if context not in self.contexts:
                return self.SCARD_E_INVALID_HANDLE, []
            if state != known:
                atr = list(self.atr or b"") if state & self.SCARD_STATE_PRESENT else []
                return self.SCARD_S_SUCCESS, [(reader, state | self.SCARD_STATE_CHANGED, atr)]
            if self._cancelled.is_set():
                return self.SCARD_E_CANCELLED, []
            if time.monotonic() >= until:
                return self.SCARD_E_TIMEOUT, []
            self._cancelled.wait(0.002)

    def SCardConnect(self, context: int, reader: str, mode: int, protocols: int) -> tuple[int, int, int]:
        assert (context in self.contexts, reader, mode, protocols) == (True, READER, 2, 3)
        if not self._uid:
            return self.SCARD_E_NO_SMARTCARD, 0, 0
        self.handles.add(handle := next(self._numbers))
        return self.SCARD_S_SUCCESS, handle, self.SCARD_PROTOCOL_T1

    def SCardDisconnect(self, handle: int, disposition: int) -> int:
        assert disposition == self.SCARD_LEAVE_CARD
        self.handles.remove(handle)
        return self.SCARD_S_SUCCESS

    def SCardTransmit(self, handle: int, protocol: int, apdu: list[int]) -> tuple[int, list[int]]:
        assert (handle in self.handles, protocol) == (True, self.SCARD_PROTOCOL_T1)
        command = bytes(apdu)
        if not self.field.cards:
            return self.SCARD_W_REMOVED_CARD, []
        if command == bytes.fromhex("FFCA000000"):
            answer = self._uid + b"\x90\0"
        elif command[:3] == bytes.fromhex("FFB000"):
            found = self._chip.command(0x42, bytes((0x30, command[3])))
            answer = found[1 : command[4] + 1] + b"\x90\0" if found and len(found) > 16 else b"\x6a\x82"
        else:
            answer = self.field.apdu(command)
        if not self.field.cards:
            return self.SCARD_W_REMOVED_CARD, []
        return self.SCARD_S_SUCCESS, list(answer)

    def _look(self) -> int:
        """The state of the reader now; the first card found is the one there is."""
        self._uid, self.atr = b"", None
        cards = {card.technology: card for card in self.field.cards}
        for technology, kind, wanted in (
            (CardTechnology.TYPE_A, 0, b""),
            (CardTechnology.TYPE_B, 3, b"\0"),
            (CardTechnology.FELICA, 1, b"\0\xff\xff\1\0"),
        ):
            found = self._chip.command(0x4A, bytes((1, kind)) + wanted)
            if not found or found == b"\0" or technology not in cards:
                continue
            match technology:
                case CardTechnology.TYPE_A:
                    sak, self._uid = found[4], found[6:]
                    names = {SAK_TYPE_2: storage_atr(3, 3), SAK_CLASSIC: storage_atr(3, 1)}
                    self.atr = names.get(sak, bytes.fromhex("3B80800101"))
                case CardTechnology.TYPE_B:
                    self._uid = found[3:7]
                    self.atr = bytes.fromhex("3B888001") + found[7:14] + b"\0\0"
                case CardTechnology.FELICA:
                    self._uid, self.atr = found[4:12], storage_atr(0x11, 0x003B)
            break
        seen = (cards,) if self._uid else ()
        if seen != self._seen:
            self._count += 2 if seen and self._seen else 1
            self._seen = seen
        return self._count << 16 | (self.SCARD_STATE_PRESENT if seen else self.SCARD_STATE_EMPTY)


def install(monkeypatch: pytest.MonkeyPatch, field: CardField) -> FakeScard:
    """Puts the module where pyscard would be."""
    scard = FakeScard(field)
    package: Any = ModuleType("smartcard")
    package.scard = scard
    monkeypatch.setitem(sys.modules, "smartcard", package)
    monkeypatch.setitem(sys.modules, "smartcard.scard", scard)
    return scard
