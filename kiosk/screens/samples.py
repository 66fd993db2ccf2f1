"""Views to look at: every screen with plausible, difficult and empty contents. People and cards are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from config.phrase import Phrase
from kiosk.typing.composition import Method
from kiosk.typing.line import Capitals, Line, Shift, Stroke, begin, press
from kiosk.views import (
    AccountView,
    Action,
    AttractView,
    BorrowView,
    CardProblemView,
    CardTrouble,
    ClosedView,
    DeviceView,
    DoneView,
    Notice,
    OfferView,
    OutOfServiceView,
    PatronView,
    PinView,
    Receipt,
    RepairView,
    ReturnView,
    RowState,
    RowView,
    Slip,
    StaffView,
    TimeoutView,
    TypingView,
    View,
)

HERE = timezone(timedelta(hours=7))
NOW = datetime(2027, 3, 8, 15, 5, tzinfo=HERE)
DUE = date(2027, 3, 23)
LIBRARY = "Thư viện tỉnh Thái Nguyên"
PATRON = PatronView("Anh", "Nguyễn V. A.", "4821")
LONG_PATRON = PatronView("Công Tằng Tôn Nữ Phương Nghi", "Công Tằng Tôn Nữ P. N.", "0009")

HELD = Slip(
    Phrase("Đang được bạn đọc khác đặt mượn.", "Held by another reader."),
    Phrase("Mời đưa cuốn này cho thủ thư.", "Please hand it to a librarian."),
)
ELSEWHERE = Slip(
    Phrase("Cuốn này của Thư viện Phú Lương.", "This one belongs to Phú Lương library."),
    Phrase("Mời để riêng ở kệ bên phải.", "Please put it on the side shelf."),
)
WORDY = Slip(
    Phrase(
        "Tài liệu này dành cho bạn đọc từ 16 tuổi, mà thẻ chưa có ngày sinh.",
        "This item is for readers of 16 and over, and the card has no date of birth.",
    ),
    Phrase("Vui lòng gặp thủ thư để bổ sung ngày sinh.", "See a librarian to add your date of birth."),
)
TOO_SOON = Slip(
    Phrase("Sách rời mặt đọc quá sớm.", "The book left the pad too soon."),
    Phrase("Mời đặt lại lên mặt đọc.", "Please put it back on the pad."),
)
LATE = Slip(Phrase("Không gia hạn được.", "Cannot be renewed."), Phrase("Mời trả hôm nay.", "Please return it today."))
EXPIRED = Slip(
    Phrase("Thẻ đã hết hạn ngày 28/02/2027.", "The card expired on 28/02/2027."),
    Phrase("Vui lòng gặp thủ thư để gia hạn thẻ.", "See a librarian to renew the card."),
)

READING = RowView("tag:1", RowState.READING)
HOUSE = (
    ("Văn hóa ứng xử & nghệ thuật giao tiếp nơi công sở trong thời kỳ hội nhập", "Nguyễn Thị Hà", 3),
    ("Dế Mèn phiêu lưu ký", "Tô Hoài", 6),
    ("Truyện Kiều", "Nguyễn Du", 1),
    ("Lá nằm trong lá", "Nguyễn Nhật Ánh", 2),
    ("Thế giới phẳng: Tóm lược lịch sử thế giới thế kỷ 21", "Thomas L. Friedman", 5),
    ("Đất rừng phương Nam", "Đoàn Giỏi", 6),
    ("漢越詞典摘引 = Hán Việt từ điển trích dẫn", "Đặng Thế Kiệt", 4),
    ("Ẩm thực dân gian Ễnh Ương: Ộp ộp ★ № 7 → phần đầu", "Ỷ Lan", 2),
    ("한국어 문법 → Ngữ pháp tiếng Hàn", "김민수", 5),
    ("Chuyện cổ tích dành cho người lớn", "Nguyễn Nhật Ánh", 6),
)


def _borrowed(count: int, start: int = 0) -> tuple[RowView, ...]:
    rows = []
    for number in range(start, start + count):
        title, author, cloth = HOUSE[number % len(HOUSE)]
        rows.append(RowView(f"TN{number:05}", RowState.BORROWED, title, author, cloth, DUE))
    return tuple(rows)


def _in_state(row: RowView, state: RowState, slip: Slip | None = None) -> RowView:
    return replace(row, state=state, slip=slip)


REFUSED = RowView("TN90001", RowState.REFUSED, "Người Nùng ở Việt Nam = The Nung in Vietnam", "Vũ Khánh", 4, None, HELD)
OWN = RowView("TN90002", RowState.ON_LOAN, "Số đỏ", "Vũ Trọng Phụng", 4, DUE, actions=(Action.RENEW, Action.RETURN))
BORROW = BorrowView((READING, REFUSED, *_borrowed(3)), borrowed=3, attention=1, on_pad=5)
RETURN = ReturnView(
    (
        RowView("PL1", RowState.PUT_ASIDE, "Kiến trúc đình chùa Nam Bộ", "", 2, None, ELSEWHERE),
        RowView("TN1", RowState.RETURNED, "Tắt đèn", "Ngô Tất Tố", 4),
        RowView("TN2", RowState.RETURNED, "Chủ tịch Hồ Chí Minh với các chính khách quốc tế và bạn bè", "", 5),
        RowView("TN3", RowState.RETURNED, "Đất rừng phương Nam", "Đoàn Giỏi", 6),
    ),
    returned=3,
    attention=1,
    on_pad=4,
)
ACCOUNT = AccountView(
    (
        RowView("A1", RowState.OVERDUE, "Số đỏ", "Vũ Trọng Phụng", 4, date(2027, 3, 2), LATE),
        RowView(
            "A2", RowState.ON_LOAN, "Lá nằm trong lá", "Nguyễn Nhật Ánh", 2, date(2027, 3, 15), None, (Action.RENEW,)
        ),
        RowView("A3", RowState.ON_LOAN, HOUSE[4][0], "Thomas L. Friedman", 5, DUE, None, (Action.RENEW,)),
        RowView("A4", RowState.ON_LOAN, "Người Nùng ở Việt Nam", "Vũ Khánh", 3, DUE, None, (Action.RENEW,)),
        RowView("hold:5", RowState.HOLD_READY, HOUSE[9][0], "", 6, date(2027, 3, 12)),
    ),
    on_loan=4,
    overdue=1,
    holds=1,
    owed=6000,
    can_renew=True,
)
DONE = DoneView(_borrowed(3), borrowed=3, refused=1, due=DUE, receipt=Receipt.ASKED, seconds=16)
STAFF = StaffView(
    (
        DeviceView("reader", "reader", True),
        DeviceView("pad", "pad", True),
        DeviceView("printer", "printer", False, "paper_out", NOW),
        DeviceView("scanner", "scanner", None),
    ),
    unsent=38,
    oldest_unsent=NOW - timedelta(hours=26),
    repairs=(
        RepairView("TN01234", NOW - timedelta(hours=3), "undo"),
        RepairView("TN04321", NOW - timedelta(days=1), "locked"),
    ),
)


def _of(body: object, **more: object) -> View:
    known: dict[str, object] = {"library": LIBRARY, "now": NOW, **more}
    return View(body, **known)  # type: ignore[arg-type] # the samples below name their fields


def _pressed(line: Line, *strokes: str) -> Line:
    for stroke in strokes:
        line = press(line, stroke)
    return line


NAME = TypingView(
    Phrase("Tên thủ thư", "Librarian's name"),
    _pressed(begin(capitals=Capitals.WORDS), *"nguyeenx thij hoafng ddie"),
    Phrase("Ví dụ: Nguyễn Thị Hà", "Such as Nguyễn Thị Hà"),
)
MESSAGE = TypingView(
    Phrase("Lời nhắn khi máy tạm ngừng", "Message while out of service"),
    begin(Method.VNI, "Máy đang bảo trì đến 14 giờ chiều nay, mời bạn đọc sang quầy thủ thư. Xin cảm ơn.", most=120),
    done=Phrase("Lưu", "Save"),
    leave=False,
)


#: Every sample by the name its picture gets.
VIEWS: dict[str, View] = {
    "attract": _of(AttractView()),
    "attract-offline": _of(AttractView(), offline=True),
    "closed": _of(ClosedView(datetime(2027, 3, 9, 7, 30, tzinfo=HERE))),
    "card-read": _of(BorrowView(), patron=PATRON, step=2),
    "borrow": _of(BORROW, patron=PATRON, step=2),
    "borrow-one": _of(BorrowView(_borrowed(1), 1, 0, 1), patron=PATRON, step=2),
    "borrow-twenty": _of(BorrowView(_borrowed(20), 20, 0, 20), patron=LONG_PATRON, step=2),
    "borrow-difficult": _of(
        BorrowView(
            (
                replace(REFUSED, title=HOUSE[7][0], slip=WORDY),
                RowView("TN7", RowState.PUT_BACK, HOUSE[6][0], HOUSE[6][1], 4, None, TOO_SOON),
                OWN,
                RowView("tag:2", RowState.REFUSED, slip=HELD),
                *_borrowed(3, 6),
            ),
            3, 3, 7,
        ),
        patron=LONG_PATRON, step=2, offline=True,
    ),
    "borrow-child": _of(BorrowView(_borrowed(2, 1), 2, 0, 2), patron=replace(PATRON, masked_name="Bảo T.", child=True)),
    "offer": _of(
        OfferView((replace(OWN, actions=()), *(_in_state(row, RowState.READING) for row in _borrowed(2, 1))), 1, 2, 3)
    ),
    "offer-card": _of(OfferView(tuple(_in_state(row, RowState.READING) for row in _borrowed(2, 1)), 0, 2, 2)),
    "return": _of(RETURN, step=2),
    "pin": _of(PinView(2, 4, 3), patron=PATRON),
    "pin-wrong": _of(PinView(0, 4, 2, True), patron=PATRON),
    "staff-pin": _of(PinView(1, 6, None), staff=True),
    "typing": _of(NAME),
    "typing-vni": _of(MESSAGE),
    "typing-plain": _of(replace(NAME, line=Line(Method.PLAIN, shift=Shift.LOCKED))),
    "typing-signs": _of(replace(NAME, line=_pressed(begin(text="Đặng Thùy Trâm"), Stroke.SIGNS))),
    "typing-digits": _of(
        replace(NAME, title=Phrase("Mã nhân viên", "Staff code"), line=begin(Method.DIGITS, "4821"), masked=True)
    ),
    "card-problem": _of(CardProblemView((EXPIRED,), CardTrouble.EXPIRED), patron=PATRON),
    "card-unknown": _of(CardProblemView((), CardTrouble.UNKNOWN)),
    "account": _of(ACCOUNT, patron=PATRON),
    "account-renewed": _of(
        replace(
            ACCOUNT,
            rows=tuple(
                replace(row, state=RowState.RENEWED) if row.state is RowState.ON_LOAN else row for row in ACCOUNT.rows
            ),
            renewed=3,
            not_renewed=1,
        ),
        patron=PATRON,
    ),
    "account-empty": _of(AccountView(), patron=PATRON),
    "done": _of(DONE, patron=PATRON, step=3),
    "done-many": _of(
        replace(DONE, rows=_borrowed(20), borrowed=20, refused=0, receipt=Receipt.FAILED, seconds=5), patron=PATRON
    ),
    "done-return": _of(
        DoneView(RETURN.rows[1:], returned=3, receipt=Receipt.PRINTED, seconds=6), step=3
    ),
    "done-silent": _of(replace(DONE, receipt=Receipt.UNKNOWN, seconds=17), patron=PATRON, step=3),
    "done-no-printer": _of(replace(DONE, refused=0, receipt=Receipt.NOT_OFFERED, seconds=17), patron=PATRON, step=3),
    "out-of-service": _of(OutOfServiceView("P-07")),
    "staff": _of(STAFF, staff=True),
    "staff-well": _of(
        StaffView(tuple(replace(one, well=True) for one in STAFF.devices), out_of_service=True), staff=True
    ),
    "timeout": _of(BORROW, patron=PATRON, step=2, timeout=TimeoutView(14)),
    "help": _of(BORROW, patron=PATRON, step=2, help_open=True),
    "notice": _of(BORROW, patron=PATRON, step=2, notice=Notice.TWO_CARDS),
    "offline": _of(BORROW, patron=PATRON, step=2, offline=True),
}  # fmt: skip
