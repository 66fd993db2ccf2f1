"""The touchscreen on software GL: start, touch, idle load and memory, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.util import find_spec
from statistics import median

from tests.bench.figure import Figure

_STARTS = 3


def measure() -> list[Figure]:
    """Cold start to first frame, touch to changed frame, load of the attract screen, resident memory."""
    if find_spec("kivy") is None:
        return []
    starts, probes = [], []
    for _each in range(_STARTS):
        began = time.time()
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.screen_probe"], check=True, capture_output=True, text=True, timeout=120
        )
        probe = json.loads(done.stdout.splitlines()[-1])
        probes.append(probe)
        starts.append(probe["first_frame"] - began)
    touches = sorted(ms for probe in probes for ms in probe["touch_ms"])
    return [
        Figure("cold start to first frame", median(starts), "s", 2.5, note=f"median of {_STARTS}"),
        Figure("touch to changed frame, p95", touches[int(len(touches) * 0.95)], "ms", 100),
        Figure("attract screen, all devices polling", median(p["attract_cpu"] for p in probes), "% of a core", 15),
        Figure(
            "resident memory on the attract screen, 1080×1920",
            median(p["rss_mb"] for p in probes),
            "MB",
            350,
            note=f"simulators included; at most {max(p['peak_mb'] for p in probes):.0f}",
        ),
    ]
