"""Receipts as pictures: what they say (read back by OCR), how they stand on the paper, and what they never say.

The recorded pictures are written anew with ``TRAMSACH_RECORD=1``; look at them before they are committed.
"""

import gettext
import logging
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
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
from kiosk.receipts import LONGEST_ADDRESS, NARROWEST, WIDEST, ReceiptHead, render, to_png
from kiosk.receipts import test_page as page  # pytest takes it for a test otherwise
from kiosk.screens.type import system_fallback
from sync.circulation.blocks import Code, block

Read = Callable[[Raster], str]

RECORDED = Path(__file__).with_name("receipts")
#: Of rolls of 58 and of 80 mm, and of those that few have.
WIDTHS = [384, 512, 576]
RARE_WIDTHS = [NARROWEST, 420, 479, 480, 640, 832, WIDEST]
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
def read() -> Read:
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
    """A text without what tesseract confuses in this typeface, whose a has one storey; every mark stays."""
    same = str.maketrans({"a": "o", "q": "o", "œ": "o", "0": "o", "O": "o", "–": "-", "—": "-", "…": "..."})
    return " ".join(unicodedata.normalize("NFD", text).translate(same).split())


def is_read(title: str, said: str) -> bool:
    """Whether a title was read, or its beginning of at least four words and an ellipsis."""
    words = title.split()
    cut = (" ".join(words[:count]).rstrip(",:") + "…" for count in range(4, len(words)))
    return any(alike(shown) in said for shown in (title, *cut))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_title_and_every_due_date_can_be_read_off_the_paper(width: int, read: Read) -> None:
    said = read(render(FACTS, HEAD, width=width))
    for line in LENT:
        assert line.due
        assert alike(f"Hạn trả {line.due:%d/%m/%Y}") in said
        assert is_read(line.title, said), line.title
        assert alike(line.item_id) in said
    for text in ("Thư viện tỉnh Thái Nguyên", "08/03/2027 15:05", "4821", "HẠN TRẢ SỚM NHẤT", "Cảm ơn bạn đọc"):
        assert alike(text) in said, text


def test_what_was_refused_is_said_with_its_reason_and_what_to_do_now(read: Read) -> None:
    said = read(render(FACTS, HEAD, width=576))
    for text in (
        "Không mượn được 1 cuốn",
        REFUSED.title,
        "Đang được bạn đọc khác đặt mượn",
        "đưa tài liệu cho thủ thư",
    ):
        assert alike(text) in said, text


def test_a_visit_in_english_gets_an_english_receipt(read: Read) -> None:
    said = read(render(replace(FACTS, language="en", lines=LENT), HEAD, width=576))
    for text in ("LOAN SLIP", "items", "Due 29/03/2027", "EARLIEST DUE DATE", "Overdue", LENT[0].title):
        assert alike(text) in said, text
    assert alike("Hạn trả") not in said


def test_a_return_slip_names_what_came_back_and_nobody(read: Read) -> None:
    said = read(render(RETURNED, HEAD, width=576))
    for text in ("PHIẾU TRẢ", "5 cuốn", *(line.title for line in LENT)):
        assert alike(text) in said, text
    for text in ("Thẻ", "4821", "Hạn trả", "Gia hạn", "Quá hạn"):
        assert alike(text) not in said, text


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_language_is_the_visits_and_not_the_process_s(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "")
    before, domain = i18n.language(), gettext.textdomain()
    expected = render(replace(FACTS, language=language), HEAD, width=576)
    try:
        for spoken in i18n.LANGUAGES:
            i18n.speak(spoken)
            assert render(replace(FACTS, language=language), HEAD, width=576) == expected
            assert i18n.language() == spoken
    finally:
        i18n.speak(before)
        gettext.textdomain(domain)


def test_the_test_page_says_what_it_is_and_what_to_look_for(read: Read) -> None:
    said = read(page("en", 576, device="máy in", at=AT))
    for text in ("Test page", "máy in", "08/03/2027", "576 dots", "A telephone"):
        assert alike(text) in said, text


def test_the_test_page_reaches_both_edges_of_the_paper() -> None:
    for width in (*WIDTHS, *RARE_WIDTHS):
        paper = picture(page("vi", width, device="máy in", at=AT))
        for x in (0, width - 1):
            column = paper.crop((x, 0, x + 1, paper.height))
            assert column.histogram()[0] == 24 + 24  # ruler and bar


# --- what it never says -----------------------------------------------------------------------------------------------


def test_no_more_of_a_card_than_its_last_four_is_printed() -> None:
    whole = replace(FACTS, card_ending="2100004821")
    assert render(whole, HEAD, width=576) == render(FACTS, HEAD, width=576)


def test_a_return_slip_shows_no_card_even_if_it_is_told_one() -> None:
    assert render(replace(RETURNED, card_ending="4821"), HEAD, width=576) == render(RETURNED, HEAD, width=576)


def test_printing_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        to_png(render(FACTS, replace(HEAD, qr_url=ADDRESS), width=576))
    said = [record.getMessage() for record in caplog.records]
    for secret in ("4821", *(word for line in FACTS.lines for word in (line.title, line.item_id))):
        assert not any(secret in message for message in said)


# --- the code for renewing --------------------------------------------------------------------------------------------


def test_there_is_a_code_only_where_an_address_is_set_and_something_can_be_renewed() -> None:
    with_code = replace(HEAD, qr_url=ADDRESS)
    assert ink(render(FACTS, with_code, width=576)) > ink(render(FACTS, HEAD, width=576))
    for facts in (RETURNED, replace(FACTS, lines=(REFUSED,))):
        assert render(facts, with_code, width=576) == render(facts, HEAD, width=576)


def scanned(paper: Path) -> str:
    """What a telephone makes of the code on a picture."""
    program = shutil.which("zbarimg")
    if program is None:
        pytest.skip("zbarimg is not installed (Debian: zbar-tools), so nobody scans the code.")
    run = subprocess.run([program, "-q", "--raw", str(paper)], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("address", [ADDRESS, "https://thuvien.example/" + "k" * (LONGEST_ADDRESS - 24)])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_code_brings_a_telephone_to_the_address(width: int, address: str, tmp_path: Path) -> None:
    paper = tmp_path / "receipt.png"
    paper.write_bytes(to_png(render(FACTS, replace(HEAD, qr_url=address), width=width)))
    assert scanned(paper) == address


@pytest.mark.parametrize("width", WIDTHS)
def test_the_code_of_the_test_page_can_be_read(width: int, tmp_path: Path) -> None:
    paper = tmp_path / "page.png"
    paper.write_bytes(to_png(page("en", width, device="máy in", at=AT)))
    assert scanned(paper) == f"{width} 08/03/2027 15:05"


def test_an_address_too_long_for_a_code_is_refused_before_anybody_borrows() -> None:
    with pytest.raises(ValueError, match="too fine"):
        replace(HEAD, qr_url="https://thuvien.example/" + "k" * LONGEST_ADDRESS)


# --- how it stands on the paper ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_a_receipt_is_as_wide_as_the_paper(width: int) -> None:
    raster = render(FACTS, HEAD, width=width)
    assert raster.width == width
    assert picture(raster).size == (raster.width, raster.height)
    assert Image.open(BytesIO(to_png(raster))).mode == "1"


def test_a_set_bit_is_ink() -> None:
    raster = render(FACTS, HEAD, width=576)
    assert ink(raster) == picture(raster).histogram()[0]
    assert ink(raster) < raster.width * raster.height / 4


@pytest.mark.parametrize("width", [0, NARROWEST - 1, WIDEST + 1])
def test_paper_too_narrow_or_too_wide_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="dots wide"):
        render(FACTS, HEAD, width=width)
    with pytest.raises(ValueError, match="dots wide"):
        page("vi", width, device="printer", at=AT)


def test_a_receipt_without_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="without lines"):
        render(replace(FACTS, lines=()), HEAD, width=576)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        render(replace(FACTS, at=AT.replace(tzinfo=None)), HEAD, width=576)
    with pytest.raises(ValueError, match="zone"):
        page("vi", 576, device="printer", at=AT.replace(tzinfo=None))


def test_twenty_items_stand_one_below_the_other() -> None:
    twenty = tuple(replace(LENT[n % 5], item_id=f"TN.{n:06}") for n in range(20))
    five, ten, all_of_them = (render(replace(RETURNED, lines=twenty[:n]), HEAD, width=576).height for n in (5, 10, 20))
    assert all_of_them - ten == 2 * (ten - five)


def test_what_is_due_first_stands_first() -> None:
    by_day = {line.due: line for line in LENT}
    apart = tuple(by_day.values())
    assert len(apart) == 3
    upwards, downwards = (replace(FACTS, lines=lines) for lines in (apart, apart[::-1]))
    assert render(upwards, HEAD, width=576) == render(downwards, HEAD, width=576)
    assert render(replace(FACTS, lines=apart[:2]), HEAD, width=576) != render(FACTS, HEAD, width=576)


@pytest.mark.parametrize("width", WIDTHS)
def test_capitals_with_two_marks_lose_none_of_them_below_another_line(width: int) -> None:
    above, below = ("Gyỵ ỷựgj Gyỵ ỷựgj Gyỵ ỷự", "ẨẪ ỄỂ ỘỖ ẲẴ ẨẪ ỄỂ ỘỖ")
    if width == 384:
        above, below = above[:16], below[:14]
    blank = ink(one_title("", width=width))
    both, one, other = (ink(one_title(text, width=width)) - blank for text in (f"{above} {below}", above, below))
    assert one_title(f"{above} {below}", width=width).height > one_title(above, width=width).height
    assert both == one + other


def test_a_title_takes_two_lines_at_most_and_ends_at_a_word() -> None:
    title = "Văn hóa ứng xử và nghệ thuật giao tiếp nơi công sở trong các cơ quan hành chính nhà nước"
    shown = "Văn hóa ứng xử và nghệ thuật giao tiếp nơi công sở trong các cơ quan hành chính…"
    assert one_title(title) == one_title(f"{title} {title}") == one_title(shown)
    assert one_title(shown) != one_title(shown.replace(" chính…", "…"))


@pytest.mark.parametrize("title", ["W" * 400, "Ïj îà", "f" * 400])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_title_reaches_into_the_margins(width: int, title: str) -> None:
    assert_margins_are_white(one_title(title, width=width))


def test_letters_the_typeface_lacks_come_from_the_fallback_font() -> None:
    if system_fallback() is None:
        pytest.skip("No font with Han letters is installed (Debian: fonts-wqy-microhei).")
    assert one_title("金雲翹") != one_title("???")
    assert one_title("金雲翹") != one_title("翹雲金")


def test_a_letter_that_no_font_has_is_a_question_mark() -> None:
    assert one_title("\U000e0fff x") == one_title("? x")


def test_decomposed_titles_look_like_composed_ones() -> None:
    title = "Những nẻo đường Thái Nguyên"
    assert one_title(unicodedata.normalize("NFD", title)) == one_title(title)


def test_books_refused_for_the_same_reason_share_its_words() -> None:
    reason = (block(Code.TOO_MANY_LOANS, limit=5),)
    other = (block(Code.READING_ONLY),)
    two = (replace(REFUSED, why=reason), replace(REFUSED, title="Đất nước đứng lên", why=reason))
    shared, apart = (
        render(replace(FACTS, lines=lines), HEAD, width=576).height
        for lines in (two, (two[0], replace(two[1], why=other)))
    )
    assert shared < apart


def assert_margins_are_white(raster: Raster) -> None:
    """Nothing but the two hems may stand in the margins, and they keep to the paper."""
    paper, margin = picture(raster), 16 if raster.width < 480 else 28
    for left, right in ((0, margin), (raster.width - margin, raster.width)):
        body = paper.crop((left, 40, right, raster.height - 40))
        assert body.getextrema() == (255, 255), f"ink between {left} and {right}"
    edges = (paper.crop((0, 0, raster.width, 10)), paper.crop((0, raster.height - 10, raster.width, raster.height)))
    assert all(edge.getextrema() == (255, 255) for edge in edges)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("width", [*WIDTHS, *RARE_WIDTHS])
def test_nothing_stands_in_the_margins(width: int, language: str) -> None:
    for facts in (FACTS, RETURNED, replace(FACTS, lines=(REFUSED,))):
        assert_margins_are_white(render(replace(facts, language=language), replace(HEAD, qr_url=ADDRESS), width=width))


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
REASONS = st.sampled_from(
    [
        block(Code.READING_ONLY),
        block(Code.TOO_MANY_LOANS, limit=5),
        block(Code.FEES_OWED, amount=15_000),
        block(Code.OTHER_LIBRARY, library=Phrase("Thư viện Đại Từ", "Đại Từ library")),
        block(Code.CARD_EXPIRED, date=date(2027, 3, 1)),
    ]
)
LINES = st.builds(ReceiptLine, ANY_TEXT, ANY_TEXT, st.none() | st.dates(), st.lists(REASONS, max_size=3).map(tuple))


@given(
    st.builds(
        ReceiptFacts,
        st.booleans(),
        st.lists(LINES, min_size=1, max_size=4).map(tuple),
        ANY_TEXT,
        st.sampled_from(i18n.LANGUAGES),
        st.timedeltas(timedelta(0), timedelta(days=30_000)).map(AT.__add__),
    ),
    st.builds(ReceiptHead, ANY_TEXT, ANY_TEXT, ANY_TEXT, st.builds(Phrase, ANY_TEXT, ANY_TEXT)),
    st.sampled_from(WIDTHS),
)
def test_any_text_at_all_fits_on_the_paper(facts: ReceiptFacts, head: ReceiptHead, width: int) -> None:
    raster = render(facts, head, width=width)
    reasons = sum(len(line.why) for line in facts.lines)
    assert 250 < raster.height < 2200 + 350 * len(facts.lines) + 350 * reasons
    assert_margins_are_white(raster)


@pytest.mark.parametrize("width", [576, 384])
@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("what", ["loan", "return", "test"])
def test_papers_look_as_they_were_recorded(what: str, language: str, width: int) -> None:
    if what == "test":
        drawn = page(language, width, device="máy in", at=AT)
    else:
        facts = replace(FACTS if what == "loan" else RETURNED, language=language)
        drawn = render(facts, replace(HEAD, qr_url=ADDRESS), width=width)
    file = RECORDED / f"{what}-{language}-{width}.png"
    if os.environ.get("TRAMSACH_RECORD"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(to_png(drawn))
    recorded = Image.open(file).convert("L")
    assert recorded.size == (drawn.width, drawn.height)
    # Another version of FreeType moves an edge by a dot here and there.
    differing = ImageChops.difference(recorded, picture(drawn)).histogram()[255]
    assert differing <= ink(drawn) / 50


def test_receipts_need_no_window() -> None:
    program = "import sys, kiosk.receipts; sys.exit('kivy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False).returncode == 0
