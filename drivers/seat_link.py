"""The two ends of a connection between a station and a seat: who is there, which key proves what, what is new. Pure.

Theory of operation. Station and seat share a key that nobody else has (:mod:`drivers.seat_enrolment`). The seat says
:class:`~drivers.seat_protocol.Hello` with a random number, the station answers with
:class:`~drivers.seat_protocol.Greeting`, another random number and its time; both prove themselves with the key. From
both numbers follow two keys for this connection, one for each direction, and all else is proved with these. So what was
recorded on another connection, comes from another seat or is thrown back at its sender is *forged* here; within the
connection numbers only rise, and what does not rise is *stale*: repeated, or overtaken. Whatever is refused is a value,
is counted, and changes nothing.

Nothing needs to be remembered from one connection to the next, at either end. Both say everything anew after each
greeting. Source: facts/internet-room.md, 5.2.

A caller gives each end the bytes that come and sends the bytes it gets::

    end = SeatEnd("05", key, boot=boot, version="1", nonce=secrets.token_hex(16))
    port.write(end.hello())
    for heard in end.receive(port.read()):  # Greeting, Grant, … or a Fault
        ...
    port.write(end.say(report(seat, at)))
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Iterator

from drivers.codec import NOT_YET
from drivers.seat_protocol import (
    Beat,
    Extend,
    Fault,
    Grant,
    Greeting,
    Hello,
    Hide,
    Lock,
    Message,
    More,
    OfSeat,
    OfStation,
    Report,
    Reveal,
    Say,
    SeatFrames,
    payload_of,
    read_payload,
    seal,
    unseal,
)


class _End:
    """What both ends do: cut frames, prove and number them, count what is refused."""

    def __init__(self, takes: frozenset[type]) -> None:
        self.refused: Counter[Fault] = Counter()
        self._takes = takes
        self._frames = SeatFrames()
        self._skipped = 0
        self._sends, self._hears = b"", b""
        self._sent = self._heard = 0

    @property
    def connected(self) -> bool:
        """Whether the greeting is done, so that anything can be said."""
        return bool(self._sends)

    @property
    def proven(self) -> bool:
        """Whether the other end has shown that it is there now, and is no recording."""
        return self._heard > 0

    def say(self, message: OfStation | OfSeat) -> bytes:
        """The bytes of a message. Raises ``ValueError`` before the greeting."""
        if not self.connected:
            raise ValueError("nothing can be said before the greeting")
        self._sent += 1
        return seal(self._sends, self._sent, message)

    def closed(self) -> list[Fault]:
        """The connection has ended: a frame that is not whole never will be."""
        half = self._frames.pending
        self._frames.silence()
        self._frames.next_frame()
        return [self._refuse(Fault.TRUNCATED)] if half else []

    def _frames_in(self, data: bytes) -> Iterator[bytes | Fault]:
        self._frames.receive(data)
        while True:
            frame = self._frames.next_frame()
            if self._frames.skipped > self._skipped:
                self._skipped = self._frames.skipped
                yield self._refuse(Fault.RUBBISH)
            if frame is NOT_YET:
                return
            yield frame

    def _message(self, frame: bytes) -> Message | Fault:
        """A message of the connection, once the greeting is done."""
        read = unseal(self._hears, frame)
        if isinstance(read, Fault):
            return self._refuse(read)
        number, message = read
        if number <= self._heard:
            return self._refuse(Fault.STALE)
        self._heard = number
        return message if type(message) in self._takes else self._refuse(Fault.MISPLACED)

    def _refuse(self, fault: Fault) -> Fault:
        self.refused[fault] += 1
        return fault

    def _agree(self, key: bytes, hello: Hello, greeting: Greeting, *, seat: bool) -> None:
        """Both ends come to the keys of this connection, the one's to send with being the other's to hear with."""
        said = f"{hello.seat} {hello.nonce} {greeting.nonce}".encode()
        up, down = (hmac.digest(key, direction + said, "sha256") for direction in (b"up ", b"down "))
        self._sends, self._hears = (up, down) if seat else (down, up)


class SeatEnd(_End):
    """The seat's end of one connection. ``nonce`` is random and new for each."""

    def __init__(self, seat: str, key: bytes, *, boot: str, version: str, nonce: str) -> None:
        super().__init__(frozenset({Grant, Extend, Lock, Hide, Reveal, Say, Beat}))
        self._key = key
        self._hello = Hello(seat, nonce, boot, version)

    def hello(self) -> bytes:
        """What is said first."""
        return seal(self._key, 0, self._hello)

    def receive(self, data: bytes) -> list[Message | Fault]:
        """What came: the greeting, then whatever the station says."""
        return [f if isinstance(f, Fault) else self._hear(f) for f in self._frames_in(data)]

    def _hear(self, frame: bytes) -> Message | Fault:
        if self.connected:
            return self._message(frame)
        read = unseal(self._key, frame)
        if isinstance(read, Fault):
            return self._refuse(read)
        message = read[1]
        if not isinstance(message, Greeting):
            return self._refuse(Fault.MISPLACED)
        if message.answers != self._hello.nonce:
            return self._refuse(Fault.STALE)
        self._agree(self._key, self._hello, message, seat=True)
        return message


class StationEnd(_End):
    """The station's end of one connection. ``key_of`` knows the seats' keys; ``nonce`` is random and new for each.

    A hello may be a recording: another connection of the same seat is given up for this one only when it is
    :attr:`proven`.
    """

    def __init__(self, key_of: Callable[[str], bytes | None], *, nonce: str) -> None:
        super().__init__(frozenset({Report, More}))
        self._key_of = key_of
        self._nonce = nonce
        self._hello: Hello | None = None

    @property
    def seat(self) -> str | None:
        """Which seat it is, as soon as it has said so."""
        return self._hello.seat if self._hello is not None else None

    def receive(self, data: bytes) -> list[Message | Fault]:
        """What came: the hello, which is to be answered with :meth:`greet`, then whatever the seat says."""
        return [f if isinstance(f, Fault) else self._hear(f) for f in self._frames_in(data)]

    def greet(self, now: int) -> bytes:
        """The answer to the hello, with the station's clock. Raises ``ValueError`` before one, and a second time."""
        key = self._key_of(self._hello.seat) if self._hello is not None else None
        if self._hello is None or key is None or self.connected:
            raise ValueError("there is no hello to be answered")
        greeting = Greeting(self._nonce, self._hello.nonce, now)
        self._agree(key, self._hello, greeting, seat=False)
        return seal(key, 0, greeting)

    def _hear(self, frame: bytes) -> Message | Fault:
        if self.connected:
            return self._message(frame)
        # Which key proves it stands in the message itself; nothing of it is believed before the key says so.
        claimed = read_payload(payload_of(frame))
        if isinstance(claimed, Fault):
            return self._refuse(claimed)
        message = claimed[1]
        if not isinstance(message, Hello) or self._hello is not None:
            return self._refuse(Fault.MISPLACED)
        key = self._key_of(message.seat)
        if key is None:
            return self._refuse(Fault.STRANGER)
        if isinstance(unseal(key, frame), Fault):
            return self._refuse(Fault.FORGED)
        self._hello = message
        return message
