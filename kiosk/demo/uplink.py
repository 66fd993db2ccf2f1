"""The network of the demonstration's station, for a hand to pull, and the truth about what waits behind it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from config.headquarters import Headquarters
from kiosk.demo.cable import Cable
from sync.exchange.state import wake
from sync.store.clock import read_clock
from sync.store.view import LedgerView


class Uplink:
    """A station's network, as a hand at the bench has it, and what waits at this end of it. A context manager.

    When the cable goes in or out the station is asked for a call, as a system's network does by a hook that runs
    ``tramsach sync now``. Owned by one thread. ``place`` is where the folder's station belongs. Raises what the store
    raises.
    """

    def __init__(self, home: Path, place: Headquarters, cable: Cable) -> None:
        self._home, self._hq, self._cable = home, place.hq, cable
        self._view = LedgerView.open(
            home, station=place.station, epoch=place.epoch, branch=place.branch, clock=read_clock
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._view.close()

    @property
    def pulled(self) -> bool:
        """Whether the cable is out."""
        return self._cable.pulled

    def pull(self) -> None:
        """Take the cable out."""
        self._cable.pull()
        wake(self._home)

    def mend(self) -> None:
        """Put the cable back in, if it is out."""
        if self._cable.pulled:
            self._cable.mend()
            wake(self._home)

    def unsent(self) -> int:
        """How many events headquarters has not acknowledged, by the station's ledger."""
        return self._view.standing_towards(self._hq).unsent
