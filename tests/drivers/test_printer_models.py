"""What is known of models of printers, and python-escpos leaving nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.devices import NotSupported
from drivers.printer_models import PrinterModel, printer_model
from drivers.receipt_printer import EscPosPrinter

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "width", "cutter"),
    [
        ("TM-T20II", 576, True),
        ("TM-T88V", 512, True),
        ("ZJ-5870", 384, False),
        ("POS-5890", 384, False),
        ("default", None, True),
    ],
)
def test_a_model_has_its_paper_and_its_cutter(name: str, width: int | None, cutter: bool) -> None:
    assert printer_model(name) == PrinterModel(name, width, cutter)


def test_a_model_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(NotSupported, match="TM-T20II"):
        EscPosPrinter("printer", url="socket://127.0.0.1:9", model="XP-80")


@pytest.mark.parametrize(
    ("model", "width", "dots"),
    [("", None, 576), ("", 420, 420), ("TM-T88V", None, 512), ("TM-T88V", 360, 360), ("default", None, 576)],
)
def test_what_is_set_comes_before_what_the_model_has(model: str, width: int | None, dots: int) -> None:
    assert EscPosPrinter("printer", url="socket://127.0.0.1:9", model=model, width=width).width == dots


def test_python_escpos_leaves_no_handler_and_no_folder_behind(tmp_path: Path) -> None:
    program = (
        "import logging; from drivers.printer_models import python_escpos; python_escpos('printer');"
        "print(len(logging.getLogger().handlers))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    environment.pop("ESCPOS_CAPABILITIES_PICKLE_DIR", None)
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (run.stdout.strip(), run.stderr) == ("0", "")
    assert list(tmp_path.iterdir()) == []
