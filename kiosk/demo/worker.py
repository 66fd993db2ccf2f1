"""The worker of a kiosk whose clock is so many seconds ahead: ``python -m kiosk.demo.worker SECONDS HOME``.

It is the worker of every station, by the kiosk's own clock. Headquarters keeps to the machine's; outside opening hours
the two find at their first contact how far they are apart, and the station writes it down, as with any wrong clock.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from kiosk.demo.clock import MovedClock
from kiosk.exchange_worker import main

if __name__ == "__main__":
    main(MovedClock(timedelta(seconds=float(sys.argv[1]))))
