"""A long way to headquarters: a relay on this machine that delivers every byte late, and counts them."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

_PIECE = 65536


class SlowLine:
    """A relay to a port of this machine. ``delay`` is in seconds, each way. A context manager.

    ``up`` and ``down`` count the bytes to the target and back.
    """

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self._target, self._delay = port, delay
        self._loop = asyncio.new_event_loop()
        self._there = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slow line", daemon=True)
        self.port = 0
        self.up = self.down = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._there.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._there.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._delay)  # the other side hears of it only then
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._carry(reader, far_writer, up=True), self._carry(far_reader, writer, up=False))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, up: bool) -> None:
        while piece := await source.read(_PIECE):
            if up:
                self.up += len(piece)
            else:
                self.down += len(piece)
            self._loop.call_later(self._delay, target.write, piece)
        self._loop.call_later(self._delay, target.close)
