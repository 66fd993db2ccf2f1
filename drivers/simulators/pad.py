"""A simulated RFID pad of any make, with virtual tags to put on and lift while it works.

What lies there is a :class:`drivers.simulators.field.Field`; the protocol of a make is its :class:`Reader`: FEIG's when
nothing else is said. Here are the outlet it is plugged into, its hands, and the faults on its line. With ``real_time``
bytes take their time on a serial line of the make's usual speed, and the air its own (facts/rfid.md, 8). Otherwise
everything happens at once.

    with SimulatedPad() as pad:
        pad.put(VirtualTag.of_item(bytes.fromhex("E004010012345678"), "TN-000123", isil="VN-TN"))
        ...  # a driver at pad.url
        pad.cause(PadFault.TAG_LIFTED_MID_WRITE, times=1)
"""

from __future__ import annotations

import random
import threading
from typing import Final, Protocol, Self

from drivers.codec import NOT_YET, FrameDecoder
from drivers.iso15693 import Uid
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import Field, PadFault, VirtualTag
from drivers.simulators.wire import Faults, Link, Outlet, Pace, Unplugged, Wire

#: Longer than the 12 ms a host may leave between two bytes of a frame, because TCP may deliver them apart.
_PAUSE: Final = 0.1
#: What the fault ``slow`` adds to an answer: still within the time a reader may take.
_SLOW: Final = 0.5
_NOISE: Final = 5


class Reader(Protocol):
    """One make's end of the wire: frames in, frames out, and what the reader keeps between them."""

    @property
    def pace(self) -> Pace:
        """The serial line of a reader as it is delivered."""
        ...

    def decoder(self) -> FrameDecoder:
        """A new decoder for what comes from the host."""
        ...

    def answer(self, frame: bytes, field: Field) -> bytes | None:
        """The whole reply to a sound frame, after whatever it asks for was done; None to say nothing."""
        ...

    def restart(self) -> None:
        """Forgets what was agreed with the host, as after a loss of power."""
        ...


class SimulatedPad:
    """The reader, its antenna and what lies on it."""

    def __init__(
        self,
        reader: Reader | None = None,
        *,
        link: Link = Link.TCP,
        real_time: bool = False,
        port: int = 0,
        capacity: int | None = None,
    ) -> None:
        self._reader: Reader = reader or FeigReader()
        self._real_time = real_time
        self._lock = threading.Lock()
        self._faults: Faults[PadFault] = Faults()
        self._field = Field(self._faults)
        self._field.capacity = capacity
        #: How many bytes of an answer get through where it breaks off; None is half.
        self.cut: int | None = None
        pace = self._reader.pace if real_time else None
        self._outlet = Outlet(self._serve, link=link, pace=pace, port=port)

    @property
    def url(self) -> str:
        """Where a driver finds it."""
        return self._outlet.url

    @property
    def capacity(self) -> int | None:
        """More tags than this the reader cannot tell apart; None is no limit."""
        return self._field.capacity

    @capacity.setter
    def capacity(self, capacity: int | None) -> None:
        self._field.capacity = capacity

    @property
    def inventories(self) -> int:
        """How many inventories were asked for, rests of lists not counted."""
        return self._field.inventories

    @property
    def afi_writes(self) -> int:
        """How many writes of an AFI were tried in the air."""
        return self._field.afi_writes

    def put(self, *tags: VirtualTag) -> None:
        """Puts tags on the pad, all at the same moment."""
        with self._lock:
            self._field.tags |= {tag.uid: tag for tag in tags}

    def lift(self, *uids: Uid) -> None:
        """Takes tags off the pad, all at the same moment. Those that are not there are not there."""
        with self._lock:
            for uid in uids:
                self._field.lift(uid)

    def clear(self) -> None:
        """Takes everything off the pad."""
        with self._lock:
            self._field.tags.clear()
            self._field.cards.clear()
            self._field.quiet.clear()

    def tags(self) -> tuple[VirtualTag, ...]:
        """What lies on the pad, in the order it was put there."""
        with self._lock:
            return tuple(self._field.tags.values())

    def put_card(self, uid: bytes | None) -> None:
        """Puts an ISO 14443A card on the pad; with no UID one that invents a new one each time."""
        with self._lock:
            self._field.cards.append(uid)

    def cause(self, fault: PadFault, times: int | None = None) -> None:
        """Makes something go wrong: so many times, or until it is mended, as a cable must be."""
        self._faults.cause(fault, times)
        if fault is PadFault.CABLE_PULLED:
            self._outlet.pull()

    def mend(self, fault: PadFault | None = None) -> None:
        """Ends one fault, or all."""
        self._faults.mend(fault)
        if fault in {
            None,
            PadFault.CABLE_PULLED,
            PadFault.CABLE_PULLED_MID_WRITE,
            PadFault.CABLE_PULLED_MID_ANSWER,
        }:
            self._outlet.plug_in()

    def faults(self) -> frozenset[PadFault]:
        """What would go wrong now."""
        return self._faults.switched_on()

    def close(self) -> None:
        """Ends the simulation."""
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the outlet's thread ---

    def _serve(self, wire: Wire) -> None:
        decoder = self._reader.decoder()
        while True:
            # A pause within a frame ends it, and half a frame is never answered.
            data = wire.read(_PAUSE if decoder.pending else None)
            if data:
                decoder.receive(data)
            else:
                decoder.silence()
            while (frame := decoder.next_frame()) is not NOT_YET:
                self._respond(wire, frame)

    def _respond(self, wire: Wire, frame: bytes) -> None:
        strikes = self._faults.strikes
        if strikes(PadFault.NO_ANSWER):
            return
        if strikes(PadFault.REBOOTS):
            self._reader.restart()
            with self._lock:
                self._field.restart()
            return
        with self._lock:
            self._field.begin()
            reply = self._reader.answer(frame, self._field)
            seconds, wrote, read = self._field.seconds, self._field.wrote, self._field.read
        slow = strikes(PadFault.SLOW)
        if read:
            slow = strikes(PadFault.SLOW_READ) or slow
        wire.wait((seconds if self._real_time else 0.0) + slow * _SLOW)
        if reply is None or (wrote and strikes(PadFault.ANSWER_LOST_AFTER_WRITE)):
            return
        if wrote and strikes(PadFault.CABLE_PULLED_MID_WRITE):
            self._outlet.pull()
            raise Unplugged
        self._send(wire, reply)

    def _send(self, wire: Wire, reply: bytes) -> None:
        """Puts a reply on the line, in the state the line is in."""
        strikes = self._faults.strikes
        some = len(reply) // 2 if self.cut is None else self.cut
        if strikes(PadFault.CABLE_PULLED_MID_ANSWER):
            wire.write(reply[:some])
            self._outlet.pull()
            raise Unplugged
        if strikes(PadFault.TRUNCATED):
            reply = reply[:some]
        if strikes(PadFault.GARBAGE):
            reply = random.randbytes(len(reply))
        if strikes(PadFault.CRC_ERROR):
            reply = reply[:-1] + bytes((reply[-1] ^ 0xFF,))
        if strikes(PadFault.NOISE_BEFORE):
            reply = random.randbytes(_NOISE) + reply
        if strikes(PadFault.NOISE_AFTER):
            reply += random.randbytes(_NOISE)
        wire.write(reply)
