"""Where a simulated device is plugged in: connections, the pace of a serial line, faults that can be switched.

An :class:`Outlet` owns one thread. It waits for a connection and gives it to the device's ``serve`` function as a
:class:`Wire`; ``serve`` reads and writes until :class:`Unplugged` is raised, because the other end hung up, the cable
was pulled, or the simulator stops. As with a real device, there is one connection at a time.

Over TCP a pulled cable keeps its port, so that the address stays good: whoever connects meanwhile is hung up on at
once, as by a serial server whose device is away. A pseudo-terminal vanishes, and comes back under the same path. It
has no parity: a driver must open it with ``8N1``.

With a :class:`Pace` bytes take the time they need on a serial line, in both directions: what was read is handed on when
its last bit would have come in, and what is written goes out in small pieces at the right moments.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, Protocol, Self, TypeVar

FaultT = TypeVar("FaultT", bound=StrEnum)

#: Bytes that go out together when a pace is kept: some 2 ms at 38400 baud.
_PIECE: Final = 8
_CHUNK: Final = 4096
#: How long a driver may leave unread what it was sent before it counts as gone.
_PATIENCE: Final = 2.0


class Unplugged(Exception):
    """There is nobody at the other end any more."""


class Link(StrEnum):
    """What kind of wire a simulated device has."""

    TCP = "tcp"
    PTY = "pty"


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of a serial line. ``bits`` are all that one byte takes: 11 for 8E1, 10 for 8N1."""

    baud: int
    bits: int = 10

    def seconds(self, count: int) -> float:
        """How long so many bytes take."""
        return count * self.bits / self.baud


class Faults(Generic[FaultT]):
    """Which faults are switched on, and for how many occasions yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[FaultT, int | None] = {}

    def cause(self, fault: FaultT, times: int | None = None) -> None:
        """Switches a fault on: for so many occasions, or until it is mended."""
        with self._lock:
            self._left[fault] = times

    def mend(self, fault: FaultT | None = None) -> None:
        """Switches one fault off, or all."""
        with self._lock:
            if fault is None:
                self._left.clear()
            else:
                self._left.pop(fault, None)

    def strikes(self, fault: FaultT) -> bool:
        """Whether the fault happens on this occasion, which then counts."""
        with self._lock:
            if fault not in self._left:
                return False
            left = self._left[fault]
            if left is not None:
                if left <= 1:
                    del self._left[fault]
                else:
                    self._left[fault] = left - 1
            return True

    def switched_on(self) -> frozenset[FaultT]:
        """The faults that would happen now."""
        with self._lock:
            return frozenset(self._left)


class _Waker:
    """Ends a wait in `select`, on every operating system."""

    def __init__(self) -> None:
        self._hear, self._call = socket.socketpair()
        self._hear.setblocking(False)
        self._call.setblocking(False)

    def fileno(self) -> int:
        return self._hear.fileno()

    def wake(self) -> None:
        if self._call.fileno() < 0:
            return  # closed, and nobody sleeps any more
        with suppress(BlockingIOError):  # called many times over, and not heard yet
            self._call.send(b"!")

    def rest(self) -> None:
        with suppress(BlockingIOError):  # nothing more to hear
            while self._hear.recv(_CHUNK):
                pass

    def close(self) -> None:
        self._hear.close()
        self._call.close()


class _Selectable(Protocol):
    def fileno(self) -> int: ...


def _ready(sources: Sequence[_Selectable], within: float | None = None) -> list[_Selectable]:
    return select.select(sources, [], [], within)[0]


class _Connection(_Selectable, Protocol):
    def receive(self) -> bytes: ...

    def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class _Plug(Protocol):
    """A way to be connected to; used by the outlet's thread."""

    @property
    def url(self) -> str: ...

    def accept(self, waker: _Waker) -> _Connection | None:
        """The next connection, or nothing when woken."""
        ...

    def turn_away(self, waker: _Waker) -> None:
        """With the cable pulled: waits for whoever comes, and lets nobody in. Ends when woken, or before."""
        ...

    def close(self) -> None: ...


class _TcpConnection:
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(_PATIENCE)

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes:
        return self._socket.recv(_CHUNK)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()


class _Tcp:
    def __init__(self, host: str, port: int) -> None:
        self._listener = socket.create_server((host, port))
        self.url = f"socket://{host}:{self._listener.getsockname()[1]}"

    def accept(self, waker: _Waker) -> _TcpConnection | None:
        ready = _ready([self._listener, waker])
        return _TcpConnection(self._listener.accept()[0]) if self._listener in ready else None

    def turn_away(self, waker: _Waker) -> None:
        # When woken as well, the cable may be in again, and whoever waits is let in.
        if waker not in _ready([self._listener, waker]):
            self._listener.accept()[0].close()

    def close(self) -> None:
        self._listener.close()


class _PtyConnection:
    """A pseudo-terminal. This end holds both sides open, so that a driver may come and go as on a real line."""

    def __init__(self, path: Path) -> None:
        if sys.platform == "win32":
            raise NotImplementedError("Windows has no pseudo-terminals; use TCP")
        import tty  # noqa: PLC0415 - only where there is one

        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        tty.setraw(self._slave)
        self._path = path
        self._path.symlink_to(os.ttyname(self._slave))

    def fileno(self) -> int:
        return self._master

    def receive(self) -> bytes:
        return os.read(self._master, _CHUNK)

    def send(self, data: bytes) -> None:
        with suppress(BlockingIOError):  # what nobody takes is lost, as on a real line
            while data:
                data = data[os.write(self._master, data) :]

    def close(self) -> None:
        self._path.unlink()
        os.close(self._master)
        os.close(self._slave)


class _Pty:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tramsach-")
        self._path = Path(self._folder.name, "tty")
        self.url = str(self._path)
        # There from the first moment, as a TCP port is, so that nobody needs to wait for the thread.
        self._first: _PtyConnection | None = _PtyConnection(self._path)

    def accept(self, waker: _Waker) -> _PtyConnection | None:
        del waker  # nothing to wait for
        connection, self._first = self._first or _PtyConnection(self._path), None
        return connection

    def turn_away(self, waker: _Waker) -> None:
        _ready([waker])

    def close(self) -> None:
        if self._first:
            self._first.close()
        self._folder.cleanup()


class Wire:
    """The simulated device's end of a connection. Every method raises Unplugged when there is no other end any more."""

    def __init__(self, connection: _Connection, waker: _Waker, cut: threading.Event, pace: Pace | None) -> None:
        self._connection = connection
        self._waker = waker
        self._cut = cut
        self._pace = pace
        self._in_free = 0.0
        self._out_free = 0.0

    def read(self, within: float | None = None) -> bytes:
        """What has come in; nothing after ``within`` seconds (None: for ever) or when the outlet was poked."""
        ready = _ready([self._connection, self._waker], within)
        self._check()
        if self._connection not in ready:
            self._waker.rest()
            return b""
        try:
            data = self._connection.receive()
        except OSError as error:
            raise Unplugged from error
        if not data:
            raise Unplugged
        if self._pace:
            self._in_free = max(self._in_free, time.monotonic()) + self._pace.seconds(len(data))
            self.wait(self._in_free - time.monotonic())
        return data

    def write(self, data: bytes) -> None:
        """Sends bytes, and returns when the last is out."""
        if not self._pace:
            self._send(data)
            return
        self._out_free = max(self._out_free, time.monotonic())
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            self._out_free += self._pace.seconds(len(piece))
            self.wait(self._out_free - time.monotonic())
            self._send(piece)

    def wait(self, seconds: float) -> None:
        """Lets the device take its time."""
        if seconds > 0:
            self._cut.wait(seconds)
        self._check()

    def _send(self, data: bytes) -> None:
        try:
            self._connection.send(data)
        except OSError as error:
            raise Unplugged from error

    def _check(self) -> None:
        if self._cut.is_set():
            raise Unplugged


class Outlet:
    """Where one simulated device is plugged in. Starts at once; a context manager."""

    def __init__(
        self,
        serve: Callable[[Wire], None],
        *,
        link: Link = Link.TCP,
        pace: Pace | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Without a ``port`` the system chooses one. ``host`` is this machine alone unless somebody says otherwise."""
        self._serve = serve
        self._pace = pace
        self._plug: _Plug = _Tcp(host, port) if link is Link.TCP else _Pty()
        self.url = self._plug.url
        self._waker = _Waker()
        self._cut = threading.Event()
        self._pulled = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"simulator {self.url}", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Ends a read of the device's that is waiting, so that it can say something by itself."""
        self._waker.wake()

    def pull(self) -> None:
        """Pulls the cable: the connection ends, in the middle of whatever it was, and there is no other."""
        self._pulled = True
        self._cut.set()
        self._waker.wake()

    def plug_in(self) -> None:
        """Puts the cable in again."""
        self._pulled = False
        self._waker.wake()

    def close(self) -> None:
        """Ends the simulation and returns when the thread has ended. A closed outlet can be closed again."""
        self._stopped = True
        self._cut.set()
        self._waker.wake()
        self._thread.join()
        self._waker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while not self._stopped:
                if self._pulled:
                    self._plug.turn_away(self._waker)
                    self._waker.rest()
                elif connection := self._plug.accept(self._waker):
                    self._connect(connection)
                else:
                    self._waker.rest()
        finally:
            self._plug.close()

    def _connect(self, connection: _Connection) -> None:
        self._cut.clear()
        try:
            # Somebody may have pulled the cable between the two.
            if not self._pulled and not self._stopped:
                self._serve(Wire(connection, self._waker, self._cut, self._pace))
        except Unplugged:
            pass  # the end of every connection
        finally:
            connection.close()
