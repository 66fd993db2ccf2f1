"""The machine's clock, read as the rules want it (:mod:`sync.circulation.clock` decides whether to believe it)."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sync.circulation.clock import Reading

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def _boot() -> str:
    return _BOOT_ID.read_text("ascii").strip()[:8] if _BOOT_ID.exists() else ""


def read_clock() -> Reading:
    """The wall clock, milliseconds since boot (suspended time included where the system counts it), and which boot.

    Where the system does not number its boots the boot is empty; the rules then go by the uptime alone.
    """
    if sys.platform == "linux":
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
        boot = _boot()
    else:
        uptime, boot = time.monotonic(), ""
    return Reading(datetime.now(UTC), int(uptime * 1000), boot)
