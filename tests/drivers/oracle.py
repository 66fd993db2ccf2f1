"""python-escpos, as somebody else's word on what ESC/POS is."""

import logging
from collections.abc import Iterator
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def python_escpos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Its printers, without the traces that importing them leaves (facts/receipts.md, 7)."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCPOS_CAPABILITIES_PICKLE_DIR", str(tmp_path_factory.mktemp("capabilities")))
        import escpos.printer  # noqa: PLC0415 - not before its folder is set

        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
        yield escpos.printer
