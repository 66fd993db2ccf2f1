"""Receipts as pictures: what they say (read back by OCR), how they stand on the paper, and what they never say.

The recorded pictures are written anew with ``TRAMSACH_RECORD=1``; look at them before they are committed.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter

from config.phrase import Phrase
from drivers.devices import Raster
from kiosk import i18n
from kiosk.flows.messages import ReceiptFacts, ReceiptLine
from kiosk.receipts import LONGEST_ADDRESS, MARGINS, ReceiptHead, render, to_png
from kiosk.screens.type import system_fallback
from sync.circulation.blocks import Code, block

RECORDED = Path(__file__).with_name("receipts")
WIDTHS = sorted(MARGINS)
ADDRESS = "https://thuvien.example/gia-han"
HEAD = ReceiptHead(
    library="Thư viện tỉnh Thái Nguyên",
    branch="Phòng Mượn, tầng 1",
    station="TN-K02",
    hours=Phrase("Mở cửa 7h30–11h30, 13h00–17h00.", "Open 7:30–11:30, 13:00–17:00."),
    fine=Phrase("Quá hạn: 1.000 ₫ mỗi ngày.", "Overdue: 1.000 ₫ a day."),
)
#: Three o'clock in the afternoon in Thái Nguyên.
AT = datetime(2027, 3, 8, 8, 5, tzinfo=UTC)
LENT = (
    ReceiptLine("TN.045871", "Đắc nhân tâm", date(2027, 3, 29)),
    ReceiptLine("TN.012334", "Dế Mèn phiêu lưu ký", date(2027, 3, 22)),
    ReceiptLine("TN.077120", "Lịch sử Việt Nam bằng tranh: Khởi nghĩa Hai Bà Trưng", date(2027, 3, 22)),
    ReceiptLine("TN.003456", "Truyện Kiều (chú giải và hiệu đính)", date(2027, 4, 5)),
    ReceiptLine("TN.091002", "Những nẻo đường Thái Nguyên – ưu đãi bạn đọc", date(2027, 3, 22)),
)
REFUSED = ReceiptLine("TN.005501", "Người Nùng ở Việt Nam", None, (block(Code.HELD_FOR_ANOTHER),))
FACTS = ReceiptFacts(returned=False, lines=(*LENT, REFUSED), card_ending="4821", language="vi", at=AT)
RETURNED = replace(FACTS, returned=True, lines=tuple(replace(line, due=None) for line in LENT), card_ending="")


def picture(raster: Raster) -> Image.Image:
    """Grey, black on white."""
    return Image.open(BytesIO(to_png(raster))).convert("L")


def ink(raster: Raster) -> int:
    """How many dots are black."""
    return int.from_bytes(raster.rows, "big").bit_count()


def one_title(title: str, *, width: int = 576) -> Raster:
    """A return slip of one item, where nothing else depends on the title."""
    return render(replace(RETURNED, lines=(ReceiptLine("1", title),)), HEAD, width=width)


# --- what it says -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read() -> Callable[[Raster], str]:
    """What tesseract reads, at two sizes, because what it misses at one it finds at the other; see :func:`alike`."""
    program = shutil.which("tesseract")
    if program is None:
        pytest.skip("tesseract is not installed (Debian: tesseract-ocr, tesseract-ocr-vie), so nobody reads receipts.")
    known = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=True).stdout.split()
    if "vie" not in known:
        pytest.skip("tesseract does not know Vietnamese (Debian: tesseract-ocr-vie), so nobody reads receipts.")

    def read(raster: Raster) -> str:
        plain = picture(raster)
        large = plain.resize((2 * plain.width, 2 * plain.height), Image.Resampling.BICUBIC)
        found = []
        for sized in (plain, large.filter(ImageFilter.GaussianBlur(1))):
            file = BytesIO()
            sized.save(file, "PNG")
            run = subprocess.run(
                [program, "-", "-", "-l", "vie", "--psm", "6"],
                input=file.getvalue(),
                capture_output=True,
                check=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
            found.append(alike(run.stdout.decode()))
        return " | ".join(found)

    return read


def alike(text: str) -> str:
    """A text without what tesseract confuses in this typeface: its a has one storey, its 0 and O are of one width."""
    plain = text.translate(str.maketrans({"q": "a", "œ": "a", "O": "0", "o": "0", "–": "-", "—": "-", "₫": "đ"}))
    return " ".join(plain.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_every_title_and_every_due_date_can_be_read_off_the_paper(width: int, read: Callable[[Raster], str]) -> None:
    said = read(render(FACTS, HEAD, width=width))
    for line in LENT:
        assert line.due
        assert f"Hạn trả {line.due:%d/%m/%Y}" in said
        assert alike(line.title) in said or width == 384
    for text in ("Thư viện tỉnh", "Thái Nguyên", "08/03/2027 15:05", "4821", "Cảm ơn bạn đọc"):
        assert alike(text) in said, text
