"""Every reason to refuse and every notice: its code, the reader's sentence, and what to do now.

A *block* refuses; a *notice* goes with an act that was allowed. Both are the same value, because the same fact can be
either (a missing part stops a checkout and is only noted at a return). Codes are stored in events and never change
their meaning; the words may be bettered at any time. Sources of the words: facts/glossary.csv,
facts/vietnamese-and-screens.md section 11; facts/internet-room.md section 1.4.

Long because it is one table: whoever adds a sentence sees all the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from config.phrase import Phrase
from sync.circulation.model import LOCAL_ZONE


class Code(StrEnum):
    """What stands in the way, or what should be known."""

    # the card
    UNKNOWN_CARD = "unknown_card"
    CARD_EXPIRED = "card_expired"
    CARD_REPORTED_LOST = "card_reported_lost"
    CARD_STOPPED_DEBT = "card_stopped_debt"
    CARD_STOPPED_DISCIPLINE = "card_stopped_discipline"
    CARD_STOPPED = "card_stopped"
    TOO_MANY_LOANS = "too_many_loans"
    TOO_MANY_OVERDUE = "too_many_overdue"
    FEES_OWED = "fees_owed"
    TOO_YOUNG = "too_young"
    AGE_UNKNOWN = "age_unknown"
    DEPOSIT_TOO_LOW = "deposit_too_low"
    READING_CARD = "reading_card"
    # the item
    UNKNOWN_ITEM = "unknown_item"
    OTHER_LIBRARY = "other_library"
    ITEM_LOST = "item_lost"
    ITEM_DAMAGED = "item_damaged"
    ITEM_WITHDRAWN = "item_withdrawn"
    READING_ONLY = "reading_only"
    MODE_NOT_OFFERED = "mode_not_offered"
    ON_LOAN_TO_ANOTHER = "on_loan_to_another"
    ALREADY_YOURS = "already_yours"
    HELD_FOR_ANOTHER = "held_for_another"
    PART_MISSING = "part_missing"
    # the calendar
    NO_OPEN_DAY = "no_open_day"
    PERIOD_ENDED = "period_ended"
    # renewing
    NOT_ON_LOAN = "not_on_loan"
    LOAN_OF_ANOTHER = "loan_of_another"
    NO_RENEWALS_LEFT = "no_renewals_left"
    LOAN_OVERDUE = "loan_overdue"
    NOTHING_GAINED = "nothing_gained"
    # the internet room
    ROOM_CLOSED = "room_closed"
    ROOM_CLOSES_SOON = "room_closes_soon"
    ROOM_LOCKED = "room_locked"
    ROOM_BOOKED = "room_booked"
    ROOM_FULL = "room_full"
    ROOM_NOT_FOR_CARD = "room_not_for_card"
    GUESTS_NOT_ADMITTED = "guests_not_admitted"
    GUEST_CODE_UNKNOWN = "guest_code_unknown"
    CONSENT_NEEDED = "consent_needed"
    HOUSE_RULES_NOT_ACCEPTED = "house_rules_not_accepted"
    NO_MINUTES_LEFT = "no_minutes_left"
    NO_SEAT_FOR_VISITOR = "no_seat_for_visitor"
    ALREADY_SEATED = "already_seated"
    ALREADY_WAITING = "already_waiting"
    ALREADY_RESERVED = "already_reserved"
    QUEUE_FIRST = "queue_first"
    SEAT_IS_FREE = "seat_is_free"
    SEAT_UNKNOWN = "seat_unknown"
    SEAT_BUSY = "seat_busy"
    SEAT_HELD = "seat_held"
    SEAT_BROKEN = "seat_broken"
    SEAT_OUT_OF_REACH = "seat_out_of_reach"
    SEAT_FOR_CHILDREN = "seat_for_children"
    SEAT_FOR_GROWN_UPS = "seat_for_grown_ups"
    SEAT_KEPT_SOON = "seat_kept_soon"
    SEAT_NOT_IN_USE = "seat_not_in_use"
    NOT_SEATED = "not_seated"
    NOT_WAITING = "not_waiting"
    OTHERS_WAIT = "others_wait"
    EXTEND_LATER = "extend_later"
    NO_EXTENSION = "no_extension"
    VISIT_ENDS_AT_CLOSING = "visit_ends_at_closing"
    RESERVE_FOR_TODAY = "reserve_for_today"
    NO_RESERVATIONS = "no_reservations"
    HOUR_TAKEN = "hour_taken"
    NOT_RESERVED = "not_reserved"
    BOOKING_TOO_SOON = "booking_too_soon"
    BOOKING_SHUT = "booking_shut"
    BOOKING_UNKNOWN = "booking_unknown"
    TIMES_REVERSED = "times_reversed"
    # desk work
    NOT_THE_LATEST = "not_the_latest"
    UNKNOWN_ENTRY = "unknown_entry"
    UNKNOWN_FEE = "unknown_fee"
    WRONG_AMOUNT = "wrong_amount"
    STILL_HAS_LOANS = "still_has_loans"
    STILL_OWES = "still_owes"
    # the chip
    CHIP_NOT_READ = "chip_not_read"
    CHIP_BLANK = "chip_blank"
    CHIP_FOREIGN = "chip_foreign"
    CHIP_DAMAGED = "chip_damaged"
    LIFTED_TOO_SOON = "lifted_too_soon"
    CHIP_NOT_RELEASED = "chip_not_released"
    CHIP_NOT_SECURED = "chip_not_secured"
    # notices
    PUT_ASIDE_OTHER_LIBRARY = "put_aside_other_library"
    PUT_ASIDE_HOLD = "put_aside_hold"
    PUT_ASIDE_UNKNOWN = "put_aside_unknown"
    WAS_NOT_ON_LOAN = "was_not_on_loan"
    WAS_MARKED_LOST = "was_marked_lost"
    RETURNED_LATE = "returned_late"
    FEE_CHARGED = "fee_charged"
    CARD_EXPIRES_SOON = "card_expires_soon"
    CLOCK_DOUBTED = "clock_doubted"
    ENDS_AT_CLOSING = "ends_at_closing"
    ENDS_BEFORE_OTHERS = "ends_before_others"
    ENDS_WITH_QUOTA = "ends_with_quota"


_SEE_LIBRARIAN = Phrase("Vui lòng liên hệ thủ thư.", "Please see a librarian.")
_CHOOSE_ANOTHER = Phrase("Mời bạn chọn tài liệu khác.", "Please choose another item.")
_GIVE_TO_LIBRARIAN = Phrase("Vui lòng đưa tài liệu cho thủ thư.", "Please hand the item to a librarian.")
_CHOOSE_SEAT = Phrase("Mời bạn chọn máy khác.", "Please choose another seat.")
_LOOK_AT_PLAN = Phrase("Hãy xem lại sơ đồ phòng.", "Look at the plan of the room again.")
_OTHER_HOUR = Phrase("Mời chọn giờ khác.", "Please choose another hour.")
_SAVE_IN_TIME = Phrase("Mời bạn lưu bài trước giờ đó.", "Please save your work before then.")
_SIDE_SHELF = Phrase("Vui lòng để riêng ở kệ bên.", "Please put it on the side shelf.")
#: The next step of a notice that asks for nothing; left out where another one asks for something.
NOTHING_TO_DO = Phrase("Bạn không cần làm gì thêm.", "Nothing more to do.")

#: Sentence and next step of each code; ``{names}`` are filled from the block's values.
WORDS: dict[Code, tuple[Phrase, Phrase]] = {
    Code.UNKNOWN_CARD: (
        Phrase("Máy chưa biết thẻ này.", "This card is not known here."),
        Phrase("Vui lòng đặt lại thẻ hoặc liên hệ thủ thư.", "Place the card again or see a librarian."),
    ),
    Code.CARD_EXPIRED: (
        Phrase("Thẻ đã hết hạn ngày {date}.", "The card expired on {date}."),
        Phrase("Vui lòng gặp thủ thư để gia hạn thẻ.", "See a librarian to renew the card."),
    ),
    Code.CARD_REPORTED_LOST: (
        Phrase("Thẻ này đã được báo mất.", "This card has been reported lost."),
        Phrase("Vui lòng đưa thẻ cho thủ thư.", "Please hand the card to a librarian."),
    ),
    Code.CARD_STOPPED_DEBT: (
        Phrase("Thẻ đang tạm khóa vì còn khoản chưa thanh toán.", "The card is stopped: a debt is open."),
        Phrase("Vui lòng thanh toán tại quầy thủ thư.", "Please pay at the librarian's desk."),
    ),
    Code.CARD_STOPPED_DISCIPLINE: (
        Phrase("Thẻ đang tạm khóa theo nội quy thư viện.", "The card is stopped under the house rules."),
        _SEE_LIBRARIAN,
    ),
    Code.CARD_STOPPED: (Phrase("Thẻ đang tạm khóa.", "The card is stopped."), _SEE_LIBRARIAN),
    Code.TOO_MANY_LOANS: (
        Phrase("Bạn đã mượn đủ {limit} bản.", "You already have {limit} items, which is the limit."),
        Phrase("Mời bạn trả bớt rồi mượn tiếp.", "Return something first, then borrow again."),
    ),
    Code.TOO_MANY_OVERDUE: (
        Phrase("Bạn có {count} tài liệu quá hạn.", "You have {count} overdue items."),
        Phrase("Mời bạn trả tài liệu quá hạn trước.", "Please return the overdue items first."),
    ),
    Code.FEES_OWED: (
        Phrase("Bạn còn nợ {amount} tiền phạt.", "You owe {amount} in fees."),
        Phrase("Vui lòng thanh toán tại quầy thủ thư.", "Please pay at the librarian's desk."),
    ),
    Code.TOO_YOUNG: (
        Phrase("Tài liệu này dành cho bạn đọc từ {age} tuổi.", "This item is for readers of {age} and over."),
        _CHOOSE_ANOTHER,
    ),
    Code.AGE_UNKNOWN: (
        Phrase(
            "Tài liệu này dành cho bạn đọc từ {age} tuổi, mà thẻ chưa có ngày sinh.",
            "This item is for readers of {age} and over, and the card has no date of birth.",
        ),
        Phrase("Vui lòng gặp thủ thư để bổ sung ngày sinh.", "See a librarian to add your date of birth."),
    ),
    Code.DEPOSIT_TOO_LOW: (
        Phrase(
            "Mượn tài liệu này về nhà cần tiền cược {amount}.",
            "Taking this item home needs a deposit of {amount}.",
        ),
        Phrase("Vui lòng gặp thủ thư để đặt cược.", "See a librarian to leave a deposit."),
    ),
    Code.READING_CARD: (
        Phrase("Thẻ đọc không mượn về nhà được.", "A reading card cannot take items home."),
        Phrase("Mời bạn đọc tại chỗ.", "You are welcome to read it here."),
    ),
    Code.UNKNOWN_ITEM: (
        Phrase("Tài liệu này chưa có trong thư mục.", "This item is not in the catalogue."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.OTHER_LIBRARY: (
        Phrase("Tài liệu này của {library}.", "This item belongs to {library}."),
        _SIDE_SHELF,
    ),
    Code.ITEM_LOST: (
        Phrase("Tài liệu này đã được báo mất.", "This item is marked as lost."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.ITEM_DAMAGED: (
        Phrase("Tài liệu này bị hư hỏng, đang chờ sửa.", "This item is damaged and waits for repair."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.ITEM_WITHDRAWN: (
        Phrase("Tài liệu này đã loại khỏi lưu thông.", "This item has been withdrawn."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.READING_ONLY: (
        Phrase("Tài liệu chỉ đọc tại chỗ.", "For reading here only."),
        Phrase("Mời bạn đọc tại phòng đọc.", "You are welcome to read it in the reading room."),
    ),
    Code.MODE_NOT_OFFERED: (
        Phrase("Ở đây không phục vụ {mode} cho tài liệu này.", "This item is not offered for {mode} here."),
        _SEE_LIBRARIAN,
    ),
    Code.ON_LOAN_TO_ANOTHER: (
        Phrase("Tài liệu này đang được bạn đọc khác mượn.", "This item is on loan to another reader."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.ALREADY_YOURS: (
        Phrase("Bạn đang mượn tài liệu này, hạn trả {date}.", "You already have this item, due {date}."),
        Phrase("Bạn có thể gia hạn hoặc trả.", "You can renew it or return it."),
    ),
    Code.HELD_FOR_ANOTHER: (
        Phrase("Đang được bạn đọc khác đặt mượn.", "Held by another reader."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.PART_MISSING: (
        Phrase("Bộ tài liệu có {parts} phần, máy thấy {seen}.", "This set has {parts} parts; {seen} seen."),
        Phrase("Vui lòng đặt đủ các phần lên mặt đọc.", "Please place all parts on the pad."),
    ),
    Code.NO_OPEN_DAY: (
        Phrase(
            "Lịch làm việc không có ngày mở cửa nào để hẹn trả.",
            "The working calendar has no open day on which the item could be due.",
        ),
        _SEE_LIBRARIAN,
    ),
    Code.PERIOD_ENDED: (
        Phrase("Đợt mượn đã kết thúc ngày {date}.", "The lending period ended on {date}."),
        _SEE_LIBRARIAN,
    ),
    Code.NOT_ON_LOAN: (
        Phrase("Tài liệu này hiện không có ai mượn.", "This item is not on loan."),
        Phrase("Mời bạn ghi mượn nếu muốn mang về.", "Borrow it if you want to take it home."),
    ),
    Code.LOAN_OF_ANOTHER: (
        Phrase("Tài liệu này do bạn đọc khác mượn.", "This item is on another reader's card."),
        _SEE_LIBRARIAN,
    ),
    Code.NO_RENEWALS_LEFT: (
        Phrase("Tài liệu này được gia hạn nhiều nhất {limit} lần.", "This item may be renewed at most {limit} times."),
        Phrase("Mời bạn trả chậm nhất ngày {date}.", "Please return it by {date}."),
    ),
    Code.LOAN_OVERDUE: (
        Phrase("Tài liệu đã quá hạn trả {date}.", "The item was due on {date}."),
        Phrase("Mời bạn mang tài liệu đến trả.", "Please bring the item back."),
    ),
    Code.NOTHING_GAINED: (
        Phrase(
            "Gia hạn lúc này không kéo dài thêm hạn trả {date}.",
            "Renewing now would not move the due date {date}.",
        ),
        Phrase("Mời bạn trả chậm nhất ngày {date}.", "Please return it by {date}."),
    ),
    Code.ROOM_CLOSED: (
        Phrase("Phòng Internet đang đóng cửa.", "The internet room is closed."),
        Phrase("Mời bạn trở lại {when}.", "Please come back {when}."),
    ),
    Code.ROOM_CLOSES_SOON: (
        Phrase(
            "Phòng đóng cửa lúc {time}, không đủ thời gian cho một lượt.",
            "The room closes at {time}, too soon for a visit.",
        ),
        Phrase("Mời bạn trở lại khi phòng mở cửa lại.", "Please come back when it opens again."),
    ),
    Code.ROOM_LOCKED: (
        Phrase("Phòng Internet đang tạm khóa.", "The internet room is locked for the time being."),
        _SEE_LIBRARIAN,
    ),
    Code.ROOM_BOOKED: (
        Phrase("Máy {seat} dành cho một lớp học đến {time}.", "Seat {seat} is kept for a class until {time}."),
        Phrase("Mời bạn chọn máy khác hoặc trở lại sau đó.", "Please choose another seat or come back then."),
    ),
    Code.ROOM_FULL: (
        Phrase("Hiện không còn máy trống.", "No seat is free now."),
        Phrase("Mời bạn lấy số chờ.", "Please take a number."),
    ),
    Code.ROOM_NOT_FOR_CARD: (
        Phrase("Loại thẻ này không dùng phòng Internet được.", "The internet room is not for this kind of card."),
        _SEE_LIBRARIAN,
    ),
    Code.GUESTS_NOT_ADMITTED: (
        Phrase("Phòng Internet chỉ phục vụ bạn đọc có thẻ.", "The internet room is for readers with a card."),
        Phrase("Vui lòng gặp thủ thư để làm thẻ.", "See a librarian to get a card."),
    ),
    Code.GUEST_CODE_UNKNOWN: (
        Phrase("Mã khách này không dùng được.", "This guest code is not valid."),
        Phrase("Mời bạn nhập lại hoặc lấy mã mới.", "Enter it again or take a new one."),
    ),
    Code.CONSENT_NEEDED: (
        Phrase(
            "Bạn đọc dưới {age} tuổi cần cha mẹ hoặc người giám hộ đồng ý.",
            "Readers below {age} need the consent of a parent or guardian.",
        ),
        Phrase("Vui lòng cùng người lớn gặp thủ thư.", "See a librarian together with them."),
    ),
    Code.HOUSE_RULES_NOT_ACCEPTED: (
        Phrase("Bạn chưa đồng ý nội quy phòng Internet.", "You have not agreed to the house rules yet."),
        Phrase("Mời bạn đọc nội quy và đồng ý.", "Please read the house rules and agree."),
    ),
    Code.NO_MINUTES_LEFT: (
        Phrase("Bạn đã dùng hết {minutes} phút của hôm nay.", "You have used the {minutes} minutes of today."),
        Phrase("Mời bạn trở lại vào ngày khác.", "Please come back another day."),
    ),
    Code.NO_SEAT_FOR_VISITOR: (
        Phrase("Phòng này không có máy dành cho bạn.", "This room has no seat for you."),
        _SEE_LIBRARIAN,
    ),
    Code.ALREADY_SEATED: (
        Phrase("Bạn đang dùng máy {seat}.", "You are at seat {seat}."),
        Phrase("Mời bạn kết thúc ở máy đó trước.", "Please end your visit there first."),
    ),
    Code.ALREADY_WAITING: (
        Phrase("Bạn đang chờ với số {number}.", "You are waiting with number {number}."),
        Phrase("Mời bạn chờ gọi số.", "Please wait until it is called."),
    ),
    Code.ALREADY_RESERVED: (
        Phrase("Bạn đã đặt máy {seat} lúc {time}.", "You have reserved seat {seat} for {time}."),
        Phrase("Muốn đổi giờ, mời bạn hủy lần đặt đó trước.", "To change it, cancel that reservation first."),
    ),
    Code.QUEUE_FIRST: (
        Phrase("Đang có người chờ trước bạn.", "Others were here before you."),
        Phrase("Mời bạn lấy số chờ nhé.", "Please take a number too."),
    ),
    Code.SEAT_IS_FREE: (
        Phrase("Còn máy trống, không cần lấy số.", "A seat is free, no number is needed."),
        Phrase("Mời bạn vào máy {seat}.", "Please take seat {seat}."),
    ),
    Code.SEAT_UNKNOWN: (
        Phrase("Phòng này không có máy {seat}.", "This room has no seat {seat}."),
        _CHOOSE_SEAT,
    ),
    Code.SEAT_BUSY: (Phrase("Máy {seat} đang có người dùng.", "Seat {seat} is in use."), _CHOOSE_SEAT),
    Code.SEAT_HELD: (Phrase("Máy {seat} đang giữ cho người khác.", "Seat {seat} is held for somebody."), _CHOOSE_SEAT),
    Code.SEAT_BROKEN: (Phrase("Máy {seat} đang hỏng.", "Seat {seat} is out of order."), _CHOOSE_SEAT),
    Code.SEAT_OUT_OF_REACH: (
        Phrase("Máy {seat} đang tắt hoặc mất kết nối.", "Seat {seat} is switched off or cannot be reached."),
        _CHOOSE_SEAT,
    ),
    Code.SEAT_FOR_CHILDREN: (Phrase("Máy {seat} dành cho thiếu nhi.", "Seat {seat} is for children."), _CHOOSE_SEAT),
    Code.SEAT_FOR_GROWN_UPS: (
        Phrase("Máy {seat} dành cho người lớn.", "Seat {seat} is for grown-ups."),
        _CHOOSE_SEAT,
    ),
    Code.SEAT_KEPT_SOON: (
        Phrase("Từ {time}, máy {seat} giữ cho người khác.", "From {time} seat {seat} is kept for somebody else."),
        _CHOOSE_SEAT,
    ),
    Code.SEAT_NOT_IN_USE: (Phrase("Máy {seat} không có ai dùng.", "Nobody is at seat {seat}."), _LOOK_AT_PLAN),
    Code.NOT_SEATED: (
        Phrase("Bạn hiện không dùng máy nào.", "You are not at a seat."),
        Phrase("Mời bạn chọn một máy trống.", "Please choose a free seat."),
    ),
    Code.NOT_WAITING: (
        Phrase("Số chờ này không còn hiệu lực.", "This number is no longer in the queue."),
        Phrase("Mời bạn lấy số chờ mới.", "Please take a new number."),
    ),
    Code.OTHERS_WAIT: (
        Phrase("Chưa thêm giờ được vì có người đang chờ máy.", "No more time now: others are waiting for a seat."),
        Phrase("Mời bạn lưu bài trước khi hết giờ.", "Please save your work before your time is up."),
    ),
    Code.EXTEND_LATER: (
        Phrase("Chỉ thêm giờ được khi còn {minutes} phút trở xuống.", "Time is added once {minutes} minutes are left."),
        Phrase("Mời bạn bấm lại sau.", "Please ask again later."),
    ),
    Code.NO_EXTENSION: (
        Phrase("Lượt này không thêm giờ được.", "This visit cannot be extended."),
        Phrase("Mời bạn lưu bài khi gần hết giờ.", "Please save your work towards the end."),
    ),
    Code.VISIT_ENDS_AT_CLOSING: (
        Phrase("Phòng đóng cửa lúc {time}, không thêm giờ được nữa.", "The room closes at {time}: no more time."),
        _SAVE_IN_TIME,
    ),
    Code.RESERVE_FOR_TODAY: (
        Phrase("Chỉ đặt máy được cho giờ còn lại của hôm nay.", "Seats are reserved for later today only."),
        _OTHER_HOUR,
    ),
    Code.NO_RESERVATIONS: (
        Phrase("Ở đây không nhận đặt máy trước.", "Seats are not reserved here."),
        Phrase("Mời bạn chọn máy trống hoặc lấy số chờ.", "Please choose a free seat or take a number."),
    ),
    Code.HOUR_TAKEN: (Phrase("Không còn máy trống lúc {time}.", "No seat is free at {time}."), _OTHER_HOUR),
    Code.NOT_RESERVED: (
        Phrase("Bạn chưa đặt máy nào.", "You have not reserved a seat."),
        Phrase("Mời bạn chọn máy và giờ.", "Please choose a seat and an hour."),
    ),
    Code.BOOKING_TOO_SOON: (
        Phrase("Có máy còn người dùng đến {time}.", "A seat is in use until {time}."),
        Phrase("Hãy chọn giờ bắt đầu từ {time}.", "Choose an hour from {time} on."),
    ),
    Code.BOOKING_SHUT: (
        Phrase("Trong giờ đó thư viện không mở cửa suốt.", "The library is not open for all of that time."),
        _OTHER_HOUR,
    ),
    Code.BOOKING_UNKNOWN: (
        Phrase("Không có lịch lớp học này.", "There is no such booking."),
        _LOOK_AT_PLAN,
    ),
    Code.TIMES_REVERSED: (
        Phrase(
            "Giờ kết thúc phải sau giờ bắt đầu và chưa qua.", "The end must be after the beginning and not yet past."
        ),
        _OTHER_HOUR,
    ),
    Code.NOT_THE_LATEST: (
        Phrase(
            "Không hoàn tác được: tài liệu này đã có thao tác khác sau đó.",
            "It cannot be undone: something else has happened to the item since.",
        ),
        Phrase("Hãy ghi mượn hoặc ghi trả lại cho đúng.", "Check the item out or in again instead."),
    ),
    Code.UNKNOWN_ENTRY: (
        Phrase("Không có thao tác số {number} để hoàn tác.", "There is no act {number} that could be undone."),
        Phrase("Hãy kiểm tra lại số thao tác.", "Check the number."),
    ),
    Code.UNKNOWN_FEE: (
        Phrase("Không có khoản phí {number}.", "There is no fee {number}."),
        Phrase("Hãy xem lại danh sách phí của bạn đọc.", "Look at the reader's list of fees again."),
    ),
    Code.WRONG_AMOUNT: (
        Phrase("Số tiền phải từ 1 ₫ đến {amount}.", "The amount must be between 1 ₫ and {amount}."),
        Phrase("Hãy nhập lại số tiền.", "Enter the amount again."),
    ),
    Code.STILL_HAS_LOANS: (
        Phrase("Bạn đọc còn mượn {count} tài liệu.", "The reader still has {count} items."),
        Phrase("Hãy ghi trả trước khi xóa dữ liệu.", "Check them in before erasing the reader."),
    ),
    Code.STILL_OWES: (
        Phrase("Bạn đọc còn nợ {amount}.", "The reader still owes {amount}."),
        Phrase(
            "Hãy thanh toán hoặc miễn phí trước khi xóa dữ liệu.",
            "Settle or waive it before erasing the reader.",
        ),
    ),
    Code.CHIP_NOT_READ: (
        Phrase("Không đọc được chip.", "The chip could not be read."),
        Phrase("Đặt lại một cuốn riêng lên mặt đọc.", "Place this one alone on the pad again."),
    ),
    Code.CHIP_BLANK: (
        Phrase("Chip của cuốn này chưa được ghi số.", "The chip of this item has no number yet."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.CHIP_FOREIGN: (
        Phrase("Chip này không phải chip thư viện mà máy biết.", "This is no library chip that is known here."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.CHIP_DAMAGED: (
        Phrase("Chip của cuốn này bị lỗi.", "The chip of this item is damaged."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.LIFTED_TOO_SOON: (
        Phrase("Sách rời mặt đọc quá sớm.", "The item left the pad too soon."),
        Phrase("Mời đặt lại lên mặt đọc.", "Please put it back on the pad."),
    ),
    Code.CHIP_NOT_RELEASED: (
        Phrase(
            "Không bỏ kích hoạt an ninh được, nên chưa ghi mượn.", "Security could not be released, so it is not lent."
        ),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.CHIP_NOT_SECURED: (
        Phrase("Đã nhận, nhưng chưa kích hoạt lại an ninh được.", "Received, but security could not be set again."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.PUT_ASIDE_OTHER_LIBRARY: (
        Phrase("Tài liệu này của {library}.", "This item belongs to {library}."),
        _SIDE_SHELF,
    ),
    Code.PUT_ASIDE_HOLD: (
        Phrase("Tài liệu này có bạn đọc khác đặt mượn.", "Another reader is waiting for this item."),
        _SIDE_SHELF,
    ),
    Code.PUT_ASIDE_UNKNOWN: (
        Phrase("Đã nhận. Tài liệu này chưa có trong thư mục.", "Received. This item is not in the catalogue."),
        _SIDE_SHELF,
    ),
    Code.WAS_NOT_ON_LOAN: (
        Phrase("Đã nhận. Tài liệu này hiện không có ai mượn.", "Received. This item was not on loan."),
        NOTHING_TO_DO,
    ),
    Code.WAS_MARKED_LOST: (
        Phrase("Tài liệu từng báo mất nay đã tìm thấy.", "This item was marked as lost and is now found."),
        _GIVE_TO_LIBRARIAN,
    ),
    Code.RETURNED_LATE: (Phrase("Trả muộn {days} ngày.", "Returned {days} days late."), NOTHING_TO_DO),
    Code.FEE_CHARGED: (
        Phrase("Tiền phạt quá hạn: {amount}.", "Overdue fee: {amount}."),
        Phrase("Vui lòng thanh toán tại quầy thủ thư.", "Please pay at the librarian's desk."),
    ),
    Code.CARD_EXPIRES_SOON: (
        Phrase("Thẻ sẽ hết hạn ngày {date}.", "The card expires on {date}."),
        Phrase("Mời bạn gặp thủ thư để gia hạn thẻ.", "See a librarian to renew the card."),
    ),
    Code.CLOCK_DOUBTED: (
        Phrase("Đồng hồ của máy không đáng tin.", "The station's clock cannot be trusted."),
        Phrase("Nhân viên hãy kiểm tra ngày giờ của máy.", "Staff: check the station's date and time."),
    ),
    Code.ENDS_AT_CLOSING: (
        Phrase("Lượt này kết thúc lúc {time} vì phòng đóng cửa.", "This visit ends at {time}, when the room closes."),
        _SAVE_IN_TIME,
    ),
    Code.ENDS_BEFORE_OTHERS: (
        Phrase(
            "Lượt này kết thúc lúc {time} vì máy đã có người đặt.",
            "This visit ends at {time}, when the seat is kept for somebody else.",
        ),
        _SAVE_IN_TIME,
    ),
    Code.ENDS_WITH_QUOTA: (
        Phrase("Đến {time} là hết số phút hôm nay của bạn.", "At {time} your minutes of today are used up."),
        _SAVE_IN_TIME,
    ),
}


def money(amount: int) -> str:
    """An amount in đồng as people write it: ``15.000 ₫``, with a no-break space.

    Source: facts/vietnamese-and-screens.md, section 2.
    """
    return f"{amount:,}".replace(",", ".") + "\u00a0₫"


def hour(moment: datetime) -> str:
    """An instant as people read it off the library's clock: ``13:30``, in both languages."""
    return f"{moment.astimezone(LOCAL_ZONE):%H:%M}"


def day(value: date) -> str:
    """A day as people write it: ``05/03/2027``, in both languages."""
    return f"{value:%d/%m/%Y}"


@dataclass(frozen=True, slots=True)
class Block:
    """One reason, with the values its sentence needs. Equal blocks say the same."""

    code: Code
    values: tuple[tuple[str, str | Phrase], ...] = ()

    @property
    def reason(self) -> Phrase:
        """What is the matter, in one sentence for the reader."""
        return WORDS[self.code][0].fill(**dict(self.values))

    @property
    def next_step(self) -> Phrase:
        """What to do now, in one sentence."""
        return WORDS[self.code][1].fill(**dict(self.values))

    def say(self, lang: str) -> str:
        """Both sentences in one language."""
        return f"{self.reason.say(lang)} {self.next_step.say(lang)}"


def block(code: Code, **values: str | int | date | Phrase) -> Block:
    """A block or notice; an ``amount`` is written as money, an instant as its hour, a day as a date, others as is."""

    def written(name: str, value: str | int | date | Phrase) -> str | Phrase:
        if isinstance(value, Phrase | str):
            return value
        if isinstance(value, datetime):
            return hour(value)
        if isinstance(value, date):
            return day(value)
        return money(value) if name == "amount" else str(value)

    return Block(code, tuple((name, written(name, value)) for name, value in sorted(values.items())))


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer no: every block that applies, never none. A value, because a refusal is no accident."""

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("a refusal names at least one block")

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes alone, as an event carries them."""
        return tuple(b.code for b in self.blocks)
