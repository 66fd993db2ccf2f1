"""What a receipt costs: to draw it and to encode it, and what goes over the wire (facts/receipts.md, 3.1)."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime
from time import process_time

from config.phrase import Phrase
from drivers.escpos import encode
from kiosk.flows.messages import ReceiptFacts, ReceiptLine
from kiosk.receipts import ReceiptHead, render
from tests.bench.figure import Figure

_RUNS = 25
_HEAD = ReceiptHead(
    library="Thư viện tỉnh Thái Nguyên",
    branch="Phòng Mượn, tầng 1",
    station="2",
    hours=Phrase("Mở cửa 7h30–11h30, 13h00–17h00.", "Open 7:30–11:30, 13:00–17:00."),
    fine=Phrase("Quá hạn: 1.000 ₫/ngày/cuốn.", "Overdue: 1.000 ₫ a day and item."),
    qr_url="https://thuvien.example/gia-han",
)
#: The five items of facts/receipts.md, 9.1.
_FIVE = ReceiptFacts(
    returned=False,
    lines=(
        ReceiptLine("TN.045871", "Đắc nhân tâm", date(2027, 3, 29)),
        ReceiptLine("TN.012334", "Dế Mèn phiêu lưu ký", date(2027, 3, 22)),
        ReceiptLine("TN.077120", "Lịch sử Việt Nam bằng tranh: Khởi nghĩa Hai Bà Trưng, tập 5", date(2027, 3, 22)),
        ReceiptLine("TN.003456", "Truyện Kiều (chú giải và hiệu đính)", date(2027, 4, 5)),
        ReceiptLine("TN.091002", "Những nẻo đường Thái Nguyên – ưu đãi bạn đọc", date(2027, 3, 22)),
    ),
    card_ending="4821",
    language="vi",
    at=datetime(2027, 3, 8, 8, 5, tzinfo=UTC),
)


def measure() -> list[Figure]:
    """A loan of five items with the code for renewing, on paper of 80 and of 58 mm."""
    return [figure for paper, width in (("80 mm", 576), ("58 mm", 384)) for figure in _measure(paper, width)]


def _measure(paper: str, width: int) -> list[Figure]:
    bands = encode(render(_FIVE, _HEAD, width=width))  # what a station does once: fonts and the widths of letters
    times = []
    for _ in range(_RUNS):
        begun = process_time()
        bands = encode(render(_FIVE, _HEAD, width=width))
        times.append(1000 * (process_time() - begun))
    size = sum(len(band.commands) for band in bands) / 1000
    rows = sum(band.rows for band in bands)
    what = f"receipt of 5 items, {paper}"
    return [
        Figure(f"{what}: CPU", statistics.median(times), "ms", 60, note=f"draw and encode, up to {max(times):.0f}"),
        Figure(f"{what}: on the wire", size, "kB", 40, note=f"{rows / 8 / 10:.0f} cm of paper at 203 dpi"),
    ]
