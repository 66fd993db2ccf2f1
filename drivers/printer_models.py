"""What a printer of a known model is like: the database of python-escpos (facts/receipts.md, 2 and 3.2).

Taken from it are the width of the paper and whether there is a cutter. Not its code pages: they say what a model should
have, and for Vietnamese that is wrong for most clones (facts/receipts.md, 2.5). So every printer gets receipts as
pictures; text is for printers that somebody has tried, and so far nobody has.
"""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from drivers.devices import NotSupported


@dataclass(frozen=True, slots=True)
class PrinterModel:
    """A model of printer. ``width`` is that of its paper in dots, None where the database does not know it."""

    name: str
    width: int | None
    cutter: bool


def printer_model(name: str) -> PrinterModel:
    """The model of this name. Raises NotSupported for one that is not in the database."""
    known = python_escpos("capabilities").CAPABILITIES["profiles"]
    if name not in known:
        raise NotSupported(f"no printer {name} is known, only {', '.join(sorted(known))}")
    profile = known[name]
    width = profile["media"]["width"]["pixels"]
    features = profile["features"]
    return PrinterModel(
        name, width if isinstance(width, int) else None, features["paperFullCut"] or features["paperPartCut"]
    )


@cache
def python_escpos(module: str) -> ModuleType:
    """A module of python-escpos, without the traces that importing it leaves: a handler that writes all that is logged
    to stderr, and a folder for each process among the temporary files (facts/receipts.md, 7).
    """
    root = logging.getLogger()
    handlers = list(root.handlers)
    capabilities = import_module("escpos.capabilities")
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    if "ESCPOS_CAPABILITIES_PICKLE_DIR" not in os.environ:
        shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return import_module(f"escpos.{module}")
