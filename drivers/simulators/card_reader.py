"""A simulated card reader: the other end of nfcpy's UDP driver, with virtual cards to tap and take away.

nfcpy's ``udp:host:port`` replaces the air by datagrams of text: bit rate and technology, a blank, the frame in hex, as
in ``106A 26`` (facts/rfid.md, 6.2). nfcpy is the reader; this is its field and what is in it
(:mod:`drivers.simulators.cards`). What a card says nothing to, it says nothing to.

With nobody in the field nfcpy would wait a second per technology. So an empty field is said in so many words,
``RFOFF``, which nfcpy knows as the end of a link: sensing it takes a millisecond, and a tap is seen at once.

    with SimulatedCardReader() as reader:
        ...  # nfcpy at reader.url
        reader.tap(VirtualCard.with_text(bytes.fromhex("04A1B2C3D4E5F6"), "P0012345"))
        reader.take_away()
"""

from __future__ import annotations

import socket
import threading
from typing import Final, Self

from drivers.simulators.cards import CardFault, CardField

_DATAGRAM: Final = 2048
_RFOFF: Final = b"RFOFF"

#: 106 kbit/s with a parity bit to each byte, and the pause before the answer (ISO/IEC 14443-3, 6).
_BYTE_TIME: Final = 9 / 106_000
_PAUSE: Final = 0.0001
_READ_TIME: Final = 0.001


class SimulatedCardReader(CardField):
    """A field at the other end of UDP. Starts at once; a context manager."""

    def __init__(self, *, real_time: bool = False, host: str = "127.0.0.1", port: int = 0) -> None:
        """Without a ``port`` the system chooses one. With ``real_time`` frames take their time in the air."""
        super().__init__()
        self._real_time = real_time
        self._stopped = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._run, name=f"simulator {self.url}", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The path nfcpy opens it by."""
        return f"udp:{self._address[0]}:{self._address[1]}"

    def close(self) -> None:
        """Ends the simulation."""
        self._stopped.set()
        # A thread that waits for a datagram is woken by one.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._address)
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in its thread ---

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                datagram, sender = self._socket.recvfrom(_DATAGRAM)
            except ConnectionResetError:
                continue  # Windows says so of somebody who has gone since he was answered
            if CardFault.CABLE_PULLED in self.faults():
                continue
            if answer := self._respond(datagram):
                self._socket.sendto(answer, sender)

    def _respond(self, datagram: bytes) -> bytes:
        """The datagram that answers; nothing to what is no frame, and where a card would say nothing."""
        name, _, digits = datagram.partition(b" ")
        try:
            technology, frame = name.decode("ascii"), bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            return b""
        if not frame:
            return b""
        answer = self.hear(technology, frame)
        if answer is None:
            return _RFOFF
        self._take_time(frame, answer)
        return name + b" " + answer.hex().encode() if answer else b""

    def _take_time(self, frame: bytes, answer: bytes) -> None:
        if self._real_time:
            work = _READ_TIME if frame[0] == 0x30 else 0.0
            self._stopped.wait((len(frame) + len(answer)) * _BYTE_TIME + _PAUSE + work)
