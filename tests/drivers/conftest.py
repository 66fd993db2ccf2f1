"""What every test of a driver is held to: no thread and no open wire may outlive it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

_DESCRIPTORS = Path("/proc/self/fd")


def _wires() -> Counter[str]:
    """Open sockets and terminals by kind; nothing where the system does not say."""
    kinds: Counter[str] = Counter()
    for descriptor in _DESCRIPTORS.iterdir() if _DESCRIPTORS.is_dir() else ():
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue  # the descriptor of this very listing
        if target.startswith(("socket:", "/dev/pts", "/dev/ptmx", "pipe:")):
            kinds[target.partition(":")[0]] += 1
    return kinds


@pytest.fixture(autouse=True)
def nothing_is_left_over() -> Iterator[None]:
    threads, wires = set(threading.enumerate()), _wires()
    yield
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.01)  # a thread that was told to end may need a moment
    assert not set(threading.enumerate()) - threads
    assert not _wires() - wires
