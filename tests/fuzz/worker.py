"""``python -m tests.fuzz.worker TARGET INPUTS SEED ENGINE FOUND``: fuzz one target in this process, and tell about it.

Each line on standard output is a JSON object: a defect when it is found, the result at the end. Engine is ``atheris``
or ``own``. Atheris has to be there before what it instruments, and libFuzzer never gives control back: so the targets
are imported inside, and the last input ends the process. What stands in its folder for temporary files then, whoever
started it removes.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from types import FunctionType
from typing import Any

from tests.fuzz.mutation import Lines, fuzz, words_of
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import Defect, Watch

#: Nothing may grow beyond this, in bytes.
_ADDRESSES = 4 << 30
#: Seconds of real time for what hangs where the watch is not heard; so often it is wound up.
_STUCK = 300
_WIND_UP = 2_000


def main(arguments: list[str]) -> int:
    """Fuzz one target."""
    name, inputs, seed, engine, found = arguments
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    faulthandler.enable()
    if engine == "atheris":
        _by_atheris(name, int(inputs), int(seed), Path(found))
    else:
        _by_own(name, int(inputs), int(seed), Path(found))
    return 0


def _tell(kind: str, **what: object) -> None:
    print(json.dumps({"kind": kind} | what, default=str), flush=True)


def _tell_defect(defect: Defect) -> None:
    _tell("defect", **asdict(defect))


def _by_own(name: str, inputs: int, seed: int, found: Path) -> None:
    target = TARGETS[name]
    watch = Watch(target, found, _tell_defect)
    began, count = time.perf_counter(), 0

    def feed(data: bytes) -> None:
        nonlocal count
        if count % _WIND_UP == 0:
            faulthandler.dump_traceback_later(_STUCK, exit=True)
        count += 1
        watch.feed(data)

    with watch.on():
        lines = fuzz(target, feed, inputs=inputs, seed=seed)
    _tell("done", inputs=count, seconds=time.perf_counter() - began, lines=lines)


def _by_atheris(name: str, inputs: int, seed: int, found: Path) -> None:
    atheris: Any = importlib.import_module("atheris")
    target = TARGETS[name]
    watch = Watch(target, found, _tell_defect)
    folder = Path(tempfile.mkdtemp())
    pool, words = folder / "pool", folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in words_of(target.modules)), "ascii")
    _instrument(atheris, target)
    pool.mkdir()
    lines = Lines(target.modules)
    for number, data in enumerate(target.beginnings()):
        (pool / f"{number:04d}").write_bytes(data)
        lines.look(watch.feed, data)  # some lines are reached but once in a process
    began, count = time.perf_counter(), 0

    def feed(data: bytes) -> None:
        nonlocal count
        watch.feed(data)
        count += 1
        if count == inputs:
            took = time.perf_counter() - began
            for path in pool.iterdir():
                lines.look(watch.feed, path.read_bytes())
            _tell("done", inputs=count, seconds=took, lines=lines.count)
            os._exit(0)  # not back through libFuzzer, which would end the process in its own way

    # What becomes of an input the watch says; libFuzzer's own limits are for what the watch does not hear.
    options = [
        f"-seed={seed + 1}",
        f"-max_len={target.longest}",
        f"-dict={words}",
        f"-artifact_prefix={found}/{name}-",
        f"-timeout={_STUCK}",
        "-verbosity=0",
    ]
    with watch.on():
        atheris.Setup([name, *options, str(pool)], feed)
        atheris.Fuzz()


def _instrument(atheris: Any, target: Target) -> None:
    """Puts counters into the code of the target's modules alone: that of the whole house would take seconds."""
    files = {module.__file__ for module in target.modules}
    for function in [one for one in gc.get_objects() if isinstance(one, FunctionType)]:
        if function.__code__.co_filename in files:
            atheris.instrument_func(function)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
