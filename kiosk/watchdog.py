"""A sign of life for systemd, so that a station or a headquarters that hangs is started again as a whole.

The protocol is ``sd_notify(3)``: datagrams to the socket that ``NOTIFY_SOCKET`` names. Without that variable, on
Windows or by hand, nothing is said and nothing is missed.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Watchdog:
    """The service manager that started this process, if one did."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        named = environment.get("NOTIFY_SOCKET", "")
        #: An abstract socket is written with an ``@`` and has a NUL in its place.
        self._address = "\0" + named[1:] if named.startswith("@") else named
        limit = environment.get("WATCHDOG_USEC", "")
        #: Seconds between two signs of life: a third of what is allowed, as the manual says half at most.
        self.every: float | None = int(limit) / 3e6 if limit.isdigit() and self._address else None

    def ready(self) -> None:
        """The service is up."""
        self._say(b"READY=1")

    def alive(self) -> None:
        """What matters still moves."""
        self._say(b"WATCHDOG=1")

    def stopping(self) -> None:
        """The service ends, and means to."""
        self._say(b"STOPPING=1")

    def _say(self, what: bytes) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.sendto(what, self._address)
        except OSError as error:
            log.warning("the service manager does not listen: %s", type(error).__name__)
