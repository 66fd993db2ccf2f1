"""Imports of the real catalogue exports, each in a process of its own, so that its memory can be read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.figure import Figure

_ONE = """
import json, sys, time
from pathlib import Path
from kiosk.station import settle_in
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.store.files import open_reference
from sync.store.reference import Reference
def peak_mb():  # not getrusage: a child begins with the peak of the process that started it
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
home = Path(sys.argv[1])
settle_in(home, command="bench")
before = peak_mb()
began = time.perf_counter()
with Reference(open_reference(home)) as reference:
    report = import_catalogue([Path(sys.argv[2])], reference, load_mapping("auto"), branch="MAIN")
print(json.dumps({"seconds": time.perf_counter() - began, "read": report.read, "items": report.items,
    "before_mb": before, "peak_mb": peak_mb()}))
"""


def real_exports() -> list[Path]:
    """The exports of real catalogues, where they are: ``TRAMSACH_SHARED``, or beside the checkout."""
    named = os.environ.get("TRAMSACH_SHARED")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    return sorted(folder.glob("catalogue-*.mrc"))


def measure() -> list[Figure]:
    """10,000 real records and their search index, and the memory of ten times as many; nothing without the exports."""
    exports = [path for path in real_exports() if path.name == "catalogue-10000.mrc"]
    if not exports:
        return [Figure("import: the real exports are not here", 0, "")]
    (export,) = exports
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as place:
        large = Path(place) / "ten-times.mrc"
        with large.open("wb") as file:
            for _each in range(10):
                with export.open("rb") as source:
                    shutil.copyfileobj(source, file)
        small, big = _run(Path(place) / "one", export), _run(Path(place) / "ten", large)
    growth = big["peak_mb"] / small["peak_mb"]
    return [
        Figure("import of 10,000 real records", small["seconds"], "s", 20, note=f"{small['items']:.0f} items"),
        Figure("its peak memory", small["peak_mb"], "MB", note=f"{small['before_mb']:.0f} before it began"),
        Figure("peak memory of a file ten times as large", growth, "times", 1.25, note=f"{big['peak_mb']:.0f} MB"),
    ]


def _run(home: Path, export: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _ONE, str(home), str(export)], check=True, capture_output=True, text=True, timeout=600
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found
