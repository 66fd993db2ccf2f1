"""python-escpos, as somebody else's word on what ESC/POS is."""

from types import ModuleType

import pytest

from drivers import printer_models


@pytest.fixture(scope="session")
def python_escpos() -> ModuleType:
    """Its printers."""
    return printer_models.python_escpos("printer")
