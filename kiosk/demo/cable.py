"""A network cable that can be pulled: a relay on this machine between a station and its headquarters.

One thread moves bytes both ways. A pulled cable ends what runs over it and lets nothing begin; a bad one breaks off
after some thousand bytes, anywhere in a question or an answer.
"""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_PIECE: Final = 65536


class Cable:
    """A relay to an address. A context manager; its methods may be called from any thread."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self._asleep, self._waker = socket.socketpair()
        self._lock = threading.Lock()
        self._pulled = False
        self._breaks_after: int | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where the station's end of it is, on the loop-back address."""
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def pulled(self) -> bool:
        """Whether the cable is out."""
        with self._lock:
            return self._pulled

    def pull(self) -> None:
        """Take it out."""
        self._set(pulled=True)

    def mend(self) -> None:
        """Put it back in, whole."""
        self._set(pulled=False, breaks_after=None)

    def break_after(self, count: int) -> None:
        """Break off the connection once, after so many more bytes in either direction; a new one can then be made."""
        self._set(pulled=False, breaks_after=count)

    def close(self) -> None:
        """Take it away for good."""
        with self._lock:
            self._ending = True
        self._wake()
        self._thread.join()
        for end in (self._listening, self._asleep, self._waker):
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _set(self, *, pulled: bool, breaks_after: int | None = None) -> None:
        with self._lock:
            self._pulled, self._breaks_after = pulled, breaks_after
        self._wake()

    def _wake(self) -> None:
        self._waker.send(b"\0")

    # --- in the relay's thread ---

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._asleep, selectors.EVENT_READ)
            others: dict[socket.socket, socket.socket] = {}
            while True:
                for key, _ in selector.select():
                    ready = key.fileobj
                    if ready is self._asleep:
                        self._asleep.recv(_PIECE)
                    elif ready is self._listening:
                        self._accept(selector, others)
                    elif isinstance(ready, socket.socket) and ready in others and not self._move(ready, others[ready]):
                        _hang_up(selector, others, ready)
                with self._lock:
                    ending, cut = self._ending, self._pulled or self._ending
                if cut:
                    for end in list(others):
                        if end in others:
                            _hang_up(selector, others, end)
                if ending:
                    return

    def _accept(self, selector: selectors.BaseSelector, others: dict[socket.socket, socket.socket]) -> None:
        near, _ = self._listening.accept()
        far = None
        if not self.pulled:
            with suppress(OSError):
                far = socket.create_connection(self._target, timeout=5)
        if far is None:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.setblocking(True)
            one.settimeout(5)
            others[one] = other
            selector.register(one, selectors.EVENT_READ)

    def _move(self, source: socket.socket, target: socket.socket) -> bool:
        """Whether the connection goes on."""
        try:
            piece = source.recv(_PIECE)
            with self._lock:
                broken = self._breaks_after is not None and len(piece) >= self._breaks_after
                if self._breaks_after is not None:
                    piece = piece[: self._breaks_after]
                    self._breaks_after = None if broken else self._breaks_after - len(piece)
            target.sendall(piece)
        except OSError:
            return False
        return bool(piece) and not broken


def _hang_up(selector: selectors.BaseSelector, others: dict[socket.socket, socket.socket], end: socket.socket) -> None:
    for one in (end, others[end]):
        selector.unregister(one)
        del others[one]
        one.close()
